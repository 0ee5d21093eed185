"""What a run needs to resume exactly where it stopped: a file with all variables and the position, written atomically.

A checkpoint is a NumPy `.npz` archive: `v00000` ... are the variables in the order of `Learner.variables`, `state` is
JSON. The archive's comment is a checksum of everything before it. It can be read with `numpy.load` alone.
"""

import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from pipelines.core.errors import UserError
from trainer.files import storage

_MARK = b"crc32:%08x"
_MARK_BYTES = len(_MARK % 0)


@dataclass
class State:
    """The position of a run, and its results so far.

    Attributes:
        epoch: the current epoch, from 0.
        step: steps done in it.
        global_step: steps done in all epochs.
        loss, correct, clips: sums over the clips of this epoch so far.
        best_loss: the lowest calibrated loss on the validation clips; None before the first epoch is done.
        best_epoch: the epoch that had it.
        best_sums: its sums over the clips of each group.
        keeps_lowest: whether the weights of that epoch are kept in any case, as in runs that earlier versions began.
        worse: epochs up to now, without a break, whose loss is clearly higher than that.
        last_kept: whether the weights of the last epoch are kept, once training has stopped.
        history: a row for each epoch that is done.
        seconds: time spent training, over all starts.
        stopped: why training ended, `early` or `finished`; empty while it continues.
        float32_from: the step from which a run in bfloat16 continues in float32, because its loss became NaN; -1 if
            there is none.
    """

    epoch: int = 0
    step: int = 0
    global_step: int = 0
    loss: float = 0.0
    correct: float = 0.0
    clips: float = 0.0
    best_loss: float | None = None
    best_epoch: int = -1
    best_sums: list[float] = field(default_factory=list)
    keeps_lowest: bool = True
    worse: int = 0
    last_kept: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    float32_from: int = -1

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights are kept."""
        return self.epoch - 1 if self.last_kept else self.best_epoch

    def start_epoch(self) -> None:
        """Sets the position to the start of the current epoch."""
        self.step, self.loss, self.correct, self.clips = 0, 0.0, 0.0, 0.0


def save(uri: str, arrays: Sequence[np.ndarray], state: State, identity: Mapping[str, Any]) -> None:
    """Writes a checkpoint; an earlier one of that name stays until the new one is complete.

    Raises:
        OutputError: it can't be written, on a full disk for example.
    """
    buffer = io.BytesIO()
    text = json.dumps({"state": asdict(state), "identity": dict(identity)})
    named = {f"v{number:05d}": array for number, array in enumerate(arrays)}
    np.savez(buffer, state=np.frombuffer(text.encode(), np.uint8), **named)
    storage.write_bytes(uri, _with_checksum(buffer.getvalue()))


def _with_checksum(archive: bytes) -> bytes:
    """Adds the checksum to a zip archive without a comment, whose last two bytes are that comment's length."""
    body = archive[:-2] + _MARK_BYTES.to_bytes(2, "little")
    return body + _MARK % zlib.crc32(body)


def _check(archive: bytes) -> None:
    """Raises ValueError where the checksum differs. Archives of earlier versions of this software have none."""
    if archive[-2:] != b"\0\0" and archive[-_MARK_BYTES:] != _MARK % zlib.crc32(archive[:-_MARK_BYTES]):
        raise ValueError("its checksum differs")


def load(uri: str) -> tuple[list[np.ndarray], State, dict[str, Any]] | None:
    """Variables, position and the identity of the run that wrote them; None where there is no checkpoint.

    Raises:
        UserError: the checkpoint is damaged.
    """
    if not storage.exists(uri):
        return None
    data = storage.read_bytes(uri)
    try:
        _check(data)
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            content = json.loads(archive["state"].tobytes())
            arrays = [archive[name] for name in sorted(archive.files) if name != "state"]
            return arrays, State(**content["state"]), content["identity"]
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a damaged file
        folder = uri.rpartition("/")[0]
        raise UserError(
            f"the checkpoint {uri} is damaged ({error}); delete the folder {folder} to train from the beginning"
        ) from error
