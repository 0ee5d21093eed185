"""The public names: which ones exist, that they leave the process as it was, and their examples."""

import contextlib
import gc
import json
import logging
import os
import random
import re
import runpy
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to

import pipelines
import trainer
from pipelines import interface
from tests import ROOT
from tests.conftest import read_index, run_here, write_video
from tests.support.label_model import LABELS, grey_clip, level_of, make_model, write_grey
from tests.support.packing import pack
from trainer import interface as trainer_interface

NAMES = [
    "Clip", "ClipSpec", "Dataset", "DatasetInfo", "Evaluation", "FeaturesInfo", "LabelPlayer", "LabelReport",
    "LabelVideos", "Model", "ModelInfo", "ReadClips", "UsageError", "UserError", "VideoClip", "VideoFolder", "download",
    "evaluate", "features", "label", "load_model", "open_dataset", "play", "preprocess", "read_clip", "sample_data",
]  # fmt: skip
NAMES_OF_TRAINER = ["Comparison", "Metrics", "compare", "train"]


Watch = Callable[[], contextlib.AbstractContextManager[None]]


def test_the_public_names() -> None:
    for package, names in ((pipelines, NAMES), (trainer, NAMES_OF_TRAINER)):
        assert package.__all__ == names and set(names) <= set(dir(package))
        for name in names:
            assert getattr(package, name).__doc__
    for module in (pipelines, trainer):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            _ = module.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value",
    [
        interface.preprocess, interface.label, interface.sample_data, interface.download, interface.evaluate,
        interface.features,
        pipelines.open_dataset, pipelines.load_model, pipelines.Dataset, pipelines.Model, pipelines.ReadClips,
        pipelines.LabelVideos, pipelines.read_clip, pipelines.play, trainer.train, trainer_interface.compare,
    ],
)  # fmt: skip
def test_docstrings_have_an_example(value: Any) -> None:
    assert "Example:\n" in value.__doc__ and ">>> " in value.__doc__


@pytest.mark.process
def test_importing_loads_nothing() -> None:
    heavy = ("numpy", "apache_beam", "tensorflow", "cv2", "av")
    code = f"import sys, pipelines, trainer; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def unchanged(capfd: pytest.CaptureFixture[str]) -> Watch:
    """Checks that nothing is printed within the block, and that the process is as before afterwards."""

    def state() -> list[Any]:
        root, numbers = logging.getLogger(), np.random.get_state()
        return [
            sys.stdout, sys.stderr, threading.excepthook, *map(signal.getsignal, (signal.SIGINT, signal.SIGTERM)),
            root.handlers[:], root.level, root.filters[:], gc.isenabled(), gc.get_freeze_count(), warnings.filters[:],
            random.getstate(), numbers[1].tolist(), numbers[2],
            [os.environ.get(name) for name in ("TF_CPP_MIN_LOG_LEVEL", "PYTHONWARNINGS", "TF_ENABLE_ONEDNN_OPTS")],
        ]  # fmt: skip

    @contextlib.contextmanager
    def watched() -> Iterator[None]:
        capfd.readouterr()
        gc.unfreeze()  # what tools that other tests ran in this process have frozen
        before = state()
        yield
        for now, then in zip(state(), before, strict=True):
            assert now == then
        printed = capfd.readouterr()
        # A program that had loaded TensorFlow before sees as much of its log as it chose to.
        lines = [line for line in printed.err.splitlines() if not re.match(r"\t \[\[|[\d-]+ .* tensorflow/core/", line)]
        assert (printed.out, lines) == ("", [])

    return watched


def test_preprocess_and_open(unchanged: Watch, tree: Path, tmp_path: Path, dataset: Path) -> None:
    with unchanged():
        info = pipelines.preprocess(input=tree, output=tmp_path / "out", num_frames=4, size=32, shards=8)
        assert info == pipelines.open_dataset(str(dataset)).info
        assert info._repr_html_().count("<tr>") == 1 + len(info.labels) + 1
        data = pipelines.open_dataset(tmp_path / "out")
        assert escape((tmp_path / "out" / "preview.html").read_text()) in data._repr_html_()
        assert "Jump/v_Jump_g0" in "".join(clip._repr_html_() for clip in data.clips("train"))
        for split, entry in data.info.splits.items():
            clips = list(data.clips(split))
            assert len(clips) == entry.num_examples
            batches = list(data.as_tf(split, batch_size=4).as_numpy_iterator())
            frames = np.concatenate([frames for frames, _ in batches])
            assert np.array_equal(frames, np.stack([clip.frames for clip in clips]))
            assert np.concatenate([labels for _, labels in batches]).tolist() == [clip.label for clip in clips]
            assert [clip.label_name for clip in clips] == [data.info.labels[clip.label] for clip in clips]
        one, again = (list(data.as_tf("train", 4, shuffle_buffer=9, seed=1).as_numpy_iterator()) for _ in range(2))
        assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, again, strict=True))


@pytest.mark.parametrize("more", [{"compression": "gzip"}, {"encoding": "png"}])
@pytest.mark.process
def test_datasets_of_other_forms(more: dict[str, str], tree: Path, tmp_path: Path, dataset: Path) -> None:
    pipelines.preprocess(input=str(tree), output=str(tmp_path), num_frames=4, size=32, shards=8, **more)
    clips, plain = (list(pipelines.open_dataset(str(folder)).clips("test")) for folder in (tmp_path, dataset))
    assert len(clips) == len(plain) > 0
    assert all(np.array_equal(a.frames, b.frames) and a.group == b.group for a, b in zip(clips, plain, strict=True))
    frames = np.concatenate([frames for frames, _ in pipelines.open_dataset(str(tmp_path)).as_tf("test", 2)])
    assert np.array_equal(frames, np.stack([clip.frames for clip in plain]))


def test_train_load_and_label(unchanged: Watch, tree: Path, dataset: Path, tmp_path: Path) -> None:
    with unchanged():
        words = {"epochs": 1, "variant": "reference", "batch_size": 8, "baseline": False}
        metrics = trainer.train(model="lrcn", data=dataset, output=tmp_path / "run", **words)
        assert metrics == json.loads((tmp_path / "run" / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
        assert escape((tmp_path / "run" / "report.html").read_text()) in metrics._repr_html_()
        comparison = trainer.compare(tmp_path / "run")
        assert [run.name for run in comparison.runs] == ["run"] and "Comparison of runs" in comparison._repr_html_()
        model = pipelines.load_model(tmp_path / "run" / "model")
        video = tree / "Jump" / "v_Jump_g01_c01.avi"
        clip = pipelines.read_clip(video, model.info.clip_spec)
        rows = model.predict(np.stack([clip.frames] * 3))
        assert rows.shape == (3, 3) and rows.dtype == np.float32 and np.allclose(rows.sum(axis=1), 1)
        report = pipelines.label(model=tmp_path / "run" / "model", input=tree, output=tmp_path / "labels")
        assert (report.videos, report.labelled, report.failed) == (30, 30, 0)
        assert "Every listed video was decoded completely" in report._repr_html_()
        player = pipelines.play(video, labels=tmp_path / "labels")
        assert player.labels.video == "Jump/v_Jump_g01_c01.avi" and player.labels.segments[0].label in model.info.labels


@pytest.mark.training
@pytest.mark.process
def test_train_from_features(unchanged: Watch, dataset: Path, features: Path, tmp_path: Path) -> None:
    with unchanged():
        info = pipelines.features(dataset, "efficientnet-lite0", tmp_path / "seen")
        assert info == pipelines.FeaturesInfo.read(str(tmp_path / "seen"))
        assert info.fingerprint() == pipelines.FeaturesInfo.read(str(features)).fingerprint()
        words = {"epochs": 1, "batch_size": 8, "baseline": False, "features": tmp_path / "seen"}
        metrics = trainer.train("appearance", dataset, tmp_path / "run", **words)
        assert metrics["features"]["fingerprint"] == info.fingerprint()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: pipelines.preprocess(input=str(p / "none"), output=str(p / "out")), "none"),
        (lambda p: pipelines.preprocess(input=str(p), output=str(p / "out")), "lies in"),
        (lambda p: pipelines.preprocess(input=str(p), output="/out", num_frames=0), "frames"),
        (lambda p: pipelines.preprocess(input=str(p), output="/out", num_frame=4), "num_frame"),
        (lambda p: pipelines.preprocess(p, "/out", numframes=4), "setting 'numframes'; did you mean num_frames"),
        (lambda p: pipelines.preprocess(p, "/out", beam_arguments="--x=1"), "beam_arguments must be a list of texts"),
        (lambda p: pipelines.preprocess([str(p)], "/out"), "input must be a path, .* not list"),
        (lambda p: pipelines.preprocess(str(p) + "\0", "/out"), "input has a zero byte"),
        (lambda p: pipelines.label(None, p, "/out"), "model must be a path, .* not NoneType"),
        (lambda p: pipelines.open_dataset(str(p)), "not a dataset"),
        (lambda p: pipelines.open_dataset(bytes(p)), "the dataset must be a path, .* not bytes"),
        (lambda p: pipelines.load_model(str(p)), "model"),
        (lambda p: pipelines.label(model=str(p / "m"), input=str(p / "i"), output=str(p / "o")), "model"),
        (lambda p: pipelines.label(model="m", input="i", output="o", dry_run=True), "dry_run"),
        (lambda p: pipelines.features(str(p / "none"), "efficientnet-lite0", str(p / "out")), "no folder .*none"),
        (lambda p: pipelines.features(str(p), "efficientnet-lite0", p / "out"), "lies in"),
        (lambda p: pipelines.features(p, "resnet", "/out"), "appearance must be one of .* not 'resnet'"),
        (lambda p: pipelines.features(p, "efficientnet-lite0", "/out", dry_run=True), "dry_run"),
        (lambda p: trainer.train(model="lrcn", data=str(p), output=str(p / "run")), "dataset"),
        (lambda p: trainer.train(model="resnet", data=str(p)), "resnet"),
        (lambda p: trainer.train(None, p), "model must be one of .* not None"),
        (lambda p: trainer.train("lrcn", None), "data must be a path"),
        (lambda p: trainer.train(model="lrcn", data=str(p), strategy="multi_worker"), "multi_worker"),
        (lambda p: trainer.compare(str(p / "none")), "no such run"),
        (lambda p: trainer.compare(), "at least one run"),
        (lambda p: trainer.compare([p]), "a run must be a path, .* not list"),
        (lambda p: pipelines.evaluate(p, p, background="Rest"), "background must be a list of texts, not 'Rest'"),
        (lambda p: pipelines.evaluate(p, p, fps="25"), "fps must be a number, 0 or more, not '25'"),
        (lambda p: pipelines.sample_data("gs://bucket/videos"), "local folder"),
        (lambda p: pipelines.sample_data(str(p), groups=0), "groups"),
        (lambda p: pipelines.download(str(p), "ucf51"), "one of ucf50, .* not 'ucf51'"),
        (lambda p: pipelines.download(str(p), archive=str(p / "mine.zip")), "no such file"),
        (lambda p: pipelines.download(str(p), classes=["Swinging"]), "no class 'Swinging'"),
        (lambda p: pipelines.download(p, classes="Swing"), "classes must be a list of texts, not 'Swing'"),
        (lambda p: pipelines.read_clip(p, (4, 32, 32)), "spec must be a ClipSpec, not tuple"),
        (lambda p: pipelines.read_clip(p, pipelines.ClipSpec(), 1.5), "min_frames must be a whole number, not 1.5"),
        (lambda p: pipelines.read_clip("gs://bucket/a.mp4", pipelines.ClipSpec()), "must be on this machine"),
        (lambda p: [str(p)] | pipelines.ReadClips(None), "ReadClips takes a ClipSpec, not NoneType"),
        (lambda p: [str(p)] | pipelines.ReadClips(pipelines.ClipSpec(), -1), "workers must be .* not -1"),
        (lambda p: [str(p)] | pipelines.LabelVideos(None), "the model must be a path"),
        (lambda p: [str(p)] | pipelines.LabelVideos(str(p), window_s="2"), "window_s must be a number, 0 .* not '2'"),
        (lambda p: [str(p)] | pipelines.LabelVideos(str(p), workers=-1), "workers must be .* not -1"),
    ],
)
def test_mistakes_are_usage_errors(
    unchanged: Watch, call: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    with unchanged():
        with pytest.raises(pipelines.UsageError, match=message) as refused:
            call(tmp_path)
        assert isinstance(refused.value, ValueError) and isinstance(refused.value, pipelines.UserError)


def test_errors_of_a_video_name_it(tmp_path: Path) -> None:
    video = write_video(tmp_path / "short.avi", 9)
    spec = pipelines.ClipSpec(np.int64(4), 32, 32)
    assert type(spec.num_frames) is int
    assert pipelines.read_clip(video, spec, np.int64(9)).num_source_frames == 9
    for path, min_frames, message in ((tmp_path / "none.avi", 1, "No such file"), (video, 10, "9 frames, fewer")):
        with pytest.raises(pipelines.UserError, match=re.escape(f"{path}: {message}")):
            pipelines.read_clip(path, spec, min_frames)


def test_videos_are_made_and_unpacked(unchanged: Watch, tmp_path: Path) -> None:
    with unchanged():
        made = pipelines.sample_data(str(tmp_path / "made"), groups=1, clips_per_group=1, workers=1)
        assert len(made.videos) == 8 and all(Path(path).is_file() for (path,) in made.videos.values())
        assert made == pipelines.sample_data(str(tmp_path / "made"), groups=1, clips_per_group=1)
        names = [f"mine/{label}/{label}.avi" for label in ("Swing", "Wave")]
        (tmp_path / "mine.zip").write_bytes(pack(dict.fromkeys(names, b"x"), "zip"))
        found = pipelines.download(str(tmp_path), archive=str(tmp_path / "mine.zip"))
        assert found.videos == {name.split("/")[1]: (str(tmp_path / name),) for name in names}
        assert "<td>2</td>" in found._repr_html_()


@pytest.mark.process
def test_clips_and_failures_in_a_pipeline(tmp_path: Path) -> None:
    uris = [str(write_video(tmp_path / f"{count}.avi", count)) for count in (8, 16)]
    (tmp_path / "broken.avi").write_bytes(b"no video")
    spec = pipelines.ClipSpec(num_frames=4, height=48, width=80)

    def is_right(found: list[pipelines.VideoClip]) -> None:
        assert sorted(clip.num_source_frames for clip in found) == [8, 16]
        for clip in found:
            assert [read_index(frame) for frame in clip.frames] == list(clip.frame_indices)

    with TestPipeline() as pipeline:
        videos = pipeline | beam.Create([*uris, str(tmp_path / "broken.avi")])
        clips, failures = videos | pipelines.ReadClips(spec, workers=2).with_failures()
        assert_that(clips, is_right)
        names = failures | beam.Map(lambda failure: (os.path.basename(failure.uri), failure.type))
        assert_that(names, equal_to([("broken.avi", "VideoOpenError")]), "Names")
    with pytest.raises(Exception, match=r"broken\.avi: .*with_failures"), TestPipeline() as pipeline:
        pipeline | beam.Create([str(tmp_path / "broken.avi")]) | pipelines.ReadClips(spec, workers=1)


@pytest.mark.process
def test_rows_are_those_of_the_job(tmp_path: Path) -> None:
    """Of short videos, and of a long one that is cut into ranges."""
    make_model(tmp_path / "model", durations_s={"min": 1, "median": 1, "max": 1})
    for label in LABELS:
        write_grey(tmp_path / "videos" / f"{label}.mp4", [level_of(label)] * 20)
    long = [level_of(LABELS[second // 10 % 3]) for second in range(60) for _ in range(5)]
    write_grey(tmp_path / "videos" / "long.mp4", long, rate=5, options={"g": "10"})
    (tmp_path / "videos" / "broken.mp4").write_bytes(b"no video")
    words = ("--model", tmp_path / "model", "--input", tmp_path / "videos", "--output", tmp_path / "labels")
    assert run_here("pipelines.label", *words, "--range-s", 10, "--max-failure-rate", 1).returncode == 0
    (file,) = (tmp_path / "labels").glob("labels-*.jsonl")
    wanted = [json.loads(line) for line in file.read_text().splitlines()]
    uris = sorted(map(str, (tmp_path / "videos").iterdir()))
    for row in wanted:
        (row["uri"],) = (uri for uri in uris if Path(uri).name == Path(row["uri"]).name)

    def are_equal(found: list[dict[str, Any]]) -> None:
        for row in found:
            assert row["video"] == row["uri"]
        ours, theirs = ([{**row, "video": ""} for row in rows] for rows in (found, wanted))
        key = lambda row: (row["uri"], row["start_s"])  # noqa: E731
        assert sorted(ours, key=key) == sorted(theirs, key=key) and len(ours) > 5

    with TestPipeline() as pipeline:
        videos = pipeline | beam.Create([*uris, *uris])
        rows, failures = videos | pipelines.LabelVideos(str(tmp_path / "model"), range_s=10, workers=2).with_failures()
        assert_that(rows, are_equal)
        assert_that(failures | beam.Map(lambda failure: failure.type), equal_to(["VideoOpenError"]), "Failures")


def test_predict_refuses_other_arrays(tmp_path: Path) -> None:
    info = make_model(tmp_path)
    model = pipelines.load_model(str(tmp_path))
    clip = np.frombuffer(grey_clip(level_of("Run")), np.uint8).reshape(info.clip_spec.shape)
    assert info.labels[model.predict(clip[None])[0].argmax()] == "Run"
    assert model.predict(clip[None][:0]).shape == (0, 3)
    for wrong in (clip, clip[None].astype(np.float32), clip[None, :2]):
        with pytest.raises(pipelines.UsageError, match=r"uint8 \[B, 4, 32, 32, 3\], not"):
            model.predict(wrong)


@pytest.fixture
def run_example(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs an example as a script, in this process, which has loaded TensorFlow: what it prints."""

    def run(name: str, *arguments: object) -> str:
        path = ROOT / "examples" / f"{name}.py"
        assert path.read_text().count("\n") <= 40
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        capfd.readouterr()
        runpy.run_path(str(path), run_name="__main__")
        return capfd.readouterr().out

    return run


@pytest.mark.process
def test_example_of_training_and_of_labelling(run_example: Callable[..., str], tree: Path, tmp_path: Path) -> None:
    said = run_example("train_from_python", tree, tmp_path)
    assert "accuracy on unseen groups" in said and "v_Jump_g01_c01.avi: " in said
    model = tmp_path / "lrcn" / "model"
    assert "30 of 30 videos have labels" in run_example("label_from_python", model, tree, tmp_path / "labels")
    videos = sorted((tree / "Run").iterdir())[:2]
    said = run_example("embed_transforms", model, *videos, tmp_path / "none.avi")
    assert said.count("frames of mean brightness") == 2 and said.count(str(tmp_path / "none.avi")) == 2
    assert said.count(" s ") == 2


@pytest.mark.process
def test_example_of_pytorch(run_example: Callable[..., str], dataset: Path) -> None:
    if find_spec("torch") is None:
        pytest.skip("needs PyTorch")
    assert "(8, 3, 4, 32, 32)" in run_example("read_from_pytorch", dataset)
