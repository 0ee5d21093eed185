"""The model to convert: where it is, and which run it is of. Doesn't load TensorFlow."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines import files
from pipelines.core.errors import UsageError, UserError
from pipelines.core.model_info import MODEL_INFO, ModelInfo
from pipelines.core.stored.sealed import load_json
from pipelines.models.scorer import read_model_info
from pipelines.process import interrupts
from trainer.evaluation.results import CROSSVAL, METRICS, PREDICTIONS
from trainer.files import storage
from trainer.files.initial import model_folder


@dataclass(frozen=True)
class Source:
    """A model that is there.

    Attributes:
        folder: of the model.
        info: its description.
        run: folder of the run that trained it; empty if that isn't around the model.
    """

    folder: str
    info: ModelInfo
    run: str

    def tested_on(self) -> frozenset[str]:
        """Ids of the clips that the run was tested on; none if the run isn't there.

        Raises:
            UserError: the list of predictions is damaged.
        """
        uri = storage.join(self.run, PREDICTIONS)
        if not self.run or not storage.exists(uri):
            return frozenset()
        try:
            return frozenset(load_json(line)["video_id"] for line in storage.read_bytes(uri).splitlines())
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{uri} is damaged: {error!r}. Run the training command of {self.run} again") from error


def find_model(folder: str) -> Source:
    """The model in a folder of a run or of a model.

    Raises:
        UsageError: there is none.
        UserError: its description is damaged.
    """
    model = model_folder(folder)
    if model == folder and storage.exists(storage.join(folder, CROSSVAL)):
        raise UsageError(f"{folder} is a cross-validation: give the folder of one of its folds")
    info = read_model_info(model)
    run = folder if model != folder else _above(folder)
    return Source(model, info, run if _is_of(run, info.fingerprint) else "")


def _above(folder: str) -> str:
    return os.path.dirname(os.path.abspath(folder)) if storage.is_local(folder) else folder.rpartition("/")[0]


def _is_of(run: str, fingerprint: str) -> bool:
    uri = storage.join(run, METRICS)
    if not storage.exists(uri):
        return False
    try:
        return bool(load_json(storage.read_bytes(uri))["model"]["fingerprint"] == fingerprint)
    except (ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def local_copy(source: Source) -> Iterator[str]:
    """A local folder with the model, which is copied from a store if it is in one."""
    if storage.is_local(source.folder):
        yield source.folder
        return
    with interrupts.tidying_up(), tempfile.TemporaryDirectory(prefix="model-") as folder:
        files.copy_tree(source.folder, folder)
        yield folder


def reread(source: Source) -> ModelInfo:
    """The description as it is now.

    Raises:
        UserError: another model is there now.
    """
    info = read_model_info(source.folder)
    if info.fingerprint != source.info.fingerprint:
        where = storage.join(source.folder, MODEL_INFO)
        raise UserError(f"{where} describes another model than before: it was replaced. Run the same command again")
    return info
