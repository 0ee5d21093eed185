from pipelines.annotations.changes import by_video
from pipelines.annotations.next_manifest import manifest_lines, next_rows, with_splits
from pipelines.annotations.types import Annotation


def row(video: str, start_s: float | None, end_s: float | None, label: str, **more: str) -> Annotation:
    return Annotation(video, start_s, end_s, tuple(filter(None, label.split("|"))), **more)


def lines(old: list[Annotation], seen: list[Annotation], corrected: list[Annotation]) -> list[str]:
    return list(manifest_lines(next_rows(by_video(old), by_video(seen), by_video(corrected)).rows))


OLD = [
    row("a.mp4", 0, 2, "Run", group="g1", split="test"),
    row("a.mp4", 5, 6, "Hop", group="g1", split="test"),
    row("b.mp4", None, None, "Walk", group="g2", split="train"),
]


def test_corrections_take_the_place_of_rows_of_the_same_time_and_join_their_group_and_split() -> None:
    assert lines(OLD, [], [row("a.mp4", 1.5, 2.5, "Walk"), row("a.mp4", 2.5, 5, "Hop")]) == [
        "path,label,group,split,start,end\n",
        "a.mp4,Walk,g1,test,1.5,2.5\n",
        "a.mp4,Hop,g1,test,2.5,5\n",  # it only touches the next one
        "a.mp4,Hop,g1,test,5,6\n",
        "b.mp4,Walk,g2,train,,\n",
    ]


def test_what_people_were_shown_and_took_away_is_gone() -> None:
    seen = [row("a.mp4", 5.5, 7, "Hop"), row("b.mp4", 0, 9, "Walk")]
    assert lines(OLD, seen, [row("a.mp4", 0, 1, "Run")])[1:] == [
        "a.mp4,Run,g1,test,0,1\n",
        "b.mp4,Walk,g2,train,,\n",  # nobody corrected this video
    ]


def test_nothing_happens_in_a_whole_video() -> None:
    found = next_rows(by_video(OLD), {}, by_video([row("a.mp4", None, None, "")]))
    assert [item.video for item in found.rows] == ["b.mp4"]
    assert (found.num_kept, found.num_replaced) == (1, 2)


def test_a_row_of_a_whole_video_is_replaced_by_any_correction() -> None:
    found = next_rows(by_video(OLD), {}, by_video([row("b.mp4", 3, 4, "Swing|Run")]))
    assert list(manifest_lines(found.rows))[-1] == "b.mp4,Run|Swing,g2,train,3,4\n"
    assert (found.num_kept, found.num_replaced) == (2, 1)


def test_the_columns_are_those_that_are_needed() -> None:
    assert list(manifest_lines([row("a, b.mp4", None, None, "Run")])) == ["path,label\n", '"a, b.mp4",Run\n']


def test_videos_of_unknown_split_are_for_training_and_counted_once() -> None:
    rows = [*OLD, row("c.mp4", 0, 1, "Run"), row("c.mp4", 1, 2, "Run")]
    placed, num_new = with_splits(rows, lambda item: {"g2": "val"}.get(item.group, ""))
    assert [item.split for item in placed] == ["test", "test", "val", "train", "train"]
    assert num_new == 1
