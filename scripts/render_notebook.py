"""Runs the notebook on its defaults and writes `docs/notebook.md` with pictures: `python scripts/render_notebook.py`.

Run it by hand after changing the notebook or what it shows; it takes some minutes. It needs the extra `dev` and
Chromium, which takes the pictures of pages: `--chromium PATH` names it. `--folder DIR` keeps what the notebook makes,
so that the next run only draws, if no code was changed.
"""

import argparse
import base64
import html
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import nbformat
import numpy as np
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "activity_recognition.ipynb"
PAGE, PICTURES = ROOT / "docs" / "notebook.md", ROOT / "docs" / "notebook"
NOTE = (
    "> This is the notebook [notebooks/activity_recognition.ipynb](../notebooks/activity_recognition.ipynb) after a "
    "run on its defaults. Where a page is shown, the picture shows its beginning."
)
WIDTH_PX, HEIGHT_PX = 960, 1800
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
OUR_BADGE = "assets/open-in-colab.svg"
MOST_LINES = 14
QUALITY = 70
_PICTURE = re.compile(r'src="data:image/(webp|jpeg);base64,([^"]*)" alt="([^"]*)"')


@dataclass(frozen=True)
class Renderer:
    """Turns outputs into Markdown, and writes their pictures.

    Attributes:
        chromium: the browser.
        folder: for temporary files.
    """

    chromium: str
    folder: Path

    def cell(self, cell: NotebookNode) -> str:
        """A cell with its outputs."""
        if cell.cell_type != "code":
            return cell.source.replace(BADGE, OUR_BADGE)  # pages load nothing from a network
        said = "".join(output.text for output in cell.outputs if output.output_type == "stream")
        shown = [output for output in cell.outputs if output.output_type != "stream"]
        name = cell.id.removesuffix("-code")
        parts = [f"```python\n{cell.source}\n```", _text(said)]
        parts += [self.output(output, f"{name}-{number}") for number, output in enumerate(shown, 1)]
        return "\n\n".join(filter(None, parts))

    def output(self, output: NotebookNode, name: str) -> str:
        """One output: text as text, tables as they are, clips as the pictures that they are, pages as screenshots."""
        content = output.data.get("text/html")
        if content is None:
            return _text(output.data["text/plain"])
        if page := re.search(r'<iframe srcdoc="([^"]*)"', content):
            return self.screenshot(html.unescape(page[1]), name, "The page in the notebook")
        if "<video" in content:
            return self.screenshot(f'<body style="font: 15px sans-serif">{content}', name, "The video with its labels")
        if "<figure" in content:
            return _clip(content, name)
        return re.sub(r' (class|role|tabindex|aria-label|scope)="[^"]*"', "", content)

    def screenshot(self, page: str, name: str, alt: str) -> str:
        """A picture of a page, without the empty part at its end."""
        source, png = self.folder / "page.html", self.folder / "page.png"
        source.write_text(page)
        subprocess.run(
            [
                *(self.chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--window-size={WIDTH_PX},{HEIGHT_PX}", "--virtual-time-budget=2000"),
                *("--autoplay-policy=no-user-gesture-required", f"--screenshot={png}", source.as_uri()),
            ],
            check=True,
            capture_output=True,
        )
        picture = cv2.imread(str(png))
        assert picture is not None
        drawn = np.flatnonzero((picture != picture[-1, 0]).any(axis=(1, 2)))
        picture = picture[: min(drawn[-1] + 24, len(picture))]
        cv2.imwrite(str(PICTURES / f"{name}.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        return f"![{alt}](notebook/{name}.webp)"


def _clip(content: str, name: str) -> str:
    """A clip: its moving picture and its film strip, above its caption."""
    written = []
    for kind, data, alt in _PICTURE.findall(content):
        file = f"{name}.{'webp' if kind == 'webp' else 'jpg'}"
        (PICTURES / file).write_bytes(base64.b64decode(data))
        written.append(f"![{html.unescape(alt)}](notebook/{file})")
    caption = re.search(r"<figcaption>(.*)</figcaption>", content)
    assert written and caption, name
    return f"{' '.join(written)}\n\n{caption[1]}"


def _text(text: str) -> str:
    lines = text.rstrip().splitlines()
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], f"... {len(lines) - 2 * half} more lines ...", *lines[-half:]]
    return "\n".join(["```text", *lines, "```"]) if lines else ""


def executed(folder: Path) -> NotebookNode:
    """The notebook with the outputs of a run in a folder; of an earlier run, if its code was the same.

    Outputs name paths relative to the folder: where it was is nobody's business.
    """
    notebook, kept = nbformat.read(NOTEBOOK, as_version=4), folder / "executed.ipynb"
    if kept.exists():
        outputs = {(cell.id, cell.source): cell.get("outputs") for cell in nbformat.read(kept, as_version=4).cells}
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        if all((cell.id, cell.source) in outputs for cell in code):
            for cell in code:
                cell.outputs = outputs[cell.id, cell.source]
            return notebook
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    text = nbformat.writes(notebook).replace(f"{folder}/", "")
    kept.write_text(text)
    return nbformat.reads(text, as_version=4)


def main() -> None:
    """Runs and renders the notebook."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default="chromium", help="the browser (default: chromium)")
    parser.add_argument("--folder", help="keep what the notebook makes in this folder (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        notebook = executed(folder)
        shutil.rmtree(PICTURES, ignore_errors=True)
        PICTURES.mkdir()
        renderer = Renderer(options.chromium, Path(temporary))
        first, *cells = map(renderer.cell, notebook.cells)
    PAGE.write_text("\n\n".join([first, NOTE, *cells]) + "\n")


if __name__ == "__main__":
    main()
