"""A trained model as an object: clips in, probabilities out."""

from os import PathLike

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.model_info import ModelInfo
from pipelines.models.scorer import Scorer, read_model_info
from pipelines.models.scores import ScoreError
from pipelines.process.embedding import as_library


class Model:
    """A model directory, loaded.

    Attributes:
        info: its description: classes, how its clips are made, calibration.

    Example:
        >>> model = pipelines.load_model("runs/lrcn/model")
        >>> clip = pipelines.read_clip("jump.avi", model.info.clip_spec)
        >>> probabilities = model.predict(clip.frames[None])
        >>> model.info.labels[probabilities[0].argmax()]
    """

    def __init__(self, info: ModelInfo, scorer: Scorer) -> None:
        self.info = info
        self._scorer = scorer

    def predict(self, clips: np.ndarray) -> np.ndarray:
        """Probabilities of the classes, calibrated if the model is.

        Where a clip may have several labels (`info.multi_label`), each value is the probability of one label by itself;
        a row doesn't add up to 1, and a clip has the labels whose value is at least that of `info.thresholds`.
        Otherwise exactly one class holds for a clip, and a row adds up to 1.

        The row of a clip doesn't depend on the other clips.

        Args:
            clips: uint8 [B, T, H, W, 3], RGB, made with `info.clip_spec`; `read_clip` does that.

        Returns:
            float32 [B, C], in the order of `info.labels`.

        Raises:
            UsageError: the array is of another type or shape.
            UserError: the model's output for a clip is not probabilities, for example NaN.
        """
        array = np.asarray(clips)
        if array.dtype != np.uint8 or array.shape[1:] != self.info.clip_spec.shape:
            wanted = ", ".join(map(str, self.info.clip_spec.shape))
            raise UsageError(f"the model takes clips uint8 [B, {wanted}], not {array.dtype} {list(array.shape)}")
        rows = []
        for number, scored in enumerate(self._scorer.score([clip.tobytes() for clip in array])):
            if isinstance(scored, ScoreError):
                raise UserError(f"clip {number} can't be scored: {scored}")
            rows.append(scored.probabilities)
        return np.array(rows, np.float32).reshape(len(array), len(self.info.labels))


def load_model(uri: str | PathLike[str], trust_model: bool = False) -> Model:
    """Loads a model directory.

    Args:
        uri: folder of a model that `trainer.task` or `trainer.import_model` wrote, local or in a store.
        trust_model: load it even if its operations could read and write files or run programs as you.

    Raises:
        UsageError: there is no model, or it can't be loaded or does more than calculate.
        UserError: its description is damaged, or from another version of this software.

    Example:
        >>> model = pipelines.load_model("runs/lrcn/model")
        >>> model.predict(np.zeros((1, *model.info.clip_spec.shape), np.uint8)).shape
    """
    folder = files.normalise(uri, "the model")
    info = read_model_info(folder)
    with as_library():
        return Model(info, Scorer(folder, info, trust=trust_model))
