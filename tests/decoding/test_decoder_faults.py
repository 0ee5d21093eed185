"""What may happen to decoders themselves: killed while starting, orphaned, without limits, sent long messages."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelines.core.errors import WorkerError
from pipelines.core.spec import ClipSpec
from pipelines.decoding import child, decoder
from pipelines.decoding.messages import CutVideo, DecodedClip, DecodedWindow, WindowJob
from pipelines.decoding.pool import DecoderPool
from pipelines.engines.errors import known_message
from pipelines.video.windows import WindowSpec
from tests.conftest import preprocess, write_endless_video, write_video
from tests.support.decoders import LIMITS, decoders, job, pool_of, same_path, wait_until_read

pytestmark = pytest.mark.process

KILLS = int(os.environ.get("HAR_STARTING_KILLS", "3"))
"""How many decoders to kill while they start."""


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [write_video(folder / f"{i}.avi", 10 + i) for i in range(4)]


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "_PAUSES_S", (0.01, 0.01))


def python_that(folder: Path, does: str) -> str:
    """A program to be started in place of Python, given as a line of shell; `$@` are the arguments."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_decoder_gets_nothing_that_it_doesnt_need(videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "DATABASE_URL", "SSH_AUTH_SOCK", "PYTHON_KEY")
    for name in (*secrets, "OPENCV_SOMETHING", "LC_NUMERIC"):
        monkeypatch.setenv(name, "x")
    with open(__file__) as inherited, pool_of(1) as pool:
        os.set_inheritable(inherited.fileno(), True)
        assert [type(result) for _, result in pool.map(videos[:1], job(), same_path)] == [DecodedClip]
        (process,) = decoders()
        names, folder = process.environ().keys(), f"/proc/{process.pid}/fd"
        opened = sorted(os.readlink(f"{folder}/{name}").partition(":")[0] for name in os.listdir(folder))
        assert not names & {*secrets, "HOME", "PATH"} and {"OPENCV_SOMETHING", "LC_NUMERIC"} <= names
        assert process.cwd() == "/" and opened == ["/dev/null", "/dev/null", "pipe", "socket"]


def test_a_path_relative_to_the_worker_is_found(videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules in the user's folder aren't imported."""
    monkeypatch.chdir(videos[0].parent)
    (videos[0].parent / "cv2.py").write_text("raise SystemExit('the wrong one')")
    with pool_of(1) as pool:
        ((_, result),) = pool.map([Path(videos[0].name)], job(), same_path)
    assert isinstance(result, DecodedClip)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system doesn't do that")
def test_a_decoder_ends_with_its_worker(tmp_path: Path) -> None:
    """It ends although it is busy with a file that never ends."""
    write_endless_video(tmp_path / "hang.avi")
    code = (
        "import sys; from tests.support.decoders import *\n"
        "with pool_of(1) as pool: list(pool.map([Path(sys.argv[1])], job(), same_path))"
    )
    worker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "hang.avi")])
    wait_until_read(tmp_path / "hang.avi")
    (orphan,) = psutil.Process(worker.pid).children()
    worker.kill()
    worker.wait()
    psutil.wait_procs([orphan], timeout=10)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, "the orphan still runs"


def test_no_memory_limit_is_told_once(
    videos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    code = (
        "import builtins, runpy, sys\n"
        "def refuse(name, *more, real=open, **options):\n"
        "    if name == '/proc/self/statm': raise FileNotFoundError(2, 'No such file or directory', name)\n"
        "    return real(name, *more, **options)\n"
        "builtins.open = refuse\n"
        "runpy.run_module('pipelines.decoding.child_main', run_name='__main__', alter_sys=True)\n"
    )
    (tmp_path / "without_proc.py").write_text(code)
    python = python_that(tmp_path, f'shift 3; exec {sys.executable} {tmp_path}/without_proc.py "$@"')
    monkeypatch.setattr("sys.executable", python)
    monkeypatch.setattr(child, "_told_of_no_limit", threading.Event())
    with pool_of(2) as pool:
        assert [type(result) for _, result in pool.map(videos, job(), same_path)] == [DecodedClip] * 4
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("decoders have no memory limit on this machine (/proc/self/statm: No such file")


def test_killed_while_they_start(videos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are started, and no video is lost. Moments are counted in CPU time, as other processes may be slow."""
    code = (
        "import os, random, runpy, signal\n"
        f"os.chdir({os.fspath(tmp_path)!r})\n"
        "number = sum(name.startswith('start-') for name in os.listdir())\n"
        "open(f'start-{number}', 'x').close()\n"
        "os.chdir('/')\n"
        "if number % 4 < 3:\n"
        "    signal.signal(signal.SIGPROF, lambda *_: os.kill(os.getpid(), signal.SIGKILL))\n"
        "    signal.setitimer(signal.ITIMER_PROF, random.Random(number).uniform(0.001, 0.05))\n"  # it takes longer
        "runpy.run_module('pipelines.decoding.child_main', run_name='__main__', alter_sys=True)\n"
    )
    (tmp_path / "killed.py").write_text(code)
    monkeypatch.setattr(
        "sys.executable", python_that(tmp_path, f'shift 3; exec {sys.executable} {tmp_path}/killed.py "$@"')
    )
    for _ in range(0, KILLS, 3):
        with pool_of(1) as pool:
            results = [result for _, result in pool.map(videos[:2], job(), same_path)]
        assert [type(result) for result in results] == [DecodedClip] * 2
    assert len(list(tmp_path.glob("start-*"))) == -(-KILLS // 3) * 4


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    ("does", "why"),
    [("kill -9 $$", "SIGKILL"), ("echo first >&2; echo ModuleNotFoundError: no cv2 >&2; exit 1", "no cv2"),
     ("exit 3", "exit code 3"), ("", "No such file")],
)  # fmt: skip
def test_decoders_that_never_start_end_the_job_in_one_line(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, why: str
) -> None:
    monkeypatch.setattr("sys.executable", python_that(tmp_path, does) if does else str(tmp_path / "none"))
    done = preprocess("--input", tree, "--output", tmp_path / "out", "--num-frames", 2, "--size", 16, "--shards", 3)
    assert done.returncode == 4
    (line,) = [line for line in done.stderr.splitlines() if "; using " not in line and "videos" not in line]
    assert line.startswith("error: a decoder process could not be started in 3 attempts: ") and why in line


@contextlib.contextmanager
def without_room(times: int, number: int = errno.ENOSPC) -> Iterator[Any]:
    """Opens files, of which the first `times` attempts fail."""
    left = [times]

    @contextlib.contextmanager
    def open_local(path: Path) -> Iterator[str]:
        if left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        yield str(path)

    yield open_local


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EDQUOT])
def test_a_shortage_is_no_videos_failure(videos: list[Path], number: int) -> None:
    with pool_of(1) as pool, without_room(2, number) as open_local:
        assert [type(result) for _, result in pool.map(videos, job(), open_local)] == [DecodedClip] * 4
    with pool_of(1) as pool, without_room(100, number) as open_local, pytest.raises(WorkerError, match="Make room"):
        list(pool.map(videos, job(), open_local))


@pytest.mark.parametrize("error", [FileNotFoundError(2, "it was tidied away"), ValueError("a defect")])
def test_what_cannot_be_closed_keeps_nobody_waiting(videos: list[Path], error: Exception) -> None:
    @contextlib.contextmanager
    def open_local(path: Path) -> Iterator[str]:
        yield str(path)
        raise error

    found: list[Any] = []

    def consume(pool: DecoderPool) -> None:
        try:
            found.extend(type(result) for _, result in pool.map(videos[:2], job(), open_local))
        except ValueError as raised:
            found.append(raised)

    with pool_of(1) as pool:
        consumer = threading.Thread(target=consume, args=(pool,), daemon=True)
        consumer.start()
        consumer.join(30)
        assert not consumer.is_alive()
    assert found == ([DecodedClip] * 2 if isinstance(error, OSError) else [error])


def test_worker_and_decoder_may_talk_at_the_same_time(tmp_path: Path) -> None:
    """Requests of three megabytes are sent while windows wait to be taken: a socket's buffer holds neither."""
    path = write_video(tmp_path / "v.mp4", 250, options={"g": "10"})
    wanted = WindowJob(ClipSpec(16, 128, 128), WindowSpec(1.0, 0.5, 1.5, 3.0), LIMITS)
    with pool_of(1) as pool:
        ((_, cut, _),) = pool.stream([path], wanted, same_path)
        assert isinstance(cut, CutVideo) and len(cut.ranges) > 2
        padded = [replace(part, piece={**part.piece, "padding": "x" * 3_000_000}) for part in cut.ranges]
        found: list[Any] = []

        def consume() -> None:
            ranges = pool.stream(
                list(range(len(padded))), wanted, lambda _: same_path(path), padded.__getitem__, hold=2
            )
            found.extend(result for _, result, _ in ranges if result is not None)

        consumer = threading.Thread(target=consume, daemon=True)
        consumer.start()
        consumer.join(60)
        stuck = consumer.is_alive()
        for process in decoders() if stuck else []:
            process.send_signal(signal.SIGKILL)
    assert not stuck
    assert sorted(result.window.index for result in found if isinstance(result, DecodedWindow)) == list(range(19))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"RuntimeError: {OSError(errno.EMFILE, 'Too many open files')!s}", ""),
        ("RuntimeError: OSError: [Errno 24] Too many open files [while running 'X']", "Too many open files"),
        ("OSError: [Errno 28] No space left on device: '/tmp/x'", "No space left on device"),
        ("RuntimeError: numpy.core._exceptions._ArrayMemoryError: Unable to allocate", "no memory is left"),
        ("RuntimeError: MemoryError [while running 'X']", "no memory is left"),
        ("RuntimeError: OSError: [Errno 5] Input/output error", ""),
    ],
)
def test_what_a_job_says_of_a_shortage_is_known(text: str, what: str) -> None:
    assert known_message(text).startswith(f"this machine is short of something: {what}. " if what else "")
    assert bool(known_message(text)) == bool(what)
