"""What a person reads at the end of a run, and how numbers and names are written for people."""

import re
import shlex
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.cli import tool
from pipelines.core.video_files import IGNORED, IgnoredFile, describe_ignored
from pipelines.dataset.info import FAILURES, PREVIEW, DatasetInfo, Note

_NAMED = 8
"""Names in one line of the summary; of more, the number is given."""
_INDENT = 10
_LOG_WIDTH = 100

# Controls, lone surrogates, and the marks that turn the direction of text: they would garble a terminal or a page.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Text that any UTF-8 file or terminal takes: what is no character to be seen becomes `\\uXXXX`, as in JSON."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def human_bytes(size_bytes: float) -> str:
    """A size in the unit that suits it: `512 B`, `1.5 MiB`."""
    units = iter(("KiB", "MiB", "GiB", "TiB"))
    unit = "B"
    while size_bytes >= 1023.95 and unit != "TiB":
        size_bytes, unit = size_bytes / 1024, next(units)
    return f"{size_bytes:,.{0 if unit == 'B' else 1}f} {unit}"


def human_seconds(seconds: float) -> str:
    """A duration: `4.2 s`, `3 min 12 s`, `2 h 05 min`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def plural(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun; `nouns` where an s doesn't do."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def some(names: list[str], shown: int = _NAMED) -> str:
    """The first names of a list and how many more there are."""
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(visible(name) for name in names[:shown]) + more


def some_counts(counts: Mapping[str, int]) -> str:
    """The most frequent names with their counts: `3 VideoDecodeError, 1 VideoOpenError`."""
    return some([f"{number:,} {name}" for name, number in by_count(counts)])


def by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names with their counts, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def missing_classes(info: DatasetInfo) -> dict[str, list[str]]:
    """The classes without a clip in a split, for each split that lacks some but holds clips."""
    missing = {
        name: [label for label in info.labels if not split.num_examples_by_class.get(label)]
        for name, split in info.splits.items()
        if split.num_examples
    }
    return {name: labels for name, labels in missing.items() if labels}


def describe_clips(info: DatasetInfo) -> str:
    """Type and shape of a clip, and how it is made and stored, in a line."""
    spec, encoding = info.clip_spec, info.encoding.to_json()
    quality = f" of quality {encoding['quality']}" if "quality" in encoding else ""
    packed = "no compression" if info.compression == "none" else f"{info.compression} compression"
    return (
        f"uint8 {list(spec.shape)} RGB, {spec.sampling} sampling, {spec.resize} resize ({spec.interpolation}); "
        f"stored as {encoding['format']}{quality}, {packed}"
    )


def say_ignored(ignored: Sequence[IgnoredFile], output: str) -> None:
    """Tells before a job starts which files are passed over, and where all of them will be named."""
    if ignored:
        what = describe_ignored(ignored, visible)
        tool.say(f"note: {plural(len(ignored), 'file')} ignored: {what}. All will be in {output}/{IGNORED}")


def print_summary(info: DatasetInfo, output: str, seconds: float | None, file: IO[str] | None = None) -> None:
    """Prints what a run has made: a table of the splits, the account of the videos, and where to go on.

    Args:
        info: the dataset.
        output: its folder.
        seconds: how long the run took; None leaves it out.
        file: where to print, standard output if None.
    """
    console = open_console(file)
    console.print(_splits_table(info, console))
    print_facts(console, _facts(info, seconds))
    folder = visible(output)
    print_unbroken(console, "Preview", f"{folder.rstrip('/')}/{PREVIEW}")
    print_unbroken(console, "Next", f"python -m pipelines.verify {shlex.quote(folder)}")


def open_console(file: IO[str] | None) -> Console:
    """Where a summary is printed: standard output if `file` is None; a log has room for long lines."""
    console = Console(file=file or sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = max(_LOG_WIDTH, console.width)
    return console


def print_facts(console: Console, facts: Iterable[tuple[str, str, str]]) -> None:
    """Prints lines of a key and a value in a style, broken where a terminal ends."""
    for key, value, style in facts:
        width = console.width if console.is_terminal else sys.maxsize
        lines = textwrap.fill(
            value, width, initial_indent=f"{key:<{_INDENT}}", subsequent_indent=" " * _INDENT, break_on_hyphens=False
        )
        _print_line(console, lines, style)


def print_unbroken(console: Console, key: str, value: str) -> None:
    """Prints a path or a command, which is never broken, so that it can be copied."""
    _print_line(console, f"{key:<{_INDENT}}{value}")


def _splits_table(info: DatasetInfo, console: Console) -> Table:
    sizes = {name: sum(shard.size_bytes for shard in split.shards) for name, split in info.splits.items()}
    table = Table(show_footer=len(sizes) > 1, header_style="bold", footer_style="bold")
    splits = info.splits.values()
    totals = (
        sum(split.num_examples for split in splits),
        len({group for split in splits for group in split.groups}),
        sum(len(split.shards) for split in splits),
    )
    table.add_column("Split", "Total", overflow="fold")
    for header, total in zip(("Clips", "Groups", "Shards"), totals, strict=True):
        table.add_column(header, f"{total:,}", justify="right", no_wrap=True)
    table.add_column("Size", human_bytes(sum(sizes.values())), justify="right", no_wrap=True)
    for name, split in info.splits.items():
        counts = (split.num_examples, len(split.groups), len(split.shards))
        table.add_row(name_cell(name, console), *(f"{count:,}" for count in counts), human_bytes(sizes[name]))
    return table


def _facts(info: DatasetInfo, seconds: float | None) -> list[tuple[str, str, str]]:
    """Key, value and style of the lines below the table."""
    counts = {key: info.counts.get(key, 0) for key in ("listed", "written", "failed", "filtered", "ignored", "damaged")}
    account = "{listed:,} listed = {written:,} written + {failed:,} failed + {filtered:,} filtered".format(**counts)
    if counts["damaged"]:
        account += f"; {counts['damaged']:,} of the written are damaged"
    if counts["ignored"]:
        account += f"; {plural(counts['ignored'], 'other file')} ignored"
    facts = [("Videos", account, "")]
    if counts["failed"]:
        facts.append(("Failures", f"{some_counts(info.failures_by_reason)}; each is in {FAILURES}", "yellow"))
    facts.append(("Classes", f"{len(info.labels):,}", ""))
    for split, labels in missing_classes(info).items():
        facts.append(
            (
                "Warning",
                f"{visible(split)} has no clip of {plural(len(labels), 'class', 'classes')}: {some(labels)}",
                "yellow",
            )
        )
    for split, entry in info.splits.items():
        if not entry.num_examples:
            facts.append(("Warning", f"{visible(split)} has no clips", "yellow"))
    found = [Note.parse(line) for line in info.notes]
    facts += [("Note", visible(note.text), "") for note in found if not note.is_warning]
    facts += [("Warning", visible(note.text), "yellow") for note in found if note.is_warning]
    facts.append(("Clips", describe_clips(info), ""))
    if seconds is not None:
        rate = f", {counts['listed'] / seconds:,.1f} videos a second" if seconds > 0 else ""
        facts.append(("Time", human_seconds(seconds) + rate, ""))
    return facts


def _print_line(console: Console, line: str, style: str = "") -> None:
    text = Text(_encoded(line, console), style)
    text.stylize("bold", 0, _INDENT)
    console.print(text, soft_wrap=True)


def name_cell(name: str, console: Console) -> Text:
    """A name in a table: without markup, and with escapes for what can't be seen or printed."""
    return Text(_encoded(visible(name), console))


def _encoded(text: str, console: Console) -> str:
    """The text with escapes for what the encoding of the output lacks."""
    return text.encode(console.encoding, "backslashreplace").decode(console.encoding)
