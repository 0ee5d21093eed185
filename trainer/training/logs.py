"""What a run leaves for people and TensorBoard while it trains: `history.csv` and event files."""

import csv
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence

from trainer.evaluation import results
from trainer.files import storage
from trainer.tracking.confusion import confusion_picture
from trainer.tracking.names import CONFUSION, curves_of
from trainer.training.event_file import EventFile

COLUMNS = (
    "epoch", "step", "learning_rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds",
    "clips_per_s",
)  # fmt: skip


class RunLog:
    """Keeps `history.csv` and TensorBoard's event files up to date.

    Args:
        folder: of the run.
        on_epochs: also called with the history whenever epochs are logged.
    """

    def __init__(self, folder: str, on_epochs: Callable[[Sequence[Mapping[str, float]]], None] | None = None) -> None:
        self._folder, self._on_epochs = folder, on_epochs
        self._history = storage.join(folder, results.HISTORY)
        self._old = storage.join(folder, results.OLD_EVENTS)
        """Where earlier versions had event files, whose curves have other names."""
        # Event files grow, which files in stores can't: there they are replaced each time.
        self._local = None if storage.is_local(folder) else tempfile.TemporaryDirectory()
        self._writer = EventFile(self._local.name if self._local else folder)

    def epochs(self, history: Sequence[Mapping[str, float]], new: int) -> None:
        """Logs the last `new` epochs. The table is written again as a whole, so that no row is in it twice."""
        storage.write_text(self._history, history_table(history))
        is_old = storage.exists(self._old)
        for row in history if is_old else history[len(history) - new :]:
            self._writer.scalars(int(row["epoch"]), curves_of(row))
        self._upload()
        if is_old:
            storage.delete_tree(self._old)
        if self._on_epochs:
            self._on_epochs(history)

    def _upload(self) -> None:
        if self._local:
            storage.copy_tree(self._local.name, self._folder)

    def confusion(self, matrix: Sequence[Sequence[int]] | None, labels: Sequence[str], epoch: int) -> None:
        """Ends the log with the confusion matrix of the test clips as a picture; there is none of several labels."""
        if matrix is not None:
            self._writer.picture(epoch, CONFUSION, confusion_picture(matrix, labels))
        self._writer.close()
        self._upload()


def history_table(history: Sequence[Mapping[str, float]]) -> str:
    """The content of `history.csv`."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(history)
    return text.getvalue()
