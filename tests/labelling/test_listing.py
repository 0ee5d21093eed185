"""An input becomes a list of videos, each once, with nothing lost silently, or an error with a remedy."""

import os
import re
from pathlib import Path

import pytest

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.labelling.listing import list_videos
from pipelines.labelling.plan import Listing
from tests.support.listings import forbidden as forbidden
from tests.support.listings import nobody, touch, write_list

ODD = (
    "with space.mp4",
    "quo'te\".mp4",
    "line\nbreak.mp4",
    "bytes\udcff\udc80.mp4",
    "ünï¢ode.MP4",
    "a,b;c.mp4",
    "[1].mp4",
)


def listed(source: object) -> Listing:
    """Lists a path as the command line does, and checks what is true of every listing."""
    listing = list_videos(files.normalise(os.fspath(source) if isinstance(source, Path) else str(source)))
    ids = [video.video_id for video in listing.videos]
    assert ids == sorted(set(ids))
    for video in listing.videos:
        status = os.stat(video.uri) if os.path.exists(video.uri) else None
        found = (status.st_size, f"{status.st_size}-{status.st_mtime_ns}") if status else (0, "missing")
        assert (video.size_bytes, video.version) == found
    return listing


def ids_of(source: object) -> list[str]:
    return [video.video_id for video in listed(source).videos]


def test_a_folder_is_listed_with_what_lies_below(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a.AVI", "x/y/c.webm", "notes.txt", "x/.hidden.mp4", ".cache/d.mp4", "x/README")
    touch(tmp_path, "__MACOSX/e.mp4", "x/clip.mp4.part")
    listing = listed(tmp_path)
    assert [video.video_id for video in listing.videos] == ["a.AVI", "b.mp4", "x/y/c.webm"]
    assert [video.uri for video in listing.videos][2] == f"{tmp_path}/x/y/c.webm"
    assert (listing.num_ignored, listing.num_repeated) == (6, 0)
    assert listed(f"{tmp_path}/") == listing == listed(f"file://{tmp_path}")


def test_odd_names_are_listed_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *ODD)
    monkeypatch.chdir(tmp_path)
    (video,) = listed(ODD[0]).videos
    assert (video.video_id, video.uri) == (ODD[0], f"{tmp_path}/{ODD[0]}")
    assert ids_of(tmp_path) == sorted(ODD)
    assert ids_of(tmp_path / "*") == sorted(ODD)
    for name in ODD:
        assert ids_of(tmp_path / name) == [name], name


@pytest.mark.parametrize(
    ("pattern", "ids", "ignored"),
    [
        ("*", ["a.mp4"], 1),
        ("**", ["a.mp4", "x/b.mp4", "x/y/c.avi"], 2),
        ("**/*.mp4", ["a.mp4", "x/b.mp4"], 0),
        ("**/[bc].*", ["x/b.mp4", "x/y/c.avi"], 0),
        ("x/y/../*.mp4", ["b.mp4"], 0),
    ],
)
def test_a_glob_finds_videos(tmp_path: Path, pattern: str, ids: list[str], ignored: int) -> None:
    """Ids are relative to the part without wildcards; only files count as ignored, not folders."""
    touch(tmp_path, "a.mp4", "notes.txt", "x/b.mp4", "x/y/c.avi", "x/y/d.srt", ".e.mp4")
    listing = listed(tmp_path / pattern)
    assert ([video.video_id for video in listing.videos], listing.num_ignored) == (ids, ignored)
    assert all(os.path.exists(video.uri) for video in listing.videos)


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    touch(tmp_path, "take [1].mp4", "take 1.mp4", "what?.mp4")
    assert ids_of(tmp_path / "take [1].mp4") == ["take [1].mp4"]
    assert ids_of(tmp_path / "what?.mp4") == ["what?.mp4"]
    touch(tmp_path / "folder [2]", "a.mp4")
    assert ids_of(tmp_path / "folder [2]") == ["a.mp4"]


def test_a_hidden_file_that_is_named_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, ".a.mp4", "b.mp4")
    assert ids_of(tmp_path / ".a.mp4") == [".a.mp4"]
    assert ids_of(write_list(tmp_path / "list", ".a.mp4")) == [".a.mp4"]


def test_a_folder_called_like_a_video_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "clips.mp4", "a.mp4")
    assert ids_of(tmp_path / "clips.mp4") == ["a.mp4"]
    assert ids_of(tmp_path / "**") == ["clips.mp4/a.mp4"]
    assert ids_of(tmp_path / "*" / "*") == ["clips.mp4/a.mp4"]


@pytest.mark.parametrize(
    "text",
    [
        "a.mp4\nsub/b.mp4\n",
        "\ufeffa.mp4\r\nsub/b.mp4",
        "# which, or c.mp4 7\n\n  a.mp4  \n\n#x.mp4\nsub/b.mp4\n\n",
        "a.mp4\n./a.mp4\nsub/../a.mp4\nsub/b.mp4\nsub//b.mp4\n",
        "A.MP4\na.mp4\n./a.mp4\nSUB/b.mp4\nsub/b.mp4\n",
    ],
)
def test_a_list_names_videos(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "a.mp4", "sub/b.mp4", "c.mp4")
    listing = listed(write_list(tmp_path / "which.txt", text))
    assert [video.video_id for video in listing.videos] == ["a.mp4", "sub/b.mp4"]
    assert [video.uri for video in listing.videos] == [f"{tmp_path}/a.mp4", f"{tmp_path}/sub/b.mp4"]
    assert listing.num_repeated == (3 if "./a" in text else 0) and listing.num_ignored == 0


def test_a_list_takes_absolute_paths_odd_names_and_what_is_not_there(tmp_path: Path) -> None:
    touch(tmp_path / "videos", *ODD, "no extension", "a.mp4")
    names = ["../videos/gone.mp4", "../videos/no extension", f"{tmp_path}/videos/a.mp4", "../videos/a.mp4"]
    names += [f"../videos/{name}" for name in ODD if "\n" not in name]
    (tmp_path / "lists").mkdir()
    listing = listed(write_list(tmp_path / "lists" / "which", "\n".join([f"{names[0]} 7", *names[1:]])))
    assert [v.video_id for v in listing.videos] == sorted(set(names) - {"../videos/a.mp4"})
    assert listing.num_repeated == 1
    assert [v.video_id for v in listing.videos if v.version == "missing"] == ["../videos/gone.mp4"]
    assert {v.uri for v in listing.videos} >= {f"{tmp_path}/videos/gone.mp4", f"{tmp_path}/videos/{ODD[3]}"}


@pytest.mark.parametrize(
    "text",
    [
        "path\na.mp4\nsub/b.mp4\n",
        "\ufeffpath,label\r\na.mp4,Run\r\nsub/b.mp4,\r\n",
        'Label, Path ,group\nRun, "a.mp4",1\nJump,./sub/b.mp4,2\nJump,a.mp4,3\n',
        "path\ra.mp4\rsub/b.mp4\r",
        "path\na.mp4,,\n\nsub/b.mp4\n",
    ],
)
def test_a_manifest_names_videos_and_labels_are_not_needed(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "a.mp4", "sub/b.mp4")
    listing = listed(write_list(tmp_path / "which.CSV", text))
    assert {video.uri for video in listing.videos} == {f"{tmp_path}/a.mp4", f"{tmp_path}/sub/b.mp4"}
    assert listing.num_repeated == text.count(",3\n")


@pytest.mark.parametrize("name", ["list.txt", "m.csv", "m.tsv"])
def test_lists_are_read_as_manifests_are(tmp_path: Path, name: str) -> None:
    """In UTF-16, with backslashes, repeated lines, unused columns; an address of the web is refused with its line."""
    touch(tmp_path, "sub/a.mp4", "sub\\b.mp4")
    lines = ["sub\\a.mp4", "sub\\b.mp4", "sub/a.mp4", "sub\\gone.mp4"]
    header = {"list.txt": [], "m.csv": ["path;camera"], "m.tsv": ["path\tcamera"]}[name]
    (tmp_path / name).write_text("\r\n".join([*header, *lines]), encoding="utf-16")
    listing = listed(tmp_path / name)
    assert [(video.video_id, video.version != "missing") for video in listing.videos] == [
        ("sub/a.mp4", True),
        ("sub/gone.mp4", False),
        ("sub\\b.mp4", True),
    ]
    assert (listing.num_repeated, listing.unused) == (1, ("camera",) if header else ())
    (tmp_path / name).write_text("\n".join([*header, "sub/a.mp4", "https://a.b/c.mp4"]))
    with pytest.raises(UsageError, match=f"{name}, line {2 + len(header)}: https://a.b/c.mp4: videos are not fetched"):
        listed(tmp_path / name)


def test_a_manifest_may_name_what_is_not_there_and_any_name(tmp_path: Path) -> None:
    touch(tmp_path, *ODD)
    quoted = ['"' + name.replace('"', '""') + '"' for name in ODD]
    listing = listed(write_list(tmp_path / "which.csv", "\n".join(["path", *quoted, "gone.mp4"])))
    assert [video.video_id for video in listing.videos] == sorted([*ODD, "gone.mp4"])
    assert [video.video_id for video in listing.videos if video.version == "missing"] == ["gone.mp4"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (None, "gone.mp4", "no such folder, video, list or manifest: {0}"),
        (None, "gone.csv", "no such folder, video, list or manifest: {0}"),
        (None, "*.mp4", "no videos in {0}: found nothing. Videos are recognised by their extension (.avi, .mkv, "),
        (b"", "", "no videos in {0}: found nothing. "),
        (b"x", "", "no videos in {0}: found 1 other file: extension .txt 1 (notes.txt). Videos are recognised"),
        (b"# a\n\n", "list", "{0}: no paths in this list. Give one path on each line"),
        (b"\0\1\2", "list", "{0} is neither a folder, nor a video by its extension, nor a list of paths: "),
        (b"", "m.csv", "{0} is empty. Its first line must name the columns path, which"),
        (b"file,label\na.mp4,Run\n", "m.csv", "{0}: the first line must name the column path, not 'file,label'"),
        (b"path,label\n", "m.csv", "{0}: no videos in this manifest"),
        (b"path,label\na.mp4,Run\n,Run\n", "m.csv", "{0}, line 3: no path"),
        (b"path\na.mp4,too,many\n", "m.csv", "{0}, line 2: 3 fields ('a.mp4', 'too', 'many'), but the first line"),
        (b"a.mp4\ncaf\xe9.mp4\n", "list", "{0}, line 2: byte 0xe9 (byte 10 of the file) is not UTF-8; in Windows-1252"),
        (b"path\n" + b"a" * 200_000, "m.csv", "{0}, line 2: a path of 200,000 characters ('aaa"),
        (b"a" * 200_000, "list", "{0}, line 1: a path of 200,000 characters ('aaa"),
        (b"\0" * 9 + b"path\r\xff\n", "m.csv", "{0}, line 1: a zero byte, which text can't contain"),
        (b"path,label\na.mp4,Run\n", "list", "{0}: this is a manifest. Give it a name that ends in .csv"),
        (b"[playlist]\nFile1=a.mp4\n", "list", "{0}: none of its 2 videos exists, for example "),
        (b'["a.mp4"]', "list", "{0}: this is JSON, not a list of paths"),
        (b"<!DOCTYPE html>\n<p>Sign in", "list", "{0} is a web page, as a server sends it that asks to sign in"),
        (b"gone.mp4\nlost.mp4\n", "list", "{0}: none of its 2 videos exists, for example "),
        (b"path\ngone.mp4\n", "m.csv", "{0}: none of its 1 video exists, for example "),
        (b"path,skip\na.mp4,1\n", "m.csv", "{0}: column skip: not supported. Each line means the whole video"),
    ],
)
def test_what_cannot_be_listed_is_refused(tmp_path: Path, content: bytes | None, name: str, message: str) -> None:
    source = tmp_path / name if name else tmp_path / "folder"
    if not name:
        source.mkdir()
        if content:
            (source / "notes.txt").write_bytes(content)
    elif content is not None:
        source.write_bytes(content)
    with pytest.raises(UsageError, match="^" + re.escape(message.format(source))):
        listed(source)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("list", "cannot list {0}/list: Permission denied"),
        ("m.csv", "cannot list {0}/m.csv: Permission denied"),
        ("folder", "no videos in {0}/folder: found closed, which can't be read (Permission denied). Give permission"),
        ("folder/closed", "cannot list {0}/folder/closed/: Permission denied"),
        ("folder/closed/*", "cannot list {0}/folder/closed/: Permission denied"),
        ("folder/closed/a.mp4", "no such folder, video, list or manifest: {0}/folder/closed/a.mp4"),
    ],
)
@pytest.mark.process
def test_what_cannot_be_read_is_refused(forbidden: Path, name: str, message: str) -> None:
    with nobody(), pytest.raises(UsageError, match="^" + re.escape(message.format(forbidden))):
        listed(forbidden / name)


@pytest.mark.process
def test_a_video_that_cannot_be_read_is_listed_and_fails_later(forbidden: Path) -> None:
    touch(forbidden, "a.mp4")
    names = write_list(forbidden / "names", "a.mp4\nfolder/closed/a.mp4\n")
    (forbidden / "a.mp4").chmod(0)
    with nobody():
        assert [video.version == "missing" for video in listed(names).videos] == [False, True]


@pytest.mark.parametrize("name", ["list.txt", "list.csv"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UsageError, match=f"{name} is a pipe, not a file"):
        listed(tmp_path / name)
    with pytest.raises(UsageError, match="/dev/zero is a device, not a file"):
        files.read_text("/dev/zero")
    reader, writer = os.pipe()
    os.write(writer, b"a")
    os.close(writer)
    assert files.read_text(f"/dev/fd/{reader}") == "a"
    os.close(reader)


def test_two_stars_before_an_extension_search_all_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.avi", "x/b.avi", "x/y/c.avi", "x/d.mp4")
    assert [video.video_id for video in listed(tmp_path / "**.avi").videos] == [
        video.video_id for video in listed(tmp_path / "**/*.avi").videos
    ]
    assert len(listed(tmp_path / "**.avi").videos) == 3
