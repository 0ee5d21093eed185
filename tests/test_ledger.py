"""What the ledger keeps comes back as it was, the right entries are chosen, and labels depend on nothing else."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.labelling.assembly import ShardLabels, assemble
from pipelines.labelling.ledger import MAX_STRIPS, Entry, choose, is_complete
from pipelines.labelling.plan import ListedVideo
from pipelines.labelling.segments import SegmentSpec
from pipelines.labelling.types import LabelFailure
from pipelines.video.windows import Window

KEY = "key"
LABELS = ("Jump", "Run", "Wave")
SPEC = SegmentSpec(smooth=1)
NO_UTF8 = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)  # what Python makes of bytes in names of files
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | NO_UTF8, max_size=6)
PARTS = ("0:2", "2:4")


def failed(video: str, start_s: float | None = None, transient: bool = False) -> LabelFailure:
    end_s = None if start_s is None else start_s + 1
    return LabelFailure(video, f"/{video}", start_s, end_s, "decode", "Broken", "no", transient)


def strip(video: str, index: int) -> str:
    return f"strip of {video} {index}"


def entry(video: str = "a", part: str = "", parts: tuple[str, ...] = (), seed: int = 0, **other: Any) -> Entry:
    """The windows of a part, or of a video of four windows."""
    first, _, end = (part or "0:4").partition(":")
    windows = tuple(Window(i, float(i), i + 1.0) for i in range(int(first), int(end)))
    drawn = np.random.default_rng([seed, *map(ord, video + part)]).random((len(windows), 3)).astype(np.float32)
    values: dict[str, Any] = {
        "video": video, "version": "1", "key": KEY, "part": part, "parts": parts, "num_windows": len(windows),
        "duration_s": 4.0, "damaged": False, "windows": windows,
        "probabilities": drawn / drawn.sum(axis=1, keepdims=True), "failures": (),
        "strips": {w.index: strip(video, w.index) for w in windows},
    }  # fmt: skip
    return Entry(**{**values, **other})


def whole_failure(video: str = "a", transient: bool = False) -> Entry:
    nothing = np.zeros((0, 0), np.float32)
    return entry(video, windows=(), probabilities=nothing, strips={}, num_windows=1, duration_s=0.0,
                 failures=(failed(video, transient=transient),))  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    times = st.floats(0, 1e6)
    indices = draw(st.lists(st.integers(0, 99), unique=True, max_size=4))
    windows = tuple(Window(i, draw(times), draw(times)) for i in sorted(indices))
    count = draw(st.integers(1, 3)) if windows else 0
    values = draw(st.lists(st.floats(0, 1, width=32), min_size=len(windows) * count, max_size=len(windows) * count))
    failures = st.builds(
        LabelFailure, TEXT, TEXT, st.none() | times, st.none() | times, TEXT, TEXT, TEXT, st.booleans()
    )
    return Entry(
        draw(TEXT), draw(TEXT), draw(TEXT), draw(TEXT), tuple(draw(st.lists(TEXT, max_size=3))),
        draw(st.integers(0, 99)), draw(times), draw(st.booleans()), windows,
        np.array(values, np.float32).reshape(len(windows), count), tuple(draw(st.lists(failures, max_size=2))),
        draw(st.dictionaries(st.integers(0, 99), TEXT, max_size=2)),
    )  # fmt: skip


@given(entries())
def test_an_entry_comes_back_as_it_was(made: Entry) -> None:
    line = made.to_json()
    assert line.isascii() and "\n" not in line
    back = Entry.from_json(line)
    assert back.probabilities.dtype == np.float32 and back.probabilities.shape == made.probabilities.shape
    assert back.probabilities.tobytes() == made.probabilities.tobytes()
    assert {**vars(back), "probabilities": 0} == {**vars(made), "probabilities": 0}


@pytest.mark.parametrize("line", ["", "{}", "[1]", "null", entry().to_json()[:-9], '{"video": "a"}'])
def test_other_lines_are_told_apart(line: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        Entry.from_json(line)


def lines(*found: Entry) -> list[str]:
    return [e.to_json() for e in found]


def chosen(*found: Entry, version: str = "1") -> list[str]:
    """Which entries are chosen for video `a`, whatever the order."""
    one, other = (choose(order, KEY, {"a": version}).get("a", []) for order in (found, found[::-1]))
    assert lines(*one) == lines(*other)
    return lines(*one)


def test_only_the_present_version_and_key_hold() -> None:
    new = entry(version="2")
    assert chosen(entry(), new, entry(key="other"), version="2") == lines(new)
    assert choose([entry(), entry("b")], KEY, {"a": "missing"}) == {}
    assert choose([entry(), entry("b")], "other", {"a": "1", "b": "1"}) == {}


def test_of_several_entries_the_best_is_taken() -> None:
    sound, lost, broken = entry(), whole_failure(transient=True), whole_failure()
    assert chosen(lost, sound) == chosen(sound, sound, lost) == lines(sound)
    assert chosen(lost, broken) == lines(broken)
    first, second = (entry(part=part, parts=PARTS) for part in PARTS)
    bad = replace(second, failures=(failed("a", 2.0, transient=True),))
    assert chosen(second, first, bad) == lines(first, second)
    assert chosen(first, bad) == lines(first, bad)
    again = replace(lost, failures=(replace(lost.failures[0], message="other"),))
    assert len(chosen(lost, again)) == 1  # the same in both orders, as `chosen` saw


def test_a_complete_cut_comes_before_others() -> None:
    names = ("0:1", "1:2", "2:4")
    two, three = ([entry(part=part, parts=parts) for part in parts] for parts in (PARTS, names))
    assert chosen(*three, two[0]) == chosen(three[0], three[1], two[0], three[2]) == lines(*three)
    assert chosen(three[0], three[2], *two) == lines(*two)
    assert chosen(*three, *two) == lines(*two)
    assert chosen(*two, entry()) == lines(entry())
    assert is_complete(two) and is_complete(three[::-1]) and is_complete([entry()])
    assert not is_complete(two[1:]) and not is_complete(three[:2]) and not is_complete([])


def test_of_incomplete_cuts_the_one_with_most_done_is_taken() -> None:
    one, two, *_ = [entry(part=part, parts=("0:1", "1:2", "2:4")) for part in ("0:1", "1:2", "2:4")]
    half = entry(part="0:2", parts=PARTS)
    assert chosen(one, half) == lines(half)
    long = entry(part="1:4", parts=("0:1", "1:4"))
    assert chosen(half, long) == lines(long)
    assert chosen(one, two, entry(part="3:4", parts=("0:3", "3:4"))) == lines(one, two)


def test_what_was_done_since_comes_before_the_failure_of_a_whole_video() -> None:
    cut = [entry(part=part, parts=PARTS) for part in PARTS]
    for failure in (whole_failure(transient=True), whole_failure()):
        assert chosen(failure, *cut) == lines(*cut)


def shard(num_videos: int = 30) -> tuple[list[ListedVideo], list[Entry]]:
    """Videos, some of them cut, some failed, and their entries."""
    listed, found = [], []
    for i in range(num_videos):
        name = f"v{i:02}\udcff" if i % 7 == 0 else f"v{i:02}"
        listed.append(ListedVideo(name, f"/{name}", "1"))
        if i % 5 == 1:
            found.append(whole_failure(name))
        elif i % 5 == 2:
            found += [entry(name, part, PARTS) for part in PARTS]
        else:
            found.append(entry(name, failures=(failed(name, 2.0),) if i % 5 == 3 else (), damaged=i % 5 == 4))
    return listed, found


def as_bytes(result: ShardLabels) -> tuple[Any, ...]:
    return result.videos, result.failures, result.report, sorted(e.to_json() for e in result.entries)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_labels_do_not_depend_on_order_or_files(chance: random.Random, per_file: int) -> None:
    """Each file keeps the strips of its own least certain windows, as the job writes them; some entries are twice."""
    listed, found = shard()
    # What is not listed now is kept for another time.
    expected = as_bytes(assemble(listed, [*found, entry("gone")], KEY, LABELS, SPEC))
    found += chance.sample(found, 5)
    chance.shuffle(found)
    kept: list[Entry] = []
    for start in range(0, len(found), per_file):
        kept += with_strips_of_least(found[start : start + per_file])
    chance.shuffle(kept)
    chance.shuffle(listed)
    stale = [entry("v01", seed=1, version="0"), entry("gone"), entry("v02", seed=2, key="other")]
    assert as_bytes(assemble(listed, [*stale, *kept], KEY, LABELS, SPEC)) == expected


def scores_of(found: Sequence[Entry]) -> list[tuple[float, tuple[str, int]]]:
    """Best probability and place of each window, the least certain first."""
    rows = [(e.video, w, row) for e in found for w, row in zip(e.windows, e.probabilities, strict=True)]
    return sorted({(float(row.max()), (video, window.index)) for video, window, row in rows})


def with_strips_of_least(of_file: Sequence[Entry]) -> list[Entry]:
    least = {place for _, place in scores_of(of_file)[:MAX_STRIPS]}
    return [e.with_strips({i: strip for i, strip in e.strips.items() if (e.video, i) in least}) for e in of_file]


def test_strips_are_those_of_the_least_certain_windows() -> None:
    listed, found = shard()
    result = assemble(listed, found, KEY, LABELS, SPEC)
    scores = scores_of(found)
    assert len(scores) > MAX_STRIPS
    assert {(e.video, i) for e in result.entries for i in e.strips} == {place for _, place in scores[:MAX_STRIPS]}
    assert len(result.report.uncertain) > 10
    for example in result.report.uncertain:
        inside = [
            s for s, (video, i) in scores if video == example.video and example.start_s <= i + 0.5 < example.end_s
        ]
        index = next(i for s, (video, i) in scores if (video, s) == (example.video, min(inside)))
        assert example.strip == strip(example.video, index)


def test_a_video_that_is_not_known_is_an_error() -> None:
    listed, found = shard()
    for lost in (found[0], next(e for e in found if e.part), next(e for e in found if not e.windows)):
        with pytest.raises(LookupError) as caught:
            assemble(listed, [e for e in found if e is not lost], KEY, LABELS, SPEC)
        assert caught.value.args == (lost.video,)


def test_account_of_a_shard() -> None:
    listed, found = shard()
    report = assemble(listed, found, KEY, LABELS, SPEC).report
    assert (report.videos, report.labelled, report.failed, report.damaged) == (30, 24, 6, 6)
    assert report.windows == sum(len(e.windows) for e in found) == 96
    assert sum(report.seconds_by_label.values()) == pytest.approx(24 * 4.0)
    assert report.failures_by_reason == {"Broken": 12}
