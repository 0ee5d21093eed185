"""The layers: what may import what, read from the source."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RULES = [
    # modules, what they must not import at their top, what they must not import at all
    ("pipelines/core", {"apache_beam", "tensorflow", "keras", "trainer"}, {"apache_beam", "trainer"}),
    ("pipelines", {"tensorflow", "keras", "trainer"}, {"trainer"}),
    ("trainer", {"apache_beam"}, {"apache_beam"}),
]
ENTRY_MODULES = ("preprocess", "label", "verify", "sample_data")


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path, top_only: bool) -> set[str]:
    """First parts and full names of what a file imports, leaving out what is imported for type checkers alone."""
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if top_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(child, ast.Import):
                names.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                names.add(child.module or "")
                names.update(f"{child.module}.{alias.name}" for alias in child.names)
            visit(child)

    visit(ast.parse(path.read_text()))
    return names | {name.split(".")[0] for name in names}


@pytest.mark.parametrize(("folder", "not_at_top", "nowhere"), RULES)
def test_layers(folder: str, not_at_top: set[str], nowhere: set[str]) -> None:
    for path in modules(folder):
        assert not imported(path, top_only=True) & not_at_top, path
        assert not imported(path, top_only=False) & nowhere, path


def test_tensorflow_is_in_one_module_of_the_core() -> None:
    users = [path.name for path in modules("pipelines/core") if "tensorflow" in imported(path, top_only=False)]
    assert users == ["example.py"]


def test_core_does_not_know_the_rest_of_pipelines() -> None:
    for path in modules("pipelines/core"):
        ours = {name for name in imported(path, top_only=False) if name.startswith("pipelines.")}
        assert all(name.startswith("pipelines.core") for name in ours), (path, ours)


@pytest.mark.parametrize("name", ENTRY_MODULES)
def test_entry_modules_define_nothing_that_beam_would_pickle_as_main(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / "pipelines" / f"{name}.py").read_text())):
        if isinstance(node, ast.ClassDef):
            assert not any(base in ast.unparse(node) for base in ("DoFn", "PTransform")), node.name


def test_what_a_decoder_process_and_a_help_text_load() -> None:
    """Start-up time: neither Beam nor TensorFlow where they aren't needed."""
    jobs = ("core.decode_child", "preprocess", "label", "verify", "sample_data")
    tools = ("task", "crossval", "compare", "import_model")
    for module in [*(f"pipelines.{name}" for name in jobs), *(f"trainer.{name}" for name in tools)]:
        unwanted = ["apache_beam", "tensorflow", "keras", "google.cloud.storage"]
        code = f"import sys, {module}; print([name for name in {unwanted} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        assert done.stdout.strip() == "[]", module


@pytest.mark.parametrize("name", ["pipelines.preprocess", "pipelines.label", "trainer.task"])
def test_the_version_is_told_at_once(name: str) -> None:
    """A container's health check asks for it every few minutes, beside the work."""
    code = (
        f"import runpy, sys; sys.argv = ['x', '--version']\ntry: runpy.run_module('{name}', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, [m for m in ('apache_beam', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    versions, end = done.stdout.splitlines()
    assert versions.startswith(f"har-pipelines {version('har-pipelines')} (Python 3.")
    assert f"apache-beam {version('apache-beam')}, tensorflow {version('tensorflow')}" in versions
    assert end == "0 []" and not done.stderr
