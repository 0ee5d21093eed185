"""Records: our TFRecords and Examples are TensorFlow's, and damage is found."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset import example
from pipelines.dataset.tfrecord import CorruptRecordError, frame_record, read_records
from pipelines.video.images import decode_frames, encode_frames

SPEC = ClipSpec(num_frames=3, height=16, width=24)
FRAMES = np.random.default_rng(0).integers(0, 256, SPEC.shape, np.uint8)
SMOOTH = np.stack([np.linspace((i, 40, 90), (200, 180, 90), 16 * 24).reshape(16, 24, 3) for i in range(3)]).astype(
    np.uint8
)


def make(frames: list[bytes]) -> example.Example:
    return example.Example(frames, 2, "Tai Chi ü", "a/b c", "g01", [0.0, 0.5, 1.25], [0, 3, 6], 7)


def framed(*records: bytes) -> bytes:
    return b"".join(header + data + footer for data in records for header, footer in [frame_record(data)])


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_framing_round_trip(records: list[bytes]) -> None:
    assert list(read_records(io.BytesIO(framed(*records)))) == records


@given(st.data())
def test_any_flipped_bit_or_cut_is_found(data: st.DataObject) -> None:
    whole = framed(b"first", b"second record")
    if data.draw(st.booleans()):
        position, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
        broken = bytearray(whole)
        broken[position] ^= 1 << bit
    else:
        cut = data.draw(st.integers(1, len(whole) - 1).filter(lambda n: n != len(framed(b"first"))))
        broken = bytearray(whole[:cut])
    with pytest.raises(CorruptRecordError):
        list(read_records(io.BytesIO(bytes(broken))))


def test_example_round_trip() -> None:
    value = make([FRAMES.tobytes()])
    assert example.decode(example.encode(value)) == value
    assert example.encode(value) == example.encode(make([FRAMES.tobytes()]))


def test_the_labels_of_a_clip_with_several_are_read_here_and_by_tensorflow() -> None:
    value = replace(make([FRAMES.tobytes()]), label=0, label_name="Run|Walk", labels=(0, 2))
    record = example.encode(value)
    assert example.decode(record) == value
    parsed = example.parse(record, SPEC, FrameEncoding(), 4)
    assert parsed[example.LABELS].numpy().tolist() == [1, 0, 1, 0] and parsed[example.LABEL].numpy() == 0
    assert example.LABELS not in example.parse(record, SPEC, FrameEncoding())


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"", example.Message().SerializeToString()])
def test_what_is_no_example_is_refused(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="not a tf.train.Example|the key 'frames' is missing"):
        example.decode(garbage)


@pytest.mark.parametrize(
    "encoding", [FrameEncoding(), FrameEncoding("png"), FrameEncoding("jpeg", 95)], ids=lambda e: e.format
)
def test_frames_round_trip(encoding: FrameEncoding) -> None:
    frames = SMOOTH if encoding.format == "jpeg" else FRAMES
    back = decode_frames(encode_frames(frames, encoding), SPEC, encoding)
    assert (back.shape, back.dtype) == (SPEC.shape, np.uint8)
    assert np.abs(back.astype(int) - frames).max() <= (10 if encoding.format == "jpeg" else 0)
    with pytest.raises(ValueError, match="instead of"):
        decode_frames(encode_frames(frames[:2], encoding), SPEC, encoding)


@pytest.mark.parametrize(
    "encoding", [FrameEncoding(), FrameEncoding("png"), FrameEncoding("jpeg", 95)], ids=lambda e: e.format
)
def test_tensorflow_reads_what_we_write(encoding: FrameEncoding, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    frames = SMOOTH if encoding.format == "jpeg" else FRAMES
    value = make(encode_frames(frames, encoding))
    record = example.encode(value)
    (tmp_path / "x.tfrecord").write_bytes(framed(record, record))
    records = list(
        tf.data.TFRecordDataset(str(tmp_path / "x.tfrecord")).map(lambda r: example.parse(r, SPEC, encoding))
    )
    assert len(records) == 2
    features = records[0]
    assert features["frames"].shape == SPEC.shape
    assert features["frames"].dtype == tf.uint8
    difference = np.abs(features["frames"].numpy().astype(int) - frames).max()
    assert difference <= (10 if encoding.format == "jpeg" else 0)
    noisy = example.encode(make(parts := encode_frames(FRAMES, encoding)))
    read = example.parse(tf.constant(noisy), SPEC, encoding)["frames"].numpy()
    assert np.array_equal(read, decode_frames(parts, SPEC, encoding)), "training sees what others read"
    assert features["video_id"].numpy().decode() == "a/b c"
    assert features["label_name"].numpy().decode() == "Tai Chi ü"
    assert (features["label"].numpy(), features["num_source_frames"].numpy()) == (2, 7)
    assert features["timestamps_s"].numpy().tolist() == [0.0, 0.5, 1.25]
    assert features["frame_indices"].numpy().tolist() == [0, 3, 6]
    # Byte for byte what TensorFlow itself would have written.
    assert tf.train.Example.FromString(record).SerializeToString(deterministic=True) == record
