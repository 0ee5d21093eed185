"""Downloads from a site that misbehaves as sites do: either the result is the site's file, or there is an error."""

import hashlib
import os
from pathlib import Path

import pytest

from pipelines.core.errors import IncompleteError, UsageError
from pipelines.fetching.catalog import Source
from pipelines.fetching.download import download
from pipelines.fetching.records import load_archive, part_of
from pipelines.fetching.transfer import Patience
from tests.support.archive_server import Answer, ArchiveSite, archive_site

pytestmark = [pytest.mark.process, pytest.mark.server]

DATA = b"PK\x03\x04" + b"".join(hashlib.sha256(bytes([n % 251, n % 13])).digest() for n in range(20_000))
OTHER = DATA[:4] + DATA[:3:-1]
QUICK = Patience(attempts=4, first_pause_s=0.01, longest_pause_s=0.02)
NAME = "videos.zip"


def fetch(site: ArchiveSite, output: Path, size_bytes: int = 0, path: str = NAME) -> Path:
    return Path(download(str(output), Source(f"{site.url}/{path}", "videos", size_bytes), False, 1.0, patience=QUICK))


def break_off(site: ArchiveSite, output: Path) -> None:
    """Downloads the first part."""
    site.answers += [Answer(cut_after=300_000), *[Answer(503)] * 4]
    with pytest.raises(IncompleteError, match="answers 503.*Gave up after 4 attempts.*293.0 KiB are kept"):
        fetch(site, output)


@pytest.mark.parametrize(
    ("answers", "ranges"),
    [
        ([], [""]),
        ([Answer(chunked=True)], [""]),
        ([Answer(cut_after=300_000)], ["", "bytes=234464-"]),
        # one break after the other, the second one before anything new
        ([Answer(cut_after=300_000), Answer(cut_after=70_000), Answer(cut_after=66_000)], 4),
        ([Answer(cut_after=1000), Answer(cut_after=0), Answer(cut_after=0)], ["", *["bytes=0-"] * 3]),
        ([Answer(cut_after=100), Answer(cut_after=0)], ["", "", ""]),
        ([Answer(chunked=True, cut_after=300_000)], ["", "bytes=234464-"]),
        ([Answer(cut_after=300_000), Answer(ignore_range=True)], 2),
        ([Answer(cut_after=300_000), Answer(ignore_range=True, cut_after=200_000)], 3),
        ([Answer(cut_after=300_000), Answer(wrong_range=5)], 3),
        ([Answer(cut_after=300_000), Answer(500), Answer(503), Answer(429, {"Retry-After": "0"})], 5),
        ([Answer(cut_after=300_000), Answer(416, body=b"")], 3),
        ([Answer(302, {"Location": "/elsewhere"}), Answer(cut_after=300_000)], 3),
        # declared longer than it is, once
        ([Answer(length=len(DATA) + 1000)], 3),
    ],
)
def test_the_file_comes_whole(answers: list[Answer], ranges: int | list[str], tmp_path: Path) -> None:
    with archive_site(DATA) as site:
        site.answers += answers
        path = fetch(site, tmp_path)
    assert path.read_bytes() == DATA and path == tmp_path / NAME
    assert not os.path.exists(part_of(str(tmp_path), NAME))
    record = load_archive(str(tmp_path), NAME)
    assert record and record.sha256 == hashlib.sha256(DATA).hexdigest()
    assert site.ranges() == ranges if isinstance(ranges, list) else len(site.requests) == ranges


@pytest.mark.parametrize("mark", ["etag", "date", "weak etag", "nothing"])
@pytest.mark.parametrize("change", [OTHER, OTHER + b"more", DATA[:200_000]])
def test_a_file_that_changes_in_between(mark: str, change: bytes, tmp_path: Path) -> None:
    """The site serves another file when asked for the rest; without any version, its bytes show it."""
    with archive_site(DATA) as site:
        site.etag = {"etag": '"one"', "weak etag": 'W/"one"'}.get(mark, "")
        site.last_modified = "" if mark in ("nothing", "weak etag") else site.last_modified
        break_off(site, tmp_path)
        site.data = change
        site.etag = site.etag.replace("one", "two")
        site.last_modified = site.last_modified.replace("2011", "2012")
        assert fetch(site, tmp_path).read_bytes() == change


@pytest.fixture(autouse=True)
def _state(tmp_path: Path) -> None:
    (tmp_path / "_state").mkdir()


def test_a_site_that_ignores_if_range(tmp_path: Path) -> None:
    """It sends the rest of the new file with status 206; only the ETag shows it."""
    with archive_site(DATA) as site:
        site.answers.append(Answer(cut_after=300_000))
        site.answers.append(
            Answer(206, {"Content-Range": f"bytes 234464-{len(DATA) - 1}/{len(DATA)}", "ETag": '"two"'}, DATA[234464:])
        )
        assert fetch(site, tmp_path).read_bytes() == DATA
    assert site.ranges() == ["", "bytes=234464-", ""]


def test_a_later_run_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with archive_site(DATA) as site:
        break_off(site, tmp_path)
        assert Path(part_of(str(tmp_path), NAME)).read_bytes() == DATA[:300_000]
        capsys.readouterr()
        site.requests.clear()
        assert fetch(site, tmp_path).read_bytes() == DATA
    assert site.ranges() == ["bytes=234464-"] and site.requests[0]["If-Range"] == '"one"'
    assert capsys.readouterr().err == f"note: 293.0 KiB of {site.url}/{NAME} already downloaded; resuming\n"


def test_damage_to_what_is_there(tmp_path: Path) -> None:
    """As after a power cut: the end of the written part is zeros."""
    with archive_site(DATA) as site:
        break_off(site, tmp_path)
        Path(part_of(str(tmp_path), NAME)).write_bytes(DATA[:299_000] + bytes(1000))
        assert fetch(site, tmp_path).read_bytes() == DATA


def test_what_is_there_of_another_address_is_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with archive_site(DATA) as site:
        break_off(site, tmp_path)
        site.requests.clear()
        assert fetch(site, tmp_path, path=f"mirror/{NAME}").read_bytes() == DATA
    assert site.ranges() == [""] and "is from another or unknown address" in capsys.readouterr().err


@pytest.mark.parametrize("cut", [0, 100_000])
def test_breaking_off_without_end(cut: int, tmp_path: Path) -> None:
    """Also if the site can't resume, and each time sends as much again."""
    with archive_site(DATA) as site:
        site.answers += [Answer(cut_after=cut, ignore_range=True)] * 50
        with pytest.raises(IncompleteError, match="Gave up after 4 attempts"):
            fetch(site, tmp_path)
        assert len(site.requests) == (5 if cut else 4)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(404), "answers 404 Not Found: there is no such file. .*--archive FILE"),
        (Answer(403), "answers 403 Forbidden: it denies access"),
        (Answer(410), "it is gone"),
        (Answer(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><p>Moved"), "is not an archive .* but a web page"),
        (Answer(200, {}, b""), "an empty file"),
        (Answer(200, {}, b"RIFF...."), "something else, which begins with b'RIFF....'"),
        (Answer(200, {"Content-Encoding": "gzip"}), "in another encoding .gzip."),
        (Answer(length=10**16), "not enough room in .* 8.9 PiB|not enough room in .*TiB are needed"),
        (Answer(302, {"Location": "file:///etc/passwd"}), "can't be reached|answers 302"),
    ],
)
def test_what_asking_again_does_not_help(answer: Answer, said: str, tmp_path: Path) -> None:
    with archive_site(DATA) as site:
        site.answers += [answer] * 9
        with pytest.raises(UsageError, match=said):
            fetch(site, tmp_path)
        assert len(site.requests) == 1
    assert not (tmp_path / NAME).exists() and not os.path.exists(part_of(str(tmp_path), NAME))


def test_waiting_as_long_as_the_site_asks(tmp_path: Path) -> None:
    with archive_site(DATA) as site:
        site.answers.append(Answer(503, {"Retry-After": "86400"}))
        with pytest.raises(IncompleteError, match="asks to wait for 24 h 00 min. Run the same command again then"):
            fetch(site, tmp_path)
        assert fetch(site, tmp_path).read_bytes() == DATA


def test_nobody_is_there(tmp_path: Path) -> None:
    with archive_site(DATA) as site:
        pass
    with pytest.raises(IncompleteError, match=f"{site.url}/{NAME} can't be reached: .*Connection refused.*4 attempts"):
        fetch(site, tmp_path)


def test_another_size_than_is_known_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with archive_site(DATA) as site:
        site.answers.append(Answer(cut_after=300_000))
        assert fetch(site, tmp_path, size_bytes=123_456).read_bytes() == DATA
    said = capsys.readouterr().err
    assert said.count("has 640,004 bytes, not the expected 123,456") == 1


def test_a_site_that_is_gone_and_what_is_known_of_that(tmp_path: Path) -> None:
    with archive_site(DATA) as site:
        site.answers.append(Answer(404))
        with pytest.raises(UsageError, match="there is no such file.*--archive FILE. It has moved to the moon"):
            download(str(tmp_path), Source(f"{site.url}/{NAME}", "x"), False, 1.0, "It has moved to the moon", QUICK)
