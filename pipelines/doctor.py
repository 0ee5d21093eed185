"""Checks this machine, and some videos, before a job runs: `python -m pipelines.doctor`, see `--help`."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipelines import files
from pipelines.cli import tool
from pipelines.cli.parser import Parser
from pipelines.core.errors import EXIT_INVALID, EXIT_OK, UsageError
from pipelines.diagnosis.finding import Finding, load
from pipelines.diagnosis.page import print_page
from pipelines.reports.text import visible

if TYPE_CHECKING:
    from pipelines.dataset.config import PreprocessConfig

_DESCRIPTION = """\
Reports on one page whether this machine is ready: installed versions, runner, decoders and codecs, cores, memory, disk,
GPUs, and credentials. Each problem comes with its remedy.

  python -m pipelines.doctor
  python -m pipelines.doctor --path gs://my-bucket/dataset --path /scratch
  python -m pipelines.doctor --input videos/        # also decodes some of them and estimates the rest"""
_EPILOG = "exit codes: 0 nothing is wrong; 1 there is a problem; 2 wrong usage; 130 interrupted."


def make_parser() -> Parser:
    """The parser; flags that are not given are absent from its result."""
    parser = Parser("pipelines.doctor", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("--input", metavar="PATH", help="folder or manifest, as for pipelines.preprocess; decodes 50 of its videos")
    add("--class-level", type=int, metavar="N", help="which level of folders are the classes, as for preprocess")
    add("--multi-label", action="store_true", help="the rows of a manifest may have several labels, as for preprocess")
    add("--video-pattern", metavar="PATTERN", help="where the videos of annotations lie, as for pipelines.preprocess")
    add("--num-frames", type=int, metavar="T", help="frames per clip, for the estimate (default: 20)")
    add("--size", metavar="PIXELS", help="height and width, for the estimate: 64 or 72x96 (default: 64)")
    text = "file or folder, local or in a store, to test for access: a small file is written into a folder and removed"
    add("--path", action="append", metavar="URI", help=f"{text}. May be repeated")
    text = "ask TensorFlow for its devices even where no GPU is found, which takes a few seconds"
    add("--tensorflow", action="store_true", help=text)
    add("--json", action="store_true", help="print JSON instead of text")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Checks everything, prints the findings and returns the exit code.

    Raises:
        UsageError: a value is wrong, or the input doesn't exist.
    """
    given = make_parser().parse_own(arguments)
    paths = [files.normalise(path, "--path") for path in given.get("path", [])]
    config = _config(given)
    found = list(_look_at_machine(paths, config, "tensorflow" in given))
    if config is not None:
        found += config if isinstance(config, list) else _look_at_input(config, paths)
    print_page(found, "json" in given)
    return EXIT_INVALID if any(finding.problem for finding in found) else EXIT_OK


def _config(given: dict[str, Any]) -> "PreprocessConfig | list[Finding] | None":
    """The settings for `--input`, or the findings that prevent reading it; None if it isn't given.

    Raises:
        UsageError: a value is wrong, or the input doesn't exist.
    """
    names = ("class_level", "multi_label", "num_frames", "size", "video_pattern")
    clips: dict[str, Any] = {name: given[name] for name in names if name in given}
    if "input" not in given:
        if clips:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in clips)
            raise UsageError(f"{flags}: for an input: give --input, too")
        return None
    source = files.normalise(given["input"], "--input")
    modules = [load(name, "input", "input") for name in ("pipelines.dataset.listing", "pipelines.core.settings.build")]
    modules.append(load("pipelines.dataset.config", "input", "input"))
    if broken := [module for module in modules if isinstance(module, Finding)]:
        return broken[:1]
    listing, configuration, settings = modules
    listing.check_input(source)
    return configuration.build(
        settings.PreprocessConfig, {"input": source, "output": "", **clips}, lambda name: f"--{name.replace('_', '-')}"
    )


def _look_at_machine(
    paths: Sequence[str], config: "PreprocessConfig | list[Finding] | None", tensorflow: bool
) -> Iterator[Finding]:
    """All findings except those on an input, in the order of the page."""
    from pipelines.diagnosis import decoding, gpu, stores, system, versions

    with _busy("Looking at versions ..."):
        yield from versions.check_versions()
    yield from system.check_system()
    with _busy("Loading Beam ..."):
        yield decoding.check_runner()
    with _busy("Loading decoders ..."):
        yield decoding.check_checksums()
        yield from decoding.check_decoders()
    with _busy("Asking for GPUs ..."):
        yield from gpu.check_gpus(tensorflow)
    used = [*paths, *([config.input] if config and not isinstance(config, list) else [])]
    with _busy("Looking for credentials ..."):
        yield from stores.check_credentials(stores.schemes(used))
    for path in paths:
        with _busy(f"Trying {path} ..."):
            yield stores.check_path(path)


def _look_at_input(config: "PreprocessConfig", paths: Sequence[str]) -> Iterator[Finding]:
    collection = load("pipelines.diagnosis.collection", "input", "input")
    if isinstance(collection, Finding):
        yield collection
        return
    local = [path for path in paths if files.is_local(path)]
    yield from collection.check_input(config, (local or [os.getcwd()])[0])


@contextlib.contextmanager
def _busy(what: str) -> Iterator[None]:
    """Shows a line on a terminal while the block runs."""
    if not sys.stderr.isatty():
        yield
        return
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:  # reported as a finding
        yield
        return
    with Console(stderr=True).status(Text(visible(what))):
        yield


def main() -> int:
    """Entry point of the command line."""
    tool.quiet_libraries()
    return tool.run_tool(run, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
