"""What MkDocs does while it builds the documentation: see `hooks` in mkdocs.yml.

Pages link to files outside `docs/` as they lie on the disk, such as `../../configs/dataflow.yaml`: each becomes a page
below `repository/`. `<!-- made by: flags -->` stands for text that is made from the code. A page that would load
anything from a network fails the build.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

import docs_flags
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).resolve().parent.parent
DOCS, OUTSIDE = "docs", "repository"
LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
MADE = re.compile(r"^<!-- made by: (\w+) -->$", re.M)
MAKERS = {"flags": docs_flags.flags, "settings": docs_flags.settings}
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b[^>]*\bhref=[\"']?((?:https?:)?//[^\"'\s>]+)|(?:url\(|@import )[\"']?((?:https?:)?//[^\"')]+)"
)
"""Whatever a browser fetches when it shows a page; a link that a reader may follow is something else."""


def on_files(files: Files, config: Any) -> Files:
    """Adds a page for each file outside `docs/` that a page links to, and for those that these link to."""
    known: set[str] = set()
    waiting = [f"{DOCS}/{file.src_uri}" for file in files.documentation_pages()]
    while waiting:
        for path in sorted(linked(waiting.pop()) - known):
            known.add(path)
            if path.endswith(".md"):
                waiting.append(path)
            uri = page_of(path)
            files.append(File.generated(config, uri, content=page(path), inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def linked(path: str) -> set[str]:
    """The files outside `docs/` that a Markdown file of the repository links to."""
    text = FENCE.sub("", (ROOT / path).read_text())
    targets = {posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2])) for match in LINK.finditer(text)}
    return {target for target in targets if not target.startswith(f"{DOCS}/") and (ROOT / target).is_file()}


def page_of(path: str) -> str:
    """The page of a file of the repository, relative to `docs/`."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    return f"{OUTSIDE}/{path}" if path.endswith(".md") else f"{OUTSIDE}/{path}.md"


def page(path: str) -> str:
    """The Markdown of a file: its own, or the file as a block of code."""
    text = (ROOT / path).read_text()
    if path.endswith(".md"):
        return text
    language = {"yaml": "yaml", "py": "python"}.get(path.rpartition(".")[2], "text")
    return f"# {path}\n\n```{language}\n{text.rstrip()}\n```\n"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Makes links to files into links to their pages, and puts in what is made from the code."""
    uri = page.file.src_uri
    here = uri.removeprefix(f"{OUTSIDE}/") if uri.startswith(f"{OUTSIDE}/") else f"{DOCS}/{uri}"

    def to_page(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), match[2]))
        if not (ROOT / path).is_file():
            return match[0]  # MkDocs says that the link is dead
        return f"{match[1]}{posixpath.relpath(page_of(path), posixpath.dirname(uri) or '.')}{match[3]}"

    blocks: list[str] = []

    def keep(match: re.Match[str]) -> str:
        blocks.append(match[0])
        return f"\x00{len(blocks) - 1}\x00"

    text = LINK.sub(to_page, FENCE.sub(keep, markdown))
    text = re.sub("\x00(\\d+)\x00", lambda match: blocks[int(match[1])], text)
    return MADE.sub(lambda match: MAKERS[match[1]](), text)


def on_post_build(config: Any) -> None:
    """Fails if a page would load something from a network.

    Raises:
        PluginError: one would; the message names the page and the address.
    """
    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in (".html", ".css") and (found := LOADED.search(path.read_text())):
            address = found[1] or found[2] or found[3]
            raise PluginError(f"{path.relative_to(config.site_dir)} would load {address} from the network")
