"""Writing model cards without losing what people have added to them.

A card ends with a checksum of itself. One that somebody has edited doesn't match it any more, and is kept: where the
model is exported again, the new card, whose figures are those of the new weights, becomes `README.md`, and the edited
one lies beside it as `README.edited.md`.
"""

import hashlib
import re
from pathlib import Path

from pipelines.cli import tool
from trainer.files import storage

CARD = "README.md"
_KEPT = re.compile(r"README\.edited(?:-\d+)?\.md")
_SEAL = re.compile(rb"\n<!-- card ([0-9a-f]{16}): .*-->\n\Z")


def is_card(name: str) -> bool:
    """Whether a file in the folder of a model is its card, or one that was kept."""
    return name == CARD or bool(_KEPT.fullmatch(name))


def sealed(text: str) -> str:
    """A card with the line that tells later whether it was edited."""
    return f"{text}\n<!-- card {_checksum(text.encode())}: if edited, it is kept when the model is exported again -->\n"


def is_edited(data: bytes) -> bool:
    """Whether the content of a card isn't what `sealed` gave."""
    found = _SEAL.search(data)
    return not found or found[1].decode() != _checksum(data[: found.start()])


def keep_edited(folder: str, built: str) -> None:
    """Copies edited cards of a model into the folder that is about to replace it, and says so.

    Args:
        folder: of the model, which need not exist; local or in a store.
        built: the new folder, local.

    Raises:
        UserError: a card can't be read.
    """
    names = [name for name in storage.list_names(folder) if is_card(name)]
    for name in names:
        if name != CARD:
            Path(built, name).write_bytes(storage.read_bytes(storage.join(folder, name)))
    if CARD not in names or not is_edited(data := storage.read_bytes(storage.join(folder, CARD))):
        return
    free = next(name for number in range(1, 1000) if (name := _kept(number)) not in names)
    Path(built, free).write_bytes(data)
    tool.say(
        f"note: {storage.join(folder, CARD)} was edited. It is now {free} beside the new card: take over what still "
        "holds"
    )


def _kept(number: int) -> str:
    return "README.edited.md" if number == 1 else f"README.edited-{number}.md"


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
