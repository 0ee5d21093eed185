"""What is said about the remarks of a dataset's clips: in the right numbers of the right things."""

import pytest

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.info import DatasetInfo, ShardReport, WrittenVideo
from pipelines.dataset.notes import notes_on

INFO = DatasetInfo(ClipSpec(4), FrameEncoding(), "none", ("A",), {}, {}, {}, {}, {}, {})


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (
            ("a", "b", "c"),
            [
                "1 video is damaged: a (half is there)",
                "1 video is a single picture: b (a single picture)",
                "frames repeat in 1 of 3 clips, whose videos have fewer than the 4 frames of --num-frames",
            ],
        ),
        # All are of the video `a`, which is not a single picture: one of its windows has no more.
        (
            ("a@0-1", "a@1-2", "a@2-3"),
            [
                "1 clip is damaged: a@0-1 (half is there)",
                "1 clip shows a single picture: a@1-2 (a single picture)",
                "frames repeat in 1 of 3 clips, whose parts of videos have fewer than the 4 frames of --num-frames",
            ],
        ),
    ],
)
def test_remarks_are_counted_by_clip_where_a_video_has_several(ids: tuple[str, ...], said: list[str]) -> None:
    facts = [(20, True, "half is there"), (1, False, "a single picture"), (9, False, "")]
    written = tuple(
        WrittenVideo(name, "A", "g", frames, 1.0, damaged, remark)
        for name, (frames, damaged, remark) in zip(ids, facts, strict=True)
    )
    report = ShardReport("t", "train-00000-of-00001.tfrecord", "train", 0, "", written=written)
    notes = [note.text.removesuffix("; all remarks are in remarks.jsonl") for note in notes_on(INFO, [report], [])]
    assert notes == said


@pytest.mark.parametrize(
    ("remarks", "said"),
    [
        (["half is there", "half is there"], [("2 videos are damaged: 0 (half is there); 1 (half is there)", True)]),
        (["half is there", ""], [("1 video is damaged: 0 (half is there)", False)]),
        (
            ["turned by 90° in place of 46°", "times go back: joined; turned by 0° in place of 30°"],
            [
                (
                    "2 videos aren't turned as they ask for: 0 (turned by 90° in place of 46°); "
                    "1 (times go back: joined; turned by 0° in place of 30°)",
                    False,
                )
            ],
        ),
        (
            ["colours coded as ICtCp are read as BT.601", ""],
            [("1 video has colours that are read as others: 0 (colours coded as ICtCp are read as BT.601)", False)],
        ),
        (["times go back: joined", ""], [("1 video has corrected times: 0 (times go back: joined)", False)]),
    ],
)
def test_kinds_of_remarks(remarks: list[str], said: list[tuple[str, bool]]) -> None:
    written = tuple(
        WrittenVideo(str(number), "A", "g", 20, 1.0, remark.startswith("half"), remark)
        for number, remark in enumerate(remarks)
    )
    report = ShardReport("t", "train-00000-of-00001.tfrecord", "train", 0, "", written=written)
    notes = notes_on(INFO, [report], [])
    assert [(note.text.removesuffix("; all remarks are in remarks.jsonl"), note.is_warning) for note in notes] == said
