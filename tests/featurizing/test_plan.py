"""What a shard of features depends on, and what may not change in a folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.core.errors import UsageError
from pipelines.core.spec import FrameEncoding
from pipelines.dataset.info import DatasetInfo
from pipelines.featurizing.plan import FeaturesLayout, FeaturesTask, Sight, make_plan

SIGHT = Sight("eye", "0123456789abcdef", 8, 32, 32)


def first_shard_is(info: DatasetInfo, **changes: object) -> DatasetInfo:
    """The description with another first shard of `train`."""
    split = info.splits["train"]
    shards = (replace(split.shards[0], **changes), *split.shards[1:])  # type: ignore[arg-type]
    return replace(info, splits={**info.splits, "train": replace(split, shards=shards)})


@pytest.mark.parametrize(
    ("change", "sight", "changed"),
    [
        (lambda info: first_shard_is(info, sha256="0" * 64), SIGHT, 1),
        (lambda info: first_shard_is(info, name="train-00009-of-00010.tfrecord"), SIGHT, 1),
        (lambda info: first_shard_is(info, num_examples=99), SIGHT, 1),
        (lambda info: info, replace(SIGHT, weights="f" * 16), 8),
        (lambda info: info, replace(SIGHT, appearance="other"), 8),
        (lambda info: replace(info, clip_spec=replace(info.clip_spec, num_frames=5)), SIGHT, 8),
        (lambda info: replace(info, encoding=FrameEncoding("png")), SIGHT, 8),
        (lambda info: replace(info, notes=("x",)), SIGHT, 0),
    ],
)
def test_which_shards_are_computed_again(
    dataset: Path, change: Callable[[DatasetInfo], DatasetInfo], sight: Sight, changed: int
) -> None:
    info = DatasetInfo.read(str(dataset))
    before, after = make_plan(info, SIGHT), make_plan(change(info), sight)
    known = {task.fingerprint for task in before.tasks}
    assert sum(task.fingerprint not in known for task in after.tasks) == changed
    assert [FeaturesTask.from_json(task.line) for task in after.tasks] == list(after.tasks)


def test_a_folder_keeps_its_network_and_its_clips(dataset: Path) -> None:
    layout = make_plan(DatasetInfo.read(str(dataset)), SIGHT).layout
    assert FeaturesLayout.from_json(layout.to_json()) == layout
    layout.check_same(layout, "out")
    for name, says in (("weights", "its weights: 0123456789abcdef there, x now"), ("clip_spec", "the clip settings: ")):
        with pytest.raises(UsageError, match=f"out holds features that were made otherwise .{says}"):
            layout.check_same(replace(layout, **{name: "x"}), "out")  # type: ignore[arg-type]
