"""Runner, checksums, decoders and codecs, of this environment and of broken ones."""

import subprocess
import sys
from pathlib import Path

import av
import pytest

from pipelines.diagnosis.decoding import check_checksums, check_codecs, check_decoders
from pipelines.diagnosis.finding import Finding, load
from pipelines.process.cores import num_cores
from tests import ROOT


def ask(expression: str, environment: dict[str, str], before: str = "") -> str:
    code = f"{before}\nfrom pipelines.diagnosis.decoding import *\nprint({expression})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    return done.stdout


def test_this_environment_has_all_that_is_needed() -> None:
    found = {finding.name: finding for finding in [check_checksums(), *check_decoders()]}
    assert not [finding for finding in found.values() if finding.problem]
    assert found["CRC-32C"].value == "google-crc32c, implementation c"
    assert found["PyAV"].value.startswith(f"{av.__version__}, FFmpeg ") and "libavcodec" in found["PyAV"].value
    wanted = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg2video", "mpeg4", "mjpeg", "prores"}
    assert wanted <= set(found["codecs"].value.split(", "))


def test_the_runner_is_the_one_of_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.diagnosis.decoding import check_runner

    count = f"{num_cores()} decoder process" + "es" * (num_cores() > 1)
    assert check_runner().value == f"DirectRunner (Beam's FnApiRunner, in_memory, 1 Beam worker) with {count}"


@pytest.mark.process
def test_a_slow_implementation_of_checksums_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    without_c = "import sys; sys.modules['google_crc32c._crc32c'] = None"
    said = ask("check_checksums()", environment, without_c)
    assert "implementation python" in said and "very slow" in said and "pip install" in said


def test_codecs_that_are_missing() -> None:
    found = check_codecs({"h264", "av1"})
    assert found.value == "h264"  # FFmpeg's own decoder of AV1 only works on GPUs
    assert "hevc, av1, vp8" in found.problem and found.remedy


def test_a_broken_package_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brokenpackage.py").write_text("raise ValueError('numpy.dtype size changed\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    found = load("brokenpackage", "decoding", "broken")
    assert isinstance(found, Finding) and found.remedy
    assert found.problem == "brokenpackage can't be imported (ValueError: numpy.dtype size changed)"
