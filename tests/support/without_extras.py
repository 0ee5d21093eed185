"""A Python that seems to have only what `pip install .` brings: everything else is installed but hidden."""

import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder, PackageNotFoundError, packages_distributions, requires
from typing import Any

from packaging.requirements import Requirement

from tests import ROOT

_GOOGLE = ("google.protobuf", "google._upb")
"""Our own part of a namespace that many packages share."""


def run_without_extras(code: str) -> "subprocess.CompletedProcess[str]":
    """Runs Python code in a process that can't import what the extras bring."""
    before = "from tests.support.without_extras import hide; hide()\n"
    return subprocess.run([sys.executable, "-c", before + code], capture_output=True, text=True, cwd=ROOT)


def hide() -> None:
    """From here on, this process can import only the project's dependencies without extras, and their dependencies."""
    allowed = _with_dependencies("har-pipelines")
    modules = packages_distributions()
    hidden = {name for name, packages in modules.items() if not allowed & set(map(_normal, packages))}

    def is_hidden(name: str) -> bool:
        top, _, below = name.partition(".")
        return not name.startswith(_GOOGLE) if top == "google" and below else top in hidden

    class OnlyAllowed(PathFinder):
        @classmethod
        def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
            return None if is_hidden(fullname) else super().find_spec(fullname, path, target)

        @classmethod
        def find_distributions(cls, context: Any = None) -> Iterable[Distribution]:
            found = super().find_distributions(context or DistributionFinder.Context())
            return [item for item in found if _normal(item.name) in allowed]

    sys.meta_path[sys.meta_path.index(PathFinder)] = OnlyAllowed
    for name in [name for name in sys.modules if is_hidden(name)]:
        del sys.modules[name]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _with_dependencies(name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = _normal(waiting.pop())
        if one in found:
            continue
        found.add(one)
        try:
            asked = [Requirement(text) for text in requires(one) or ()]
        except PackageNotFoundError:  # only needed on other systems
            continue
        waiting += [item.name for item in asked if item.marker is None or item.marker.evaluate({"extra": ""})]
    return found
