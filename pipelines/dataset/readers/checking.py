"""Whether what a dataset's folder has for other programs agrees with its shards."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from pipelines import files
from pipelines.core.hashing import HashingReader, HashingWriter
from pipelines.dataset.info import DatasetInfo, ShardInfo
from pipelines.dataset.readers.croissant import CROISSANT, checksums, file_sums
from pipelines.dataset.readers.tfds import INFO, TFDS, is_tfds_name, shard_lengths, tfds_files
from pipelines.dataset.readers.webdataset import WEBDATASET, TarSettings, is_tar_name, write_tar
from pipelines.dataset.tfrecord import CorruptRecordError, read_records, unpacked
from pipelines.dataset.verification import of_no_split


class _Nowhere:
    def write(self, data: bytes) -> int:
        return len(data)


def tar_problem(folder: str, shard: ShardInfo, tar: ShardInfo, info: DatasetInfo) -> str:
    """What is wrong with a tar file; empty if it is the one that its shard gives.

    Both are read, and the tar file is made again, without being written anywhere.
    """
    settings = TarSettings(info.clip_spec, info.encoding)
    made = HashingWriter(cast(BinaryIO, _Nowhere()))
    try:
        with files.open_read(files.join(folder, WEBDATASET, tar.name)) as file:
            stored = HashingReader(file)
            # Compressed bytes may differ between versions of zlib; what they hold may not.
            content = HashingReader(unpacked(cast(BinaryIO, stored), info.compression))
            while content.read(1 << 20):
                pass
            while stored.read(1 << 20):
                pass
    except FileNotFoundError:
        return "the file is missing"
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        return str(error)
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    if (stored.size_bytes, stored.sha256.hexdigest()) != (tar.size_bytes, tar.sha256):
        return "the content differs from the checksum in dataset_info.json"
    try:
        with files.open_read(files.join(folder, shard.name)) as file:
            write_tar(read_records(unpacked(file, info.compression)), settings, cast(BinaryIO, made))
    except (OSError, ValueError, EOFError, CorruptRecordError, zlib.error):
        return ""  # a problem of the shard, which is named as such
    return "" if made.sha256.digest() == content.sha256.digest() else f"its clips differ from those of {shard.name}"


def tar_pairs(info: DatasetInfo) -> list[tuple[ShardInfo, ShardInfo]]:
    """Each shard that has a tar file, with it."""
    return [pair for name, tars in info.webdataset.items() for pair in zip(info.splits[name].shards, tars, strict=True)]


def other_problems(folder: str, info: DatasetInfo) -> Iterator[str]:
    """What is wrong with the descriptions for other programs, those that exist, and which tar files are strange."""
    known = {tar.name for tars in info.webdataset.values() for tar in tars}
    found = files.list_folder(files.join(folder, WEBDATASET))
    if strange := sorted(name for name in found if is_tar_name(name) and name not in known):
        yield f"{WEBDATASET}: {of_no_split(strange)}"
    yield from _problems_of(folder, CROISSANT, lambda text: _wrong_sums(text, info))
    there = set(filter(is_tfds_name, files.list_folder(files.join(folder, TFDS))))
    if there and (lost := sorted(tfds_files(info).keys() - there)):
        yield f"{TFDS}/{lost[0]} is missing"
    yield from _problems_of(folder, f"{TFDS}/{INFO}", lambda text: _wrong_lengths(text, info))


def _problems_of(folder: str, name: str, problem: Callable[[str], str]) -> Iterator[str]:
    text = files.read_text(files.join(folder, *name.split("/")))
    try:
        if text is not None and (wrong := problem(text)):
            yield f"{name}: {wrong}"
    except ValueError as error:
        yield f"{name}: {error}"


def _wrong_sums(text: str, info: DatasetInfo) -> str:
    found = checksums(text)
    wrong = [path for path, (_, digest) in file_sums(info).items() if found.get(path) != digest]
    return f"the checksum of {wrong[0]} is missing or differs from dataset_info.json" if wrong else ""


def _wrong_lengths(text: str, info: DatasetInfo) -> str:
    wanted = {name: [shard.num_examples for shard in split.shards] for name, split in info.splits.items()}
    differs = shard_lengths(text) != {name: lengths for name, lengths in wanted.items() if lengths}
    return "the numbers of clips differ from dataset_info.json" if differs else ""
