"""The model that training starts from (`--init`): where it is, what it is, which groups it has learnt from.

Doesn't load TensorFlow.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.appearance.names import NONE
from pipelines.core.errors import UsageError, UserError
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from pipelines.core.stored.sealed import load_json
from pipelines.models.scorer import read_model_info
from trainer.files import storage

ALONE = "appearance"
"""The model with nothing but an appearance stream."""
_MODEL, _METRICS, _CROSSVAL = "model", "metrics.json", "crossval.json"


@dataclass(frozen=True, eq=False)
class Initial:
    """A model to start from.

    Attributes:
        folder: of the model.
        info: its description.
        groups: names of the groups that it was trained and validated on, also those of models that it started from
            itself; None where that is not known.
    """

    folder: str
    info: ModelInfo
    groups: frozenset[str] | None

    def seen(self, groups: Iterable[str]) -> list[str]:
        """Those of some groups that the model has learnt from, sorted; none where that is not known."""
        return sorted(set(groups) & (self.groups or set()))


def model_folder(folder: str) -> str:
    """The folder of the model in the folder of a run, or that folder itself."""
    inside = storage.join(folder, _MODEL)
    return inside if storage.exists(storage.join(inside, MODEL_INFO)) else folder


def initial_fingerprint(folder: str) -> str:
    """What identifies the model to start from; empty without one.

    Raises:
        UsageError: there is no model.
        UserError: its description is damaged.
    """
    return _read_info(folder).fingerprint if folder else ""


def read_initial(folder: str, name: str, variant: str, appearance: str = NONE) -> Initial:
    """The model in a folder, if a network can start from it: one of the same kind, whether or not both have a second
    stream, or one whose appearance stream has the same pretrained network.

    Args:
        folder: of a run or of a model.
        name, variant, appearance: the network that is to be trained.

    Raises:
        UsageError: there is no model, it was imported, or it is another network.
        UserError: its description is damaged.
    """
    info, model = _read_info(folder), model_folder(folder)
    if info.imported or info.variant == "imported":
        raise UsageError(
            f"--init {folder} is an imported model, {info.name}: training can only start from models that "
            "trainer.task has trained"
        )
    shares_eye = appearance != NONE and info.appearance.get("name") == appearance
    if (info.name, info.variant) != (name, variant) and not (shares_eye and ALONE in (info.name, name)):
        raise UsageError(
            f"--init {folder} is the network {info.name} ({info.variant}), not {name} ({variant}): give --model "
            f"{info.name} --variant {info.variant}, or start from another model"
        )
    return Initial(model, info, _groups(folder, model, info.fingerprint))


def check_initial(folder: str, output: str, name: str, variant: str, appearance: str = NONE) -> None:
    """Refuses, before anything is started, a model that training can't start from; an empty folder means none.

    Args:
        folder: of a run or of a model.
        output: where the run is to be written.
        name, variant, appearance: the network that is to be trained.

    Raises:
        UsageError: see `read_initial`; or the model lies in the folder that is to be written.
        UserError: its description is damaged.
    """
    if not folder:
        return
    storage.check_stores(folder)
    if f"{folder}/".startswith(f"{output}/"):
        raise UsageError(f"--init {folder} lies in --output {output}, which is written: choose another --output")
    read_initial(folder, name, variant, appearance)


def _read_info(folder: str) -> ModelInfo:
    model = model_folder(folder)
    if model == folder and storage.exists(storage.join(folder, _CROSSVAL)):
        raise UsageError(f"--init {folder} is a cross-validation: give the folder of one of its folds")
    try:
        return read_model_info(model)
    except UsageError as error:
        raise UsageError(f"--init: {error}") from error


def _groups(folder: str, model: str, fingerprint: str) -> frozenset[str] | None:
    """What metrics.json of the model's run says of it, if that run is there."""
    run = folder if model != folder else storage.normalise(storage.join(folder, ".."))
    uri = storage.join(run, _METRICS)
    if not storage.exists(uri):
        return None
    try:
        metrics = load_json(storage.read_bytes(uri))
        if metrics["model"]["fingerprint"] != fingerprint:
            return None
        before = (metrics.get("init") or {"groups": []})["groups"]
        of_run = metrics["dataset"]["groups"]
        return None if before is None else frozenset((*of_run["train"], *of_run["val"], *before))
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{uri} is damaged: {error!r}. Run the training command of {run} again") from error
