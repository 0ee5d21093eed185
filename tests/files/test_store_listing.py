"""What an input in a store names: patterns, names like patterns, paths in manifests, and what doesn't exist."""

import pytest

from pipelines import files
from pipelines.core.errors import UsageError
from pipelines.dataset.listing import read_catalog, read_split_files
from pipelines.inputs.source_hints import why_no_dataset, why_no_labels, why_no_model
from pipelines.labelling.listing import list_videos
from tests.support.store_tools import Place
from tests.support.store_tools import here as here
from tests.support.store_tools import place as place

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("here")]

NAMES = (
    *("v/x.mp4", "v/A/y.mp4", "v/A/B/z.mp4", "v/.h/w.mp4", "v/A/.h.mp4", "v/[b].mp4", "v/b.mp4", "v/notes.txt"),
    *("odd [1]/C/q.mp4", "odd 1/C/other.mp4", "x*/a.mp4", "xy/a.mp4", "v 2/x.mp4"),
)


@pytest.fixture(scope="module")
def both(place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The same names on this machine and in a bucket."""
    local = tmp_path_factory.mktemp("names")
    for name in NAMES:
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_bytes(b"x")
    place.server.put_tree(local, f"{place.root}/names")
    place.server.put(f"{place.root}/names/list", b"v/x.mp4\nv/A/y.mp4\n")
    place.server.put(f"{place.root}/names/hollow/", b"")
    return str(local), f"{place.root}/names"


def ids_of(source: str) -> list[str]:
    try:
        return [video.video_id for video in list_videos(source).videos]
    except UsageError as error:
        assert "no videos in" in str(error)
        return []


@pytest.mark.parametrize(
    "pattern",
    [
        "v/**",
        "v/**.mp4",
        "v/**/*.mp4",
        "v/**/B/*.mp4",
        "v/A/**/z.mp4",
        "**/y.mp4",
        "*/x.mp4",
        "v/*",
        "v/?.mp4",
        "v/A?y.mp4",
        "v/A[/]y.mp4",
        "v/[!a-w]*.mp4",
        "v/[]b[]*",
        "v/[b",
        "v/***.mp4",
        "v/**/**/z.mp4",
        "v/*.avi",
    ],
)
def test_a_pattern_finds_the_same_as_on_this_machine(both: tuple[str, str], pattern: str) -> None:
    local, stored = both
    assert ids_of(f"{stored}/{pattern}") == ids_of(f"{local}/{pattern}")


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("v/[b].mp4", ["[b].mp4"]),
        ("odd [1]", ["C/q.mp4"]),
        ("x*", ["a.mp4"]),
        ("x*/a.mp4", ["a.mp4"]),
        ("v/../v/./A", ["B/z.mp4", "y.mp4"]),
        ("list", ["v/A/y.mp4", "v/x.mp4"]),
    ],
)
def test_a_name_that_exists_is_no_pattern(both: tuple[str, str], name: str, ids: list[str]) -> None:
    assert ids_of(files.normalise(f"{both[1]}/{name}")) == ids


def test_what_does_not_exist_is_said_with_the_nearest_name(both: tuple[str, str]) -> None:
    root = both[1]
    for name, near in (
        ("v2", "v 2"),
        ("V/a", "v/A"),
        ("v/A/yy.mp4", "v/A/y.mp4"),
        ("hollo", "hollow"),
        ("odd [2]", ""),
    ):
        hint = f"; did you mean {root}/{near}?" if near else ""
        with pytest.raises(UsageError) as caught:
            read_catalog(f"{root}/{name}")
        assert str(caught.value).startswith(f"no such folder or manifest: {root}/{name}{hint}")
        if near:
            with pytest.raises(UsageError) as caught:
                list_videos(f"{root}/{name}")
            assert str(caught.value) == f"no such folder, video, list or manifest: {root}/{name}{hint}"
    with pytest.raises(UsageError, match=r"no such folder or manifest: .*\. A pattern can't be the input: give the fo"):
        read_catalog(f"{root}/v/*")
    with pytest.raises(UsageError, match=r"no videos in .*/hollow: found nothing"):
        list_videos(f"{root}/hollow")
    for why in (why_no_model, why_no_labels, why_no_dataset):
        assert f"there is no such folder; did you mean {root}/hollow?" in why(f"{root}/hollo").replace(
            f"there is no folder {root}/hollo;", "there is no such folder;"
        )
    for read in (lambda uri: read_catalog(uri), lambda uri: read_split_files([uri])):
        with pytest.raises(UsageError, match=r"no such (manifest|split file): .*\. Correct the address"):
            read(f"{root}/gone.csv")


def test_an_invalid_name_costs_a_record_and_not_the_job(place: Place) -> None:
    root = f"{place.root}/invalid"
    names = ("/lead.mp4", "A//x.mp4", "C:/x.mp4", "A\\x.mp4")
    for name in (*names, "A//notes.txt", "A/a.mp4", "B/b.mp4"):
        place.server.put(f"{root}/{name}", b"x")
    tree, found, matched = read_catalog(root), list_videos(root), list_videos(f"{root}/**")
    assert [video.video_id for video in tree.videos] == ["A/a", "B/b"]
    for failed in (tree.left_out.failed, found.failed, matched.failed):
        assert {(f.stage, f.type, f.video_id, f.uri) for f in failed} == {
            ("list", "UnreadableError", name, f"{root}/{name}") for name in names
        }
        assert "leads out of its folder or is invalid: it begins with a slash. Rename or copy it" in failed[0].message
    for listing in (tree, found, matched):
        assert [(file.path, file.reason) for file in listing.ignored] == [("A//notes.txt", "extension .txt")]


def test_rows_of_a_manifest(both: tuple[str, str], place: Place) -> None:
    root = both[1]

    def uris_of(*paths: str, encoding: str = "utf-8") -> list[str]:
        place.server.put(f"{root}/m/m.csv", "\n".join(["path,label", *(f"{p},A" for p in paths), ""]).encode(encoding))
        return sorted(video.uri for video in read_catalog(f"{root}/m/m.csv").videos)

    assert uris_of("../v/x.mp4", "./../v/A/../b.mp4") == [f"{root}/v/b.mp4", f"{root}/v/x.mp4"]
    out = "../../../../x.mp4"  # out of the bucket
    assert uris_of(out, f"{root}/v/x.mp4", "../v/X.mp4") == sorted(
        [f"{root}/m/{out}", f"{root}/v/X.mp4", f"{root}/v/x.mp4"]
    )
    notes = read_catalog(f"{root}/m/m.csv").notes
    assert any("2 videos of the manifest do not exist" in note for note in notes)
    scheme = root[:2]
    assert uris_of(root.replace(scheme, scheme.upper(), 1) + "/v/x.mp4") == [f"{root}/v/x.mp4"]
    for path, message in (
        (
            f"{scheme}:///x.mp4",
            f"m.csv, line 2: {scheme}:///x.mp4 names no bucket; an address looks like {scheme}://BUC",
        ),
        ("../v/xx.mp4", f"none of its 1 video exists, for example {root}/v/xx.mp4; did you mean {root}/v/x.mp4? Paths"),
        ("v/é.mp4", r"m.csv, line 2: byte 0xe9"),
    ):
        with pytest.raises(UsageError) as caught:
            uris_of(path, encoding="cp1252")
        assert message in str(caught.value)
