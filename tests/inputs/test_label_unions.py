"""The labels of clips that overlap, and of lines of a manifest for one clip."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import UsageError
from pipelines.inputs.catalog import Catalog, VideoRecord, select
from pipelines.inputs.class_notes import note_classes
from pipelines.inputs.label_unions import Stretch, with_covering, with_several_labels
from pipelines.inputs.manifest import parse_manifest


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({None: "Walk"}, {None: "Walk"}),
        ({(0, 4): "Walk", (2, 6): "Swing"}, {(0, 4): "Swing|Walk", (2, 6): "Swing|Walk"}),  # exactly half
        ({(0, 4): "Walk", (2.002, 6): "Swing"}, {(0, 4): "Walk", (2.002, 6): "Swing"}),
        ({(0, 4): "Walk", (1, 2): "Swing"}, {(0, 4): "Walk", (1, 2): "Swing|Walk"}),
        ({(0, 4): "Walk", (4, 8): "Swing"}, {(0, 4): "Walk", (4, 8): "Swing"}),
        ({None: "Gym", (4, 8): "Swing"}, {None: "Gym", (4, 8): "Gym|Swing"}),
        # Labels don't travel: the third covers the second, which covers the first.
        ({(0, 2): "A", (0, 4): "B", (0, 8): "C"}, {(0, 2): "A|B|C", (0, 4): "A|B|C", (0, 8): "B|C"}),
    ],
)
def test_a_stretch_has_the_labels_of_those_that_cover_it(
    labels: dict[Stretch, str], expected: dict[Stretch, str]
) -> None:
    for order in itertools.permutations(labels):
        assert with_covering({stretch: labels[stretch] for stretch in order}) == expected


STRETCHES = st.dictionaries(
    st.tuples(st.integers(0, 20), st.integers(1, 12)).map(lambda p: (p[0] / 4, (p[0] + p[1]) / 4)),
    st.sampled_from("ABC"),
    max_size=9,
)


@given(STRETCHES)
def test_covering_is_what_it_says(labels: dict[tuple[float, float], str]) -> None:
    found = with_covering(dict(labels.items()))
    for (start, end), joined in found.items():  # type: ignore[misc]
        names = {label for (s, e), label in labels.items() if min(e, end) - max(s, start) >= (end - start) / 2}
        assert joined == "|".join(sorted(names))


def record(name: str, label: str) -> VideoRecord:
    return VideoRecord(name, f"/{name.partition('@')[0]}.avi", label, "g", "1")


def test_clips_of_one_video_share_labels_and_a_choice_of_classes_leaves_the_others_out() -> None:
    videos = (record("a@0-4", "Walk"), record("a@1-2", "Swing"), record("a-b", "Walk|Jump"), record("b@0-4", "Run"))
    catalog = with_several_labels(Catalog(videos))
    assert [video.label for video in catalog.videos] == ["Jump|Walk", "Walk", "Swing|Walk", "Run"]
    assert [video.video_id for video in catalog.videos] == ["a-b", "a@0-4", "a@1-2", "b@0-4"]
    assert catalog.labels == ("Jump", "Run", "Swing", "Walk")
    assert replace(catalog, multi_label=False).labels == ("Jump|Walk", "Run", "Swing|Walk", "Walk")
    chosen = select(catalog, ("Swing", "Jump"))
    assert [(v.video_id, v.label) for v in chosen.videos] == [("a-b", "Jump"), ("a@1-2", "Swing")]
    with pytest.raises(UsageError, match="no class 'Swing.Walk'"):
        select(catalog, ("Swing|Walk",))
    with pytest.raises(UsageError, match=r"the class of /a.avi: 'Walk\|' has an empty label"):
        with_several_labels(Catalog((record("a", "Walk|"),)))
    (note,) = note_classes(with_several_labels(Catalog((record("a", "walk|Walk"),)))).notes
    assert "'Walk' (1) and 'walk' (1)" in note


LINES = "path,label,group\na.avi,Walk|Swing,g1\na.avi,Jump,g1\n./a.avi,Jump,g1\nb.avi,Run,g2\n"
PARTS = "path,label,start,end\na.avi,Walk,0,4\na.avi,Jump,0,4\na.avi,Jump,0,4\na.avi,Run,4,6\n"


def test_lines_for_one_clip_add_their_labels() -> None:
    found = parse_manifest(LINES, "m.csv", multi_label=True)
    assert [(row.path, row.label) for row in found.rows] == [("a.avi", "Jump|Swing|Walk"), ("b.avi", "Run")]
    assert found.num_repeated == 1
    found = parse_manifest(PARTS, "m.csv", multi_label=True)
    assert [(row.start_s, row.label) for row in found.rows] == [(0, "Jump|Walk"), (4, "Run")]
    assert not found.bad
    alone = parse_manifest(PARTS, "m.csv")
    assert [row.label for row in alone.rows] == ["Walk", "Run"] and len(alone.bad) == 2


@pytest.mark.parametrize(
    ("text", "multi_label", "message"),
    [
        (LINES, False, "m.csv, line 2: the label 'Walk.Swing' names several classes. Preprocess with --multi-label"),
        ("path,label\na.avi,Walk|\n", True, r"m.csv, line 2: 'Walk\|' has an empty label"),
        ("path,label\na.avi,Walk\na.avi,Run\n", False, "or preprocess with --multi-label"),
        ("path,label,group\na.avi,Walk,g1\na.avi,Run,g2\n", True, "two groups for the video a.avi"),
    ],
)
def test_manifests_that_are_refused(text: str, multi_label: bool, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_manifest(text, "m.csv", multi_label=multi_label)
