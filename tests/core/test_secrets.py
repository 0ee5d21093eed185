"""Messages: secrets in addresses are neither shown nor accepted; of a library's message, the reason is kept."""

from pathlib import Path

import pytest
import tensorflow as tf

from pipelines import files
from pipelines.cli import tool
from pipelines.core.errors import UsageError
from pipelines.core.reasons import first_line
from pipelines.core.secrets import redact, refuse_secrets
from pipelines.files.errors import something_else, why_unreachable
from tests.conftest import run_here

SECRET = "wJalrXUtnFEMI/K7MDENG"
WITH_SECRETS = [
    (f"s3://AKIA:{SECRET}@bucket/videos", "s3://***@bucket/videos"),
    (f"https://me:{SECRET}@example.org/a.mp4", "https://***@example.org/a.mp4"),
    (f"https://{SECRET.replace('/', '')}@example.org/a.mp4", "https://***@example.org/a.mp4"),
    (f"gs://bucket/a.mp4?X-Goog-Signature={SECRET}&x=1", "gs://bucket/a.mp4?X-Goog-Signature=***&x=1"),
    (f"az://account/container/a?sv=1&sig={SECRET}", "az://account/container/a?sv=1&sig=***"),
    (f"s3://bucket/a?AWSAccessKeyId=AKIA&Signature={SECRET}", "s3://bucket/a?AWSAccessKeyId=***&Signature=***"),
    (f"https://example.org/a?token={SECRET}", "https://example.org/a?token=***"),
]
WITHOUT = [
    "/data/videos", "videos/a@b:c.mp4", "s3://bucket/videos/a@b.mp4", "s3://bucket/x:y@z", "gs://bucket/video?.mp4",
    "hdfs://namenode:9000/user/a@b", "http://localhost:9000/a@b", "gs://bucket/**.mp4", "s3://b/a?b=c", "mailto:a@b",
]  # fmt: skip


@pytest.mark.parametrize(("address", "shown"), WITH_SECRETS)
def test_addresses_with_secrets(address: str, shown: str) -> None:
    assert redact(f"cannot read {address} there") == f"cannot read {shown} there"
    for refuse in (refuse_secrets, files.normalise):
        with pytest.raises(UsageError) as caught:
            refuse(address)
        assert str(caught.value).startswith(f"{shown}: an address must not contain a user") and SECRET not in str(
            caught.value
        )


@pytest.mark.parametrize("address", WITHOUT)
def test_addresses_without(address: str) -> None:
    assert redact(address) == address
    refuse_secrets(address)


def test_errors_of_stores() -> None:
    address = f"http://me:{SECRET}@127.0.0.1:9/bucket"
    error = ConnectionError(f'Could not connect to the endpoint URL: "{address}"')
    assert SECRET not in str(something_else("s3://bucket/a", error)) and "http://***@127" in why_unreachable(error)


def test_what_tools_print(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: object) -> int:
        raise UsageError(f"cannot use s3://AKIA:{SECRET}@bucket")

    tool.run_tool(fail, [])
    tool.say(f"reading https://me:{SECRET}@host/")
    assert capsys.readouterr().err == "error: cannot use s3://***@bucket\nreading https://***@host/\n"


@pytest.mark.parametrize("module", ["pipelines.preprocess", "pipelines.label", "trainer.task", "pipelines.verify"])
def test_command_lines(module: str, tmp_path: Path) -> None:
    address = WITH_SECRETS[0][0]
    flags = {
        "pipelines.preprocess": ("--input", address, "--output", tmp_path / "out"),
        "pipelines.label": ("--input", address, "--model", tmp_path, "--output", tmp_path / "out"),
        "trainer.task": ("--model", "lrcn", "--data", address, "--output", tmp_path / "out"),
        "pipelines.verify": (address,),
    }
    done = run_here(module, *flags[module])
    assert done.returncode == 2 and done.stderr.startswith(
        "error: s3://***@bucket/videos: an address must not contain a user"
    )
    assert SECRET not in done.stderr + done.stdout and not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["pipelines.preprocess", "pipelines.label"])
@pytest.mark.process
def test_lists_and_manifests(module: str, tmp_path: Path) -> None:
    """The addresses that they name would end up in failure records, labels and pages."""
    (tmp_path / "m.csv").write_text(f"path,label\n{WITH_SECRETS[1][0]},a\n")
    more = ("--model", tmp_path / "model") if module == "pipelines.label" else ()
    if more:
        from tests.support.label_model import make_model

        make_model(tmp_path / "model")
    done = run_here(module, "--input", tmp_path / "m.csv", "--output", tmp_path / "out", *more)
    assert done.returncode == 2 and SECRET not in done.stderr + done.stdout
    assert f"error: {tmp_path}/m.csv, line 2: https://***@example.org/a.mp4: " in done.stderr


PLACES = """Graph execution error:

Detected at node MultiDeviceIteratorGetNextFromShard defined at (most recent call last):
<stack traces unavailable>
truncated record at 37542' failed
\t [[{{node IteratorGetNext}}]]"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (tf.errors.DataLossError(None, None, PLACES), "truncated record at 37542' failed"),
        (tf.errors.DataLossError(None, None, "\n: corrupted record at 12.\nmore"), "corrupted record at 12"),
        (ValueError("a\nb"), "a"),
        (ValueError(), "ValueError"),
        (OSError(5, "Input/output error", "/a"), "[Errno 5] Input/output error: '/a'"),
        (ValueError("at https://me:key@host/a?token=b of it"), "at https://***@host/a?token=*** of it"),
        (ValueError("x" * 400), "x" * 300 + "..."),
    ],
)  # fmt: skip
def test_first_line(error: Exception, line: str) -> None:
    assert first_line(error) == line
