"""Untrusted dataset_info.json and model_info.json files are used, or refused in one line that says why."""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import verify
from pipelines.core.errors import UserError
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.core.stored.sealed import load_json
from pipelines.core.stored.typed_json import Count, PlainName, build
from pipelines.dataset.info import DatasetInfo, ShardReport
from pipelines.dataset.plan import Layout
from pipelines.labelling.plan import LabelLayout
from tests.conftest import run_here, settle
from trainer.data.check import check_shards, open_dataset

Change = Callable[[dict[str, Any]], object]
MODEL = ModelInfo("lrcn", "default", ClipSpec(4, 32, 32), ("Jump", "Run"), durations_s={"median": 2.5})
DEEP = "[" * 100_000


def shard(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["splits"]["train"]["shards"][0]
    return found


NAMES = ("../outside.tfrecord", "/etc/passwd", "/dev/zero", "..", "", "a/b", "..\\a", "a\0b", "C:a.tfrecord")
TRAIN = "splits.train"
SHARD = f"{TRAIN}.shards[0]"
WRONG: list[tuple[Change, str]] = [
    *((lambda v, name=name: shard(v).update(name=name), f"{SHARD}.name must be a name in") for name in NAMES),
    (lambda v: shard(v).update(name=5), f"{SHARD}.name must be a text, not 5"),
    (lambda v: shard(v).update(size_bytes="12"), f"{SHARD}.size_bytes must be a whole number, not '12'"),
    (lambda v: shard(v).update(size_bytes=True), f"{SHARD}.size_bytes must be a whole number, not True"),
    (lambda v: shard(v).update(size_bytes=1.5), f"{SHARD}.size_bytes must be a whole number, not 1.5"),
    (lambda v: shard(v).update(num_examples=-1), f"{SHARD}.num_examples must be from 0 to"),
    (lambda v: shard(v).update(sha256=None), f"{SHARD}.sha256 must be a text, not None"),
    (lambda v: shard(v).pop("sha256"), f"{SHARD}.sha256 is missing"),
    (lambda v: shard(v).update(evil=1), f"{SHARD}.evil is unknown"),
    (lambda v: v["splits"]["train"].update(shards={}), f"{TRAIN}.shards must be a list, not {{}}"),
    (lambda v: v["splits"]["train"]["shards"].append(7), "must be an object, not 7"),
    (lambda v: v["splits"]["train"]["shards"].append(shard(v)), "is listed twice"),
    (lambda v: v["splits"]["val"]["index"].update(name="../x"), "splits.val.index.name must be a name in this folder"),
    (lambda v: v["splits"]["train"].update(groups=5), f"{TRAIN}.groups must be a list, not 5"),
    (lambda v: v["splits"]["train"].update(num_examples_by_class=[1]), "num_examples_by_class must be an object"),
    (lambda v: v["splits"]["train"]["num_examples_by_class"].update(Jump=float("nan")), "Jump must be a whole number"),
    (lambda v: v.update(splits=[1]), "splits must be an object, not [1]"),
    (lambda v: v.update(counts={}), "counts.failed is missing"),
    (lambda v: v["counts"].update(written=float("nan")), "counts.written must be a whole number, not nan"),
    (lambda v: v["counts"].update(failed=-3), "counts.failed must be from 0 to"),
    (lambda v: v["counts"].update(written=29), "counts.written is 29, but the splits give 30"),
    (lambda v: v["counts"].update(listed=31), "counts.listed is 31, but written + failed + filtered give 30"),
    (lambda v: v["counts"].update(failed=1, listed=31), "counts.failed is 1, but failures_by_reason give 0"),
    (lambda v: v["splits"]["val"].update(num_examples=1), "splits.val.num_examples is 1, but its shards give"),
    (lambda v: v["splits"]["val"].update(num_examples_by_class={}), "splits.val.num_examples_by_class give 0"),
    (lambda v: v.update(durations_s={"median": float("inf")}), "durations_s.median must be a number, not inf"),
    (lambda v: v.update(durations_s={"median": -1}), "durations_s.median must be from 0 to"),
    (lambda v: v.update(labels=[1, 2]), "labels[0] must be a text, not 1"),
    (lambda v: v.update(labels=["Jump", "Jump", "Run", "Wave"]), "labels must be sorted names, each once"),
    (lambda v: v["labels"].reverse(), "labels must be sorted names, each once"),
    (lambda v: v.update(compression="zip"), "compression must be one of none, gzip, not 'zip'"),
    (lambda v: v.update(encoding={"format": "exe"}), "encoding format must be one of raw, png, jpeg, not 'exe'"),
    (lambda v: v["clip_spec"].update(num_frames=10**9), "num_frames must be a whole number from 1 to 4096"),
    (lambda v: v.update(clip_spec=[]), "clip_spec must be an object with a fingerprint"),
    (lambda v: v.update(configuration=1), "configuration must be an object, not 1"),
    (lambda v: v.update(versions={"av": 18}), "versions.av must be a text, not 18"),
    (lambda v: v.update(evil=1), "evil is unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG)
@pytest.mark.process
def test_wrong_descriptions_of_datasets(copy: Path, change: Change, message: str) -> None:
    """`verify` and the trainer report it in one line that names file, field, value and remedy."""
    value = json.loads((copy / "dataset_info.json").read_text())
    change(value)
    check_refusal(copy, json.dumps(value), message)


@pytest.mark.parametrize(
    ("text", "message"),
    [(DEEP, "nested too deeply"), ('{"a":' * 100_000, "nested too deeply"), ("9" * 6000, "."),
     ("null", "an object with"), ("[]", "an object with"),
     ('"text"', "an object with"), ("{}", "an object with"), ("\0", "Expecting value")],
)  # fmt: skip
def test_what_is_no_description(copy: Path, text: str, message: str) -> None:
    check_refusal(copy, text, message)
    with pytest.raises(UserError, match=message):
        ModelInfo.from_json(text)


def check_refusal(folder: Path, text: str, message: str) -> None:
    file = folder / "dataset_info.json"
    file.write_text(text)
    done = run_here("pipelines.verify", folder)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and line.startswith(f"error: {file} is damaged") and message in line, line
    assert line.endswith("; preprocess again") and len(line) < 500
    with pytest.raises(UserError, match=f"^{file} is damaged.*{re.escape(message)}"):
        open_dataset(str(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *((lambda v, name=name: v.update(saved_model=name), "saved_model must be a name in") for name in NAMES),
        (lambda v: v.update(saved_model=5), "saved_model must be a text, not 5"),
        (lambda v: v.update(labels=["Run", "Jump"]), "labels must be sorted names, each once"),
        (lambda v: v.update(labels=["a", 1]), "labels[1] must be a text, not 1"),
        (lambda v: v.update(temperature="1"), "temperature must be a number, not '1'"),
        (lambda v: v.update(temperature=float("nan")), "temperature must be a number, not nan"),
        (lambda v: v.update(parameters=-1), "parameters must be from 0 to"),
        (lambda v: v.update(durations_s={"median": -2.5}), "durations_s.median must be from 0 to"),
        (lambda v: v.update(durations_s=[1, 2, 3]), "durations_s must be an object"),
        (lambda v: v.update(input_name=None), "input_name must be a text, not None"),
        (lambda v: v.update(versions={"keras": 3}), "versions.keras must be a text, not 3"),
        (lambda v: v.update(clip_spec=None), "clip_spec must be an object with a fingerprint"),
        (lambda v: v["clip_spec"].update(evil=1), "evil is unknown"),
        (lambda v: v.update(name={"a": 1}), "name must be a text, not {'a': 1}"),
    ],
)  # fmt: skip
def test_wrong_descriptions_of_models(change: Change, message: str) -> None:
    value = json.loads(MODEL.to_json())
    change(value)
    with pytest.raises(
        UserError, match=f"^m.json is damaged or not a description of a model \\(.*{re.escape(message)}"
    ):
        ModelInfo.from_json(json.dumps(value), "m.json")


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Layout, '{"configuration": {}, "num_shards": {"train": "8"}, "split_of_group": {}}', "num_shards.train must"),
        (Layout, '{"configuration": {}, "num_shards": {}, "split_of_group": []}', "split_of_group must be an object"),
        (Layout, "7", "must be an object, not 7"),
        (Layout, DEEP, "nested too deeply"),
        (LabelLayout, '{"num_shards": -1, "model": "", "name": "", "scoring": {}}', "num_shards must be from 1"),
        (LabelLayout, '{"model": "", "name": "", "scoring": {}}', "num_shards is missing"),
        (ShardReport, '{"task": "t", "name": "../n", "split": "s", "size_bytes": 1, "sha256": ""}', "name must be"),
        (ShardReport, '{"task": "t", "name": "n", "split": "s", "size_bytes": 1, "sha256": "", "written": [[]]}',
         "written[0] must be an object, not []"),
    ],
)  # fmt: skip
def test_wrong_state(kind: Any, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        kind.from_json(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_is_refused_in_a_line_or_harmless(dataset: Path, data: st.DataObject) -> None:
    """Any value in any place gives a description, or a UserError of one line."""
    value = json.loads((dataset / "dataset_info.json").read_text())
    place: Any = value
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = data.draw(VALUES)
    try:
        DatasetInfo.from_json(json.dumps(value))
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 500


def test_shards_that_are_no_files_are_not_read(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Reading this device would never end, nor would opening this pipe."""
    first, second = sorted(copy.glob("train-*.tfrecord"))[:2]
    for path in (first, second):
        path.unlink()
    first.symlink_to("/dev/zero")
    os.mkfifo(second)
    assert verify.run([str(copy)]) == 1
    shown = capfd.readouterr().err
    assert f"{first.name}: not a regular file but a device" in shown
    assert f"{second.name}: not a regular file but a pipe" in shown
    value = json.loads((copy / "dataset_info.json").read_text())
    value["splits"]["train"]["shards"][0].update(size_bytes=0)
    (copy / "dataset_info.json").write_text(json.dumps(settle(value)))
    with pytest.raises(UserError, match="not a regular file but a device"):
        check_shards(open_dataset(str(copy)), ("train",))


@dataclass(frozen=True)
class Part:
    name: PlainName
    count: Count = 0


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    shares: Mapping[str, float] = field(default_factory=dict)
    note: str | None = None
    anything: Any = None
    even: Annotated[int, lambda value: "" if value % 2 == 0 else "even"] = 0

    def __post_init__(self) -> None:
        if self.note == "bad":
            raise ValueError("note must not be 'bad'")


def test_building() -> None:
    value = {"parts": [{"name": "a", "count": 3}, {"name": "b"}], "shares": {"x": 1, "y": 0.5}, "anything": [{}]}
    assert build(Whole, value) == Whole((Part("a", 3), Part("b")), {"x": 1, "y": 0.5}, None, [{}])
    assert build(Whole, {"parts": [], "note": "n", "even": 4}) == Whole((), {}, "n", None, 4)
    for wrong, message in (
        ({"parts": [{"name": "a"}, {"name": 1}]}, "parts[1].name must be a text, not 1"),
        ({"parts": [], "shares": {"x": "1"}}, "shares.x must be a number, not '1'"),
        ({"parts": [], "shares": {"x": 10**400}}, "shares.x must be a number"),
        ({"parts": [], "note": 1}, "note must be a text, not 1"),
        ({"parts": [], "note": "bad"}, "note must not be 'bad'"),
        ({"parts": [], "even": 3}, "even must be even, not 3"),
        ({}, "parts is missing"),
        (None, "must be an object, not None"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            build(Whole, wrong)
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json(DEEP)


def test_odd_keys_are_shown_on_one_line() -> None:
    with pytest.raises(ValueError) as refused:
        build(Part, {"name": "a", "two\nlines" + "x" * 999: 1})
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 100
