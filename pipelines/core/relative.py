"""Local paths as they are told in files that people share, which don't say where on a machine something was made.

Addresses stay as they are.
"""

import os


def name_of(path: str) -> str:
    """The name of what lies at an absolute local path; anything else as it is."""
    return os.path.basename(path) if os.path.isabs(path) else path


def path_below(path: str, source: str) -> str:
    """A local path relative to a folder, or to that of a manifest, as far as it lies below it."""
    folder = os.path.dirname(source) if source.lower().endswith(".csv") else source
    return os.path.relpath(path, folder) if os.path.isabs(path) and path.startswith(f"{folder}/") else path


def relative_to(path: str, folder: str) -> str:
    """A local path relative to the folder of the file that tells it: it still leads there when both were moved
    together. In a file of a store, it stays as it is."""
    if not (os.path.isabs(path) and os.path.isabs(folder)):
        return path
    return os.path.relpath(path, folder)
