"""Both jobs on S3: the same results as on local files, and bad days of a store in one clear line."""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pipelines.preprocess
from pipelines import files, label, verify
from pipelines.core.errors import OutputError, UsageError
from pipelines.core.video_files import FileInfo
from pipelines.files.s3 import objects
from tests.conftest import contents, run_tool
from tests.support.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.gcs_server import silent_server, use_environment
from tests.support.s3_server import S3Server, s3_server
from tests.support.store_tools import PATIENCE_S, SIZE, run_label, run_preprocess, store_model, with_place
from tests.support.store_tools import greys as greys
from tests.support.store_tools import the_error as the_error

TheError = Callable[..., tuple[int, str, float]]
JOBS = {"preprocess": pipelines.preprocess.main, "label": label.main, "verify": verify.main}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        running.make_bucket("bucket")
        yield running


@pytest.fixture(scope="module")
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    with fault_proxy(server.url) as running:
        yield running


@pytest.fixture
def here(server: S3Server, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process uses the server."""
    use_environment(server.environment(AWS_ENDPOINT_URL=proxy.url), monkeypatch)


@pytest.fixture(scope="module")
def bucket_of_videos(server: S3Server, tree: Path) -> str:
    server.put_tree(tree, "s3://bucket/ucf/videos")
    return "s3://bucket/ucf/videos"


@pytest.fixture(scope="module")
def model(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_model(server, tmp_path_factory.mktemp("model"), "s3://bucket/model")


@pytest.mark.usefixtures("here")
def test_a_dataset_is_the_same_from_bucket_to_bucket(
    server: S3Server, bucket_of_videos: str, tree: Path, dataset: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Made by a process that has the endpoint by the name which tensorflow-io knows; the next one has it by AWS's."""
    output = "s3://bucket/whole/out"
    environment = server.environment(S3_ENDPOINT=server.url)
    del environment["AWS_ENDPOINT_URL"]
    done = run_tool("pipelines.preprocess", "--input", bucket_of_videos, "--output", output, *SIZE, env=environment)
    assert done.returncode == 0, done.stderr
    assert server.contents(output) == with_place(contents(dataset), tree, bucket_of_videos)
    before = server.generations(output)
    assert not [name for name in before if "tmp" in name or "plan" in name]
    run_preprocess(bucket_of_videos, output)
    after = server.generations(output)
    lasting = [name for name in before if name.endswith(".tfrecord") or name.startswith("_state/shards/")]
    assert len(lasting) == 16 and all(before[name] == after[name] for name in lasting)
    assert server.contents(output) == with_place(contents(dataset), tree, bucket_of_videos)
    assert verify.run([output]) == 0
    assert "All 30 records of s3://bucket/whole/out are as they should be." in capfd.readouterr().out


@pytest.mark.usefixtures("here")
def test_labels_are_the_same_from_bucket_to_bucket(server: S3Server, model: Path, greys: Path, tmp_path: Path) -> None:
    server.put_tree(greys, "s3://bucket/new/greys")
    run_label(model, greys, tmp_path / "labels", "--webvtt")
    output, name = "s3://bucket/labels", "labels-00000-of-00001.jsonl"
    run_label("s3://bucket/model", "s3://bucket/new/greys", output, "--webvtt")
    remote = server.contents(output)
    local = with_place({"": (tmp_path / "labels" / name).read_bytes()}, greys, "s3://bucket/new/greys")[""].decode()
    assert remote[name].decode() == local and local.count("\n") >= 4
    assert set(remote) == set(contents(tmp_path / "labels"))
    assert json.loads(remote["summary.json"])["rates"]["videos_scored"] == 4

    server.put("s3://bucket/new/greys/c.mp4", (greys / "a" / "jump.mp4").read_bytes())
    server.put("s3://bucket/new/list.txt", b"greys/a/jump.mp4\ns3://bucket/new/greys/c.mp4\ngreys/none.mp4\n")
    run_label("s3://bucket/model", "s3://bucket/new/list.txt", "s3://bucket/listed")
    rows = [json.loads(line) for line in server.get(f"s3://bucket/listed/{name}").splitlines()]
    assert [row["video"] for row in rows] == ["greys/a/jump.mp4", "s3://bucket/new/greys/c.mp4"]
    (failure,) = map(json.loads, server.get("s3://bucket/listed/failures.jsonl").splitlines())
    assert (failure["video"], failure["type"]) == ("greys/none.mp4", "FileNotFoundError")
    run_label("s3://bucket/model", "s3://bucket/new/**.mp4", output, "--webvtt")
    assert b'"greys/c.mp4"' in server.get(f"{output}/{name}")


@pytest.mark.parametrize(("tool", "missing"), [("preprocess", "input"), ("label", "output"), ("verify", "")])
@pytest.mark.usefixtures("here")
def test_a_missing_bucket_is_named(
    model: Path, tree: Path, tmp_path: Path, tool: str, missing: str, the_error: TheError
) -> None:
    places = {"--input": tree, "--output": tmp_path / "out", f"--{missing}": "s3://nowhere/x"}
    if tool == "label":
        places["--model"] = model
    words = [word for place in places.items() for word in place] if missing else ["s3://nowhere/x"]
    code, error, seconds = the_error(JOBS[tool], *words)
    assert error == "error: cannot use s3://nowhere/x: there is no bucket nowhere. Create it or correct the name"
    assert code == 2 and seconds < PATIENCE_S and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("tool", "place"), [("preprocess", "output"), ("label", "model"), ("label", "input")])
@pytest.mark.usefixtures("here")
def test_a_missing_permission_is_named(
    proxy: FaultProxy, model: Path, tree: Path, tmp_path: Path, tool: str, place: str, the_error: TheError
) -> None:
    places = {"--input": tree, "--output": tmp_path / "out", f"--{place}": "s3://bucket/locked"}
    if tool == "label":
        places = {"--model": model, **places}
    words = [word for place in places.items() for word in place]
    with proxy.faulty(lambda method, path: Fault(status=403)):
        code, error, seconds = the_error(JOBS[tool], *words)
    assert "s3://bucket/locked" in error and "permission denied" in error
    assert "Ask for it, or give other credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in error
    assert code in (2, 4) and seconds < PATIENCE_S


@pytest.mark.parametrize("tool", ["preprocess", "label"])
@pytest.mark.usefixtures("here")
def test_without_network_or_credentials_it_is_given_up_soon(
    model: Path, tree: Path, tmp_path: Path, tool: str, the_error: TheError, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[object] = ["--input", tree, "--output", "s3://bucket/x"]
    if tool == "label":
        words += ["--model", model]
    with silent_server() as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{silent}")
        code, error, seconds = the_error(JOBS[tool], *words)
    assert error.startswith("error: cannot use s3://bucket/x: the store does not answer (") and code == 2
    assert seconds < PATIENCE_S
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    code, error, seconds = the_error(JOBS[tool], *words)
    assert "does not answer (Failed to establish a new connection: [Errno 111] Connection refused)" in error
    assert "Check the network and AWS_ENDPOINT_URL" in error and code == 2 and seconds < PATIENCE_S
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with silent_server() as silent:  # the machine has no role
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://{silent}")
        code, error, seconds = the_error(JOBS[tool], *words)
    assert error.startswith("error: cannot use s3://bucket/x: Unable to locate credentials. Give credentials: AWS_")
    assert code == 2 and seconds < PATIENCE_S


@pytest.mark.usefixtures("here")
def test_files_of_a_bucket(server: S3Server) -> None:
    folder = "s3://bucket/odd [1]"
    for name in ("1.mp4", "[1].mp4", "sub/a*b.mp4", "sub/ü +&%.mp4", "sub/"):
        server.put(f"{folder}/{name}", name.encode())
    assert [file.path for file in files.list_tree(folder)[0]] == ["1.mp4", "[1].mp4", "sub/a*b.mp4", "sub/ü +&%.mp4"]
    assert files.list_folder(folder) == {"1.mp4": 5, "[1].mp4": 7}
    assert files.stat_file(folder, "[1].mp4").size_bytes == 7
    assert files.stat_file(folder, "[1].mp4").version == files.list_tree(folder)[0][1].version
    assert files.stat_file(folder, "none.mp4") == FileInfo("none.mp4", 0, None)
    assert files.read_text(f"{folder}/sub/a*b.mp4") == "sub/a*b.mp4" and files.read_text(f"{folder}/none") is None
    files.delete([f"{folder}/[1].mp4", f"{folder}/none.mp4"])
    assert set(server.generations(folder)) == {"1.mp4", "sub/a*b.mp4", "sub/ü +&%.mp4", "sub/"}
    files.delete_folder(f"{folder}/sub")
    assert set(server.generations(folder)) == {"1.mp4", "sub/"}
    assert not files.exists("s3://bucket") and not files.exists(folder)
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        files.open_read(f"{folder}/none.mp4")
    with pytest.raises(UsageError, match=r'cannot use s3://bad!/x: Invalid bucket name "bad!"\. Correct the address'):
        files.check_stores("/tmp", "s3://bucket/x", "s3://bad!/x")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["../../../escaped", "{outside}/escaped", "..\\escaped"])
def test_names_of_objects_that_lead_out_of_their_folder(
    name: str, server: S3Server, model: Path, greys: Path, tmp_path: Path, the_error: TheError
) -> None:
    """Nothing is written, read or removed elsewhere: not by the copy of a model, of a listing, or a removal."""
    bucket = f"s3://{uuid.uuid4().hex}"
    server.make_bucket(bucket.removeprefix("s3://"))
    server.put_tree(model, f"{bucket}/m")
    name = name.format(outside=tmp_path)
    server.put(f"{bucket}/m/saved_model/{name}", b"mine")
    (tmp_path / "escaped").write_text("precious")
    code, message, _ = the_error(
        label.main, "--model", f"{bucket}/m", "--input", greys, "--output", tmp_path / "labels"
    )
    assert code == 2 and f"{name!r} leads out of its folder" in message, message
    for call in (lambda: files.list_tree(f"{bucket}/m"), lambda: files.delete_folder(f"{bucket}/m"),
                 lambda: files.copy_tree(f"{bucket}/m", str(tmp_path / "a" / "b" / "c")),
                 lambda: files.match(f"{bucket}/m", f"{bucket}/m/**")):  # fmt: skip
        with pytest.raises(OSError, match="leads out of its folder or is none") as caught:
            call()
        assert caught.value.filename == f"{bucket}/m"
    code, message, _ = the_error(
        pipelines.preprocess.main, "--input", f"{bucket}/m/saved_model", "--output", tmp_path / "dataset", *SIZE
    )
    assert code == 2 and message.startswith(f"error: cannot list {bucket}/m/saved_model: the name {name!r} leads")
    assert (tmp_path / "escaped").read_text() == "precious" and "info" in str(server.generations(f"{bucket}/m"))


@pytest.mark.usefixtures("here")
def test_more_files_than_a_page_of_a_listing_or_a_request_to_delete(server: S3Server) -> None:
    names = [f"{number:04}" for number in range(1001)]
    files.in_parallel(lambda name: server.put(f"s3://bucket/many/{name}", b""), names)
    assert list(files.list_folder("s3://bucket/many")) == names
    files.delete_folder("s3://bucket/many")
    assert server.generations("s3://bucket/many") == {}


@pytest.mark.usefixtures("here")
def test_a_file_appears_whole_or_not_at_all(server: S3Server, proxy: FaultProxy) -> None:
    uri, temporary = "s3://bucket/w/a", "s3://bucket/w/tmp"
    proxy.requests.clear()
    with pytest.raises(ValueError), files.write_atomically(uri, temporary) as file:
        file.write(b"half")
        raise ValueError
    assert not proxy.requests
    files.write_text(uri, "", temporary)
    assert server.get(uri) == b"" and files.read_text(uri) == ""
    files.write_text(uri, "old", temporary)
    denied = r"cannot write s3://bucket/w/a: permission denied: somebody.*, then run the same command again"
    with proxy.faulty(lambda method, path: Fault(status=403)), pytest.raises(OutputError, match=denied):
        files.write_text(uri, "new", temporary)
    assert server.get(uri) == b"old" and set(server.generations("s3://bucket/w")) == {"a"}
    with pytest.raises(OutputError, match=r"cannot write s3://gone/a: there is no bucket gone\. Create it"):
        files.write_text("s3://gone/a", "new", "s3://gone/tmp")

    large = os.urandom(65 << 20)  # in parts
    with (
        proxy.faulty(lambda method, path: Fault(status=403) if "partNumber=3" in path else None),
        pytest.raises(OutputError, match=denied),
        files.write_atomically(uri, temporary) as file,
    ):
        file.write(large)
    assert server.get(uri) == b"old" and server.num_unfinished_uploads("bucket") == 0
    with files.write_atomically(uri, temporary) as file:
        file.write(large)
    assert server.get(uri) == large
    with files.open_read(uri) as stream:
        assert stream.read(10) == large[:10]
        server.put(uri, bytes(65 << 20))
        with pytest.raises(OSError, match="was changed while it was read"):
            stream.read()


def test_names_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 and tensorflow-io know the same things by other names."""

    def shared(**given: str) -> dict[str, str]:
        use_environment(given, monkeypatch)
        objects.share_environment()
        return dict(os.environ)

    assert shared() == {}
    there = "http://localhost:9000"
    assert shared(AWS_ENDPOINT_URL=there, AWS_DEFAULT_REGION="r") == {
        **{"AWS_ENDPOINT_URL": there, "AWS_ENDPOINT_URL_S3": there, "S3_ENDPOINT": there},
        **{"AWS_REGION": "r", "AWS_DEFAULT_REGION": "r"},
    }
    assert shared(S3_ENDPOINT=there)["AWS_ENDPOINT_URL_S3"] == there
    assert shared(S3_ENDPOINT="localhost:9000")["AWS_ENDPOINT_URL_S3"] == "https://localhost:9000"
    assert shared(S3_ENDPOINT="localhost:9000", S3_USE_HTTPS="0")["AWS_ENDPOINT_URL_S3"] == there
    both = shared(AWS_ENDPOINT_URL="http://a", AWS_ENDPOINT_URL_S3="http://b")
    assert both["S3_ENDPOINT"] == "http://b" and both["AWS_ENDPOINT_URL"] == "http://a"
