"""Annotations as input of preprocessing: Kinetics' and ActivityNet's lists, the labelling job's files, and tables."""

import json
from pathlib import Path

import pytest

from pipelines.core.errors import UsageError
from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.listing import read_catalog
from pipelines.inputs.catalog import Catalog
from pipelines.labelling.rows import rows, write_rows
from pipelines.labelling.types import LabelledVideo, Segment

KINETICS = "label,youtube_id,time_start,time_end,split\nhigh jump,abc,10,20,train\nlong jump,d-e,5,15,val\n"
ACTIVITYNET = {
    "database": {
        "v_1": {"subset": "training", "annotations": [{"segment": [1.5, 4], "label": "Jump"},
                                                      {"segment": [9.0, 4], "label": "Run"}]},
        "v_2": {"subset": "validation", "annotations": []},
        "v_3": {"subset": "validation", "annotations": [{"segment": [0, 2.25], "label": "Run"}]},
    }
}  # fmt: skip


def clips(catalog: Catalog) -> list[tuple[str, str, str, str]]:
    assert all(video.version != "missing" for video in catalog.videos)
    return [(video.video_id, video.label, video.group, video.split) for video in catalog.videos]


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_kinetics(tmp_path: Path) -> None:
    make(tmp_path, "whole/abc.mp4", "whole/d-e.mp4")
    make(tmp_path, "cut/high jump/abc_000010_000020.mp4", "cut/long jump/d-e_000005_000015.mp4")
    (tmp_path / "k.csv").write_text(KINETICS)
    source = str(tmp_path / "k.csv")
    assert clips(read_catalog(source, 0, "whole/{youtube_id}.mp4")) == [
        ("whole/abc@10-20", "high jump", "whole/abc", "train"),
        ("whole/d-e@5-15", "long jump", "whole/d-e", "val"),
    ]
    cut = read_catalog(source, 0, str(tmp_path / "cut/{label}/{youtube_id}_{time_start:06}_{time_end:06}.mp4"))
    assert [(video.is_whole, video.group) for video in cut.videos] == [(True, "abc"), (True, "d-e")] and cut.splits_from
    with pytest.raises(UsageError, match=r"k.csv: this is a list of addresses, .* --video-pattern 'videos/\{youtube_"):
        read_catalog(source)
    with pytest.raises(UsageError, match="has no field name"):
        read_catalog(source, 0, "whole/{name}.mp4")


def test_activitynet(tmp_path: Path) -> None:
    make(tmp_path, "v/v_1.mp4", "v/v_2.mp4", "v/v_3.mp4")
    (tmp_path / "a.json").write_text(json.dumps(ACTIVITYNET))
    catalog = read_catalog(str(tmp_path / "a.json"), 0, "v/{id}.mp4")
    assert clips(catalog) == [("v/v_1@1.5-4", "Jump", "v/v_1", "train"), ("v/v_3@0-2.25", "Run", "v/v_3", "val")]
    (failure,) = catalog.left_out.failed
    assert (failure.type, failure.video_id) == ("RangeError", "v/v_1")
    assert failure.message.startswith("a.json, database.v_1.annotations[1]: start 9 is not before end 4.")
    (filtered,) = catalog.left_out.filtered
    assert (filtered.video_id, filtered.reason) == ("v/v_2", "no label (a.json, database.v_2)")
    assert catalog.notes == ("entries left out, no label: 1",) and catalog.num_listed == 4
    with pytest.raises(UsageError, match=r"none of its 2 videos exists.*say where: --video-pattern 'FOLDER/\{video\}'"):
        read_catalog(str(tmp_path / "a.json"))


VIDEOS = [
    LabelledVideo(name, f"/somewhere/{name}", 4.0, False, (
        Segment(0.0, 2.5, first, 0.75, (("Jump", 0.75),), 0.5), Segment(2.5, 4.0, second, 0.75, (("Run", 0.75),), far),
    ))
    for name, first, second, far in (("a.mp4", "Jump", "unknown", None), ("b.mp4", "Jump", "Run", 1.5))
]  # fmt: skip


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_labels(tmp_path: Path, kind: str) -> None:
    make(tmp_path, "new/a.mp4", "new/b.mp4")
    name = f"labels-00000-of-00001.{kind}"
    (tmp_path / "labels/_state").mkdir(parents=True)
    (tmp_path / "labels/_state/label_layout.json").write_text("{}")
    (tmp_path / "labels/summary.json").write_text(json.dumps({"files": {"labels": [name]}}))
    with open(tmp_path / "labels" / name, "wb") as file:
        write_rows(file, (row for video in VIDEOS for row in rows(video, "m")), kind)
    for source, pattern, place in (
        ("labels", "../new/{video}", f"labels, {name}, "),
        (f"labels/{name}", str(tmp_path / "new/{video}"), f"{name}, "),
    ):
        catalog = read_catalog(str(tmp_path / source), 0, pattern)
        assert [(v.video_id.rpartition("/")[2], v.label) for v in catalog.videos] == [
            ("a@0-2.5", "Jump"), ("b@0-2.5", "Jump"),
        ]  # fmt: skip
        assert len({video.group for video in catalog.videos}) == 2
        reasons = [(row.label, row.reason.partition(" (")) for row in catalog.left_out.filtered]
        assert [(label, what) for label, (what, _, _) in reasons] == [
            ("", "no label"), ("Run", "unlike what the model that labelled it was trained on"),
        ]  # fmt: skip
        assert all(where.startswith(place) for _, (_, _, where) in reasons)
        assert len(catalog.notes) == 2 and catalog.num_listed == 4


def test_tables_with_other_columns_and_patterns(tmp_path: Path) -> None:
    make(tmp_path, "v/a.mp4")
    (tmp_path / "t.csv").write_text("video,label,start_s,end_s,group\na,Jump,0:01,2,g1\na,,3,4,g1\n")
    catalog = read_catalog(str(tmp_path / "t.csv"), 0, "v/{video}.mp4")
    assert clips(catalog) == [("v/a@1-2", "Jump", "g1", "")] and catalog.videos[0].place == "line 2"
    (tmp_path / "m.csv").write_text("path,label\na,Jump\n")
    assert clips(read_catalog(str(tmp_path / "m.csv"), 0, "v/{path}.mp4")) == [("v/a", "Jump", "v/a", "")]
    with pytest.raises(UsageError, match="--video-pattern is for annotations"):
        read_catalog(str(tmp_path), 0, "v/{path}.mp4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "video,label,start,end\na,Jump|Run,0,1\n",
            "t.csv, line 2: several labels: Jump, Run. Preprocess with",
        ),
        ("video,label,start,end\na,,0,1\n", "t.csv: none of its 1 entries can be used: no label (t.csv, line 2)"),
        ("video,label,start,end\na,A,2,1\n", "t.csv: none of its 1 entries can be used. t.csv, line 2: start 2 is not"),
        ("video,label,start,end,split\na,A,1,2,val\nb,A,1,2,\n", "t.csv, line 3: no split, but line 2 has one. Give"),
        ("video,label,start,end\nhttps://a.b/c,A,1,2\n", "t.csv, line 2: https://a.b/c: videos are not fetched"),
        (
            "video,label,start,end,group\na,A,1,2,x\na,A,2,3,y\n",
            "t.csv, line 2 and line 3: two groups for the video",
        ),
    ],
)
def test_annotations_that_cannot_be_used_are_refused_by_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_catalog(str(tmp_path / "t.csv"))
    assert message in str(caught.value)


def test_the_pattern_belongs_to_the_dataset_but_no_folder_of_this_machine() -> None:
    from pipelines.dataset.config import with_names_for_paths

    plain = PreprocessConfig("/in/a.json", "/out")
    assert "video_pattern" not in plain.identity()
    chosen = PreprocessConfig("/in/a.json", "/out", "/home/me/{id}.mp4").identity()
    assert chosen["video_pattern"] == "/home/me/{id}.mp4"
    assert with_names_for_paths(chosen)["video_pattern"] == "{id}.mp4"
