"""Reading a dataset in parts and in a random order, as programs that share the work do."""

import subprocess
import sys
from pathlib import Path

import pytest

import pipelines
from pipelines.dataset.tfrecord import CorruptRecordError, frame_record, read_records
from tests import ROOT


def ids(data: pipelines.Dataset, *how: object, **more: object) -> list[str]:
    return [clip.video_id for clip in data.clips("train", *how, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5, 7, 18, 25])
def test_parts_hold_each_clip_once_and_are_even(dataset: Path, parts: int) -> None:
    data = pipelines.open_dataset(dataset)
    found = [ids(data, part, parts) for part in range(parts)]
    assert [name for part in found for name in part] == ids(data)
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_only_the_shards_of_a_part_are_read(copy: Path) -> None:
    data = pipelines.open_dataset(copy)
    first, *_, last = data.info.splits["train"].shards
    whole = ids(data)
    (copy / first.name).unlink()
    assert ids(data, 3, 4) == whole[len(whole) * 3 // 4 :]
    with pytest.raises(FileNotFoundError):
        ids(data, 0, 4)
    (copy / last.name).unlink()
    with pytest.raises(FileNotFoundError):
        ids(data, 3, 4)


@pytest.mark.parametrize("left", [0, 1])
def test_a_shard_that_is_cut_between_two_records_is_not_taken_for_a_whole_one(copy: Path, left: int) -> None:
    data = pipelines.open_dataset(copy)
    shard = data.info.splits["train"].shards[-1]
    with open(copy / shard.name, "rb") as file:
        records = [record.join(frame_record(record)) for record in read_records(file)]
    (copy / shard.name).write_bytes(b"".join(records[:left]))
    with pytest.raises(CorruptRecordError, match=f"{shard.name} has {left} records instead of {len(records)}"):
        ids(data)
    with pytest.raises(CorruptRecordError, match=f"{shard.name} has .* bytes instead of "):
        data.as_tf("train", 4)
    (copy / shard.name).unlink()
    with pytest.raises(CorruptRecordError, match=f"{shard.name} is missing"):
        data.as_tf("train", 4)


@pytest.mark.parametrize("size", [1, 4, 18, 100])
def test_a_shuffled_order_holds_each_clip_once(dataset: Path, size: int) -> None:
    data = pipelines.open_dataset(dataset)
    plain, one, again, other = ids(data), *(ids(data, shuffle_buffer=size, seed=seed) for seed in (1, 1, 2))
    assert sorted(one) == sorted(plain) and one == again
    assert (one != plain and other != one) or size == 1
    assert all(plain.index(name) <= place + size for place, name in enumerate(one))  # no clip comes too early


def test_wrong_parts_are_refused(dataset: Path) -> None:
    data = pipelines.open_dataset(dataset)
    with pytest.raises(pipelines.UsageError, match="part must be a number from 0 to 1, .* not 2"):
        data.clips("train", 2, 2)
    for part, parts in ((-1, 2), (None, 2)):
        with pytest.raises(pipelines.UsageError, match=f"part must be a whole number, 0 or more, not {part}"):
            data.clips("train", part, parts)  # type: ignore[arg-type]
    for batch_size in (0, None, 1.5):
        with pytest.raises(pipelines.UsageError, match=f"batch_size must be a whole number, 1 .* not {batch_size}"):
            data.as_tf("train", batch_size)  # type: ignore[arg-type]
    with pytest.raises(pipelines.UsageError, match="has no split 'tran'"):
        data.clips("tran")


def test_no_tensorflow_is_loaded(dataset: Path) -> None:
    code = (
        f"import sys, pipelines; print(sum(1 for _ in pipelines.open_dataset({str(dataset)!r}).clips('train')), "
        "[name for name in ('tensorflow', 'apache_beam', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "18 []"
