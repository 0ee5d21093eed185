"""The documentation as a site: it is built without a network, and what is wrong with it fails."""

import html
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.cli.commands import COMMANDS
from pipelines.core import errors
from pipelines.dataset.example import decode
from pipelines.dataset.info import DatasetInfo
from pipelines.dataset.tfrecord import read_records
from tests import ROOT

pytestmark = pytest.mark.process


def build(folder: Path, output: Path) -> "subprocess.CompletedProcess[str]":
    """Builds the site as `scripts/docs` does, in a folder like the repository's root."""
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(output)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("site")
    done = build(ROOT, output)
    assert done.returncode == 0, done.stderr
    return output


def test_every_command_flag_and_setting_is_there(site: Path) -> None:
    flags, settings = ((site / "reference" / f"{name}.html").read_text() for name in ("flags", "settings"))
    for name in COMMANDS:
        assert f'<h2 id="har-{name}">' in flags
    for flag in ("--num-frames N", "--drop-duplicates, --no-drop-duplicates", "--folds K|logo", "RUN ..."):
        assert f"<td><code>{flag}</code></td>" in html.unescape(flags)
    assert (
        "<td><code>num_frames</code></td>\n<td><code>20</code></td>\n<td>a whole number from 1 to 4096</td>" in settings
    )
    assert "made by:" not in flags + settings


def test_links_to_files_of_the_repository_lead_to_their_pages(site: Path) -> None:
    page = (site / "how-to" / "dataflow.html").read_text()
    assert 'href="../repository/configs/dataflow.yaml.html"' in page
    assert "DataflowRunner" in (site / "repository" / "configs" / "dataflow.yaml.html").read_text()
    assert 'href="../how-to/ucf50.html"' in (site / "repository" / "index.html").read_text()  # of README.md


def test_search_works_from_a_disk(site: Path) -> None:
    assert "var __index = " in (site / "search" / "search_index.js").read_text()[:20]
    assert 'src="assets/iframe-worker.js"' in (site / "index.html").read_text()


def test_what_is_wrong_with_a_page_fails(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "scripts").mkdir()
    for name in ("docs_hooks.py", "docs_flags.py"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    shutil.copytree(ROOT / "docs" / "assets", tmp_path / "docs" / "assets")
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump({**config, "nav": ["index.md"]}))
    page = tmp_path / "docs" / "index.md"
    page.write_text("# X\n\n[a](nowhere.md) [b](#nowhere) [c](../configs/nowhere.yaml)\n")
    done = build(tmp_path, tmp_path / "site")
    for link in ("nowhere.md", "#nowhere", "../configs/nowhere.yaml"):
        assert f"contains a link '{link}'" in done.stderr
    assert done.returncode == 1 and "Aborted with 3 warnings in strict mode" in done.stdout + done.stderr
    page.write_text('# X\n\n<img src="https://example.org/x.png">\n')
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1 and "index.html would load https://example.org/x.png" in done.stderr


def test_the_keys_of_records_are_documented(dataset: Path) -> None:
    page = (ROOT / "docs" / "reference" / "dataset.md").read_text()
    info = DatasetInfo.from_json((dataset / "dataset_info.json").read_text())
    with open(dataset / info.splits["train"].shards[0].name, "rb") as file:
        record = next(iter(read_records(file)))
    assert decode(record)
    for key in ("frames", "label", "label_name", "video_id", "group", "timestamps_s", "frame_indices"):
        assert key.encode() in record and f"| `{key}` | " in page and f'feature {{ key: "{key}" ' in page


def test_every_exit_code_is_explained() -> None:
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
    for name, code in vars(errors).items():
        if name.startswith("EXIT_"):
            assert f"\n| {code} | " in page, name
