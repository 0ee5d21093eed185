"""The tools by their short names: `har preprocess` is `python -m pipelines.preprocess`. It imports nothing."""

COMMANDS = {
    "doctor": ("pipelines.doctor", "tell what this machine and an input are like, and what is wrong with them"),
    "download": ("pipelines.download", "download UCF50 or another dataset, extract and check it"),
    "sample-data": ("pipelines.sample_data", "make sample videos of activities that differ in motion alone"),
    "preprocess": ("pipelines.preprocess", "turn videos into a dataset of TFRecord shards"),
    "verify": ("pipelines.verify", "check a dataset, record by record"),
    "train": ("trainer.task", "train, evaluate and export a network on a dataset"),
    "crossval": ("trainer.crossval", "cross-validate a network over folds of groups"),
    "compare": ("trainer.compare", "show finished training runs side by side"),
    "import-model": ("trainer.import_model", "take in a model that was trained elsewhere"),
    "label": ("pipelines.label", "label videos with a trained model"),
}
"""Module and purpose of each, in the order in which one uses them. Each module has `make_parser()`, for completion."""

_names: dict[str, str] = {}
"""What is replaced in texts by what."""


def use_short_names() -> None:
    """From here on, texts for the user name the tools as subcommands of `har`: so this one was called."""
    _names.update({f"python -m {module}": f"har {name}" for name, (module, _) in COMMANDS.items()})


def as_called(text: str) -> str:
    """A text for the user, with tools called in it as the user called this one."""
    for module, name in _names.items():
        text = text.replace(module, name)
    return text
