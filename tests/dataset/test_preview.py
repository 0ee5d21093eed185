"""The preview page: its numbers are those of the data, and no name of the data becomes markup."""

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace

import pytest

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.account import summarise_splits
from pipelines.dataset.info import DatasetInfo, ShardReport, WrittenVideo
from pipelines.dataset.pages import alike, preview, strips
from pipelines.dataset.pages import durations as plots
from pipelines.inputs.records import Filtered
from pipelines.reports import text as summary
from tests.support.pages import HOSTILE, Page, strip


def describe(reports: list[ShardReport], labels: tuple[str, ...], splits: tuple[str, ...]) -> DatasetInfo:
    written = [video for report in reports for video in report.written]
    failed = [failure for report in reports for failure in report.failed]
    filtered = [video for report in reports for video in report.filtered]
    return DatasetInfo(
        clip_spec=ClipSpec(),
        encoding=FrameEncoding("jpeg", 90),
        compression="gzip",
        labels=labels,
        splits=summarise_splits(reports, splits),
        counts={
            "listed": len(written) + len(failed) + len(filtered),
            "written": len(written),
            "failed": len(failed),
            "filtered": len(filtered),
            "ignored": 2,
            "damaged": sum(video.damaged for video in written),
        },
        failures_by_reason=Counter(failure.type for failure in failed),
        durations_s={"minimum": 1.0, "median": 2.0, "maximum": 3.0, "total": 12.0},
        configuration={"input": HOSTILE[1], "classes": list(HOSTILE)},
        versions={"av": "18.1.0"},
    )


@pytest.fixture
def dataset() -> tuple[DatasetInfo, list[ShardReport]]:
    """Two splits and three classes with hostile names; the last class is only in train."""
    reports = []
    for split, labels, per_class in (("train", HOSTILE, 3), ("test", HOSTILE[:2], 2)):
        videos = tuple(
            WrittenVideo(f"{label}/{split}{i}", label, f"{split} {label}", 40 + i, 1.0 + i / 2, damaged=i == 2)
            for label in labels
            for i in range(per_class)
        )
        name, uri, label = f"{HOSTILE[0]}/{split}", HOSTILE[1], HOSTILE[0]
        failed = (Failure("decode", f"Kind{HOSTILE[1]}", HOSTILE[2], False, name, uri, label),)
        filtered = (Filtered(f"{HOSTILE[2]}/{split}", HOSTILE[2], HOSTILE[0]),)
        strips = {video.video_id: strip(20 * number) for number, video in enumerate(videos)}
        name = f"{split}-00000-of-00001.tfrecord"
        reports.append(ShardReport("t", name, split, 1_500_000, "0" * 64, videos, failed, filtered, strips))
    return describe(reports, tuple(sorted(HOSTILE)), ("train", "test")), reports


def render(dataset: tuple[DatasetInfo, list[ShardReport]], title: str = "clips") -> Page:
    html = preview.render_preview(*dataset, title)
    html.encode("utf-8")
    return Page(html)


def test_names_do_not_become_markup(dataset: tuple[DatasetInfo, list[ShardReport]]) -> None:
    page = render(dataset, title=HOSTILE[0])
    harmless = render((describe([], ("a",), ("train",)), []))
    assert not page.all("script") and len(page.all("style")) == len(harmless.all("style")) == 1
    assert "alert" not in page.texts["style"][0]
    names = {name for _, attrs in page.elements for name in attrs}
    assert not {name for name in names if name.startswith("on")}
    assert names <= {
        *(
            "lang",
            "charset",
            "name",
            "content",
            "http-equiv",
            "class",
            "id",
            "type",
            "open",
            "href",
            "aria-hidden",
            "data-label",
        ),
        *("aria-label", "aria-labelledby", "role", "tabindex", "scope"),
        *("viewbox", "preserveaspectratio", "x", "y", "width", "height"),
    }
    assert page.all("image") and all((i["href"] or "").startswith("data:image/jpeg;base64,") for i in page.all("image"))
    assert page.texts["h1"] == page.texts["title"][:1] == [HOSTILE[0]]


def test_nothing_is_loaded(dataset: tuple[DatasetInfo, list[ShardReport]]) -> None:
    page = render(dataset)
    references = [v for _, attrs in page.elements for k, v in attrs.items() if k in ("src", "href", "srcset", "action")]
    assert all(re.match(r"#[a-z0-9-]+$|data:image/jpeg;base64,", value or "") for value in references)
    assert not page.all("link") and not page.all("iframe") and "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv")) or ""
    (sheet,) = page.texts["style"]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    nothing = "default-src 'none'; base-uri 'none'; form-action 'none'"
    assert policy == f"{nothing}; img-src data:; style-src 'sha256-{digest}'"
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {link["href"] for tag in ("a", "use") for link in page.all(tag)} <= {f"#{name}" for name in ids}


def test_every_clip_and_failure_is_named(dataset: tuple[DatasetInfo, list[ShardReport]]) -> None:
    info, reports = dataset
    html = preview.render_preview(info, reports, "clips")
    start, end = (html.index(f'<section aria-labelledby="{name}">') for name in ("clips", "most-alike"))
    page = Page(html[start:end])
    written = [video for report in reports for video in report.written]
    captions = dict(zip(page.texts["b"], page.texts["figcaption"], strict=True))
    assert set(captions) == {summary.visible(video.video_id) for video in written}
    for report in reports:
        for video in report.written:
            caption = captions[summary.visible(video.video_id)]
            for fact in (report.split, f"group {summary.visible(video.group)}", f"{video.num_source_frames} frames"):
                assert fact in caption
            assert f"{video.duration_s:.2f} s" in caption and ("damaged" in caption) == video.damaged
    said = [svg["aria-label"] or "" for svg in page.all("svg") if svg.get("class") == "stills"]
    stored = {video_id: data for report in reports for video_id, data in report.strips.items()}
    assert len(said) == len(page.all("image")) == len(stored)
    for label, image in zip(said, page.all("image"), strict=True):
        (data,) = [data for video_id, data in stored.items() if f"strip of {summary.visible(video_id)}," in label]
        assert (image["href"] or "").removeprefix("data:image/jpeg;base64,") == data
        assert (image["width"], image["height"]) == ("512", "64")
    assert page.texts["h3"] == [summary.visible(label) for label in info.labels]
    page = render(dataset)
    rows = {tuple(row) for row in page.tables["Failures"][1:]}
    assert rows == {
        tuple(map(summary.visible, (f.video_id, f.label, f.stage, f.type, f.message)))
        for r in reports
        for f in r.failed
    }
    assert [row[0] for row in page.tables["Filtered"][1:]] == sorted(
        summary.visible(video.video_id) for report in reports for video in report.filtered
    )


def test_numbers_are_those_of_the_data(dataset: tuple[DatasetInfo, list[ShardReport]]) -> None:
    page = render(dataset)
    first, second, third = HOSTILE[0], HOSTILE[1], summary.visible(HOSTILE[2])
    tiles = dict(zip(page.texts["dt"], (re.match(r"[\d,]+", dd)[0] for dd in page.texts["dd"]), strict=True))
    assert tiles == {"Listed": "17", "Written": "13", "Failed": "2", "Filtered": "2", "Damaged": "3", "Ignored": "2"}
    assert page.tables["Clips, groups and files"][1:] == [
        ["train", "9", "3", "1", "1.4 MiB"],
        ["test", "4", "2", "1", "1.4 MiB"],
        ["Total", "13", "5", "2", "2.9 MiB"],
    ]
    by_class = page.tables["Clips by class and split"]
    assert by_class[0] == ["Class", "train", "test", "Total"] and by_class[-1] == ["Total", "9", "4", "13"]
    assert {row[0]: row[1:] for row in by_class[1:-1]} == {
        first: ["3", "2", "5"],
        second: ["3", "2", "5"],
        third: ["3", "0", "3"],
    }
    by_group = {row[0]: row[1:] for row in page.tables["Clips by group and split"][1:]}
    assert by_group[f"test {first}"] == ["0", "2", "2"] and by_group["Total"] == ["9", "4", "13"] and len(by_group) == 6
    assert page.tables["Failures by reason"][1:] == [[f"Kind{second}", "2"]]
    bars = re.findall(r"(\d+) clips? in", " ".join(page.texts["title"][1:]))
    assert sum(map(int, bars)) == 13
    assert ["Fingerprint", ClipSpec().fingerprint()] in page.tables["Clips"]
    assert ["Encoding", "jpeg 90"] in page.tables["Clips"] and ["av", "18.1.0"] in page.tables["Package versions"]
    notes = page.texts["li"]
    assert any("2 videos of 17" in note for note in notes)
    assert any(f"test has no clip of 1 class: {third}" in note for note in notes)


def test_groups_in_two_splits_are_reported() -> None:
    video = WrittenVideo("a/1", "a", "g01", 30, 1.0, False)
    reports = [
        ShardReport("t", "train", "train", 1, "", (video, WrittenVideo("a/0", "a", "g00", 30, 1.0, False))),
        ShardReport("t", "val", "val", 1, "", (WrittenVideo("a/2", "a", "g01", 30, 1.0, False),)),
    ]
    page = render((describe(reports, ("a",), ("train", "val")), reports))
    assert page.texts["li"] == ["1 group in more than one split: g01."]
    assert page.tables["Clips by group and split"][1] == ["g01", "1", "1", "2"]


def test_same_page_for_the_same_dataset(dataset: tuple[DatasetInfo, list[ShardReport]]) -> None:
    info, reports = dataset
    again = [ShardReport.from_json(report.to_json()) for report in reports]
    assert preview.render_preview(info, reports, "x") == preview.render_preview(info, again, "x")


def test_size_is_bounded() -> None:
    big = base64.b64encode(base64.b64decode(strip(9)).ljust(15_000)).decode()  # bytes after the end are ignored
    labels = tuple(f"class{i:03}" for i in range(250))
    videos = tuple(WrittenVideo(f"v{i:05}", labels[i % 250], f"group{i:05}", 30, 1.0, False) for i in range(5000))
    failed = tuple(
        Failure("decode", f"Error{i % 3}", 20 * "no ", False, f"f{i:05}", "u", "class0") for i in range(5000)
    )
    report = ShardReport("t", "train", "train", 1, "", videos, failed, (), {f"v{i:05}": big for i in range(1000)})
    page_text = preview.render_preview(describe([report], labels, ("train",)), [report], "x")
    page = Page(page_text)
    # One strip of each class is shown even if there isn't enough room for all of these.
    stills = [svg["aria-label"] or "" for svg in page.all("svg") if svg.get("class") == "stills"]
    shown = Counter(re.search(r"class\d+", said)[0] for said in stills[: len(page.all("image"))])
    assert shown == dict.fromkeys(labels, 1) and len(page.all("image")) == 250
    assert len(page_text) < 250 * len(big) + 800_000
    assert len(page.tables["Failures"]) == 1 + preview.MAX_ROWS
    assert len(page.tables["Clips by group and split"]) == 2 + preview.MAX_ROWS
    assert page.tables["Clips by group and split"][-1] == ["Total", "5,000", "5,000"]
    assert any("4,800 more not shown here; failures.jsonl has all of them" in text for text in page.texts["p"])
    # Long tables are closed at first.
    closed = [details for details in page.all("details") if details.get("class") != "film"]
    assert len(closed) == 3 and not any("open" in details for details in closed)


def test_pairs_that_look_alike() -> None:
    """Each clip in one pair, only with clips of other groups, the most alike first."""
    shades = {"a1": 10, "a2": 10, "b1": 12, "b2": 40, "c1": 100, "c2": 130, "d1": 250}
    videos = tuple(WrittenVideo(name, "x", name[0], 30, 1.0, False) for name in shades)
    report = ShardReport("t", "", "train", 1, "", videos, strips={name: strip(shade) for name, shade in shades.items()})
    clips = strips.choose_strips(["x"], ["train"], [report])
    pairs, usual = alike.most_alike(clips, 20)
    found = [(pair.first.video.video_id, pair.second.video.video_id, round(pair.difference)) for pair in pairs]
    assert found == [("a1", "b1", 2), ("a2", "b2", 30), ("c2", "d1", 120)]
    assert pairs == alike.most_alike(clips, 20)[0] and 90 < usual < 120
    broken = replace(clips[0], strip="no picture"), replace(clips[1], strip="AAAA")
    assert alike.most_alike([*broken, *clips[2:3]], 20) == ([], 0.0)


def test_the_page_compares_a_bounded_number_of_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "MAX_COMPARED", 3)
    monkeypatch.setattr(alike, "MAX_PAIRS", 1)
    videos = tuple(WrittenVideo(f"v{i}", "x", f"g{i}", 30, 1.0, False) for i in range(6))
    report = ShardReport("t", "", "train", 1, "", videos, strips={f"v{i}": strip(min(40 * i, 120)) for i in range(6)})
    pairs, _ = alike.most_alike(strips.choose_strips(["x"], ["train"], [report]), 20)
    assert [(pair.first.video.video_id, pair.second.video.video_id) for pair in pairs] == [("v0", "v1")]


def test_more_strips_of_a_class_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = strip(9)
    monkeypatch.setattr(strips, "MAX_STRIPS_BYTES", 5 * len(picture))
    videos = tuple(WrittenVideo(f"{label}{i}", label, "g", 30, 1.0, False) for label in "ab" for i in range(4))
    report = ShardReport("t", "train", "train", 1, "", videos, strips={video.video_id: picture for video in videos})
    page = render((describe([report], ("a", "b"), ("train",)), [report]))
    assert page.texts["b"] == ["a0", "a1", "a2", "b0", "b1"]
    assert "No two clips with film strips are in different groups." in page.texts["p"]


@pytest.mark.parametrize(
    ("seconds", "num_bins"),
    [([5.04], 26), ([5.0] * 9, 26), ([0.0], 1), ([0.0, 0.0], 1), ([0.1, 0.3], 31), ([2.0] * 300 + [9000.0], 21)],
)
def test_histogram_bins(seconds: list[float], num_bins: int) -> None:
    step, number = plots.choose_bins(seconds)
    assert number == num_bins and step > 0
    page = Page(plots.durations({"train": seconds, "val": [float("nan"), float("inf"), -1.0]}, "facts"))
    assert sum(map(int, re.findall(r"(\d+) clip", " ".join(page.texts["title"])))) == len(seconds)
    assert all(0 <= float(r["y"] or -1) <= 100 and 0 < float(r["height"] or 0) <= 100 for r in page.all("rect"))
    assert "3 clips of unknown duration" in page.texts["p"][-1]
    assert ("longer ones" in page.texts["p"][-1]) == (seconds[-1] == 9000)


def test_empty_dataset() -> None:
    page = render((describe([], ("a",), ("train", "test")), []))
    assert page.texts["li"] == ["train has no clips.", "test has no clips."]
    assert any("No clips of known duration" in text for text in page.texts["p"])
