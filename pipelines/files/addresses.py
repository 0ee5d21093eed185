"""Addresses of files: local paths, and `gs://` or `s3://` for objects in a bucket."""

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from pipelines.core.errors import UsageError
from pipelines.core.secrets import refuse_secrets

STORES = ("gs", "s3")
"""Schemes of remote addresses."""
_FILE = re.compile(r"file:(?://(?:localhost(?=/))?)?(?=/)", re.IGNORECASE)
_DRIVE = re.compile(r"([A-Za-z]):[\\/]")
UNKNOWN_STORE = "unknown kind of store. Use gs://, s3:// or a path on this machine"


def is_local(uri: str) -> bool:
    """Whether a path is on this machine's file systems."""
    return "://" not in uri


def normalise(uri: str | os.PathLike[str], what: str = "a path") -> str:
    """An absolute local path, or a remote address without a slash at its end.

    Args:
        uri: the path or address, as it was given.
        what: what it was given as, for messages: `--input`.

    Raises:
        UsageError: it is no path, is empty, names a store without a bucket, or contains a secret.
    """
    uri = path_text(uri, what)
    refuse_secrets(uri)
    plain = file_path(uri)
    if not plain.strip():
        raise UsageError(f"{what} is empty ({uri!r}). Give a path; the current folder is called .")
    if is_local(plain):
        _refuse_other_systems(plain, what)
        return str(Path(plain).expanduser().absolute())
    if is_local(address := plain.rstrip("/")):
        raise UsageError(
            f"{what} names no bucket: {uri}. An address looks like {uri.partition(':')[0]}://BUCKET/FOLDER"
        )
    return _without_dots(address)


def _without_dots(address: str) -> str:
    """An address in a store without parts `.` and `..`, which mean nothing there: they are resolved as in a path. One
    that leads out of its bucket is returned as it is."""
    if "/." not in address:
        return address
    scheme, _, place = address.partition("://")
    bucket, _, _ = place.partition("/")
    if {".", ".."}.isdisjoint(place.split("/")) or not (plain := posixpath.normpath(place)).startswith(f"{bucket}/"):
        return address
    return f"{scheme}://{plain}"


def path_text(path: str | os.PathLike[str], what: str = "a path") -> str:
    """A path as text, as it was given.

    Args:
        path: a text or a `pathlib.Path`; a program may have given anything else.
        what: what it was given as, for messages: `input`.

    Raises:
        UsageError: it is something else, or has a zero byte, which no name can have.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise UsageError(f"{what} must be a path, a text or a pathlib.Path, not {type(path).__name__}")
    if "\0" in text:
        raise UsageError(f"{what} has a zero byte: {text!r}. Correct the path")
    return text


def file_path(uri: str) -> str:
    """The path in an address such as `file:///videos/a%20b.mp4`; anything else is returned as it is."""
    match = _FILE.match(uri)
    return unquote(uri[match.end() :]) if match else uri


def _refuse_other_systems(path: str, what: str) -> None:
    """Refuses what would be a strange name here, and was meant for another system.

    Raises:
        UsageError: it is a path with a drive letter, a network share, or an address that lacks a slash.
    """
    if path.startswith("\\\\"):
        raise UsageError(f"{what} is a network share of Windows: {path}. Mount it, and give the folder")
    if match := _DRIVE.match(path):
        drive, rest = match[1].lower(), path[match.end() :].replace("\\", "/")
        raise UsageError(f"{what} is a path of Windows: {path}. In WSL it is /mnt/{drive}/{rest}")
    scheme, _, rest = path.partition(":/")
    if rest and scheme in STORES:
        raise UsageError(f"{what}: {path} lacks a slash; did you mean {scheme}://{rest}?")


def join(folder: str, *names: str) -> str:
    """The address of something below a folder."""
    return posixpath.join(folder, *names)


def locate(root: str, path: str) -> str:
    """The address of a path in a file that lies in the folder `root`: relative to it, absolute, or in a store."""
    if not is_local(path):
        return path
    place = posixpath.join(root, path)
    return place if is_local(place) else _without_dots(place)


def check_here(path: str, what: str) -> None:
    """Refuses an address in a store where only what is on this machine can be read.

    Args:
        path: as it was given.
        what: what it was given as: `--keras`.

    Raises:
        UsageError: it isn't on this machine.
    """
    if not is_local(path):
        raise UsageError(f"{what} {path} must be on this machine: copy it here first")


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it, even through links or `..`."""
    if is_local(path) and is_local(folder):
        # `Path.resolve` fails where links lead in a circle.
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    return f"{path}/".startswith(f"{folder}/")


def check_may_be_folder(output: str) -> None:
    """Refuses an output on this machine that is a file, before anything is computed for it.

    Raises:
        UsageError: there is a file with this name.
    """
    if is_local(output) and os.path.lexists(output) and not os.path.isdir(output):
        raise UsageError(f"--output {output} is a file. Give a folder, which may be new")


def check_outside(output: str, **read: str) -> None:
    """Refuses an output that is the same as an input or lies below it, even through links or `..`.

    Args:
        output: where a job writes.
        read: what it reads, by the flag that names it.

    Raises:
        UsageError: the output lies in an input; the message names both.
    """
    for flag, folder in read.items():
        if is_within(output, folder):
            raise UsageError(f"--output {output} lies in --{flag} {folder}; choose another folder")
