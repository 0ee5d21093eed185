"""Spares jobs in this process what Beam does anew for each: inspecting each method of each `DoFn`, many times."""

import sys
import types
from collections.abc import Callable

Signature = tuple[list[str], list[object]]


def remember_signatures() -> None:
    """Lets Beam, if it has been imported, inspect the methods of a class once in this process: that was a quarter of
    the time of a small job. What it finds depends on the function alone."""
    core = sys.modules.get("apache_beam.transforms.core")
    if core is None or hasattr(core.get_function_args_defaults, "remembered"):
        return
    inspect: Callable[[object], Signature] = core.get_function_args_defaults

    def remembered(function: object) -> Signature:
        if not isinstance(function, types.MethodType) or not isinstance(function.__func__, types.FunctionType):
            return inspect(function)
        key = function.__func__
        if key not in found:
            found[key] = inspect(function)
        names, defaults = found[key]
        return [*names], [*defaults]

    found: dict[types.FunctionType, Signature] = {}
    remembered.remembered = True  # type: ignore[attr-defined]
    vars(core)["get_function_args_defaults"] = remembered
