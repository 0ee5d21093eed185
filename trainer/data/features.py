"""Features that a pretrained network has computed of a dataset's clips: opened, checked, and read for training."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.core.errors import UsageError
from pipelines.dataset.example import VIDEO_ID
from pipelines.featurizing import records
from pipelines.featurizing.info import FEATURES_INFO, FeaturesInfo
from trainer.config import ALONE, TrainConfig
from trainer.data.check import OpenDataset, check_shards
from trainer.data.parts import Part
from trainer.files import storage
from trainer.files.copies import Copies, shard_copies

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_OTHER_CLIP = "these features are of another clip"
_FOUND_OTHER = re.compile(rf"\[{_OTHER_CLIP}\] \[(.*?)\] \[(.*?)\]")
_AGAIN = "run python -m pipelines.features again, into the same folder"


@dataclass(frozen=True)
class Features:
    """The features of a dataset.

    Attributes:
        uri: their folder.
        info: their description.
        alone: whether the network sees nothing else, so that no frame is read.
        copies: copies of their shards; None where these are local files.
    """

    uri: str
    info: FeaturesInfo
    alone: bool
    copies: Copies | None = None

    def of(self, part: Part) -> Part:
        """The same clips of a part, in the shards of features."""
        return replace(part, shards=tuple(storage.join(self.uri, storage.base_name(shard)) for shard in part.shards))

    def parse(self, record: "tf.Tensor", num_classes: int) -> "Mapping[str, tf.Tensor]":
        """See `records.parse`."""
        return records.parse(record, self.info.clip_spec.num_frames, self.info.size, num_classes)

    def augmented(self, chosen: tuple[str, ...], note: str) -> tuple[tuple[str, ...], str]:
        """The augmentations that are left, and what is to be said of them.

        Args:
            chosen: those of frames.
            note: what is said of these; it is of no interest where nothing is augmented.
        """
        seen = f"what {self.info.appearance} sees is read from {self.uri}"
        if self.alone:
            return (), f"{seen}: there is no augmentation"
        if not chosen:
            return (), note
        return chosen, "; ".join(filter(None, [note, f"{seen}: augmentation changes the motion stream's frames alone"]))

    def check_eye(self, eye: "keras.Model | None") -> None:
        """Refuses features of another pretrained network than that of the network to be trained.

        Raises:
            UsageError: their weights differ; the message gives both fingerprints.
        """
        from pipelines.appearance.eyes import eye_fingerprint

        ours = eye_fingerprint(eye) if eye else "none"
        if ours != self.info.weights:
            raise UsageError(
                f"--features {self.uri} was made with other weights of {self.info.appearance} (fingerprint "
                f"{self.info.weights}, not {ours}): give the same --appearance-weights as then, or {_AGAIN} with "
                "--overwrite"
            )

    def beside(self, parsed: "Mapping[str, tf.Tensor]", record: "tf.Tensor") -> "Mapping[str, tf.Tensor]":
        """A parsed clip and the features in a record, which must be of the same clip: see `explained`."""
        import tensorflow as tf

        found = self.parse(record, 0)
        ids = parsed[VIDEO_ID], found[VIDEO_ID]
        with tf.control_dependencies([tf.debugging.Assert(tf.equal(*ids), [_OTHER_CLIP, *ids])]):
            return {**parsed, records.FEATURES: tf.identity(found[records.FEATURES])}


def of_other_clip(message: str) -> str:
    """What a user is to be told of TensorFlow's error about features of another clip; empty for any other error."""
    if not (found := _FOUND_OTHER.search(message)):
        return ""
    return f"where the dataset has the clip {found[1]}, the features are of {found[2]}: {_AGAIN}"


def features_fingerprint(folder: str) -> str:
    """The fingerprint of the features in a folder, empty without one.

    Raises:
        UserError: there are no complete features.
    """
    return FeaturesInfo.read(folder).fingerprint() if folder else ""


def check_features(config: TrainConfig, dataset: OpenDataset) -> FeaturesInfo | None:
    """The features that a run is to train on, which must be of its dataset and of its network, which must be frozen.

    Raises:
        UsageError: they aren't, or there are none; the message names what differs.
        UserError: their description is damaged.
    """
    if not config.features:
        return None
    info = FeaturesInfo.read(config.features)
    if info.appearance != config.appearance:
        raise UsageError(
            f"--features {config.features} holds what {info.appearance} sees, not {config.appearance}: give "
            f"--appearance {info.appearance}, or other features"
        )
    if (there := info.dataset.get("fingerprint")) != dataset.fingerprint:
        raise UsageError(
            f"--features {config.features} was made from another dataset, or before {dataset.uri} changed (fingerprint "
            f"{there}, not {dataset.fingerprint}): {_AGAIN}"
        )
    ours = {name: [(s.name, s.num_examples) for s in split.shards] for name, split in dataset.info.splits.items()}
    theirs = {name: [(s.name, s.num_examples) for s in split.shards] for name, split in info.splits.items()}
    if ours != theirs or info.clip_spec != dataset.info.clip_spec:
        raise UsageError(
            f"{storage.join(config.features, FEATURES_INFO)} names other shards than the dataset: {_AGAIN}"
        )
    return info


@contextlib.contextmanager
def open_features(config: TrainConfig, dataset: OpenDataset) -> Iterator[Features | None]:
    """Checks the features that a run is to train on, and their shards; None without any.

    Copies of shards in a store are removed at the end of the block.

    Raises:
        UserError: see `check_features` and `check_shards`.
    """
    if (info := check_features(config, dataset)) is None:
        yield None
        return
    with shard_copies(config.features, info, FEATURES_INFO) as copies:
        features = Features(config.features, info, config.model == ALONE, copies)
        check_shards(features, info.splits, copies=copies, description=FEATURES_INFO, maker="pipelines.features")
        yield features
