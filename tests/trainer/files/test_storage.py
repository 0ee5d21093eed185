"""Files on this machine and on an S3 server: written whole or not at all, with errors that say what to do."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipelines.core.errors import OutputError, UsageError, UserError
from tests import ROOT
from tests.support.gcs_server import use_environment
from tests.support.s3_server import S3Server
from tests.support.s3_server import server as server
from trainer.files import storage

pytestmark = pytest.mark.process


def run_code(code: str, *arguments: object, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs a script in a process of its own, which has imported nothing before."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    env = {**(env or os.environ), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, env=env)


def test_local_files(tmp_path: Path) -> None:
    uri = str(tmp_path / "new" / "folder" / "a.txt")
    assert (
        not storage.exists(uri) and storage.size_bytes(uri) is None and storage.list_names(str(tmp_path / "new")) == []
    )
    storage.write_text(uri, "grün")
    storage.write_bytes(storage.join(str(tmp_path), "new", "b"), b"\x00\xff")
    assert storage.exists(uri) and storage.size_bytes(uri) == 5
    assert storage.read_text(uri) == "grün" and storage.read_bytes(uri) == "grün".encode()
    assert storage.list_names(str(tmp_path / "new")) == ["b", "folder"]
    assert storage.list_names(str(tmp_path / "new" / "folder")) == ["a.txt"]  # and no temporary file
    assert storage.size_of_tree(str(tmp_path)) == 7 and storage.size_of_tree(str(tmp_path / "none")) == 0
    storage.delete(uri)
    storage.delete(uri)
    assert not storage.exists(uri)
    storage.delete_tree(str(tmp_path / "new"))
    storage.delete_tree(str(tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("uri", "name"), [("a/b", "b"), ("a/b/", "b"), ("b", "b"), ("s3://bucket", "bucket"), ("gs://x/y/z.csv", "z.csv")]
)
def test_base_name(uri: str, name: str) -> None:
    assert storage.base_name(uri) == name


def test_errors_of_local_files_name_path_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a\xff")
    with pytest.raises(UserError, match=f"cannot read {tmp_path}/none: No such file or directory. Correct the path"):
        storage.read_bytes(str(tmp_path / "none"))
    with pytest.raises(UserError, match=f"cannot read {tmp_path}: Is a directory"):
        storage.read_bytes(str(tmp_path))
    with pytest.raises(UserError, match=f"{file} is damaged or not a text file: byte 1"):
        storage.read_text(str(file))
    with pytest.raises(OutputError, match=f"cannot write {file}/x: .*or choose another place$"):
        storage.write_bytes(str(file / "x"), b"")
    with pytest.raises(OutputError, match=f"cannot remove {tmp_path}: "):
        storage.delete(str(tmp_path))
    with pytest.raises(OutputError, match="cannot write /sys/x: .*Give permission or choose another place$"):
        storage.write_bytes("/sys/x", b"")
    with pytest.raises(UsageError, match="az://a/b: unknown kind of store. Use gs://, s3:// or a path"):
        storage.check_stores(str(tmp_path), "az://a/b")


def make_model(folder: Path) -> Path:
    """A folder as exporting makes it."""
    for name, size in (("model.keras", 3), ("model_info.json", 2), ("saved_model/variables/v", 70_000), ("z/empty", 0)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(size))
    return folder


def test_copy_tree(tmp_path: Path) -> None:
    source, target = make_model(tmp_path / "model"), tmp_path / "copy"
    target.mkdir()
    (target / "other").write_text("stays")
    (target / "model.keras").write_text("goes")
    storage.copy_tree(str(source), str(target), last=("model_info.json",))
    for path in source.rglob("*"):
        assert path.is_dir() or (target / path.relative_to(source)).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in target.iterdir()) == [
        *("model.keras", "model_info.json", "other", "saved_model", "z")
    ]
    times = {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()}
    assert max(times, key=lambda path: times[path]) == target / "model_info.json"
    with pytest.raises(UserError, match="cannot read .*none: No such file"):
        storage.copy_tree(str(tmp_path / "none"), str(target))


S3_SESSION = """
    import json, sys
    from trainer.files import storage
    bucket, dataset, model = sys.argv[1:]
    def say(**found): print(json.dumps(found))
    run = storage.join(bucket, "run")
    say(before=[storage.exists(run), storage.size_bytes(run), storage.list_names(run), storage.size_of_tree(run)])
    storage.write_text(storage.join(run, "a.txt"), "grün")
    storage.write_bytes(storage.join(run, "empty"), b"")
    storage.copy_tree(model, storage.join(run, "model"), last=("model_info.json",))
    say(names=storage.list_names(run), root=storage.list_names(bucket))
    say(text=storage.read_text(storage.join(run, "a.txt")))
    say(sizes=[storage.size_bytes(storage.join(run, "a.txt")), storage.size_of_tree(storage.join(run, "model"))])
    storage.delete(storage.join(run, "empty"))
    storage.delete(storage.join(run, "empty"))
    storage.delete_tree(storage.join(run, "model", "saved_model"))
    storage.delete_tree(storage.join(run, "model", "saved_model"))
    storage.delete_tree(storage.join(run, "model", "model.keras"))
    say(left=[storage.list_names(run), storage.list_names(storage.join(run, "model"))])

    from trainer.data.check import check_shards, open_dataset
    opened = open_dataset(dataset)
    check_shards(opened, opened.info.splits)
    check_shards(opened, opened.info.splits, full=False)
    from trainer.files.copies import shard_copies
    with shard_copies(dataset, opened.info) as copies:
        check_shards(opened, opened.info.splits, copies=copies)
    unwanted = [name for name in ("tensorflow", "apache_beam", "google.cloud.storage") if name in sys.modules]
    say(unwanted=unwanted)
"""


def test_s3_session(server: S3Server, dataset: Path, tmp_path: Path) -> None:
    bucket = server.make_bucket("session")
    for path in dataset.iterdir():
        if path.is_file():
            server.put(f"{bucket}/data/ds/{path.name}", path.read_bytes())
    model = make_model(tmp_path / "model")
    done = run_code(S3_SESSION, bucket, f"{bucket}/data/ds", model, env=server.environment())
    assert done.returncode == 0, done.stderr
    said = {key: value for line in done.stdout.splitlines() for key, value in json.loads(line).items()}
    assert said["before"] == [False, None, [], 0]
    assert said["names"] == ["a.txt", "empty", "model"] and said["root"] == ["data", "run"]
    assert said["text"] == "grün" and said["sizes"] == [5, 70_005]
    assert said["unwanted"] == []
    assert said["left"] == [["a.txt", "model"], ["model_info.json", "z"]]
    assert server.get(f"{bucket}/run/a.txt") == "grün".encode()
    assert server.get(f"{bucket}/run/model/model_info.json") == (model / "model_info.json").read_bytes()


@pytest.mark.parametrize(
    ("bucket", "without", "message"),
    [
        ("nowhere", (), "there is no bucket nowhere. Create it or correct the name"),
        (
            "private",
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            "Unable to locate credentials. Give",
        ),
    ],
)
def test_what_a_store_refuses_is_no_missing_file(
    server: S3Server, bucket: str, without: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.make_bucket("private")
    environment = server.environment(AWS_EC2_METADATA_DISABLED="true", AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    use_environment({name: value for name, value in environment.items() if name not in without}, monkeypatch)
    for action in (storage.exists, storage.read_bytes, storage.list_names, lambda uri: storage.write_bytes(uri, b"")):
        with pytest.raises(UserError, match=f"s3://{bucket}/a: {message}"):
            action(f"s3://{bucket}/a")
