"""Local paths as they are written to files that people share, which shouldn't reveal folders of the machine.

Addresses stay as they are.
"""

import os

LISTS = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xml")
"""How names of files end that list videos."""


def name_of(path: str) -> str:
    """The last part of an absolute local path; anything else unchanged."""
    return os.path.basename(path) if os.path.isabs(path) else path


def path_below(path: str, source: str) -> str:
    """A local path relative to a folder, or to the folder of a manifest, if it lies below that; otherwise unchanged."""
    folder = os.path.dirname(source) if source.lower().endswith(LISTS) else source
    return os.path.relpath(path, folder) if os.path.isabs(path) and path.startswith(f"{folder}/") else path


def relative_to(path: str, folder: str) -> str:
    """A local path relative to the folder of the file that names it, so that it still leads there after both are moved
    together. If either is an address in a store, the path is unchanged."""
    if not (os.path.isabs(path) and os.path.isabs(folder)):
        return path
    return os.path.relpath(path, folder)
