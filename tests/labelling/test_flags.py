"""How the command line of `pipelines.label` is parsed, and the errors for wrong ones."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import UsageError
from pipelines.dataset.listing import read_catalog
from pipelines.files.addresses import check_outside
from pipelines.labelling.config import LabelConfig
from pipelines.labelling.flags import make_parser, parse

PATHS = ["--model", "/m", "--input", "/in", "--output", "/out"]
EMPTY = LabelConfig("/in", "/out", "/m")


def values_of(*arguments: str) -> dict[str, Any]:
    """The settings that differ from their defaults."""
    config = parse([*PATHS, *arguments]).config
    return {
        item.name: value
        for item in fields(config)
        if (value := getattr(config, item.name)) != getattr(EMPTY, item.name)
    }


def message_of(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ([], {}),
        (["--window-s", "4"], {"window_s": 4.0}),
        (["--window-s", "4", "--stride-s=4"], {"window_s": 4.0, "stride_s": 4.0}),
        (["--stride-s", "3"], {"stride_s": 3.0}),
        (["--range-s", "60"], {"range_s": 60.0}),
        (["--min-score", "1", "--min-duration-s", "0.5"], {"min_score": 1.0, "min_duration_s": 0.5}),
        (["--smooth", "1", "--top-k", "1"], {"smooth": 1, "top_k": 1}),
        (["--format", "parquet", "--webvtt"], {"format": "parquet", "webvtt": True}),
        (["--bigquery-table", "p:d.t"], {"bigquery_table": "p:d.t"}),
        (["--limit", "3", "--shards", "2", "--workers", "1"], {"limit": 3, "shards": 2, "workers": 1}),
        (["--time-limit-s", "0.5", "--memory-limit-mb", "64"], {"time_limit_s": 0.5, "memory_limit_mb": 64}),
        (["--max-failure-rate", "1"], {"max_failure_rate": 1.0}),
        (["--dry-run", "--overwrite"], {"dry_run": True, "overwrite": True}),
        (["--limit", "3", "--limit", "4"], {"limit": 4}),
        (["--input", "/in/"], {}),
        (["--output", "/out/./"], {}),
        (["--input", "gs://b/in/", "--output", "gs://b/out"], {"input": "gs://b/in", "output": "gs://b/out"}),
        (["--input", "/in2", "--output", "/in"], {"input": "/in2", "output": "/in"}),
        (["--input", "/in", "--output", "/in2"], {"output": "/in2"}),
        (["--input", "/out/in.txt", "--model", "/out/m"], {"input": "/out/in.txt", "model": "/out/m"}),
    ],
)  # fmt: skip
def test_flags_become_settings(arguments: list[str], values: dict[str, Any]) -> None:
    assert values_of(*arguments) == values


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stride-s", "5", "--window-s", "4"], "--stride-s is 5, more than --window-s, 4: parts of the video"),
        (["--window-s", "-1"], "--window-s must be a number, 0 or more, not -1"),
        (["--range-s", "0"], "--range-s must be a number greater than 0, not 0"),
        (["--min-score", "1.1"], "--min-score must be a number from 0 to 1, not 1.1"),
        (["--min-duration-s", "-1"], "--min-duration-s must be a number, 0 or more, not -1"),
        (["--min-duration-s", "inf"], "--min-duration-s must be a number, 0 or more, not inf"),
        (["--smooth", "2"], "--smooth must be an odd number of windows, not 2"),
        (["--top-k", "0"], "--top-k must be a whole number, 1 or more, not 0"),
        (["--limit", "-1"], "--limit must be a whole number, 0 or more, not -1"),
        (["--shards", "-2"], "--shards must be a whole number, 0 or more, not -2"),
        (["--workers", "-3"], "--workers must be a whole number, 0 or more, not -3"),
        (["--time-limit-s", "0"], "--time-limit-s must be a number greater than 0, not 0"),
        (["--memory-limit-mb", "63"], "--memory-limit-mb must be a whole number, 64 or more, not 63"),
        (["--max-failure-rate", "5"], "--max-failure-rate must be a number from 0 to 1, not 5"),
        (["--output", "/in"], "--output /in lies in --input /in; choose another folder"),
        (["--input", "\\\\nas\\v"], "--input is a network share of Windows: \\\\nas\\v. Mount it, and give the folder"),
        (["--output", "/in/labels"], "--output /in/labels lies in --input /in; choose another folder"),
        (["--output", "/else/../in/labels"], "--output /else/../in/labels lies in --input /in; choose another folder"),
        (["--output", "/m/labels"], "--output /m/labels lies in --model /m; choose another folder"),
        (["--input", "gs://b/in", "--output", "gs://b/in/out/"], "--output gs://b/in/out lies in --input gs://b/in; "),
        (["--input", "/", "--output", "/labels"], "--output /labels lies in --input /; choose another folder"),
        (["--lim", "3", "--input"], "--input needs a value. See --help"),
        (["--format", "xml"], "--format must be one of jsonl, csv, parquet, not 'xml'. See --help"),
        (["--config", "/no/such.yaml"], "no such configuration file: /no/such.yaml"),
        (["--config", "/"], "cannot read the configuration file /: Is a directory"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(arguments: list[str], message: str) -> None:
    assert message_of(*PATHS, *arguments).startswith(message)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("--model", "choose a model: --model FOLDER"),
        ("--input", "choose videos to label: --input PATH"),
        ("--output", "choose where to write the labels: --output FOLDER"),
    ],
)
def test_what_is_missing_is_asked_for(left_out: str, message: str) -> None:
    place = PATHS.index(left_out)
    rest = PATHS[:place] + PATHS[place + 2 :]
    assert message_of(*rest) == message
    assert message_of(*rest, left_out, "").startswith(f"{left_out} is empty (''). Give a path")


def test_the_rest_goes_to_beam() -> None:
    request = parse([*PATHS, "--runner=FlinkRunner", "--parallelism", "4", "--mod", "x"])
    assert (request.runner, request.beam_arguments) == ("FlinkRunner", ("--parallelism", "4", "--mod", "x"))
    assert parse(PATHS).runner == "DirectRunner"
    assert parse(PATHS).beam_arguments == ()


def test_relative_paths_are_taken_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = parse(["--model", "m", "--input", "videos/*.mp4", "--output", "out/"]).config
    assert (config.model, config.input) == (f"{tmp_path}/m", f"{tmp_path}/videos/*.mp4")
    assert config.output == f"{tmp_path}/out"


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_settings_come_from_a_file_and_flags_before_them(tmp_path: Path) -> None:
    text = "model: /m\ninput: /in\noutput: /out\nwindow-s: 4\nstride_s: 2.5\nwebvtt: true\ntop_k: 3\nformat: csv\n"
    config = parse(["--config", write(tmp_path / "c.yaml", text), "--top-k", "2", "--output", "/other"]).config
    assert config == LabelConfig("/in", "/other", "/m", 4, 2.5, webvtt=True, top_k=2, format="csv")
    assert parse([*PATHS, "--config", write(tmp_path / "empty.yaml", "# nothing\n")]).config == EMPTY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topk: 3", "{0}: unknown key 'topk'; did you mean top_k? Known keys: input, output, model, window_s, "),
        ("runner: FlinkRunner", "{0}: unknown key 'runner'"),
        ("webvtt: 1", "webvtt in {0} must be true or false, not 1"),
        ("format: [csv]", "format in {0} must be one of jsonl, csv, parquet, not ('csv',)"),
        ("window_s: yes", "window_s in {0} must be a number, 0 or more, not True"),
        ("- top_k", "{0} must contain lines `name: value`, not list"),
    ],
)
def test_a_file_that_means_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    name = write(tmp_path / "c.yaml", text)
    assert message_of(*PATHS, "--config", name).startswith(message.format(name))


def test_help_has_every_setting_and_its_default() -> None:
    """Each field has a flag of its own, whose help gives its purpose and its default."""
    text = re.sub(r"\s+", " ", make_parser().format_help()).partition("input and output:")[2]
    entries = dict(re.findall(r"(--[a-z-]+)[ ,](.*?)(?= --[a-z-]+[ ,]|$)", text))
    switches = set()
    for item in fields(LabelConfig):
        flag, default = "--" + item.name.replace("_", "-"), getattr(EMPTY, item.name)
        if isinstance(default, bool):
            switches.add(f"--no-{flag[2:]}")
            assert flag in entries and "(default: no)" in entries[f"--no-{flag[2:]}"]
        elif item.name not in ("input", "output", "model"):
            shown = f"{default:g}" if isinstance(default, float) else str(default)
            expected = rf"\(default: {shown}(, [^)]+)?\)" if shown else r"\(default: [^)]+\)"
            assert re.search(expected, entries[flag]), entries[flag]
    own = set(make_parser().flags)
    assert own == {f"--{item.name.replace('_', '-')}" for item in fields(LabelConfig)} | switches | {
        "--help", "--version", "--runner", "--config",
    }  # fmt: skip


def test_output_that_a_link_leads_into_the_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "videos")
    message = message_of(*PATHS, "--input", f"{tmp_path}/videos", "--output", f"{tmp_path}/link/labels")
    assert message.startswith(f"--output {tmp_path}/link/labels lies in --input {tmp_path}/videos")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")  # what lists or writes says what is wrong
    check_outside(f"{tmp_path}/circle/labels", input=f"{tmp_path}/videos", model=f"{tmp_path}/circle/model")
    with pytest.raises(UsageError, match="is a link that leads nowhere"):
        read_catalog(f"{tmp_path}/circle")
