"""A video on its way through a decoder, and errors on that way that aren't the video's fault."""

import contextlib
import logging
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pipelines.core.errors import WorkerError, as_shortage
from pipelines.core.failure import Failure
from pipelines.decoding.messages import Job, Request
from pipelines.decoding.sinks import AnyResult, Sink

_log = logging.getLogger(__name__)


class Start:
    """Asks a decoder to start its process now, rather than for its first video."""


@dataclass(eq=False)
class Task:
    """A video on its way through a decoder; `open_local` is entered when its turn comes and left when it is done."""

    job: Job
    wanted: Request
    open_local: Callable[[], contextlib.AbstractContextManager[str]]
    sink: Sink
    request: bytes = b""
    opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def open(self) -> bool:
        """Prepares the request; False where the source can't be read, which then is the result.

        Raises:
            WorkerError: this machine is short of a resource; trying again may help.
        """
        try:
            path = self.opened.enter_context(self.open_local())
        except OSError as error:
            if isinstance(shortage := as_shortage(error), WorkerError):
                raise shortage from error
            message = error.strerror or str(error)
            self.finish(Failure("read", type(error).__name__, message, transient=True))
            return False
        except WorkerError:
            raise
        except Exception as error:
            self.fail(error)
            return False
        # The child has a working directory of its own.
        self.request = pickle.dumps(replace(self.wanted, path=os.path.abspath(path)))
        return True

    def finish(self, result: AnyResult | None) -> None:
        """Passes on the last result."""
        if (error := self._close()) is not None:
            self.sink.fail(error)
        else:
            self.sink.put(result, last=True)

    def fail(self, error: Exception) -> None:
        """Tells whoever waits for the result that there is none, and why."""
        self._close()
        self.sink.fail(error)

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
