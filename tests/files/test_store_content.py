"""What the jobs learn from stores about files: the content of a folder and the versions, with no needless requests."""

from pathlib import Path

import pytest

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.dataset import folder
from pipelines.files import ranged_reader
from pipelines.files.gcs import objects
from tests.support.store_tools import Place
from tests.support.store_tools import here as here
from tests.support.store_tools import place as place
from trainer.data.check import check_shards, open_dataset

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("here")]


def test_a_folder_of_folders_is_not_empty(place: Place) -> None:
    root = f"{place.root}/mine"
    for name in ("2024/one.txt", "2024/two.txt", "notes/a/b.txt", "_state/tmp/x", ".hidden/y", "file.txt"):
        place.server.put(f"{root}/{name}", b"x")
    assert files.list_names(root) == [".hidden", "2024", "_state", "file.txt", "notes"]
    assert files.list_names(f"{place.root}/nothing") == []
    place.server.delete(f"{root}/file.txt")
    with pytest.raises(UsageError, match=r"mine is not empty and holds no dataset .*found 2024, notes"):
        folder.read_layout(root)
    for name in ("2024/one.txt", "2024/two.txt", "notes/a/b.txt"):
        place.server.delete(f"{root}/{name}")
    assert folder.read_layout(root) is None


def test_a_version_is_that_of_the_content(place: Place) -> None:
    """The version doesn't depend on metadata, such as permissions."""
    root = f"{place.root}/versions"
    uri = f"{root}/a.mp4"
    place.server.put(uri, b"one")
    before = files.stat_file(root, "a.mp4")
    assert files.stat_folder(root) == {"a.mp4": before} and before.size_bytes == 3
    if place.root.startswith("gs"):
        blob = objects._blob(uri)
        blob.reload()
        changed = {"updated": "2100-01-01T00:00:00.000Z", "metageneration": "2"}  # the emulator itself never does
        blob._set_properties({**blob._properties, **changed})
        assert objects._version(blob) == before.version
    place.server.put(uri, b"two")
    assert files.stat_file(root, "a.mp4").version != before.version


def test_the_first_record_is_all_that_is_read_of_a_large_dataset(
    place: Place, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (path for path in dataset.iterdir() if path.is_file()):
        place.server.put(f"{place.root}/large/{path.name}", path.read_bytes())
    opened = open_dataset(f"{place.root}/large")
    read: list[int] = []
    whole = ranged_reader._PieceReader._whole
    monkeypatch.setattr(
        ranged_reader._PieceReader, "_whole", lambda self, count: read.append(count) or whole(self, count)
    )
    check_shards(opened, opened.info.splits, full=False)
    records = opened.info.counts["written"]
    size = sum(shard.size_bytes for split in opened.info.splits.values() for shard in split.shards)
    shards = sum(len(split.shards) for split in opened.info.splits.values())
    assert shards <= len(read) <= 2 * shards and sum(read) < 2.5 * shards * size / records
