"""`pipelines.drift` on real files: datasets, labels of real videos, embeddings; and its exit codes."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.spec import ClipSpec, FrameEncoding
from pipelines.shift.videos import Readable, decoders, measure_videos
from pipelines.video.windows import WindowSpec
from tests.conftest import run_here
from tests.support.films import write_film
from tests.support.label_files import labelled, write_labels

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Path]]:
    """Twelve short videos of a dark place where little moves, as many of another such place, and of a bright one."""
    folder = tmp_path_factory.mktemp("films")
    made: dict[str, list[Path]] = {}
    for place, (grey, spread, side) in {"dark": (60, 4, 32), "dim": (60, 4, 32), "bright": (200, 40, 48)}.items():
        made[place] = []
        for number in range(12):
            rng = np.random.default_rng([ord(place[1]), number])
            noise = rng.normal(grey + rng.normal(0, 5), spread, (6, side, side, 3))
            pictures = np.clip(noise, 0, 255).astype(np.uint8)
            made[place].append(write_film(folder / place / f"{number}.avi", pictures))
    return made


def drift(*arguments: object) -> tuple[int, str, str]:
    done = run_here("pipelines.drift", *arguments)
    return done.returncode, done.stdout, done.stderr


def test_it_is_quiet_on_one_place_and_loud_on_another(films: Mapping[str, list[Path]], tmp_path: Path) -> None:
    runs = {
        place: write_labels(
            tmp_path / place,
            [labelled(path.name, path, duration_s=0.24) for path in paths],
            "parquet" if place == "dim" else "csv",
        )
        for place, paths in films.items()
    }
    output = tmp_path / "out"
    code, out, err = drift("--labels", runs["dark"], runs["dim"], "--output", output)
    assert (code, err) == (0, "") and "No drift." in out
    found = json.loads((output / "drift.json").read_text())
    assert found["drifted"] == []
    assert [item["quantity"] for item in found["findings"]] == [
        *("label shares", "scores", "durations", "brightness", "motion", "resolution")
    ]
    code, out, _ = drift("--labels", runs["dark"], "--labels", runs["bright"], "--output", output)
    assert code == 1 and "Drift in brightness, motion, resolution." in out
    found = json.loads((output / "drift.json").read_text())
    assert found["drifted"] == ["brightness", "motion", "resolution"]
    assert [item["typical"] for item in found["findings"]][-1] == ["32 px", "48 px"]
    assert {path.name for path in output.iterdir()} == {"drift.json", "drift.html"}
    assert "Drift in brightness" in (output / "drift.html").read_text()
    assert drift("--labels", runs["dark"], runs["bright"], "--threshold", 1)[0] == 0


def test_a_dataset_and_labels_of_its_own_videos_are_equal(dataset: Path, tree: Path, tmp_path: Path) -> None:
    """Labelled clips are those of the dataset, byte for byte, and so are all measurements."""
    videos = sorted(tree.rglob("*.avi"))
    names = [str(path.relative_to(tree)) for path in videos]
    frames = {name: 12 + int(name[-10:-8]) + 3 * int(name[-6:-4]) for name in names}
    run = write_labels(
        tmp_path / "labels",
        [labelled(name, tree / name, name.partition("/")[0], frames[name] / 25) for name in names],
    )
    code, out, _ = drift("--dataset", dataset, "--labels", run, "--output", tmp_path / "out", "--threshold", 0)
    assert code == 0 and "No drift." in out
    found = {item["quantity"]: item for item in json.loads((tmp_path / "out" / "drift.json").read_text())["findings"]}
    assert list(found) == ["label shares", "durations", "brightness", "motion"]
    assert {item["statistic"] for item in found.values()} == {0.0}
    assert {tuple(item["groups"]) for item in found.values()} == {(5, 5)}
    assert "resolution: " in out and "a dataset holds frames that were resized" in out
    assert drift("--dataset", dataset, shutil.copytree(dataset, tmp_path / "copy"))[0] == 0


@pytest.mark.parametrize("name", ["counted.avi", "timed.mp4"])
def test_a_window_that_chance_chooses_is_measured_of_a_longer_video(name: str, tmp_path: Path) -> None:
    """Of a video of 6 s whose brightness rises by a level a frame, a window of 0.5 s, with or without places to start
    decoding at."""
    pictures = [np.full((32, 32, 3), 50 + index, np.uint8) for index in range(150)]
    path = write_film(tmp_path / name, pictures, options={"g": "5"})
    videos = [Readable(str(number), str(path)) for number in range(6)]
    windows, spec = WindowSpec(0.5, 0.5, 2.0, 0.5), ClipSpec(num_frames=4, height=32, width=32)
    with decoders() as pool:
        found, failed = measure_videos(pool, videos, spec, FrameEncoding(), windows, seed=1)
        again = measure_videos(pool, videos, spec, FrameEncoding(), windows, seed=1)[0]
        other = measure_videos(pool, videos, spec, FrameEncoding(), windows, seed=2)[0]
    assert not failed and found == again and found != other
    assert len({round(pixels.brightness) for pixels in found.values()}) >= 3, "not at random"
    assert all(50 <= pixels.brightness <= 200 for pixels in found.values())
    assert [pixels.motion for pixels in found.values()] == pytest.approx([3.0] * 6, abs=0.5)  # 12 levels in 4 frames
    assert {pixels.resolution for pixels in found.values()} == {32.0}


def test_a_video_that_breaks_off_is_measured_where_it_is_there(tmp_path: Path) -> None:
    path = write_film(tmp_path / "v.avi", [np.full((32, 32, 3), 50 + index, np.uint8) for index in range(150)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    videos = [Readable(str(number), str(path)) for number in range(12)]
    with decoders() as pool:
        windows = WindowSpec(1.0, 1.0, 2.0, 9.0)
        found, failed = measure_videos(pool, videos, ClipSpec(4, 32, 32), FrameEncoding(), windows, seed=1)
    assert (len(found), failed) == (12, [])
    assert max(pixels.brightness for pixels in found.values()) < 150


def test_videos_that_cannot_be_read_are_counted(films: Mapping[str, list[Path]], tmp_path: Path) -> None:
    good = [labelled(path.name, path) for path in films["dark"]]
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"not a video")
    first = write_labels(tmp_path / "first", [*good, labelled("broken.avi", broken), labelled("gone.avi", "gone.avi")])
    second = write_labels(tmp_path / "second", [labelled(f"{n}.avi", f"gone/{n}.avi") for n in range(12)])
    code, out, _ = drift("--labels", first, second)
    assert code == 0
    out = " ".join(out.split())
    assert "2 of 14 videos can't be read for their pixels (the first: " in out
    assert "brightness, motion, resolution: " in out and "12 of 12 videos can't be read for their pixels" in out


def test_groups_of_labelled_videos_come_from_a_table_or_their_names(tmp_path: Path) -> None:
    """Two cameras on each side, each with videos of its own length: that may be chance, which 20 videos hide."""

    def run(name: str, lengths: Sequence[int], pattern: str = "cam{}/{}.avi") -> Path:
        videos = [labelled(pattern.format(cam, n), "gone", duration_s=float(cam)) for cam in lengths for n in range(10)]
        return write_labels(tmp_path / name, videos)

    first, second = run("first", (1, 2)), run("second", (3, 4))
    code, out, _ = drift("--labels", first, second, "--sample", 1)
    assert code == 1 and "Drift in durations." in out
    assert " ".join(out.split()).count("nothing names groups of its videos") == 2
    table = tmp_path / "cameras.csv"
    lines = [f"cam{cam}/{n}.avi,camera {cam},fight,0,1" for cam in range(1, 5) for n in range(10)]
    table.write_text("\n".join(["path,group,label,start,end", *lines]))
    code, out, _ = drift("--labels", first, second, "--sample", 1, "--groups", table)
    assert code == 0 and "Too few groups of videos to tell." in out and "nothing names" not in out
    named = [run(f"named{lengths}", lengths, "v_Run_g{:02d}_c{}.avi") for lengths in ((1, 2), (3, 4))]
    assert "Too few groups of videos to tell." in drift("--labels", *named, "--sample", 1)[1]
    for text, said in (("path,label\na,b\n", "the first line must name"), ("path,group\na.avi,\n", "line 2: no group")):
        table.write_text(text)
        code, _, err = drift("--labels", first, second, "--groups", table)
        assert code == 2 and said in err and err.count("\n") == 1
    code, _, err = drift("--labels", first, second, "--groups", tmp_path / "camera.csv")
    assert code == 2 and f"there is no such file; did you mean {table}?" in err


def test_embeddings_are_compared_where_both_have_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def run(name: str, mean: float, with_embeddings: bool = True) -> Path:
        videos = [labelled(f"{n}.avi", "gone") for n in range(20)]
        embeddings = {video.video: rng.normal(mean, 1.0, 8).tolist() for video in videos}
        return write_labels(tmp_path / name, videos, embeddings=embeddings if with_embeddings else {})

    first, alike, other, without = run("first", 0), run("alike", 0), run("other", 2), run("without", 0, False)
    assert drift("--labels", first, alike, "--sample", 1)[0] == 0
    code, out, _ = drift("--labels", first, other, "--sample", 1)
    assert code == 1 and "Drift in embeddings." in out
    code, out, _ = drift("--labels", first, without, "--sample", 1)
    assert code == 0 and "the run was made without --embeddings" in " ".join(out.split())
    (other / "embeddings" / "embeddings-00000-of-00001.parquet").write_bytes(b"PAR1")
    code, _, err = drift("--labels", first, other, "--sample", 1)
    assert code == 2 and err.startswith("error: ") and "is damaged" in err and err.count("\n") == 1


def test_what_cannot_be_compared_is_one_line(copy: Path, tmp_path: Path) -> None:
    run = write_labels(tmp_path / "run", [labelled("a.avi", "gone")])
    empty = write_labels(tmp_path / "empty", [])
    shard = sorted(copy.glob("train-*.tfrecord"))[0]
    shard.write_bytes(shard.read_bytes()[:-20])
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").touch()
    unfinished = Path(shutil.copytree(run, tmp_path / "unfinished"))
    (unfinished / "summary.json").unlink()
    for arguments, said in (
        (("--labels", run), "drift is between two"),
        (("--labels", run, "--dataset", copy, copy), "not 2 of --dataset and 1 of --labels"),
        (("--labels", run, tmp_path / "none"), "there is no such folder"),
        (("--labels", run, unfinished), "summary.json is missing"),
        (("--labels", run, empty), "no video has labels"),
        (("--labels", run, "--dataset", tmp_path), "is not a dataset"),
        (("--labels", run, "--dataset", copy), "is damaged"),
        (("--labels", run, empty, "--output", other), "is not empty (found notes.txt)"),
        (("--labels", run, run, "--threshold", 2), "--threshold must be a number from 0 to 1, not 2"),
        (("--labels", run, empty, "--seed", -1), "--seed must be a whole number, 0 or more, not -1"),
        (("--labels", run, tmp_path / "other" / ".." / "run"), "which can't differ from itself"),
        (("--labels", run, empty, "--groups", run), "run is a folder. Give --groups a table"),
    ):
        code, _, err = drift(*arguments)
        assert code == 2 and said in err and err.count("\n") == 1, err
    (copy / "dataset_info.json").write_text("{}")
    assert drift("--dataset", copy, "--labels", run)[0] == 2, "a damaged dataset isn't drift"
