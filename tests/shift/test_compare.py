"""What is found of two sides, from values alone: quiet on two halves of one collection, loud on two collections."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.shift.compare import compare
from pipelines.shift.page import render, summary, verdict
from pipelines.shift.types import QUANTITIES, Measured, Side


def video(number: int, shift: float = 0.0) -> Measured:
    """A video of a collection; another `shift` gives one of another collection."""
    rng = np.random.default_rng(number)
    share = float(rng.uniform(0.2, 0.8)) * (1 - 0.7 * shift)
    return Measured(
        f"v{number}", f"v{number}", {"Run": share, "Jump": 1 - share}, score=float(rng.beta(8, 2)) / (1 + shift),
        duration_s=float(rng.gamma(4, 2) * (1 + shift)), brightness=float(rng.normal(100 + 40 * shift, 20)),
        motion=float(rng.gamma(3, 2) * (1 + shift)), resolution=float(rng.choice([240, 480]) * (1 + shift)),
        embedding=rng.normal(shift, 1.0, 16).astype(np.float32),
    )  # fmt: skip


def side(name: str, numbers: range, shift: float = 0.0) -> Side:
    return Side(name, "labels", tuple(video(number, shift) for number in numbers), len(numbers), model="00ff")


HALF, OTHER_HALF, ELSEWHERE = side("a", range(80)), side("b", range(100, 180)), side("c", range(200, 280), 1.0)


def test_two_halves_of_one_collection_are_quiet() -> None:
    found = compare(HALF, OTHER_HALF, 0.2)
    assert [finding.quantity for finding in found.findings] == list(QUANTITIES)
    assert not found.drifted and not found.left_out
    assert summary(found) == "No drift."
    assert {verdict(finding) for finding in found.findings} == {"no drift"}


def test_it_is_quiet_on_most_halves() -> None:
    """At most 5 of 100 may be wrong; of 25, more than 5 would be a sign of a wrong test."""
    wrong = [compare(side("a", range(n, n + 30)), side("b", range(n + 30, n + 60)), 0.0) for n in range(0, 1500, 60)]
    assert sum(bool(found.drifted) for found in wrong) <= 5


def test_two_collections_are_loud() -> None:
    found = compare(HALF, ELSEWHERE, 0.2)
    assert {finding.quantity for finding in found.drifted} == set(QUANTITIES)
    assert all(finding.adjusted_p >= finding.p_value for finding in found.findings)
    assert summary(found).startswith("Drift in label shares, scores, durations, ")


def test_a_small_effect_is_no_drift_however_sure() -> None:
    found = compare(HALF, ELSEWHERE, 0.2)
    largest = max(finding.effect_size for finding in found.findings)
    assert not compare(HALF, ELSEWHERE, largest).drifted
    assert len(compare(HALF, ELSEWHERE, largest - 1e-6).drifted) == 1


def test_what_one_side_lacks_is_left_out_and_said() -> None:
    bare = replace(
        ELSEWHERE,
        videos=tuple(replace(item, score=None, embedding=None) for item in ELSEWHERE.videos),
        missing={"scores": "a dataset has none"},
    )
    found = compare(HALF, bare, 0.2)
    assert found.left_out == {"scores": "c: a dataset has none", "embeddings": "c: nothing could be measured"}
    assert "left out: scores: c: a dataset has none" in render(found)
    assert {finding.quantity for finding in found.findings} == {*QUANTITIES} - {"scores", "embeddings"}


def test_embeddings_of_two_models_are_not_compared() -> None:
    found = compare(HALF, replace(OTHER_HALF, model="1111"), 0.2)
    assert found.left_out == {"embeddings": "they are of two models, 00ff and 1111"}


def test_few_groups_cannot_tell() -> None:
    def grouped(of: Side, groups: int) -> Side:
        videos = (replace(item, group=f"g{number % groups}") for number, item in enumerate(of.videos))
        return replace(of, videos=tuple(videos))

    found = compare(grouped(HALF, 3), grouped(ELSEWHERE, 3), 0.2)  # 20 ways to divide them
    assert not found.drifted
    assert summary(found) == "Too few groups of videos to tell."
    assert {verdict(finding) for finding in found.findings} == {"too few groups to tell"}
    assert found.findings[0].groups == (3, 3) and found.findings[0].videos == (80, 80)
    assert compare(grouped(HALF, 8), grouped(ELSEWHERE, 8), 0.2).drifted


@pytest.mark.parametrize("count", [1, 2])
def test_a_side_of_hardly_any_video(count: int) -> None:
    found = compare(side("a", range(count)), ELSEWHERE, 0.2)
    assert len(found.findings) == len(QUANTITIES)
    assert all(np.isfinite([finding.statistic, finding.effect_size]).all() for finding in found.findings)
    render(found)


def test_a_page_with_hostile_names_and_a_picture_of_each_finding() -> None:
    def hostile(of: Side) -> Side:
        videos = (replace(item, shares={"<b>Run": 1.0}) for item in of.videos)
        return replace(of, name=f"/x/<script>{of.name}", videos=tuple(videos), notes=("<i>",))

    page = render(compare(hostile(HALF), hostile(ELSEWHERE), 0.2))
    assert "<script" not in page and "<b>" not in page and "<i>" not in page
    assert "&lt;b&gt;Run" in page and "&lt;i&gt;" in page
    assert page.count("Histograms of ") == len(QUANTITIES) - 1
    for quantity in QUANTITIES:
        assert f'<h2 id="{quantity.replace(" ", "-")}">' in page


def test_the_record_is_plain_json() -> None:
    value = json.loads(json.dumps(compare(HALF, ELSEWHERE, 0.2).to_json()))
    assert value["drifted"] == list(QUANTITIES) and value["threshold"] == 0.2
    assert value["sides"][0] == {"name": "a", "kind": "labels", "videos": 80, "notes": []}
    assert value["findings"][0]["test"] == "chi-square" and "picture" not in value["findings"][0]
