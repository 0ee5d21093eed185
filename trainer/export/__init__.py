"""Model folders, and other forms of the models in them. `python -m trainer.export` is the tool (`__main__`)."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("make_parser", "run"):  # those of the tool, which has the name of this package
        return getattr(import_module(f"{__name__}.__main__"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
