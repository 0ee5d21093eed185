"""The parts of the documentation that are made from the code: all commands with their flags, and all settings of YAML
files."""

import argparse
import importlib
import re
from collections.abc import Iterator
from dataclasses import MISSING
from typing import Any

from pipelines.cli.commands import COMMANDS
from pipelines.core.settings.fields import Setting, settings_of, type_of, wanted
from pipelines.dataset.config import PreprocessConfig
from pipelines.labelling.config import LabelConfig
from trainer.config import TrainConfig

SETTINGS = {
    "preprocess": ("har preprocess", PreprocessConfig),
    "train": ("har train` and `har crossval", TrainConfig),
    "label": ("har label", LabelConfig),
}
_DEFAULT = re.compile(r" \(default: (.*)\)$", re.DOTALL)
_HIDDEN = ("help", "version")
_SPECIAL = re.compile(r"([\\|<>*_\[\]`])")


def flags() -> str:
    """Markdown: a section for each command, with a table for each group of its flags."""
    return "\n".join(line for name in COMMANDS for line in _command(name))


def settings() -> str:
    """Markdown: for each tool that takes `--config`, a YAML file with all settings and their defaults."""
    return "\n".join(line for title, kind in SETTINGS.values() for line in _settings(title, kind))


def _command(name: str) -> Iterator[str]:
    module, purpose = COMMANDS[name]
    parser = importlib.import_module(module).make_parser()
    yield f"## har {name}\n\n{purpose[0].upper()}{purpose[1:]}. As a module: `python -m {module}`.\n"
    described = re.sub(rf"python -m {re.escape(module)}\b", f"har {name}", parser.description)
    yield f"```text\n{described}\n```\n"
    for group in parser._action_groups:
        rows = [_row(action) for action in group._group_actions if action.dest not in _HIDDEN]
        if rows:
            title = "arguments" if group.title == "positional arguments" else group.title
            yield f"### {name}: {title}\n"
            if group.description:
                yield f"{group.description}\n"
            yield "| flag | default | |\n|---|---|---|"
            yield from (f"| {' | '.join(row)} |" for row in rows)
            yield ""
    if parser.epilog:
        yield f"```text\n{parser.epilog}\n```\n"


def _row(action: argparse.Action) -> tuple[str, str, str]:
    text = (action.help or "").replace("%%", "%")
    found = _DEFAULT.search(text)
    default = found[1] if found else "required" if action.required else ""
    meaning = _escape(_DEFAULT.sub("", text))
    if action.choices:
        meaning += f": {', '.join(f'`{choice}`' for choice in action.choices)}"
    return _code(_usage(action)), _escape(default), meaning


def _usage(action: argparse.Action) -> str:
    """How the flag is written, such as `--size PIXELS`."""
    flag = ", ".join(action.option_strings)
    value = "" if action.nargs == 0 else str(action.metavar or ("VALUE" if action.option_strings else action.dest))
    if action.nargs == "+":
        value += " ..."
    if isinstance(action, argparse.BooleanOptionalAction):
        value = ""
    return f"{flag} {value}".strip()


def _settings(title: str, kind: type) -> Iterator[str]:
    yield f"## Settings of `{title}`\n\n```yaml"
    lines = [(f"{item.name}: {_yaml(item.default)}", _about(item, about)) for item, about in settings_of(kind)]
    width = max(len(line) for line, _ in lines)
    yield from (f"{line:{width}}  # {about}" for line, about in lines)
    yield "```\n"


def _yaml(value: Any) -> str:
    if value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return f"{value:g}" if isinstance(value, float) else '""' if value == "" else str(value)


def _about(item: Any, about: Setting) -> str:
    automatic = f"; by default {about.automatic}" if about.automatic else ""
    return wanted(type_of(item), about) + automatic + ("; required" if item.default is MISSING else "")


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")
