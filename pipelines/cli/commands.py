"""The tools by their short names: `har preprocess` is `python -m pipelines.preprocess`. This module imports nothing."""

COMMANDS = {
    "doctor": ("pipelines.doctor", "report on this machine and an input, and on what is wrong with them"),
    "download": ("pipelines.download", "download UCF50 or another dataset, extract and check it"),
    "sample-data": ("pipelines.sample_data", "make sample videos whose classes differ in motion, scene or both"),
    "preprocess": ("pipelines.preprocess", "turn videos into a dataset of TFRecord shards"),
    "verify": ("pipelines.verify", "check a dataset or features, record by record"),
    "features": ("pipelines.features", "compute once what a pretrained network sees in a dataset"),
    "train": ("trainer.task", "train, evaluate and export a network on a dataset"),
    "crossval": ("trainer.crossval", "cross-validate a network over folds of groups"),
    "compare": ("trainer.compare", "show finished training runs side by side"),
    "import-model": ("trainer.import_model", "import a model that was trained elsewhere"),
    "export-model": ("trainer.export", "convert a model to TensorFlow Lite or ONNX"),
    "label": ("pipelines.label", "label videos with a trained model"),
    "evaluate": ("pipelines.evaluate", "measure labels against what really happens"),
    "select": ("pipelines.select", "choose segments of labels for a person to look at"),
    "drift": ("pipelines.drift", "tell whether two collections of videos or labels differ"),
    "export": ("pipelines.export", "write labels in a form that another program reads"),
    "corrections": ("pipelines.corrections", "make a manifest of what people corrected in another program"),
}
"""Module and purpose of each tool, in their usual order. Each module has `make_parser()`, for completion."""

_names: dict[str, str] = {}
"""Replacements in texts for the user."""


def use_short_names() -> None:
    """Makes texts for the user name the tools as subcommands of `har`, since this one was called so."""
    _names.update({f"python -m {module}": f"har {name}" for name, (module, _) in COMMANDS.items()})


def as_called(text: str) -> str:
    """A text for the user, in which tools are named in the way that the user called this one."""
    for module, name in _names.items():
        text = text.replace(module, name)
    return text
