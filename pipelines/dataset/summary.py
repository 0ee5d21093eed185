"""The summary at the end of preprocessing."""

import shlex
from typing import IO

from rich.console import Console
from rich.table import Table

from pipelines.core.file_names import FAILURES
from pipelines.dataset.info import PREVIEW, DatasetInfo, Note
from pipelines.dataset.readers import tfds
from pipelines.dataset.readers.webdataset import WEBDATASET
from pipelines.reports.console import name_cell, open_console, print_facts, print_unbroken
from pipelines.reports.parts import soft, table
from pipelines.reports.text import human_bytes, human_seconds, plural, some, some_counts, visible


def missing_classes(info: DatasetInfo) -> dict[str, list[str]]:
    """For each split that holds clips, the classes of which it has none; splits with all classes are left out."""
    missing = {
        name: [label for label in info.labels if not split.num_examples_by_class.get(label)]
        for name, split in info.splits.items()
        if split.num_examples
    }
    return {name: labels for name, labels in missing.items() if labels}


def describe_clips(info: DatasetInfo) -> str:
    """Type and shape of a clip, and how it is made and stored, in one line."""
    spec, encoding = info.clip_spec, info.encoding.to_json()
    quality = f" of quality {encoding['quality']}" if "quality" in encoding else ""
    packed = "no compression" if info.compression == "none" else f"{info.compression} compression"
    return (
        f"uint8 {list(spec.shape)} RGB, {spec.sampling} sampling, {spec.resize} resize ({spec.interpolation}); "
        f"stored as {encoding['format']}{quality}, {packed}"
    )


def print_summary(info: DatasetInfo, output: str, seconds: float | None, file: IO[str] | None = None) -> None:
    """Prints what a run has made: a table of the splits, the account of the videos, and the next command.

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


def counts_html(info: DatasetInfo) -> str:
    """The numbers of clips by class and split as a table, with the notes below it."""
    rows = [(label, *(s.num_examples_by_class.get(label, 0) for s in info.splits.values())) for label in info.labels]
    total = ("all", *(split.num_examples for split in info.splits.values()))
    return table(f"Clips: {describe_clips(info)}", ("class", *info.splits), rows, total) + "".join(
        map(soft, info.notes)
    )


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
    account = "{listed:,} listed = {written:,} written + {failed:,} failed + {filtered:,} filtered"
    if "extra" in info.counts:  # clips of parts of them: several of one, and perhaps a failure of another part
        account = "{listed:,} listed; {written:,} clips written, {failed:,} failed, {filtered:,} filtered"
    account = account.format(**counts)
    if counts["damaged"]:
        account += f"; {counts['damaged']:,} of the written are damaged"
    if counts["ignored"]:
        account += f"; {plural(counts['ignored'], 'other file')} ignored"
    facts = [("Rows" if "extra" in info.counts else "Videos", account, "")]
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
    if tars := sum(map(len, info.webdataset.values())):
        facts.append(("Also", f"{plural(tars, 'tar file')} in {WEBDATASET}", ""))
    if why := tfds.why_not(info):
        facts.append(("Note", f"no folder {tfds.TFDS}: {why}", ""))
    if seconds is not None:
        what, count = ("clips", "written") if "extra" in info.counts else ("videos", "listed")
        rate = f", {counts[count] / seconds:,.1f} {what} a second" if seconds > 0 else ""
        facts.append(("Time", human_seconds(seconds) + rate, ""))
    return facts
