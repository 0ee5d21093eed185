"""The command line of `pipelines.download`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines import files
from pipelines.cli.parser import Parser
from pipelines.core.errors import UsageError
from pipelines.core.names import why_not_plain
from pipelines.fetching import catalog, kinds
from pipelines.fetching.catalog import DATASETS, OTHER, Dataset, Source
from pipelines.fetching.connection import check_url
from pipelines.fetching.entries import suggestion
from pipelines.files.nearest import nearest

_DESCRIPTION = """\
Downloads a dataset of videos, extracts it, and checks that it is complete.

  python -m pipelines.download --output data                              # UCF50: 3.0 GiB, and as much extracted
  python -m pipelines.download --output data --classes Swing,TaiChi       # extracts two of its classes
  python -m pipelines.download --output data --dataset ucf101             # with its official split lists
  python -m pipelines.download --output data --archive ~/UCF50.rar        # an archive downloaded with a browser
  python -m pipelines.download --output data --url https://host/mine.zip  # videos in folders, one for each class

Run it again after an interruption: a download resumes where it broke off, and extracted files are kept. A run that has
nothing to do says so, and checks that all files exist with the right sizes. RAR archives need one of unrar, 7z, unar
and bsdtar (apt-get install unar)."""
_EPILOG = """\
exit codes: 0 the videos are there; 1 unexpected error, or the videos aren't those of the dataset; 2 wrong usage, a file
or certificate that can't be used, or not enough room; 4 incomplete (lost connection, full disk): run the same command
again; 130 interrupted."""


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        output: the local folder for everything.
        dataset: the dataset.
        archive: its archive on this machine; empty to download it.
        classes: the classes to extract; empty for all.
        insecure: whether to skip the check of certificates.
    """

    output: str
    dataset: Dataset
    archive: str = ""
    classes: tuple[str, ...] = ()
    insecure: bool = False


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    parser = Parser("pipelines.download", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("--output", required=True, metavar="DIR", help="folder for the archive and, beside it, the folder of videos; "
        "it is created if needed")  # fmt: skip
    add("--dataset", choices=[*DATASETS, OTHER], help="dataset to download (default: ucf50; with --url or --archive, "
        "the one whose archive has that file name, else other, whose content can't be checked)")  # fmt: skip
    add("--url", metavar="URL", help=f"download the archive from this address instead ({kinds.NAMES})")
    add("--archive", metavar="FILE", help="use this archive instead of downloading one; the archive of split lists is "
        "looked for beside it")  # fmt: skip
    add("--classes", metavar="A,B,...", help="extract only these classes, separated by commas (default: all)")
    add("--insecure", action="store_true", help="download without checking the site's certificate, for sites that "
        "send an incomplete chain, as www.crcv.ucf.edu does; somebody in between could send other files")  # fmt: skip
    return parser


def parse(arguments: Sequence[str]) -> Request:
    """Parses a command line.

    Raises:
        UsageError: a value is wrong; nothing has been written.
    """
    return make_request(make_parser().parse_own(arguments))


def make_request(values: Mapping[str, Any]) -> Request:
    """The request that settings ask for, given by the names of their flags; those that aren't given are absent.

    Raises:
        UsageError: a value is wrong; nothing has been written.
    """
    output = files.normalise(values["output"], "--output")
    if not files.is_local(output):
        raise UsageError(
            f"--output {output}: datasets are downloaded to a local folder; copy it to the bucket afterwards"
        )
    if os.path.exists(output) and not os.path.isdir(output):
        raise UsageError(f"--output {output} is a file; give a folder")
    if values.get("url") and values.get("archive"):
        raise UsageError("give one of --url and --archive, not both")
    archive = files.normalise(values["archive"], "--archive") if "archive" in values else ""
    if archive:
        _check_archive(archive)
    if "url" in values:
        check_url(values["url"])
    dataset = _dataset(values.get("dataset"), values.get("url") or "", archive)
    classes = tuple(dict.fromkeys(name.strip() for name in (values.get("classes") or "").split(",") if name.strip()))
    if "classes" in values and not classes:
        raise UsageError("--classes is empty. Give names, separated by commas, or leave it out for all")
    for name in classes:
        if dataset.classes and name not in dataset.classes:
            raise UsageError(f"{dataset.title} has no class {name!r}{suggestion(name, dataset.classes)}")
    return Request(output, dataset, archive, classes, "insecure" in values)


def _check_archive(path: str) -> None:
    if not files.is_local(path):
        raise UsageError(f"--archive {path}: give a file on this machine")
    if not os.path.exists(path):
        raise UsageError(f"--archive: no such file: {path}{nearest(path)}")
    if not os.path.isfile(path):
        raise UsageError(f"--archive {path} is not a file")


def _dataset(name: str | None, url: str, archive: str) -> Dataset:
    """The dataset that is meant, with the given address in place of its own."""
    if not url and not archive:
        if name == OTHER:
            raise UsageError("--dataset other needs --url or --archive")
        return DATASETS[name or "ucf50"]
    file_name = os.path.basename(archive) if archive else catalog.file_name(url)
    if why := why_not_plain(file_name):
        raise UsageError(f"--url {url} doesn't end in a file name: it {why}" if url else f"--archive {archive} {why}")
    known = DATASETS.get(name or "") or (None if name else catalog.called(file_name))
    if known is None:
        return catalog.other(url, file_name)
    if archive:
        return known
    videos = Source(url, known.videos.folder, known.videos.size_bytes)
    return Dataset(**{**vars(known), "videos": videos, "remedy": ""})
