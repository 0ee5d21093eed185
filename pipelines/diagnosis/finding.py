"""What was found out about this machine or about some input, and what to do where it is a problem."""

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
        section: heading below which it stands, such as `machine`.
        name: what was looked at.
        value: what was found.
        problem: what is wrong with it; empty where nothing is.
        remedy: what to do about the problem.
    """

    section: str
    name: str
    value: str
    problem: str = ""
    remedy: str = ""


def load(module: str, section: str, name: str) -> Any:
    """A module, or the finding that it can't be imported: one broken package must not hide what else there is to tell.

    Args:
        module: its full name.
        section: of the finding.
        name: of the finding.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # native libraries of another version raise all kinds
        problem = f"{module} can't be imported ({type(error).__name__}: {first_line(error)})"
        return Finding(section, name, "not usable", problem, INSTALL_AGAIN)


def split_remedy(message: str) -> tuple[str, str]:
    """The problem and the remedy of a message that has both: `no such bucket. Make it first`."""
    problem, _, remedy = message.partition(". ")
    return problem, remedy
