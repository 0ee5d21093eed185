"""Listing the input: a tree of videos or a CSV manifest becomes a `Catalog`, before any work starts."""

import posixpath

from pipelines import files
from pipelines.core import catalog
from pipelines.core.catalog import Catalog
from pipelines.core.collection import no_collection
from pipelines.core.errors import UsageError
from pipelines.core.secrets import refuse_secrets


@no_collection()
def read_catalog(source: str) -> Catalog:
    """Lists a folder, or reads a manifest where `source` ends in `.csv`.

    Args:
        source: a normalised path or address.

    Raises:
        UsageError: there is nothing there, or what is there can't be preprocessed; the message says why.
    """
    try:
        if source.lower().endswith(".csv"):
            return _read_manifest(source)
        if files.is_local(source):
            if not files.exists(source):
                raise UsageError(f"no such folder or manifest: {source}")
            if not posixpath.isdir(source):
                raise UsageError(f"{source} is neither a folder nor a manifest whose name ends in .csv")
        return catalog.from_tree(source, *files.list_tree(source))
    except OSError as error:
        raise UsageError(f"cannot list {source}: {error.strerror or error}") from error


def _read_manifest(source: str) -> Catalog:
    text = files.read_text(source)
    if text is None:
        raise UsageError(f"no such manifest: {source}")
    rows = catalog.parse_manifest(text, source)
    for row in rows:
        refuse_secrets(row.path, source)
    root = posixpath.dirname(source)
    found = files.stat_files(root, [row.path for row in rows])
    uris = (files.join(root, row.path) for row in rows)
    return catalog.from_manifest(source, rows, found, uris)
