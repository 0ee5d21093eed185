"""The description of a model: `model_info.json`, written by the trainer and read by the labelling job."""

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from pipelines.core.errors import UserError
from pipelines.core.familiarity import Familiarity
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.core.stored.descriptions import check_clip_spec, check_labels, read_versioned
from pipelines.core.stored.typed_json import Amount, Count, PlainName, build

SCHEMA_VERSION = 1
MODEL_INFO = "model_info.json"
EMBEDDING_OUTPUT = "embedding"
"""Name of the SavedModel's output float32 [B, D]: the features of a clip before the last layer."""


@dataclass(frozen=True)
class ModelInfo:
    """All that is needed to use a model. Its file is written last.

    Attributes:
        name: kind of network, or the name that an imported model was given.
        variant: variant of that network; `imported` for a model that was trained elsewhere.
        clip_spec: how the clips that it takes are made.
        labels: class names, sorted; the position is both the id and the index in the outputs.
        temperature: what logits are divided by before the softmax; 1 leaves them unchanged.
        dataset: `uri` and `fingerprint` of the dataset that it was trained on; empty where unknown.
        durations_s: minimum, median and maximum duration of the training videos in seconds, and the length of the
            windows they were cut into, if they were; empty where unknown.
        metrics: top1, macro_f1 and ece on the test split; empty where unknown.
        parameters: number of weights.
        fingerprint: hash of the weights, architecture, clip spec, labels and temperature; empty until it is exported.
        saved_model: folder of the SavedModel, relative to this file.
        input_name: name of its input, uint8 [B, T, H, W, 3] RGB.
        output_name: name of its output with the probabilities, float32 [B, C].
        versions: versions of the packages that exported it, by name.
        imported: for an imported model, how its input and outputs were adapted.
        encoding: how the frames that it was trained on were stored; clips to be labelled go through the same encoding,
            so that they lose the same detail.
        unfamiliar: from which distance on a clip is unlike those of its training.
        embedding: number of values of its output `EMBEDDING_OUTPUT`; 0 if it has none.
        init: the model that its training started from: `uri`, `name`, `variant` and `fingerprint`, the layers and
            classes that were taken and those that are new; empty if it started anew.
        multi_label: whether a clip may have several labels: the outputs are then probabilities of each label by itself,
            which don't add up to 1, and the softmax is a sigmoid.
        appearance: the pretrained network in it: its `name`, which part was `trained`, the `fusion` of the streams, the
            `fingerprint` of its weights and their `source`; empty if there is none.
        thresholds: of such a model, from which probability on a clip gets each label; above 0 and below 1.
        exports: the other forms of the model in its folder, such as `tflite`, with `file`, `sha256`, `size_bytes` and
            how far each agrees with the SavedModel; not part of what the fingerprint stands for.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    name: str
    variant: str
    clip_spec: ClipSpec
    labels: tuple[str, ...]
    temperature: float = 1.0
    dataset: Mapping[str, Any] = field(default_factory=dict)
    durations_s: Mapping[str, Amount] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    parameters: Count = 0
    fingerprint: str = ""
    saved_model: PlainName = "saved_model"
    input_name: str = "frames"
    output_name: str = "probabilities"
    versions: Mapping[str, str] = field(default_factory=dict)
    imported: Mapping[str, Any] = field(default_factory=dict)
    encoding: FrameEncoding = field(default_factory=FrameEncoding)
    unfamiliar: Familiarity = field(default_factory=Familiarity)
    embedding: Count = 0
    init: Mapping[str, Any] = field(default_factory=dict)
    multi_label: bool = False
    thresholds: tuple[float, ...] = ()
    appearance: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        check_labels(self.labels)
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be a positive number, not {self.temperature!r}")
        if len(self.thresholds) != (len(self.labels) if self.multi_label else 0):
            wanted = f"{len(self.labels)}, one for each label" if self.multi_label else "none, as clips have one label"
            raise ValueError(f"there must be {wanted}: thresholds {reprlib.repr(list(self.thresholds))}")
        if wrong := [value for value in self.thresholds if not 0 < value < 1]:
            raise ValueError(f"thresholds must be above 0 and below 1, not {wrong[0]!r}")

    def to_json(self) -> str:
        """The text of `model_info.json`: the same for the same model, without times or host names."""
        value = {item.name: getattr(self, item.name) for item in fields(self)}
        value["clip_spec"] = {**self.clip_spec.to_json(), "fingerprint": self.clip_spec.fingerprint()}
        value["encoding"] = self.encoding.to_json()
        value["unfamiliar"] = asdict(self.unfamiliar)
        if not self.multi_label:  # descriptions of other models keep the bytes that they always had
            del value["multi_label"], value["thresholds"]
        for name in ("appearance", "exports"):
            if not value[name]:
                del value[name]
        value = {"schema_version": value.pop("schema_version"), **value}
        return json.dumps(value, indent=2, ensure_ascii=True) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str = MODEL_INFO) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            UserError: the text is damaged, has another schema version, or describes clips that this software makes
                differently.
        """
        try:
            value = read_versioned(text, name, SCHEMA_VERSION)
            value["clip_spec"] = check_clip_spec(
                value.get("clip_spec"),
                f"{name}: the model takes clips as made by another version of this software",
                "use that version, or preprocess and train again",
            )
            return build(cls, value)
        except ValueError as error:
            raise UserError(
                f"{name} is damaged or not a description of a model ({error}); export or import the model again"
            ) from error
