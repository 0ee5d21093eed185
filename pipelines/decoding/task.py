"""A video on its way through a decoder, and errors on that way that aren't the video's fault."""

import contextlib
import errno
import logging
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.core.errors import WorkerError, as_shortage
from pipelines.core.failure import Failure
from pipelines.decoding.lent_file import Lender, Opened
from pipelines.decoding.messages import CutVideo, Job, LentBlocks, LentVideo, Request
from pipelines.decoding.sinks import AnyResult, Sink

_log = logging.getLogger(__name__)


class Start:
    """Asks a decoder to start its process now, rather than for its first video."""


@dataclass(eq=False)
class Task:
    """A video on its way through a decoder; `open_local` is entered when its turn comes and left when it is done.

    Where it doesn't give a local path, `lender` has the blocks of the video; `lost` tells why one of them can't be had.
    """

    job: Job
    wanted: Request
    open_local: Callable[[], Opened]
    sink: Sink
    request: bytes = b""
    lender: Lender | None = None
    lost: Exception | None = None
    opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def open(self) -> bool:
        """Prepares the request; False where the source can't be read, which then is the result.

        Raises:
            WorkerError: this machine is short of a resource; trying again may help.
        """
        try:
            opened = self.opened.enter_context(self.open_local())
        except OSError as error:
            if isinstance(shortage := as_shortage(error), WorkerError):
                raise shortage from error
            self.finish(_unreadable(error))
            return False
        except WorkerError:
            raise
        except Exception as error:
            self.fail(error)
            return False
        if isinstance(opened, str):
            # The child has a working directory of its own.
            self.request = pickle.dumps(replace(self.wanted, path=os.path.abspath(opened)))
            return True
        self.lender = opened
        lent = LentVideo(opened.size_bytes, opened.path, opened.block_bytes, opened.most_held, opened.mark)
        self.request = pickle.dumps(replace(self.wanted, path=opened.uri, lent=lent))
        if self.wanted.range is not None:
            opened.keep()
        return True

    def lend(self, blocks: Any) -> LentBlocks:
        """Lends the decoder the blocks that it asks for: the first one and their number. If they can't be had, `lost`
        tells why.

        Raises:
            WorkerError: this machine is short of a resource; trying again may help.
        """
        self.lost = None
        try:
            if self.lender is None:
                raise ValueError("a local file")
            first, count = map(int, blocks)
            return LentBlocks(self.lender.lend(first, count))
        except WorkerError:
            raise
        except (TypeError, ValueError) as error:  # the decoder of a hostile video may ask for anything
            self.lost = OSError(errno.EINVAL, f"the decoder asked for blocks that don't exist ({error})")
        except Exception as error:  # becomes the result
            self.lost = as_shortage(error)
            if isinstance(self.lost, WorkerError):
                raise self.lost from error
        return LentBlocks(None)

    def finish(self, result: AnyResult | None) -> None:
        """Passes on the last result; where blocks were lost, that is a failure, or an error for all."""
        if self.lost is not None and not isinstance(self.lost, OSError):
            self.fail(self.lost)
            return
        if self.lost is not None:
            result = _unreadable(self.lost)
        if isinstance(result, CutVideo) and self.lender is not None:
            self.lender.keep()
        if (error := self._close()) is not None:
            self.sink.fail(error)
        else:
            self.sink.put(result, last=True)

    def fail(self, error: Exception) -> None:
        """Tells whoever waits for the result that there is none, and why."""
        self._close()
        self.sink.fail(error)

    def cancel(self) -> None:
        """Ends the waiting for blocks by another thread."""
        if self.lender is not None:
            self.lender.cancel()

    def _close(self) -> Exception | None:
        """Leaves `open_local`. A file that can't be removed doesn't affect its result; any other error is a bug, and is
        returned."""
        try:
            self.opened.close()
        except OSError as error:
            _log.warning("cannot clean up after a video: %s", error)
        except Exception as error:
            return error
        return None


def _unreadable(error: OSError) -> Failure:
    return Failure("read", type(error).__name__, error.strerror or str(error), transient=True)
