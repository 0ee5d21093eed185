"""What is specific to S3: stores that can't be used, names of objects, pages of a listing, uploads in parts."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import files
from pipelines.core.errors import OutputError
from pipelines.files.s3 import objects
from tests.support.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.gcs_server import silent_server, use_environment
from tests.support.s3_server import S3Server
from tests.support.s3_server import server as server
from tests.support.store_tools import TheError, store_model
from tests.support.store_tools import greys as greys
from tests.support.store_tools import the_error as the_error

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    with fault_proxy(server.url) as running:
        yield running


@pytest.fixture
def here(server: S3Server, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process uses the server."""
    use_environment(server.environment(AWS_ENDPOINT_URL=proxy.url), monkeypatch)


@pytest.fixture(scope="module")
def model(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_model(server, tmp_path_factory.mktemp("model"), "s3://bucket/model")


@pytest.mark.usefixtures("here")
def test_without_network_or_credentials_it_is_given_up_soon(
    tree: Path, tmp_path: Path, the_error: TheError, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("pipelines.preprocess", "--input", tree, "--output", "s3://bucket/x")
    with silent_server() as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{silent.address}")
        code, error = the_error(*words)
    assert error.startswith("error: cannot use s3://bucket/x: the store does not answer (") and code == 2
    assert len(silent.connections) == 2
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    code, error = the_error(*words)
    assert "does not answer (Failed to establish a new connection: [Errno 111] Connection refused)" in error
    assert "Check the network and AWS_ENDPOINT_URL" in error and code == 2
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with silent_server() as silent:  # the machine has no role
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://{silent.address}")
        code, error = the_error(*words)
    assert error.startswith("error: cannot use s3://bucket/x: Unable to locate credentials. Give credentials: AWS_")
    assert code == 2 and len(silent.connections) <= 2


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["../../../escaped", "{outside}/escaped", "..\\escaped"])
def test_names_of_objects_that_lead_out_of_their_folder(
    name: str, server: S3Server, model: Path, greys: Path, tmp_path: Path, the_error: TheError
) -> None:
    """Nothing is written, read or removed elsewhere: not by copying a model, by listing, or by removing files."""
    bucket = f"s3://{uuid.uuid4().hex}"
    server.make_bucket(bucket.removeprefix("s3://"))
    server.put_tree(model, f"{bucket}/m")
    name = name.format(outside=tmp_path)
    server.put(f"{bucket}/m/saved_model/{name}", b"mine")
    server.put(f"{bucket}/v/{(video := f'{name}.mp4')}", b"mine")
    (tmp_path / "escaped").write_text("precious")
    places = ("--model", f"{bucket}/m", "--input", greys, "--output", tmp_path / "labels")
    code, message = the_error("pipelines.label", *places)
    assert code == 2 and f"{name!r} leads out of its folder" in message, message
    for call in (lambda: files.list_tree(f"{bucket}/m"), lambda: files.delete_folder(f"{bucket}/m"),
                 lambda: files.copy_tree(f"{bucket}/m", str(tmp_path / "a" / "b" / "c"))):  # fmt: skip
        with pytest.raises(OSError, match="leads out of its folder or is invalid") as caught:
            call()
        assert caught.value.filename == f"{bucket}/m"
    (lost,) = (file for file in files.list_tree(f"{bucket}/v", strict=False)[0] if file.lost)
    assert f"{video!r} leads out of its folder" in lost.problem
    assert (tmp_path / "escaped").read_text() == "precious" and "info" in str(server.generations(f"{bucket}/m"))


@pytest.mark.usefixtures("here")
def test_more_files_than_a_page_of_a_listing_or_a_request_to_delete(server: S3Server) -> None:
    names = [f"{number:04}" for number in range(1001)]
    files.in_parallel(lambda name: server.put(f"s3://bucket/many/{name}", b""), names)
    assert list(files.list_folder("s3://bucket/many")) == names
    files.delete_folder("s3://bucket/many")
    assert server.generations("s3://bucket/many") == {}


@pytest.mark.usefixtures("here")
def test_a_file_that_is_sent_in_parts_appears_whole_or_not_at_all(server: S3Server, proxy: FaultProxy) -> None:
    uri, temporary = "s3://bucket/w/a", "s3://bucket/w/tmp"
    files.write_text(uri, "old", temporary)
    large = os.urandom(65 << 20)  # in parts
    with (
        proxy.faulty(lambda method, path: Fault(status=403) if "partNumber=3" in path else None),
        pytest.raises(OutputError, match=r"cannot write s3://bucket/w/a: permission denied: somebody"),
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
    """boto3 and AWS's C++ library use different names for the same settings."""

    def shared(**given: str) -> dict[str, str]:
        use_environment(given, monkeypatch)
        objects.share_environment()
        return dict(os.environ)

    assert shared() == {}
    there = "http://localhost:9000"
    assert shared(AWS_ENDPOINT_URL=there, AWS_DEFAULT_REGION="r") == {
        **{"AWS_ENDPOINT_URL": there, "AWS_ENDPOINT_URL_S3": there},
        **{"AWS_REGION": "r", "AWS_DEFAULT_REGION": "r"},
    }
    assert shared(S3_ENDPOINT=there)["AWS_ENDPOINT_URL_S3"] == there
    assert shared(S3_ENDPOINT="localhost:9000")["AWS_ENDPOINT_URL_S3"] == "https://localhost:9000"
    assert shared(S3_ENDPOINT="localhost:9000", S3_USE_HTTPS="0")["AWS_ENDPOINT_URL_S3"] == there
    both = {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b", "S3_ENDPOINT": "http://c"}
    assert shared(**both) == both
