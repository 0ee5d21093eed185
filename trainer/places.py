"""What lies in a folder, and whether a run may be written there. Knows no TensorFlow."""

import re

from pipelines.core.errors import UsageError
from pipelines.core.metadata import DATASET_INFO
from pipelines.core.model_info import MODEL_INFO
from pipelines.summary import some
from trainer import storage
from trainer.results import CHECKPOINTS, CROSSVAL, HISTORY, METRICS, MODEL, TENSORBOARD

STATE = "_state"
"""The folder in which jobs keep what their next run needs, and runs a lock."""
RUN, CROSS_VALIDATION = "a training run", "a cross-validation"
MODEL_FOLDER, DATASET, UNFINISHED_DATASET, LABELS = "a model", "a dataset", "a dataset that isn't complete", "labels"
_FOLD = re.compile(r"fold\d+-seed\d+")
_STATES = {"label_layout.json": LABELS, "layout.json": UNFINISHED_DATASET}


def kind_of(folder: str) -> str:
    """What a folder holds, as far as this software wrote it: one of the names above, or empty.

    Raises:
        UserError: it can't be listed.
    """
    names = set(storage.list_names(folder))
    if CROSSVAL in names or any(map(_FOLD.fullmatch, names)):
        return CROSS_VALIDATION
    if names & {METRICS, CHECKPOINTS} or (names and names <= {HISTORY, TENSORBOARD, STATE} and names != {STATE}):
        return RUN
    if DATASET_INFO in names:
        return DATASET
    if MODEL_INFO in names:
        return MODEL_FOLDER
    written = storage.list_names(storage.join(folder, STATE)) if STATE in names else ()
    return next((kind for name, kind in _STATES.items() if name in written), "")


def check_output(folder: str, kind: str) -> None:
    """Refuses to write a run or a cross-validation where something else is.

    Args:
        folder: where it is to be written.
        kind: `RUN` or `CROSS_VALIDATION`.

    Raises:
        UsageError: something else is there, or where a run puts its model.
        UserError: it can't be listed.
    """
    found = kind_of(folder)
    names = [name for name in storage.list_names(folder) if not name.startswith(".") and name != STATE]
    if found and found != kind:
        raise UsageError(f"{folder} holds {found}, and {kind} is to be written. Choose another --output")
    if not found and names:
        raise UsageError(
            f"{folder} is not empty and holds no run of this software (found {some(names, 3)}). Choose another "
            "--output or empty the folder"
        )
    if kind == RUN and MODEL in names:
        refuse_other_folder(storage.join(folder, MODEL))


def refuse_other_folder(folder: str) -> None:
    """Refuses to put a model where something else is.

    Raises:
        UsageError: it is a file, or a folder that holds files, but no model.
        UserError: it can't be listed.
    """
    if storage.is_file(folder) or ((names := storage.list_names(folder)) and MODEL_INFO not in names):
        raise UsageError(
            f"{folder} is there already and is no model (no {MODEL_INFO} in it); choose another output folder"
        )
