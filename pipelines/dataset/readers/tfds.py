"""The folder `tfds/` of a dataset, by which TensorFlow Datasets reads the shards beside it.

`tfds.builder_from_directory("data/ucf50/tfds")` needs three kinds of files: the features and how each is stored, the
names of the classes, and the number of records of each shard with a template for the shards' names. That template leads
to the folder above, so no shard is stored twice (https://www.tensorflow.org/datasets/external_tfrecord).

TFDS reads `dataset_info.json` strictly, as a file of its own; ours of that name is why this is a folder apart.
"""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.dataset import example
from pipelines.dataset.info import DatasetInfo, SplitInfo

TFDS = "tfds"
"""Name of the folder."""
FEATURES, INFO = "features.json", "dataset_info.json"
"""Names that TFDS gives to its files."""
_NAME, _VERSION = "clips", "1.0.0"
"""TFDS wants both; they don't depend on where the dataset lies."""
_TEMPLATE = "../{SPLIT}-{SHARD_X_OF_Y}.{FILEFORMAT}"
_CLASSES = "tensorflow_datasets.core.features"


def why_not(info: DatasetInfo) -> str:
    """Why TFDS can't read a dataset, as the end of a sentence; empty if it can."""
    if info.compression != "none":
        return f"TensorFlow Datasets doesn't read shards of --compression {info.compression}"
    return ""


def tfds_files(info: DatasetInfo) -> dict[str, str]:
    """Name, within the folder, and text of each file; none where TFDS can't read the dataset.

    `remark` isn't among the features, as TFDS has no optional ones.
    """
    if why_not(info):
        return {}
    with_labels = [example.LABEL, *([example.LABELS] if info.multi_label else [])]
    names = "".join(f"{label}\n" for label in info.labels)
    return {
        FEATURES: _json(_dict(_features(info))),
        **{f"{feature}.labels.txt": names for feature in with_labels},
        INFO: _json(_info(info)),
    }


def is_tfds_name(name: str) -> bool:
    """Whether a file in the folder is one that `tfds_files` may have given."""
    return name in (FEATURES, INFO) or name.endswith(".labels.txt")


def shard_lengths(text: str) -> dict[str, list[int]]:
    """Number of records of each shard, by split, as TFDS' own description gives them.

    Raises:
        ValueError: the text isn't such a description.
    """
    try:
        return {split["name"]: list(map(int, split["shardLengths"])) for split in json.loads(text)["splits"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a description that TFDS can read: {error!r}") from error


def _info(info: DatasetInfo) -> dict[str, Any]:
    keys = [{"featureKey": key} for key in (example.FRAMES, example.LABEL)]
    return {
        "description": "Clips of videos with their classes, made by pipelines.preprocess.",
        "fileFormat": "tfrecord",
        "name": _NAME,
        "splits": [_split(name, split) for name, split in info.splits.items() if split.shards],
        # Pairs for `as_supervised=True`; of clips with several labels, one alone would be wrong.
        **({} if info.multi_label else {"supervisedKeys": {"tuple": {"items": keys}}}),
        "version": _VERSION,
    }


def _split(name: str, split: SplitInfo) -> dict[str, Any]:
    return {
        "filepathTemplate": _TEMPLATE,
        "name": name,
        "numBytes": str(sum(shard.size_bytes for shard in split.shards)),
        "shardLengths": [str(shard.num_examples) for shard in split.shards],
    }


def _features(info: DatasetInfo) -> dict[str, Mapping[str, Any]]:
    spec = info.clip_spec
    classes = {"pythonClassName": f"{_CLASSES}.class_label_feature.ClassLabel"}
    label = {"classLabel": {"numClasses": str(len(info.labels))}, **classes}
    text = {"pythonClassName": f"{_CLASSES}.text_feature.Text", "text": {}}
    several = {
        "pythonClassName": f"{_CLASSES}.sequence_feature.Sequence",
        "sequence": {"feature": label, "length": "-1"},
    }
    return {
        example.FRAMES: _frames(info),
        example.LABEL: label,
        example.LABEL_NAME: text,
        example.VIDEO_ID: text,
        example.GROUP: text,
        example.TIMESTAMPS_S: _tensor("float32", (spec.num_frames,)),
        example.FRAME_INDICES: _tensor("int64", (spec.num_frames,)),
        example.NUM_SOURCE_FRAMES: _tensor("int64", ()),
        **({example.LABELS: several} if info.multi_label else {}),
    }


def _frames(info: DatasetInfo) -> dict[str, Any]:
    """Raw pixels are the bytes of one tensor; pictures are a video, which TFDS stores as one value for each frame."""
    if info.encoding.format == "raw":
        return _tensor("uint8", info.clip_spec.shape, "bytes")
    shape = {"dimensions": list(map(str, info.clip_spec.shape))}
    return {
        "pythonClassName": f"{_CLASSES}.video_feature.Video",
        "video": {"dtype": "uint8", "encodingFormat": info.encoding.format, "shape": shape},
    }


def _tensor(dtype: str, shape: tuple[int, ...], encoding: str = "none") -> dict[str, Any]:
    kind = "tensor_feature.Tensor" if shape else "scalar.Scalar"
    dimensions = {"dimensions": list(map(str, shape))} if shape else {}
    return {
        "pythonClassName": f"{_CLASSES}.{kind}",
        "tensor": {"dtype": dtype, "encoding": encoding, "shape": dimensions},
    }


def _dict(features: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "featuresDict": {"features": dict(features)},
        "pythonClassName": f"{_CLASSES}.features_dict.FeaturesDict",
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
