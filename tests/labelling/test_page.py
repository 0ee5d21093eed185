"""The report of labels in a real browser without a network: nothing is refused, and keys, mouse and search work."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.labelling.report import render_label_report
from pipelines.labelling.types import UNKNOWN
from pipelines.reports import page as page_frame
from tests.support.accounts import account, video
from tests.support.label_reports import NAMES, hostile_report
from tests.support.pages import Page

DRIVER = """
const press = (lane, key) => lane.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const [lane, other] = document.querySelectorAll(".lane");
lane.dispatchEvent(new FocusEvent("focus"));
const steps = [lane.parentElement.querySelector(".says").textContent];
for (const key of ["ArrowRight", "End", "ArrowRight", "Home", "a"]) {
  press(lane, key);
  steps.push(lane.getAttribute("aria-valuetext"));
}
other.querySelectorAll("rect")[1].dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
steps.push(other.parentElement.querySelector(".says").textContent);
const box = document.getElementById("search");
box.value = " RUN ";
box.dispatchEvent(new Event("input"));
const shown = [...document.querySelectorAll("figure")].filter((figure) => figure.getClientRects().length).length;
document.title = JSON.stringify([steps, shown, box.parentElement.querySelector("output").textContent]);
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
    html = render_label_report(hostile_report(), {"Model": NAMES[0]}, NAMES[0], 0.35)
    page, console = browse(html, tmp_path)
    assert console == [] and page.texts["h1"] == [NAMES[0]]
    assert len(page.all("section")) == 6 and len(page.all("figure")) == 21
    lanes = [svg for svg in page.all("svg") if svg.get("class") == "lane"]
    assert len(lanes) == 7 and all(lane["role"] == "slider" and lane["tabindex"] == "0" for lane in lanes)
    search = next(p for p in page.all("p") if p.get("class") == "search")
    assert "hidden" not in search and not any("hidden" in p for p in page.all("p"))
    # A silent console means something: a script that gets through unescaped is reported, and doesn't run.
    attack = '<main><img src="//evil.example/x.png" onerror="document.title = 1"><script>document.title = 2</script>'
    page, console = browse(html.replace("<main>", attack), tmp_path)
    assert len([line for line in console if "Content Security Policy" in line]) >= 2
    assert page.texts["title"][0] == NAMES[0]


def test_keys_pointer_and_search_in_a_browser(tmp_path: Path) -> None:
    walk = (("Run", 0.8), (UNKNOWN, 0.3), ("Sit", 0.5))
    videos = [video(name, *((4 * k, 4 * k + 4, *what) for k, what in enumerate(walk))) for name in "ab"]
    html = render_label_report(account(videos), {}, "run")
    html = html.replace("script-src ", f"script-src {page_frame._allowed(DRIVER)} ")
    page, console = browse(html.replace("</body>", f"<script>{DRIVER}</script></body>"), tmp_path)
    assert console == []
    run, unknown, sit = (
        f"{label}, 0:{4 * k:02}.0 to 0:{4 * k + 4:02}.0, {score:.1%}" for k, (label, score) in enumerate(walk)
    )
    steps, shown, count = json.loads(page.texts["title"][0])
    assert steps == [run, unknown, sit, sit, run, run, unknown]
    assert (shown, count) == (2, "2 of 6")
