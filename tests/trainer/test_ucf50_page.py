"""docs/how-to/ucf50.md: its figures agree. Its commands run in tests/test_documents.py."""

import re

from tests import ROOT
from trainer import compare
from trainer.evaluation.markdown import is_comparison

PAGE = (ROOT / "docs" / "how-to" / "ucf50.md").read_text()


def test_no_two_folders_are_one_where_capitals_do_not_count() -> None:
    made = {"data/UCF50", *re.findall(r"--output (\S+/\S+)", PAGE)}
    assert len({folder.lower() for folder in made}) == len(made) > 5


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
