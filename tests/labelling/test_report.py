"""The report of labels: page and summary say what was found, and no name becomes markup, also in a real browser."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.core.label_sets import UNKNOWN
from pipelines.labelling import familiarity
from pipelines.labelling.account import MAX_UNCERTAIN
from pipelines.labelling.familiarity import MARK
from pipelines.labelling.pages import timelines
from pipelines.labelling.pages.links import Places
from pipelines.labelling.report import MAX_LABELS, render_label_report
from pipelines.labelling.summary import print_label_summary
from pipelines.labelling.types import LabelReport
from pipelines.reports import text as summary
from tests.support.accounts import account, failure, video
from tests.support.pages import HOSTILE, Page

NAMES = (*HOSTILE, "</style></script>", "${title} $x $$", "\u202e\u061cgpj.exe", "]]><!--")
PROBE = """
const list = document.getElementById("segments-list");
const seen = () => [...list.querySelectorAll(".item")].filter((item) => item.getClientRects().length)
  .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
  .map((item) => item.querySelector("a").textContent + " " + item.querySelector(".n").textContent);
const choose = (menu, start) => {
  const select = list.querySelectorAll("select")[menu];
  select.selectedIndex = [...select.options].findIndex((option) => option.text.startsWith(start));
};
const steps = [seen()];
choose(0, "score, highest"); steps.push(seen());
choose(1, "Run"); steps.push(seen());
choose(0, "video"); choose(3, "east"); steps.push(seen());
list.querySelector("form").reset(); steps.push(seen());
const film = document.querySelector(".film");
const play = () => [...film.querySelectorAll(".play")].map((svg) => svg.checkVisibility());
steps.push(play());
film.open = true; steps.push(play());
steps.push(getComputedStyle(film.querySelector(".large use")).animationTimingFunction);
document.title = JSON.stringify(steps);
"""


@pytest.fixture
def hostile() -> LabelReport:
    """Data with hostile names for everything that comes from outside."""
    videos = [
        video(
            name,
            (0, 4, name, 0.8),
            (4, 9, UNKNOWN, 0.3),
            (9, 65.5, NAMES[i - 1], 0.625),
            duration_s=66,
            second=f"<b>{name}",
        )
        for i, name in enumerate(NAMES)
    ]
    failures = [replace(failure(name, 4.0, name), stage=name, message=name) for name in NAMES]
    return account(videos, failures, listed=20)


def render(report: LabelReport, **options: object) -> Page:
    html = render_label_report(report, {"Model": "m"}, "run", **options)  # type: ignore[arg-type]
    html.encode("utf-8")
    return Page(html)


def test_names_do_not_become_markup_and_nothing_is_loaded(hostile: LabelReport) -> None:
    html = render_label_report(
        hostile, dict(zip(NAMES, NAMES[::-1], strict=True)), NAMES[4], 0.35, NAMES, Places("/out")
    )
    html.encode("utf-8")
    page, harmless = Page(html), render(LabelReport())
    assert not page.all("script")
    # Besides rules for the items of lists, which are made from numbers, the style sheet is that of any page.
    (sheet,), (other,) = page.texts["style"], harmless.texts["style"]
    assert sheet.startswith(other.rstrip()) and re.fullmatch(r"[\s#.:{}();,>+\w-]*", sheet.removeprefix(other.rstrip()))
    attributes = {name for _, attrs in page.elements for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    assert not attributes & {"style", "action", "srcset", "srcdoc", "formaction"}
    assert not page.all("link") + page.all("iframe") + page.all("object") + page.all("base")
    references = [v or "" for _, attrs in page.elements for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
    kinds = r"#[a-z0-9-]+|data:image/jpeg;base64,[\w+/=]+|\.\./[\w.~/%-]+#t=[\d.]+,[\d.]+"
    assert all(re.fullmatch(kinds, value) for value in references), [
        v for v in references if not re.fullmatch(kinds, v)
    ]
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids) and {use["href"] for use in page.all("use")} <= {f"#{name}" for name in ids}
    assert not any("url(" in sheet or "@import" in sheet for sheet in page.texts["style"])
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    nothing = "default-src 'none'; base-uri 'none'; form-action 'none'"
    assert policy == f"{nothing}; img-src data:; media-src 'self' file:; style-src 'sha256-{digest}'"
    assert page.texts["h1"] == [NAMES[4]] and [summary.visible(n) for n in NAMES[::-1]] == [
        row[1] for row in page.tables["Settings of the run"]
    ]
    assert {row[0] for row in page.tables["Labels, longest time first"]} >= set(map(summary.visible, NAMES))


def test_the_page_says_what_is_in_the_report(hostile: LabelReport) -> None:
    page = render(hostile, min_score=0.35, labels=[*NAMES, "Never"])
    tiles = dict(zip(page.texts["dt"], page.texts["dd"], strict=True))
    assert tiles["Listed"].startswith("20") and tiles["Labelled"].startswith("7") and tiles["Failed"].startswith("0")
    assert tiles["Windows"].startswith("21") and tiles["Length"].startswith("7.7 min")
    assert page.texts["h2"] == ["Labels", "Scores", "Segments", "Least certain", "Timelines", "Failures", "Settings"]
    inside = {a["href"] for a in page.all("a") if (a["href"] or "").startswith("#")}
    assert inside == {"#" + (h["id"] or "") for h in page.all("h2")}
    notes = page.texts["li"]
    assert notes[0] == "20 videos listed, but 7 accounted for."
    assert "7.6% of the labelled time is unknown: the best score is below 35%." in notes
    assert "1 label of 8 never occurs: Never." in notes
    rows = page.tables["Labels, longest time first"]
    assert rows[-2] == [UNKNOWN, "7", "35.0 s", "7.6%"] and rows[-1] == ["Total", "21", "7 min 38 s", ""]
    assert rows[1][1:] == ["2", "1 min 00 s", "13.2%"] and len(rows) == 1 + 7 + 2
    bars = [title for title in page.texts["title"] if title.endswith(("segment", "segments"))]
    assert len(bars) == 20 and "30% to 35%: 7 segments" in bars and "60% to 65%: 7 segments" in bars
    (line,) = page.all("line")
    assert "All 21 segments." in " ".join(page.texts["p"])
    assert line["x1"] == line["x2"] == "350"
    figures = [" ".join(figure.split()) for figure in page.texts["figcaption"]]
    assert len(figures) == 21 and "0:04.0 to 0:09.0 · unknown, best <b>" in figures[0]
    assert f"0:00.0 to 0:04.0 · {NAMES[0]} 80.0%, then <b>{NAMES[0]} 5.0%" in "".join(figures)
    (first, *_) = (rows for name, rows in page.tables.items() if name.startswith("Segments of"))
    assert first[2] == ["0:04.0 to 0:09.0", UNKNOWN, "30.0%"] and first[3][0] == "0:09.0 to 1:05.5"
    failures = page.tables["Failures by video"]
    shown = sorted(map(summary.visible, NAMES))
    assert sorted(row[0] for row in failures[1:]) == shown and failures[1][1] == "0:04.0 to 0:08.0"
    assert sorted(row[0] for row in page.tables["Failures by reason"][1:]) == shown


STILL = replace(video("s.mp4", (0, 1, "Run", 1)), remark="a single picture")


@pytest.mark.parametrize(
    ("report", "said", "kind"),
    [
        (account([video("a", (0, 1, "Run", 0.5))]), "decoded completely and has labels throughout", "good"),
        (account([video("a", (0, 1, "Run", 1))], [failure("b")]), "1 video of 2 (50.0%) failed.", None),
        (account([], [failure("b")]), "No video has labels.", "loud"),
        (account([video("a", (0, 1, "Run", 1))], listed=3), "3 videos listed, but 1 accounted for.", "loud"),
        (account([video("a", (0, 3, UNKNOWN, 0.1), (3, 4, "Run", 1))]), "75.0% of the labelled time is", "loud"),
        (account([STILL]), "1 labelled video is a single picture: s.mp4.", "loud"),
        (replace(account([STILL]), single=5), "5 labelled videos are single pictures: s.mp4 and 4 more.", "loud"),
        (replace(account([video("a", (0, 1, "Run", 1))]), damaged=1), "1 labelled video could only be decoded", None),
    ],
)
def test_notes(report: LabelReport, said: str, kind: str | None) -> None:
    page = render(report)
    found = {text: attrs.get("class") for text, attrs in zip(page.texts["li"], page.all("li"), strict=True)}
    assert [value for text, value in found.items() if said in text] == [kind]


def test_size_is_bounded() -> None:
    videos = [video(f"v{i:02}", *((k, k + 1, f"Label {k % 1500}", 0.95) for k in range(3000))) for i in range(25)]
    failures = [failure(f"f{i:03}") for i in range(400)]
    report = account(videos, failures)
    html = render_label_report(report, {}, "run")
    page = Page(html)
    lanes = [rows for name, rows in page.tables.items() if name.startswith("Segments of")]
    assert len(lanes) == 20 and {len(rows) for rows in lanes} == {1 + timelines.MAX_SEGMENTS}
    assert "The first 300 are shown here, up to 5:00.0." in page.texts["p"] and len(html) < 3_000_000
    assert len(page.tables["Labels, longest time first"]) == 2 + MAX_LABELS
    assert "500 more not shown here." in page.texts["p"] and "failures.jsonl has all of them." in page.texts["p"]
    assert len(page.tables["Failures by video"]) == 201 and "The first 200 of 400" in page.texts["summary"]
    # The page applies the limits to a report that was made without them.
    many = replace(report, uncertain=account([video("a", *((k, k + 1, "Run", 0.5) for k in range(48)))]).uncertain * 3)
    assert len(render(many).all("image")) == MAX_UNCERTAIN


def test_colors_are_the_same_in_all_timelines() -> None:
    videos = [
        video("a", *((2 * k, 2 * k + 1 + k / 100, f"L{k:02}", 0.95) for k in range(15)), (30, 99, UNKNOWN, 0.95)),
        video("b", (0, 50, "L00", 0.95), (50, 51, "L01", 0.95)),
    ]
    colors = timelines.choose_colors(videos)
    assert colors["L00"] == "c0" and colors["L01"] == "c1" and colors["L14"] == "c2" and colors[UNKNOWN] == "unknown"
    assert len(colors) == timelines.NUM_COLORS + 1 and not {"L02", "L03", "L04"} & set(colors)
    page = Page(timelines.timeline(videos[0], colors))
    kinds = [rect["class"] for rect in page.all("rect")]
    assert kinds.count("other") == 3 and "other labels" in page.texts["span"] and kinds[-1] == "unknown"
    (first, *_), last = page.all("rect"), page.all("rect")[-1]
    assert first["x"] == "0" and int(last["x"] or 0) + int(last["width"] or 0) == 10_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (7.54, "0:07.5"), (59.96, "1:00.0"), (3599.96, "1:00:00.0"), (3723.0, "1:02:03.0")],
)
def test_clock(seconds: float, text: str) -> None:
    assert timelines.clock(seconds) == text


def test_empty_report() -> None:
    page = render(LabelReport(), min_score=0.5)
    assert [text for text in ("No segments.", "No film strips.", "None.") if text not in page.texts["p"]] == []
    assert render_label_report(LabelReport(), {}, "run").count("Not recorded.") == 1


def printed(report: LabelReport, output: str, seconds: float | None) -> list[str]:
    file = io.StringIO()
    print_label_summary(report, output, seconds, file)
    return [" ".join(re.sub("[│┃]", " ", line).split()) for line in file.getvalue().splitlines()]


def test_summary(hostile: LabelReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    report = account(
        [video("a", (0, 1800, "[red]Run", 0.9), (1800, 3600, UNKNOWN, 0.1)), video("b", (0, 3600, "Sit", 1))],
        [failure("c"), failure("d", 4.0, "ScoreError"), failure("d", 8.0, "ScoreError")],
    )
    lines = printed(
        replace(report, damaged=1, single=1, remarks=(("b", "a single picture"),)), "/data/my [bold]labels/", 3600
    )
    for line in (
        "Sit 1 50.0% 1.00",
        "[red]Run 1 25.0% 0.50",
        "unknown 1 25.0% 0.50",
        "Total 3 100.0% 2.00",
        "Videos 4 listed = 2 labelled + 2 failed; 1 of the labelled are damaged",
        "Failures 2 ScoreError, 1 VideoDecodeError; each is in failures.jsonl",
        "Warning 1 labelled video is a single picture: b",
        "Scored 3 windows in 2 h 00 min of video",
        "Time 1 h 00 min, 2.0 times as fast as the videos play",
        "Labels /data/my [bold]labels/",
        "Report /data/my [bold]labels/report.html",
    ):
        assert line in lines
    lost = printed(hostile, "out", None)
    assert any("20 listed, but 7 labelled and 0 failed" in line for line in lost)
    assert not any(line.startswith("Time") for line in lost) and "\x1b" not in "".join(lost)
    many = printed(account([video("a", *((k, k + 1, f"L{k:02}", 0.95) for k in range(30)))]), "out", 0.0)
    assert "10 more labels 10 33.3% 0.00" in many and "L20" not in " ".join(many)
    assert printed(LabelReport(), "out", None)[0].startswith("Videos 0 listed")
    assert "Time 4.0 s" in printed(LabelReport(videos=1, failed=1), "out", 4.0)  # as fast as nothing plays


@pytest.mark.parametrize(
    ("far", "labelled", "sentence"),
    [
        (0, 10, ""),
        (1, 10, "10 % of these videos are unlike what the model has seen"),
        (2, 10, "20 % of these videos are unlike what the model has seen: don't trust their labels"),
        (71, 100, "71 % of these videos are unlike what the model has seen: don't trust their labels"),
        (1, 300, "less than 1 % of these videos are unlike what the model has seen"),
    ],
)
def test_how_many_videos_are_unlike_those_of_training(far: int, labelled: int, sentence: str) -> None:
    report = LabelReport(videos=labelled, labelled=labelled, unfamiliar=far, unfamiliar_segments=far)
    assert familiarity.share_sentence(report) == sentence
    notes = render(report).texts["li"]
    assert [note for note in notes if "unlike" in note] == (
        [f"{sentence} ({summary.plural(far, 'segment')})."] if far else []
    )
    out = io.StringIO()
    print_label_summary(report, "labels", None, out)
    assert ("Warning" in out.getvalue()) == ("trust" in sentence)


def test_a_model_that_cannot_tell_and_marks_of_segments() -> None:
    notes = render(LabelReport(videos=1, labelled=1), cannot_tell="it is <b>old</b>").texts["li"]
    assert "Whether these videos are like those that the model has seen is not known: it is <b>old</b>." in notes
    made = video("v", (0, 4, "Run", 0.5), (4, 9, "Sit", 0.4))
    segments = tuple(replace(s, unfamiliar=d) for s, d in zip(made.segments, (0.5, 1.5), strict=True))
    page = render(account([replace(made, segments=segments)]))
    marked = [" ".join(figure.split()) for figure in page.texts["figcaption"]]
    assert [MARK in figure for figure in marked] == [True, False]  # the least certain first
    assert [row[1] for row in page.tables["Segments of v"]] == ["Label", "Run", f"Sit ({MARK})"]
    assert f"Sit, 0:04.0 to 0:09.0, 40.0%, {MARK}" in page.texts["title"]


def browse(html: str, folder: Path) -> tuple[Page, list[str]]:
    """The elements of a page after it has loaded in a browser without a network, and what was said on its console."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs Chromium")
    (folder / "report.html").write_text(html, "utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=2000")
    command = [chromium, *flags, "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", (folder / "report.html").as_uri()], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "<html" in done.stdout, done.stderr
    return Page(done.stdout), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.process
def test_in_a_browser(hostile: LabelReport, tmp_path: Path) -> None:
    html = render_label_report(hostile, {"Model": NAMES[0]}, NAMES[0], 0.35, places=Places(str(tmp_path)))
    page, console = browse(html, tmp_path)
    assert console == [] and page.texts["h1"] == [NAMES[0]]
    assert len(page.all("section")) == 7 and len(page.all("figure")) == 21
    assert len([svg for svg in page.all("svg") if svg.get("class") == "lane"]) == 7
    # A silent console means something: what gets through unescaped is reported, and does nothing.
    attack = '<main><img src="//evil.example/x.png" onerror="document.title = 1"><script>document.title = 2</script>'
    page, console = browse(html.replace("<main>", attack), tmp_path)
    assert len([line for line in console if "Content Security Policy" in line]) >= 2
    assert page.texts["title"][0] == NAMES[0]


@pytest.mark.process
def test_sorting_filtering_and_playing_in_a_browser(tmp_path: Path) -> None:
    """Menus work by style rules alone: the script here only uses them."""
    scores = {"east/a": 0.2, "east/b": 0.9, "west/c": 0.6}
    videos = [
        video(name, (0, 4, "Run", score), (4, 8, "Sit", round(1 - score, 1)), second="Sit")
        for name, score in scores.items()
    ]
    html = render_label_report(account(videos), {}, "run", places=Places(str(tmp_path)))
    start, _, rest = html.partition("style-src ")
    html = f"{start}script-src 'unsafe-inline'; style-src {rest}"
    page, console = browse(html.replace("</body>", f"<script>{PROBE}</script></body>"), tmp_path)
    assert console == []
    first, highest, runs, east, reset, *films, timing = json.loads(page.texts["title"][0])
    assert first == [
        "east/b 10.0%", "east/a 20.0%", "west/c 40.0%", "west/c 60.0%", "east/a 80.0%", "east/b 90.0%",
    ]  # fmt: skip
    assert highest == first[::-1] and reset == first
    assert runs == ["east/b 90.0%", "west/c 60.0%", "east/a 20.0%"]
    assert east == ["east/a 20.0%", "east/b 90.0%"]
    # Closed, it plays when pointed at or reached by keyboard, neither of which happens here; open, larger.
    assert films == [[False, False], [False, True]]
    assert ".film:not([open]) summary:is(:hover, :focus-visible) .play { display: block;" in html
    assert timing == "steps(8, jump-none)"
