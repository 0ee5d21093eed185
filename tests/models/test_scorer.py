"""Probabilities are the model's, a clip's don't depend on its company, and what doesn't fit is refused at load."""

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import UsageError, WorkerError
from pipelines.core.familiarity import Familiarity
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.models.scorer import Scorer, batch_size, read_model_info
from pipelines.models.scores import Scored, ScoreError, half
from pipelines.process.tensorflow_start import start_tensorflow
from pipelines.video.images import as_stored, decode_frames, encode_frames
from tests.support.label_model import CLIP_SPEC, LABELS, grey_clip, label_of, level_of, make_model

start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from trainer.evaluation.familiarity import Moments, calibrate  # noqa: E402
from trainer.export.features import features_of  # noqa: E402
from trainer.export.keras_model import export_model  # noqa: E402
from trainer.networks.build import build_model  # noqa: E402

POISON, NAN = (100, 110), (150, 160)
SMALL = ClipSpec(num_frames=4, height=32, width=32)
KNOWN = Familiarity("any", 1.0, reason="")


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """Fails for batches with a grey of 100 to 109, and gives NaN for one of 150 to 159."""
    folder = tmp_path_factory.mktemp("poisoned")
    return Scorer(str(folder), make_model(folder, poison=POISON, nan=NAN))


@pytest.fixture(scope="module", params=["projection", "lrcn", "convlstm"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelInfo, Scorer]:
    """A model directory of each kind; those of networks tell unfamiliar clips."""
    folder = tmp_path_factory.mktemp("models") / request.param
    if request.param == "projection":
        info = make_model(folder, rule="projection", embedding=True)
    else:
        keras.utils.set_random_seed(1)
        network = build_model(request.param, "default", SMALL.shape, len(LABELS))
        clips = np.stack(noise(range(60)))
        moments = Moments()
        moments.add(features_of(network)(clips[:40]).numpy())
        distances = moments.fit().distances(features_of(network)(clips[40:]).numpy())
        known = calibrate(distances, [str(number // 4) for number in range(20)])
        info = ModelInfo(request.param, "default", SMALL, LABELS, unfamiliar=known)
        info = export_model(network, str(folder), info, clips[:2], moments.fit())
    return folder, info, Scorer(str(folder), info, embeddings=True)


def noise(seeds: Sequence[int]) -> list[np.ndarray]:
    return [np.random.default_rng(seed).integers(0, 256, SMALL.shape, np.uint8) for seed in seeds]


def rows(results: Sequence[Scored | ScoreError]) -> list[bytes]:
    """The bits of probabilities, distances and embeddings; fails where there are no probabilities."""
    found = [row for row in results if isinstance(row, Scored)]
    kinds = {(row.probabilities.shape, row.probabilities.dtype) for row in found}
    assert len(found) == len(results) and kinds == {((3,), np.dtype(np.float32))}
    more = [[np.float32(row.unfamiliar)] if row.unfamiliar is not None else [] for row in found]
    more = [[*m, row.embedding] if row.embedding is not None else m for m, row in zip(more, found, strict=True)]
    return [b"".join(p.tobytes() for p in (row.probabilities, *m)) for m, row in zip(more, found, strict=True)]


def test_probabilities_are_those_of_the_signature(sound: tuple[Path, ModelInfo, Scorer]) -> None:
    folder, info, scorer = sound
    clips = noise(range(5))
    signature = tf.saved_model.load(str(folder / info.saved_model)).signatures["serving_default"]
    outputs = signature(**{info.input_name: tf.constant(np.stack(clips))})
    scored = scorer.score([clip.tobytes() for clip in clips])
    results = rows(scored)
    found = [row for row in scored if isinstance(row, Scored)]
    np.testing.assert_allclose([row.probabilities for row in found], outputs[info.output_name], atol=1e-5)
    features = np.stack([row.embedding for row in found if row.embedding is not None])
    assert features.dtype == np.float16 and features.shape == (5, info.embedding)
    np.testing.assert_allclose(features, outputs["embedding"], rtol=1e-3, atol=1e-3)
    if info.unfamiliar.is_known:
        np.testing.assert_allclose([row.unfamiliar or 0.0 for row in found], outputs["unfamiliar"], atol=1e-5)
    assert len(set(results)) == 5, "the model tells no clips apart: the other tests would prove nothing"


def test_what_is_not_asked_for_is_not_fetched_and_changes_nothing(sound: tuple[Path, ModelInfo, Scorer]) -> None:
    folder, info, scorer = sound
    clips = [clip.tobytes() for clip in noise(range(5))]
    found = [row for row in Scorer(str(folder), info).score(clips) if isinstance(row, Scored)]
    assert [row.embedding for row in found] == [None] * 5
    both = zip(rows(found), rows(scorer.score(clips)), strict=True)
    assert all(long.startswith(short) and len(long) == len(short) + 2 * info.embedding for short, long in both)


@pytest.mark.parametrize(
    ("given", "kept"), [(1.0006, 1.001), (1e5, 65504.0), (-np.inf, -65504.0), (np.nan, 0.0), (1e-9, 0.0)]
)
def test_a_half_is_always_finite(given: float, kept: float) -> None:
    assert half(np.array([given], np.float32)).tolist() == [pytest.approx(kept, abs=5e-4)]


def test_a_row_depends_on_its_clip_alone(sound: tuple[Path, ModelInfo, Scorer]) -> None:
    scorer = sound[2]
    clips = [clip.tobytes() for clip in noise(range(40))]
    alone = [rows(scorer.score([clip]))[0] for clip in clips]
    chance = np.random.default_rng(0)
    for count in [scorer.batch_size, 2, *chance.integers(1, scorer.batch_size + 1, 10)]:
        chosen = chance.choice(len(clips), count)
        assert rows(scorer.score([clips[i] for i in chosen])) == [alone[i] for i in chosen], f"{count} clips: {chosen}"


def test_a_model_trained_on_jpeg_sees_clips_as_its_dataset_would_hold_them(tmp_path: Path) -> None:
    plain = make_model(tmp_path, rule="projection", clip_spec=SMALL)
    encoding = FrameEncoding("jpeg", 40)
    info = ModelInfo.from_json(replace(plain, encoding=encoding).to_json())
    clips = noise(range(3))
    stored = [decode_frames(encode_frames(clip, encoding), SMALL, encoding) for clip in clips]
    given = rows(Scorer(str(tmp_path), info).score([clip.tobytes() for clip in clips]))
    assert given == rows(Scorer(str(tmp_path), plain).score([clip.tobytes() for clip in stored]))
    assert given != rows(Scorer(str(tmp_path), plain).score([clip.tobytes() for clip in clips]))
    lossless = replace(plain, encoding=FrameEncoding("png"))
    assert as_stored(clips[0].tobytes(), SMALL, lossless.encoding) == clips[0].tobytes()


@settings(max_examples=60)
@given(data=st.data())
def test_bad_clips_cost_nothing_but_themselves(poisoned: Scorer, data: st.DataObject) -> None:
    """Any mixture of good clips, clips that fail the whole batch, clips that give NaN, and clips of a wrong size."""
    good, bad, none = st.sampled_from((0, 40, 99, 110, 200, 255)), st.just(105), st.just(155)
    clips = st.one_of(good.map(grey_clip), bad.map(grey_clip), none.map(grey_clip), st.just(b"short"), st.just(b""))
    batch = data.draw(st.lists(clips, max_size=poisoned.batch_size))
    results = poisoned.score(batch)
    assert len(results) == len(batch)
    for clip, result in zip(batch, results, strict=True):
        if len(clip) != CLIP_SPEC.num_bytes:
            assert str(result) == f"a clip of {len(clip)} bytes, not {CLIP_SPEC.num_bytes}"
        elif clip[0] == 105:
            assert isinstance(result, ScoreError) and str(result) == "assertion failed: [a poisoned clip]"
        elif clip[0] == 155:
            assert isinstance(result, ScoreError) and "NaN" in str(result)
        else:
            assert isinstance(result, Scored) and LABELS[int(result.probabilities.argmax())] == label_of(clip[0])
            assert rows([result]) == rows(poisoned.score([clip]))


def overcommits() -> str:
    path = Path("/proc/sys/vm/overcommit_memory")
    return path.read_text().strip() if path.exists() else ""


@pytest.mark.skipif(overcommits() != "0", reason="this system gives any amount of memory, or counts it otherwise")
@pytest.mark.training
def test_a_device_that_is_full_gets_smaller_batches(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A batch of 24 asks for more than all memory, after which TensorFlow waits for 10 s; one of 12 gets it."""
    part = (psutil.virtual_memory().total + psutil.swap_memory().total) // 14 >> 30
    if not part:
        pytest.skip("clips ask for whole gigabytes, and this machine is too small for 12 of them")
    scorer = Scorer(str(tmp_path), make_model(tmp_path, hungry=(100, 110), clip_gib=part))
    clips = [grey_clip(105) if i % 5 == 3 else grey_clip(level_of(LABELS[i % 3])) for i in range(24)]
    results = scorer.score(clips)
    found = [LABELS[int(result.probabilities.argmax())] for result in results if isinstance(result, Scored)]
    assert found == [label_of(clip[0]) for clip in clips]
    (message,) = [record.getMessage() for record in caplog.records if record.name == "pipelines.models.scorer"]
    assert message == "the device's memory is full: clips are scored in batches of 12 from here on"


def test_a_device_that_fails_is_no_clips_failure(poisoned: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(frames: np.ndarray) -> list[np.ndarray]:
        raise tf.errors.InternalError(None, None, "CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure")

    monkeypatch.setattr(poisoned, "_run", lost)
    with pytest.raises(WorkerError, match="the device can't score clips any more .*CUDA_ERROR_LAUNCH_FAILED"):
        poisoned.score([grey_clip(40)])


def test_all_of_a_batch_may_be_bad(poisoned: Scorer) -> None:
    results = poisoned.score([grey_clip(105)] * poisoned.batch_size)
    assert len(results) == poisoned.batch_size and all(isinstance(result, ScoreError) for result in results)
    assert poisoned.score([]) == []
    assert rows(poisoned.score([grey_clip(level_of("Run"))]))  # and the model still works


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        (ClipSpec(4, 32, 32), 24), (ClipSpec(20, 64, 64), 24), (ClipSpec(32, 96, 96), 24), (ClipSpec(16, 224, 224), 1),
        (ClipSpec(1, 512, 682), 24), (ClipSpec(1, 512, 683), 1), (ClipSpec(1, 8, 8), 24),
    ],
)  # fmt: skip
def test_batches_are_bounded_by_bytes(spec: ClipSpec, size: int) -> None:
    assert batch_size(ModelInfo("m", "v", spec, LABELS)) == size


def test_values_that_are_no_probabilities_are_errors(tmp_path: Path) -> None:
    """An imported model may give any values: this one gives the hundredth of a pixel minus 50."""

    def serve(frames: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": (tf.cast(frames[:, 0, 0, 0], tf.float32) - 50) / 100}

    scorer = Scorer(str(tmp_path), save(tmp_path, serve))
    pixels = [(60, 70, 120), (40, 110, 100), (60, 70, 121), (70, 60, 120)]
    results = scorer.score([bytes(pixel) * (SMALL.num_bytes // 3) for pixel in pixels])
    assert rows([results[0], results[3]])
    assert str(results[1]) == "the model gives values from -0.1 to 0.6 with the sum 1, not probabilities"
    assert str(results[2]) == "the model gives values from 0.1 to 0.71 with the sum 1.01, not probabilities"


def test_how_far_a_clip_is_from_those_of_training(tmp_path: Path) -> None:
    """This model says a tenth of a pixel minus 1, and NaN for white."""

    def serve(frames: tf.Tensor) -> dict[str, tf.Tensor]:
        pixel = tf.cast(frames[:, 0, 0, 0, 0], tf.float32)
        return {**thirds(frames), "unfamiliar": tf.where(pixel < 255, pixel / 10 - 1, np.nan)}

    scorer = Scorer(str(tmp_path), save(tmp_path, serve, unfamiliar=KNOWN))
    far, none, negative = scorer.score([grey_clip(level, SMALL) for level in (30, 255, 5)])
    assert isinstance(far, Scored) and far.unfamiliar == 2
    assert str(none) == "the model gives nan as the distance of this clip from those of training"
    assert str(negative) == "the model gives -0.5 as the distance of this clip from those of training"
    (untold,) = Scorer(str(tmp_path), save(tmp_path / "b", serve)).score([grey_clip(30, SMALL)])
    assert isinstance(untold, Scored) and untold.unfamiliar is None


def save(folder: Path, serve: Callable[..., Any], shape: Sequence[int | None] = SMALL.shape, **other: Any) -> ModelInfo:
    """A model directory with any SavedModel; `signature`, `dtype` and `input_name` are those of the SavedModel."""
    module = tf.Module()
    spec = tf.TensorSpec(
        [other.pop("batch", None), *shape], other.pop("dtype", tf.uint8), other.pop("input_name", "frames")
    )
    module.serve = tf.function(serve, input_signature=[spec])
    signatures = {other.pop("signature", "serving_default"): module.serve}
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=signatures)
    return ModelInfo("any", "imported", SMALL, LABELS, **other)


def thirds(frames: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.ones([tf.shape(frames)[0], 3]) / 3}


def far_and_wrong(frames: tf.Tensor) -> dict[str, tf.Tensor]:
    return {**thirds(frames), "unfamiliar": tf.ones([tf.shape(frames)[0], 1])}


def of_two(frames: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.ones([tf.shape(frames)[0], 2]) / 2}


def of_frames(frames: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.ones([tf.shape(frames)[0], 4, 3]) / 3}


def of_all(frames: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.constant(1.0)}


def of_words(frames: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.fill([tf.shape(frames)[0], 3], "no number")}


def needs_light(frames: tf.Tensor) -> dict[str, tf.Tensor]:
    tf.debugging.Assert(tf.reduce_max(frames) > 0, ["too dark"])
    return thirds(frames)


@pytest.mark.parametrize(
    ("serve", "options", "parts"),
    [
        (thirds, {"signature": "predict"}, ("no signature serving_default",)),
        (thirds, {"dtype": tf.float32}, ("float32", "not uint8")),
        (thirds, {"shape": (4, 64, 64, 3)}, ("(None, 4, 64, 64, 3)", "[B, 4, 32, 32, 3]")),
        (thirds, {"shape": (None, 48)}, ("(None, None, 48)", "[B, 4, 32, 32, 3]")),
        (thirds, {"batch": 1}, ("(1, 4, 32, 32, 3)", "[B, 4, 32, 32, 3]")),
        (thirds, {"input_name": "clips"}, ("it takes clips, not frames",)),
        (thirds, {"output_name": "scores"}, ("it gives probabilities, not scores",)),
        (thirds, {"unfamiliar": KNOWN}, ("it gives probabilities, not unfamiliar",)),
        (far_and_wrong, {"unfamiliar": KNOWN}, ("it gives unfamiliar [24, 1], not a number for each clip",)),
        (of_two, {}, ("it gives 2 probabilities", "there are 3 labels")),
        (of_frames, {}, ("it gives values [24, 4, 3]", "there are 3 labels")),
        (of_all, {}, ("it gives values []", "there are 3 labels")),
        (of_words, {}, ("it fails on a black clip", "string")),
        (needs_light, {}, ("it fails on a black clip", "too dark")),
    ],
)  # fmt: skip
def test_a_model_that_is_not_as_described_is_refused(
    tmp_path: Path, serve: Callable[..., Any], options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    info = save(tmp_path, serve, **options)
    with pytest.raises(UsageError) as caught:
        Scorer(str(tmp_path), info)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/saved_model doesn't agree with {MODEL_INFO}: ") and "\n" not in message
    assert message.endswith(". Export or import the model again"), message
    assert all(part in message for part in parts), message


def test_what_fits_is_taken(tmp_path: Path) -> None:
    assert Scorer(str(tmp_path), save(tmp_path, thirds, shape=(None, None, None, 3))).score([grey_clip(1)])


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "noise"])
def test_a_damaged_saved_model_is_refused(tmp_path: Path, damage: str) -> None:
    info = make_model(tmp_path)
    graph = tmp_path / "saved_model" / "saved_model.pb"
    if damage == "gone":
        shutil.rmtree(graph.parent)
    else:
        graph.write_bytes({"empty": b"", "cut": graph.read_bytes()[:-100], "noise": bytes(range(256)) * 9}[damage])
    with pytest.raises(UsageError, match=f"^the model in {tmp_path}/saved_model cannot be loaded: .") as caught:
        Scorer(str(tmp_path), info)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"^no model in {tmp_path}: there is no model_info.json\. Models come from"):
        read_model_info(str(tmp_path))
    info = make_model(tmp_path / "model")
    with pytest.raises(UsageError, match=re.escape(f"; did you mean {tmp_path}/model? Models come")):
        read_model_info(str(tmp_path))
    assert read_model_info(str(tmp_path / "model")) == info
    with pytest.raises(UsageError, match="no model in"):
        read_model_info(str(tmp_path / "gone"))


def test_rules_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    others: tuple[dict[str, Any], ...] = (
        {}, {"rule": "two"}, {"poison": POISON}, {"nan": POISON}, {"labels": ("A", "B")},
        {"clip_spec": ClipSpec(3, 8, 8)},
    )  # fmt: skip
    made = [make_model(tmp_path / str(i), **{"rule": "one", **other}) for i, other in enumerate(others)]
    assert len({info.fingerprint for info in made}) == len(made)
    assert make_model(tmp_path / "again", rule="one") == made[0]
