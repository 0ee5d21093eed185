"""Training on the datasets that `pipelines.preprocess` writes.

The names in `__all__` are for use in other programs. Each is imported when it is first used.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.argv[:1] == ["-m"]:  # Python is about to start a tool of this package, whose imports take a while
    from pipelines.process import interrupts

    interrupts.install()

if TYPE_CHECKING:
    from trainer.evaluation.compared_runs import Comparison
    from trainer.evaluation.results import Metrics
    from trainer.interface import compare, train

_PLACES = {
    "Comparison": "evaluation.compared_runs",
    "Metrics": "evaluation.results",
    "compare": "",
    "train": "interface",
}
"""Public name to the module below this package that defines it; empty where the name is that of a tool's module."""

__all__ = ["Comparison", "Metrics", "compare", "train"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipelines.process.embedding import as_library

    with as_library():  # some libraries say things, or draw random numbers, while they are imported
        module = import_module(f"{__name__}.{_PLACES[name] or name}")
    value = getattr(module, name) if _PLACES[name] else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
