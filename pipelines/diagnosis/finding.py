"""What was found out about this machine or an input, and how to fix it if it is a problem."""

import importlib
from dataclasses import dataclass
from typing import Any

from pipelines.core.reasons import first_line

INSTALL_AGAIN = (
    "Install the packages again: scripts/setup in a checkout, elsewhere pip install --force-reinstall har-pipelines"
)


@dataclass(frozen=True)
class Finding:
    """One line of the page.

    Attributes:
        section: heading under which it is shown, such as `machine`.
        name: what was checked.
        value: what was found.
        problem: what is wrong; empty if nothing is.
        remedy: how to fix the problem.
    """

    section: str
    name: str
    value: str
    problem: str = ""
    remedy: str = ""


def load(module: str, section: str, name: str) -> Any:
    """A module, or the finding that it can't be imported, as one broken package must not hide all other findings.

    Args:
        module: full name of the module.
        section: section of the finding.
        name: name of the finding.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # native libraries of a wrong version raise all kinds of errors
        problem = f"{module} can't be imported ({type(error).__name__}: {first_line(error)})"
        return Finding(section, name, "not usable", problem, INSTALL_AGAIN)


def split_remedy(message: str) -> tuple[str, str]:
    """The problem and the remedy of a message that has both: `no such bucket. Make it first`."""
    problem, _, remedy = message.partition(". ")
    return problem, remedy
