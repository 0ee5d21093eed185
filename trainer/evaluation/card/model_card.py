"""The model card, `README.md` in the folder of a model: what the model is, what it was measured to do, and its limits.

The sections are those of Mitchell et al. 2019, "Model Cards for Model Reporting", https://arxiv.org/abs/1810.03993; the
front matter is what model hubs read. Everything in it comes from metrics.json and model_info.json: the same model
gives the same card, without times, paths or names of machines.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipelines.core.model_info import ModelInfo
from trainer.evaluation.card.facts import more_facts
from trainer.evaluation.card.figures import calibration, classes, results
from trainer.evaluation.card.front_matter import front_matter
from trainer.evaluation.card.limits import limitations, unmeasured_limitations
from trainer.evaluation.card.origin import dataset_name, network, training, training_data
from trainer.evaluation.card.use import loading
from trainer.evaluation.card.writing import code, listed, warned
from trainer.evaluation.markdown import escaped
from trainer.evaluation.metrics import Evaluation
from trainer.evaluation.multilabel.metrics import LabelEvaluation
from trainer.evaluation.multilabel.parts import doubts as doubts_of_labels
from trainer.evaluation.report_parts import doubts

_UNMEASURED = (
    "Nothing was measured here: this model was trained elsewhere and imported. How good it is, on which data it was "
    "trained "
    "and whether its probabilities can be trusted isn't known to its importer."
)


def render_card(info: ModelInfo, metrics: Mapping[str, Any] | None, size_bytes: int = 0, has_keras: bool = True) -> str:
    """The card as Markdown with front matter in YAML.

    Args:
        info: what model_info.json holds.
        metrics: what metrics.json holds, except what is known only after the export; None for an imported model.
        size_bytes: of the SavedModel; 0 if unknown.
        has_keras: whether there is a Keras file beside it.
    """
    loud, others = _doubts(metrics) if metrics else ([_UNMEASURED], [])
    what = "which of its activities a video clip shows, several at a time" if info.multi_label else (
        "which one of its activities a video clip shows"
    )  # fmt: skip
    sections = {
        "Model": network(info, metrics, size_bytes),
        "Intended use": _use(info),
        "How to use it": loading(info, has_keras),
    }
    if metrics:
        sections |= {
            "Results": results(metrics),
            "Classes": classes(metrics),
            "Calibration": calibration(info, metrics),
        }
    else:
        sections["Classes"] = code(listed(info.labels, len(info.labels)))
    for title, found in (
        ("Streams", (metrics or {}).get("streams")),
        ("Pretrained parts", _optional(info, "appearance")),
        ("Other formats", _formats(info)),
    ):
        if found:
            sections[title] = more_facts(found)
    if metrics:
        sections["Limitations"] = limitations(info, metrics, others)
        sections |= {"Training data": training_data(info, metrics), "Training": training(metrics)}
    else:
        sections["Limitations"] = unmeasured_limitations(info)
    title = f"{info.name} on {dataset_name(info)}" if metrics else info.name
    body = "".join(f"\n## {name}\n\n{text.strip()}\n" for name, text in sections.items())
    return f"{front_matter(info, metrics)}\n# {escaped(title)}\n\nTells {what}.\n{warned(loud)}{body}"


def _optional(info: ModelInfo, name: str) -> Mapping[str, Any]:
    """A field of descriptions that only some models have."""
    found: Mapping[str, Any] = asdict(info).get(name) or {}
    return found


def _formats(info: ModelInfo) -> Mapping[str, Any]:
    """The files that the model was converted to, and how far they agree with it."""
    told = ("file", "size_bytes", "activations", "agreement")
    return {key: {name: entry[name] for name in told} for key, entry in info.exports.items()}


def _doubts(metrics: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    if metrics.get("multi_label"):
        return doubts_of_labels(metrics, LabelEvaluation.from_json(metrics["test"]))
    return doubts(metrics, Evaluation.from_json(metrics["test"]))


def _use(info: ModelInfo) -> str:
    return (
        f"Labelling videos of the {len(info.labels):,} activities below, filmed as the training videos were: "
        "searching and "
        "sorting collections, statistics, proposals that a person checks. It knows nothing of who is seen. It wasn't "
        "made "
        "for decisions about people, nor for alarms that nobody checks."
    )
