"""Both jobs from bucket to bucket, on both stores: the same results as on local files, one clear line for mistakes."""

import json
import os
import re
from pathlib import Path

import pytest

from pipelines import files
from pipelines.core.errors import OutputError, UsageError, UserError
from pipelines.core.video_files import FileInfo
from pipelines.dataset.listing import read_split_files
from tests.conftest import contents, run_here, run_tool
from tests.support.fault_proxy import Fault
from tests.support.store_tools import (
    SIZE,
    Place,
    TheError,
    is_content,
    lost_after,
    run_label,
    run_preprocess,
    store_model,
    with_place,
)  # fmt: skip
from tests.support.store_tools import greys as greys
from tests.support.store_tools import here as here
from tests.support.store_tools import place as place
from tests.support.store_tools import the_error as the_error
from trainer.config import TrainConfig
from trainer.data.check import open_dataset
from trainer.data.features import open_features

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("here")]
LABELS = "labels-00000-of-00001.jsonl"


@pytest.fixture(scope="module")
def model(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_model(place.server, tmp_path_factory.mktemp("model"), f"{place.root}/model")


def test_a_dataset_is_the_same_from_bucket_to_bucket(place: Place, tree: Path, dataset: Path) -> None:
    """The process that makes it gets S3's endpoint by the name `S3_ENDPOINT`; later ones get it by AWS's."""
    source, output, environment = f"{place.root}/ucf/videos", f"{place.root}/whole/out", {**place.environment}
    if place.root.startswith("s3"):
        environment["S3_ENDPOINT"] = environment.pop("AWS_ENDPOINT_URL")
    place.server.put_tree(tree, source)
    done = run_tool("pipelines.preprocess", "--input", source, "--output", output, *SIZE, env=environment)
    assert done.returncode == 0, done.stderr
    assert place.server.contents(output) == with_place(contents(dataset), tree, source)
    before = place.server.generations(output)
    run_preprocess(source, output)
    after = place.server.generations(output)
    lasting = [name for name in before if name.endswith(".tfrecord") or name.startswith("_state/shards/")]
    assert len(lasting) == 16 and all(before[name] == after[name] for name in lasting)
    assert place.server.contents(output) == with_place(contents(dataset), tree, source)
    assert not [name for name in (*before, *after) if "tmp" in name or "plan" in name]
    verified = run_here("pipelines.verify", output)
    assert verified.returncode == 0 and f"All 30 records of {output} are intact." in verified.stdout


def test_labels_are_the_same_from_bucket_to_bucket(place: Place, model: Path, greys: Path, tmp_path: Path) -> None:
    source, output = f"{place.root}/new/greys", f"{place.root}/labels"

    def rows_of(folder: str) -> list[str]:
        return [json.loads(line)["video"] for line in place.server.get(f"{folder}/{LABELS}").splitlines()]

    def scored() -> int:
        return int(json.loads(place.server.get(f"{output}/summary.json"))["rates"]["videos_scored"])

    place.server.put_tree(greys, source)
    run_label(model, greys, tmp_path / "labels", "--webvtt")
    run_label(f"{place.root}/model", source, output, "--webvtt")
    remote = place.server.contents(output)
    local = with_place({"": (tmp_path / "labels" / LABELS).read_bytes()}, greys, source)[""]
    assert remote[LABELS] == local and local.count(b"\n") >= 4
    assert set(remote) == set(contents(tmp_path / "labels")) and scored() == 4
    assert [json.loads(line)["video"] for line in remote["failures.jsonl"].splitlines()] == ["broken.mp4"]

    place.server.put(f"{source}/c.mp4", (greys / "a" / "jump.mp4").read_bytes())
    run_label(f"{place.root}/model", source, output, "--webvtt")
    assert scored() == 1 and "c.mp4" in rows_of(output)
    place.server.put(f"{place.root}/new/list.txt", f"greys/a/jump.mp4\n{source}/c.mp4\ngreys/none.mp4\n".encode())
    listed = f"{place.root}/listed"
    run_label(f"{place.root}/model", f"{place.root}/new/list.txt", listed)
    assert rows_of(listed) == ["greys/a/jump.mp4", f"{source}/c.mp4"]
    (failure,) = map(json.loads, place.server.get(f"{listed}/failures.jsonl").splitlines())
    assert (failure["video"], failure["type"]) == ("greys/none.mp4", "FileNotFoundError")


@pytest.mark.training
def test_features_are_the_same_from_bucket_to_bucket(place: Place, dataset: Path, features: Path) -> None:
    """A job whose permission is lost resumes; the trainer has the same shards, or names those that it can't have."""
    data, output = f"{place.root}/seen/dataset", f"{place.root}/seen/out"
    place.server.put_tree(dataset, data)
    words = ("--data", data, "--output", output)
    with place.proxy.faulty(lost_after(6, "seen/out/")):
        failed = run_here("pipelines.features", *words, code=4).stderr
    assert f"error: cannot write {output}/" in failed and failed.endswith("again: finished shards are kept\n")
    kept = [name for name in place.server.generations(output) if name.startswith("_state/shards/")]
    assert kept and f"{len(kept)} of 8 shards already" in run_here("pipelines.features", *words, code=0).stderr
    remote, local = place.server.contents(output), contents(features)
    where = os.path.relpath(dataset, features).encode()
    assert remote == {name: file.replace(where, data.encode()) for name, file in local.items()}
    assert set(place.server.generations(output)) == {
        path.relative_to(features).as_posix() for path in features.rglob("*") if path.is_file() and path.name != "lock"
    }
    verified = run_here("pipelines.verify", output, code=0).stdout
    assert f"All 30 records of {output} are intact, and of efficientnet-lite0" in verified

    config = TrainConfig("appearance", data, "run", appearance="efficientnet-lite0", features=output)
    cut = Fault(cut=100)
    with open_features(config, open_dataset(data)) as opened:
        assert opened and opened.copies
        for shard in opened.info.splits["train"].shards:
            with opened.copies.held(f"{output}/{shard.name}") as path:
                assert Path(path).read_bytes() == local[shard.name]
    with (
        place.proxy.faulty(lambda *request: cut if is_content(*request) and "out/val-00000" in request[1] else None),
        pytest.raises(UserError) as caught,
        open_features(config, open_dataset(data)),
    ):
        pass
    # Nothing says that it is damaged, or that it should be removed.
    unread = rf"1 of 8 shards of {output} can't be checked:\n  val-00000\S*: cannot read \S*: [^\n]*"
    assert re.fullmatch(unread, str(caught.value)), caught.value


@pytest.mark.parametrize(("tool", "flag"), [("preprocess", "input"), ("label", "output"), ("verify", "")])
def test_a_missing_bucket_is_named(
    place: Place, model: Path, tree: Path, tmp_path: Path, tool: str, flag: str, the_error: TheError
) -> None:
    nowhere = place.root.replace("bucket", "nowhere") + "/x"
    code, error = the_error(f"pipelines.{tool}", *words_of(tool, flag, nowhere, model, tree, tmp_path))
    assert error == f"error: cannot use {nowhere}: there is no bucket nowhere. Create it or correct the name"
    assert code == 2 and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("tool", "flag"), [("preprocess", "output"), ("label", "model"), ("label", "input")])
def test_a_missing_permission_is_named(
    place: Place, model: Path, tree: Path, tmp_path: Path, tool: str, flag: str, the_error: TheError
) -> None:
    locked = f"{place.root}/locked"
    remedy = {"gs": "`gcloud auth application-default login`", "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"}
    with place.proxy.faulty(lambda method, path: Fault(status=403)):
        code, error = the_error(f"pipelines.{tool}", *words_of(tool, flag, locked, model, tree, tmp_path))
    assert f" {locked}: permission denied" in error and "Ask for it, or give " in error
    assert remedy[place.root[:2]] in error and code in (2, 4)


def words_of(tool: str, flag: str, uri: str, model: Path, tree: Path, folder: Path) -> list[object]:
    """The arguments of a tool, all on this machine except for one flag's, or all in the bucket if no flag is given."""
    models = {"--model": model} if tool == "label" else {}
    given = {**models, "--input": tree, "--output": folder / "out", f"--{flag}": uri}
    return [word for pair in given.items() for word in pair] if flag else [uri]


def test_files_of_a_bucket(place: Place) -> None:
    folder, server = f"{place.root}/odd [1]", place.server
    names = ["1.mp4", "[1].mp4", "sub/a*b.mp4", "sub/ü +&%.mp4"]
    for name in (*names, "sub/"):
        server.put(f"{folder}/{name}", name.encode())
    listed = files.list_tree(folder)[0]
    assert [file.path for file in listed] == names
    assert files.list_folder(folder) == {"1.mp4": 5, "[1].mp4": 7}
    assert files.stat_file(folder, "[1].mp4") == listed[1] and listed[1].size_bytes == 7
    assert files.stat_file(folder, "none.mp4") == FileInfo("none.mp4", 0, None)
    assert files.read_text(f"{folder}/sub/a*b.mp4") == "sub/a*b.mp4" and files.read_text(f"{folder}/none") is None
    files.delete([f"{folder}/[1].mp4", f"{folder}/none.mp4"])
    assert set(server.generations(folder)) == {"1.mp4", "sub/a*b.mp4", "sub/ü +&%.mp4", "sub/"}
    files.delete_folder(f"{folder}/sub")
    assert "sub/a*b.mp4" not in server.generations(folder)
    assert not files.exists(place.root.replace("bucket", "dotted.bucket")) and not files.exists(folder)
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        files.open_read(f"{folder}/none.mp4")


def test_split_files_of_a_bucket(place: Place) -> None:
    folder = f"{place.root}/lists"
    for name in ("classInd.txt", "testlist01.txt", "trainlist01.txt"):
        place.server.put(f"{folder}/{name}", b"A/v.avi 1\n")
    test, train = (f"{folder}/{name}list01.txt" for name in ("test", "train"))
    sources = (
        [folder],
        [f"{folder}/"],
        [f"{folder}/*.txt"],
        [f"{folder}/t*list01.txt"],
        [test, train],
        [f"{test},{train}"],
    )
    for source in sources:
        assert [file.name for file in read_split_files(source)] == [test, train], source
    for name, message in (("x*.txt", "no split files match .*x"), ("gone.txt", "no such split file: .*gone")):
        with pytest.raises(UsageError, match=message):
            read_split_files([f"{folder}/{name}"])


def test_a_file_appears_whole_or_not_at_all(place: Place) -> None:
    folder = f"{place.root}/w"
    uri, temporary = f"{folder}/a", f"{folder}/tmp"
    place.proxy.requests.clear()
    with pytest.raises(ValueError), files.write_atomically(uri, temporary) as file:
        file.write(b"half")
        raise ValueError
    assert not place.proxy.requests
    files.write_text(uri, "", temporary)
    assert place.server.get(uri) == b"" and files.read_text(uri) == ""
    files.write_text(uri, "old", temporary)
    denied = f"cannot write {uri}: permission denied: somebody.*, then run the same command again"
    with place.proxy.faulty(lambda method, path: Fault(status=403)), pytest.raises(OutputError, match=denied):
        files.write_text(uri, "new", temporary)
    assert place.server.get(uri) == b"old" and set(place.server.generations(folder)) == {"a"}
    large = os.urandom(17 << 20)  # in parts
    with files.write_atomically(uri, temporary) as file:
        file.write(large)
    assert place.server.get(uri) == large
    with files.open_read(uri) as stream:
        assert stream.read(10) == large[:10] and stream.read() == large[10:]
    gone = place.root.replace("bucket", "gone")
    with pytest.raises(OutputError, match=rf"cannot write {gone}/a: there is no bucket gone\. Create it"):
        files.write_text(f"{gone}/a", "new", f"{gone}/tmp")


def test_a_bad_bucket_is_named_among_others(place: Place) -> None:
    uri, message = {
        "gs": ("gs://dotted.bucket", "there is no bucket dotted.bucket"),
        "s3": ("s3://bad!/x", 'Invalid bucket name "bad!". Correct the address'),
    }[place.root[:2]]
    with pytest.raises(UsageError, match=f"cannot use {uri}: {message}"):
        files.check_stores("/tmp", f"{place.root}/x", uri)
