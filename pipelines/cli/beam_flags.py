"""Refuses flags that neither a tool nor Beam knows, without importing Beam, which takes a second."""

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pipelines.cli.near_flags import near_flag
from pipelines.cli.stray_words import refuse_unknown_flags

LOCAL_RUNNER, DATAFLOW_RUNNER = "DirectRunner", "DataflowRunner"
STRICT_RUNNERS = (LOCAL_RUNNER, DATAFLOW_RUNNER)
"""Runners that know no more flags than Beam does in this process."""
_FLAG = re.compile(r"""(["'])(--\w[\w-]*)\1""")
_NEAR = 0.8


def flags_of_beam() -> list[str]:
    """The flags that the installed version of Beam declares, read from its source; empty if Beam isn't installed."""
    beam = find_spec("apache_beam")
    if beam is None or not beam.origin:
        return []
    source = Path(beam.origin).parent / "options" / "pipeline_options.py"
    return list(dict.fromkeys(found[2] for found in _FLAG.finditer(source.read_text(encoding="utf-8"))))


def refuse_flags(unknown: Sequence[str], own: Sequence[str], of_beam: Sequence[str], runner: str) -> None:
    """Refuses misspelt flags of ours, whatever the runner; Beam only warns of flags that it doesn't know.

    Other unknown flags are refused, too, unless the runner has a job server, which may know more flags than this
    process.

    Args:
        unknown: what is left over on a command line; flags that Beam knows may be among it.
        own: all flags of the tool.
        of_beam: all flags of Beam.
        runner: name of the runner.

    Raises:
        UsageError: there is such a flag; the message suggests the nearest.
    """
    flags = [word for word in unknown if re.match("--?[a-zA-Z]", word) and word.partition("=")[0] not in of_beam]
    if runner in STRICT_RUNNERS:
        refuse_unknown_flags(flags, [*own, *of_beam])
    for flag in flags:
        if flag.startswith("--") and near_flag(flag.partition("=")[0], own, cutoff=_NEAR):
            refuse_unknown_flags([flag], own)
