"""The parts of the documentation that are made from the code: all commands with their flags, and all settings of YAML
files."""

import argparse
import html
import importlib
import re
from collections.abc import Iterator
from dataclasses import MISSING
from typing import Any

from pipelines.cli.commands import COMMANDS
from pipelines.core.settings.fields import settings_of, type_of, wanted
from pipelines.dataset.config import PreprocessConfig
from pipelines.labelling.config import LabelConfig
from trainer.config import TrainConfig

SETTINGS: dict[str, type] = {
    "preprocess": PreprocessConfig, "train": TrainConfig, "crossval": TrainConfig, "label": LabelConfig,
}  # fmt: skip
"""The commands that take `--config`, each with its settings."""
_DEFAULT = re.compile(r" \(default: (.*)\)$", re.DOTALL)
_HIDDEN = ("help", "version")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "|": "&#124;"}


def flags() -> str:
    """Markdown: a section for each command, with a table for each group of its flags."""
    return "\n".join(line for name in COMMANDS for line in _command(name))


def settings() -> str:
    """Markdown: for each command that takes `--config`, a table of its settings with defaults and allowed values."""
    return "\n".join(line for name in SETTINGS for line in _settings(name))


def _parser(name: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = importlib.import_module(COMMANDS[name][0]).make_parser()
    return parser


def _command(name: str) -> Iterator[str]:
    module, purpose = COMMANDS[name]
    parser = _parser(name)
    yield f"## har {name}\n\n{purpose[0].upper()}{purpose[1:]}. As a module: `python -m {module}`.\n"
    yield from _paragraphs(re.sub(rf"python -m {re.escape(module)}\b", f"har {name}", parser.description or ""))
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if action.dest not in _HIDDEN]
        if actions:
            title = "arguments" if group.title == "positional arguments" else group.title
            yield f"### {name}: {title}\n"
            if group.description:
                yield f"{group.description}\n"
            yield "| flag | default | |\n|---|---|---|"
            yield from (f"| {_usage(action)} | {_default(name, action)} | {_meaning(action)} |" for action in actions)
            yield ""
    if parser.epilog:
        yield from _paragraphs(parser.epilog[0].upper() + parser.epilog[1:])


def _paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text; those with lines that are set in are code."""
    for part in text.split("\n\n"):
        yield f"```text\n{part}\n```\n" if re.search("^  ", part, re.M) else f"{_escape(part)}\n"


def _usage(action: argparse.Action) -> str:
    """How the flag is written, such as `--size PIXELS`, as HTML, since a bar in Markdown's code would end the cell."""
    parts = [", ".join(action.option_strings)]
    if action.nargs != 0:
        parts.append(str(action.metavar or ("VALUE" if action.option_strings else action.dest)))
    if action.nargs == "+":
        parts.append("...")
    return f"<code>{html.escape(' '.join(parts).strip(), quote=False).replace('|', '&#124;')}</code>"


def _meaning(action: argparse.Action) -> str:
    text = _escape(_DEFAULT.sub("", (action.help or "").replace("%%", "%")))
    return f"{text}: {', '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else text


def _default(name: str, action: argparse.Action) -> str:
    found = _DEFAULT.search((action.help or "").replace("%%", "%"))
    if found:
        return _escape(found[1])
    settings = settings_of(SETTINGS[name]) if name in SETTINGS else ()
    needed = [item.name for item, _ in settings if item.default is MISSING]
    return "required" if action.required or action.dest in needed else ""


def _settings(name: str) -> Iterator[str]:
    actions = {action.dest: action for action in _parser(name)._actions}
    yield f"## har {name}\n\n| key | default | allowed |\n|---|---|---|"
    for item, about in settings_of(SETTINGS[name]):
        if item.name in actions:
            default = _default(name, actions[item.name]) if item.default is MISSING else f"`{_yaml(item.default)}`"
            automatic = f" ({_escape(about.automatic)})" if about.automatic and item.default is not MISSING else ""
            yield f"| `{item.name}` | {default}{automatic} | {_escape(wanted(type_of(item), about))} |"
    yield ""


def _yaml(value: Any) -> str:
    """A default as it is written in YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return f"{value:g}" if isinstance(value, float) else '""' if value == "" else str(value)


def _escape(text: str) -> str:
    """A text without anything that is special in Markdown; what is between backticks stays code."""
    return re.sub(r"([\\*_\[\]])", r"\\\1", re.sub("[<>|]", lambda match: _ENTITIES[match[0]], text))
