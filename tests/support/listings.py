"""Trees and lists to label."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    return root


def write_list(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding, "surrogateescape"))
    return path


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Becomes another user if the tests run as root, who may read everything."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """Unreadable things in a readable folder."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        write_list(root / "list", "a.mp4").chmod(0)
        write_list(root / "m.csv", "path\na.mp4").chmod(0)
        touch(root / "folder" / "closed", "a.mp4")
        (root / "folder" / "closed").chmod(0)
        yield root
        (root / "folder" / "closed").chmod(0o755)
