"""Reports which files of an input are ignored."""

from collections.abc import Sequence

from pipelines.cli import tool
from pipelines.core.video_files import IGNORED, IgnoredFile, describe_ignored
from pipelines.reports.text import plural, visible


def say_ignored(ignored: Sequence[IgnoredFile], output: str) -> None:
    """Says before a job starts which files are ignored, and where all of them will be listed."""
    if ignored:
        what = describe_ignored(ignored, visible)
        tool.say(f"note: {plural(len(ignored), 'file')} ignored: {what}. All will be in {output}/{IGNORED}")
