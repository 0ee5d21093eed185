"""A shard of features from a shard of clips: pure, with a function in place of a network."""

import gzip
import hashlib
import io

import numpy as np
import pytest

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.example import Example, decode, encode
from pipelines.dataset.info import ShardInfo
from pipelines.dataset.tfrecord import frame_record, read_records
from pipelines.featurizing.plan import FeaturesSettings, FeaturesTask, Sight
from pipelines.featurizing.records import decode_features
from pipelines.featurizing.shard_writer import DamagedShardError, write_features
from pipelines.video.images import decode_frames, encode_frames

BATCH = 8


def see(frames: np.ndarray) -> np.ndarray:
    """The mean of each colour, and their sum, float32 [N, 4]."""
    assert 0 < len(frames) <= BATCH
    means = frames.reshape(len(frames), -1, 3).mean(axis=1, dtype=np.float64).astype(np.float32)
    return np.concatenate([means, means.sum(axis=1, keepdims=True)], axis=1)


def make(
    num_frames: int = 3, clips: int = 7, format: str = "raw", compression: str = "none", several: bool = False
) -> tuple[FeaturesSettings, list[Example], bytes]:
    """Settings, the clips of a shard, and its bytes."""
    spec, encoding = ClipSpec(num_frames, 8, 10), FrameEncoding(format)
    rng = np.random.default_rng(0)
    examples = []
    for number in range(clips):
        frames = encode_frames(rng.integers(0, 256, spec.shape, np.uint8), encoding)
        times, indices = [i / 25 for i in range(num_frames)], list(range(num_frames))
        labels = (0, 2) if several else ()
        examples.append(
            Example(frames, number % 3, "ABC"[number % 3], f"A/{number}", "g1", times, indices, 9, "odd", labels)
        )
    data = b"".join(
        header + record + footer for record in map(encode, examples) for header, footer in [frame_record(record)]
    )
    data = gzip.compress(data) if compression == "gzip" else data
    return FeaturesSettings("", "", spec, encoding, compression, Sight("eye", "w", 4, 8, 10), 1), examples, data


def write(settings: FeaturesSettings, data: bytes, count: int, true: bytes | None = None) -> tuple[bytes, object]:
    """The features of a shard whose description is that of `true`."""
    sha256 = hashlib.sha256(data if true is None else true).hexdigest()
    task = FeaturesTask(ShardInfo("train-00000-of-00001.tfrecord", count, len(data), sha256), "task")
    out = io.BytesIO()
    report = write_features(task, settings, see, BATCH, io.BytesIO(data), out)
    return out.getvalue(), report


@pytest.mark.parametrize(
    ("num_frames", "clips", "format", "compression", "several"),
    [
        (3, 7, "raw", "none", False),
        (1, 20, "raw", "none", True),
        (20, 3, "raw", "gzip", False),
        (8, 2, "png", "none", False),
        (5, 4, "jpeg", "gzip", True),
        (2, 0, "raw", "none", False),
    ],
)
def test_each_clip_has_its_own_features_whatever_shares_its_batch(
    num_frames: int, clips: int, format: str, compression: str, several: bool
) -> None:
    settings, examples, data = make(num_frames, clips, format, compression, several)
    written, report = write(settings, data, clips)
    records = list(read_records(io.BytesIO(written)))
    assert len(records) == clips == report.num_examples  # type: ignore[attr-defined]
    assert report.sha256 == hashlib.sha256(written).hexdigest()  # type: ignore[attr-defined]
    for record, example in zip(records, examples, strict=True):
        clip, found = decode_features(record, num_frames, 4)
        pixels = decode_frames(example.frames, settings.clip_spec, settings.encoding)
        alone = np.concatenate([see(pixels[i : i + 1]) for i in range(num_frames)]).astype(np.float16)
        assert found.dtype == np.float16 and np.array_equal(found, alone)
        assert (clip.video_id, clip.label, clip.label_name) == (example.video_id, example.label, example.label_name)
        assert (clip.group, clip.labels, clip.remark, clip.frames) == ("g1", example.labels, "odd", [])


def test_the_same_clips_give_the_same_bytes() -> None:
    settings, _, data = make()
    assert write(settings, data, 7)[0] == write(settings, data, 7)[0]


def _cut(data: bytes) -> bytes:
    return data[:-5]


def _flipped(data: bytes) -> bytes:
    return data[:200] + bytes([data[200] ^ 1]) + data[201:]


def _swapped_clip(data: bytes) -> bytes:
    """Another whole record in the place of the last one: only the checksum of the file tells."""
    _, examples, _ = make(clips=8)
    record = encode(examples[-1])
    header, footer = frame_record(record)
    return data[: -len(header + record + footer)] + header + record + footer


@pytest.mark.parametrize(
    ("damage", "count", "says"),
    [
        (_cut, 7, "ends within the record"),
        (_flipped, 7, "wrong checksum of the record"),
        (_swapped_clip, 7, "the checksum differs from the one in dataset_info.json"),
        (lambda data: data, 8, "7 records instead of 8"),
        (lambda data: data + b"\0", 7, "ends within the header"),
    ],
)
def test_a_damaged_shard_is_refused(damage: object, count: int, says: str) -> None:
    settings, _, data = make()
    with pytest.raises(DamagedShardError, match=says):
        write(settings, damage(data), count, true=data)  # type: ignore[operator]


@pytest.mark.parametrize("value", [np.nan, np.inf, 70_000.0])
def test_what_float16_cannot_hold_is_refused_by_the_name_of_the_clip(value: float) -> None:
    settings, _, data = make()
    task = FeaturesTask(ShardInfo("s", 7, len(data), hashlib.sha256(data).hexdigest()), "task")

    def broken(frames: np.ndarray) -> np.ndarray:
        return np.full((len(frames), 4), value, np.float32)

    with pytest.raises(DamagedShardError, match="no finite float16 numbers for A/0"):
        write_features(task, settings, broken, BATCH, io.BytesIO(data), io.BytesIO())


def test_records_of_another_form_are_refused() -> None:
    _, examples, _ = make()
    with pytest.raises(ValueError, match=r"must have a value of float16 \[3, 4\], not 0 values"):
        decode_features(encode(examples[0]), 3, 4)
    with pytest.raises(ValueError, match="not a tf.train.Example"):
        decode_features(b"\xff" * 20, 3, 4)
    assert decode(encode(examples[0])).video_id == "A/0"
