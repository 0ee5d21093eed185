"""docs/how-to/ucf50.md: its commands are understood by the tools they call, and follow from one another."""

import re
import shlex

import pytest

from pipelines import verify
from pipelines.dataset import flags as preprocess
from pipelines.fetching import flags as download
from tests import ROOT
from trainer import compare, crossval, flags
from trainer.evaluation.markdown import is_comparison

PAGE = (ROOT / "docs" / "how-to" / "ucf50.md").read_text()


def commands(section: str) -> list[tuple[str, list[str]]]:
    """Module and arguments of each command below a heading."""
    [text] = re.findall(rf"^## {section}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    blocks = "".join(re.findall(r"^```bash\n(.*?)^```$", text, re.M | re.S))
    words = [shlex.split(line) for line in blocks.replace("\\\n", " ").splitlines()]
    assert all(word[:2] == ["python", "-m"] for word in words)
    return [(word[2], word[3:]) for word in words]


def folders(module: str, arguments: list[str]) -> tuple[list[str], str]:
    """The folders that a command reads, and the one that it makes, as its tool understands them."""
    if module == "pipelines.download":
        request = download.parse(arguments)
        return [], f"{request.output}/{request.dataset.videos.folder}"
    if module == "pipelines.preprocess":
        config = preprocess.parse(arguments).config
        return [config.input], config.output
    if module == "pipelines.verify":
        return [verify.make_parser().parse_own(arguments)["dataset"]], ""
    if module == "trainer.compare":
        options = compare.make_parser().parse_own(arguments)
        assert options["markdown"] == "-"
        return options["runs"], ""
    parser = crossval.make_parser() if module == "trainer.crossval" else flags.make_parser("trainer.task", "")
    training = flags.make_config(flags.parse(parser, arguments))
    return [training.data], training.output


@pytest.mark.parametrize("section", ["Five commands", "A subset, to try it first"])
def test_each_command_finds_what_those_before_it_made(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    made = {str(ROOT / "data" / "UCF50")} if section != "Five commands" else set()
    for module, arguments in commands(section):
        read, written = folders(module, arguments)
        assert {str(ROOT / folder) for folder in read} <= made, (module, arguments)
        made |= {written} if written else set()
    lower = {folder.lower() for folder in made}
    assert len(lower) == len(made)  # also on disks that take capital and small letters for the same


def test_five_commands() -> None:
    assert [module for module, _ in commands("Five commands")] == [
        *("pipelines.download", "pipelines.preprocess", "pipelines.verify", "trainer.crossval", "trainer.compare")
    ]


def test_the_empty_table_is_the_one_that_is_printed() -> None:
    table = PAGE[PAGE.rindex("| Run |") :]
    assert is_comparison(table) and table.splitlines()[0] == compare.render_markdown([], []).splitlines()[0]


def test_the_arithmetic() -> None:
    """The figures that are worked out from others agree with them."""
    clips = 6681 * 24 / 25 * 0.85
    all_clips = clips * 40 * 25
    assert round(clips) == 5452 and round(all_clips / 1e6, 2) == 5.45
    assert [round(all_clips / rate / 3600) for rate in (137, 360 * 30 / 205, 68, 360 * 30 / 334)] == [11, 29, 22, 47]
    assert [round(all_clips / rate / 60) for rate in (3348, 2820, 992)] == [27, 32, 92]
    single = 6681 * 0.8 * 30
    assert round(single, -3) == 160_000 and [round(single / rate / 60) for rate in (137, 360 * 30 / 205)] == [20, 51]
    assert "20 to 51 min" in (ROOT / "README.md").read_text()
    assert [round(6681 / rate) for rate in (114, 87)] == [59, 77] and round(3_233_554_570 * 8 / 1e8) == 259
    assert round(6681 * 20 * 64 * 64 * 3 / 1e9, 1) == 1.6
    measured = {
        "benchmarks/README.md": (
            "|    137 |",
            "|     68 |",
            "|    992 |",
            "|    114.2 |",
            "(87 and 95 videos a second)",
        ),
        "docs/explanation/results.md": ("| 205 s |", "| 334 s |", "(360, 72 and 168 clips)"),
        "docs/how-to/train.md": ("| 3,348 | 2,820 |",),
    }
    for name, figures in measured.items():
        text = (ROOT / name).read_text()
        assert not [figure for figure in figures if figure not in text], name
