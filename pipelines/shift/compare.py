"""Compares two sides, quantity by quantity. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pipelines.shift.statistics import (
    SIGNIFICANT,
    Permutations,
    chi_square,
    cramers_v,
    distances,
    energy,
    holm,
    kolmogorov_smirnov,
    permute,
)
from pipelines.shift.types import EMBEDDINGS, LABELS, QUANTITIES, RESOLUTION, Comparison, Finding, Measured, Side

Videos = Sequence[Measured]

_UNITS = {"durations": " s", "resolution": " px"}
_MOST_EMBEDDED = 500
"""Videos of each side whose embeddings are compared, each with each."""


def compare(first: Side, second: Side, threshold: float, seed: int = 0) -> Comparison:
    """Tests all that is known of both sides.

    Args:
        first: one side.
        second: the other.
        threshold: the effect size above which a significant difference is drift.
        seed: of the permutations.
    """
    findings: list[Finding] = []
    left_out: dict[str, str] = {}
    for quantity in QUANTITIES:
        known = [[video for video in side.videos if _has(video, quantity)] for side in (first, second)]
        lacking = [side for side, videos in zip((first, second), known, strict=True) if not videos]
        reason = "; ".join(_why_missing(side, quantity) for side in lacking)
        if not reason and quantity == EMBEDDINGS and first.model != second.model:
            reason = f"they are of two models, {first.model} and {second.model}"
        if reason:
            left_out[quantity] = reason
        else:
            findings.append(_test(quantity, known[0], known[1], seed))
    adjusted = holm([finding.p_value for finding in findings])
    judged = (
        replace(
            finding,
            adjusted_p=p,
            can_tell=len(findings) * finding.least_p_value < SIGNIFICANT,
            drifted=p < SIGNIFICANT and finding.effect_size > threshold,
        )
        for finding, p in zip(findings, adjusted, strict=True)
    )
    return Comparison((first, second), tuple(judged), left_out, threshold)


def _has(video: Measured, quantity: str) -> bool:
    if quantity == LABELS:
        return bool(video.shares)
    return (video.embedding if quantity == EMBEDDINGS else video.number(quantity)) is not None


def _why_missing(side: Side, quantity: str) -> str:
    return f"{side.name}: {side.missing.get(quantity, 'nothing could be measured')}"


def _test(quantity: str, first: Videos, second: Videos, seed: int) -> Finding:
    if quantity == EMBEDDINGS:
        first, second = first[:_MOST_EMBEDDED], second[:_MOST_EMBEDDED]
    permutations = permute([video.group for video in first], [video.group for video in second], seed)
    make = _labels if quantity == LABELS else _embeddings if quantity == EMBEDDINGS else _numbers
    found = make(quantity, first, second, permutations)
    groups = len({video.group for video in first}), len({video.group for video in second})
    counts = len(first), len(second)
    return replace(found, videos=counts, groups=groups, least_p_value=permutations.least_p_value)


def _finding(quantity: str, test: str, effect: str, statistic: float, p_value: float, size: float) -> Finding:
    """A finding without what is filled in later."""
    return Finding(
        quantity, test, statistic, p_value, p_value, 0.0, effect, size, (0, 0), (0, 0), ("", ""), True, False, ((), ())
    )


def _labels(quantity: str, first: Videos, second: Videos, permutations: Permutations) -> Finding:
    both = [*first, *second]
    names = sorted({label for video in both for label in video.shares})
    shares = np.array([[video.shares.get(name, 0.0) for name in names] for video in both])
    statistics = chi_square(shares, permutations.members)
    parts = shares[: len(first)], shares[len(first) :]
    means = [dict(zip(names, part.mean(axis=0).tolist(), strict=True)) for part in parts]
    found = _finding(
        quantity, "chi-square", "Cramer's V", float(statistics[0]), permutations.p_value(statistics),
        cramers_v(statistics, len(both)),
    )  # fmt: skip
    most = (max(mean, key=mean.__getitem__) for mean in means)
    a, b = (f"{name} {mean[name]:.0%}" for name, mean in zip(most, means, strict=True))
    return replace(found, typical=(a, b), picture=(means[0], means[1]))


def _numbers(quantity: str, first: Videos, second: Videos, permutations: Permutations) -> Finding:
    sides = [list(_values(quantity, videos)) for videos in (first, second)]
    statistics = kolmogorov_smirnov(np.array([*sides[0], *sides[1]]), permutations.members)
    a, b = (_typical(quantity, float(np.median(side))) for side in sides)
    distance = float(statistics[0])
    found = _finding(
        quantity, "Kolmogorov-Smirnov", "KS distance", distance, permutations.p_value(statistics), distance
    )
    return replace(found, typical=(a, b), picture=(sides[0], sides[1]))


def _values(quantity: str, videos: Sequence[Measured]) -> Iterator[float]:
    for video in videos:
        value = video.number(quantity)
        assert value is not None
        yield value


def _typical(quantity: str, value: float) -> str:
    if quantity == RESOLUTION:
        return f"{value:.0f} px"
    return f"{value:.3g}{_UNITS.get(quantity, '')}"


def _embeddings(quantity: str, first: Videos, second: Videos, permutations: Permutations) -> Finding:
    points = np.stack([video.embedding for video in (*first, *second) if video.embedding is not None])
    distance = distances(points.astype(np.float64))
    statistics = energy(distance, permutations.members)
    size = float(np.sqrt(max(0.0, float(statistics[0]))))
    found = _finding(
        quantity, "energy distance", "root of its share", float(statistics[0]), permutations.p_value(statistics), size
    )
    # How far each video is from those of the first side, itself left out.
    count = len(first)
    to_first = distance[:, :count].sum(axis=1) / (count - (np.arange(len(points)) < count)).clip(1)
    a, b = (f"{float(np.median(part)):.3g} from the first" for part in (to_first[:count], to_first[count:]))
    return replace(found, typical=(a, b), picture=(to_first[:count].tolist(), to_first[count:].tolist()))
