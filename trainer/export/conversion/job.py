"""Converts a model: in the order in which things can go wrong, with what the user is told."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.cli import tool
from pipelines.models.safety import refuse_unsafe
from pipelines.process import interrupts
from pipelines.process.cores import num_cores
from pipelines.process.tensorflow_start import exact_float32
from trainer.export.conversion import runtimes
from trainer.export.conversion.agreement import Agreement, refuse_other
from trainer.export.conversion.clips import CheckClips
from trainer.export.conversion.converting import convert
from trainer.export.conversion.folder import put
from trainer.export.conversion.forms import INT8_ACTIVATIONS, KINDS, WEIGHTS_ALONE, Form
from trainer.export.conversion.graph import write_convertible
from trainer.export.conversion.source import Source, local_copy


@dataclass(frozen=True)
class Measured:
    """A form of a model, measured.

    Attributes:
        name: what people call it.
        size_bytes: of its files.
        one_ms, all_ms: the median time for a clip on one thread, and on as many as there are cores; None if it can't be
            told.
        agreement: with the SavedModel.
    """

    name: str
    size_bytes: int
    one_ms: float | None
    all_ms: float | None
    agreement: Agreement


def export(source: Source, forms: tuple[Form, ...], clips: CheckClips, written: Callable[[Measured], None]) -> None:
    """Converts a model and checks each result, before it is written into the model's folder.

    Args:
        source: the model.
        forms: what to convert to, of one kind.
        clips: what to check with, and to calibrate with.
        written: told of the SavedModel, then of each result once it is in its place.

    Raises:
        UsageError: the SavedModel does more than calculate.
        UserError: the model can't be converted, or a result isn't the same model any more.
        OutputError: a file can't be written.
    """
    with interrupts.tidying_up(), tempfile.TemporaryDirectory(prefix="export-") as work, local_copy(source) as model:
        refuse_unsafe(f"{model}/{source.info.saved_model}", f"the model in {source.folder}")
        with exact_float32():
            predict = runtimes.saved_model(model, source.info)
            expected = predict(clips.frames)
        size = sum(path.stat().st_size for path in Path(model, source.info.saved_model).rglob("*") if path.is_file())
        thresholds = source.info.thresholds
        same = Agreement.of(expected, expected, clips.truth, thresholds)
        written(Measured("saved_model", size, None, runtimes.clip_ms(predict, clips.frames[0]), same))
        convertible, calibration = f"{work}/convertible", ""
        write_convertible(model, source.info, convertible, None if forms[0].kind == "onnx" else 1)
        if len(clips.calibration):
            calibration = f"{work}/calibration.npy"
            np.save(calibration, clips.calibration)
        for form in forms:
            for activations, how in _attempts(form, calibration):
                data, agreement, alone = _attempt(source, form, convertible, how, clips, expected)
                if activations == "float32" or agreement.largest_difference <= INT8_ACTIVATIONS:
                    break
                tool.say(
                    f"with activations in int8 a probability differs by {agreement.largest_difference:.2g}: they stay "
                    "float32, and weights alone become int8"
                )
            refuse_other(form, agreement)
            several = runtimes.converted(form, data, source.info, num_cores())
            one_ms, all_ms = (runtimes.clip_ms(predict, clips.frames[0]) for predict in (alone, several))
            put(source, form, data, {
                "kind": form.kind, "precision": form.precision, "activations": activations,
                "agreement": {**agreement.to_json(), "dataset": clips.dataset},
                "operators": runtimes.operators(form, data), "versions": runtimes.versions_of(form),
            })  # fmt: skip
            written(Measured(form.file, len(data), one_ms, all_ms, agreement))


def _attempts(form: Form, calibration: str) -> list[tuple[str, str]]:
    """The type of activations and what `convert` needs for it, the best first."""
    if form.precision == "float32":
        return [("float32", "")]
    return [("int8", calibration), ("float32", WEIGHTS_ALONE)]


def _attempt(
    source: Source, form: Form, convertible: str, how: str, clips: CheckClips, expected: np.ndarray
) -> tuple[bytes, Agreement, runtimes.Predict]:
    """A converted model, how far it agrees with the SavedModel, and the model on one thread."""
    of_int8 = f", calibrated with {len(clips.calibration)} clips" if how not in ("", WEIGHTS_ALONE) else ""
    tool.say(f"converting to {KINDS[form.kind]}, {form.precision}{of_int8}")
    data = convert(form, convertible, how)
    runtimes.operators(form, data)  # refuses what isn't built in
    tool.say(f"checking {form.file} on {clips.sentence}")
    alone = runtimes.converted(form, data, source.info, 1)
    return data, Agreement.of(alone(clips.frames), expected, clips.truth, source.info.thresholds), alone
