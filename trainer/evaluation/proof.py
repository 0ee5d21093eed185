"""The proof that a finished run is whole: size and checksum of each of its files. Doesn't load TensorFlow."""

import os
from collections.abc import Collection, Iterable

from pipelines import files
from pipelines.core.errors import UserError
from pipelines.files.stamps import dump_stamps, is_whole, load_stamps, stamp_file
from trainer.files import storage, stores


def write_proof(uri: str, folder: str, names: Iterable[str], leave_out: Collection[str] = ()) -> None:
    """Records the size and checksum of the files of a finished run.

    Args:
        uri: the file to write.
        folder: the folder of the run.
        names: its files and folders; those that don't exist are skipped.
        leave_out: paths of files in these folders that may change.

    Raises:
        UserError: a file of the run can't be read.
        OutputError: the record can't be written.
    """
    with stores.explained(folder, "read"):
        paths = [path for name in names for path in _paths(folder, name) if path not in leave_out]
        stamps = {path: stamp_file(folder, path) for path in paths}
    storage.write_text(uri, dump_stamps(stamps))


def _paths(folder: str, name: str) -> list[str]:
    uri = files.join(folder, name)
    if not files.is_local(uri):
        return [name] if files.exists(uri) else [files.join(name, file.path) for file in files.list_tree(uri)[0]]
    if not os.path.isdir(uri):
        return [name] if os.path.exists(uri) else []
    return [files.join(name, file.path) for file in files.list_tree(uri)[0]]


def damaged_files(uri: str, folder: str) -> list[str]:
    """Files of a finished run that aren't as they were written; none where earlier versions recorded nothing.

    Raises:
        UserError: a file can't be read.
    """
    if not storage.exists(uri):
        return []
    try:
        stamps = load_stamps(storage.read_bytes(uri))
    except UserError:
        raise
    except ValueError:
        return [uri.removeprefix(f"{folder}/")]
    with stores.explained(folder, "read"):
        return [path for path, stamp in stamps.items() if not is_whole(folder, path, stamp)]
