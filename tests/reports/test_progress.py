"""Progress without a terminal: lines, but not too many, with the time left."""

import logging
import time

import pytest

from pipelines.process.embedding import as_library
from pipelines.reports.progress import Progress, videos_done, watching


def test_lines_come_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 1.0, 4.0, 6.0, 6.0, 8.0, 11.0, 11.0])
    with Progress("Making", 40, every_s=5.0, clock=lambda: next(clock)) as progress:
        for done in (20, 30, 32, 36, 40):
            progress.update(done, f"{done} of 40")
    assert capsys.readouterr().err.splitlines() == ["Making: 32 of 40, about 3.3 s left", "Making: 40 of 40"]


def test_in_a_library_the_lines_go_to_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)  # even on a terminal: no bar
    with caplog.at_level(logging.INFO, "pipelines"), as_library(), Progress("Making", 40, every_s=0.0) as progress:
        progress.update(20, "20 of 40")
        progress.say("epoch 1")
    assert caplog.messages == ["Making: 20 of 40", "epoch 1"] and capsys.readouterr() == ("", "")


def test_one_of_several_workers_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Training", 10, quiet=True, every_s=0.0) as progress:
        progress.update(1, "a")
        progress.say("b")
    assert not capsys.readouterr().err


def test_a_store_that_does_not_answer_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([OSError("gone"), 3])

    def done() -> float:
        answer = next(answers, 3)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with watching("Labelling", 4, done, 0.01, videos_done(4)):
        time.sleep(0.1)
    assert not capsys.readouterr().err  # over in less than the time between two lines
