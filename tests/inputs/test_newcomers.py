"""What people try first: each mistake ends with exit code 2 and one line that names the value and the remedy."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import files
from pipelines.cli import commands
from pipelines.cli.commands import COMMANDS
from pipelines.core.model_info import ModelInfo
from pipelines.core.spec import ClipSpec
from pipelines.files.nearest import nearest
from tests import ROOT
from tests.conftest import make_tree, preprocess, run_here
from tests.support.label_model import make_model
from tests.support.listings import touch

HOME = "/home/me"
"""What the page calls the folder in which the commands are run."""
_ROW = re.compile(r"^\| `(?P<command>[^`]+)` \| (?P<code>\d+) \| `(?P<message>[^`]+)` \| (?P<remedy>\S.*\S) \|$", re.M)


@dataclass(frozen=True)
class Mistake:
    """A row of the table: a command, its exit code, and its only line."""

    command: str
    code: int
    message: str


def mistakes() -> list[Mistake]:
    """The rows of the page, which is somewhere below docs/. A bar in a cell is written with a backslash before it."""
    [page] = (ROOT / "docs").rglob("errors.md")
    text = page.read_text().replace("\\|", "\0")
    found = [(row["command"], int(row["code"]), row["message"]) for row in _ROW.finditer(text)]
    return [Mistake(command.replace("\0", "|"), code, message.replace("\0", "|")) for command, code, message in found]


def tell(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Runs a command of the page in that folder, which is the current one; `har` in this process.

    In what it prints, that folder's path is left out, as on the page.
    """
    words = shlex.split(command)
    if words[0] == "har":
        known = words[1] in COMMANDS
        module, arguments = (COMMANDS[words[1]][0], words[2:]) if known else ("pipelines.har", words[1:])
        done = run_here(module, *arguments)
    else:
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, env=environment)
    return subprocess.CompletedProcess(
        words, done.returncode, done.stdout, done.stderr.replace(f"{home}/", "").replace(str(home), HOME)
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bit of everything. Tests must not change it."""
    root = tmp_path_factory.mktemp("here")
    make_tree(root / "UCF50", ("Run", "Wave"), groups=1, clips=2)
    touch(root, "UCF50.zip", "hmdb51_org.rar", "a.tar.gz", "b.7z", "packed/UCF50.rar", "one.mp4", "notes.txt", "m.h5")
    touch(root, "c.zip.001", "c.part2.rar", "c.r07", "table.ods", "net.onnx", "shards/train-000000.tar")
    (root / "download").write_bytes(b"PK\3\4")
    (root / "20bn-00").write_bytes(b"\x1f\x8b\x08\0")
    (root / "login.csv").write_text("<!DOCTYPE html><html><title>Sign in</title>")
    (root / "lfs.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n")
    (root / "truth.csv").write_text("path,label,start,end\na.mp4,Run,0,1\n")
    (root / "dead").symlink_to("nowhere")
    touch(root, "pictures/Run/1.jpg", "pictures/Run/2.png", "x.tfrecord", "p.jpg")
    touch(root, "dataset/dataset_info.json", "dataset/train-00000-of-00001.tfrecord", "unfinished/_state/layout.json")
    touch(root, "dataset/webdataset/train-00000.tar")
    touch(root, "run/metrics.json", "run/model/model_info.json", "run/history.csv", "folds/crossval.json")
    touch(root, "saved/saved_model.pb", "labels/_state/label_layout.json", "labels/labels-00000-of-00001.jsonl")
    make_model(root / "model")
    return root


@pytest.fixture(autouse=True)
def inside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)


SOURCES = [
    ("UCF50.zip", "UCF50.zip is an archive. Unpack it, then give the folder"),
    ("hmdb51_org.rar", "hmdb51_org.rar is an archive. Unpack it"),
    ("a.tar.gz", "a.tar.gz is an archive. Unpack it"),
    ("b.7z", "b.7z is an archive. Unpack it"),
    ("c.zip.001", "c.zip.001 is an archive. Unpack it"),
    ("c.part2.rar", "c.part2.rar is an archive. Unpack it"),
    ("c.r07", "c.r07 is an archive. Unpack it"),
    ("download", "download is a spreadsheet (.xlsx, .ods) or an archive. Unpack it, then give the folder"),
    ("20bn-00", "20bn-00 is a file compressed by gzip. Unpack it, then give the folder"),
    (
        "login.csv",
        "login.csv is a web page, as a server sends it that asks to sign in or to confirm. Download the file",
    ),
    ("lfs.csv", "lfs.csv is a pointer of Git LFS, which stands for a file that was not fetched. Run: git lfs pull"),
    ("table.ods", "table.ods is a spreadsheet. Save the table as CSV, in UTF-8, and give that file"),
    ("net.onnx", "net.onnx is a model. --input takes videos"),
    ("dataset/dataset_info.json", "dataset is a dataset, which pipelines.preprocess made from videos. Give the folder"),
    ("model/model_info.json", "model is a model. Give the folder of the videos"),
    ("packed", "packed: found 1 other file: archive 1 (UCF50.rar). Unpack UCF50.rar"),
    ("shards", "archive 1 (train-000000.tar). They seem to be shards of a WebDataset, which are not read: unpack the"),
    ("dataset/webdataset", "dataset is a dataset, which pipelines.preprocess made from videos. Give the folder of"),
    ("pictures", "picture 2 (Run/1.jpg, Run/2.png). Pictures can't be read; make a video"),
    ("p.jpg", "p.jpg is a picture, not a video"),
    ("m.h5", "m.h5 is a model. --input takes videos; python -m trainer.import_model --keras"),
    ("x.tfrecord", "x.tfrecord is part of a dataset. Give the folder of the videos"),
    ("dataset", "dataset is a dataset, which pipelines.preprocess made from videos. Give the folder of the videos"),
    ("unfinished", "unfinished is a dataset, which"),
    ("run", "run is the folder of a training run. Give the folder of the videos"),
    ("folds", "folds is the folder of a training run. Give"),
    ("model", "model is a model. Give the folder of the videos"),
    ("saved", "saved is a SavedModel. Give the folder of the videos"),
    ("labels", "labels holds labels, which pipelines.label gave to videos. Give the folder of the videos"),
    ("gs://", "--input names no bucket: gs://"),
    ("https://example.com/a.mp4", "--input: https://example.com/a.mp4: videos are not fetched from the web"),
    ("hdfs://name/videos", "hdfs://name/videos: unknown kind of store. Use gs://, s3:// or a path on this machine"),
    ("UCF5O", "UCF5O; did you mean {0}/UCF50?"),
    ("ucf50/run", "ucf50/run; did you mean {0}/UCF50/Run?"),
]


IMPORT = ["--num-frames", "2", "--size", "16", "--scale", "0-1", "--output", "imported"]


def check(done: object, words: str, here: Path) -> None:
    code, err, out = (getattr(done, name) for name in ("returncode", "stderr", "stdout"))
    assert (code, out) == (2, ""), err
    assert err.startswith("error: ") and err.count("\n") == 1, err
    assert words.format(here) in err, err


@pytest.mark.parametrize(("source", "words"), SOURCES)
def test_what_is_no_input(source: str, words: str, here: Path, tmp_path: Path) -> None:
    check(preprocess("--input", source, "--output", tmp_path / "out"), words, here)
    label = run_here("pipelines.label", "--model", "model", "--input", source, "--output", tmp_path / "labels")
    check(label, words, here)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input", ""], "--input is empty"),
        (["--input", "*.mp4"], "no such folder or manifest: {0}/*.mp4. A pattern can't be the input: give the folder"),
        (
            ["--input", "UCF50/Run/v_Run_g01_c01.avi", "UCF50/Run/v_Run_g01_c02.avi"],
            "'UCF50/Run/v_Run_g01_c02.avi': the shell expands a pattern into file names; put it in quotes",
        ),
        (["--input", "UCF50", "--classes", "Run", ",Wave"], "without spaces (Run,Wave), or in quotes"),
        (["--input", "UCF50", "--splits", "train=0.8,", "test=0.2"], "(train=0.8,test=0.2), or in quotes"),
        (
            ["--input", "UCF50", "--classes", "air", "drumming"],
            "'drumming': every value must follow its flag, in",
        ),
        (["UCF50"], "unexpected argument 'UCF50': every value must follow its flag"),
        (["--input", "UCF50", "--outptu", "o"], "unknown flag --outptu; did you mean --output? See --help"),
        (["--input", "UCF50", "-o", "o"], "unknown flag -o; did you mean --output? See --help"),
        (
            ["--input", "UCF50", "--dry-run"],
            "unknown flag --dry-run. To look at videos without writing: python -m pipelines.doctor --input PATH",
        ),
        (["--input", "UCF50", "--size", "64x"], "--size must be a number or HEIGHTxWIDTH, not '64x'"),
        (["--input", "UCF50", "--size", "64,64"], "--size must be a number or HEIGHTxWIDTH, not '64,64'"),
        (["--input", "UCF50", "--size", "64\u00d70"], "--size: width must be a whole number from 8 to 4096, not 0"),
        (["--input", "UCF50", "--splits", "train=0.9,train=0.8,test=0.2"], "the split 'train' is named twice in"),
        (["--input", "UCF50", "--split-file", "note.txt"], "no such split file: note.txt; did you mean {0}/notes.txt?"),
    ],
)
def test_what_preprocess_refuses(arguments: list[str], words: str, here: Path, tmp_path: Path) -> None:
    check(preprocess(*arguments, "--output", tmp_path / "out"), words, here)
    assert not list(tmp_path.iterdir())


@pytest.mark.process
def test_a_quoted_list_may_have_spaces(tmp_path: Path) -> None:
    more = ("--classes", "Run, Wave", "--num-frames", 2, "--size", 16)
    assert preprocess("--input", "UCF50", "--output", tmp_path / "out", *more).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "dataset"], "dataset is a dataset, not a model. Train one on it: python -m trainer.task"),
        (["--model", "labels"], "labels holds labels, not a model"),
        (["--model", "saved"], "saved is a SavedModel which doesn't say how its clips are made. Import it first"),
        (["--model", "modle"], "there is no such folder; did you mean {0}/model?"),
        (["--model", "UCF50"], "no model in {0}/UCF50: there is no model_info.json. Models come from"),
        (["--model", "model", "here"], "'here': every value must follow its flag"),
        (["--model", "model", "--input", "nothing/*.mp4"], "no such folder: {0}/nothing"),
        (["--model", "model", "--input", "UCF50/Run/*.mkv"], "no videos in {0}/UCF50/Run/*.mkv: found nothing"),
        (["--model", "model", "--input", "UCF50/Run/v_Run_g01_c01.avi", "one.mp4"], "the shell expands a pattern into"),
    ],
)
def test_what_label_refuses(arguments: list[str], words: str, here: Path, tmp_path: Path) -> None:
    source = [] if "--input" in arguments else ["--input", "UCF50"]
    check(run_here("pipelines.label", *arguments, *source, "--output", tmp_path / "labels"), words, here)


@pytest.mark.parametrize("tool", [["trainer.task"], ["trainer.crossval", "--folds", "3"]])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (["run"], "run is the folder of a training run, not a dataset. Give the folder that pipelines.preprocess has"),
        (["folds"], "folds is the folder of a training run, not a dataset"),
        (["model"], "model is a model, not a dataset. Give the folder that pipelines.preprocess has written"),
        (["saved"], "saved is a SavedModel, not a dataset"),
        (["labels"], "labels holds labels, not a dataset"),
        (["datset"], "there is no folder {0}/datset; did you mean {0}/dataset? Correct the path"),
        (["dataset", "run"], "'run': the shell expands a pattern into file names; put it in quotes"),
    ],
)
def test_what_is_no_data(tool: list[str], data: list[str], words: str, here: Path, tmp_path: Path) -> None:
    done = run_here(*tool, "--model", "lrcn", "--output", tmp_path / "run", "--data", *data)
    check(done, words, here)


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        ("pipelines.verify", ["datset"], "there is no folder {0}/datset; did you mean {0}/dataset?"),
        ("pipelines.verify", [""], "the folder is empty ('')"),
        ("trainer.task", ["--model", "lrcn", "--data", ""], "--data is empty"),
        ("trainer.import_model", [*IMPORT, "--keras", "", "--labels", "notes.txt"], "--keras is empty"),
        ("trainer.import_model", [*IMPORT, "--keras", "m.h5", "--labels", ""], "--labels is empty"),
        ("trainer.compare", ["rum"], "no such run: rum; did you mean {0}/run?"),
        ("trainer.compare", ["dataset"], "dataset is a dataset, not a run. Give the folder that a training run has"),
        ("trainer.compare", ["model"], "model is a model, not a run. Give the folder that a training run has written"),
        ("trainer.compare", ["labels"], "labels holds labels, not a run. Give the folder"),
        ("trainer.compare", ["one.mp4"], "one.mp4 is a file: give the folder of the run, not a file"),
        (
            "pipelines.verify",
            ["dead"],
            "no folder {0}/dead, as {0}/dead is a link that leads nowhere. Correct the path",
        ),
        (
            "pipelines.verify",
            ["pictures"],
            "pictures is not a dataset: it has no dataset_info.json, which preprocessing",
        ),
        *(
            (f"pipelines.{tool}", ["--labels", labels, *more], words)
            for tool, more in (
                ("evaluate", ["--truth", "truth.csv"]),
                ("select", ["--budget", "1", "--output", "s.csv"]),
                ("export", ["--format", "csv", "--output", "e"]),
            )
            for labels, words in (
                ("dataset", "dataset is a dataset, not a folder of labels. Give the folder that pipelines.label has"),
                ("model", "model is a model, not a folder of labels. Give the folder that pipelines.label has written"),
                ("run", "run is the folder of a training run, not one of labels. Give the folder"),
                ("UCF50", "UCF50 is a folder of videos, not of labels. Label them first: python -m pipelines.label"),
                ("UCF50.zip", "UCF50.zip is a file. Give the folder of labels, which pipelines.label has written"),
                ("lables", "no complete labels in {0}/lables: there is no such folder; did you mean {0}/labels?"),
            )
        ),
    ],
)
def test_other_tools_name_what_is_nearest(module: str, arguments: list[str], words: str, here: Path) -> None:
    check(run_here(module, *arguments), words, here)


def test_the_nearest_name(tmp_path: Path) -> None:
    touch(tmp_path, "videos/train/a.mp4", "other/b.mp4")
    assert nearest(f"{tmp_path}/vidoes/train") == f"; did you mean {tmp_path}/videos/train?"
    assert nearest(f"{tmp_path}/vidoes/test") == ""
    assert nearest(f"{tmp_path}/videos/train/b.mp4") == f"; did you mean {tmp_path}/videos/train/a.mp4?"
    (tmp_path / "link").symlink_to("link")
    assert nearest(f"{tmp_path}/link/a") == f", as {tmp_path}/link is a link that leads nowhere"
    assert nearest(f"{tmp_path}/xyz") == ""


def test_what_a_file_names_may_be_in_a_store() -> None:
    for root in ("/lists", "gs://bucket/lists"):
        assert files.locate(root, "a/b.mp4") == f"{root}/a/b.mp4"
        assert files.locate(root, "gs://other/a.mp4") == "gs://other/a.mp4"
        assert files.locate(root, "/a.mp4") == "/a.mp4"
    for path, place in (
        ("./a.mp4", "lists/a.mp4"),
        ("../v/./b/../a.mp4", "v/a.mp4"),
        ("../../a.mp4", "lists/../../a.mp4"),  # out of the bucket
        (".a/..b/c...mp4", "lists/.a/..b/c...mp4"),
        ("a//b.mp4", "lists/a//b.mp4"),
    ):
        assert files.locate("gs://bucket/lists", path) == f"gs://bucket/{place}"


@pytest.mark.parametrize("mark", ["dataset_info.json", "metrics.json"])
@pytest.mark.process
def test_videos_beside_a_file_of_such_a_name_are_an_input(mark: str, tmp_path: Path) -> None:
    make_tree(tmp_path / "in", ("Run",), groups=1, clips=1)
    touch(tmp_path, f"in/{mark}")
    more = ("--num-frames", 2, "--size", 16)
    assert preprocess("--input", tmp_path / "in", "--output", tmp_path / "out", *more).returncode == 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of docs/errors.md: good and bad inputs of all kinds. No command there writes anything."""
    home = tmp_path_factory.mktemp("home")
    make_tree(home / "UCF50", ("Run", "Wave"), groups=3, clips=1)
    make_tree(home / "one-class", ("Run",), groups=3, clips=1)
    (home / "clips").mkdir()
    for number in (1, 2):
        shutil.copy(home / f"UCF50/Run/v_Run_g0{number}_c01.avi", home / f"clips/{number}.avi")
    touch(home, "UCF50.rar", "UCF50.zip", "jump.avi", "notes.txt", "lrcn.keras", "videos.xlsx", "videos.txt")
    touch(home, "run/metrics.json", "run/model/saved_model/saved_model.pb")
    (home / "run/model/model_info.json").write_text(ModelInfo("lrcn", "default", ClipSpec(), ("Run", "Wave")).to_json())
    (home / "empty").mkdir()
    video = "UCF50/Run/v_Run_g01_c01.avi"
    for name, text in {
        "no-header.csv": f"{video},Run,g01\n",
        "other-names.csv": f"filename,class\n{video},Run\n",
        "spaces.csv": f"path label\n{video} Run\n",
        "too-many.csv": f"path,label\n{video},Run, fast\n",
        "moved.csv": "path,label\nold/1.avi,Run\nold/2.avi,Wave\n",
        "two-labels.csv": f"path,label\n{video},Run\n{video},Wave\n",
        "typo.yaml": "num_frame: 20\n",
    }.items():
        (home / name).write_text(text)
    (home / "excel.csv").write_bytes(f"path,label\n{video},Fußball\n".encode("cp1252"))
    make_tree(home / "one-group", ("Run", "Wave"), groups=1, clips=2)
    for source, name in (("UCF50", "dataset"), ("one-class", "one-class-dataset"), ("one-group", "one-group-dataset")):
        preprocess("--input", home / source, "--output", home / name, "--num-frames", 4, "--size", 32, code=0)
    return home


def test_the_page_has_many_mistakes() -> None:
    assert len(mistakes()) > 40


@pytest.mark.parametrize("mistake", mistakes(), ids=lambda mistake: mistake.command)
@pytest.mark.process
def test_what_the_page_says(mistake: Mistake, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_names", {})
    commands.use_short_names()
    monkeypatch.chdir(home)
    before = sorted(home.rglob("*"))
    done = tell(mistake.command, home)
    assert (done.returncode, done.stderr, done.stdout) == (mistake.code, f"{mistake.message}\n", "")
    assert sorted(home.rglob("*")) == before


REFUSALS = {
    "pipelines.preprocess": [
        ["--input", "nowhere", "--output", "out"],
        ["--input", "clips", "--output", "out"],
        ["--input", "empty", "--output", "out"],
        ["--input", "no-header.csv", "--output", "out"],
        ["--input", "moved.csv", "--output", "out"],
        ["--input", "UCF50", "--output", "clips"],
        ["--input", "UCF50", "--output", "dataset"],
        ["--input", "UCF50", "--output", "notes.txt"],
        ["--input", "UCF50", "--output", "out", "--classes", "Jump"],
        ["--input", "UCF50", "--output", "out", "--split-file", "nowhere.txt"],
    ],
    "pipelines.label": [
        ["--model", "nowhere", "--input", "UCF50", "--output", "out"],
        ["--model", "run/model", "--input", "nowhere", "--output", "out"],
        ["--model", "run/model", "--input", "empty", "--output", "out"],
        ["--model", "run/model", "--input", "UCF50", "--output", "clips"],
        ["--model", "run/model", "--input", "UCF50", "--output", "out", "--window-s", "1", "--stride-s", "2"],
    ],
    "trainer.task": [
        ["--model", "lrcn", "--data", "nowhere"],
        ["--model", "lrcn", "--data", "UCF50"],
        ["--model", "lrcn", "--data", "one-class-dataset"],
        ["--model", "lrcn", "--data", "one-group-dataset"],
        ["--model", "lrcn", "--data", "dataset", "--output", "clips"],
    ],
    "trainer.export": [
        ["nowhere", "--to", "tflite"],
        ["clips", "--to", "onnx", "--int8"],
        ["UCF50", "--to", "tflite", "--data", ""],
    ],
    "trainer.import_model": [
        ["--keras", "lrcn.keras", "--labels", "notes.txt", "--num-frames", "2", "--size", "16", "--scale", "0-1",
         "--output", "clips"],
    ],
}  # fmt: skip
CODE = """
import contextlib, importlib, io, json, sys
from pipelines.cli import tool
from pipelines.process import background
background.PATIENCE_S = 60  # imports that nobody asked for begin after this time, which a loaded machine can take
run = importlib.import_module(sys.argv[1]).run
for arguments in json.loads(sys.argv[2]):
    with contextlib.redirect_stderr(io.StringIO()) as error:
        code = tool.run_tool(run, arguments)
    heavy = [name for name in ("apache_beam", "tensorflow", "keras") if name in sys.modules]
    print(json.dumps([arguments, code, error.getvalue().count("\\n"), heavy]))
"""


@pytest.mark.parametrize("module", REFUSALS)
@pytest.mark.process
def test_refused_without_beam_and_tensorflow(module: str, home: Path) -> None:
    """What needs neither is said before they are imported, which takes seconds."""
    command = [sys.executable, "-c", CODE, module, json.dumps(REFUSALS[module])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, check=True)
    for line in done.stdout.splitlines():
        arguments, code, lines, heavy = json.loads(line)
        assert code in (2, 4) and lines == 1 and not heavy, (arguments, code, lines, heavy)
    assert done.stdout.count("\n") == len(REFUSALS[module])
