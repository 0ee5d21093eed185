"""Scores clips with the SavedModel of a model directory, which is loaded once. Only this imports TensorFlow.

A row of the result must not depend on which clips share its batch, or a second run would give other labels than the
first. So every batch has the same shape, and an incomplete one is filled up.
"""

import contextlib
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np

from pipelines import files
from pipelines.core.errors import UsageError, UserError, WorkerError, as_shortage
from pipelines.core.familiarity import UNFAMILIAR_OUTPUT
from pipelines.core.model_info import EMBEDDING_OUTPUT, MODEL_INFO, ModelInfo
from pipelines.core.reasons import first_line
from pipelines.inputs.source_hints import why_no_model
from pipelines.models.safety import refuse_unsafe
from pipelines.models.scores import Scored, ScoreError, scored
from pipelines.process import interrupts
from pipelines.process.tensorflow_start import set_threads, start_tensorflow

_log = logging.getLogger(__name__)
_BATCH_BYTES = 24 * 1024 * 1024
_BATCH = 24
"""With this size, a row doesn't depend on its place either. Kernels process rows in sixes or eights and the remaining
ones in another way, which rounds differently: of 32 rows, with AVX2, the last two differ; of 12, the last four.
"""
_SIGNATURE = "serving_default"
_FULL = re.compile("out of memory|OUT_OF_MEMORY|ALLOC_FAILED|RESOURCE_EXHAUSTED")
"""What a GPU's libraries say when its memory is full, if not by a `ResourceExhaustedError`."""


def batch_size(info: ModelInfo) -> int:
    """Clips in a batch: 24, as more are hardly faster, if these have at most 24 MB; larger clips are scored singly."""
    return _BATCH if _BATCH * info.clip_spec.num_bytes <= _BATCH_BYTES else 1


def read_model_info(folder: str) -> ModelInfo:
    """The description of the model in a folder.

    Raises:
        UsageError: there is no model.
        UserError: its description is damaged, or from another version of this software.
    """
    uri = files.join(folder, MODEL_INFO)
    try:
        text = files.read_text(uri)
    except OSError as error:
        raise UsageError(f"cannot read the model {folder}: {error.strerror or error}") from error
    if text is None:
        raise UsageError(why_no_model(folder))
    return ModelInfo.from_json(text, uri)


class Scorer:
    """A loaded model.

    Raises:
        UsageError: the model can't be loaded, doesn't match its description, or does more than calculate.
        WorkerError: there isn't enough memory for it.
    """

    def __init__(
        self, folder: str, info: ModelInfo, threads: int = 0, trust: bool = False, embeddings: bool = False
    ) -> None:
        """Loads a model.

        Args:
            folder: folder of `model_info.json`.
            info: content of that file.
            threads: number of TensorFlow's threads, for all models of the process; 0 for as many as there are cores.
            trust: whether its graphs may do more than calculate.
            embeddings: whether to give the features before the last layer, too, which the model must have.
        """
        start_tensorflow(with_keras=False)
        import tensorflow as tf

        set_threads(threads)
        self._tf = tf
        self._info = info
        # By the names of the arguments of `scored`; what isn't asked for isn't fetched.
        names = [info.output_name, UNFAMILIAR_OUTPUT * info.unfamiliar.is_known, EMBEDDING_OUTPUT * embeddings]
        self._outputs = {key: name for key, name in zip(("row", "unfamiliar", "embedding"), names, strict=True) if name}
        self.batch_size = self._at_once = batch_size(info)
        saved_model = files.join(folder, info.saved_model)
        try:
            with _local_folder(saved_model) as path:
                if not trust:
                    refuse_unsafe(path, f"the model in {saved_model}")
                self._model = tf.saved_model.load(path)
        except UserError:
            raise
        except Exception as error:  # TensorFlow, protobuf and file systems raise many classes of errors
            if isinstance(shortage := as_shortage(error), WorkerError):
                raise shortage from error
            if self._is_full(error):
                raise self._no_room(error) from error
            raise UsageError(f"the model in {saved_model} cannot be loaded: {_reason(error)}") from error
        self._check(saved_model)

    def _check(self, saved_model: str) -> None:
        info, tf = self._info, self._tf

        def refuse(what: str) -> None:
            raise UsageError(f"{saved_model} doesn't agree with {MODEL_INFO}: {what}. Export or import the model again")

        if _SIGNATURE not in self._model.signatures:
            refuse(f"it has no signature {_SIGNATURE}")
        self._signature = self._model.signatures[_SIGNATURE]
        inputs = self._signature.structured_input_signature[1]
        if list(inputs) != [info.input_name]:
            refuse(f"it takes {', '.join(sorted(inputs))}, not {info.input_name}")
        given = inputs[info.input_name]
        if given.dtype != tf.uint8:
            refuse(f"it takes {given.dtype.name}, not uint8")
        if not given.shape.is_compatible_with([self.batch_size, *info.clip_spec.shape]):
            refuse(
                f"it takes clips {given.shape}, the clip spec makes [B, {', '.join(map(str, info.clip_spec.shape))}]"
            )
        self._has_fixed_batch = given.shape.rank is not None and given.shape[0] is not None
        outputs = self._signature.structured_outputs
        for name in self._outputs.values():
            if name not in outputs:
                refuse(f"it gives {', '.join(sorted(outputs))}, not {name}")
        try:
            found = self._score_black()  # compiles, too
        except (ValueError, tf.errors.OpError) as error:
            refuse(f"it fails on a black clip ({_reason(error)})")
        values, distances, features = found["row"], found.get("unfamiliar"), found.get("embedding")
        if values.shape != (self._at_once, len(info.labels)):
            is_row = values.ndim == 2 and len(values) == self._at_once
            what = f"{values.shape[1]} probabilities" if is_row else f"values {list(values.shape)}"
            refuse(f"it gives {what}, there are {len(info.labels)} labels")
        if distances is not None and distances.shape != (self._at_once,):
            refuse(f"it gives {UNFAMILIAR_OUTPUT} {list(distances.shape)}, not a number for each clip")
        if features is not None and features.shape != (self._at_once, info.embedding):
            refuse(f"it gives {EMBEDDING_OUTPUT} {list(features.shape)}, not {info.embedding} values for each clip")

    def _run(self, frames: np.ndarray) -> dict[str, np.ndarray]:
        outputs = self._signature(**{self._info.input_name: self._tf.constant(frames)})
        return {key: np.asarray(outputs[name].numpy(), np.float32) for key, name in self._outputs.items()}

    def _score_black(self) -> dict[str, np.ndarray]:
        while True:
            try:
                return self._run(np.zeros((self._at_once, *self._info.clip_spec.shape), np.uint8))
            except Exception as error:
                self._shrink(error)

    def score(self, clips: Sequence[bytes]) -> list[Scored | ScoreError]:
        """What the model says of each clip, or why it says nothing. A bad clip doesn't affect the others.

        Args:
            clips: raw uint8 [T, H, W, 3] RGB each, at most `batch_size`.

        Raises:
            WorkerError: the device has no memory left even for one clip, or can't score any clip any more.
        """
        results: list[Scored | ScoreError] = []
        while len(results) < len(clips):
            try:
                results += self._score_at_once(clips[len(results) : len(results) + self._at_once])
            except Exception as error:
                self._shrink(error)
        return results

    def _score_at_once(self, clips: Sequence[bytes]) -> list[Scored | ScoreError]:
        try:
            found = self._run(self._batch(clips))
        except (ValueError, self._tf.errors.OpError) as error:
            if self._is_full(error):
                raise
            if len(clips) == 1:
                self._check_device(error)
                return [ScoreError(_reason(error))]
            half = len(clips) // 2
            return [*self._score_at_once(clips[:half]), *self._score_at_once(clips[half:])]
        rows = ({name: values[n] for name, values in found.items()} for n in range(len(clips)))
        return [scored(**row, multi_label=self._info.multi_label) for row in rows]

    def _check_device(self, error: Exception) -> None:
        """Tells a clip that can't be scored from a device that has failed, which fails on a black clip, too."""
        if not isinstance(error, ValueError | self._tf.errors.InvalidArgumentError):
            try:
                self._score_black()
            except self._tf.errors.OpError:
                raise WorkerError(
                    f"the device can't score clips any more ({_reason(error)}). Run the same command again"
                ) from error

    def _is_full(self, error: Exception) -> bool:
        if isinstance(error, MemoryError | self._tf.errors.ResourceExhaustedError):
            return True
        return isinstance(error, self._tf.errors.OpError) and bool(_FULL.search(str(error)))

    def _no_room(self, error: Exception) -> WorkerError:
        return WorkerError(
            f"there is no memory left for the model {self._info.name}, even for a batch of {self._at_once} "
            f"({_reason(error)}). Free some on its device, then run the same command again"
        )

    def _shrink(self, error: Exception) -> None:
        """Halves the batch size if the device's memory is full. Any other error is raised again.

        Other programs may use the device, too. Rows of batches of another size may differ in the last bits.
        """
        if not self._is_full(error):
            raise error
        if self._at_once == 1 or self._has_fixed_batch:
            raise self._no_room(error) from error
        self._at_once //= 2
        _log.warning("the device's memory is full: clips are scored in batches of %d from here on", self._at_once)

    def _batch(self, clips: Sequence[bytes]) -> np.ndarray:
        """The clips as one array of the fixed shape, filled up with copies of the last clip."""
        size = self._info.clip_spec.num_bytes
        if wrong := [len(clip) for clip in clips if len(clip) != size]:
            raise ValueError(f"a clip of {wrong[0]} bytes, not {size}")
        if self._info.encoding.format == "jpeg":
            from pipelines.video.images import as_stored

            clips = [as_stored(clip, self._info.clip_spec, self._info.encoding) for clip in clips]
        joined = b"".join([*clips, *[clips[-1]] * (self._at_once - len(clips))])
        return np.frombuffer(joined, np.uint8).reshape(self._at_once, *self._info.clip_spec.shape)


def _reason(error: Exception) -> str:
    return files.reason(error) if isinstance(error, OSError) else first_line(error)


@contextlib.contextmanager
def _local_folder(uri: str) -> Iterator[str]:
    """A local path of a folder, which is copied if it is remote."""
    if files.is_local(uri):
        yield uri
        return
    with interrupts.tidying_up(), tempfile.TemporaryDirectory() as copy:
        files.copy_tree(uri, copy)
        yield copy


_loaded: dict[tuple[str, str, bool], Scorer] = {}


def shared_scorer(
    folder: str, info: ModelInfo, threads: int = 0, trust: bool = False, embeddings: bool = False
) -> Scorer:
    """The scorer of this process for a model: one that was loaded for a check is then used for scoring, too."""
    place = (folder, info.fingerprint, embeddings)
    if place not in _loaded:
        _loaded[place] = Scorer(folder, info, threads, trust, embeddings)
    return _loaded[place]
