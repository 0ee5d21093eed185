"""WebDataset shards: a tar file for each TFRecord shard, with the same clips in the same order.

A clip is a few files in a row with one name, the key, and different extensions
(https://github.com/webdataset/webdataset, "the WebDataset format"):

| extension | |
|---|---|
| `cls` | id of the class; absent if clips may have several labels, which `json` holds |
| `json` | the keys of the record other than the frames, and those of a video without a remark except `remark` |
| `npy` | uint8 [T, H, W, 3] RGB, of datasets of raw frames |
| `0000.jpg` or `0000.png`, ... | the T frames as the dataset stores them, of datasets of pictures |
"""

import contextlib
import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import quote

import numpy as np

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.example import FRAMES, LABELS, REMARK, Example, decode

WEBDATASET = "webdataset"
"""Name of the folder."""
_SHARD_NAME = re.compile(r"(\w+-\d{5,})-of-\d{5,}\.tfrecord")
_TAR_NAME = re.compile(r"\w+-\d{5,}\.tar(\.gz)?")
_GZIP_LEVEL = 6


@dataclass(frozen=True)
class TarSettings:
    """What the bytes of all tar files of a dataset depend on besides the records."""

    spec: ClipSpec
    encoding: FrameEncoding
    compression: str = "none"


def tar_name(shard: str, compression: str) -> str:
    """File name of the tar file of a shard: `train-00000.tar` for `train-00000-of-00013.tfrecord`.

    Without the number of shards, they can be named by a range: `train-{00000..00012}.tar`.
    """
    found = _SHARD_NAME.fullmatch(shard)
    assert found, shard
    return f"{found[1]}.tar{'.gz' if compression == 'gzip' else ''}"


def is_tar_name(name: str) -> bool:
    """Whether a file name is that of such a tar file."""
    return _TAR_NAME.fullmatch(name) is not None


def key_of(video_id: str) -> str:
    """The key of a clip: its id, with percent signs as in addresses for what a key can't hold.

    WebDataset cuts a name at the first dot behind the last slash, and skips names that begin with `__`.
    """
    key = quote(video_id, safe="/@,=+ ", errors="surrogateescape").replace(".", "%2E")
    return f"%5F{key[1:]}" if key.startswith("__") else key


def write_tar(records: Iterable[bytes], settings: TarSettings, file: BinaryIO) -> int:
    """Writes the clips of a shard, and returns how many there are. The same records give the same bytes.

    Args:
        records: the records of the shard, as `example.encode` made them.
        settings: what else the bytes depend on.
        file: the file to write to, open for writing.

    Raises:
        ValueError: a record is damaged.
        OSError: the file can't be written.
    """
    count = 0
    with contextlib.ExitStack() as stack:
        if settings.compression == "gzip":
            zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=file, mtime=0)
            file = cast(BinaryIO, stack.enter_context(zipped))
        # As a stream ("|"), so that the file need not seek; names are ASCII, and long ones are in headers of their own.
        tar = stack.enter_context(tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT))
        for record in records:
            example = decode(record)
            key = key_of(example.video_id)
            for extension, data in _files(example, settings):
                member = tarfile.TarInfo(f"{key}.{extension}")  # its time and owner are 0, its mode is 0644
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            count += 1
    return count


def _files(example: Example, settings: TarSettings) -> Iterator[tuple[str, bytes]]:
    """Extension and content of each file of a clip."""
    if not example.labels:
        yield "cls", str(example.label).encode()
    yield "json", _facts(example)
    format_ = settings.encoding.format
    if format_ == "raw":
        frames = np.frombuffer(example.frames[0], np.uint8).reshape(settings.spec.shape)
        array = io.BytesIO()
        np.save(array, frames, allow_pickle=False)
        yield "npy", array.getvalue()
        return
    extension = {"jpeg": "jpg"}.get(format_, format_)
    for number, frame in enumerate(example.frames):
        yield f"{number:04d}.{extension}", frame


def _facts(example: Example) -> bytes:
    facts = {name: value for name, value in vars(example).items() if name != FRAMES}
    # The shortest digits that give the same float32 back.
    facts["timestamps_s"] = [float(str(np.float32(time_s))) for time_s in example.timestamps_s]
    for name in (REMARK, LABELS):
        if not facts[name]:
            del facts[name]
    return json.dumps(facts).encode()
