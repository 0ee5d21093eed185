"""From a segment on a page to its video at its time, wherever both are."""

from os.path import normpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipelines.labelling.listing import list_videos, root_of
from pipelines.labelling.pages.links import NOWHERE, Places, group_of
from pipelines.labelling.pages.segment_list import segment_list
from pipelines.labelling.types import ListedSegment
from tests.support.pages import HOSTILE, Page

HERE = Places("/data/labels", "/data/videos")


@pytest.mark.parametrize(
    ("uri", "places", "address"),
    [
        ("a b.mp4", HERE, "../videos/a%20b.mp4#t=4,8.5"),
        ("cam/a#1?.mp4", HERE, "../videos/cam/a%231%3F.mp4#t=4,8.5"),
        ("../labels/javascript:x.mp4", HERE, "javascript%3Ax.mp4#t=4,8.5"),
        ("\udcff\u00fc.mp4", HERE, "../videos/%FF%C3%BC.mp4#t=4,8.5"),
        ("/data/x/a.mp4", HERE, "../x/a.mp4#t=4,8.5"),
        ("/data/x/a.mp4", Places("/data/x"), "a.mp4#t=4,8.5"),
        ("a.mp4", Places("gs://bucket/labels", "/data/videos"), ""),
        ("gs://bucket/a.mp4", HERE, ""),
        ("s3://bucket/a.mp4", Places("s3://bucket/labels"), ""),
        ("a.mp4", NOWHERE, ""),
        ("a.mp4", Places("/data/labels"), ""),
        ("", HERE, ""),
    ],
)
def test_addresses(uri: str, places: Places, address: str) -> None:
    assert places.address_at(uri, 4.0, 8.5) == address


def test_times_are_plain_numbers() -> None:
    assert HERE.address_at("a.mp4", 0.0, 100_000.0).endswith("#t=0,100000")
    assert HERE.address_at("a.mp4", 0.00004, 1 / 3).endswith("#t=0,0.333")


def test_paths_of_videos_are_relative_to_the_root_of_the_input(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    (folder / "cam1").mkdir(parents=True)
    for name in ("list.txt", "list.csv", "cam1/a.mp4"):
        (folder / name).write_text("cam1/a.mp4\n" if name == "list.txt" else "path\ncam1/a.mp4\n")
    for source in ("", "list.txt", "list.csv", "*/*.mp4", "cam1/*.mp4", "cam1/a.mp4"):
        place = str(folder / source)
        (listed,) = list_videos(place).videos
        assert Path(root_of(place), listed.video_id) == Path(listed.uri) == folder / "cam1" / "a.mp4", source


@pytest.mark.parametrize(
    ("video", "group"),
    [
        ("Biking/v_Biking_g07_c02.avi", "g07"),
        ("cam1/2026/x.mp4", "cam1/2026"),
        ("x.mp4", "none"),
        ("gs://bucket/cam2/x.mp4", "gs://bucket/cam2"),
        ("cam1/v_g12.mp4", "g12"),
    ],
)
def test_groups(video: str, group: str) -> None:
    assert group_of(video) == group


@pytest.mark.parametrize(
    ("uri", "plays"), [("/a.MP4", True), ("/a.webm", True), ("/a.avi", False), ("gs://b/a.mp4", False)]
)
def test_a_player_where_a_browser_has_one(uri: str, plays: bool) -> None:
    page = Page(HERE.player(uri, 1, 2))
    assert bool(page.all("video")) == plays
    assert not plays or (page.all("video")[0]["preload"] == "none" and "open" not in page.all("details")[0])


def test_a_video_in_a_store_is_named_in_place_of_a_dead_link() -> None:
    page = Page(f"<p>{HERE.link('a.mp4', 'gs://bucket/x/a.mp4', 1, 2)}</p>")
    assert not page.all("a") and "".join(page.texts["p"]) == "a.mp4 gs://bucket/x/a.mp4"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names(name: str) -> None:
    segment = ListedSegment(name, f"/data/{name}.mp4", 1.0, 2.0, name, 0.5)
    content, rules = segment_list([segment] * 3, 3, Places("/data"))
    page = Page(content)
    for address in (page.all("a")[0]["href"] or "", page.all("video")[0]["src"] or ""):
        parts = urlsplit(address)
        assert not parts.scheme and not parts.netloc and parts.fragment == "t=1,2"
        assert unquote(parts.path, errors="surrogateescape") == normpath(f"{name}.mp4")
    assert name not in rules and not page.all("script") + page.all("img")


def test_what_is_left_out_is_said() -> None:
    segments = [ListedSegment(f"cam{i}/a.avi", f"/data/cam{i}/a.avi", 0, 1, "Run", i / 10) for i in range(9)]
    said = " ".join(Page(segment_list(segments, 1200, Places("/data"))[0]).texts["p"])
    assert "9 of 1,200 segments: of each label those with the lowest and highest scores." in said
    assert "Browsers don't play files such as .avi" in said
    stored = [ListedSegment("a.mp4", "gs://bucket/a.mp4", 0, 1, "Run", 0.5)]
    content, rules = segment_list(stored, 1, Places("/data"))
    assert "There are no links, as the videos or the page are in a store" in " ".join(Page(content).texts["p"])
    assert "Not recorded" in segment_list([], 7, Places("/data"))[0]
    assert segment_list([], 0, Places("/data")) == ('<p class="soft">No segments.</p>', "") and "checked" in rules
