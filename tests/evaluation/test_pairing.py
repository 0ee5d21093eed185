"""Which video of the labels is meant by a name in the truth."""

import pytest

from pipelines.core.errors import UsageError
from pipelines.evaluation.pairing import pair_videos


def pair(truth: list[str], labels: list[str]) -> dict[str, str]:
    found = pair_videos(truth, [(name, f"gs://bucket/in/{name}") for name in labels])
    return {name: labels[number] for name, number in found.items()}


@pytest.mark.parametrize(
    ("name", "labels", "wanted"),
    [
        ("a.mp4", ["a.mp4", "b.mp4"], "a.mp4"),
        ("gs://bucket/in/a.mp4", ["a.mp4"], "a.mp4"),
        ("./x/a.mp4", ["x/a.mp4", "y/a.mp4"], "x/a.mp4"),
        ("videos/x/a.mp4", ["x/a.mp4", "y/a.mp4"], "x/a.mp4"),
        ("a.mp4", ["x/a.mp4"], "x/a.mp4"),
        ("a.mp4", ["x/a.mp4", "a.mp4"], "a.mp4"),
        ("a", ["x/a.mp4", "b.mp4"], "x/a.mp4"),
        ("x/a", ["x/a.mp4", "y/a.mp4"], "x/a.mp4"),
        ("a.avi", ["a.mp4"], "a.mp4"),
        ("a.avi", ["a.mp4", "a.avi"], "a.avi"),
        ("v_a.b", ["v_a.b.mp4"], "v_a.b.mp4"),
        ("x/a.mp4", ["y/a.mp4"], None),
        ("ba.mp4", ["a.mp4"], None),
        ("v_a.c", ["v_a.b.mp4"], None),
    ],
)
def test_names(name: str, labels: list[str], wanted: str | None) -> None:
    assert pair([name], labels).get(name) == wanted


def test_what_could_be_several_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^a of the truth could be x/a.mp4, y/a.mp4 of the labels. Name it"):
        pair(["a"], ["x/a.mp4", "y/a.mp4"])
    with pytest.raises(UsageError, match=r"^a.mp4 of the labels could be x/a.mp4, y/a.mp4 of the truth. Name each"):
        pair(["x/a.mp4", "y/a.mp4"], ["a.mp4"])
