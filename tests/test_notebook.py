"""The notebook: stored as a newcomer should find it, without logic of its own, and running from top to bottom."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

import pipelines
import trainer
from tests import ROOT

NOTEBOOK = ROOT / "notebooks" / "activity_recognition.ipynb"
SMALL = 'folder, groups, num_frames, size, epochs = "made", 4, 4, 32, 1'
BADGE = r"https://colab\.[\w./-]+badge\.svg"
"""A picture that pages of the documentation have a copy of: they load nothing from a network."""
SWITCH = "load-code"
"""The cell with the one choice of the notebook."""
ALLOWED = (
    *(ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.Expr, ast.Assign, ast.Name, ast.Load, ast.Store),
    *(ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.Starred),
    *(ast.JoinedStr, ast.FormattedValue),
)
_SHELL = re.compile(r"^[!%].*$", re.MULTILINE)


@pytest.fixture(scope="module")
def notebook() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def code_of(notebook: NotebookNode) -> dict[str, str]:
    return {cell.id: _SHELL.sub("", cell.source) for cell in notebook.cells if cell.cell_type == "code"}


def test_it_is_stored_without_outputs(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), cell.id
    assert NOTEBOOK.read_text() == nbformat.writes(notebook, indent=1) + "\n"


def test_it_holds_no_logic(notebook: NotebookNode) -> None:
    for name, source in code_of(notebook).items():
        parsed = ast.parse(source)
        body = [part for part in parsed.body if not (name == SWITCH and isinstance(part, ast.If))]
        assert len(parsed.body) - len(body) == (name == SWITCH), name
        switched = [part for part in parsed.body if part not in body and isinstance(part, ast.If)]
        parts = [*body, *(part for choice in switched for part in (*choice.body, *choice.orelse))]
        for part in parts:
            for node in ast.walk(part):
                assert isinstance(node, ALLOWED), f"{name}: {ast.unparse(node)}"


def test_it_calls_public_names_alone(notebook: NotebookNode) -> None:
    public, called = {"pipelines": pipelines.__all__, "trainer": trainer.__all__}, set()
    for source in code_of(notebook).values():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in public:
                assert node.attr in public[node.value.id]
                called.add(node.attr)
    wanted = "sample_data download read_clip ClipSpec preprocess open_dataset train load_model compare label play"
    assert called == set(wanted.split())


def test_addresses_are_those_of_the_project(notebook: NotebookNode) -> None:
    """The badge and the install line name the repository that setup.py names, and the file that exists."""
    (url,) = re.findall(r'^    url="(.*)",$', (ROOT / "setup.py").read_text(), re.MULTILINE)
    name = url.removeprefix("https://github.com/")
    badge = f"https://colab.research.google.com/github/{name}/blob/main/{NOTEBOOK.relative_to(ROOT)}"
    assert notebook.cells[0].source.count(f"]({badge})") == 1
    install = next(cell.source for cell in notebook.cells if cell.id == "install-code")
    assert f'package = "har-pipelines[beam,train] @ git+{url}"' in install
    assert '-m pip install --quiet "{package}"' in install
    for page in ("README.md", "docs/notebook.md"):
        text = (ROOT / page).read_text()
        assert badge in text and not set(re.findall(r"github\.com/(OWNER/[\w-]+)", text)) - {name}, page


def test_the_rendered_copy_is_of_this_notebook(notebook: NotebookNode) -> None:
    """If it isn't, run `scripts/render_notebook.py`."""
    page = (ROOT / "docs" / "notebook.md").read_text()
    for cell in notebook.cells:
        assert re.sub(BADGE, "assets/open-in-colab.svg", cell.source) in page, cell.id
    pictures = re.findall(r"\((notebook/[^)]+)\)", page)
    folder = ROOT / "docs" / "notebook"
    assert {ROOT / "docs" / name for name in pictures} == set(folder.iterdir())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000


@pytest.mark.training
@pytest.mark.process
def test_it_runs_from_top_to_bottom(notebook: NotebookNode, tmp_path: Path) -> None:
    place = [cell.metadata.get("tags") for cell in notebook.cells].index(["parameters"])
    notebook = nbformat.from_dict(notebook)
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(SMALL, id="injected"))
    NotebookClient(notebook, timeout=280, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    shown, said = {}, {}
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        shown[cell.id] = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
        said[cell.id] = "".join(output.text for output in outputs if output.output_type == "stream")
        assert not [output for output in outputs if output.get("name") == "stderr"], (cell.id, outputs)
    assert "<table>" in shown["load-code"][0]
    assert ["image/webp" in html for html in shown["look-code"] + shown["dataset-code"]] == [True] * 5
    assert "train" in shown["preprocess-code"][0] and "<table" in shown["preprocess-code"][0]
    for name in ("preview-code", "convlstm-code", "lrcn-code", "compare-code", "label-code"):
        assert "<iframe srcdoc=" in shown[name][0], name
    assert "convlstm: epoch 1/1" in said["convlstm-code"]
    assert "data:video/webm" in shown["play-code"][0] and "<track" in shown["play-code"][0]
