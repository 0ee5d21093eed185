"""The engine of a job without options for Beam: told without Beam, and made without Beam's clients of stores."""

import subprocess
import sys
from dataclasses import fields

import pytest

from pipelines.cli.beam_flags import LOCAL_RUNNER
from pipelines.engines.engine import plain_engine
from pipelines.engines.runners import make_engine
from tests import ROOT

CALLED = {"get_pipeline", "prepare"}


def test_it_is_the_one_that_beam_gives_without_options() -> None:
    plain, made = plain_engine([]), make_engine(LOCAL_RUNNER, (), (), "doctor", {})
    for field in fields(plain):
        if field.name not in CALLED:
            assert getattr(plain, field.name) == getattr(made, field.name), field.name
    assert type(plain.pipeline.runner) is type(made.pipeline.runner)
    assert plain.pipeline is plain.pipeline
    assert plain.pipeline.options.get_all_options() == made.pipeline.options.get_all_options()


@pytest.mark.process
def test_beam_runs_without_the_clients_of_stores_and_silently() -> None:
    code = (
        "import sys; from pipelines.engines.engine import plain_engine\n"
        "engine = plain_engine(['pipelines.transforms.scoring']); before = 'apache_beam' in sys.modules\n"
        "engine.prepare(); pipeline = engine.pipeline\n"
        "import apache_beam; pipeline | apache_beam.Create([1]); pipeline.run()\n"
        "clients = ('google.cloud.storage', 'google.auth', 'boto3', 'pymongo', 'IPython')\n"
        "print(before, [name for name in clients if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (done.stdout, done.stderr) == ("False []\n", "")
