"""Parses a Dockerfile and a .dockerignore: as much of their languages as ours use; the rest is refused."""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = ("ARG", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR")
EXPANDED = ("COPY", "ENV", "FROM", "LABEL", "USER", "WORKDIR")
"""Instructions in which Docker itself replaces variables; in the others a shell does, or nothing."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its flags (`--from=beam`) without their dashes, and the text after them."""

    line: int
    name: str
    flags: tuple[str, ...]
    text: str

    def flag(self, name: str) -> str:
        """The value of a flag, empty where it isn't given."""
        return next((flag.partition("=")[2] for flag in self.flags if flag.partition("=")[0] == name), "")

    def arguments(self) -> list[str] | None:
        """The list of an instruction in JSON form; None for other forms."""
        return json.loads(self.text) if self.text.startswith("[") else None


@dataclass
class Stage:
    """The instructions from one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def parse(text: str) -> list[Stage]:
    """The stages of a Dockerfile.

    Raises:
        ValueError: the file holds something that this parser doesn't support; the message gives the line.
    """
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.name == "FROM":
            base, _, name = re.sub(r"\s+AS\s+", " ", instruction.text).partition(" ")
            stages.append(Stage(base, name))
        elif not stages:
            raise ValueError(f"line {instruction.line}: {instruction.name} before FROM")
        else:
            stages[-1].instructions.append(instruction)
    return stages


def _instructions(text: str) -> list[Instruction]:
    found, parts, start = [], [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith("#") or (not line.strip() and not parts):
            continue  # comments may occur between the lines of an instruction
        start = start if parts else number
        parts.append(line.strip().removesuffix("\\").rstrip())
        if line.rstrip().endswith("\\"):
            continue
        found.append(_instruction(start, " ".join(parts)))
        parts = []
    if parts:
        raise ValueError(f"line {start}: the last line asks for another one")
    return found


def _instruction(line: int, text: str) -> Instruction:
    name, _, rest = text.partition(" ")
    if name not in KNOWN:
        raise ValueError(f"line {line}: {name} is none of {', '.join(KNOWN)}")
    flags, rest = [], rest.lstrip()
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        flags.append(flag.removeprefix("--"))
        rest = rest.lstrip()
    if name == "HEALTHCHECK":
        rest = rest.removeprefix("CMD").lstrip()
    return Instruction(line, name, tuple(flags), rest)


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replaces `$NAME` and `${NAME}`."""
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda match: values.get(match[1] or match[2], ""), text)


def pairs(text: str) -> dict[str, str]:
    """`a=1 b="2 3"` of ENV, ARG and LABEL."""
    return dict(item.partition("=")[::2] for item in shlex.split(text))


def context_files(root: Path, ignore: str) -> list[str]:
    """The files below a folder that Docker would send, by its .dockerignore, where the last matching rule wins."""
    rules = [line.strip() for line in ignore.splitlines() if line.strip() and not line.startswith("#")]
    compiled = [(rule.startswith("!"), _pattern(rule.removeprefix("!"))) for rule in rules]
    kept = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = str(Path(folder, name).relative_to(root))
            if _is_kept(path, compiled):
                kept.append(path)
    return sorted(kept)


def _is_kept(path: str, rules: Sequence[tuple[bool, re.Pattern[str]]]) -> bool:
    kept = True
    for keeps, pattern in rules:
        if pattern.fullmatch(path):
            kept = keeps
    return kept


def _pattern(rule: str) -> re.Pattern[str]:
    """A rule as a regular expression; it also matches what is below a folder that it names."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", rule.strip("/"))
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meanings.get(part, re.escape(part)) for part in parts) + "(?:/.*)?")
