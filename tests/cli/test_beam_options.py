"""Options of Beam in configuration files: the same for both jobs, by Beam's own names; the command line wins."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.core.errors import UsageError
from pipelines.dataset import flags
from pipelines.labelling import flags as label_flags
from tests import ROOT

CONFIGS = ROOT / "configs"
PLACES = {
    flags: ["--input", "/in", "--output", "/out"],
    label_flags: ["--model", "/m", "--input", "/in", "--output", "/out"],
}


def parse(*arguments: object, tool: Any = flags) -> Any:
    return tool.parse([*PLACES[tool], *map(str, arguments)])


def write(path: Path, **values: object) -> Path:
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.parametrize("tool", PLACES)
def test_the_configuration_that_comes_along_is_valid(tool: Any) -> None:
    from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, WorkerOptions

    request = parse("--config", CONFIGS / "dataflow.yaml", "--project=mine", "--max_num_workers", "7", tool=tool)
    assert request.runner == "DataflowRunner"
    options = PipelineOptions(list(request.beam_arguments))
    google, workers = options.view_as(GoogleCloudOptions), options.view_as(WorkerOptions)
    assert (google.project, google.region) == ("mine", "europe-west4")
    assert (workers.max_num_workers, workers.disk_size_gb, workers.use_public_ips) == (7, 30, False)
    assert parse("--config", CONFIGS / "dataflow.yaml", "--runner=DirectRunner", tool=tool).runner == "DirectRunner"


def test_later_files_come_before_earlier_ones() -> None:
    files = ("--config", CONFIGS / "dataflow.yaml", "--config", CONFIGS / "dataflow_gpu.yaml")
    request = parse(*files, tool=label_flags)
    assert (request.runner, request.config.workers) == ("DataflowRunner", 8)
    assert "--machine_type=g2-standard-8" in request.beam_arguments
    assert "--machine_type=n2-highcpu-8" not in request.beam_arguments
    assert "--region=europe-west4" in request.beam_arguments
    assert parse(*files, "--workers", "3", tool=label_flags).config.workers == 3


@pytest.mark.parametrize(
    ("options", "given", "arguments"),
    [
        ({"max_num_workers": 5, "project": "p"}, [], ["--max_num_workers=5", "--project=p"]),
        ({"max_num_workers": 5, "project": "p"}, ["--max_num_workers=6"], ["--project=p", "--max_num_workers=6"]),
        ({"machine_type": "a"}, ["--worker_machine_type", "b"], ["--worker_machine_type", "b"]),
        ({"experiments": ["a", "b=c"]}, [], ["--experiments=a", "--experiments=b=c"]),
        ({"experiments": ["a", "b"]}, ["--experiment=c"], ["--experiment=c"]),
        ({"no_auth": True, "use_public_ips": True}, [], ["--no_auth", "--use_public_ips"]),
        ({"no_auth": False, "use_public_ips": False}, [], ["--no_use_public_ips"]),
        ({"use_public_ips": False}, ["--use_public_ips"], ["--use_public_ips"]),
        ({"environment_config": {"command": "x"}}, [], ['--environment_config={"command": "x"}']),
        ({}, ["--parallelism", "4"], ["--parallelism", "4"]),
    ],
)
def test_options_become_args(
    tmp_path: Path, options: dict[str, object], given: list[str], arguments: list[str]
) -> None:
    file = write(tmp_path / "c.yaml", beam=options)
    assert list(parse("--config", file, *given).beam_arguments) == arguments


@pytest.mark.parametrize(
    ("beam", "message"),
    [
        ({"machin_type": "x"}, "c.yaml: Beam has no option 'machin_type'; did you mean machine_type? Options"),
        ({"num-workers": 3}, "c.yaml: Beam has no option 'num-workers'; did you mean num_workers? Options"),
        ({"output": "x"}, "c.yaml: Beam has no option 'output'"),
        ({"project": None}, "c.yaml: the option 'project' of Beam has no value"),
        (["project"], "c.yaml: `beam` must contain lines `option: value`, not"),
    ],
)
def test_what_beam_does_not_know_is_refused(tmp_path: Path, beam: object, message: str) -> None:
    for tool in PLACES:
        with pytest.raises(UsageError) as caught:
            parse("--config", write(tmp_path / "c.yaml", beam=beam), tool=tool)
        assert message in str(caught.value)


def test_a_machine_does_as_much_at_a_time_as_it_has_processors() -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    from pipelines.engines.dataflow import beam_workers

    def count(*arguments: str) -> int:
        return beam_workers(PipelineOptions(list(arguments)))

    types = {"n2-highcpu-8": 8, "n2-custom-6-8192": 6, "e2-custom-4-8192-ext": 4, "e2-medium": 1, "a2-highgpu-1g": 1}
    assert {name: count(f"--machine_type={name}") for name in types} == types
    assert count() == 1
    one = ("--machine_type=g2-standard-8", "--experiments=no_use_multiple_sdk_containers")
    assert (count(*one), count(*one, "--number_of_worker_harness_threads=2")) == (1, 2)
