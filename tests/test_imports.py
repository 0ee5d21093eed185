"""The layers of the code: what may import what, read from the source."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest

from tests import ROOT

_BELOW = ("core", "process", "video", "files", "decoding", "annotations", "inputs", "cli", "reports")
FLOORS: dict[str, tuple[str, ...]] = {
    "core": (),
    "process": ("core",),
    "samples": ("core", "process", "files"),
    "video": ("core",),
    "files": ("core", "process"),
    "decoding": ("core", "process", "video"),
    "annotations": ("core", "files"),
    "inputs": ("core", "process", "files", "annotations"),
    "cli": ("core", "process", "files"),
    "reports": ("core", "process", "cli"),
    "fetching": ("core", "process", "files", "inputs", "cli", "reports"),
    "models": ("core", "process", "video", "files", "inputs"),
    "appearance": ("core", "process", "files"),
    "dataset": _BELOW,
    "labelling": (*_BELOW, "dataset"),
    "featurizing": (*_BELOW, "dataset", "appearance"),
    "evaluation": ("core", "process", "files", "annotations", "reports", "labelling"),
    "selection": ("core", "files", "annotations", "reports", "labelling"),
    "shift": (*_BELOW, "dataset", "labelling"),
    "transforms": (*_BELOW, "models", "dataset", "labelling", "featurizing"),
    "engines": ("core", "process", "files", "decoding", "cli", "reports", "models", "labelling", "transforms"),
    "diagnosis": (*_BELOW, "dataset", "engines"),
}
"""Rooms of `pipelines` and what else they may see of it. Tools see all."""
SEEN_BY_TRAINER = {
    *(
        "appearance",
        "core",
        "process",
        "files",
        "inputs",
        "cli",
        "reports",
        "dataset",
        "featurizing",
        "models",
        "video",
    ),
}
TRAINER_FLOORS = {
    "files": (),
    "networks": (),
    "data": ("config", "files", "setting_texts"),
    "evaluation": ("config", "data", "files"),
    "export": ("data", "evaluation", "files", "networks"),
    "tracking": ("config", "evaluation", "files"),
    "training": ("config", "data", "evaluation", "export", "files", "networks", "tracking"),
}
PRIVATE = ("pipelines.video.containers", "pipelines.video.skipping", "pipelines.video.timing")
"""Packages that only their parent knows."""
PURE = ("core", "video", "decoding", "inputs", "dataset", "reports", "fetching", "evaluation", "featurizing", "shift")
LIBRARIES = [
    # modules, what they must not import at their top, what they must not import at all
    *((f"pipelines/{room}", {"apache_beam", "tensorflow", "keras"}, {"apache_beam"}) for room in PURE),
    ("pipelines", {"tensorflow", "keras"}, set()),
    ("trainer", {"apache_beam"}, {"apache_beam"}),
]
TOOLS = (
    *("preprocess", "label", "select", "evaluate", "drift", "export", "corrections"),
    *("verify", "features", "sample_data", "download", "doctor"),
)
LONGEST_MODULE, MOST_FILES = 260, 20


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path) for folder in ("pipelines", "trainer") for path in sources(folder)}


def imported(path: Path, top_only: bool = False) -> set[str]:
    """Full names of the modules that a file imports, leaving out what is imported for type checkers alone if only what
    is imported at its top is asked for."""
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if top_only and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if top_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(child, ast.Import):
                names.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                full = [f"{child.module}.{alias.name}" for alias in child.names]
                names.update(name if name in MODULES else str(child.module) for name in full)
            visit(child)

    visit(ast.parse(path.read_text()))
    return names


def room_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_sees_what_lies_below_it(room: str) -> None:
    for path in sources(f"pipelines/{room}"):
        seen = {name for name in imported(path) if name.split(".")[0] in ("pipelines", "trainer")}
        assert {name.split(".")[0] for name in seen} <= {"pipelines"}, path
        assert {room_of(name) for name in seen} <= {room, *FLOORS[room]}, path


@pytest.mark.parametrize("room", TRAINER_FLOORS)
def test_a_room_of_the_trainer_sees_what_lies_below_it(room: str) -> None:
    for path in sources(f"trainer/{room}"):
        seen = {room_of(name) for name in imported(path) if name.startswith("trainer.")}
        assert seen <= {room, *TRAINER_FLOORS[room]}, path


def test_what_the_trainer_sees_of_the_pipelines() -> None:
    for path in sources("trainer"):
        assert {room_of(name) for name in imported(path) if name.startswith("pipelines.")} <= SEEN_BY_TRAINER, path


def test_rooms_are_there_and_have_no_circle() -> None:
    folders = {path.name for path in (ROOT / "pipelines").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(FLOORS)
    order = list(TopologicalSorter(FLOORS).static_order())
    assert order.index("core") == 0
    modules = {
        name_of(path): {name for name in imported(path, top_only=True) if name in MODULES}
        for folder in ("pipelines", "trainer")
        for path in sources(folder)
    }
    TopologicalSorter(modules).prepare()  # raises CycleError


def test_private_packages_are_seen_by_their_parent_alone() -> None:
    for folder in ("pipelines", "trainer", "benchmarks"):
        for path in sources(folder):
            for name in imported(path):
                for package in PRIVATE:
                    inside = name_of(path).startswith(package.rpartition(".")[0])
                    assert inside or not name.startswith(package), (path, name)


def test_no_module_takes_what_is_private_of_another() -> None:
    for folder in ("pipelines", "trainer"):
        for path in sources(folder):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in ("pipelines", "trainer"):
                    assert not [alias.name for alias in node.names if alias.name.startswith("_")], path


def test_folders_and_modules_are_small() -> None:
    for folder in ("pipelines", "trainer"):
        for place in [ROOT / folder, *(path.parent for path in (ROOT / folder).rglob("__init__.py"))]:
            found = [path for path in place.iterdir() if path.is_file()]
            assert len(found) <= MOST_FILES, place
        for path in sources(folder):
            assert path.read_text().count("\n") <= LONGEST_MODULE, path


def test_no_test_imports_another_test() -> None:
    for path in sources("tests"):
        tests = [name for name in imported(path) if name.startswith("tests.") and ".test_" in name]
        assert not tests, (path, tests)


@pytest.mark.parametrize(("folder", "not_at_top", "nowhere"), LIBRARIES)
def test_libraries(folder: str, not_at_top: set[str], nowhere: set[str]) -> None:
    for path in sources(folder):
        assert not {name.split(".")[0] for name in imported(path, top_only=True)} & not_at_top, path
        assert not {name.split(".")[0] for name in imported(path)} & nowhere, path


@pytest.mark.parametrize("name", TOOLS)
def test_entry_modules_define_nothing_that_beam_would_pickle_as_main(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / "pipelines" / f"{name}.py").read_text())):
        if isinstance(node, ast.ClassDef):
            assert not any(base in ast.unparse(node) for base in ("DoFn", "PTransform")), node.name


@pytest.mark.process
def test_what_a_decoder_process_and_a_help_text_load() -> None:
    """Start-up time: neither Beam nor TensorFlow where they aren't needed."""
    jobs = ("decoding.child_main", "har", *TOOLS)
    tools = ("task", "crossval", "compare", "import_model", "export")
    for module in [*(f"pipelines.{name}" for name in jobs), *(f"trainer.{name}" for name in tools)]:
        unwanted = ["apache_beam", "tensorflow", "keras", "google.cloud.storage"]
        code = f"import sys, {module}; print([name for name in {unwanted} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        assert done.stdout.strip() == "[]", module


@pytest.mark.process
def test_the_doctor_starts_without_any_package() -> None:
    code = (
        "import sys, pipelines.doctor; print([name for name in sys.modules if name in ('numpy', 'av', 'yaml', 'rich')])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["pipelines.preprocess", "pipelines.label", "trainer.task"])
@pytest.mark.process
def test_the_version_is_told_at_once(name: str) -> None:
    """A container's health check asks for it every few minutes, while jobs run."""
    code = (
        f"import runpy, sys; sys.argv = ['x', '--version']\ntry: runpy.run_module('{name}', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, [m for m in ('apache_beam', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    versions, end = done.stdout.splitlines()
    assert versions.startswith(f"har-pipelines {version('har-pipelines')} (Python 3.")
    assert f"apache-beam {version('apache-beam')}, tensorflow {version('tensorflow')}" in versions
    assert end == "0 []" and not done.stderr
