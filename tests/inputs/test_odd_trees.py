"""Trees with things that don't belong there: circular or broken links, unreadable folders, pipes, sockets, copies."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from pipelines.core.video_files import BROKEN_LINK, LISTED_ALREADY
from pipelines.dataset.listing import read_catalog, without_duplicates
from pipelines.inputs.catalog import Catalog
from pipelines.labelling.listing import list_videos
from pipelines.labelling.plan import Listing
from tests.conftest import preprocess, run_here, write_video
from tests.support.format_examples import check_like_the_example
from tests.support.listings import forbidden as forbidden
from tests.support.listings import nobody, touch, write_list


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos, and much that isn't one. Tests must not change it."""
    root = tmp_path_factory.mktemp("odd") / "tree"
    write_video(root / "A" / "v.mp4", 12)
    write_video(root / "A" / "w.mp4", 13)
    write_video(root / "B" / "v.mp4", 14)
    (root / "A" / "notes.txt").write_text("x")
    (root / "A" / ".hidden.mp4").write_bytes(b"x")
    links = {
        "A/circle.mp4": "circle.mp4", "A/circle": "circle", "A/gone.mp4": "nowhere", "A/gone": "nowhere",
        "A/gone.txt": "nowhere", "A/up": "..", "B/up": "../..", "B/again": "../A",
    }  # fmt: skip
    for name, target in links.items():
        os.symlink(target, root / name)
    target = "v.mp4"
    for number in range(45):  # systems follow forty links
        os.symlink(target, root / "B" / f"link{number:02}.mp4")
        target = f"link{number:02}.mp4"
    os.mkfifo(root / "A" / "pipe")
    os.mkfifo(root / "A" / "pipe.mp4")
    os.symlink("/dev/zero", root / "A" / "zero.mp4")
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(root)  # a socket's whole path may have about a hundred characters
        bound.bind("A/socket")
        os.chdir(here)
    return root


LINKS = [f"B/link{number:02}" for number in range(45)]
LISTED = ["A/v", "A/w", "B/v", "A/circle", "A/gone", "A/pipe", "A/zero", *LINKS]
FAILED_AT_ONCE = ["A/circle/", "A/gone/"]
IGNORED = {
    "A/.hidden.mp4": "hidden", "A/notes.txt": "extension .txt", "A/gone.txt": BROKEN_LINK, "A/up": LISTED_ALREADY,
    "B/up": LISTED_ALREADY, "B/again": LISTED_ALREADY, "A/pipe": "pipe", "A/socket": "socket",
}  # fmt: skip


def check(found: Catalog | Listing, extension: str = "") -> None:
    ids = [video.video_id for video in found.videos]
    assert ids == sorted(name + extension for name in LISTED)
    missing = [video.video_id.removesuffix(extension) for video in found.videos if video.version == "missing"]
    assert missing == ["A/circle", "A/gone", "A/pipe", "A/zero", *LINKS[40:]]
    assert {file.path: file.reason for file in found.ignored} == IGNORED


@pytest.mark.process
def test_a_tree_of_odd_things_is_listed_at_once(odd: Path) -> None:
    catalog = read_catalog(str(odd))
    check(catalog)
    assert [(f.video_id, f.stage, f.message) for f in catalog.left_out.failed] == [
        ("A/circle/", "list", "Too many levels of symbolic links"),
        ("A/gone/", "list", "No such file or directory"),
    ]
    assert catalog.num_listed == len(LISTED) + 2
    listing = list_videos(str(odd))
    check(listing, ".mp4")
    assert [failure.video_id for failure in listing.failed] == FAILED_AT_ONCE
    assert [f"{failure.uri}/" for failure in listing.failed] == FAILED_AT_ONCE  # the place of the tree isn't told


@pytest.mark.parametrize("pattern", ["**", "**/*", "**/**/*", "[AB]/*"])
def test_a_glob_follows_each_folder_once(odd: Path, pattern: str) -> None:
    listing = list_videos(str(odd / pattern))
    assert [video.video_id for video in listing.videos] == sorted(f"{name}.mp4" for name in LISTED)
    assert [failure.video_id for failure in listing.failed] == FAILED_AT_ONCE
    assert "A/notes.txt" in {file.path for file in listing.ignored}


def test_of_two_ways_to_a_folder_the_real_one_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, "train/A/v.mp4", "train/B/w.mp4")
    touch(tmp_path, *(f"test/C/{number}.mp4" for number in range(2)))
    (tmp_path / "test" / "A").symlink_to("../train/A")
    (tmp_path / "D").symlink_to("test/C")
    for found in (read_catalog(str(tmp_path)), list_videos(str(tmp_path))):
        assert [v.video_id.split(".")[0] for v in found.videos] == ["test/C/0", "test/C/1", "train/A/v", "train/B/w"]
        assert [file.path for file in found.ignored] == ["D", "test/A"]


def test_many_links_in_circles_end_at_once(tmp_path: Path) -> None:
    """There are 2 ** 40 ways through them."""
    touch(tmp_path, "A/v.mp4")
    for name in ("one", "two"):
        (tmp_path / "A" / name).symlink_to(tmp_path)
    for source in (tmp_path, tmp_path / "**" / "*.mp4"):
        assert [video.video_id for video in list_videos(str(source)).videos] == ["A/v.mp4"]
    assert [video.video_id for video in read_catalog(str(tmp_path)).videos] == ["A/v"]


def test_a_folder_that_is_too_deep_costs_a_record(tmp_path: Path) -> None:
    touch(tmp_path, "A/v.mp4")
    here = os.getcwd()
    os.chdir(tmp_path / "A")
    try:
        for _ in range(20):
            os.mkdir("d" * 250)
            os.chdir("d" * 250)
        listing = list_videos(str(tmp_path))
    finally:
        os.chdir(here)
        shutil.rmtree(tmp_path / "A")
    assert [video.video_id for video in listing.videos] == ["A/v.mp4"]
    assert [failure.message for failure in listing.failed] == ["File name too long"]


def test_a_closed_folder_costs_a_record(forbidden: Path) -> None:
    touch(forbidden / "folder", "open/b.mp4")
    with nobody():
        failed = read_catalog(str(forbidden / "folder")).left_out.failed
        assert [(f.video_id, f.type, f.message) for f in failed] == [
            ("closed/", "UnreadableError", "Permission denied")
        ]
        for source in ("folder", "folder/**/*.mp4", "folder/*/*.mp4"):
            listing = list_videos(str(forbidden / source))
            assert [video.video_id for video in listing.videos] == ["open/b.mp4"]
            assert [(f.video_id, f.message) for f in listing.failed] == [("closed/", "Permission denied")]


@pytest.mark.process
def test_the_job_accounts_for_all_of_it(odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("--input", odd, "--output", out, "--num-frames", 4, "--size", 16, "--max-failure-rate", 1)
    done = preprocess(*arguments, code=0)
    assert "note: 8 files ignored: link to a folder listed already 3 (A/up, B/again, B/up), " in done.stderr
    counts = json.loads((out / "dataset_info.json").read_text())["counts"]
    assert (counts["listed"], counts["written"], counts["failed"], counts["ignored"]) == (54, 43, 11, 8)
    failures = [json.loads(line) for line in (out / "failures.jsonl").open()]
    assert [failure["video_id"] for failure in failures if failure["stage"] == "list"] == FAILED_AT_ONCE
    reasons = {failure["video_id"]: (failure["type"], failure["message"]) for failure in failures}
    assert reasons["A/pipe"] == ("VideoReadError", "not a regular file but a pipe")
    assert reasons["A/zero"] == ("VideoReadError", "not a regular file but a device")
    assert {kind for kind, _ in reasons.values()} == {"VideoReadError", "UnreadableError"}
    lines = [line for line in done.stdout.splitlines() if line.startswith(("Note", "Warning"))]
    assert len(set(lines)) == len(lines) > 1
    check_like_the_example("ignored.jsonl", (out / "ignored.jsonl").read_text())
    ignored = [json.loads(line) for line in (out / "ignored.jsonl").open()]
    assert {file["path"]: file["reason"] for file in ignored} == IGNORED
    assert [file["path"] for file in ignored] == sorted(IGNORED)
    page = (out / "preview.html").read_text()
    assert "8 other files ignored" in page and "A/notes.txt" in page and "Too many levels of symbolic links" in page
    assert run_here("pipelines.verify", out).returncode == 0
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert preprocess(*arguments).returncode == 0
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    (out / "ignored.jsonl").write_text("")
    done = run_here("pipelines.verify", out)
    assert done.returncode == 1 and "ignored.jsonl doesn't hold the 8 ignored files" in done.stderr
    assert preprocess(*arguments).returncode == 0
    assert run_here("pipelines.verify", out).returncode == 0


def test_names_in_lists_may_begin_with_what_begins_comments(tmp_path: Path) -> None:
    names = ["#1_pick.avi", "show_your_smile_-)_pick.avi", " spaces .avi", "# not there.avi", "line\x0cfeed\u2028.avi"]
    touch(tmp_path, *(name for name in names if "not there" not in name))
    (tmp_path / "#link.avi").symlink_to("nowhere")
    listing = list_videos(str(write_list(tmp_path / "list.txt", "\n".join(["# all of them", "#link.avi", *names]))))
    assert [video.video_id for video in listing.videos] == sorted({*names, "#link.avi"} - {"# not there.avi"})
    assert [video.video_id for video in listing.videos if video.version == "missing"] == ["#link.avi"]
    assert listing.num_comments == 2


def test_manifests_may_name_videos_that_differ_in_their_extension(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "a.avi", "b.mp4")
    manifest = write_list(tmp_path / "m.csv", "path,label\na.mp4,x\n./a.avi,y\nb.mp4,x\n")
    assert [(video.video_id, video.group) for video in read_catalog(str(manifest)).videos] == [
        ("a.avi", "a"), ("a.mp4", "a"), ("b", "b"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight videos in two classes, of which three are copies of each other, and so are two others."""
    root = tmp_path_factory.mktemp("copies")
    for label, first in (("Run", 10), ("Swing", 20)):
        for group in range(4):
            write_video(root / label / f"v_g{label[0]}{group}.mp4", first + group)
    shutil.copy(root / "Run" / "v_gR0.mp4", root / "Run" / "v_gR3.mp4")
    shutil.copy(root / "Run" / "v_gR0.mp4", root / "Swing" / "v_gS3.mp4")
    shutil.copy(root / "Swing" / "v_gS1.mp4", root / "Swing" / "v_gS2.mp4")
    changed = bytearray((root / "Swing" / "v_gS1.mp4").read_bytes())
    changed[-1] ^= 1  # of the same size, but not the same
    (root / "Swing" / "v_gS0.mp4").write_bytes(changed)
    return root


@pytest.mark.process
def test_copies_of_a_video_are_told(copies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = preprocess(
        "--input", copies, "--output", out, "--num-frames", 24, "--size", 16, "--splits", "train=.5,test=.5", code=0
    )
    check_like_the_example("duplicates.jsonl", (out / "duplicates.jsonl").read_text())
    groups = [json.loads(line)["videos"] for line in (out / "duplicates.jsonl").open()]
    assert [[video["video_id"] for video in group] for group in groups] == [
        ["Run/v_gR0", "Run/v_gR3", "Swing/v_gS3"], ["Swing/v_gS1", "Swing/v_gS2"],
    ]  # fmt: skip
    text = " ".join(done.stdout.split())
    assert "Warning videos of the same content with different labels: Run/v_gR0 (" in text
    assert ", Run) = Swing/v_gS3 (" in text and "--drop-duplicates leaves the later ones out" in text
    across = [group for group in groups if len({video["split"] for video in group}) > 1]
    assert (
        bool(across)
        == ("in different splits: " in text)
        == ("in different splits: " in (out / "preview.html").read_text())
    )
    assert "frames repeat in 8 of 8 clips, whose videos have fewer than the 24 frames of --num-frames: choose" in text


@pytest.mark.process
def test_later_copies_can_be_left_out(copies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = preprocess("--input", copies, "--output", out, "--num-frames", 4, "--size", 16, "--drop-duplicates", code=0)
    info = json.loads((out / "dataset_info.json").read_text())
    assert [info["counts"][name] for name in ("listed", "written", "failed", "filtered")] == [8, 5, 0, 3]
    assert info["configuration"]["drop_duplicates"] is True
    lines = [json.loads(line)["videos"] for line in (out / "duplicates.jsonl").read_text().splitlines()]
    assert [[(video["video_id"], "left_out" in video) for video in videos] for videos in lines] == [
        [("Run/v_gR0", False), ("Run/v_gR3", True), ("Swing/v_gS3", True)],
        [("Swing/v_gS1", False), ("Swing/v_gS2", True)],
    ]
    assert "WARNING: --drop-duplicates left out videos with the content of one that has another label" in done.stderr
    page = (out / "preview.html").read_text()
    assert "the same content as Run/v_gR0, which has the label Run" in page and "3 videos filtered" in page
    catalog = without_duplicates(read_catalog(str(copies)))
    assert [(video.video_id, video.reason) for video in catalog.left_out.filtered] == [
        ("Run/v_gR3", "the same content as Run/v_gR0"),
        ("Swing/v_gS2", "the same content as Swing/v_gS1"),
        ("Swing/v_gS3", "the same content as Run/v_gR0, which has the label Run"),
    ]
    assert run_here("pipelines.verify", out).returncode == 0
