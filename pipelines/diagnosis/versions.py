"""Compares installed versions with those that the package requires and those that its tests ran with."""

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.versions import OF_DOCTOR, installed
from pipelines.diagnosis.finding import INSTALL_AGAIN, Finding, load
from pipelines.reports.text import plural, some

if TYPE_CHECKING:
    from packaging.requirements import Requirement

SECTION = "versions"
_PACKAGE = "har-pipelines"
CHECKOUT = Path(__file__).parents[2]


def check_versions(checkout: Path = CHECKOUT) -> Iterator[Finding]:
    """Looks up the metadata of installed packages. None is imported.

    Args:
        checkout: folder whose lock files the versions are compared with, if it has any.
    """
    try:
        package = distribution(_PACKAGE)
    except PackageNotFoundError:
        yield Finding(
            SECTION, _PACKAGE, "not installed", "its requirements are unknown and may be missing",
            "Run scripts/setup in a checkout, or pip install . there",
        )  # fmt: skip
        return
    yield Finding(SECTION, _PACKAGE, package.version)
    packaging = load("packaging.requirements", SECTION, "packaging")
    if isinstance(packaging, Finding):
        yield packaging
        return
    yield check_python(package.metadata["Requires-Python"] or "", platform.python_version())
    found = installed(OF_DOCTOR)
    yield Finding(SECTION, "packages", ", ".join(f"{name} {number}" for name, number in found.items()))
    yield check_required(package.requires or [])
    locks = sorted(checkout.glob("requirements*.lock"))
    if locks:
        yield check_locks({path.name: path.read_text() for path in locks})


def check_python(specifier: str, running: str) -> Finding:
    """Whether the package supports this version of Python."""
    from packaging.specifiers import SpecifierSet

    value = f"{running}, needed {specifier or 'any'}"
    if SpecifierSet(specifier).contains(running):
        return Finding(SECTION, "Python", value)
    remedy = "Make the environment with a supported version, for example PYTHON=python3.12 scripts/setup"
    return Finding(SECTION, "Python", value, f"Python {running} is not supported", remedy)


def check_required(lines: list[str]) -> Finding:
    """Whether the package's requirements are installed, in suitable versions.

    Args:
        lines: requirements as in the package's metadata; those of extras don't count.
    """
    from packaging.requirements import Requirement

    wanted = [item for item in map(Requirement, lines) if _applies(item)]
    wrong = []
    for item in wanted:
        found = installed((item.name,)).get(item.name)
        if found is None:
            wrong.append(f"{item.name} is missing")
        elif not item.specifier.contains(found, prereleases=True):
            wrong.append(f"{item.name} {found} is not {item.specifier}")
    value = f"{plural(len(wanted), 'requirement')}, {len(wanted) - len(wrong)} fulfilled"
    return Finding(SECTION, "required", value, "; ".join(wrong), INSTALL_AGAIN if wrong else "")


def check_locks(locks: Mapping[str, str]) -> Finding:
    """Compares the installed packages with the lock that they match best.

    Packages that aren't installed don't count: development tools may be missing, and requirements are checked by
    `check_required`.

    Args:
        locks: text of each lock file, by name.
    """
    found = {name: differences(text) for name, text in locks.items()}
    best = min(found, key=lambda name: (len(found[name][0]), name))
    wrong, same = found[best]
    value = f"{best}: {plural(same, 'package')} as locked"
    if not wrong:
        return Finding(SECTION, "lock", value)
    newest = " newest" if "newest" in best else ""
    problem = f"{plural(len(wrong), 'package differs', 'packages differ')} from the versions tested: {some(wrong)}"
    remedy = f"scripts/setup{newest} makes an environment with exactly these versions"
    return Finding(SECTION, "lock", value, problem, remedy)


def differences(lock: str) -> tuple[list[str], int]:
    """Installed packages whose versions differ from a lock, in words, and the number of packages that match it.

    Args:
        lock: the text of a requirements file with hashes.
    """
    from packaging.requirements import Requirement
    from packaging.version import Version

    wrong, same = [], 0
    for line in lock.splitlines():
        if not line.strip() or line.startswith((" ", "#", "-")):
            continue
        item = Requirement(line.partition(" --hash")[0].rstrip("\\ "))
        found = installed((item.name,)).get(item.name)
        if found is None or not _applies(item):
            continue
        pinned = str(item.specifier).removeprefix("==")
        if Version(found) == Version(pinned):
            same += 1
        else:
            wrong.append(f"{item.name} {found} (locked: {pinned})")
    return wrong, same


def _applies(item: "Requirement") -> bool:
    return item.marker is None or item.marker.evaluate({"extra": ""})
