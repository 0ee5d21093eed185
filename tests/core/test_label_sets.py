"""Several labels as one text."""

import pytest

from pipelines.core.label_sets import ids_of, join_labels, only, split_labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Walk", ("Walk",)),
        ("Walk|Swing", ("Swing", "Walk")),
        (" Walk | Swing ", ("Swing", "Walk")),
        ("Walk|Swing|Walk", ("Swing", "Walk")),
        ("walk|Walk", ("Walk", "walk")),
    ],
)
def test_labels_are_sorted_and_there_once(text: str, labels: tuple[str, ...]) -> None:
    assert split_labels(text) == labels
    assert split_labels(join_labels(labels)) == labels
    assert join_labels(reversed(labels)) == "|".join(labels)


@pytest.mark.parametrize("text", ["", "|", "Walk|", "|Walk", "Walk||Swing", "Walk| |Swing"])
def test_an_empty_label_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has an empty label"):
        split_labels(text)


def test_ids_and_choice_of_classes() -> None:
    classes = ("Run", "Swing", "Walk")
    assert ids_of("Swing|Walk", classes) == (1, 2)
    with pytest.raises(ValueError, match="Jump"):
        ids_of("Jump|Walk", classes)
    assert only("Run|Walk", ("Walk", "Swing")) == "Walk" and only("Run", ("Walk",)) == ""
