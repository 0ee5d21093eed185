"""A call that a thread makes, or whoever asks for its result."""

import threading

import pytest

from pipelines.process.background import Background
from pipelines.process.embedding import as_library


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
