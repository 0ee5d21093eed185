"""The whole job as a user runs it: what it makes, what it refuses, and that the result depends only on the input."""

import json
import os
import shutil
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to

from pipelines.core.errors import UsageError
from pipelines.dataset import folder, tfrecord
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.example import decode
from pipelines.dataset.flags import make_parser, parse
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.plan import ShardTask, make_plan
from pipelines.dataset.shard_writer import ShardSettings
from pipelines.decoding.messages import DecodeJob
from pipelines.engines.runners import make_engine
from pipelines.files import list_tree
from pipelines.inputs.catalog import from_tree
from pipelines.transforms.plan import ReadPlan
from pipelines.transforms.shards import WriteShards
from pipelines.video.images import decode_frames
from tests.conftest import contents, preprocess, read_index, run_here, run_tool, write_endless_video, write_video

pytestmark = pytest.mark.process

SMALL = ("--num-frames", 4, "--size", 32)


def read_info(output: Path) -> DatasetInfo:
    return DatasetInfo.from_json((output / "dataset_info.json").read_text())


def test_every_record_is_the_clip_that_is_meant(tree: Path, dataset: Path) -> None:
    info = read_info(dataset)
    assert info.counts == {"listed": 30, "written": 30, "failed": 0, "filtered": 0, "ignored": 0, "damaged": 0}
    assert sum(len(split.shards) for split in info.splits.values()) == 8
    seen = {}
    for name, split in info.splits.items():
        for shard in split.shards:
            with open(dataset / shard.name, "rb") as file:
                for record in tfrecord.read_records(file):
                    example = decode(record)
                    assert example.video_id not in seen
                    seen[example.video_id] = name
                    label, _, _ = example.video_id.partition("/")
                    group, clip = example.video_id.split("_")[-2:]
                    assert (example.label_name, info.labels[example.label], example.group) == (label, label, group)
                    assert example.num_source_frames == 12 + int(group[1:]) + 3 * int(clip[1:])
                    frames = decode_frames(example.frames, info.clip_spec, info.encoding)
                    assert [read_index(frame) for frame in frames] == list(example.frame_indices)
                    assert example.group in split.groups
    assert len(seen) == 30
    groups = [set(split.groups) for split in info.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 5


def test_verify_and_summary_are_quiet_and_right(tree: Path, dataset: Path, tmp_path: Path) -> None:
    done = run_tool("pipelines.verify", dataset)
    assert (done.returncode, done.stderr) == (0, "")
    assert "All 30 records" in done.stdout
    done = run_tool("pipelines.preprocess", "--input", tree, "--output", tmp_path / "out", *SMALL)
    assert done.returncode == 0
    # One line of ours and no warning of a library.
    assert len(done.stderr.splitlines()) == 1 and "; using " in done.stderr, done.stderr
    assert "30 listed = 30 written + 0 failed + 0 filtered" in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--workers", "1"],
        ["--workers", "4"],
        ["--direct_running_mode=multi_processing", "--direct_num_workers=3", "--workers", "2"],
    ],
    ids=" ".join,
)
def test_same_bytes_whatever_runs_it(tree: Path, dataset: Path, tmp_path: Path, options: list[str]) -> None:
    """The same files in another place, with other numbers of processes, and from a copy of the videos."""
    shutil.copytree(tree, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    preprocess(
        "--input", tmp_path / "elsewhere", "--output", tmp_path / "out", *SMALL, "--shards", 8, *options, code=0
    )  # fmt: skip
    mine, reference = contents(tmp_path / "out"), contents(dataset)
    assert mine.keys() == reference.keys()
    for name in reference:
        if name.endswith(".tfrecord") or name == "failures.jsonl":
            assert mine[name] == reference[name], name


def test_transforms(tree: Path, dataset: Path, tmp_path: Path) -> None:
    config = PreprocessConfig(str(tree), str(tmp_path / "out"), num_frames=4, size="32", shards=8)
    plan = make_plan(from_tree(str(tree), *list_tree(str(tree))), config)
    settings = ShardSettings(DecodeJob(config.clip_spec, config.frame_encoding), plan.labels)
    with test_pipeline.TestPipeline() as pipeline:
        plan_uri = folder.write_plan(config.output, (shard.line for shard in plan.shards))
        tasks = pipeline | beam.Create([plan_uri]) | ReadPlan(ShardTask.from_json)
        names = tasks | WriteShards(config.output, settings, workers=1)
        assert_that(tasks, equal_to([ShardTask.from_json(shard.line) for shard in plan.shards]), label="tasks")
        assert_that(names, equal_to([shard.name for shard in plan.shards]), label="names")
    result = pipeline.result.metrics().query()["counters"]
    assert {counter.key.metric.name: counter.committed for counter in result} == {"videos_written": 30}
    for shard in plan.shards:
        assert (tmp_path / "out" / shard.name).read_bytes() == (dataset / shard.name).read_bytes()


@pytest.mark.parametrize("storage", [["--encoding", "png"], ["--encoding", "jpeg", "--compression", "gzip"]], ids=str)
def test_storage(tree: Path, tmp_path: Path, storage: list[str]) -> None:
    for output in ("a", "b"):
        assert preprocess("--input", tree, "--output", tmp_path / output, *SMALL, *storage).returncode == 0
    assert contents(tmp_path / "a").items() >= {
        (name, data) for name, data in contents(tmp_path / "b").items() if name.endswith(".tfrecord")
    }
    assert run_here("pipelines.verify", tmp_path / "a").returncode == 0


def test_failures_filters_and_the_verdict(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    for i in range(8):
        write_video(videos / "A" / f"v_A_g0{i}_c01.avi", 10 + i)
    (videos / "A" / "broken.avi").write_text("no video")
    (videos / "A" / "empty.mp4").write_bytes(b"")
    (videos / "A" / "notes.txt").write_text("ignored")
    arguments = ["--input", videos, "--output", tmp_path / "out", *SMALL, "--min-frames", 12]
    done = preprocess(*arguments)
    assert done.returncode == 3
    assert "2 of 10 videos failed (20.0%), more than the 5.0%" in done.stderr
    assert "2 VideoOpenError, for example" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "dataset_info.json").exists()
    records = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert [(r["video_id"], r["stage"], r["type"]) for r in records] == [
        ("A/broken", "decode", "VideoOpenError"),
        ("A/empty", "decode", "VideoOpenError"),
    ]
    assert records[0]["uri"] == "A/broken.avi"
    preprocess(*arguments, "--max-failure-rate", 0.2, code=0)
    assert read_info(tmp_path / "out").counts == {
        "listed": 10, "written": 6, "failed": 2, "filtered": 2, "ignored": 1, "damaged": 0,
    }  # fmt: skip
    assert run_here("pipelines.verify", tmp_path / "out").returncode == 0


def test_hanging_and_huge_videos_fail_and_the_job_goes_on(tmp_path: Path) -> None:
    from tests.support.decoders import write_huge_picture

    videos = tmp_path / "videos"
    for i in range(6):
        write_video(videos / "A" / f"v_A_g0{i}_c01.avi", 10)
    write_endless_video(videos / "A" / "hang.avi")
    write_huge_picture(videos / "A" / "huge.mov")
    preprocess(
        "--input", videos, "--output", tmp_path / "out", *SMALL,
        "--time-limit-s", 3, "--memory-limit-mb", 200, "--max-failure-rate", 0.5, code=0
    )  # fmt: skip
    records = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert [(r["video_id"], r["type"]) for r in records] == [
        ("A/hang", "DecodeTimeout"),
        ("A/huge", "DecodeOutOfMemory"),
    ]
    assert read_info(tmp_path / "out").counts["written"] == 6


def test_manifest_with_its_groups_and_named_splits(tree: Path, tmp_path: Path) -> None:
    lines = ["path,label,group"]
    for path in sorted(tree.rglob("*.avi")):
        lines.append(f"{os.path.relpath(path, tmp_path)},{path.parent.name},site{int(path.stem[-6:-4]) % 3}")
    (tmp_path / "videos.csv").write_text("\n".join(lines))
    (tmp_path / "splits.csv").write_text("group,split\nsite0,test\n")
    for flags in (["--split-groups", "test=site0"], ["--split-file", tmp_path / "splits.csv"]):
        output = tmp_path / f"out{len(flags[0])}"
        preprocess(
            "--input", tmp_path / "videos.csv", "--output", output, *SMALL, "--classes", "Run,Wave", *flags, code=0
        )
        info = read_info(output)
        assert {name: set(split.groups) for name, split in info.splits.items()} == {
            "train": {"site1", "site2"},
            "test": {"site0"},
        }
        assert (info.labels, info.counts["written"]) == (("Run", "Wave"), 20)


def test_official_splits_of_a_manifest_with_a_group_in_two_of_them(tree: Path, tmp_path: Path) -> None:
    """Kept as they are, with a warning, as semicolons and UTF-16 are no obstacle; a dataset as it should be."""
    splits = {"g01": "Train", "g02": "train", "g03": "test", "g04": "TEST"}
    lines = ["path;label;split;group;camera"]
    for path in sorted(tree.rglob("*_c01.avi")):
        split = splits.get(path.stem[-7:-4])
        if split:
            shared = "both" if path.parent.name == "Run" else path.stem[-7:-4]
            lines.append(f"{os.path.relpath(path, tmp_path)};{path.parent.name};{split};{shared};1")
    (tmp_path / "videos.csv").write_text("\r\n".join(lines), encoding="utf-16")
    done = preprocess("--input", tmp_path / "videos.csv", "--output", tmp_path / "out", *SMALL, code=0)
    info = read_info(tmp_path / "out")
    assert {name: (split.num_examples, set(split.groups)) for name, split in info.splits.items()} == {
        "train": (6, {"g01", "g02", "both"}), "test": (6, {"g03", "g04", "both"}),
    }  # fmt: skip
    said = (
        "note: columns of the manifest that are not used: camera (path, label, group, split, start and end are)\n",
        "note: official splits kept, according to the manifest: train 6, test 6.",
        "WARNING: groups with videos in more than one split: 1 (both).",
    )
    checked = run_here("pipelines.verify", tmp_path / "out")
    assert checked.returncode == 0, checked.stderr
    for sentence in said:
        assert sentence in done.stderr
        assert sentence in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--direct_num_worker=3"], "unknown flag --direct_num_worker; did you mean --direct_num_workers?"),
        (["--runner=FlinkRunner", "--ouput=x"], "unknown flag --ouput; did you mean --output?"),
        (["--classes", "Jmp"], "no class 'Jmp'; did you mean Jump? There are 3: Jump, Run, Wave"),
        (["--shards", "2"], "2 shards are too few for 3 splits"),
        (["--shards", "1"], "1 shard is too few for 3 splits"),
        (["--runner=DirectRuner"], "DirectRuner"),
        (["--runner=DataflowRunner"], "project"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_named_before_any_work(tree: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = preprocess("--input", tree, "--output", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".tfrecord", ".json")]


def test_unknown_flags_of_other_runners_are_passed_on() -> None:
    flags = ["--flink_master=localhost:1", "--flink_submit_uber_jar", "--job_server_knows_this=3", "--parallelism=7"]
    engine = make_engine("FlinkRunner", flags, make_parser().flags, "preprocess", {"--output": "/out"})
    assert (engine.description, engine.parallelism) == ("FlinkRunner", 7)


@pytest.mark.parametrize("flags", [[], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]])
def test_the_number_of_shards_does_not_depend_on_the_workers_here(flags: list[str]) -> None:
    assert make_engine("DirectRunner", flags, make_parser().flags, "preprocess", {}).parallelism == 1


def test_one_way_to_choose_splits_overrides_another(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("splits: train=1\nsplit-file: s.csv\nsplit-groups: [test=g1, val=g2]\noutput: o\n")
    for flags, expected in (
        (["--splits", "official"], ("official", (), ())),
        (
            ["--split-file", "train.txt", "test.txt", "--split-file", "val.txt"],
            ("", (), ("train.txt", "test.txt", "val.txt")),
        ),
        (["--split-groups", "test=g1"], ("", ("test=g1",), ())),
    ):
        config = parse(["--config", str(tmp_path / "c.yaml"), *flags]).config
        assert (config.splits, config.split_groups, config.split_file) == expected
    with pytest.raises(
        UsageError, match="give splits in .*c.yaml or split_groups in .*c.yaml or split_file in .*c.yaml, not both"
    ):
        parse(["--config", str(tmp_path / "c.yaml")])


def test_help_names_every_setting() -> None:
    done = preprocess("--help")
    assert done.returncode == 0
    for flag in make_parser().flags:
        assert flag in done.stdout
    for word in ("exit codes", "DataflowRunner", "UCF50"):
        assert word in done.stdout


def test_real_clips(real_data: Path, tmp_path: Path) -> None:
    preprocess("--input", real_data / "ucf-clips", "--output", tmp_path / "ucf", code=0)
    info = read_info(tmp_path / "ucf")
    assert (info.counts["written"], len(info.labels), info.counts["damaged"]) == (11, 11, 0)
    assert run_here("pipelines.verify", tmp_path / "ucf").returncode == 0


def test_real_manifest(real_data: Path, tmp_path: Path) -> None:
    manifest = real_data / "fight-surv" / "manifest.csv"
    preprocess("--input", manifest, "--output", tmp_path / "fight", "--max-failure-rate", 0, "--limit", 30, code=0)
    info = read_info(tmp_path / "fight")
    assert (info.counts["written"], info.labels) == (30, ("fight", "noFight"))
    groups = {line.split(",")[2] for line in manifest.read_text().split()[1:]}
    assert {group for split in info.splits.values() for group in split.groups} <= groups
    assert run_here("pipelines.verify", tmp_path / "fight").returncode == 0


def test_odd_videos_are_all_accounted_for(real_data: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos" / "Odd"
    shutil.copytree(real_data / "odd-videos", videos)
    preprocess("--input", tmp_path / "videos", "--output", tmp_path / "out", *SMALL, code=0)
    counts = read_info(tmp_path / "out").counts
    assert (counts["listed"], counts["written"], counts["damaged"]) == (3, 3, 1)
