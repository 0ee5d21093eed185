"""The ledger returns what was written, the right entries are chosen, and labels depend on nothing else."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.labelling.assembly import ShardLabels, assemble
from pipelines.labelling.ledger import MAX_STRIPS, Entry, Outline, choose, is_complete
from pipelines.labelling.segments import SegmentSpec
from tests.support.ledger_entries import KEY, LABELS, PARTS, entries, entry, failed, shard, strip, whole_failure

SPEC = SegmentSpec(smooth=1)
SHORT = entry(unfamiliar=np.ones(3, np.float32)).to_json()
"""A line with three distances for four windows."""
UNEVEN = entry(embeddings=np.ones((3, 5), np.float16)).to_json()
"""A line with 15 features for four windows."""
EMPTY = entry(embeddings=np.ones((4, 0), np.float16)).to_json()


@given(entries())
def test_an_entry_comes_back_as_it_was(made: Entry) -> None:
    line = made.to_json()
    assert line.isascii() and "\n" not in line
    back = Entry.from_json(line)
    assert back.probabilities.dtype == np.float32 and back.probabilities.shape == made.probabilities.shape
    assert back.probabilities.tobytes() == made.probabilities.tobytes()
    told = [None if e.unfamiliar is None else e.unfamiliar.astype(np.float32).tobytes() for e in (back, made)]
    assert told[0] == told[1] and (made.unfamiliar is None) == ("unfamiliar" not in line)
    halves = [None if e.embeddings is None else e.embeddings.tobytes() for e in (back, made)]
    assert halves[0] == halves[1] and (made.embeddings is None) == ("embeddings" not in line)
    assert back.embeddings is None or (back.embeddings.shape, back.embeddings.dtype) == (
        back.probabilities.shape,
        np.float16,
    )
    apart = {"probabilities": 0, "unfamiliar": 0, "embeddings": 0}
    assert {**vars(back), **apart} == {**vars(made), **apart}
    assert Outline.from_json(line).num_windows == made.num_windows


@pytest.mark.parametrize(
    "line", ["", "{}", "[1]", "null", entry().to_json()[:-9], '{"video": "a"}', SHORT, UNEVEN, EMPTY]
)
def test_other_lines_are_told_apart(line: str) -> None:
    for kind in (Entry, Outline):
        with pytest.raises((ValueError, TypeError, KeyError)):
            kind.from_json(line)


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


def as_bytes(result: ShardLabels) -> tuple[Any, ...]:
    return result.videos, result.failures, result.report, sorted(e.to_json() for e in result.entries)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_labels_do_not_depend_on_order_or_files(chance: random.Random, per_file: int) -> None:
    """Each file keeps the strips of its own least certain windows, as the job writes them; some entries are twice."""
    listed, found = shard()
    # Entries of videos that are not listed now are kept.
    expected = as_bytes(assemble(listed, [*found, entry("gone")], KEY, LABELS, SPEC, ()))
    found += chance.sample(found, 5)
    chance.shuffle(found)
    kept: list[Entry] = []
    for start in range(0, len(found), per_file):
        kept += with_strips_of_least(found[start : start + per_file])
    chance.shuffle(kept)
    chance.shuffle(listed)
    stale = [entry("v01", seed=1, version="0"), entry("gone"), entry("v02", seed=2, key="other")]
    assert as_bytes(assemble(listed, [*stale, *kept], KEY, LABELS, SPEC, ())) == expected


def scores_of(found: Sequence[Entry]) -> list[tuple[float, tuple[str, int]]]:
    """Best probability and place of each window, the least certain first."""
    rows = [(e.video, w, row) for e in found for w, row in zip(e.windows, e.probabilities, strict=True)]
    return sorted({(float(row.max()), (video, window.index)) for video, window, row in rows})


def with_strips_of_least(of_file: Sequence[Entry]) -> list[Entry]:
    least = {place for _, place in scores_of(of_file)[:MAX_STRIPS]}
    return [e.with_strips({i: strip for i, strip in e.strips.items() if (e.video, i) in least}) for e in of_file]


def test_strips_are_those_of_the_least_certain_windows() -> None:
    listed, found = shard()
    result = assemble(listed, found, KEY, LABELS, SPEC, ())
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
