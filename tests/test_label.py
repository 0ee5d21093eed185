"""The labelling job as a whole, on small videos of known classes and a model that knows them."""

import csv
import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from pyarrow import parquet

from pipelines import label
from pipelines.core.errors import TooManyFailuresError, UsageError
from pipelines.labelling.account import MAX_FAILURES
from tests.conftest import ONE_DECODER
from tests.support.label_model import CLIP_SPEC, DURATIONS, level_of, make_model, write_grey
from tests.support.label_model import model as model

pytestmark = pytest.mark.process

Rows = list[dict[str, object]]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short videos of one class each, a long one of three, and a file that is not a video."""
    root = tmp_path_factory.mktemp("videos")
    for name, levels in {
        "a/jump.mp4": [level_of("Jump")] * 20,
        "a/run <b>.mp4": [level_of("Run")] * 20,
        "b/wave.mp4": [level_of("Wave")] * 20,
        "b/long.mp4": [level_of("Jump")] * 100 + [level_of("Wave")] * 100 + [level_of("Run")] * 100,
    }.items():
        write_grey(root / name, levels, options={"g": "25"})
    (root / "broken.mp4").write_bytes(b"not a video at all")
    (root / "notes.txt").write_text("nothing")
    return root


def run(model: Path, source: object, output: Path, *more: object) -> None:
    arguments = ["--model", model, "--input", source, "--output", output, "--max-failure-rate", 1, *ONE_DECODER, *more]
    assert label.run([str(argument) for argument in arguments]) == 0


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows_of(output: Path) -> Rows:
    return [json.loads(line) for path in sorted(output.glob("labels-*.jsonl")) for line in path.open()]


def labels_of(output: Path) -> dict[str, list[tuple[float, float, str]]]:
    found: dict[str, list[tuple[float, float, str]]] = {}
    for row in rows_of(output):
        found.setdefault(str(row["video"]), []).append((row["start_s"], row["end_s"], row["label"]))  # type: ignore[arg-type]
    return found


def test_every_video_ends_in_the_labels_or_in_the_failures(model: Path, videos: Path, tmp_path: Path) -> None:
    run(model, videos, tmp_path / "out", "--webvtt")
    found = labels_of(tmp_path / "out")
    assert found["a/jump.mp4"] == [(0.0, 0.8, "Jump")]
    assert found["a/run <b>.mp4"] == [(0.0, 0.8, "Run")]
    assert found["b/wave.mp4"] == [(0.0, 0.8, "Wave")]
    segments = found["b/long.mp4"]
    assert segments[0][2] == "Jump" and segments[-1][2] == "Run" and "Wave" in {name for _, _, name in segments}
    assert segments[0][0] == 0.0 and segments[-1][1] == 12.0
    assert all(one[1] == two[0] for one, two in pairwise(segments))
    (failure,) = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").open()]
    assert (failure["video"], failure["stage"], failure["type"]) == ("broken.mp4", "decode", "VideoOpenError")
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
    assert counts["listed"] == 5 == counts["labelled"] + counts["failed"] + counts["skipped"]
    assert (counts["labelled"], counts["failed"], counts["ignored"]) == (4, 1, 1)
    track = (tmp_path / "out" / "subtitles" / "b" / "long.mp4.vtt").read_text()
    assert track.startswith("WEBVTT\n\n00:00:00.000 --> ") and "Wave" in track
    page = (tmp_path / "out" / "report.html").read_text()
    assert "run &lt;b&gt;.mp4" in page and "run <b>.mp4" not in page


def test_videos_unlike_those_of_training(
    model: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that has never seen anything bright: one short video is, and a third of the long one."""
    make_model(tmp_path / "wary", durations_s=DURATIONS, far=(180, 256))
    run(tmp_path / "wary", videos, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    short = [row for row in rows if row["video"] != "b/long.mp4"]
    assert {row["video"]: (row["unfamiliar"], row["is_unfamiliar"]) for row in short} == {
        "a/jump.mp4": (0.5, False), "a/run <b>.mp4": (0.5, False), "b/wave.mp4": (2.0, True)
    }  # fmt: skip
    long = [row for row in rows if row["video"] == "b/long.mp4"]
    assert {row["label"] for row in long if row["is_unfamiliar"]} == {"Wave"}
    assert all(0.5 <= float(str(row["unfamiliar"])) <= 2 for row in long)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["unfamiliar"] == {"videos": 1, "segments": 2, "reason": ""}
    sentence = "25 % of these videos are unlike what the model has seen: don't trust their labels"
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"{sentence.replace(chr(39), '&#x27;')} (2 segments)." in page and "unlike training" in page
    assert sentence in " ".join(capsys.readouterr().out.split())

    run(model, videos, tmp_path / "untold")
    assert {(row["unfamiliar"], row["is_unfamiliar"]) for row in rows_of(tmp_path / "untold")} == {(None, None)}
    untold = json.loads((tmp_path / "untold" / "summary.json").read_text())["unfamiliar"]
    assert (untold["videos"], untold["segments"]) == (None, None) and "has no record of how far" in untold["reason"]
    assert untold["reason"] in (tmp_path / "untold" / "report.html").read_text()
    assert "are unlike" not in capsys.readouterr().out


def test_what_a_list_names_is_a_video_or_a_failure(model: Path, videos: Path, tmp_path: Path) -> None:
    """A playlist, a pattern of pictures, a device and a pipe are not opened as such."""
    (tmp_path / "play.m3u8").write_text(f"#EXTM3U\n#EXTINF:1.0,\n{videos}/a/jump.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "pic001.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    os.mkfifo(tmp_path / "pipe.mp4")
    names = (f"{videos}/a/jump.mp4", "play.m3u8", "pic%03d.png", "/dev/stdin", "pipe.mp4")
    (tmp_path / "list.txt").write_text("\n".join(names))
    run(model, tmp_path / "list.txt", tmp_path / "out")
    assert [name for name, rows in labels_of(tmp_path / "out").items() if rows] == [names[0]]
    failures = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").open()]
    assert {failure["video"]: failure["type"] for failure in failures} == {
        "play.m3u8": "VideoOpenError", "pic%03d.png": "VideoReadError", "/dev/stdin": "VideoReadError",
        "pipe.mp4": "VideoReadError",
    }  # fmt: skip


def test_formats_say_the_same(model: Path, videos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run(model, videos, output)
    rows = rows_of(output)
    run(model, videos, output, "--format", "csv")  # from the ledger
    assert not list(output.glob("*.jsonl.*")) and not list(output.glob("labels-*.jsonl"))
    with (output / "labels-00000-of-00001.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [(row["video"], float(row["score"]), json.loads(row["top_k"])) for row in read] == [
        (row["video"], row["score"], row["top_k"]) for row in rows
    ]
    run(model, videos, output, "--format", "parquet")
    assert parquet.read_table(output / "labels-00000-of-00001.parquet").to_pylist() == rows


def test_however_it_is_cut_the_labels_are_the_same(model: Path, videos: Path, tmp_path: Path) -> None:
    results = []
    for range_s in (600, 6, 2):
        output = tmp_path / str(range_s)
        run(model, videos / "b" / "long.mp4", output, "--range-s", range_s)
        results.append((output / "labels-00000-of-00001.jsonl").read_bytes())
        parts = (output / "_state" / "ledger" / "00000").iterdir()
        assert sum(len(path.read_text().splitlines()) for path in parts) >= {600: 1, 6: 2, 2: 4}[range_s]
    assert results[0] == results[1] == results[2]


def test_segments_are_made_anew_without_decoding(model: Path, videos: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run(model, videos / "b", output)
    before = labels_of(output)
    run(model, videos / "b", output, "--min-score", 1.0, "--top-k", 1)
    assert json.loads((output / "summary.json").read_text())["rates"]["videos_scored"] == 0
    assert {name for rows in labels_of(output).values() for _, _, name in rows} >= {"unknown"}
    run(model, videos / "b", output)
    assert labels_of(output) == before


def test_only_new_and_changed_videos_are_read(model: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "videos", tmp_path / "out"
    for i in range(12):
        write_grey(source / f"{i:02d}.mp4", [level_of("Run")] * 10)

    def scored() -> int:
        run(model, source, output)
        return int(json.loads((output / "summary.json").read_text())["rates"]["videos_scored"])

    assert scored() == 12
    assert scored() == 0
    for i in range(12, 15):
        write_grey(source / f"{i:02d}.mp4", [level_of("Wave")] * 10)
    assert scored() == 3
    write_grey(source / "03.mp4", [level_of("Jump")] * 11)
    assert scored() == 1
    (source / "04.mp4").unlink()
    assert scored() == 0
    found = labels_of(output)
    assert len(found) == 14 and "04.mp4" not in found
    assert found["03.mp4"][0][2] == "Jump" and found["13.mp4"][0][2] == "Wave"
    fresh = tmp_path / "fresh"
    run(model, source, fresh)
    assert (fresh / "labels-00000-of-00001.jsonl").read_bytes() == (output / "labels-00000-of-00001.jsonl").read_bytes()


def test_another_model_needs_a_word_and_relabels_all(model: Path, videos: Path, tmp_path: Path) -> None:
    output, other = tmp_path / "out", tmp_path / "other"
    run(model, videos / "a", output)
    make_model(other, durations_s=DURATIONS, rule="another")
    with pytest.raises(UsageError, match=r"labels by another model \(tiny, fingerprint \w+; this one is tiny, \w+\)"):
        run(other, videos / "a", output)
    run(other, videos / "a", output, "--overwrite")
    summary = json.loads((output / "summary.json").read_text())
    assert summary["rates"]["videos_scored"] == 2
    assert {row["model"] for row in rows_of(output)} == {summary["model"]["fingerprint"]}
    with pytest.raises(UsageError, match=r"other windows \(stride_s: 0\.5 there, 0\.25 now"):
        run(other, videos / "a", output, "--window-s", 1, "--stride-s", 0.25)
    with pytest.raises(UsageError, match="holds labels in 1 file, and --shards is 2. Choose another --output, or"):
        run(other, videos / "a", output, "--shards", 2)


def test_overwriting_labels_all_anew_but_resumes_what_is_unfinished(
    model: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"

    def scored(*arguments: object) -> int:
        run(model, videos / "a", output, *arguments)
        return int(json.loads((output / "summary.json").read_text())["rates"]["videos_scored"])

    assert (scored(), scored(), scored("--overwrite"), scored()) == (2, 0, 2, 0)
    before = files_below(output)
    capsys.readouterr()
    run(model, videos / "a", output, "--overwrite", "--dry-run")
    assert "2 videos to label" in capsys.readouterr().out and files_below(output) == before
    (output / "summary.json").unlink()
    assert scored("--overwrite") == 0
    assert scored("--overwrite", "--shards", 2) == 2
    assert len(list(output.glob("labels-*-of-00002.jsonl"))) == 2


def test_poisoned_clips_are_dead_letters_and_take_no_others_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten of a hundred videos make the model fail, and some windows in the middle of a long one. One of its classes has
    a name that means something else in labels."""
    folder, source, output = tmp_path / "model", tmp_path / "videos", tmp_path / "out"
    make_model(folder, ("Jump", "Run", "unknown"), durations_s=DURATIONS, poison=(200, 256), nan=(100, 110))
    for i in range(100):
        write_grey(source / f"{i:03d}.mp4", [230 if i % 20 == 7 else 105 if i % 20 == 11 else 60] * 6)
    write_grey(source / "long.mp4", [60] * 100 + [230] * 50 + [60] * 100, options={"g": "25"})
    run(folder, source, output)
    assert "WARNING: the model has a class called unknown, which is also the label of time" in capsys.readouterr().err
    failures = [json.loads(line) for line in (output / "failures.jsonl").open()]
    whole = [f["video"] for f in failures if f["video"] != "long.mp4"]
    assert whole == [f"{i:03d}.mp4" for i in range(100) if i % 20 in (7, 11)]
    assert {(f["stage"], f["type"]) for f in failures} == {("score", "ScoreError")}
    assert all("NaN" in f["message"] or "poison" in f["message"] for f in failures)
    found = labels_of(output)
    assert sorted([*found, *whole]) == sorted({*(f"{i:03d}.mp4" for i in range(100)), "long.mp4"})
    broken = [(f["start_s"], f["end_s"]) for f in failures if f["video"] == "long.mp4"]
    assert broken and all(start >= 3.0 and end <= 7.1 for start, end in broken)
    assert found["long.mp4"][0][0] == 0.0 and found["long.mp4"][-1][1] == 10.0
    counts = json.loads((output / "summary.json").read_text())["counts"]
    assert (counts["labelled"], counts["failed"]) == (91, 10)


def test_too_many_failures_end_with_a_verdict(model: Path, videos: Path, tmp_path: Path) -> None:
    with pytest.raises(
        TooManyFailuresError, match=r"1 of 5 videos failed \(20\.0%\)(.|\n)*1 VideoOpenError, for example"
    ):
        run(model, videos, tmp_path / "out", "--max-failure-rate", 0.1)
    assert not (tmp_path / "out" / "summary.json").exists()
    assert len(labels_of(tmp_path / "out")) == 4


def test_the_verdict_tells_broken_parts_from_broken_videos(model: Path, tmp_path: Path) -> None:
    source, cut = tmp_path / "videos", tmp_path / "videos" / "cut.avi"
    source.mkdir()
    (source / "none.mp4").write_bytes(b"no video")
    write_grey(cut, [90] * 100)
    data = cut.read_bytes()
    cut.write_bytes(data[: data.rindex(b"idx1") - 500])
    arguments = ["--model", model, "--input", source, "--output", tmp_path / "out"]
    with pytest.raises(TooManyFailuresError) as error:
        label.run([str(argument) for argument in arguments])
    assert "1 of 2 videos failed" in str(error.value) and " 1 VideoOpenError, for" in str(error.value)
    assert " 1 VideoDecodeError in a part of a video, for example cut.avi" in str(error.value)


def test_the_verdict_counts_all_failures(model: Path, tmp_path: Path) -> None:
    """There are more failures than a report holds."""
    for number in range(MAX_FAILURES + 5):
        (tmp_path / "videos" / f"{number:03d}.mp4").parent.mkdir(exist_ok=True)
        (tmp_path / "videos" / f"{number:03d}.mp4").write_bytes(b"no video")
    arguments = ["--model", model, "--input", tmp_path / "videos", "--output", tmp_path / "out", *ONE_DECODER]
    with pytest.raises(TooManyFailuresError, match=rf"\n +{MAX_FAILURES + 5} VideoOpenError, for example"):
        label.run([str(argument) for argument in arguments])


def test_dry_run_writes_nothing(model: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(model, videos, tmp_path / "out", "--dry-run")
    text = capsys.readouterr().out
    assert "5 videos to label" in text and "a/jump.mp4" in text and "by file sizes, all would take about" in text
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "esc\x1b[31m.mp4").symlink_to(videos / "a" / "jump.mp4")
    run(model, tmp_path / "in", tmp_path / "out", "--dry-run")
    assert "\n  esc\\u001b[31m.mp4\n" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_nothing_is_passed_over(model: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name, target in {
        "a.mp4": videos / "a" / "jump.mp4",
        "gone.mp4": "nowhere",
        "gone": "nowhere",
        "up": "..",
    }.items():
        (source / name).symlink_to(target)
    (source / ".hidden.mp4").write_bytes(b"x")
    for repeated in (False, True):
        run(model, source, tmp_path / "out")
        counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
        assert [counts[name] for name in ("listed", "labelled", "failed", "skipped", "ignored")] == [3, 1, 2, 0, 2]
        failures = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").open()]
        assert [(f["video"], f["stage"]) for f in failures] == [("gone/", "list"), ("gone.mp4", "read")]
        ignored = [json.loads(line) for line in (tmp_path / "out" / "ignored.jsonl").open()]
        reasons = ["hidden", "link to a folder listed already"]
        assert [(f["path"], f["reason"]) for f in ignored] == list(zip([".hidden.mp4", "up"], reasons, strict=True))
        assert "note: 2 files ignored: hidden 1 (.hidden.mp4), link to a" in capsys.readouterr().err, repeated


def test_limit_and_lists(model: Path, videos: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    paths = [videos / "a" / "jump.mp4", videos / "b" / "wave.mp4", videos / "gone.mp4", videos / "a" / "jump.mp4"]
    listed.write_text("# my videos\n" + "".join(f"{path}\n" for path in paths))
    run(model, listed, tmp_path / "out")
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
    assert (counts["listed"], counts["labelled"], counts["failed"], counts["repeated"]) == (3, 2, 1, 1)
    run(model, listed, tmp_path / "few", "--limit", 1)
    counts = json.loads((tmp_path / "few" / "summary.json").read_text())["counts"]
    assert (counts["listed"], counts["labelled"], counts["skipped"]) == (3, 1, 2)
    run(model, listed, tmp_path / "out", "--limit", 1)
    assert len(labels_of(tmp_path / "out")) == 1
    run(model, listed, tmp_path / "out")  # earlier results are kept despite the limit
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["rates"]["videos_scored"] == 0
    assert len(labels_of(tmp_path / "out")) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda info: info["labels"].append("Zzz"), "it gives 3 probabilities, there are 4 labels"),
        (lambda info: info.update(input_name="pixels"), "it takes frames, not pixels"),
        (lambda info: info["clip_spec"].update(num_frames=8, fingerprint=None), "another version"),
    ],
)
def test_a_model_that_does_not_agree_with_itself_is_refused(
    model: Path, videos: Path, tmp_path: Path, change: Callable[[dict[str, object]], None], message: str
) -> None:
    folder = tmp_path / "model"
    make_model(folder, durations_s=DURATIONS)
    info = json.loads((folder / "model_info.json").read_text())
    change(info)
    (folder / "model_info.json").write_text(json.dumps(info))
    with pytest.raises(Exception, match=message):
        run(folder, videos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_have_the_pixels_of_training(model: Path, videos: Path, tmp_path: Path) -> None:
    """The same videos as a dataset and through the job: equal bytes, equal probabilities."""
    import tensorflow as tf

    from pipelines.dataset import example
    from pipelines.dataset.info import DatasetInfo
    from pipelines.models.scorer import Scorer, read_model_info
    from pipelines.models.scores import Scored
    from tests.conftest import preprocess

    short = tmp_path / "short"
    for i, name in enumerate(("Jump", "Run", "Wave")):
        for clip in range(4):
            write_grey(short / name / f"v_{name}_g{clip:02d}_c01.mp4", [60 * i + 3 * clip + f for f in range(9 + clip)])
    size = ("--num-frames", CLIP_SPEC.num_frames, "--size", CLIP_SPEC.height)
    assert preprocess("--input", short, "--output", tmp_path / "data", *size).returncode == 0
    info = DatasetInfo.from_json((tmp_path / "data" / "dataset_info.json").read_text())
    scorer = Scorer(str(model), read_model_info(str(model)))
    expected = {}
    for path in sorted((tmp_path / "data").glob("*.tfrecord")):
        for record in tf.data.TFRecordDataset(str(path)):
            parsed = example.parse(record, info.clip_spec, info.encoding)
            (scored,) = scorer.score([parsed["frames"].numpy().tobytes()])
            assert isinstance(scored, Scored)
            expected[parsed["video_id"].numpy().decode()] = scored.probabilities
    run(model, short, tmp_path / "out", "--top-k", 3)
    from pipelines.labelling.folder import read_ledger

    found = {
        entry.video.removesuffix(".mp4"): entry.probabilities[0] for entry in read_ledger(str(tmp_path / "out"), 0)
    }
    assert found.keys() == expected.keys()
    assert all(found[name].tobytes() == expected[name].tobytes() for name in found)
