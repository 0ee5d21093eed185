"""Where the curves of a run are, and that those of an earlier version go on."""

from pathlib import Path

import pytest

from pipelines.process.tensorflow_start import start_tensorflow
from tests.support.metrics import HISTORY

start_tensorflow()

from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer  # noqa: E402

from trainer.evaluation import results  # noqa: E402
from trainer.training.logs import RunLog  # noqa: E402

pytestmark = pytest.mark.training


def runs_of(folder: Path) -> EventMultiplexer:
    """What TensorBoard sees below a folder."""
    return EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload()


def steps(shown: EventMultiplexer, run: str, curve: str) -> list[int]:
    return [event.step for event in shown.Tensors(run, curve)]


def test_a_run_has_the_name_of_its_folder(tmp_path: Path) -> None:
    sent: list[int] = []
    for name in ("lrcn", "logo/fold01-seed0"):
        (tmp_path / name).mkdir(parents=True)
        log = RunLog(str(tmp_path / name), lambda history: sent.append(len(history)))
        log.epochs(HISTORY[:1], 1)
        log.epochs(HISTORY[:3], 2)
        log.confusion([[1, 0], [0, 1]], ["Jump", "Run"], 3)
    shown = runs_of(tmp_path)
    assert sorted(shown.Runs()) == ["logo/fold01-seed0", "lrcn"]
    assert steps(shown, "lrcn", "accuracy/val") == [1, 2, 3] and steps(shown, "lrcn", "test/confusion") == [3]
    assert sent == [1, 3, 1, 3]


def test_a_run_of_an_earlier_version_goes_on_where_its_curves_are_whole(tmp_path: Path) -> None:
    old = tmp_path / "lrcn" / results.OLD_EVENTS
    old.mkdir(parents=True)
    (old / "events.out.tfevents.1700000000000000.1.v2").write_bytes(b"")
    log = RunLog(str(tmp_path / "lrcn"))
    assert old.exists()
    log.epochs(HISTORY, 1)
    assert not old.exists()
    shown = runs_of(tmp_path)
    assert [*shown.Runs()] == ["lrcn"] and steps(shown, "lrcn", "loss/val") == [1, 2, 3, 4]


def test_a_run_that_starts_over_takes_its_curves_along(tmp_path: Path) -> None:
    log = RunLog(str(tmp_path))
    log.epochs(HISTORY, 1)
    foreign = tmp_path / "events.out.tfevents.1700000000.host.12.0.v2"
    foreign.write_bytes(b"")
    (tmp_path / results.TRACKING).write_text("{}")
    results.remove_run(str(tmp_path))
    assert [*tmp_path.iterdir()] == [foreign]
