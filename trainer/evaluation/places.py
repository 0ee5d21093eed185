"""What a folder holds, and whether a run may be written there. Doesn't load TensorFlow."""

import os
import re

from pipelines.core.errors import UsageError
from pipelines.core.model_info import MODEL_INFO
from pipelines.inputs.folder_kinds import kind_of_folder
from pipelines.reports.text import some
from trainer.evaluation.card.keeping import is_card
from trainer.evaluation.results import CROSSVAL, MODEL, OLD_EVENTS, TRACKING, is_event_file
from trainer.files import storage

RUN, CROSS_VALIDATION = "a training run", "a cross-validation"
_OTHERS = {"run": RUN, "dataset": "a dataset", "model": "a model", "labels": "labels", "SavedModel": "a SavedModel"}
_STATE = "_state"
_FOLD = re.compile(r"fold\d+-seed\d+")


def kind_of(folder: str) -> str:
    """What a folder holds, such as `RUN`, as far as this software knows it; empty for anything else.

    Raises:
        UserError: the folder can't be listed.
    """
    names = set(storage.list_names(folder))
    if CROSSVAL in names or any(map(_FOLD.fullmatch, names)):
        return CROSS_VALIDATION
    begun = {name for name in names if name in (OLD_EVENTS, TRACKING) or is_event_file(name)}
    if begun and names <= {*begun, _STATE}:
        return RUN  # that has just begun
    return _OTHERS.get(kind_of_folder(lambda name: storage.exists(storage.join(folder, name))), "")


def check_output(folder: str, kind: str, data: str = "") -> None:
    """Refuses to write a run or a cross-validation where something else is.

    Args:
        folder: where it is to be written.
        kind: `RUN` or `CROSS_VALIDATION`.
        data: the dataset, whose folder may hold nothing else.

    Raises:
        UsageError: something else is there.
        UserError: the folder can't be listed.
    """
    if data and f"{folder.rstrip('/')}/".startswith(f"{data.rstrip('/')}/"):
        raise UsageError(f"--output {folder} lies in --data {data}: a dataset's folder may hold nothing else")
    found = kind_of(folder)
    names = [name for name in storage.list_names(folder) if not name.startswith(".") and name != _STATE]
    if found and found != kind:
        raise UsageError(f"{folder} holds {found}, so {kind} can't be written there. Choose another --output")
    if not found and names:
        raise UsageError(
            f"{folder} is not empty and holds no run of this software (found {some(names, 3)}). Choose another "
            "--output or empty the folder"
        )


def check_model_place(output: str) -> None:
    """Refuses, before anything is trained, a run in whose folder something else is where its model goes.

    Raises:
        UsageError: something else is there.
        UserError: the folder can't be listed.
    """
    refuse_other_folder(storage.join(output, MODEL))


def refuse_other_folder(folder: str) -> None:
    """Refuses to put a model where something else is.

    Raises:
        UsageError: there is a file, a device or the like, or a folder that holds files but no model. Model cards alone
            are not in the way.
        UserError: the folder can't be listed.
    """
    is_other = storage.is_file(folder) or (
        storage.is_local(folder) and os.path.exists(folder) and not os.path.isdir(folder)
    )
    names = [] if is_other else [name for name in storage.list_names(folder) if not is_card(name)]
    if is_other or (names and MODEL_INFO not in names):
        raise UsageError(
            f"{folder} already exists and is not a model (no {MODEL_INFO} in it); choose another output folder"
        )
