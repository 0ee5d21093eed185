"""Paths as they are written into files that people share."""

import os


def relative_to(path: str, folder: str) -> str:
    """A local path relative to the folder that the file lies in which tells it: it still leads there when both were
    moved together, and doesn't tell where on the machine they were. Addresses stay as they are, and so does a local
    path in a file of a store.
    """
    if not (os.path.isabs(path) and os.path.isabs(folder)):
        return path
    return os.path.relpath(path, folder)
