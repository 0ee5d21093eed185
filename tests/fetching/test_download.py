"""`python -m pipelines.download`, from the command line to the tree on the disk."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.fetching.catalog import UCF50, Dataset, Source
from pipelines.fetching.extractors import installed
from pipelines.fetching.flags import Request
from pipelines.fetching.job import obtain
from tests.conftest import run_here, run_tool
from tests.support.archive_server import Answer, archive_site
from tests.support.certificates import make_chain
from tests.support.packing import KINDS, pack

pytestmark = [pytest.mark.process, pytest.mark.server]

TOOL = "pipelines.download"


def content(seed: str, blocks: int = 3_000) -> bytes:
    return b"".join(hashlib.sha256(f"{seed}{number}".encode()).digest() for number in range(blocks))


TREE = {
    "Swing/v_Swing_g01_c01.avi": content("a"),
    "Swing/v_Swing_g02_c01.avi": content("b"),
    "Wave/v_Wave_g01_c01.avi": content("c"),
    "Wave/empty.avi": b"",
}
PACKED = {f"mine/{name}": data for name, data in TREE.items()}


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def need_rar(kind: str = "rar") -> None:
    if kind == "rar" and not [one for one in installed() if "7z" not in one.names]:
        pytest.skip("none of unrar, unar and bsdtar is installed")


def temporary_files(output: Path) -> list[Path]:
    return [path for path in (output / "_state").rglob("*") if path.is_file() and path.suffix not in ("", ".json")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_archive(kind: str, tmp_path: Path) -> None:
    need_rar(kind)
    output = tmp_path / "data"
    with archive_site(pack(PACKED, kind)) as site:
        site.answers.append(Answer(cut_after=100_000))
        url = f"{site.url}/some/mine.{kind}?x=1"
        done = run_here(TOOL, "--output", output, "--url", url, code=0)
        assert tree_of(output / "mine") == TREE
        assert f"{output}/mine ready: 4 videos, 2 classes, 2 groups in a class, " in done.stdout
        digest = hashlib.sha256(site.data).hexdigest()
        assert f"{output}/mine.{kind} (it may be removed): SHA-256 {digest}\n" in done.stdout
        command = f"python -m pipelines.preprocess --input {output}/mine --output {output}/mine_dataset"
        assert done.stdout.endswith(f"Next:\n  {command}\n")
        site.requests.clear()
        (output / f"mine.{kind}").unlink()
        again = run_here(TOOL, "--output", output, "--url", url)
        assert not site.requests
    assert again.returncode == 0 and not again.stderr and not temporary_files(output)
    assert f"{output}/mine already there, and all files have their sizes: 4 videos" in again.stdout


def refused(data: bytes, kind: str, folder: Path) -> str:
    """The line about an archive of which nothing is extracted."""
    archive = folder / f"mine.{kind}"
    archive.write_bytes(data)
    done = run_here(TOOL, "--output", folder / "data", "--archive", archive, code=2)
    assert done.stderr.startswith(f"error: {archive} is ") and done.stderr.count("\n") == 1
    assert not (folder / "data" / "mine").exists()
    return done.stderr


@pytest.mark.parametrize("kind", ["rar", "zip", "tar.gz"])
@pytest.mark.parametrize("evil", ["../evil.avi", "mine/../../evil.avi", "/tmp/har_evil.avi"])
def test_nothing_of_an_archive_that_leads_elsewhere_is_extracted(kind: str, evil: str, tmp_path: Path) -> None:
    need_rar(kind)
    said = refused(pack({**PACKED, evil: b"evil"}, kind), kind, tmp_path)
    assert "is refused, and nothing was extracted: 1 entry" in said and repr(evil) in said
    assert not list(tmp_path.rglob("evil.avi")) and not Path("/tmp/har_evil.avi").exists()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_links_are_refused(kind: str, tmp_path: Path) -> None:
    links = {"mine/out": str(tmp_path / "elsewhere")}
    said = refused(pack({**PACKED, "mine/out/x.avi": b"evil"}, kind, links), kind, tmp_path)
    assert "'mine/out' is a symbolic link" in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [20, 50_000, -40_000])
def test_an_archive_that_is_cut(kind: str, cut: int, tmp_path: Path) -> None:
    need_rar(kind)
    said = refused(pack(PACKED, kind)[:cut], kind, tmp_path)
    assert "is damaged or incomplete" in said or "is not an archive" in said


@pytest.mark.parametrize("kind", ["rar", "zip"])
def test_a_file_with_another_checksum(kind: str, tmp_path: Path) -> None:
    """Also if one of several programs doesn't compare checksums: the listings of the others have them."""
    need_rar(kind)
    if kind == "rar" and not [one for one in installed() if {"unrar", "unar"} & set(one.names)]:
        pytest.skip("neither unrar nor unar is installed; bsdtar doesn't compare the checksums of stored files")
    data = bytearray(pack(PACKED, kind))
    data[50_000] ^= 1
    assert "is damaged or incomplete" in refused(bytes(data), kind, tmp_path)


def test_what_is_missing_or_changed_is_extracted_again(tmp_path: Path) -> None:
    output = tmp_path / "data"
    with archive_site(pack(PACKED, "zip")) as site:
        words = ("--output", output, "--url", f"{site.url}/mine.zip")
        assert run_here(TOOL, *words).returncode == 0
        (output / "mine" / "Swing" / "v_Swing_g01_c01.avi").unlink()
        (output / "mine" / "Wave" / "v_Wave_g01_c01.avi").write_bytes(b"cut")
        (output / "mine" / "Wave" / "notes.txt").write_bytes(b"my own")
        kept = (output / "mine" / "Swing" / "v_Swing_g02_c01.avi").stat().st_mtime_ns
        site.requests.clear()
        done = run_here(TOOL, *words)
        assert not site.requests
    assert done.returncode == 0 and "note: 2 files in" in done.stderr
    assert tree_of(output / "mine") == {**TREE, "Wave/notes.txt": b"my own"}
    assert (output / "mine" / "Swing" / "v_Swing_g02_c01.avi").stat().st_mtime_ns == kept


def test_an_archive_that_was_changed_is_not_used(tmp_path: Path) -> None:
    output = tmp_path / "data"
    with archive_site(pack(PACKED, "zip")) as site:
        words = ("--output", output, "--url", f"{site.url}/mine.zip")
        assert run_here(TOOL, *words).returncode == 0
        (output / "mine.zip").write_bytes(pack({**PACKED, "mine/Wave/new.avi": b"new"}, "zip"))
        (output / "mine" / "Wave" / "empty.avi").unlink()
        done = run_here(TOOL, *words)
        assert done.returncode == 2 and "mine.zip has changed since it was downloaded: its SHA-256 is" in done.stderr
        (output / "mine.zip").unlink()
        site.data, site.etag = pack({**PACKED, "mine/Wave/new.avi": b"new"}, "zip"), '"two"'
        done = run_here(TOOL, *words)
    assert done.returncode == 2 and "is another archive" in done.stderr and "Choose another --output" in done.stderr
    assert tree_of(output / "mine") == {name: data for name, data in TREE.items() if name != "Wave/empty.avi"}


def test_files_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    archive, mine = tmp_path / "mine.zip", tmp_path / "data" / "mine" / "Wave" / "v_Wave_g01_c01.avi"
    archive.write_bytes(pack(PACKED, "zip"))
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"precious")
    done = run_here(TOOL, "--output", tmp_path / "data", "--archive", archive)
    assert done.returncode == 2 and f"{mine} is in the way" in done.stderr
    assert tree_of(tmp_path / "data" / "mine") == {"Wave/v_Wave_g01_c01.avi": b"precious"}


def test_an_archive_that_a_browser_left_in_the_output_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(pack(PACKED, "zip"))
    with archive_site(b"not asked") as site:
        done = run_here(TOOL, "--output", tmp_path, "--url", f"{site.url}/mine.zip")
        assert not site.requests
    assert done.returncode == 0 and "already exists, and there is no checksum to compare" in done.stderr
    assert tree_of(tmp_path / "mine") == TREE


def test_some_classes_then_more(tmp_path: Path) -> None:
    archive = tmp_path / "mine.zip"
    archive.write_bytes(pack(PACKED, "zip"))
    words = ("--output", tmp_path / "data", "--archive", archive)

    def classes() -> set[str]:
        return {name.partition("/")[0] for name in tree_of(tmp_path / "data" / "mine")}

    assert run_here(TOOL, *words, "--classes", "Swing").returncode == 0 and classes() == {"Swing"}
    assert "already there" in run_here(TOOL, *words, "--classes", " Swing,").stdout
    done = run_here(TOOL, *words, "--classes", "Swing,Wavy")
    assert done.returncode == 2 and "nothing of the class 'Wavy'; did you mean Wave?" in done.stderr
    assert run_here(TOOL, *words, "--classes", "Wave").returncode == 0 and classes() == {"Swing", "Wave"}
    assert "already there" in run_here(TOOL, *words, "--classes", "Wave,Swing").stdout
    assert "ready" in run_here(TOOL, *words).stdout and tree_of(tmp_path / "data" / "mine") == TREE
    assert "already there" in run_here(TOOL, *words, "--classes", "Wave").stdout


def test_a_known_dataset_is_checked(tmp_path: Path) -> None:
    """An archive with UCF50's name that lacks most of it: all differences are reported, and the exit code isn't 0."""
    need_rar()
    files = {f"UCF50/Billiards/v_Billards_g{group:02}_c01.avi": b"x" for group in range(1, 26)}
    with archive_site(pack({**files, "UCF50/YoYo/v_YoYo_g01_c01.avi": b"y"}, "rar")) as site:
        words = ("--output", tmp_path, "--url", f"{site.url}/UCF50.rar")
        done = run_here(TOOL, *words)
        some = run_here(TOOL, *words, "--classes", "Billiards")
    assert done.returncode == 1 and (tmp_path / "UCF50" / "YoYo" / "v_YoYo_g01_c01.avi").read_bytes() == b"y"
    lines = done.stderr.splitlines()
    assert "not the expected 3,233,554,570" in lines[0]
    assert lines[1].startswith("differs from UCF50: no videos of 48 classes: BaseballPitch, Basketball, ")
    assert lines[2].startswith("differs from UCF50: YoYo has 1 group instead of 25 (different: g02, g03, ")
    assert lines[3] == "differs from UCF50: 26 videos instead of 6,681; its page says 6,676" and len(lines) == 4
    assert some.returncode == 0


def test_archives_of_classes_in_an_archive_and_split_lists(tmp_path: Path) -> None:
    """Like HMDB51's: a RAR of one RAR per class, with odd characters in names, and lists in a RAR beside it."""
    need_rar()
    odd = "#122_Cleaning_[x]_&_(y)_kick_f_nm_np1_ba_med_2.avi"
    inner = {"kick": {f"kick/{odd}": content("k")}, "wave": {"wave/a.avi": content("w"), "wave/b.avi": b"b"}}
    outer = {f"{label}.rar": pack(files, "rar") for label, files in inner.items()}
    folder = tmp_path / "browser"
    folder.mkdir()
    (folder / "hmdb51_org.rar").write_bytes(pack(outer, "rar"))
    lists = {f"testTrainMulti_7030_splits/{name}_test_split1.txt": b"a.avi 1 \n" for name in inner}
    (folder / "test_train_splits.rar").write_bytes(pack(lists, "rar"))
    output = tmp_path / "data"
    words = ("--output", output, "--archive", folder / "hmdb51_org.rar")
    run_here(TOOL, *words, "--classes", "wave", code=0)
    assert set(tree_of(output / "HMDB51")) == {"wave/a.avi", "wave/b.avi"}
    done = run_here(TOOL, *words)
    assert done.returncode == 1 and "no videos of 49 classes" in done.stderr
    assert tree_of(output / "HMDB51") == {**inner["kick"], **inner["wave"]}
    assert set(tree_of(output / "testTrainMulti_7030_splits")) == {"kick_test_split1.txt", "wave_test_split1.txt"}
    assert f"--split-file '{output}/testTrainMulti_7030_splits/*_test_split1.txt'\n" in done.stdout
    assert not temporary_files(output)
    outer["wave.rar"] = pack({"../wave/a.avi": b"evil"}, "rar")
    (folder / "hmdb51_org.rar").write_bytes(pack(outer, "rar"))
    done = run_here(TOOL, "--output", tmp_path / "new", *words[2:])
    assert done.returncode == 2 and "wave.rar is refused" in done.stderr


def test_split_lists_are_downloaded(tmp_path: Path) -> None:
    (tmp_path / "_state").mkdir()
    lists = {f"ucfTrainTestlist/{name}.txt": name.encode() for name in ("classInd", "trainlist01", "testlist01")}
    with archive_site(pack(lists, "zip")) as site:
        dataset = Dataset("x", "X", UCF50.videos, Source(f"{site.url}/lists.zip", "ucfTrainTestlist"))
        assert dataset.lists
        obtain(Request(str(tmp_path), dataset, classes=("Swing",)), dataset.lists, lists=True)
    assert set(tree_of(tmp_path / "ucfTrainTestlist")) == {"classInd.txt", "trainlist01.txt", "testlist01.txt"}


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", TOOL, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(path: Path, size_bytes: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists() and path.stat().st_size >= size_bytes:
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} didn't appear: {process.communicate()[1]}")


BIG = {f"mine/Swing/{number}.avi": content(str(number), 100_000) for number in range(3)}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_while_downloading(number: signal.Signals, tmp_path: Path) -> None:
    data = pack(BIG, "zip")
    with archive_site(data) as site:
        words = ("--output", tmp_path, "--url", f"{site.url}/mine.zip")
        site.answers.append(Answer(drip_s=0.1))
        process = start(*words)
        part = tmp_path / "_state" / "mine.zip.part"
        wait_for(part, 1_000_000, process)
        second = run_here(TOOL, *words)
        assert second.returncode == 2 and f"another run is writing to {tmp_path}" in second.stderr
        os.killpg(process.pid, number)
        said = process.communicate(timeout=60)[1]
        if number == signal.SIGINT:
            assert process.returncode == 130 and said == "interrupted; run the same command again to resume\n"
        have = part.stat().st_size
        assert 1_000_000 <= have < len(data) and not (tmp_path / "mine.zip").exists()
        done = run_here(TOOL, *words)
    assert done.returncode == 0, done.stderr
    assert site.ranges() == ["", f"bytes={have - 65536}-"]
    assert (tmp_path / "mine.zip").read_bytes() == data
    assert tree_of(tmp_path / "mine") == {name.removeprefix("mine/"): data for name, data in BIG.items()}


def test_killed_while_extracting(tmp_path: Path) -> None:
    zeros = {f"mine/Swing/{number:02}.avi": bytes(20_000_000) for number in range(20)}
    archive = tmp_path / "mine.zip"
    archive.write_bytes(pack(zeros, "zip"))
    words = ("--output", tmp_path / "data", "--archive", archive)
    process = start(*words)
    wait_for(tmp_path / "data" / "_state" / "tmp" / "mine" / "files" / "Swing" / "02.avi", 1, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert not (tmp_path / "data" / "mine").exists()
    done = run_here(TOOL, *words)
    assert done.returncode == 0 and "20 videos" in done.stdout and not temporary_files(tmp_path / "data")
    assert {path.stat().st_size for path in (tmp_path / "data" / "mine" / "Swing").iterdir()} == {20_000_000}


def test_a_full_disk_while_downloading(tmp_path: Path) -> None:
    data = pack(BIG, "zip")
    with archive_site(data) as site:
        words = ("--output", tmp_path, "--url", f"{site.url}/mine.zip")
        done = run_tool(TOOL, *words, max_file_bytes=1 << 20)
        assert done.returncode == 4, done.stderr
        assert done.stderr.startswith(f"error: cannot write {tmp_path}/_state/mine.zip.part: File too large. Make room")
        assert done.stderr.count("\n") == 1
        done = run_here(TOOL, *words)
    assert done.returncode == 0 and (tmp_path / "mine.zip").read_bytes() == data
    assert site.ranges() == ["", f"bytes={(1 << 20) - 65536}-"]


def test_a_full_disk_while_extracting(tmp_path: Path) -> None:
    archive = tmp_path / "mine.zip"
    archive.write_bytes(pack({"mine/Swing/a.avi": b"a", "mine/Swing/b.avi": bytes(3_000_000)}, "zip"))
    words = ("--output", tmp_path / "data", "--archive", archive)
    done = run_tool(TOOL, *words, max_file_bytes=1 << 20)
    assert done.returncode == 4 and "b.avi: File too large. Make room" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "data" / "mine").exists()
    assert run_here(TOOL, *words).returncode == 0


def test_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = make_chain(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain.root))
    data = pack(PACKED, "zip")
    with archive_site(data, chain.whole) as site:
        assert run_here(TOOL, "--output", tmp_path / "whole", "--url", f"{site.url}/mine.zip").stderr == ""
    with archive_site(data, chain.incomplete) as site:
        words = ("--output", tmp_path / "out", "--url", f"{site.url}/mine.zip")
        done = run_here(TOOL, *words)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and not site.requests
        assert "the certificate of 127.0.0.1 can't be checked: the site doesn't send the intermediate" in done.stderr
        assert "--insecure" in done.stderr and "SSL_CERT_FILE" in done.stderr and "--archive FILE" in done.stderr
        done = run_here(TOOL, *words, "--insecure")
        assert done.returncode == 0 and tree_of(tmp_path / "out" / "mine") == TREE
        assert done.stderr.startswith("note: certificates are not checked (--insecure): somebody could send")
    with archive_site(data, chain.lone) as site:
        done = run_here(TOOL, "--output", tmp_path / "lone", "--url", f"{site.url}/mine.zip")
        assert done.returncode == 2 and "self-signed" in done.stderr


def test_from_https_to_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = make_chain(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain.root))
    with archive_site(b"", chain.whole) as site, archive_site(pack(PACKED, "zip")) as plain:
        site.answers.append(Answer(302, {"Location": f"{plain.url}/mine.zip"}))
        done = run_here(TOOL, "--output", tmp_path / "out", "--url", f"{site.url}/mine.zip")
        assert done.returncode == 2 and "redirects to" in done.stderr and not plain.requests


def test_rar_where_nothing_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported before anything is downloaded."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with archive_site(pack(PACKED, "rar")) as site:
        done = run_here(TOOL, "--output", tmp_path / "out", "--url", f"{site.url}/mine.rar")
        assert done.returncode == 2 and "apt-get install unar (or libarchive-tools" in done.stderr
        assert not site.requests
        done = run_here(TOOL, "--output", tmp_path / "out", "--url", f"{site.url}/mine")  # a RAR only by its content
        assert done.returncode == 2 and "apt-get install unar" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--classes", "Bilards"), "UCF50 has no class 'Bilards'; did you mean Billiards?"),
        (("--classes", "brush_hair", "--dataset", "hmdb51", "--url", "ftp://x/y.rar"), "http:// or https://"),
        (("--classes", ","), "--classes is empty"),
        (("--url", "/home/me/UCF50.rar"), "is given as --archive FILE"),
        (("--url", "https://me:secret@host/x.rar"), "with a user or password in it is not supported"),
        (("--url", "https://host/"), "doesn't end in a file name"),
        (("--url", "https://host:http/x.rar"), "is not an address of http:// or https://"),
        (("--archive", "no/such/UCF50.rar"), "no such file: "),
        (("--archive", "."), " is not a file"),
        (("--archive", "README.md"), "is not an archive (RAR, ZIP, tar, tar.gz, tar.xz or tar.bz2) but something else"),
        (("--archive", "README.md", "--url", "http://x/y.rar"), "give one of --url and --archive"),
        (("--dataset", "other"), "--dataset other needs --url or --archive"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run_here(TOOL, "--output", tmp_path / "out", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert said in done.stderr and "secret" not in done.stderr


def test_output_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for output, said in (
        ("gs://bucket/x", "a local folder"),
        (tmp_path / "file", "is a file"),
        ("", "--output is empty"),
    ):
        done = run_here(TOOL, "--output", output)
        assert done.returncode == 2 and said in done.stderr
