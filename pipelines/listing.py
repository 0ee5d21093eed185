"""Listing the input: a tree of videos or a CSV manifest becomes a `Catalog`, before any work starts."""

import posixpath

from pipelines import files
from pipelines.core import catalog
from pipelines.core.catalog import Catalog
from pipelines.core.collection import no_collection
from pipelines.core.errors import UsageError
from pipelines.core.manifest import parse_manifest


@no_collection()
def read_catalog(source: str, class_level: int = 0) -> Catalog:
    """Lists a folder, or reads a manifest where `source` ends in `.csv` (or `.tsv`).

    Args:
        source: a normalised path or address.
        class_level: see `catalog.from_tree`.

    Raises:
        UsageError: there is nothing there, or what is there can't be preprocessed; the message says why.
    """
    try:
        if source.lower().endswith((".csv", ".tsv")):
            if class_level:
                raise UsageError(f"--class-level is about folders; in {source} the column label names the classes")
            return _read_manifest(source)
        if files.is_local(source):
            if not files.exists(source):
                raise UsageError(f"no such folder or manifest: {source}")
            if not posixpath.isdir(source):
                raise UsageError(f"{source} is neither a folder nor a manifest whose name ends in .csv or .tsv")
        return catalog.from_tree(source, *files.list_tree(source), class_level)
    except OSError as error:
        raise UsageError(f"cannot list {source}: {error.strerror or error}") from error


def _read_manifest(source: str) -> Catalog:
    text = files.read_written(source)
    if text is None:
        raise UsageError(f"no such manifest: {source}")
    root = posixpath.dirname(source)
    manifest = parse_manifest(text, source, lambda path: files.find_slashed(root, path))
    paths = [row.path for row in manifest.rows]
    return catalog.from_manifest(source, manifest, files.stat_files(root, paths), (files.join(root, p) for p in paths))
