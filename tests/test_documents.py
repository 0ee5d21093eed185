"""README and all other pages: code blocks work as they are written, links and commands are right."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests import ROOT
from tests.support.document_runs import GIVEN, HELD, prepare, run_blocks
from tests.support.documents import (
    CANNOT_RUN,
    KNOWN,
    RUN,
    Block,
    documents,
    given,
    name_of,
    needs,
    read_blocks,
    tool_calls,
    unknown_flags,
)  # fmt: skip

_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.M | re.S)
_LINK = re.compile(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)=\"([^\"]+)\"")


def links(text: str) -> list[str]:
    """Targets of all links and pictures that lead to files, in order; those to the web are left out."""
    found = [first or second for first, second in _LINK.findall(_CODE.sub("", text))]
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """The anchors of all headings, as GitHub and MkDocs make them."""
    headings = re.findall(
        r"^#{1,6} +(.*?)(?: *\{#([\w-]+)\})? *$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S), re.M
    )
    made: list[str] = []
    for heading, own in headings:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        anchor = own or re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain).strip())
        again = made.count(anchor)
        made.append(anchor)
        if again:
            made.append(f"{anchor}-{again}")
    return {*made}


DOCUMENTS = documents()
BLOCKS = [block for document in DOCUMENTS for block in read_blocks(document)]
PROGRAMS = [
    document
    for document in DOCUMENTS
    if document.name != "notebook.md"  # which tests/test_notebook.py runs as a notebook
    and any(block.language in RUN and not block.not_run and not block.file for block in read_blocks(document))
]
COMMAND = re.compile(r"^(har|python -m|scripts/|pip|docker|kubectl|gcloud|apt|source|\$) ?", re.M)


@pytest.mark.parametrize("document", PROGRAMS, ids=name_of)
@pytest.mark.process
@pytest.mark.training
def test_the_code_blocks_run_in_order(document: Path, tmp_path: Path) -> None:
    prepare(tmp_path, given(document))
    run_blocks(read_blocks(document), tmp_path)


def test_no_block_is_overlooked() -> None:
    assert {block.language for block in BLOCKS} <= KNOWN
    for block in BLOCKS:
        assert block.language in RUN or block.file or not COMMAND.search(block.text), f"{block.place} has commands"
        assert not block.not_run or block.language in RUN, f"{block.place} isn't run anyway"
    for document in DOCUMENTS:
        text = document.read_text()
        assert len(re.findall(r"^ *```\S", text, re.M)) == sum(bool(b.language) for b in read_blocks(document)), (
            document
        )
        assert len(re.findall(r"<!-- (?:not run|file):", text)) == sum(
            bool(b.not_run or b.file) for b in read_blocks(document)
        ), f"{document}: a comment isn't on the line before a block"
        assert not set(given(document)) - GIVEN.keys(), f"{document}: nothing makes what is given"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.not_run], ids=lambda block: block.place)
def test_only_what_cannot_run_is_not_run(block: Block) -> None:
    assert len(block.not_run.split()) > 1
    could = [command for command, need in zip(block.commands, needs(block), strict=False) if not need]
    assert not could, f"{block.place}: this could be run, in a block of its own, or needs a line in {[*CANNOT_RUN]}"


WRITTEN = "<!-- file: a.txt -->\n```text\na\n```\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```bash\nhar verify nowhere\n```\n", "ended with 2"),
        ("```bash\ncat nowhere | head\n```\n", "No such file"),
        (WRITTEN + "```python\nassert open('a.txt').read() == 'b'\n```\n", "AssertionError"),
        (WRITTEN + "```python\nx = open('a.txt').read()\n```\n```python\n1 / (x == 'b')\n```\n", "division"),
        ("<!-- not run: needs a bucket -->\n```bash\nhar verify nowhere\n```\n", ""),
    ],
)
@pytest.mark.process
def test_a_block_that_fails_is_noticed(text: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(text)
    blocks = read_blocks(tmp_path / "page.md")
    if not error:
        assert run_blocks(blocks, tmp_path) == [""]
        assert needs(blocks[0]) == [""]
        return
    with pytest.raises((AssertionError, ZeroDivisionError)) as raised:
        run_blocks(blocks, tmp_path)
    assert error in str(raised.getrepr())


def test_trainings_that_are_not_repeated_are_those_of_a_test() -> None:
    lines = [line for block in BLOCKS if block.language == "bash" and not block.not_run for line in block.commands]
    for pattern, test in HELD.items():
        file, _, name = test.partition("::")
        assert len([line for line in lines if re.search(pattern, line)]) == 1, pattern
        assert f"def {name}(" in (ROOT / file).read_text(), test


def test_what_a_block_needs() -> None:
    def needed(language: str, text: str) -> list[str]:
        return needs(Block("page.md:1", language, text, not_run="a reason"))

    assert needed("python", "import os\nfrom nowhere.land import x\n") == [
        "nowhere, which isn't installed for the tests"
    ]
    assert needed("python", "import os, json\n") == [""]
    lines = "har label --input gs://b/v --output l\nhar compare l\nhar verify small\n"
    assert needed("bash", lines) == ["a bucket", "l of the command before", ""]


def test_a_manifest_brings_its_videos(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("<!-- file: a/b.csv -->\n```csv\npath,label\nc/1.mp4,Run\n```\n")
    run_blocks(read_blocks(tmp_path / "page.md"), tmp_path)
    assert (tmp_path / "a/b.csv").read_text() == "path,label\nc/1.mp4,Run\n"
    assert (tmp_path / "a/c/1.mp4").stat().st_size > 1000


def test_links_and_anchors() -> None:
    text = (
        "# A `b` c\n[x](y.md#z) ![](p.png) [w](https://w) `[no](no.md)`\n```text\n[no](no.md)\n# no\n```\n## A-b, c?\n"
    )
    assert (links(text), anchors(text)) == (["y.md#z", "p.png"], {"a-b-c", "a-b-c-1"})


def test_the_picture_is_small_and_moves() -> None:
    picture = ROOT / "docs/labels.webp"
    assert links((ROOT / "README.md").read_text())[0] == "docs/labels.webp"
    assert picture.stat().st_size < 400_000
    with Image.open(picture) as image:
        assert image.n_frames > 20  # type: ignore[attr-defined]


def calls() -> Iterator[tuple[str, str, list[str]]]:
    """Every command of this project in blocks and in backticks, with the place where it stands."""
    for block in BLOCKS:
        if block.language == "bash":
            for line in block.commands:
                yield from ((block.place, *call) for call in tool_calls(line))
    for line in (ROOT / "scripts/demo").read_text().replace("\\\n", " ").replace("$python", "python").splitlines():
        yield from (("scripts/demo", *call) for call in tool_calls(line))
    for document in (document for document in DOCUMENTS if document.name != "errors.md"):  # which has misspelt ones
        text = re.sub(r"^ *```.*?^ *```$", "", document.read_text(), flags=re.M | re.S)
        for span in re.findall(r"`([^`]+)`", text):
            if span.startswith(("har ", "python -m ")):
                yield from ((name_of(document), *call) for call in tool_calls(span.replace("\n", " ")))


def test_every_flag_exists() -> None:
    found = [*calls()]
    assert len(found) > 60
    wrong = [(place, module, flags) for place, module, words in found if (flags := unknown_flags(module, words))]
    assert not wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for target in links(document.read_text()):
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        assert there.exists(), f"{name_of(document)}: {target}"
        assert there.is_relative_to(ROOT), f"{name_of(document)}: {target} leads out of the repository"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there.read_text()), f"{name_of(document)}: {target}"
