"""Where the videos are that corrections, labels and manifests name in different ways."""

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from pipelines import files
from pipelines.annotations.reading import KINDS, read_annotations, read_kind
from pipelines.annotations.types import Annotation
from pipelines.core.errors import UsageError
from pipelines.core.relative import relative_to
from pipelines.labelling.exports.media import find_videos


@dataclass(frozen=True)
class Places:
    """Videos have full addresses inside, and paths relative to the output in it.

    Attributes:
        folder: the folder of the output.
        rows: the rows of the old manifest, with full addresses.
        labels: the folder of labels that people were shown; empty if it isn't known.
        addresses: names of videos, as labels and the old manifest have them, and their full addresses.
    """

    folder: str
    rows: tuple[Annotation, ...] = ()
    labels: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)

    def full(self, video: str, root: str = "") -> str:
        """The full address of a video that a file in the folder `root` names. Other names than those of the labels and
        the old manifest are paths beside that file, or else beside the output."""
        return self.addresses.get(video) or full_address(root or self.folder, video)

    def shown(self, video: str) -> str:
        """The path or address of a video as the output has it."""
        return relative_to(video, self.folder)

    def predictions(self, wanted: Collection[str]) -> list[Annotation]:
        """The labels of the videos with the wanted addresses; none if there is no folder of labels.

        Raises:
            UsageError: the labels are incomplete or damaged.
        """
        if not self.labels:
            return []
        found = (replace(item, video=self.full(item.video)) for item in read_annotations(self.labels))
        return [item for item in found if item.video in wanted]


def find_places(output: str, manifest: str = "", labels: str = "") -> Places:
    """Reads where the videos of a manifest and of labels are.

    Args:
        output: the manifest to write.
        manifest: the old manifest; empty if there is none.
        labels: the folder of labels; empty if there is none.

    Raises:
        UsageError: the manifest can't be read or is something else.
    """
    addresses = dict(find_videos(labels).addresses) if labels else {}
    rows: tuple[Annotation, ...] = ()
    if manifest:
        kind, found = read_kind(manifest)
        if kind != "csv":
            raise UsageError(f"--manifest {manifest} is {KINDS[kind]}. Give a manifest")
        root = posixpath.dirname(manifest)
        given = list(found)
        rows = tuple(replace(row, video=full_address(root, row.video)) for row in given)
        for row, placed in zip(given, rows, strict=True):
            addresses.setdefault(row.video, placed.video)
    return Places(posixpath.dirname(output), rows, labels, addresses)


def full_address(root: str, path: str) -> str:
    """The address of a path in a file that lies in the folder `root`, in its shortest form."""
    address = files.locate(root, path)
    return posixpath.normpath(address) if files.is_local(address) else address
