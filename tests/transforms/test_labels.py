"""The steps of the labelling job on Beam: all videos end up in the ledger, each window once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import apache_beam as beam
import psutil
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that, equal_to

from pipelines.core.model_info import ModelInfo
from pipelines.decoding.messages import CutVideo, DecodeLimits, WindowJob
from pipelines.labelling import folder as label_store
from pipelines.labelling.ledger import Entry, choose, is_complete
from pipelines.labelling.plan import LabelTask, ListedVideo, VideoTask, by_shard
from pipelines.transforms import worker
from pipelines.transforms.decoding import RANGES, DecodeRanges, DecodeVideos
from pipelines.transforms.elements import RangeTask, Scorable, VideoRange
from pipelines.transforms.ledger import RecordResults
from pipelines.transforms.scoring import ScoreClips
from pipelines.video.pieces import Piece, Range
from pipelines.video.windows import WindowSpec
from tests.support.label_model import CLIP_SPEC, LABELS, level_of, make_model, write_grey

KEY = "key"
POISON, NAN = 105, 155
JUMP, RUN, WAVE = map(level_of, LABELS)
WORKERS = 2
Model = tuple[Path, ModelInfo]


@pytest.fixture(scope="module", autouse=True)
def no_decoders_left() -> Iterator[None]:
    yield
    worker.close_pools()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that fails on a grey of 105 and gives NaN for a grey of 155."""
    folder = tmp_path_factory.mktemp("model")
    return folder, make_model(folder, poison=(POISON - 3, POISON + 3), nan=(NAN - 3, NAN + 3))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[ListedVideo]:
    """Short ones, two of them with clips that can't be scored, a long one of three classes, and broken ones."""
    root = tmp_path_factory.mktemp("videos")
    levels = {f"short{i}.mp4": [level] * 20 for i, level in enumerate((JUMP, RUN, WAVE, POISON, NAN, RUN, RUN))}
    levels["long \udcff.mp4"] = [JUMP] * 100 + [POISON] * 50 + [WAVE] * 100
    paths = [write_grey(root / name, shades, options={"g": "10"}) for name, shades in levels.items()]
    (root / "broken.mp4").write_bytes(b"no video")
    paths += [root / "broken.mp4", root / "gone.mp4"]
    return [ListedVideo(path.name, str(path), "1", 9) for path in paths]


def job(range_s: float = 600.0, time_s: float = 20.0) -> WindowJob:
    return WindowJob(CLIP_SPEC, WindowSpec(1.0, 0.5, 1.5, range_s), DecodeLimits(time_s, 256))


def tasks_of(videos: Sequence[ListedVideo], num_shards: int) -> list[LabelTask]:
    """Tasks of at most three videos."""
    shards = [shard.videos() for shard in by_shard(videos, num_shards)]
    return [
        LabelTask(shard, tuple(map(VideoTask, shards[shard][i : i + 3])))
        for shard in range(num_shards)
        for i in range(0, len(shards[shard]), 3)
    ]


def label(tasks: Iterable[LabelTask], model: Model, output: Path, wanted: WindowJob) -> list[Entry]:
    """Decodes, scores and records; returns the entries of the ledger."""
    folder, info = model
    with test_pipeline.TestPipeline(runner=FnApiRunner()) as pipeline:
        found = pipeline | beam.Create(list(tasks)) | DecodeVideos(wanted, WORKERS)
        ranges = found[RANGES] | DecodeRanges(wanted, WORKERS)
        for name, clips in (("Videos", found.windows), ("Ranges", ranges)):
            scored = clips | f"Score{name}" >> ScoreClips(str(folder), info, 1)
            _ = scored | f"Record{name}" >> RecordResults(str(output), KEY, CLIP_SPEC.shape)
    shards = sorted((output / "_state" / "ledger").iterdir())
    entries = [entry for shard in shards for entry in label_store.read_ledger(str(output), int(shard.name))]
    assert label_store.count_entries(str(output)) == len(entries)
    return entries


def check_account(entries: Sequence[Entry], videos: Sequence[ListedVideo]) -> None:
    """Each video, and each range of a video that was cut, is there once, with a result for each of its windows."""
    assert {entry.key for entry in entries} == {KEY}
    chosen = choose(entries, KEY, {video.video_id: video.version for video in videos})
    assert chosen.keys() == {video.video_id for video in videos} and all(map(is_complete, chosen.values()))
    assert max(Counter((entry.video, entry.part) for entry in entries).values()) == 1
    for entry in entries:
        of_windows = [failure for failure in entry.failures if failure.stage == "score"]
        assert entry.num_windows == len(entry.windows) + len(of_windows) or (len(entry.failures), entry.windows) == (
            1,
            (),
        )
        assert [w.index for w in entry.windows] == sorted({w.index for w in entry.windows})
        assert len(entry.probabilities) == len(entry.windows)


@pytest.mark.parametrize("range_s", [600.0, 2.0])
@pytest.mark.process
def test_each_video_is_accounted_for(model: Model, videos: list[ListedVideo], tmp_path: Path, range_s: float) -> None:
    entries = label(tasks_of(videos, 2), model, tmp_path, job(range_s))
    check_account(entries, videos)
    best = {e.video: LABELS[int(e.probabilities[0].argmax())] for e in entries if e.windows and not e.part}
    expected = dict(zip((f"short{i}.mp4" for i in (0, 1, 2, 5, 6)), ("Jump", "Run", "Wave", "Run", "Run"), strict=True))
    assert {name: best[name] for name in expected} == expected
    failures = {e.video: [(f.stage, f.type, f.start_s, f.end_s) for f in e.failures] for e in entries if not e.part}
    assert failures["broken.mp4"] == [("decode", "VideoOpenError", None, None)]
    assert failures["gone.mp4"] == [("read", "VideoReadError", None, None)]
    assert failures["short3.mp4"] == failures["short4.mp4"] == [("score", "ScoreError", 0.0, 0.8)]
    parts = {e.part for e in entries if e.video.startswith("long")}
    assert (parts == {""}) == (range_s == 600) and len(parts) in (1, 4, 5)


@pytest.mark.parametrize("range_s", [600.0, 2.0])
@pytest.mark.process
def test_an_unscored_clip_is_a_record(model: Model, videos: list[ListedVideo], tmp_path: Path, range_s: float) -> None:
    """Between 4 s and 6 s the model fails: it does so for whole batches, but only these windows are lost."""
    (long,) = (video for video in videos if video.video_id.startswith("long"))
    entries = label([LabelTask(0, (VideoTask(long),))], model, tmp_path, job(range_s))
    failures = sorted((failure for entry in entries for failure in entry.failures), key=lambda f: f.start_s or 0.0)
    assert [(f.start_s, f.end_s) for f in failures] == [(4.0, 5.0), (4.5, 5.5), (5.0, 6.0)]
    for failure in failures:
        assert (failure.video_id, failure.uri) == (long.video_id, long.uri)
        assert (failure.stage, failure.type, failure.transient) == ("score", "ScoreError", False)
        assert failure.message == "assertion failed: [a poisoned clip]"
    scored = {w.index: row for e in entries for w, row in zip(e.windows, e.probabilities, strict=True)}
    assert sorted(scored) == [i for i in range(19) if i not in (8, 9, 10)]
    assert [LABELS[int(scored[i].argmax())] for i in (0, 6, 12, 18)] == ["Jump", "Jump", "Wave", "Wave"]
    assert {index for entry in entries for index in entry.strips} == set(scored)


@pytest.mark.process
def test_a_decoder_that_is_lost_costs_the_rest_of_a_video(model: Model, tmp_path: Path) -> None:
    """It is killed after three windows; far more windows follow than are queued between it and the model."""
    path = write_grey(tmp_path / "long.mp4", [JUMP] * 500)
    wanted = WindowJob(CLIP_SPEC, WindowSpec(1.0, 0.04, 1.5), DecodeLimits(20, 256))

    def kill(clip: Scorable) -> Scorable:
        if clip.window is not None and clip.window.index == 3:
            for process in psutil.Process().children():
                if "pipelines.decoding.child_main" in process.cmdline():
                    process.kill()
        return clip

    with test_pipeline.TestPipeline(runner=FnApiRunner()) as pipeline:
        task = LabelTask(0, (VideoTask(ListedVideo("long.mp4", str(path), "1")),))
        clips = (pipeline | beam.Create([task]) | DecodeVideos(wanted, 1)).windows | "Kill" >> beam.Map(kill)
        _ = clips | ScoreClips(str(model[0]), model[1], 1) | RecordResults(str(tmp_path), KEY, CLIP_SPEC.shape)
    (entry,) = label_store.read_ledger(str(tmp_path), 0)
    (failure,) = entry.failures
    assert entry.num_windows == 476 and [w.index for w in entry.windows] == list(range(len(entry.windows)))
    assert 4 <= len(entry.windows) < 476 and len(entry.probabilities) == len(entry.windows)
    assert (failure.type, failure.transient) == ("DecoderKilled", True)
    assert (failure.start_s, failure.end_s, entry.duration_s) == (entry.windows[-1].end_s, 20.0, 20.0)


def ranges_of(video: ListedVideo, wanted: WindowJob) -> tuple[Range, ...]:
    pool = worker.shared_pool(WORKERS, wanted.limits)
    ((_, cut, _),) = pool.stream([video], wanted, lambda item: nullcontext(item.uri))
    assert isinstance(cut, CutVideo)
    return cut.ranges


@pytest.mark.process
def test_ranges_that_are_done_are_not_done_again(model: Model, videos: list[ListedVideo], tmp_path: Path) -> None:
    (long,) = (video for video in videos if video.video_id.startswith("long"))
    first = label([LabelTask(0, (VideoTask(long),))], model, tmp_path / "1", job(2.0))
    done = tuple(entry.part for entry in first[:2])
    again = label([LabelTask(0, (VideoTask(long, done, first[0].parts),))], model, tmp_path / "2", job(2.0))
    assert {e.part: e.to_json() for e in again} == {e.part: e.to_json() for e in first if e.part not in done}
    other = label([LabelTask(0, (VideoTask(long, done, (*done, "rest")),))], model, tmp_path / "3", job(2.0))
    assert {e.part for e in other} == {e.part for e in first}, "ranges of another cut are of no use"


@pytest.mark.process
def test_a_range_that_cannot_be_read_is_one_record(model: Model, videos: list[ListedVideo], tmp_path: Path) -> None:
    (long,) = (video for video in videos if video.video_id.startswith("long"))
    ranges = ranges_of(long, job(2.0))
    windows = [planned.window for planned in Piece.from_json(ranges[1].piece).windows]
    gone = ListedVideo(long.video_id, f"{tmp_path}/gone.mp4", "1")
    source = VideoRange(0, VideoTask(gone), ("0:4", "4:8", "8:19"), ranges[1])
    with test_pipeline.TestPipeline(runner=FnApiRunner()) as pipeline:
        clips = pipeline | beam.Create([RangeTask((source,))]) | DecodeRanges(job(2.0), WORKERS)
        scored = clips | ScoreClips(str(model[0]), model[1], 1)
        counts = scored | RecordResults(str(tmp_path), KEY, CLIP_SPEC.shape)
        assert_that(counts, equal_to([(0, 1)]))
    (entry,) = label_store.read_ledger(str(tmp_path), 0)
    (failure,) = entry.failures
    assert (entry.part, entry.num_windows, entry.windows) == ("4:8", len(windows), ())
    assert (failure.start_s, failure.end_s) == (windows[0].start_s, windows[-1].end_s)
    assert (failure.stage, failure.type, failure.transient) == ("read", "VideoReadError", True)
