from dataclasses import replace

import pytest

from pipelines.annotations.changes import Changes, by_video, compare
from pipelines.annotations.types import Annotation


def row(start_s: float | None, end_s: float | None, *labels: str, video: str = "a") -> Annotation:
    return Annotation(video, start_s, end_s, labels)


RUN, WALK = row(0, 2, "Run"), row(2, 4, "Walk")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([RUN, WALK], [RUN, WALK], Changes(confirmed=2)),
        ([RUN, WALK], [row(0.04, 2.05, "Run"), WALK], Changes(confirmed=2)),
        ([RUN, WALK], [row(0.06, 2, "Run"), WALK], Changes(confirmed=1, changed=1)),
        ([RUN, WALK], [replace(row(0, 2.1, "Run"), frame_s=0.2), WALK], Changes(confirmed=2)),  # 5 frames a second
        ([RUN, WALK], [replace(row(0, 2.2, "Run"), frame_s=0.2), WALK], Changes(confirmed=1, changed=1)),
        ([RUN, WALK], [replace(row(0, 2.06, "Run"), frame_s=0.04), WALK], Changes(confirmed=1, changed=1)),
        ([RUN, WALK], [row(0, 2, "Hop"), WALK], Changes(confirmed=1, changed=1)),
        ([RUN, WALK], [RUN], Changes(confirmed=1, removed=1)),
        ([RUN], [RUN, row(5, 6, "Hop")], Changes(confirmed=1, new=1)),
        ([RUN, WALK], [row(0, 4, "Run")], Changes(changed=1, removed=1)),  # one was stretched over the other
        ([row(0, 4, "Run")], [row(0, 3, "Run"), row(3, 4, "Walk")], Changes(changed=1, new=1)),
        ([RUN, WALK], [row(None, None)], Changes(removed=2)),
        ([], [row(None, None)], Changes()),
        ([row(None, None, "Run")], [row(None, None, "Run")], Changes(confirmed=1)),
        ([row(None, None, "Run")], [row(None, None, "Walk")], Changes(changed=1)),
        ([row(None, None, "Run")], [row(1, 2, "Run")], Changes(changed=1)),
        ([row(0, 1, "Run", "Walk")], [row(0, 1, "Walk", "Run")], Changes(confirmed=1)),
        ([row(0, 1, "Run", "Walk")], [row(0, 1, "Walk")], Changes(changed=1)),
        ([row(0, 1)], [row(0, 1, "Run")], Changes(new=1)),  # time without label was no segment
        ([RUN], [row(2, 3, "Run")], Changes(new=1, removed=1)),  # they only touch
    ],
)
def test_changes(before: list[Annotation], after: list[Annotation], expected: Changes) -> None:
    assert compare(by_video(before), by_video(after)) == expected


def test_only_corrected_videos_count() -> None:
    before = by_video([RUN, row(0, 1, "Hop", video="b")])
    assert compare(before, by_video([RUN])) == Changes(confirmed=1)
    assert compare(before, by_video([RUN, row(0, 1, "Run", video="c")])) == Changes(confirmed=1, new=1)


def test_the_greatest_overlap_is_paired_first() -> None:
    before = [row(0, 10, "Run"), row(10, 12, "Walk")]
    after = [row(9, 12, "Walk"), row(0, 9, "Run")]
    assert compare(by_video(before), by_video(after)) == Changes(changed=2)
