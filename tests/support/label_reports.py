"""A report of labels with names that would break a page."""

from dataclasses import replace

from pipelines.labelling.types import UNKNOWN, LabelReport
from tests.support.accounts import account, failure, video
from tests.support.pages import HOSTILE

NAMES = (*HOSTILE, "</style></script>", "${title} $x $$", "\u202e\u061cgpj.exe", "]]><!--")


def hostile_report() -> LabelReport:
    """Data with hostile names for everything that comes from outside."""
    videos = [
        video(
            name,
            (0, 4, name, 0.8),
            (4, 9, UNKNOWN, 0.3),
            (9, 65.5, NAMES[i - 1], 0.625),
            duration_s=66,
            second=f"<b>{name}",
        )
        for i, name in enumerate(NAMES)
    ]
    failures = [replace(failure(name, 4.0, name), stage=name, message=name) for name in NAMES]
    return account(videos, failures, listed=20)
