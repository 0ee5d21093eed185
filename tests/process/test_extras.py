"""What works without extras, and the error where one is missing."""

from pathlib import Path

import pytest

from pipelines.core.errors import UsageError
from pipelines.process import extras
from tests.conftest import write_video
from tests.support.without_extras import run_without_extras

INSTALL = "pip install 'har-pipelines[{}]'"


def test_a_missing_package_is_told_with_its_extra() -> None:
    extra_of = {"apache_beam": "beam", "apache_beam.io.filesystem": "beam", "tensorflow": "train", "absl": "train"}
    extra_of |= {"google.cloud": "gcp", "google.auth.exceptions": "gcp", "botocore": "aws"}
    for module, extra in extra_of.items():
        error = extras.explained(ModuleNotFoundError(f"No module named {module!r}", name=module))
        assert isinstance(error, UsageError) and str(error).endswith(INSTALL.format(extra))


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError(name="google.protobuf"), ModuleNotFoundError(name="tensorflow_hub"), OSError("disk")]
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    assert extras.explained(error) is error


def test_decoding_and_reading_need_no_extra(dataset: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi", 30)
    done = run_without_extras(f"""
from pipelines.core.spec import ClipSpec
from pipelines.dataset import example, tfrecord
from pipelines.dataset.info import DatasetInfo
from pipelines.video.clip import read_clip
clip = read_clip({str(video)!r}, ClipSpec(num_frames=4, height=32, width=32))
info = DatasetInfo.from_json(open({str(dataset / "dataset_info.json")!r}).read())
count = 0
for split in info.splits.values():
    for shard in split.shards:
        with open({str(dataset)!r} + "/" + shard.name, "rb") as file:
            count += sum(example.decode(record).label_name in info.labels for record in tfrecord.read_records(file))
print(clip.frames.shape, count)
""")
    assert (done.stdout, done.stderr) == ("(4, 32, 32, 3) 30\n", "")


def test_tools_name_the_extra_that_they_lack(tree: Path, dataset: Path, tmp_path: Path) -> None:
    config = tmp_path / "beam.yaml"
    config.write_text("beam: {max_num_workers: 2}\n")
    output = tmp_path / "out"
    labels = ["--input", tree, "--output", output, "--model", dataset]
    calls = [
        ("pipelines.preprocess", ["--input", tree, "--output", output], 2, "beam"),
        ("pipelines.preprocess", ["--input", tree, "--output", output, "--config", config], 2, "beam"),
        ("pipelines.label", labels, 2, "beam,train"),
        ("pipelines.label", [*labels, "--bigquery-table", "a:b.c"], 2, "beam,train,gcp"),
        ("trainer.task", ["--data", dataset, "--output", output, "--model", "lrcn"], 2, "train"),
        ("pipelines.verify", ["s3://nowhere/dataset"], 2, "aws"),
        ("pipelines.verify", ["gs://nowhere/dataset"], 2, "gcp"),
        ("pipelines.verify", [dataset], 0, ""),
    ]
    done = run_without_extras(f"""
import importlib
from pipelines.cli import tool
for module, arguments in {[(module, list(map(str, arguments))) for module, arguments, _, _ in calls]}:
    print("code", tool.run_tool(importlib.import_module(module).run, arguments))
""")
    codes = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("code ")]
    assert codes == [code for _, _, code, _ in calls], done.stderr
    errors = done.stderr.splitlines()
    assert [line.partition("pip install")[2] for line in errors] == [
        INSTALL.format(extra).removeprefix("pip install") for _, _, _, extra in calls if extra
    ]
    assert all(line.startswith("error: ") for line in errors)
    assert not output.exists()
