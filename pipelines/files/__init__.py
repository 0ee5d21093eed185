"""Files on this machine or in a bucket (`gs://`, `s3://`), through the same few functions.

The stores' libraries are imported only when a path is remote, so that local tools start fast.
"""

from pipelines.files.addresses import check_here, is_local, join, locate, normalise, path_text
from pipelines.files.blocks.lending import borrowed
from pipelines.files.parallel import in_parallel
from pipelines.files.reading import (
    check_stores,
    copy_tree,
    each_at,
    exists,
    find_slashed,
    is_folder,
    list_folder,
    list_names,
    list_tree,
    local_copy,
    open_read,
    read_bytes,
    read_text,
    read_written,
    reason,
    stat_file,
    stat_files,
    stat_folder,
)
from pipelines.files.remote import match
from pipelines.files.writing import delete, delete_folder, write_atomically, write_text

__all__ = [
    "borrowed", "check_here", "check_stores", "copy_tree", "delete", "delete_folder", "each_at", "exists",
    "find_slashed", "in_parallel", "is_folder", "is_local", "join", "list_folder", "list_names", "list_tree",
    "local_copy", "locate", "match", "normalise", "open_read", "path_text", "read_bytes", "read_text", "read_written",
    "reason", "stat_file", "stat_files", "stat_folder", "write_atomically", "write_text",
]  # fmt: skip
