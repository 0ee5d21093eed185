"""Nothing is lost: kills, full disks and changed inputs end in the dataset that an uninterrupted run gives."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import contents, make_tree, preprocess, run_here, run_tool, settle, write_endless_video, write_video

pytestmark = pytest.mark.process

ARGUMENTS = ("--num-frames", 4, "--size", 32, "--shards", 8)


def temporary_files(folder: Path) -> list[Path]:
    return list((folder / "_state" / "tmp").glob("*"))


def start(*arguments: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pipelines.preprocess", *map(str, arguments)]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def shards_done(output: Path) -> int:
    try:
        return sum(name.endswith(".json") for name in os.listdir(output / "_state" / "shards"))
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("after", [0, 3, 7])
def test_killed_and_run_again(tree: Path, dataset: Path, tmp_path: Path, after: int) -> None:
    """SIGKILL to the whole group after some shards are whole, plus a random moment; then the same command."""
    output = tmp_path / "out"
    arguments = ("--input", tree, "--output", output, *ARGUMENTS)
    process = start(*arguments)
    deadline = time.monotonic() + 60
    while shards_done(output) < after and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(random.Random(after).uniform(0, 0.05) if after else 1.5)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")} if output.exists() else {}
    done = {path.stem for path in (output / "_state" / "shards").glob("*.json")}
    preprocess(*arguments, code=0)
    assert contents(output) == contents(dataset)
    assert not temporary_files(output)
    for name in done:  # whole shards weren't made again
        assert (output / name).stat().st_mtime_ns == kept[name]


def test_changed_added_and_removed_videos_rewrite_only_their_shards(tmp_path: Path) -> None:
    videos, output = make_tree(tmp_path / "videos"), tmp_path / "out"
    arguments = ("--input", videos, "--output", output, *ARGUMENTS)

    def rewritten() -> set[str]:
        before = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}
        preprocess(*arguments, code=0)
        assert run_here("pipelines.verify", output).returncode == 0
        return {path.name for path in output.glob("*.tfrecord") if path.stat().st_mtime_ns != before.get(path.name)}

    def shard_with(video_id: str) -> str:
        for path in (output / "_state" / "shards").glob("*.json"):
            if video_id in path.read_text():
                return path.stem
        raise AssertionError(video_id)

    assert len(rewritten()) == 8
    write_video(videos / "Run" / "v_Run_g02_c01.avi", 99)
    assert rewritten() == {shard_with("Run/v_Run_g02_c01")}
    write_video(videos / "Run" / "v_Run_g02_c09.avi", 20)
    assert rewritten() == {shard_with("Run/v_Run_g02_c09")}
    gone = shard_with("Jump/v_Jump_g01_c01")
    (videos / "Jump" / "v_Jump_g01_c01.avi").unlink()
    assert rewritten() == {gone}
    groups_before = json.loads((output / "dataset_info.json").read_text())["splits"]
    write_video(videos / "Run" / "v_Run_g66_c01.avi", 20)  # a group that is new
    assert rewritten() == {shard_with("Run/v_Run_g66_c01")}
    for split, entry in json.loads((output / "dataset_info.json").read_text())["splits"].items():
        assert set(groups_before[split]["groups"]) <= set(entry["groups"])
    os.utime(videos / "Run" / "v_Run_g02_c09.avi", (1, 1))  # touched: counts as changed
    assert rewritten() == {shard_with("Run/v_Run_g02_c09")}


def test_verify_finds_damaged_and_missing_shards_and_a_remedy(tree: Path, dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(dataset, output)
    missing, cut, changed = sorted(output.glob("*.tfrecord"))[:3]
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:-7])
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    checked = run_here("pipelines.verify", output)
    assert checked.returncode == 1
    assert f"{missing.name}: the file is missing" in checked.stderr
    assert f"{cut.name}: ends within" in checked.stderr
    assert f"{changed.name}: wrong checksum of the record" in checked.stderr
    remedy = checked.stderr.splitlines()[-1]
    assert f"remove these shards from {output} (" in remedy and changed.name in remedy
    changed.unlink()
    assert preprocess("--input", tree, "--output", output, *ARGUMENTS).returncode == 0
    assert contents(output) == contents(dataset)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["counts"].update(failed=3), "failures.jsonl doesn't hold the 3 failures"),
        (lambda v: v.update(labels=["Jump", "Run", "Walk"]), "is not the id of"),
        (lambda v: v["clip_spec"].update(num_frames=5, fingerprint=None), "another version of this software"),
        (lambda v: v["splits"]["val"].update(shards=[]), "files belong to no split"),
        (lambda v: v["splits"]["val"].update(groups=["g77"]), "val: the groups differ from"),
        (lambda v: v["splits"].update(test=v["splits"]["train"]), "is listed twice"),
        (lambda v: v["splits"]["val"]["shards"].append(v["splits"]["train"]["shards"].pop(0)), "is in train and val"),
    ],
)
def test_verify_finds_wrong_descriptions(copy: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    value = json.loads((copy / "dataset_info.json").read_text())
    change(value)
    (copy / "dataset_info.json").write_text(json.dumps(settle(value)))
    checked = run_here("pipelines.verify", copy)
    assert checked.returncode == 1 and message in checked.stderr, checked.stderr
    assert run_here("pipelines.verify", copy.parent).returncode == 2


def test_other_settings_are_refused_until_overwritten(tree: Path, dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(dataset, output)
    (output / "notes.txt").write_text("mine")
    other = ("--input", tree, "--output", output, "--num-frames", 5, "--size", 32, "--shards", 3)
    refused = preprocess(*other)
    assert refused.returncode == 2
    assert "num_frames: 4 there, 5 now" in refused.stderr and "shards: 8 there, 3 now" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert contents(output).items() >= contents(dataset).items()
    assert preprocess(*other, "--overwrite").returncode == 0
    assert len(list(output.glob("*.tfrecord"))) == 3
    assert (output / "notes.txt").read_text() == "mine"
    assert run_here("pipelines.verify", output).returncode == 0


def test_overwriting_loses_nothing_before_or_while_it_works(tree: Path, dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(dataset, output)
    other = ("--input", tree, "--output", output, *ARGUMENTS[:2], "--size", 40, "--shards", 8, "--overwrite")
    refused = preprocess(*other, "--split-groups", "test=g77")  # a mistake in the command doesn't destroy a dataset
    assert refused.returncode == 2
    assert contents(output) == contents(dataset)
    process = start(*other)
    for count in (0, 3):  # once the old ones are gone
        while shards_done(output) != count and process.poll() is None:
            time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in output.glob("*.tfrecord")}
    whole = {path.stem for path in (output / "_state" / "shards").glob("*.json")}
    preprocess(*other, code=0)
    assert all((output / name).stat().st_mtime_ns == kept[name] for name in whole)
    assert run_here("pipelines.verify", output).returncode == 0


def test_folder_with_other_things_is_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    done = preprocess("--input", tree, "--output", tmp_path, *ARGUMENTS)
    assert done.returncode == 2 and "is not empty and holds no dataset" in done.stderr
    assert preprocess("--input", tree, "--output", tree.parent, *ARGUMENTS).returncode == 2  # nothing but folders
    inside = preprocess("--input", tree, "--output", tree / "out", *ARGUMENTS)
    assert inside.returncode == 2 and "choose another folder" in inside.stderr


def test_two_runs_at_a_time_into_one_folder(tree: Path, dataset: Path, tmp_path: Path) -> None:
    arguments = ("--input", tree, "--output", tmp_path / "out", *ARGUMENTS)
    first = start(*arguments)
    while not (tmp_path / "out" / "_state" / "lock").exists():
        assert first.poll() is None
        time.sleep(0.002)
    second = preprocess(*arguments)
    assert first.wait() == 0
    assert (second.returncode == 2 and "another run is writing" in second.stderr) or second.returncode == 0
    assert contents(tmp_path / "out") == contents(dataset)


def test_transient_failures_are_tried_again_and_lasting_ones_are_not(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    for i in range(4):
        write_video(videos / "A" / f"v_A_g0{i}_c01.avi", 10)
    write_endless_video(videos / "A" / "late.avi")
    (videos / "A" / "text.avi").write_text("x")
    arguments = ("--input", videos, "--output", tmp_path / "out", *ARGUMENTS[:4], "--time-limit-s", 2)
    first = preprocess(*arguments)
    assert first.returncode == 3 and "1 DecodeTimeout" in first.stderr and "1 VideoOpenError" in first.stderr
    mode = os.stat(videos / "A" / "late.avi")
    (videos / "A" / "late.avi").unlink()
    write_video(videos / "A" / "late.avi", 10)
    os.utime(videos / "A" / "late.avi", ns=(mode.st_atime_ns, mode.st_mtime_ns))
    second = preprocess(*arguments, "--max-failure-rate", 0.2)
    assert second.returncode == 0, second.stderr
    assert "5 written + 1 failed" in second.stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 192 KB, too small for the dataset."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root; the limit on file sizes is tested in any case")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def assert_clean_refusal(done: "subprocess.CompletedProcess[str]", output: Path, dataset: Path, reason: str) -> None:
    assert done.returncode == 4, done.stderr
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: cannot write") and reason in error and "run the same command again" in error
    whole = contents(dataset)
    for path in output.glob("*.tfrecord"):  # nothing half-written under a final name
        assert path.read_bytes() == whole[path.name]
    assert not (output / "dataset_info.json").exists()


def test_full_disk(tree: Path, dataset: Path, small_disk: Path) -> None:
    output = small_disk / "out"
    arguments = ("--input", tree, "--output", output, *ARGUMENTS)
    done = preprocess(*arguments)
    assert_clean_refusal(done, output, dataset, "No space left on device")
    assert "Traceback" not in done.stderr
    assert list(output.glob("*.tfrecord"))
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    assert preprocess(*arguments).returncode == 0
    assert contents(output) == contents(dataset)


def test_file_that_may_not_grow(tree: Path, dataset: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = ("--input", tree, "--output", output, *ARGUMENTS)
    done = run_tool("pipelines.preprocess", *arguments, max_file_bytes=60_000)
    assert_clean_refusal(done, output, dataset, "File too large")
    assert not temporary_files(output)
    assert preprocess(*arguments).returncode == 0
    assert contents(output) == contents(dataset)


def test_full_disk_in_another_process(tree: Path, dataset: Path, small_disk: Path) -> None:
    """The worker's own message also reaches the user from Beam's processes, after the stack traces that these print."""
    output = small_disk / "out"
    mode = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    done = preprocess("--input", tree, "--output", output, *ARGUMENTS, *mode)
    assert_clean_refusal(done, output, dataset, "No space left on device")


def test_unwritable_folder(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    mounted = False
    if os.geteuid() == 0:  # root may write anywhere except on a read-only file system
        command = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder]
        mounted = not subprocess.run(command, capture_output=True).returncode
        if not mounted:
            pytest.skip("as root, this needs the right to mount")
    try:
        done = preprocess("--input", tree, "--output", folder / "out", *ARGUMENTS)
        assert done.returncode == 4, done.stderr
        assert "error: cannot write to" in done.stderr and "Traceback" not in done.stderr
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
