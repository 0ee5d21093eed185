"""Where the videos of an annotation file lie, told by a pattern such as `clips/{youtube_id}.mp4`."""

import string
from collections.abc import Mapping

from pipelines.core.errors import UsageError


class VideoPattern:
    """Turns the fields of an entry into the path of its video.

    Attributes:
        fields: names of the fields that the pattern contains.
    """

    def __init__(self, pattern: str) -> None:
        """Takes a pattern in the syntax of `str.format`, with names of fields in braces.

        Raises:
            UsageError: a brace is not closed, or a field has no name or more than a name and a format.
        """
        self.pattern = pattern
        try:
            names = [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]
        except ValueError as error:
            raise UsageError(f"--video-pattern {pattern!r}: {error}") from error
        if wrong := [name for name in names if not name.isidentifier()]:
            raise UsageError(
                f"--video-pattern {pattern!r}: {{{wrong[0]}}} is not the name of a field, such as {{youtube_id}}"
            )
        self.fields = frozenset(names)

    def path(self, fields: Mapping[str, str | int | float], where: str) -> str:
        """The path of an entry's video.

        Args:
            fields: the values of the entry.
            where: the file and the place, for messages.

        Raises:
            UsageError: the pattern has a field that the entry hasn't, or a format that doesn't fit the value.
        """
        if missing := sorted(self.fields - fields.keys()):
            raise UsageError(
                f"--video-pattern {self.pattern!r}: {where} has no field {missing[0]}; it has {', '.join(fields)}"
            )
        try:
            return self.pattern.format_map(fields)
        except (ValueError, KeyError, IndexError) as error:
            raise UsageError(f"--video-pattern {self.pattern!r}: {where}: {error}") from error
