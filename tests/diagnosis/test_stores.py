"""Sources of credentials, and places that can or can't be read and written."""

import json
import os
from pathlib import Path

import pytest

from pipelines.diagnosis.stores import check_credentials, check_google, check_path, schemes
from tests.support.gcs_server import google_environment, use_environment
from tests.support.s3_server import S3Server
from tests.support.s3_server import server as server

SECRET = "hush-hush"
USER = {"type": "authorized_user", "client_id": "a", "client_secret": SECRET, "refresh_token": SECRET}


def test_google_credentials_by_their_source(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert check_google({}, nowhere, nowhere).value == "none: only public buckets can be read"
    emulator = check_google({"STORAGE_EMULATOR_HOST": f"http://me:{SECRET}@127.0.0.1:1"}, nowhere, nowhere)
    assert "emulator" in emulator.value and SECRET not in emulator.value
    product = tmp_path / "sys/class/dmi/id/product_name"
    product.parent.mkdir(parents=True)
    product.write_text("Google Compute Engine\n")
    assert "service account of this machine" in check_google({}, nowhere, tmp_path).value
    default = tmp_path / ".config/gcloud/application_default_credentials.json"
    default.parent.mkdir(parents=True)
    default.write_text(json.dumps(USER))
    found = check_google({}, tmp_path, tmp_path)
    assert str(default) in found.value and not found.problem and SECRET not in str(found)
    default.write_text("{")
    found = check_google({}, tmp_path, tmp_path)
    assert found.problem and found.remedy == "Run `gcloud auth application-default login`"


def test_a_variable_that_names_no_credentials(tmp_path: Path) -> None:
    missing = check_google({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")}, tmp_path)
    assert "none.json was not found" in missing.problem and missing.remedy.startswith("Correct the variable")
    folder = check_google({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path)}, tmp_path)
    assert "Is a directory" in folder.problem


def s3_of(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    use_environment(google_environment(tmp_path), monkeypatch)
    for name in [name for name in os.environ if name.startswith(("AWS_", "S3_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = list(check_credentials(set()))[1]
    assert SECRET not in str(found) and bool(found.problem) == bool(found.remedy)
    return f"{found.value} {found.problem}".strip()


def test_s3_credentials_by_their_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": SECRET}
    assert s3_of({}, monkeypatch, tmp_path) == "none; a role of the machine was not looked for"
    said = s3_of({**keys, "AWS_ENDPOINT_URL": f"http://me:{SECRET}@host:1"}, monkeypatch, tmp_path)
    assert said == "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, at http://***@host:1"
    assert "Partial credentials" in s3_of({"AWS_ACCESS_KEY_ID": "test"}, monkeypatch, tmp_path)
    assert "(mine) could not be found" in s3_of({"AWS_PROFILE": "mine"}, monkeypatch, tmp_path)
    (tmp_path / ".aws").mkdir()
    lines = f"[mine]\naws_access_key_id = test\naws_secret_access_key = {SECRET}\n"
    (tmp_path / ".aws/credentials").write_text(lines)
    said = s3_of({"AWS_PROFILE": "mine"}, monkeypatch, tmp_path)
    assert said == "the shared credentials file of AWS, profile mine"


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    assert check_path(str(tmp_path)).value == "can be read and written (1 entry)"
    below = check_path(str(tmp_path / "not" / "there"))
    assert below.value == f"doesn't exist; can be made in {tmp_path}" and not below.problem
    assert check_path(str(tmp_path / "a")).value == "a file, can be read"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_written() -> None:
    found = check_path("/sys/kernel")  # where not even root may make a file
    assert found.value == "not usable" and found.remedy
    assert found.problem in ("Permission denied", "Read-only file system", "Operation not permitted")


def test_a_path_below_a_file_or_a_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "none")
    assert check_path(str(tmp_path / "a" / "b")).problem == "Not a directory"
    assert check_path(str(tmp_path / "link")).problem == "No such file or directory"


def test_a_bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    use_environment(server.environment(), monkeypatch)
    server.put("s3://bucket/videos/a.avi", b"a")
    assert check_path("s3://bucket/videos").value == "can be read and written (1 entry)"
    assert check_path("s3://bucket/videos/a.avi").value == "a file, can be read"
    assert list(server.contents("s3://bucket")) == ["videos/a.avi"]
    missing = check_path("s3://no-bucket/videos")
    assert missing.problem == "there is no bucket no-bucket" and missing.remedy == "Create it or correct the name"


def test_stores_of_addresses() -> None:
    assert schemes(["/a", "gs://a/b", "s3://c", "gs://d"]) == {"gs", "s3"}
