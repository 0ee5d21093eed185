"""What failed: one record, passed from the decoder or model where it happened to the output files of both jobs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_OF_DATASETS = ("video_id", "uri", "label", "stage", "type", "message", "transient")
_OF_LABELS = ("video", "uri", "start_s", "end_s", "stage", "type", "message", "transient")


@dataclass(frozen=True, slots=True)
class Failure:
    """A video, or a window of one, that yielded neither a clip nor a label.

    Attributes:
        stage: where it went wrong: `list`, `read`, `decode`, `encode` or `score`.
        type: class of the error.
        message: what went wrong.
        transient: whether it may be gone when the video is tried again.
        video_id: id of the video; empty inside a decoder, which doesn't know ids.
        uri: where it was read from.
        label: name of the video's class; None in labelling jobs, whose videos have none.
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
        """A JSON object: with the class, as in datasets, or, where there is none, with the times, as in labels."""
        names = _OF_LABELS if self.label is None else _OF_DATASETS
        return {name: self.video_id if name == "video" else getattr(self, name) for name in names}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Reads what `to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: the value isn't such an object.
        """
        given = dict(value)
        return cls(video_id=given.pop("video_id" if "label" in given else "video"), **given)

    def to_line(self) -> str:
        """A line of `failures.jsonl`, which is for people; it leaves out `transient`, which only the next run needs."""
        return json.dumps({name: value for name, value in self.to_json().items() if name != "transient"}) + "\n"
