"""The report of labels in a real browser without a network: nothing is refused, lists are sorted and filtered."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.labelling.pages.links import Places
from pipelines.labelling.report import render_label_report
from tests.support.accounts import account, video
from tests.support.label_reports import NAMES, hostile_report
from tests.support.pages import Page

pytestmark = pytest.mark.process

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


def test_in_a_browser(tmp_path: Path) -> None:
    html = render_label_report(hostile_report(), {"Model": NAMES[0]}, NAMES[0], 0.35, places=Places(str(tmp_path)))
    page, console = browse(html, tmp_path)
    assert console == [] and page.texts["h1"] == [NAMES[0]]
    assert len(page.all("section")) == 7 and len(page.all("figure")) == 21
    assert len([svg for svg in page.all("svg") if svg.get("class") == "lane"]) == 7
    # A silent console means something: what gets through unescaped is reported, and does nothing.
    attack = '<main><img src="//evil.example/x.png" onerror="document.title = 1"><script>document.title = 2</script>'
    page, console = browse(html.replace("<main>", attack), tmp_path)
    assert len([line for line in console if "Content Security Policy" in line]) >= 2
    assert page.texts["title"][0] == NAMES[0]


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
