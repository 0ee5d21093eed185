"""What failed: one record, from the decoder or the model that met with it to the files of both jobs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_OF_DATASETS = ("video_id", "uri", "label", "stage", "type", "message", "transient")
_OF_LABELS = ("video", "uri", "start_s", "end_s", "stage", "type", "message", "transient")


@dataclass(frozen=True, slots=True)
class Failure:
    """A video, or a window of one, that gave neither clip nor label.

    Attributes:
        stage: where it went wrong: `list`, `read`, `decode`, `encode` or `score`.
        type: class of the error.
        message: what went wrong.
        transient: whether it may be gone when the video is tried again.
        video_id: of the video; empty as long as only a decoder knows of the failure, which isn't told names.
        uri: where it was read from.
        label: name of the video's class; None where labels are what is to be made.
        start_s: start of the window in seconds; None where the whole video failed.
        end_s: end of the window in seconds; None where the whole video failed.
    """

    stage: str
    type: str
    message: str
    transient: bool = False
    video_id: str = ""
    uri: str = ""
    label: str | None = None
    start_s: float | None = None
    end_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object: with its class as datasets keep it or, where it has none, with its time as labels do."""
        names = _OF_LABELS if self.label is None else _OF_DATASETS
        return {name: self.video_id if name == "video" else getattr(self, name) for name in names}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        given = dict(value)
        return cls(video_id=given.pop("video_id" if "label" in given else "video"), **given)

    def to_line(self) -> str:
        """A line of `failures.jsonl`, for people: whether to try again is for the next run."""
        return json.dumps({name: value for name, value in self.to_json().items() if name != "transient"}) + "\n"
