"""The preview page: its numbers are those of the data, and no name of the data becomes markup."""

import base64
import re
from collections import Counter

import pytest

from pipelines.core.failure import Failure
from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.dataset.info import DatasetInfo, ShardReport, WrittenVideo, summarise_splits
from pipelines.dataset.pages import durations as plots
from pipelines.dataset.pages import preview
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
    assert len(page.all("script")) == 1 and page.texts["script"] == harmless.texts["script"]
    assert "alert" not in page.texts["script"][0]
    names = {name for _, attrs in page.elements for name in attrs}
    assert not {name for name in names if name.startswith("on")}
    assert names <= {
        *("lang", "charset", "name", "content", "http-equiv", "class", "id", "for", "type", "hidden", "open", "href"),
        *("aria-label", "aria-labelledby", "role", "tabindex", "scope", "style", "loading", "decoding", "src", "alt"),
        *("viewbox", "preserveaspectratio", "x", "y", "width", "height"),
    }
    assert all(src.startswith("data:image/jpeg;base64,") for img in page.all("img") if (src := img["src"] or "-"))
    styles = {attrs["style"] for _, attrs in page.elements if "style" in attrs}
    assert all(re.fullmatch(r"(flex:\d+|left:[\d.]+%)", style or "") for style in styles)
    assert page.texts["h1"] == page.texts["title"][:1] == [HOSTILE[0]]


def test_nothing_is_loaded(dataset: tuple[DatasetInfo, list[ShardReport]]) -> None:
    page = render(dataset)
    references = [v for _, attrs in page.elements for k, v in attrs.items() if k in ("src", "href", "srcset", "action")]
    assert all(re.match(r"#[a-z-]+$|data:image/jpeg;base64,", value or "") for value in references)
    assert not page.all("link") and not page.all("iframe") and "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'; img-src data:;") and "script-src 'sha256-" in policy
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {link["href"] for link in page.all("a")} <= {f"#{name}" for name in ids}


def test_every_clip_and_failure_is_named(dataset: tuple[DatasetInfo, list[ShardReport]]) -> None:
    page = render(dataset)
    info, reports = dataset
    written = [video for report in reports for video in report.written]
    captions = dict(zip(page.texts["b"], page.texts["figcaption"], strict=True))
    assert set(captions) == {summary.visible(video.video_id) for video in written}
    for report in reports:
        for video in report.written:
            caption = captions[summary.visible(video.video_id)]
            for fact in (report.split, f"group {summary.visible(video.group)}", f"{video.num_source_frames} frames"):
                assert fact in caption
            assert f"{video.duration_s:.2f} s" in caption and ("damaged" in caption) == video.damaged
    for image, (video_id, data) in zip(
        sorted(page.all("img"), key=lambda img: img["alt"] or ""),
        sorted((s for r in reports for s in r.strips.items()), key=lambda item: summary.visible(item[0])),
        strict=True,
    ):
        assert summary.visible(video_id) in (image["alt"] or "") and image["loading"] == "lazy"
        jpeg = base64.b64decode((image["src"] or "").partition(",")[2], validate=True)
        assert jpeg == base64.b64decode(data) and jpeg[:3] == b"\xff\xd8\xff" and jpeg[-2:] == b"\xff\xd9"
    assert page.texts["h3"] == [summary.visible(label) for label in info.labels]
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
    big = "A" * 20_000
    labels = tuple(f"class{i:03}" for i in range(250))
    videos = tuple(WrittenVideo(f"v{i:05}", labels[i % 250], f"group{i:05}", 30, 1.0, False) for i in range(5000))
    failed = tuple(
        Failure("decode", f"Error{i % 3}", 20 * "no ", False, f"f{i:05}", "u", "class0") for i in range(5000)
    )
    report = ShardReport("t", "train", "train", 1, "", videos, failed, (), {f"v{i:05}": big for i in range(1000)})
    page_text = preview.render_preview(describe([report], labels, ("train",)), [report], "x")
    page = Page(page_text)
    # One strip of each class is shown even if there isn't enough room for all of these.
    shown = Counter(re.search(r"class\d+", img["alt"] or "")[0] for img in page.all("img"))
    assert shown == dict.fromkeys(labels, 1)
    assert len(page_text) < 250 * len(big) + 500_000
    assert len(page.tables["Failures"]) == 1 + preview.MAX_ROWS
    assert len(page.tables["Clips by group and split"]) == 2 + preview.MAX_ROWS
    assert page.tables["Clips by group and split"][-1] == ["Total", "5,000", "5,000"]
    assert any("4,800 more not shown here; failures.jsonl has all of them" in text for text in page.texts["p"])
    # Long tables are closed at first.
    assert [details for details in page.all("details") if "open" in details] == []


def test_more_strips_of_a_class_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "MAX_STRIPS_BYTES", 500)
    videos = tuple(WrittenVideo(f"{label}{i}", label, "g", 30, 1.0, False) for label in "ab" for i in range(4))
    report = ShardReport("t", "train", "train", 1, "", videos, strips={video.video_id: "A" * 100 for video in videos})
    page = render((describe([report], ("a", "b"), ("train",)), [report]))
    assert sorted(page.texts["b"]) == ["a0", "a1", "a2", "b0", "b1"]


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
