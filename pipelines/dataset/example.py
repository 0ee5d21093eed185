"""A clip as a `tf.train.Example`: the keys, writing without TensorFlow, reading with and without it.

| key | type | value |
|---|---|---|
| `frames` | bytes | one value of raw uint8 [T, H, W, 3] RGB, or T values, each a PNG or JPEG file |
| `label` | int64 | id of the class |
| `label_name` | bytes | name of the class |
| `video_id` | bytes | path of the video without extension, relative to the input |
| `group` | bytes | group of videos that share a source |
| `timestamps_s` | float | T times in seconds from the video's first frame |
| `frame_indices` | int64 | T numbers of the frames in display order |
| `num_source_frames` | int64 | frames of the whole video |
| `remark` | bytes | only if there is one: what is damaged, missing, or was corrected |
| `labels` | int64 | only in datasets with several labels a clip: the ids of all its classes, ascending |

Of a clip with several labels, `label` is the first, and `label_name` joins the names of all with a vertical bar.

The protocol buffer is declared here, field by field as in TensorFlow's `example.proto` and `feature.proto`, so that
workers which only write records need not load TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from pipelines.core.spec import ClipSpec, FrameEncoding

if TYPE_CHECKING:
    import tensorflow as tf

FRAMES, LABEL, LABEL_NAME, VIDEO_ID, GROUP = "frames", "label", "label_name", "video_id", "group"
TIMESTAMPS_S, FRAME_INDICES, NUM_SOURCE_FRAMES = "timestamps_s", "frame_indices", "num_source_frames"
REMARK, LABELS = "remark", "labels"


@dataclass(frozen=True)
class Example:
    """The content of a record; `frames` as stored: one value of raw pixels, or T encoded pictures."""

    frames: list[bytes]
    label: int
    label_name: str
    video_id: str
    group: str
    timestamps_s: list[float]
    frame_indices: list[int]
    num_source_frames: int
    remark: str = ""
    labels: tuple[int, ...] = ()


def _message_class() -> Any:
    """The class of `tensorflow.Example`, in a pool of its own: TensorFlow uses the same names in the default pool."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    for name, kind in (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    ):
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=field.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind_name) in enumerate(
        (("bytes_list", "BytesList"), ("float_list", "FloatList"), ("int64_list", "Int64List")), 1
    ):
        feature.field.add(
            name=name, number=number, type=field.TYPE_MESSAGE, type_name=f".tensorflow.{kind_name}",
            label=field.LABEL_OPTIONAL, oneof_index=0,
        )  # fmt: skip
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=field.TYPE_MESSAGE, type_name=".tensorflow.Feature", label=field.LABEL_OPTIONAL
    )
    features.field.add(
        name="feature", number=1, type=field.TYPE_MESSAGE, type_name=".tensorflow.Features.FeatureEntry",
        label=field.LABEL_REPEATED,
    )  # fmt: skip
    file.message_type.add(name="Example").field.add(
        name="features", number=1, type=field.TYPE_MESSAGE, type_name=".tensorflow.Features", label=field.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


Message = _message_class()
"""The class of `tf.train.Example`, without TensorFlow."""


def encode(example: Example) -> bytes:
    """A serialised `tf.train.Example`, the same bytes for the same content."""
    before, behind = Message(), Message()
    feature = before.features.feature
    feature[FRAME_INDICES].int64_list.value.extend(example.frame_indices)
    feature = behind.features.feature
    feature[LABEL].int64_list.value.append(example.label)
    for key, text in ((LABEL_NAME, example.label_name), (VIDEO_ID, example.video_id), (GROUP, example.group)):
        feature[key].bytes_list.value.append(text.encode("utf-8", "surrogateescape"))
    feature[TIMESTAMPS_S].float_list.value.extend(example.timestamps_s)
    feature[NUM_SOURCE_FRAMES].int64_list.value.append(example.num_source_frames)
    if example.remark:  # records of other videos keep the bytes that they always had
        feature[REMARK].bytes_list.value.append(example.remark.encode())
    if example.labels:
        feature[LABELS].int64_list.value.extend(example.labels)
    # The pixels are inserted by hand, where the order of the keys puts them: protobuf would copy them twice.
    parts = [
        before.features.SerializeToString(deterministic=True),
        *_serialise_frames(example.frames),
        behind.features.SerializeToString(deterministic=True),
    ]
    return b"".join([_FIELD_1, _varint(sum(map(len, parts))), *parts])


_FIELD_1, _FIELD_2 = b"\x0a", b"\x12"
"""Tags of the fields 1 and 2 of a message where their value is of the wire type LEN."""


def _serialise_frames(frames: list[bytes]) -> list[bytes]:
    """The entry of the map `Features.feature` that holds the frames, in parts."""
    values = [part for frame in frames for part in (_FIELD_1, _varint(len(frame)), frame)]
    bytes_list = [_FIELD_1, _varint(sum(map(len, values))), *values]
    key = FRAMES.encode()
    entry = [_FIELD_1, _varint(len(key)), key, _FIELD_2, _varint(sum(map(len, bytes_list))), *bytes_list]
    return [_FIELD_1, _varint(sum(map(len, entry))), *entry]


def _varint(value: int) -> bytes:
    """A length as protobuf writes it (https://protobuf.dev/programming-guides/encoding/#varints)."""
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def decode(record: bytes) -> Example:
    """The content of a record that `encode` made.

    Raises:
        ValueError: the record is of another form; the message names the key.
    """
    message = Message()
    try:
        message.ParseFromString(record)
    except Exception as error:  # protobuf's class for this differs between its implementations
        raise ValueError(f"not a tf.train.Example: {error}") from error
    feature = message.features.feature

    def values(key: str, kind: str, count: int | None = 1) -> list[Any]:
        if key not in feature or feature[key].WhichOneof("kind") != kind:
            raise ValueError(f"the key {key!r} is missing or not of the type {kind}")
        found = list(getattr(feature[key], kind).value)
        if count is not None and len(found) != count:
            raise ValueError(f"the key {key!r} has {len(found)} values instead of {count}")
        return found

    def text(key: str) -> str:
        return str(values(key, "bytes_list")[0].decode("utf-8", "surrogateescape"))

    return Example(
        frames=values(FRAMES, "bytes_list", None),
        label=values(LABEL, "int64_list")[0],
        label_name=text(LABEL_NAME),
        video_id=text(VIDEO_ID),
        group=text(GROUP),
        timestamps_s=values(TIMESTAMPS_S, "float_list", None),
        frame_indices=values(FRAME_INDICES, "int64_list", None),
        num_source_frames=values(NUM_SOURCE_FRAMES, "int64_list")[0],
        remark=text(REMARK) if REMARK in feature else "",
        labels=tuple(values(LABELS, "int64_list", None)) if LABELS in feature else (),
    )


def parse(
    record: "tf.Tensor", spec: ClipSpec, encoding: FrameEncoding, num_classes: int = 0
) -> "Mapping[str, tf.Tensor]":
    """One serialised record as tensors, for use in `tf.data`: `frames` uint8 [T, H, W, 3], and the other keys.

    Args:
        record: a scalar string.
        spec, encoding: how the dataset's clips were made and are stored.
        num_classes: C of a dataset with several labels a clip, whose `labels` become float32 [C] of ones and zeros; 0
            for another one, which has no such key.
    """
    import tensorflow as tf

    parts = 1 if encoding.format == "raw" else spec.num_frames
    features = tf.io.parse_single_example(
        record,
        {
            FRAMES: tf.io.FixedLenFeature([parts], tf.string),
            LABEL: tf.io.FixedLenFeature([], tf.int64),
            LABEL_NAME: tf.io.FixedLenFeature([], tf.string),
            VIDEO_ID: tf.io.FixedLenFeature([], tf.string),
            GROUP: tf.io.FixedLenFeature([], tf.string),
            TIMESTAMPS_S: tf.io.FixedLenFeature([spec.num_frames], tf.float32),
            FRAME_INDICES: tf.io.FixedLenFeature([spec.num_frames], tf.int64),
            NUM_SOURCE_FRAMES: tf.io.FixedLenFeature([], tf.int64),
            **({LABELS: tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)} if num_classes else {}),
        },
    )
    if num_classes:
        features[LABELS] = tf.reduce_max(tf.one_hot(features[LABELS], num_classes), axis=0)
    if encoding.format == "raw":
        frames = tf.reshape(tf.io.decode_raw(features[FRAMES][0], tf.uint8), spec.shape)
    else:
        # TensorFlow's default for JPEG is an inexact transform; this one gives exactly the pixels that OpenCV gives.
        options = {"dct_method": "INTEGER_ACCURATE"} if encoding.format == "jpeg" else {}
        decode_image = partial(getattr(tf.io, f"decode_{encoding.format}"), channels=3, **options)
        frames = tf.map_fn(decode_image, features[FRAMES], fn_output_signature=tf.uint8)
        frames = tf.ensure_shape(frames, spec.shape)
    return {**features, FRAMES: frames}
