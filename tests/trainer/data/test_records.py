"""Clips of a dataset in a store: the same as of local files, in the same order, however its copies are kept."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import tensorflow as tf

from pipelines.files import join
from tests.conftest import preprocess
from tests.support.gcs_server import GcsServer, use_environment
from tests.support.gcs_server import environment as environment
from tests.support.gcs_server import server as server
from trainer.config import TrainConfig
from trainer.data.check import open_dataset
from trainer.data.clips import Clips, Reading
from trainer.data.index import index_of, read_index
from trainer.data.parts import Index, Part, cut_parts
from trainer.files import copies
from trainer.files.copies import Copies, shard_copies

URI = "gs://bucket/ds"
Batches = list[tuple[bytes, ...]]


def clips_of(uri: str, reading: Reading, made: Copies | None = None, fold: str = "", cache: bool = False) -> Clips:
    info = open_dataset(uri).info

    def index(part: Part) -> Index:
        found = index_of(part, partial(read_index, uri, info))
        assert found is not None
        return found

    parts = cut_parts(info, partial(join, uri), TrainConfig("lrcn", "", "", fold=fold), index)
    return Clips(info, parts.sides["train"], reading, cache, made)


def read(batches: tf.data.Dataset) -> Batches:
    return [tuple(part.tobytes() for part in batch) for batch in batches.as_numpy_iterator()]


@pytest.fixture
def store(server: GcsServer, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Stores a dataset."""
    use_environment(environment, monkeypatch)

    def put(dataset: Path) -> None:
        for path in (path for path in dataset.iterdir() if path.is_file()):
            server.put(f"{URI}/{path.name}", path.read_bytes())

    return put


def check_clips(local: Path, reading: Reading, fold: str = "") -> None:
    tf.random.set_seed(None)
    here = clips_of(str(local), reading, None, fold)
    with shard_copies(URI, open_dataset(URI).info) as made:
        there = clips_of(URI, reading, made, fold)
        steps = here.training_steps(0)
        assert read(there.training(0, 1).take(2 * steps)) == read(here.training(0, 1).take(2 * steps))
        assert read(there.evaluation(2)) == read(here.evaluation(2))


def test_clips_are_those_of_local_files(store: Callable[[Path], None], dataset: Path) -> None:
    store(dataset)
    check_clips(dataset, Reading(4, shuffle_buffer=5, seed=3), fold="1/3")


def test_clips_of_one_of_two_workers_that_has_no_room_for_compressed_shards(
    store: Callable[[Path], None], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = ("--num-frames", 4, "--size", 32, "--shards", 4, "--limit", 12)
    preprocess("--input", tree, "--output", tmp_path / "gzip", *size, "--compression", "gzip", code=0)
    store(tmp_path / "gzip")
    monkeypatch.setattr(copies, "_SHARE_OF_DISK", 0.0)
    check_clips(tmp_path / "gzip", Reading(2, worker=1, num_workers=2))


def test_clips_in_memory(store: Callable[[Path], None], dataset: Path) -> None:
    store(dataset)
    with shard_copies(URI, open_dataset(URI).info) as made:
        sources: tuple[tuple[str, Copies | None], ...] = ((str(dataset), None), (URI, made))
        here, there = (clips_of(uri, Reading(4), found, cache=True) for uri, found in sources)
        assert read(there.evaluation()) == read(here.evaluation())


def test_a_reader_that_ends_early_holds_nothing(
    store: Callable[[Path], None], dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(dataset)
    monkeypatch.setattr(copies, "_SHARE_OF_DISK", 0.0)
    with shard_copies(URI, open_dataset(URI).info) as made:
        assert made
        batches = iter(clips_of(URI, Reading(1, shuffle_buffer=1), made).training(0))
        next(batches)
        assert made._holders.total() > 0
        del batches
        assert made._holders.total() == 0


def test_the_error_names_the_shard(store: Callable[[Path], None], server: GcsServer, dataset: Path) -> None:
    store(dataset)
    shard = open_dataset(URI).info.splits["train"].shards[0].name
    server.put(f"{URI}/{shard}", b"another shard")
    with shard_copies(URI, open_dataset(URI).info) as made:
        assert made
        with pytest.raises(tf.errors.OpError, match="has been changed"):
            read(clips_of(URI, Reading(2), made).evaluation())
        assert made.problem.startswith(f"{URI}/{shard} is damaged or has been changed")
