"""Training on the datasets that `pipelines.preprocess` writes. `trainer.train(...)` is for use in other programs."""

import sys
from typing import TYPE_CHECKING, Any

if sys.argv[:1] == ["-m"]:  # Python is about to start a tool of this package, whose imports take a while
    from pipelines.process import interrupts

    interrupts.install()

if TYPE_CHECKING:
    from trainer.interface import train

__all__ = ["train"]


def __getattr__(name: str) -> Any:
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipelines.process.embedding import as_library

    with as_library():  # some libraries say things, or draw random numbers, while they are imported
        from trainer import interface
    return interface.train


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
