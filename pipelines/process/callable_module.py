"""Callable modules: a tool and the function of the same name share a name in the package."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pipelines.process.embedding import as_library


class _Callable(ModuleType):
    def __call__(self, *arguments: Any, **named: Any) -> Any:
        with as_library():
            function = self.__dict__["_function"]()
        return function(*arguments, **named)


def make_callable(name: str, function: Callable[[], Callable[..., Any]]) -> None:
    """Makes a module callable.

    Args:
        name: `__name__` of the module.
        function: returns the function to call; it is called late, since importing that function may take a while.
    """
    module = sys.modules[name]
    module.__dict__["_function"] = function
    module.__class__ = _Callable
