"""Flags made from dataclasses: their help, their values, and the messages about mistakes, the same for every tool."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.cli.flags import add_config, add_flags, read_given
from pipelines.cli.near_flags import near_flag
from pipelines.cli.parser import Parser
from pipelines.core.errors import UsageError
from pipelines.core.settings.fields import Group, Name, SettingError, check_settings, setting, setting_like

GROUP = Group("group", "All of them.")


@dataclass(frozen=True)
class Config:
    name: str = setting(group=GROUP, metavar="NAME", help="a name of 100% text")
    count: int = setting(3, group=GROUP, metavar="N", low=1, high=9, help="how many")
    share: float = setting(0.0, group=GROUP, metavar="SHARE", low=0, high=1, automatic="a half", help="how much")
    kind: str = setting("a", group=GROUP, choices=("a", "b"), help="which")
    classes: tuple[str, ...] = setting((), group=GROUP, metavar="A,B", automatic="all", help="some")
    files: tuple[str, ...] = setting((), group=GROUP, metavar="FILE", repeated=True, automatic="none", help="others")
    fast: bool = setting(False, group=GROUP, help="faster")

    def __post_init__(self) -> None:
        check_settings(self)
        if self.count == 7:
            raise SettingError("{} and {} don't go together", Name("count"), Name("kind"))


@dataclass(frozen=True)
class Like:
    number: int = setting_like(Config, "count", help="the same")
    needed: int = setting_like(Config, "count")

    def __post_init__(self) -> None:
        check_settings(self)


def make_parser() -> Parser:
    parser = Parser("some.tool", "Does something.")
    add_flags(parser, Config)
    add_config(parser, GROUP)
    return parser


def read(*arguments: str) -> Config:
    return read_given(make_parser(), arguments, Config, alternatives=("classes", "files")).build(Config)


def message_of(*arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        read("--name", "x", *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_value_that_a_later_one_overrides_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert read("--name", "x", "--count", "2", "--count=2").count == 2
    assert capsys.readouterr().err == ""
    assert read("--name", "x", "--count", "2", "--count=3").count == 3
    assert capsys.readouterr().err == "note: --count is given twice, with '2' and with '3': the last one counts\n"


def test_help_shows_each_default_in_the_same_form() -> None:
    text = re.sub(r"\s+", " ", make_parser().format_help())
    for entry in (
        "--name NAME a name of 100% text --count",
        "--count N how many (default: 3)",
        "--share SHARE how much (default: 0, a half)",
        "--kind {a,b} which (default: a)",
        "--classes A,B some (default: all)",
        "--files FILE [FILE ...] others (default: none)",
        "--fast, --no-fast faster (default: no)",
        "May be repeated: later files override earlier ones, and command-line flags override files",
        "group: All of them. --name",
    ):
        assert entry in text


def test_later_files_override_earlier_ones_and_flags_override_files(tmp_path: Path) -> None:
    first = write(tmp_path / "1.yaml", "name: one\ncount: 4\nkind: b\nfast: true\nclasses: A, B\n")
    second = write(tmp_path / "2.yaml", "count: 5\nclasses: [C]\n")
    assert read("--config", first) == Config("one", 4, kind="b", fast=True, classes=("A", "B"))
    both = ("--config", first, "--config", second)
    assert read(*both) == Config("one", 5, kind="b", fast=True, classes=("C",))
    assert read(*both, "--count", "6", "--no-fast") == Config("one", 6, kind="b", classes=("C",))
    assert read(*both, "--files", "x", "y", "--files", "z").files == ("x", "y", "z")
    assert read(*both, "--count", "6", "--count=6", "--classes", "\u2013, C").classes == ("\u2013", "C")
    assert read(*both, "--files", "x").classes == ()  # alternatives: the flag overrides both
    small = write(tmp_path / "small.yaml", "name: one\nshare: 1e-3\n")  # a text, to YAML
    assert read("--config", small).share == 0.001
    third = write(tmp_path / "3.yaml", "files: x\n")
    assert (read(*both, "--config", third).files, read(*both, "--config", third).classes) == (("x",), ())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "0"], "--count must be a whole number from 1 to 9, not 0"),
        (["--count", "x"], "--count must be a whole number from 1 to 9, not 'x'. See --help"),
        (["--share", "nan"], "--share must be a number from 0 to 1, not nan"),
        (["--share=2.0"], "--share must be a number from 0 to 1, not 2"),
        (["--kind", "c"], "--kind must be one of a, b, not 'c'. See --help"),
        (["--count"], "--count needs a value. See --help"),
        (["--files"], "--files needs a value. See --help"),
        (["--fast=1"], "--fast takes no value, but got '1'. See --help"),
        (["--coun", "3"], "unknown flag --coun; did you mean --count? See --help"),
        (["--zzz", "3"], "unknown flag --zzz. See --help"),
        (["--force"], "unknown flag --force. See --help"),  # this tool has no --overwrite
        (["stray"], "unexpected argument 'stray': every value must follow its flag, in quotes if it contains"),
        (["--count", "7"], "--count and --kind don't go together"),
        (["--classes", ""], "--classes: '' is an empty list. Leave the flag out for its default. See --help"),
        (["--classes", " , "], "--classes: ' , ' is an empty list."),
        (
            ["--files", ""],
            "--files is empty (''). Give a path, or leave out a flag that you don't need",
        ),
        (["--files= "], "--files is empty (' '). Give a path, or leave out a flag that you don't need"),
        (
            ["--count", "=", "3"],
            "--count must be a whole number from 1 to 9, not '='. Write a flag and its value without",
        ),
        (["--count", "=3"], "--count must be a whole number from 1 to 9, not '=3'. Write a flag and its value without"),
        (
            ["\u2013count", "3"],
            "unexpected argument '\u2013count': it begins with a dash of word processors, not a hyphen;",
        ),
        (
            ["--classes", "\u2014fast"],
            "unexpected argument '\u2014fast': it begins with a dash of word processors, not a",
        ),
    ],
)
def test_mistakes_on_the_command_line_are_told_by_flag(arguments: list[str], message: str) -> None:
    assert message_of(*arguments).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count: 0", "count in {0} must be a whole number from 1 to 9, not 0"),
        ("count: x", "count in {0} must be a whole number from 1 to 9, not 'x'"),
        ("count: true", "count in {0} must be a whole number from 1 to 9, not True"),
        ("count: 2.0", "count in {0} must be a whole number from 1 to 9, not 2.0"),
        ("count:", "count in {0} must be a whole number from 1 to 9, not None"),
        ("kind: c", "kind in {0} must be one of a, b, not 'c'"),
        ("count: 7", "count in {0} and --kind don't go together"),
        ("counts: 7", "{0}: unknown key 'counts'; did you mean count? Known keys: name, count, share"),
        ("count: [", "{0} is not valid YAML: "),
        ("count: 1\ncount: 2", "{0}, line 2: count is given twice. Remove one of the lines"),
        ("no-such: 1\nno_such: 2", "{0}, line 2: no_such is given twice"),
        ("name: caf\udce9", "{0}, line 1: byte 0xe9 (byte 10 of the file) is not UTF-8"),
    ],
)
def test_mistakes_in_a_file_are_told_by_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    name = str(tmp_path / "c.yaml")
    Path(name).write_text(text, errors="surrogateescape")
    assert message_of("--config", name).startswith(message.format(name))


def test_a_missing_setting_is_told_by_flag() -> None:
    with pytest.raises(UsageError, match="^--name is missing. See --help$"):
        read()


def test_the_dataclass_itself_tells_names_of_python() -> None:
    for kind in (UsageError, ValueError):
        with pytest.raises(kind, match="^count must be a whole number from 1 to 9, not 10$"):
            Config("x", count=10)
    with pytest.raises(ValueError, match="^count and kind don't go together$"):
        Config("x", count=7)
    with pytest.raises(ValueError, match=re.escape("files must be a list of texts, not 'x'")):
        Config("x", files="x")  # type: ignore[arg-type]
    assert Config("x", files=["a"]).files == ("a",)  # type: ignore[arg-type]
    assert Config("x", share=1).share == 1


def test_a_setting_like_another_has_its_range_and_default() -> None:
    assert Like() == Like(3, 3)
    with pytest.raises(ValueError, match="number must be a whole number from 1 to 9, not 10"):
        Like(10)


def test_words_of_others_lead_to_our_flags() -> None:
    from pipelines.dataset.flags import make_parser as of_preprocess
    from pipelines.labelling.flags import make_parser as of_label
    from trainer.flags import make_parser as of_task

    task = "lr learning-rate, batch batch-size, input data, gpus strategy, out output, epoch epochs, force overwrite"
    label = "threshold min-score, videos input, out output, jobs workers, stride stride-s, timeout time-limit-s"
    preprocess = (
        "frames num-frames, videos input, width size, seed split-seed, num_frames num-frames, Num-Frame num-frames"
    )
    tools = ((task, of_task("trainer.task", "").flags), (label, of_label().flags), (preprocess, of_preprocess().flags))
    for words, known in tools:
        for pair in words.split(", "):
            word, flag = pair.split()
            assert near_flag(f"--{word}", known) == f"; did you mean --{flag}?"


def test_flags_that_are_not_given_are_absent() -> None:
    assert vars(make_parser().parse_known_args([])[0]) == {}


def test_limit_and_overwrite_read_alike_in_every_tool() -> None:
    from pipelines.dataset.flags import make_parser as of_preprocess
    from pipelines.labelling.flags import make_parser as of_label
    from trainer.flags import make_parser as of_task

    def entry(parser: Parser, flag: str) -> str:
        return next(str(action.help) for action in parser._actions if flag in action.option_strings)

    parsers = [of_preprocess(), of_label(), of_task("trainer.task", "")]
    assert len({entry(parser, "--overwrite") for parser in parsers}) == 1
    assert len({entry(parser, "--limit") for parser in parsers[:2]}) == 1
