"""A call that a thread makes, or whoever asks for its result."""

import subprocess
import sys
import threading

import pytest

from pipelines.process.background import Background
from pipelines.process.embedding import as_library
from tests import ROOT


def test_it_is_made_once_by_a_thread_of_its_own() -> None:
    calls: list[threading.Thread] = []
    work = Background(lambda: calls.append(threading.current_thread()) or len(calls))
    work.start()
    assert (work.result(), work.result()) == (1, 1)
    assert calls != [threading.current_thread()]


def test_it_is_made_by_whoever_asks_if_nobody_started_it() -> None:
    assert Background(threading.current_thread).result() is threading.current_thread()


def test_another_program_waits_for_all_that_runs() -> None:
    work = Background(threading.current_thread)
    with as_library():
        work.start()
    assert work.result() is threading.current_thread()


def test_its_error_is_raised_where_its_result_is_asked_for() -> None:
    work = Background(lambda: 1 // 0)
    work.start()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            work.result()


@pytest.mark.process
def test_a_tool_that_ends_early_does_not_wait_for_it() -> None:
    code = (
        "import threading; from pipelines.process.background import Background, leave\n"
        "Background(threading.Event().wait).start(); print('refused'); leave(2)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "refused\n", "")
