"""Reading and checks that the descriptions of a dataset and of a model have in common."""

import reprlib
from typing import Any

from pipelines.core.errors import UserError
from pipelines.core.spec import ClipSpec
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import build


def read_versioned(text: str, name: str, version: int) -> dict[str, Any]:
    """The JSON object of a description, which must have a certain schema version.

    Raises:
        UserError: the description has another version.
        ValueError: the text isn't a JSON object with a version.
    """
    value = load_json(text)
    if not isinstance(value, dict) or "schema_version" not in value:
        raise ValueError("it must be an object with a schema_version")
    if (found := value["schema_version"]) != version:
        raise UserError(f"{name}: schema version {reprlib.repr(found)}, this software reads version {version}")
    return value


def check_clip_spec(value: Any, problem: str, remedy: str) -> dict[str, Any]:
    """The clip spec of a description without its fingerprint, which tells whether this software makes the same pixels.

    Raises:
        UserError: this software makes other pixels; the message begins with `problem` and ends with `remedy`.
        ValueError: the value isn't a valid clip spec with a fingerprint.
    """
    if not isinstance(value, dict) or "fingerprint" not in value:
        raise ValueError("clip_spec must be an object with a fingerprint")
    recorded = value.pop("fingerprint")
    spec = build(ClipSpec, value)
    if spec.fingerprint() != recorded:
        found = f"clip fingerprint {reprlib.repr(recorded)}, here {spec.fingerprint()}"
        raise UserError(f"{problem} ({found}); {remedy}")
    return value


def check_labels(labels: tuple[str, ...]) -> None:
    """Checks that labels are sorted by code point and unique, so that the same set has the same ids everywhere.

    Raises:
        ValueError: they aren't, or there are none; the message shows them.
    """
    if not labels or labels != tuple(sorted(set(labels))):
        raise ValueError(f"labels must be sorted names, each once, not {reprlib.repr(list(labels))}")
