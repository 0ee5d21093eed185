"""The findings on an input, from a sample of its videos."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.dataset.config import PreprocessConfig
from pipelines.dataset.listing import read_catalog
from pipelines.diagnosis import sample as sampling
from pipelines.diagnosis.collection import check_input, estimate
from pipelines.diagnosis.finding import Finding
from pipelines.diagnosis.sample import Sample, decode_sample, draw, with_copies
from pipelines.inputs.catalog import VideoRecord
from pipelines.video.source import Source, read_source
from tests.conftest import preprocess, write_video
from tests.support.gcs_server import google_environment

pytestmark = [pytest.mark.process]


def write_turned(path: Path) -> None:
    """A video from a phone that was held upright: landscape pictures, to be rotated by 90 degrees."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(90)
        for index in range(30):
            picture = np.full((64, 96, 3), index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound, short, turned, broken and damaged videos, and two copies of one."""
    root = tmp_path_factory.mktemp("videos")
    for number in (1, 2, 3):
        write_video(root / "Run" / f"v_Run_g0{number}_c01.avi", 25 * number)
    write_video(root / "Jump" / "v_Jump_g01_c01.avi", 12)
    shutil.copy(root / "Run" / "v_Run_g02_c01.avi", root / "Jump" / "v_Jump_g02_c01.avi")
    write_turned(root / "Jump" / "v_Jump_g03_c01.mp4")
    (root / "Jump" / "v_Jump_g04_c01.avi").write_bytes(b"no video at all")
    whole = write_video(root / "Jump" / "v_Jump_g05_c01.avi", 100).read_bytes()
    (root / "Jump" / "v_Jump_g05_c01.avi").write_bytes(whole[: len(whole) * 7 // 10])
    (root / "Jump" / "notes.txt").write_text("not a video")
    return root


def look(source: Path, output: Path, **settings: object) -> dict[str, Finding]:
    found = list(check_input(PreprocessConfig(str(source), "", **settings), str(output)))  # type: ignore[arg-type]
    assert all(bool(finding.problem) == bool(finding.remedy) for finding in found)
    return {finding.name: finding for finding in found}


def test_what_a_collection_holds(videos: Path, tmp_path: Path) -> None:
    found = look(videos, tmp_path)
    assert found["listed"].value == f"8 videos, 2 classes, 5 groups in {videos}"
    assert found["not videos"].value.startswith("1 file: extension .txt 1")
    assert found["probed"].value == "8 of 8 videos"
    assert found["codecs"].value == "mpeg4 (6), h264 (1)"
    assert found["containers"].value == "avi (6), mov (1)"
    assert found["sizes"].value == "160x96 (6), 64x96 (1)"
    assert found["orientation"].value == "landscape (6), portrait (1); 1 turned upright by a mark in the file"
    assert found["frame rates"].value == "25 fps (5), 30 fps (1)"
    assert found["durations"].value.startswith("0.5 s to ")
    assert found["frames"].value.endswith("; 1 with fewer than 20, which are repeated")
    assert found["unusable"].value == "1 of 8" and "Jump/v_Jump_g04_c01 (" in found["unusable"].problem
    assert "--max-failure-rate (5 %)" in found["unusable"].remedy
    assert found["damaged"].value == "1 of 8" and "Jump/v_Jump_g05_c01 (" in found["damaged"].problem
    assert found["duplicates"].value == "1 copy"
    copies = "Jump/v_Jump_g02_c01 = Run/v_Run_g02_c01; 1 with several labels"
    assert (
        found["duplicates"].problem == f"the same content: {copies}"
        and "--drop-duplicates" in found["duplicates"].remedy
    )
    problems = [name for name, finding in found.items() if finding.problem]
    assert problems == ["unusable", "damaged", "duplicates"]


def test_single_pictures_are_counted_and_named(tmp_path: Path) -> None:
    for name, count in (("a", 30), ("b", 1), ("c", 1)):
        write_video(tmp_path / "Run" / f"{name}.mp4", count)
    found = look(tmp_path, tmp_path)["single pictures"]
    assert (found.value, found.problem) == ("2 of 3", "Run/b, Run/c") and "--min-frames 2" in found.remedy


def test_the_estimated_size_is_that_of_the_dataset(tree: Path, tmp_path: Path) -> None:
    found = look(tree, tmp_path, num_frames=4, size="32x48")
    assert [name for name, finding in found.items() if finding.problem] == ["duplicates"]  # as many are as long
    assert found["clips"].value == "4 frames of 32x48, uncompressed"
    catalog = read_catalog(str(tree))
    config = PreprocessConfig(str(tree), "", num_frames=4, size="32x48")
    sample = decode_sample(draw(catalog.videos), config)
    preprocess("--input", tree, "--output", tmp_path / "out", "--num-frames", 4, "--size", "32x48", code=0)
    size = sum(path.stat().st_size for path in (tmp_path / "out").glob("*.tfrecord"))
    told = sum(sampling.record_bytes(video, clip) for video, clip in sample.clips)
    assert told == pytest.approx(size, rel=0.001)
    assert sample.memory_bytes is not None and sample.memory_bytes > 20 << 20
    assert sample.seconds_each is not None and sample.seconds_each > 0


def test_a_dataset_that_does_not_fit(tree: Path, tmp_path: Path) -> None:
    sample = decode_sample(draw(read_catalog(str(tree)).videos, 3), PreprocessConfig(str(tree), ""))
    found = {f.name: f for f in estimate(sample, 10**12, str(tmp_path / "not" / "there"), memory_left=1)}
    assert found["output"].problem == "the dataset would not fit there" and "--encoding jpeg" in found["output"].remedy
    assert found["output"].value.endswith(f"free at {tmp_path}")
    assert found["memory"].problem == "1 B may be used" and found["memory"].remedy
    nothing = Sample((), 0, None, None, 1, sample.spec)
    assert "none" in {f.name: f for f in estimate(nothing, 5, str(tmp_path), None)}["time"].value


def test_the_draw_depends_on_names_alone() -> None:
    videos = [VideoRecord(f"a/{number}", f"/a/{number}.avi", "a", "g", "1") for number in range(300)]
    drawn = draw(videos)
    assert len(set(drawn)) == 50 and drawn == draw(videos[::-1])
    fewer = [video for video in videos if video not in drawn[:10]]
    assert draw(fewer)[:40] == drawn[10:]


def test_copies_of_a_drawn_video_are_found_among_all(videos: Path) -> None:
    catalog = read_catalog(str(videos))
    by_id = {video.video_id: video for video in catalog.videos}
    [same] = with_copies(catalog, [by_id["Run/v_Run_g02_c01"]])
    assert [video.video_id for video in same] == ["Jump/v_Jump_g02_c01", "Run/v_Run_g02_c01"]
    assert not with_copies(catalog, [by_id["Run/v_Run_g01_c01"]])


def test_a_manifest_with_missing_videos(videos: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "videos.csv"
    rows = [f"{videos}/Run/v_Run_g01_c01.avi,Run,a", "gone.avi,Run,b"]
    manifest.write_text("\n".join(["path,label,group", *rows]))
    found = look(manifest, tmp_path)
    assert found["missing"].problem == f"not there, or no files: {tmp_path}/gone.avi"
    assert found["probed"].value == "2 of 2 videos" and found["unusable"].value == "1 of 2"


def test_how_the_input_is_understood_is_told_as_preprocessing_tells_it(tmp_path: Path) -> None:
    names = {"train": ("Run", "run"), "test": ("Run",)}
    for split, labels in names.items():
        for label in labels:
            write_video(tmp_path / "in" / split / label / "v_x_g01.avi", 10)
    (tmp_path / "in" / "extra").mkdir()
    found = list(check_input(PreprocessConfig(str(tmp_path / "in"), ""), str(tmp_path)))
    notes = [finding.value for finding in found if finding.name == "note"]
    done = preprocess("--input", tmp_path / "in", "--output", tmp_path / "out", "--num-frames", 4, "--size", 16, code=0)
    assert [f"note: {note}" for note in notes] == [
        line for line in done.stderr.splitlines() if line.startswith("note: ") and "own" not in line
    ]
    assert [note.partition(":")[0] for note in notes] == [
        "no videos in extra", "official splits kept, according to its folders", "no videos are in the split val",
    ]  # fmt: skip
    warnings = [f"WARNING: {f.problem}. {f.remedy}" for f in found if f.name == "warning"]
    assert len(warnings) == 2 and all(warning in done.stderr.splitlines() for warning in warnings)
    assert [(f.value, f.problem) for f in found if f.name == "split"] == [("test", "no video of 1 class: run")]
    several = tmp_path / "several.csv"
    several.write_text(f"path,label\n{tmp_path}/in/test/Run/v_x_g01.avi,Sit|Run\n")
    assert "--multi-label" in look(several, tmp_path)["input"].remedy
    assert look(several, tmp_path, multi_label=True)["listed"].value.startswith("1 video, 2 classes")
    assert "--class-level 3 makes the folders" in look(tmp_path / "in", tmp_path, class_level=3)["input"].problem


def test_an_input_without_videos(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert look(tmp_path, tmp_path)["input"].problem


def test_a_store_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in google_environment(tmp_path, STORAGE_EMULATOR_HOST="http://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    [found] = check_input(PreprocessConfig("gs://bucket/videos", ""), str(tmp_path))
    assert "the store does not answer" in found.problem and found.remedy


def test_the_source_of_a_turned_video(videos: Path) -> None:
    turned = read_source(str(videos / "Jump" / "v_Jump_g03_c01.mp4"))
    assert (turned.codec, turned.width, turned.height, turned.turned) == ("h264", 64, 96, True)
    assert read_source(str(videos / "Run" / "v_Run_g01_c01.avi")) == Source("mpeg4", "avi", 160, 96, False)


def test_a_manifest_of_parts(videos: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "parts.csv"
    rows = [f"{videos}/Run/v_Run_g0{k % 3 + 1}_c01.avi,Run,0.{k:02},1" for k in range(60)]
    late = [f"{videos}/Run/v_Run_g01_c01.avi,Run,{times}" for times in ("3,1", "50,51", "0.5,0.51")]
    late.append(f"{videos}/Run/v_Run_g01_c01.avi,Jump,0.9,1")
    manifest.write_text("\n".join(["path,label,start,end", *rows, *late]))
    found = look(manifest, tmp_path)
    assert found["listed"].value == f"63 clips, 3 videos, 2 classes, 3 groups in {manifest}"
    assert found["rows"].value == "1 row" and "parts.csv, line 62: start 3 is not" in found["rows"].problem
    assert found["probed"].value == "63 of 63 clips, from 3 of 3 videos"
    assert found["duplicates"].value == "none of the 3 probed"
    assert found["unusable"].value == "2 of 63"
    assert "Run/v_Run_g01_c01@50-51 (the range 50 to 51 s ends after the video" in found["unusable"].problem
    assert found["durations"].value.endswith(" to 1.0 s, median 0.7 s")
    assert "rows that overlap a row of another label: 21 (" in found["warning"].problem
