"""Label map, dataset_info.json, shard reports, configuration."""

import json
from pathlib import Path

import pytest

from pipelines.core.errors import UsageError, UserError
from pipelines.core.failure import Failure
from pipelines.core.settings.build import build, read_yaml
from pipelines.dataset.config import PreprocessConfig, parse_size
from pipelines.dataset.flags import parse
from pipelines.dataset.info import DatasetInfo, ShardReport, WrittenVideo
from pipelines.dataset.plan import Layout
from pipelines.inputs.records import Filtered
from tests import ROOT

KNOWN = ("input", "num_frames", "size", "classes")


def test_shard_report_round_trip() -> None:
    report = ShardReport(
        "t", "train-00000-of-00001.tfrecord", "train", 5, "00",
        (WrittenVideo("a", "A", "g", 3, 0.1, True),), (Failure("decode", "X", "m", True, "b", "/b", "A"),),
        (Filtered("c", "A", "short"),), {"a": "AAAA"},
    )  # fmt: skip
    assert ShardReport.from_json(report.to_json()) == report
    assert report.video_ids() == ["a", "b", "c"]


def test_dataset_info_round_trip_and_damage(dataset: Path) -> None:
    text = (dataset / "dataset_info.json").read_text()
    info = DatasetInfo.from_json(text)
    assert info.to_json() == text
    earlier = json.loads(text)
    assert earlier["clip_spec"].pop("interpolation") == "area"  # earlier versions had no other and didn't record it
    assert DatasetInfo.from_json(json.dumps(earlier)) == info
    for wrong, message in (
        ({"schema_version": 99}, "schema version 99, this software reads version 1"),
        ({"clip_spec": {**info.clip_spec.to_json(), "fingerprint": "0"}}, "another version of this software"),
    ):
        with pytest.raises(UserError, match=message):
            DatasetInfo.from_json(json.dumps({**json.loads(text), **wrong}))


def test_yaml() -> None:
    assert read_yaml("num-frames: 3\nclasses: [A, B]\n", "c", KNOWN) == {"num_frames": 3, "classes": ("A", "B")}
    assert read_yaml("# nothing", "c", KNOWN) == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_frames": "20"}, "num_frames must be a whole number from 1 to 4096, not '20'"),
        ({"overwrite": "yes"}, "overwrite must be true or false"),
        ({"max_failure_rate": 5}, "max_failure_rate must be a number from 0 to 1, not 5"),
        ({"limit": -1}, "limit must be a whole number, 0 or more, not -1"),
        ({"size": "big"}, "size must be a number or HEIGHTxWIDTH, not 'big'"),
        ({"splits": "train=0.5"}, "must add up to 1"),
        ({"time_limit_s": 0.0}, "time_limit_s must be a number greater than 0, not 0"),
        ({"compression": "zip"}, "compression must be one of none, gzip"),
        ({"split_groups": ("test=g1",), "split_file": ["x"]}, "give split_groups or split_file, not both"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(PreprocessConfig, {"input": "i", "output": "o", **values})


def test_identity_leaves_out_what_does_not_change_the_dataset() -> None:
    base = PreprocessConfig("i", "o")
    assert base.identity() == PreprocessConfig("i", "p", workers=4, max_failure_rate=0.5, size="64x64").identity()
    assert base.identity() != PreprocessConfig("i", "o", num_frames=16).identity()
    assert base.identity() != PreprocessConfig("i", "o", interpolation="bilinear").identity()
    assert parse_size("72x96") == (72, 96)


def test_a_folder_of_an_earlier_version_with_fewer_settings_can_be_continued() -> None:
    now = PreprocessConfig("i", "o").identity()
    earlier = Layout({key: now[key] for key in now.keys() - {"interpolation", "split_groups"}}, {}, {})
    assert earlier.differences(now) == []
    other = PreprocessConfig("i", "o", interpolation="bilinear", split_groups=("test=g1",)).identity()
    assert earlier.differences(other) == [
        "interpolation: 'area' there, 'bilinear' now",
        "split_groups: [] there, ['test=g1'] now",
    ]


def test_shipped_configurations_are_valid() -> None:
    paths = sorted((ROOT / "configs").glob("preprocess*.yaml"))
    assert paths
    for path in paths:
        assert parse(["--config", str(path)]).config.num_frames == 20
