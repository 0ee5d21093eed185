"""The summary at the end of a run: in a log, on a terminal, and in ASCII-only output."""

import io
import re

import pytest
from rich.console import Console

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset import summary
from pipelines.dataset.info import DatasetInfo, ShardInfo, SplitInfo
from pipelines.reports import console

NAMES = ("[red]a[/red]", "b \udcff\x1b[31m", "c")


@pytest.fixture
def dataset() -> DatasetInfo:
    """Two splits; the second class is only in train."""
    shards = tuple(ShardInfo(f"train-{i:05}-of-00003.tfrecord", 3, 500_000, "0" * 64) for i in range(3))
    return DatasetInfo(
        clip_spec=ClipSpec(),
        encoding=FrameEncoding("jpeg", 90),
        compression="gzip",
        labels=NAMES,
        splits={
            "train": SplitInfo(shards, ("g1", "g2", "g3"), dict.fromkeys(NAMES, 3)),
            "test": SplitInfo(
                (ShardInfo("test-00000-of-00001.tfrecord", 4, 1_500_000, ""),), ("g4", "g5"), {NAMES[0]: 2, "c": 2}
            ),
        },
        counts={"listed": 17, "written": 13, "failed": 3, "filtered": 1, "ignored": 2, "damaged": 3},
        failures_by_reason={"VideoOpenError": 1, "VideoDecodeError": 2},
        durations_s={},
        configuration={},
        versions={},
    )


def printed(info: DatasetInfo, output: str, seconds: float | None) -> str:
    file = io.StringIO()
    summary.print_summary(info, output, seconds, file)
    return file.getvalue()


def test_summary_in_a_log(dataset: DatasetInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    text = printed(dataset, "/data/my [bold]clips/", 34)
    assert "\x1b" not in text and "[bold]" in text
    text.encode("utf-8")
    lines = [" ".join(re.sub("[│┃]", " ", line).split()) for line in text.splitlines()]
    for line in (
        "train 9 3 3 1.4 MiB",
        "test 4 2 1 1.4 MiB",
        "Total 13 5 4 2.9 MiB",
        "Videos 17 listed = 13 written + 3 failed + 1 filtered; 3 of the written are damaged; 2 other files ignored",
        "Failures 2 VideoDecodeError, 1 VideoOpenError; each is in failures.jsonl",
        "Classes 3",
        f"Warning test has no clip of 1 class: {summary.visible(NAMES[1])}",
        "Clips uint8 [20, 64, 64, 3] RGB, uniform sampling, stretch resize (area); "
        "stored as jpeg of quality 90, gzip compression",
        "Time 34.0 s, 0.5 videos a second",
        "Preview /data/my [bold]clips/preview.html",
        "Next python -m pipelines.verify '/data/my [bold]clips/'",
    ):
        assert line in lines
    assert "Time" not in printed(dataset, "out", None)


def test_many_names_are_cut_and_gaps_warned_of() -> None:
    labels = tuple(f"class{i:02}" for i in range(30))
    shard = ShardInfo("s", 2, 5, "")
    splits = {"train": SplitInfo((shard,), ("g",), {"class00": 2}), "val": SplitInfo((), (), {})}
    counts = {"listed": 2, "written": 2, "failed": 0, "filtered": 0, "ignored": 0, "damaged": 0}
    text = printed(
        DatasetInfo(ClipSpec(), FrameEncoding(), "none", labels, splits, counts, {}, {}, {}, {}), "out", None
    )
    assert "train has no clip of 29 classes: class01, " in text and "class08 and 21 more" in text
    assert "class09" not in text and "val has no clips" in text
    assert "Failures" not in text and "damaged" not in text and "ignored" not in text


def test_summary_in_a_terminal(dataset: DatasetInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminal(**options: object) -> Console:
        return Console(**options, width=80, force_terminal=True, color_system="standard")  # type: ignore[arg-type]

    monkeypatch.setattr(console, "Console", terminal)
    text = re.sub(r"\x1b\[[\d;]*m", "", printed(dataset, "/long" * 20, 0.0))
    assert "\x1b" not in text
    lines = text.splitlines()
    assert f"Next      python -m pipelines.verify {'/long' * 20}" in lines
    assert all(len(line) <= 80 for line in lines if "/long" not in line)


def test_summary_in_ascii(dataset: DatasetInfo) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    summary.print_summary(dataset, "/data/Ü", None, file)
    file.flush()
    assert b"/data/\\xdc/preview.html" in raw.getvalue()


def test_sizes_and_times_for_people() -> None:
    sizes = {0: "0 B", 1023: "1,023 B", 1024: "1.0 KiB", 1024**2 - 1: "1.0 MiB", 3 * 1024**4: "3.0 TiB"}
    assert {size: summary.human_bytes(size) for size in sizes} == sizes
    times = {0: "0.0 s", 59.94: "59.9 s", 59.96: "1 min 00 s", 192.3: "3 min 12 s", 3599.6: "1 h 00 min"}
    assert {seconds: summary.human_seconds(seconds) for seconds in times} == times
