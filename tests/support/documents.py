"""The code blocks of Markdown files, and the commands in them.

How a file says what its blocks are, in HTML comments on the line before a block, which readers don't see:

- blocks tagged `bash` and `python` run, in order, as one program in one folder; other tags are output or formats;
- `<!-- file: videos.csv -->`: the block is the content of that file, which is written before what follows runs;
- `<!-- not run: REASON -->`: the block can't run on any machine;
- `<!-- given: data/UCF50, runs/lrcn/model -->`, anywhere: what a reader of the file already has, and the file doesn't
  make; `tests/support/document_runs.py` makes a small version of it.
"""

import ast
import importlib
import re
import shlex
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pipelines.cli.commands import COMMANDS
from tests import ROOT

RUN = ("bash", "python")
KNOWN = {*RUN, "", "text", "json", "csv", "yaml", "sql", "toml", "html", "dockerfile"}
CANNOT_RUN = {
    r"\b(gs|s3)://": "a bucket",
    r"\b(docker|kubectl|gcloud)\b": "a program that isn't part of this project",
    r"\b(apt|apt-get|pip|npm) install\b": "changes the machine",
    r"\bgit clone\b": "a network",
    r"\bscripts/(setup|demo|test|lock)\b|venv/bin/": "an environment, whose making takes minutes",
    r"\bscripts/engines\b": "downloads an engine",
    r"\bhar download\b|\bpipelines\.download\b": "downloads gigabytes",
    r"\bbenchmarks\.\w+": "takes from minutes to hours",
    r"\b(fight-surv|ut-interaction)/": "videos that can't be passed on",
    r"\bTF_CONFIG=": "several machines",
    r"--to onnx\b": "packages that no lock has, as they need another ONNX for each TensorFlow",
    r"\bimport (pandas|torch|webdataset|mlcroissant)\b|read_from_pytorch": "a package that this project doesn't need",
    r"\btensorboard --logdir\b": "a server that runs until it is stopped",
    r"\bmlflow server\b|--track mlflow|\bwandb (login|sync)\b|--track wandb": "a tracker's package",
    r"\buv (venv|pip)\b|build/constraints.txt|\bHAR_MLFLOW=": "an environment made from a package index",
    r"(?<!\S)\.\.\.(?!\S)|\b(DIR|IMAGE|FOLDER|FILE|VIDEOS)\b|\b(lrcn|model)\.(h5|keras)\b": "a file of the reader",
}
"""What a command that is not run has in it, and what it would need."""
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)$")
_COMMENT = re.compile(r"^\s*<!-- (?P<word>file|not run): (?P<value>.*\S) -->$")
_TOOL = re.compile(r"(?:pipelines|trainer)\.\w+")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        place: file and line, as `README.md:12`.
        language: its tag; may be empty.
        text: its content, without the indentation of its first line.
        file: the file whose content it is, or empty.
        not_run: why it isn't run, or empty.
    """

    place: str
    language: str
    text: str
    file: str = ""
    not_run: str = ""

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block, joined where they end in a backslash, without comments and empty lines."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def documents() -> list[Path]:
    """All Markdown files whose blocks and links are tested."""
    return [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
            *sorted((ROOT / "docs").rglob("*.md"))]  # fmt: skip


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def given(document: Path) -> list[str]:
    """What a reader of a file has before its first block."""
    found = re.findall(r"<!-- given: (.*?) -->", document.read_text(), re.S)
    return [item.strip() for value in found for item in value.split(",")]


def read_blocks(document: Path) -> list[Block]:
    """All code blocks of a file, in order."""
    blocks: list[Block] = []
    lines = document.read_text().splitlines()
    start, indent, language = -1, "", ""
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if start < 0 and fence:
            start, indent, language = number, fence["indent"], fence["language"]
        elif start >= 0 and line.strip() == "```":
            text = "".join(inner.removeprefix(indent) + "\n" for inner in lines[start + 1 : number])
            comment = _COMMENT.match(lines[start - 1]) if start else None
            word, value = (comment["word"], comment["value"]) if comment else ("", "")
            place = f"{document.relative_to(ROOT) if document.is_relative_to(ROOT) else document.name}:{start + 1}"
            blocks.append(
                Block(place, language, text, value if word == "file" else "", value if word == "not run" else "")
            )
            start = -1
    assert start < 0, f"{document}: a code block has no end"
    return blocks


def needs(block: Block) -> list[str]:
    """What keeps each command of a block, or a whole block of Python, from being run; empty for one that could be run.

    A command that reads what one before it would have made needs the same; Python needs the packages that it imports.
    """
    if block.language == "python" and (missing := _not_installed(block.text)):
        return [f"{missing}, which isn't installed for the tests"]
    found: list[str] = []
    made: list[str] = []
    for command in block.commands if block.language == "bash" else [block.text]:
        reasons = [need for pattern, need in CANNOT_RUN.items() if re.search(pattern, command)]
        reasons += [
            f"{path} of the command before" for path in made if any(word.startswith(path) for word in command.split())
        ]
        made += re.findall(r"--output (\S+)", command) if reasons else []
        found.append(reasons[0] if reasons else "")
    return found


def _not_installed(text: str) -> str:
    """A package that some Python code imports and that isn't installed; empty if there is none."""
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name for node in found]
    return next((top for name in names if find_spec(top := name.partition(".")[0]) is None), "")


def tool_calls(text: str) -> list[tuple[str, list[str]]]:
    """The tools of this project that a line of shell calls, each with its arguments."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>()")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words = list(lexer)
    except ValueError:
        return []  # half a quotation
    calls: list[tuple[str, list[str]]] = []
    current: list[str] | None = None
    for place, word in enumerate(words):
        before = words[max(place - 2, 0) : place]
        if re.fullmatch(r"[|&;<>()]+", word):
            current = None
        elif before == ["python", "-m"] and _TOOL.fullmatch(word):
            calls.append((word, current := []))
        elif before[-1:] == ["har"] and current is None:
            module = COMMANDS[word][0] if word in COMMANDS else "pipelines.har"
            calls.append((module, current := [] if word in COMMANDS else [word]))
        elif current is not None and word != "...":
            current.append(word)
    return calls


def unknown_flags(module: str, arguments: list[str]) -> list[str]:
    """Flags in a command that its tool doesn't have, and Beam doesn't if the tool passes flags on."""
    parser = importlib.import_module(module).make_parser()
    known = {flag for action in parser._actions for flag in action.option_strings}
    if "--runner" in known:
        from pipelines.cli.beam_options import BeamParser

        known |= set(BeamParser().flags)
    flags = [word.partition("=")[0] for word in arguments if re.match(r"--?[a-zA-Z]", word)]
    return [flag for flag in flags if flag not in known]
