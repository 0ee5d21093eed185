"""Flags that nobody knows are refused before Beam is imported."""

import subprocess
import sys

import pytest

from pipelines.cli.beam_flags import flags_of_beam, refuse_flags
from pipelines.cli.beam_options import BeamParser
from pipelines.core.errors import UsageError
from tests import ROOT

OWN = ["--workers", "--output", "--classes"]


def test_the_source_names_all_flags_that_beam_has() -> None:
    assert set(BeamParser().flags) <= set(flags_of_beam())


@pytest.mark.parametrize(
    ("runner", "unknown", "message"),
    [
        ("DirectRunner", ["--wrokers", "3"], "unknown flag --wrokers; did you mean --workers? See --help"),
        ("DirectRunner", ["--projct=x"], "unknown flag --projct; did you mean --project? See --help"),
        ("DataflowRunner", ["--num_workers=2", "--zzz"], "unknown flag --zzz. See --help"),
        ("FlinkRunner", ["--zzz=1", "--ouput", "x"], "unknown flag --ouput; did you mean --output? See --help"),
    ],
)
def test_the_nearest_flag_is_suggested(runner: str, unknown: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        refuse_flags(unknown, OWN, flags_of_beam(), runner)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("runner", "unknown"),
    [
        ("DirectRunner", ["--num_workers", "3", "--labels=a=b", "--max_num_workers", "-1"]),
        ("FlinkRunner", ["--only_the_job_server_knows=this"]),
    ],
)
def test_what_somebody_may_know_passes(runner: str, unknown: list[str]) -> None:
    refuse_flags(unknown, OWN, flags_of_beam(), runner)


@pytest.mark.process
@pytest.mark.parametrize("tool", ["preprocess", "label"])
def test_a_misspelt_flag_is_refused_without_beam(tool: str) -> None:
    code = (
        f"import sys, pipelines.{tool} as tool\n"
        "try: tool.run(['--model=m', '--input=i', '--output=o', '--wrokers=3'][tool.__name__.endswith('ss'):])\n"
        "except Exception as error: print(error, 'apache_beam' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "unknown flag --wrokers; did you mean --workers? See --help False\n"
