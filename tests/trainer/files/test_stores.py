"""Training from bucket to bucket: mistakes cost one clear line. How it goes on after failures: test_store_storm."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.fault_proxy import Fault
from tests.support.gcs_server import silent_server, use_environment
from tests.support.store_tools import Place, TheError
from tests.support.store_tools import place as place
from tests.support.store_tools import the_error as the_error

SMALL = ("--model", "lrcn", "--variant", "reference", "--batch-size", 8, "--epochs", 1, "--no-baseline")


@pytest.fixture(scope="module")
def data(place: Place, dataset: Path) -> str:
    if place.root.startswith("s3") and find_spec("tensorflow_io") is None:
        pytest.skip("needs tensorflow-io, which the default set of versions alone has")
    uri = f"{place.root}/data/ds"
    for path in dataset.iterdir():
        if path.is_file():
            place.server.put(f"{uri}/{path.name}", path.read_bytes())
    return uri


def test_mistakes_and_stores_that_are_away_are_named_soon(
    place: Place, data: str, dataset: Path, tmp_path: Path, the_error: TheError, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_environment(place.environment, monkeypatch)

    def error_of(module: str, *words: object) -> str:
        code, error = the_error(module, *words)
        assert code in (1, 2)
        return error

    nowhere = place.root.replace("bucket", "nowhere")
    words = [*SMALL, "--data", dataset, "--output", f"{nowhere}/run"]
    missing = f"error: cannot use {nowhere}/run: there is no bucket nowhere. Create it or correct the name"
    assert error_of("trainer.task", *words) == missing
    assert error_of("trainer.compare", f"{nowhere}/run") == missing
    assert f"no run in {place.root}/data: metrics.json is missing (found ds)" in error_of(
        "trainer.compare", f"{place.root}/data"
    )
    words = [*SMALL, "--data", data, "--output", tmp_path / "run"]
    with place.proxy.faulty(lambda method, path: Fault(status=403)):
        assert f"{data}/dataset_info.json: permission denied" in error_of("trainer.task", *words)
    words[words.index(data)] = f"{place.root}/none"
    assert f"error: there is no folder {place.root}/none. Correct the path" in error_of("trainer.task", *words)
    words[words.index(f"{place.root}/none")] = data
    with silent_server() as silent:
        for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.setenv(name, f"http://{silent.address}")
        assert f"error: cannot use {data}: the store does not answer" in error_of("trainer.task", *words)
        assert len(silent.connections) <= 4
    if place.root.startswith("s3"):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        assert "Give credentials: AWS_ACCESS_KEY_ID" in error_of("trainer.task", *words)
