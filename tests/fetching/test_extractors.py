"""The programs that read RAR archives: their listings and their output, with real archives."""

import hashlib
import stat
import subprocess
import zlib
from pathlib import Path

import pytest

from pipelines.fetching.entries import FILE, FOLDER, Entry, regular
from pipelines.fetching.extractors import EXTRACTORS, Extractor, RarArchive
from pipelines.fetching.listings import parse_7z, parse_bsdtar, parse_lsar, parse_unrar
from pipelines.fetching.python_archives import DamagedArchiveError
from tests import ROOT
from tests.support.packing import Member, make_rar

pytestmark = [pytest.mark.process, pytest.mark.server]

ARCHIVES = ROOT / "tests" / "data" / "archives"
DATA = hashlib.sha256(b"some").digest() * 10_000
SHA = "334d8b7fd1ca9e18"


@pytest.fixture(params=EXTRACTORS, ids=lambda extractor: extractor.names[0])
def extractor(request: pytest.FixtureRequest) -> Extractor:
    """Each installed program that reads RAR (Debian's 7z doesn't)."""
    one: Extractor = request.param
    if not one.find():
        pytest.skip(f"{one.names[0]} is not installed")
    try:
        RarArchive(str(ARCHIVES / "tiny_ucf50.rar"), one).entries()
    except DamagedArchiveError as error:
        pytest.skip(f"{one.names[0]} as it is installed reads no RAR: {error}")
    return one


def read_all(archive: RarArchive) -> dict[str, bytes]:
    found = {}
    for entry, read in zip(regular(archive.entries()), archive.contents(), strict=True):
        found[entry.path] = b"".join(iter(lambda read=read: read(1 << 16), b""))  # type: ignore[misc]
    return found


def write(path: Path, *members: Member) -> str:
    path.write_bytes(make_rar(members))
    return str(path)


def test_compressed_videos(extractor: Extractor) -> None:
    found = read_all(RarArchive(str(ARCHIVES / "tiny_ucf50.rar"), extractor))
    assert {name: (len(data), data[:4], hashlib.sha256(data).hexdigest()[:16]) for name, data in found.items()} == {
        "UCF50/Billiards/v_Billards_g01_c01.avi": (6802, b"RIFF", SHA),
        "UCF50/Swing/v_Swing_g01_c01.avi": (6802, b"RIFF", SHA),
        "UCF50/Swing/v_Swing_g02_c01.avi": (6802, b"RIFF", SHA),
    }


def test_the_older_format(extractor: Extractor) -> None:
    found = read_all(RarArchive(str(ARCHIVES / "rar3-subdirs.rar"), extractor))
    assert found == {
        "sub/dir1/file1.txt": b"file1\n",
        "sub/dir2/file2.txt": b"file2\n",
        "sub/with space/long fn.txt": b"long fn\n",
        "sub/üȵĩöḋè/file.txt": b"file\n",
    }


def test_a_solid_archive_of_the_older_format(extractor: Extractor) -> None:
    archive = RarArchive(str(ARCHIVES / "rar3-solid.rar"), extractor)
    if extractor.names == ("bsdtar",):
        with pytest.raises(DamagedArchiveError, match="RAR solid archive support unavailable"):
            read_all(archive)
    else:
        assert [len(data) for data in read_all(archive).values()] == [2048, 2048]


@pytest.mark.parametrize("name", ["rar3-symlink-unix.rar", "rar5-hlink.rar"])
def test_links_are_told(name: str, extractor: Extractor) -> None:
    entries = RarArchive(str(ARCHIVES / name), extractor).entries()
    kinds = [entry.kind for entry in entries]
    assert len(kinds) == 3 and kinds.count(FILE) == 1
    assert all("link" in kind for kind in kinds if kind != FILE)


def test_names_that_lead_elsewhere_are_told_as_they_are(tmp_path: Path, extractor: Extractor) -> None:
    names = ["a/[x] #1 {y}.avi", "../up.avi", "a/../../up.avi", "/tmp/up.avi", "-x.avi", "@y.avi", "a/ü ' \".avi"]
    path = write(tmp_path / "a.rar", *(Member(name, name.encode()) for name in names))
    found = read_all(RarArchive(path, extractor))
    assert found == {name: name.encode() for name in names}
    assert not (tmp_path / "up.avi").exists() and not (tmp_path.parent / "up.avi").exists()


def test_what_is_neither_a_file_nor_a_folder(tmp_path: Path, extractor: Extractor) -> None:
    kinds = {"d": stat.S_IFDIR, "c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO, "l": stat.S_IFLNK}
    for letter, kind in kinds.items():
        path = write(tmp_path / f"{letter}.rar", Member("x", b"y" if letter == "l" else b"", kind | 0o755))
        (entry,) = RarArchive(path, extractor).entries()
        if letter == "d":
            assert entry.kind == FOLDER
        else:  # unrar lists some as empty files, and so they are written
            assert entry.kind not in (FILE, FOLDER) or (entry.kind, entry.size_bytes) == (FILE, 0), letter


def test_other_archives_beside_it_are_not_taken_for_its_volumes(tmp_path: Path, extractor: Extractor) -> None:
    for name in ("UCF50.rar", "UCF101.rar", "UCF51.rar"):
        write(tmp_path / name, Member(f"{name}.avi", DATA))
    assert list(read_all(RarArchive(str(tmp_path / "UCF50.rar"), extractor))) == ["UCF50.rar.avi"]


@pytest.mark.parametrize("cut", [-200_000, 330_000, 100])
def test_an_archive_that_ends_too_early(cut: int, tmp_path: Path, extractor: Extractor) -> None:
    whole = make_rar([Member("a/a.avi", DATA), Member("a/b.avi", DATA)])
    path = tmp_path / "a.rar"
    path.write_bytes(whole[:cut])
    try:
        found = read_all(RarArchive(str(path), extractor))
    except (DamagedArchiveError, ValueError):  # or fewer files than listed
        return
    short = {name for name, data in found.items() if data != DATA}
    assert short or len(found) < 2, "neither an error nor anything missing"


@pytest.mark.parametrize("stored", [True, False])
def test_a_damaged_file(stored: bool, tmp_path: Path, extractor: Extractor) -> None:
    """The program reports it, or the checksum of its listing shows it."""
    if stored and extractor.names == ("bsdtar",):
        pytest.skip("bsdtar doesn't compare the checksums of files that aren't compressed, and lists none")
    tiny = (ARCHIVES / "tiny_ucf50.rar").read_bytes()
    whole = bytearray(make_rar([Member("a/a.avi", DATA), Member("a/b.avi", DATA)]) if stored else tiny)
    whole[600] ^= 1
    path = tmp_path / "a.rar"
    path.write_bytes(whole)
    archive = RarArchive(str(path), extractor)
    first = archive.entries()[0]
    try:
        found = read_all(archive)
    except (DamagedArchiveError, ValueError):
        return
    assert first.crc32 is not None and zlib.crc32(found[first.path]) != first.crc32


def test_7z_with_an_archive_that_it_reads_everywhere(tmp_path: Path) -> None:
    """Debian's 7z can't read RAR: its commands are tested with its own format."""
    one = next(extractor for extractor in EXTRACTORS if "7z" in extractor.names)
    program = one.find()
    if not program:
        pytest.skip("7z is not installed")
    (tmp_path / "a" / "folder").mkdir(parents=True)
    for name in ("a/[x] ü.avi", "a/folder/b.avi"):
        (tmp_path / name).write_bytes(DATA)
    (tmp_path / "a" / "empty.avi").touch()
    subprocess.run([program, "a", "-bso0", "a.7z", "a"], cwd=tmp_path, check=True)
    archive = RarArchive(str(tmp_path / "a.7z"), one)
    assert read_all(archive) == {"a/[x] ü.avi": DATA, "a/folder/b.avi": DATA, "a/empty.avi": b""}
    (tmp_path / "a" / "link.avi").symlink_to("/etc")
    subprocess.run([program, "a", "-bso0", "-snl", "b.7z", "a"], cwd=tmp_path, check=True)
    kinds = {entry.path: entry.kind for entry in RarArchive(str(tmp_path / "b.7z"), one).entries()}
    assert kinds["a/link.avi"] == "a link" and kinds["a/folder"] == FOLDER


def recorded(program: str) -> str:
    return (ARCHIVES / f"{program}.txt").read_text()


def test_listings_of_programs_that_may_be_missing_here() -> None:
    file = Entry("sub/a file.avi", FILE, 6, 0xC904A4C7)
    assert parse_unrar(recorded("unrar")) == [
        file,
        Entry("data_link", "a unix symbolic link"),
        Entry("sub/dev", "a special file"),
        Entry("secret.avi", "encrypted"),
        Entry("sub", FOLDER),
    ]
    assert parse_7z(recorded("7z")) == [
        Entry("sub", FOLDER),
        file,
        Entry("data_link", "a link"),
        Entry("secret.avi", "encrypted"),
    ]
    assert [(entry.name, entry.kind, entry.size_bytes) for entry in parse_bsdtar(recorded("bsdtar"))] == [
        ("sub", FOLDER, 0),
        ("sub/a \\ \n\xc3file.avi", FILE, 6),
        ("data_link -> data.txt", "a symbolic link", 0),
        ("stest2.txt link to stest1.txt", "a hard link", 0),
        ("dev", "a special file", 0),
    ]


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_unrar, "unrar-free 0.1.3"),
        (parse_bsdtar, "what is this"),
        (parse_lsar, "what is this"),
        (parse_lsar, '{"lsarContents": [], "lsarError": 2}'),
        (parse_lsar, '{"lsarContents": [{"XADFileSize": 5}]}'),
        (parse_lsar, "[]"),
        (parse_7z, "Path = x\nSize = many\n"),
    ],
)
def test_listings_that_are_not_understood(parse, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError):
        parse(text)
