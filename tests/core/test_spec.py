"""Sampling rules and clip specs."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.spec import SAMPLING_RULES, ClipSpec, FrameEncoding
from tests import ROOT

GOLDEN = ROOT / "tests" / "golden" / "sampling.json"


def test_golden_table_of_sampled_frames() -> None:
    """Indices for 1 to 300 frames. If this fails, a rule has changed: give it a new name instead."""
    table = json.loads(GOLDEN.read_text())
    assert len(table) == 2 * 4
    for key, rows in table.items():
        rule, num_frames = key.split("/")
        assert len(rows) == 300
        for n, row in enumerate(rows, 1):
            assert list(ClipSpec(num_frames=int(num_frames), sampling=rule).sample(n)) == row, (key, n)


def test_by_hand() -> None:
    uniform = {(100, 4): (12, 37, 62, 87), (4, 4): (0, 1, 2, 3), (2, 4): (0, 0, 1, 1), (1, 2): (0, 0), (39, 1): (19,)}
    notebook = {(100, 4): (0, 25, 50, 75), (7, 4): (0, 1, 2, 3), (3, 4): (0, 1, 2, 2)}
    for rule, expected in (("uniform", uniform), ("notebook", notebook)):
        assert {(n, t): ClipSpec(num_frames=t, sampling=rule).sample(n) for n, t in expected} == expected


@given(st.sampled_from(sorted(SAMPLING_RULES)), st.integers(1, 10**9), st.integers(1, 64))
def test_indices_are_in_range_and_in_order(rule: str, n: int, t: int) -> None:
    indices = ClipSpec(num_frames=t, sampling=rule).sample(n)
    assert len(indices) == t
    assert indices[0] >= 0 and indices[-1] < n
    assert list(indices) == sorted(indices)


@given(st.integers(1, 10**6), st.integers(1, 64))
def test_uniform_is_symmetric_and_even(n: int, t: int) -> None:
    indices = ClipSpec(num_frames=t).sample(n)
    steps = {b - a for a, b in pairwise(indices)}
    assert not steps or max(steps) - min(steps) <= 1
    # A mirrored video gives the same frames, up to the rounding of an exact half.
    assert all(abs((n - 1 - a) - b) <= 1 for a, b in zip(indices, reversed(indices), strict=True))


def test_fingerprint_tells_specs_apart() -> None:
    changes = {"num_frames": 16, "width": 65, "sampling": "notebook", "resize": "pad", "interpolation": "bilinear"}
    specs = [ClipSpec(), *(ClipSpec(**{name: value}) for name, value in changes.items())]  # type: ignore[arg-type]
    assert len({spec.fingerprint() for spec in specs}) == len(specs)
    # Stored in datasets and models: must never change by accident.
    assert ClipSpec().fingerprint() == "90f8d825202f8ae6"
    assert ClipSpec(16, 72, 96, "notebook", "pad").fingerprint() == "dd59d8bc406f5538"
    assert ClipSpec(interpolation="bilinear").fingerprint() == "7000534cacc7641c"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_frames": 0}, "num_frames must be a whole number from 1 to 4096, not 0"),
        ({"height": 4}, "height must be"),
        ({"width": 64.0}, "width must be a whole number"),
        ({"sampling": "random"}, "sampling must be one of uniform, notebook, uniform-time, not 'random'"),
        ({"resize": "fill"}, "resize must be one of stretch, crop, pad, not 'fill'"),
        ({"interpolation": "cubic"}, "interpolation must be one of area, bilinear, not 'cubic'"),
    ],
)
def test_wrong_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClipSpec(**values)  # type: ignore[arg-type]


def test_encoding() -> None:
    assert FrameEncoding().to_json() == {"format": "raw"}
    assert FrameEncoding.from_json(FrameEncoding("jpeg", 80).to_json()) == FrameEncoding("jpeg", 80)
    with pytest.raises(ValueError, match="from 1 to 100, not 101"):
        FrameEncoding("jpeg", 101)
    with pytest.raises(ValueError, match="not 'gif'"):
        FrameEncoding("gif")
