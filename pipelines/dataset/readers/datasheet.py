"""The datasheet of a dataset, `README.md`: what it holds, how it was made, and what is missing or odd.

Its questions are those of Gebru et al., "Datasheets for Datasets" (Communications of the ACM 64(12), 2021), as far as
the software knows the answers; what it can't know, it names as unknown. The front matter is what model hubs read.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.core.file_names import DATASET_INFO, FAILURES
from pipelines.core.versions import NOT_INSTALLED
from pipelines.core.video_files import IGNORED
from pipelines.dataset.config import OFFICIAL_SPLITS
from pipelines.dataset.duplicates import DUPLICATES
from pipelines.dataset.info import PREVIEW, REMARKS, DatasetInfo, Note
from pipelines.dataset.readers import loading
from pipelines.dataset.readers.command import command_of, title_of
from pipelines.dataset.summary import describe_clips, missing_classes
from pipelines.reports.text import by_count, human_bytes, human_seconds, plural, some, visible

README = "README.md"
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_SEAL = re.compile(r"\n<!-- datasheet ([0-9a-f]{16}): [^\n]*-->\n\Z")
_SEAL_SAYS = "pipelines.preprocess writes this file again as long as nobody changes it"


@dataclass(frozen=True)
class Provenance:
    """What a datasheet tells and the description of a dataset doesn't.

    Attributes:
        license: licence of the videos, an SPDX identifier or an address; empty if it isn't known.
        num_copies: written videos with the same content as another one.
    """

    license: str = ""
    num_copies: int = 0


def datasheet(info: DatasetInfo, about: Provenance) -> str:
    """The text of `README.md`: the same for the same dataset, without times, host names or folders of a machine."""
    parts = [
        *_front_matter(info, about),
        f"# {_plain(title_of(info))}",
        *_content(info),
        *_origin(info, about),
        *_splits(info),
        *_gaps(info, about),
        "## How to load it",
        *loading.examples(info),
        *_remake(info, about),
    ]
    text = "\n\n".join(parts) + "\n"
    return f"{text}\n<!-- datasheet {_digest(text)}: {_SEAL_SAYS} -->\n"


def is_unchanged(text: str) -> bool:
    """Whether a text is a datasheet as this software wrote it, by the checksum in its last line."""
    seal = _SEAL.search(text)
    return seal is not None and _digest(text[: seal.start()]) == seal[1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _front_matter(info: DatasetInfo, about: Provenance) -> Iterator[str]:
    clips = info.counts["written"]
    lines = [f"pretty_name: {json.dumps(visible(title_of(info)))}"]
    if about.license:
        lines.append(f"license: {json.dumps(about.license)}")
    lines += ["task_categories:", "- video-classification", "size_categories:"]
    lines.append(f"- {next((name for most, name in _SIZES if clips < most), 'n>10M')}")
    yield "\n".join(["---", *lines, "---"])


def _content(info: DatasetInfo) -> Iterator[str]:
    shortest, middle, longest, total = (info.durations_s[key] for key in ("min", "median", "max", "total"))
    of_what = "The clips" if "window" in info.durations_s else "The videos that clips were made of"
    yield f"{plural(info.counts['written'], 'clip')} of {plural(len(info.labels), 'class', 'classes')} of activities."
    yield "## What it holds"
    yield (
        f"A clip is {describe_clips(info)}. {of_what} last {human_seconds(shortest)} to {human_seconds(longest)} "
        f"(median {human_seconds(middle)}), {human_seconds(total)} in all. With each clip come the id of its "
        "video, its group, and the times and numbers of its frames. "
        f"[`{DATASET_INFO}`]({DATASET_INFO}) describes it for programs, and [`{PREVIEW}`]({PREVIEW}) shows clips."
    )
    names, splits = list(info.splits), info.splits.values()
    counts = {label: [split.num_examples_by_class.get(label, 0) for split in splits] for label in info.labels}
    rows = [(_plain(label), *found, sum(found)) for label, found in counts.items()]
    totals = [split.num_examples for split in splits]
    yield _table(("class", *names, "all"), [*rows, ("**clips**", *totals, sum(totals))])
    if info.multi_label:
        yield "A clip may have several labels, and counts under each of them."
    for name, labels in missing_classes(info).items():
        yield f"**{name} has no clip of {plural(len(labels), 'class', 'classes')}**: {_plain(some(labels))}."


def _origin(info: DatasetInfo, about: Provenance) -> Iterator[str]:
    yield "## Where it comes from"
    source = _plain(str(info.configuration.get("input", "")))
    yield (
        f"The videos and their labels are those of `{source}`. This software doesn't know who made them, for what, "
        "whether the people in them agreed to it, and how the labels were given: see where you have them from."
    )
    yield f"Licence: {_plain(about.license) or 'not stated'}."


def _splits(info: DatasetInfo) -> Iterator[str]:
    yield "## Splits"
    settings = info.configuration
    if settings.get("split_file"):
        how = "The splits are those of the files given with `--split-file`."
    elif settings.get("split_groups"):
        how = "The groups of the splits other than train were chosen by hand, with `--split-groups`."
    elif settings.get("splits") == OFFICIAL_SPLITS:
        how = "The splits are those that the input itself gives."
    else:
        seed = settings.get("split_seed", 0)
        how = f"Whole groups were assigned to splits at random (`{settings.get('splits')}`, seed {seed})."
    found = Counter(group for split in info.splits.values() for group in split.groups)
    shared = sorted(group for group, count in found.items() if count > 1)
    if shared:
        names = _plain(some(shared))
        verdict = f"**{plural(len(shared), 'group')} in several splits: scores will be too good** ({names})."
    else:
        verdict = "No group is in two splits."
    yield f"A group is the videos that share a source, such as a person or a recording. {how} {verdict}"
    rows = [
        (
            name,
            split.num_examples,
            len(split.groups),
            len(split.shards),
            human_bytes(sum(s.size_bytes for s in split.shards)),
        )
        for name, split in info.splits.items()
    ]
    yield _table(("split", "clips", "groups", "shards", "size"), rows)


def _gaps(info: DatasetInfo, about: Provenance) -> Iterator[str]:
    yield "## What is missing or odd"
    counts = info.counts
    listed = "rows" if "extra" in counts else "videos"
    ignored = counts.get("ignored", 0)
    rows = [
        (f"{listed} listed", counts["listed"], ""),
        ("clips written", counts["written"], "`index-*.jsonl`"),
        ("failed", counts["failed"], f"[`{FAILURES}`]({FAILURES})"),
        ("left out on purpose", counts["filtered"], "fewer frames than `--min-frames`, or copies"),
        ("damaged, but used as far as they could be read", counts.get("damaged", 0), f"[`{REMARKS}`]({REMARKS})"),
        ("with the content of another one", about.num_copies, f"[`{DUPLICATES}`]({DUPLICATES})"),
        ("other files, ignored", ignored, f"[`{IGNORED}`]({IGNORED})"),
    ]
    yield _table(("", "number", "see"), rows)
    if info.failures_by_reason:
        reasons = ", ".join(f"{count:,} {name}" for name, count in by_count(info.failures_by_reason))
        yield f"Reasons of failures: {reasons}."
    notes = [Note.parse(line) for line in info.notes]
    if notes:
        yield "\n".join(f"- {'**Warning:** ' * note.is_warning}{_plain(note.text)}" for note in notes)


def _remake(info: DatasetInfo, about: Provenance) -> Iterator[str]:
    yield "## How to make it again"
    more = (
        *(("--also", "webdataset") if info.webdataset else ()),
        *(("--license", about.license) * bool(about.license)),
    )
    yield f"```bash\n{visible(command_of(info, more))}\n```"
    versions = ", ".join(f"{name} {number}" for name, number in info.versions.items() if number != NOT_INSTALLED)
    yield f"It was made with {versions}. The same videos, settings and versions give the same bytes."


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    rows = list(rows)
    aligned = ["---:" if all(isinstance(cell, int) for cell in column) else "---" for column in zip(*rows, strict=True)]
    said = [header, aligned, *([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in said)


def _plain(text: str) -> str:
    """A text that isn't trusted as text of a Markdown page: no markup, no cells, no HTML."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", visible(text))
