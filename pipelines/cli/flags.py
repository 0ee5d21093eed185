"""Makes flags from the settings of a dataclass, and reads their values from command lines and `--config` files."""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from os import PathLike
from typing import Any, TypeVar

from pipelines import files
from pipelines.cli.beam_flags import LOCAL_RUNNER, flags_of_beam, refuse_flags
from pipelines.cli.parser import Parser
from pipelines.cli.stray_words import refuse_stray_values, refuse_unknown_flags
from pipelines.core.errors import UsageError
from pipelines.core.settings import build as configuration
from pipelines.core.settings.fields import Group, Setting, settings_of, type_of, wanted

_C = TypeVar("_C")
_EXPONENT = re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+")
BEAM = "beam"
"""Key of Beam's options in a configuration file."""


def flag_of(name: str) -> str:
    """The flag of a setting: `--num-frames` for `num_frames`."""
    return f"--{name.replace('_', '-')}"


def add_flags(
    parser: argparse.ArgumentParser,
    kind: type,
    leave_out: Sequence[str] = (),
    defaults: Mapping[str, str] | None = None,
) -> None:
    """Adds a flag for each setting of a dataclass, in the groups that the settings name.

    Args:
        parser: the parser that gets the flags.
        kind: the dataclass.
        leave_out: settings that get no flag.
        defaults: what `--help` shows as the defaults of settings that have none in the dataclass.
    """
    groups: dict[Group, argparse._ArgumentGroup] = {}
    for item, about in settings_of(kind):
        if item.name not in leave_out:
            if about.group not in groups:
                groups[about.group] = _group(parser, about.group)
            _add_flag(groups[about.group], item, about, (defaults or {}).get(item.name, ""))


def _group(parser: argparse.ArgumentParser, group: Group) -> argparse._ArgumentGroup:
    known = {known.title: known for known in parser._action_groups}
    return known.get(group.title) or parser.add_argument_group(group.title, group.description or None)


def _add_flag(group: argparse._ArgumentGroup, item: Field[Any], about: Setting, default: str) -> None:
    kind = type_of(item)
    default = default or ("" if item.default is MISSING else _default_text(item.default, about))
    text = about.help + (f" (default: {default})" if default else "")
    options: dict[str, Any] = {"help": text.replace("%", "%%")}
    if kind is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif about.repeated:
        options.update(action="extend", nargs="+", metavar=about.metavar or None)
    else:
        choices = about.choices if kind is not tuple else ()  # of a list, `check_settings` checks the items
        options.update(type=_reader(kind, about), metavar=about.metavar or None, choices=choices or None)
    group.add_argument(flag_of(item.name), **options)


def _default_text(value: Any, about: Setting) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ",".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
    return ", ".join(part for part in (text, about.automatic) if part)


def _reader(kind: type, about: Setting) -> Callable[[str], Any]:
    """A function that turns the text on the command line into the value of a setting."""

    def read(text: str) -> Any:
        try:
            if kind is tuple and not split_list(text):
                raise argparse.ArgumentTypeError(f"{text!r} is an empty list. Leave the flag out for its default")
            return split_list(text) if kind is tuple else kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be {wanted(kind, about)}, not {text!r}") from None

    return read


def split_list(text: str) -> tuple[str, ...]:
    """Splits a list at its commas: `A, B` gives ("A", "B")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def add_config(parser: argparse.ArgumentParser, group: Group, beam: bool = False) -> None:
    """Adds `--config` and, with `beam`, `--runner`."""
    flags = _group(parser, group)
    what = "any of these settings"
    if beam:
        what += ", and under `beam:` the runner and Beam's own options"
        flags.add_argument("--runner", metavar="NAME", help=f"Beam runner (default: {LOCAL_RUNNER}, this machine)")
    flags.add_argument(
        "--config", metavar="FILE", action="append",
        help=f"YAML file with {what}. May be repeated: later files override earlier ones, and command-line flags "
        "override files",
    )  # fmt: skip


@dataclass(frozen=True)
class Given:
    """What a command line and the configuration files that it names contain.

    Attributes:
        values: settings by name.
        places: the name of each setting where it was given: `--size`, or `size in ucf50.yaml`.
        others: values of flags that aren't settings.
        rest: arguments that aren't flags of this tool.
        beam: Beam's options in each file, with the name of the file, in the order of the files.
    """

    values: dict[str, Any]
    places: Mapping[str, str]
    others: dict[str, Any]
    rest: Sequence[str]
    beam: Sequence[tuple[str, dict[str, Any]]]

    def place(self, name: str) -> str:
        """The name of a setting in messages: the one where it was given, or its flag."""
        return self.places.get(name, flag_of(name))

    def build(self, kind: type[_C]) -> _C:
        """Makes the dataclass.

        Raises:
            UsageError: a setting is missing or has a wrong value; the message says where the value was given.
        """
        return configuration.build(kind, self.values, self.place)

    def normalise(self, *names: str) -> None:
        """Makes local paths absolute, and strips slashes from the end of remote ones.

        Raises:
            UsageError: a path is empty, names a store without a bucket, or contains a secret.
        """
        for name in names:
            if isinstance(self.values.get(name), str | PathLike):
                self.values[name] = files.normalise(self.values[name], self.place(name))


def read_given(
    parser: Parser, arguments: Sequence[str], kind: type, alternatives: Sequence[str] = (), beam: bool = False
) -> Given:
    """Reads a command line and the files that it names: later files override earlier ones, and flags override files.

    Args:
        parser: the parser of the tool's own flags.
        arguments: the command line.
        kind: the dataclass of the settings.
        alternatives: settings that express the same in different ways: giving one overrides all of them.
        beam: whether files may contain Beam's options, and the command line may contain flags unknown here.

    Raises:
        UsageError: a flag or a key is unknown, a value is missing, or a file can't be read.
    """
    namespace, rest = parser.parse_known_args(list(arguments))
    if beam:
        refuse_stray_values(arguments, rest)
    else:
        refuse_unknown_flags(rest, parser.flags, arguments)
    others = vars(namespace)
    known = [item.name for item in fields(kind)]
    flags = {name: others.pop(name) for name in known if name in others}
    of_beam = []
    layers = []
    for file in others.pop("config", []):
        found = _read_file(file, (*known, *([BEAM] if beam else [])))
        if beam:
            of_beam.append((file, _options_of_beam(found.pop(BEAM, {}), file)))
        layers.append((dict(_from_file(kind, found)), {name: f"{name} in {file}" for name in found}))
    layers.append((flags, {name: flag_of(name) for name in flags}))
    if beam and rest and (beams := flags_of_beam()):
        refuse_flags(rest, parser.flags, beams, _runner(of_beam, others))
    values: dict[str, Any] = {}
    places: dict[str, str] = {}
    for layer, where in layers:
        if layer.keys() & set(alternatives):
            values = {name: value for name, value in values.items() if name not in alternatives}
        values.update(layer)
        places.update(where)
    return Given(values, places, others, rest, of_beam)


def read_beam(given: Given) -> tuple[str, tuple[str, ...]]:
    """The runner, and the command line for Beam.

    Raises:
        UsageError: Beam doesn't know an option in a file.
    """
    runner, rest = _runner(given.beam, given.others), list(given.rest)
    for _, options in given.beam:
        options.pop("runner", None)
    for file, options in reversed(given.beam):
        if options:
            from pipelines.cli.beam_options import to_arguments

            rest = [*to_arguments(options, file, rest), *rest]
    return runner, tuple(rest)


def _runner(of_beam: Sequence[tuple[str, dict[str, Any]]], others: Mapping[str, Any]) -> str:
    """The name of the runner: that of the last file with one, unless its flag is given."""
    named = [str(options["runner"]) for _, options in of_beam if "runner" in options]
    return str(others.get("runner") or [LOCAL_RUNNER, *named][-1])


def _from_file(kind: type, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values in a file, with lists from text: a list of one item, or one with commas if the flag takes those."""
    settings = {item.name: (type_of(item), about) for item, about in settings_of(kind)}
    for name, value in found.items():
        of_type, about = settings[name]
        if of_type is tuple and isinstance(value, str):
            value = (value,) if about.repeated else split_list(value)
        elif of_type is float and isinstance(value, str) and _EXPONENT.fullmatch(value):
            value = float(value)  # YAML takes 1e-3 for text
        yield name, value


def _read_file(name: str, known: Sequence[str]) -> dict[str, Any]:
    try:
        text = files.read_written(files.normalise(name, "--config"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration file {name}: {error.strerror}") from error
    if text is None:
        raise UsageError(f"no such configuration file: {name}")
    return configuration.read_yaml(text, name, known)


def _options_of_beam(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{name}: `{BEAM}` must contain lines `option: value`, not {value!r}")
    return {str(key): item for key, item in value.items()}
