"""What a run leaves for people and TensorBoard while it trains: `history.csv` and event files."""

import csv
import io
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np

from trainer.evaluation import results
from trainer.files import storage
from trainer.training.event_file import EventFile

COLUMNS = (
    "epoch", "step", "learning_rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds",
    "clips_per_s",
)  # fmt: skip
_CELL_PX = 12


class RunLog:
    """Keeps `history.csv` and TensorBoard's event files up to date.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: str) -> None:
        self._history = storage.join(folder, results.HISTORY)
        self._events = storage.join(folder, results.TENSORBOARD)
        # Event files grow, which files in stores can't: there they are replaced each time.
        self._local = None if storage.is_local(folder) else tempfile.TemporaryDirectory()
        self._writer = EventFile(self._local.name if self._local else self._events)

    def epochs(self, history: Sequence[Mapping[str, float]], new: int) -> None:
        """Logs the last `new` epochs. The table is written again as a whole, so that no row is in it twice."""
        storage.write_text(self._history, history_table(history))
        for row in history[len(history) - new :]:
            values = {name.replace("_", "/", 1): row[name] for name in COLUMNS[2:7]}
            self._writer.scalars(int(row["epoch"]), {**values, "clips_per_s": row["clips_per_s"]})
        self._upload()

    def _upload(self) -> None:
        if self._local:
            storage.copy_tree(self._local.name, self._events)

    def confusion(self, matrix: Sequence[Sequence[int]] | None, epoch: int) -> None:
        """Ends the log with the confusion matrix of the test clips as a picture; there is none of several labels."""
        if matrix is not None:
            self._writer.picture(epoch, "test/confusion", confusion_image(matrix))
        self._writer.close()
        self._upload()


def history_table(history: Sequence[Mapping[str, float]]) -> str:
    """The content of `history.csv`."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(history)
    return text.getvalue()


def confusion_image(confusion: Sequence[Sequence[int]]) -> np.ndarray:
    """A confusion matrix as a picture, uint8 [C * cell, C * cell, 3]: rows truth, columns prediction, dark is many."""
    counts = np.asarray(confusion, np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shade = np.kron(255 * (1 - shares), np.ones((_CELL_PX, _CELL_PX)))
    return np.repeat(np.round(shade).astype(np.uint8)[..., np.newaxis], 3, axis=-1)
