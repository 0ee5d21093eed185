"""Libraries are imported without their optional parts, and those parts when somebody needs them."""

import gc
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pipelines.process.embedding import as_library
from pipelines.process.lean_imports import import_lean

GUARDED = "try:\n    from lean_extra import part\nexcept ImportError:\n    part = None\n"
NEEDING = "import lean_extra.part as part\n"


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A library in two versions, one of which needs what was optional, and the package that it uses."""
    (tmp_path / "lean_extra").mkdir()
    for name, text in {
        "lean_extra/__init__.py": "",
        "lean_extra/part.py": "",
        "lean_library.py": f"import gc\ncollects = gc.isenabled()\n{GUARDED}",
        "lean_newer.py": NEEDING,
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    finders = sys.meta_path[:]
    yield tmp_path
    assert sys.meta_path == finders
    for name in [name for name in sys.modules if name.startswith("lean_")]:
        del sys.modules[name]


def test_an_optional_part_is_left_out_and_can_be_imported_later() -> None:
    import_lean(["lean_library"], without=["lean_extra"])
    library = sys.modules["lean_library"]
    assert (library.part, library.collects, gc.isenabled()) == (None, False, True)
    assert import_module("lean_extra.part").__name__ == "lean_extra.part"


def test_names_that_begin_alike_are_others() -> None:
    import_lean(["lean_library"], without=["lean_ext"])
    assert sys.modules["lean_library"].part is not None


def test_what_a_newer_version_needs_is_imported() -> None:
    import_lean(["lean_newer"], without=["lean_extra"])
    assert sys.modules["lean_newer"].part is sys.modules["lean_extra.part"]


def test_another_program_gets_everything() -> None:
    with as_library():
        import_lean(["lean_library"], without=["lean_extra"])
    assert sys.modules["lean_library"].part is not None


def test_other_threads_find_everything_meanwhile(packages: Path) -> None:
    (packages / "lean_slow.py").write_text(
        "import builtins\nbuiltins.lean_begun.set()\nassert builtins.lean_done.wait(20)\n" + GUARDED
    )
    import builtins

    builtins.lean_begun, builtins.lean_done = threading.Event(), threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=import_lean, args=(["lean_slow"], ["lean_extra"]))
    thread.start()
    try:
        assert builtins.lean_begun.wait(20)  # type: ignore[attr-defined]
        import_module("lean_extra.part")
        del sys.modules["lean_extra.part"], sys.modules["lean_extra"]
    finally:
        builtins.lean_done.set()  # type: ignore[attr-defined]
        thread.join()
    assert sys.modules["lean_slow"].part is None
