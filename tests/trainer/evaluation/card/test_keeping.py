"""An edited model card outlives an export, and a card that nobody has touched doesn't."""

from pathlib import Path

import pytest

from trainer.evaluation.card.keeping import CARD, is_card, is_edited, keep_edited, sealed

TEXT = "# lrcn\n\nWords \u00fc\n"


@pytest.mark.parametrize(
    ("change", "edited"),
    [
        (lambda text: text, False),
        (lambda text: text.replace("Words", "Better words"), True),
        (lambda text: text + "## License\n", True),
        (lambda text: "# written by hand\n", True),
        (lambda text: "", True),
    ],
)
def test_an_edited_card_is_recognised(change: object, edited: bool) -> None:
    assert callable(change)
    assert is_edited(change(sealed(TEXT)).encode()) == edited


def test_edited_cards_are_carried_along(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, built = tmp_path / "model", tmp_path / "new"
    for folder in (model, built):
        folder.mkdir()
    (model / CARD).write_text("first")
    (model / "README.edited.md").write_text("older")
    (model / "notes.md").write_text("not a card")
    (built / CARD).write_text(sealed(TEXT))
    keep_edited(str(model), str(built))
    assert {path.name: path.read_text() for path in built.iterdir()} == {
        CARD: sealed(TEXT), "README.edited.md": "older", "README.edited-2.md": "first",
    }  # fmt: skip
    assert all(map(is_card, (CARD, "README.edited.md", "README.edited-2.md"))) and not is_card("notes.md")


def test_a_card_that_nobody_edited_is_replaced(tmp_path: Path) -> None:
    model, built = tmp_path / "model", tmp_path / "new"
    for folder in (model, built):
        folder.mkdir()
    (model / CARD).write_text(sealed("old"))
    keep_edited(str(model), str(built))
    assert not [*built.iterdir()]
    keep_edited(str(tmp_path / "nowhere"), str(built))
    assert not [*built.iterdir()]
