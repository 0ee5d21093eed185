"""model_info.json, and whether a model and a dataset fit."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipelines.core.errors import UserError
from pipelines.core.familiarity import Familiarity
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec

SPEC = ClipSpec(num_frames=4, height=32, width=48, sampling="notebook", resize="pad")
INFO = ModelInfo(
    name="lrcn", variant="default", clip_spec=SPEC, labels=("Jump", "Run", "Wave"), temperature=1.25,
    dataset={"uri": "data/a", "fingerprint": "ab"}, durations_s={"minimum": 1.0, "median": 2.5, "maximum": 9.0},
    metrics={"top1": {"value": 0.9, "low": 0.8, "high": 1.0}}, parameters=12, fingerprint="0123456789abcdef",
    versions={"tensorflow": "2.16.2"}, imported={"scale": "0-1"},
)  # fmt: skip


def test_round_trip() -> None:
    text = INFO.to_json()
    assert ModelInfo.from_json(text) == INFO
    assert ModelInfo.from_json(text).to_json() == text
    assert text.startswith('{\n  "schema_version": 1,\n') and text.endswith("}\n")
    bare = ModelInfo("a", "imported", SPEC, ("A", "B"))
    assert ModelInfo.from_json(bare.to_json()) == bare
    assert (bare.saved_model, bare.input_name, bare.output_name) == ("saved_model", "frames", "probabilities")


def test_a_model_from_before_there_was_a_choice_of_interpolation() -> None:
    value = json.loads(INFO.to_json())
    assert value["clip_spec"].pop("interpolation") == "area"
    assert ModelInfo.from_json(json.dumps(value)) == INFO
    bilinear = replace(INFO, clip_spec=replace(SPEC, interpolation="bilinear"))
    assert ModelInfo.from_json(bilinear.to_json()) == bilinear


def test_a_model_that_can_tell_unfamiliar_clips_and_one_from_before_there_were_such() -> None:
    known = Familiarity("a distance", 1.5, {"0.5": 0.25}, num_clips=40, num_groups=4, reason="")
    info = replace(INFO, unfamiliar=known)
    assert ModelInfo.from_json(info.to_json()) == info and known.is_known
    value = json.loads(INFO.to_json())
    del value["unfamiliar"]
    found = ModelInfo.from_json(json.dumps(value)).unfamiliar
    assert not found.is_known and found.reason.startswith("the model has no record of how far")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(schema_version=2), "m.json: schema version 2, this software reads version 1"),
        (lambda v: v["clip_spec"].update(fingerprint="0"), "m.json: .* another version .* fingerprint '0', here"),
        (lambda v: v["clip_spec"].update(height=16), "another version of this software"),
        (lambda v: v["clip_spec"].update(height=1), "damaged .*height must be"),
        (lambda v: v.pop("labels"), "m.json is damaged or not .* model .labels is missing.; export"),
        (lambda v: v.update(labels=["Jump", "Jump", "Wave"]), "damaged .*labels must be sorted"),
        (lambda v: v.update(labels=[]), "damaged .*labels must be sorted"),
        (lambda v: v.update(temperature=0), "damaged .*temperature must be a positive number, not 0"),
        (lambda v: v["unfamiliar"].update(threshold=1.0), "damaged .*threshold must be above 0, or there must be"),
        (lambda v: v["unfamiliar"].update(reason=""), "damaged .*threshold must be above 0, or there must be"),
    ],
)
def test_damage(change: Callable[[dict[str, Any]], object], message: str) -> None:
    value = json.loads(INFO.to_json())
    change(value)
    with pytest.raises(UserError, match=message):
        ModelInfo.from_json(json.dumps(value), "m.json")


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
def test_impossible_temperatures(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be a positive number"):
        replace(INFO, temperature=temperature)
