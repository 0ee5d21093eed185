"""The command that makes a dataset again, from the settings that its description records."""

import os
import shlex
from collections.abc import Iterator
from typing import Any

from pipelines.cli.flags import flag_of
from pipelines.core.relative import LISTS
from pipelines.core.settings.fields import settings_of, type_of
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.info import DatasetInfo

_INPUT, _OUTPUT = "input", "output"


def title_of(info: DatasetInfo) -> str:
    """The name of a dataset for people: that of its input. Its own folder may be moved and renamed."""
    source = str(info.configuration.get(_INPUT, "")).rstrip("/").rpartition("/")[2]
    name, end = os.path.splitext(source)
    return (name if end.lower() in LISTS else source) or "clips"


def command_of(info: DatasetInfo, more: tuple[str, ...] = ()) -> str:
    """A command line of `har preprocess`, with names in place of the folders that the dataset was made from.

    Args:
        info: the dataset.
        more: words to add, for what the description doesn't record.
    """
    usual = PreprocessConfig(_INPUT, _OUTPUT).identity()
    words = ["har", "preprocess"]
    for item, about in settings_of(PreprocessConfig):
        if item.name == _OUTPUT:
            words += [flag_of(_OUTPUT), f"data/{title_of(info)}"]
        elif item.name in info.configuration and (value := info.configuration[item.name]) != usual.get(item.name):
            words += _words(flag_of(item.name), value, type_of(item) is tuple and about.repeated)
    return shlex.join([*words, *more])


def _words(flag: str, value: Any, repeated: bool) -> Iterator[str]:
    if isinstance(value, bool):
        yield flag if value else flag.replace("--", "--no-", 1)
    elif isinstance(value, list):
        yield from (flag, *value) if repeated else (flag, ",".join(value))
    else:
        yield from (flag, f"{value:g}" if isinstance(value, float) else str(value))
