"""The synthetic dataset: its files, how a run is repeated or resumed, and that only motion tells its classes apart."""

import errno
import hashlib
import itertools
import json
import os
import re
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pipelines.sample_data import main
from pipelines.samples import drawing, making, motion
from pipelines.samples import videos as sample_videos
from pipelines.samples.making import MARKER, STARTED, FolderInUseError, generate
from pipelines.samples.videos import SampleDataConfig

pytestmark = pytest.mark.process

SMALL = {"groups": 2, "clips_per_group": 1, "seed": 7}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two groups with one clip each, made by two processes. Tests must not change it: see `copied`."""
    folder = tmp_path_factory.mktemp("made") / "videos"
    assert generate(SampleDataConfig(str(folder), workers=2, **SMALL)) == 16
    return folder


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def small(folder: Path) -> SampleDataConfig:
    return SampleDataConfig(str(folder), workers=1, **SMALL)


def arguments(folder: Path, **changes: int) -> list[str]:
    options = {**SMALL, "workers": 1, **changes}
    return ["--output", str(folder), *(f"--{name.replace('_', '-')}={value}" for name, value in options.items())]


def digests(folder: Path) -> dict[str, str]:
    """The checksum of every file, hidden ones too, by its path relative to the folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class TestFiles:
    def test_layout_is_that_of_ucf50(self, made: Path) -> None:
        expected = {f"{name}/v_{name}_g{group:02d}_c01.avi" for name in motion.ACTIVITIES for group in (1, 2)}
        assert set(digests(made)) == expected | {MARKER}

    def test_marker_says_what_was_made(self, made: Path) -> None:
        marker = json.loads((made / MARKER).read_text())
        assert marker == {"generator": "pipelines.sample_data", "version": 1, "videos": 16, **SMALL}

    @pytest.mark.parametrize(("group", "has_b_frames"), [(1, False), (2, True)])
    def test_videos_read_back_as_promised(self, made: Path, group: int, has_b_frames: bool) -> None:
        for name in motion.ACTIVITIES:
            with av.open(str(made / name / f"v_{name}_g{group:02d}_c01.avi")) as container:
                stream = container.streams.video[0]
                codec = stream.codec_context
                pictures = [frame.pict_type for frame in container.decode(stream)]
            assert (codec.name, codec.codec_tag, codec.width, codec.height) == ("mpeg4", "XVID", 320, 240)
            assert stream.average_rate == 25
            assert 60 <= len(pictures) <= 250
            assert len(pictures) == stream.frames
            assert (av.video.frame.PictureType.B in pictures) == has_b_frames

    def test_bytes_do_not_depend_on_place_or_workers(self, made: Path, tmp_path: Path) -> None:
        generate(small(tmp_path / "elsewhere"))
        assert digests(tmp_path / "elsewhere") == digests(made)

    def test_no_version_of_the_encoder_is_written(self, made: Path) -> None:
        for path in made.glob("*/*.avi"):
            assert not any(name in path.read_bytes() for name in (b"Lavf", b"Lavc"))

    def test_seed_changes_the_videos(self) -> None:
        first, second = (next(motion.render_clip(seed, "ArmSwing", 1, 1)) for seed in (0, 1))
        assert not np.array_equal(first, second)

    def test_temporary_names_are_no_videos(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        renamed = []
        replace = os.replace

        def recorded(old: str, new: str) -> None:
            renamed.append((old, new))
            replace(old, new)

        monkeypatch.setattr(os, "replace", recorded)
        monkeypatch.setattr(sample_videos, "encode_avi", lambda frames, b_frames: b"video")
        generate(small(tmp_path))
        assert len(renamed) == 16 + 2
        assert renamed[-1][1] == str(tmp_path / MARKER)
        for old, new in renamed:
            assert os.path.dirname(old) == os.path.dirname(new)
            assert not old.endswith(".avi")


class TestSecondRun:
    def test_nothing_is_made_twice(
        self, made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delattr(sample_videos, "encode_avi")
        assert main(arguments(made)) == 0
        assert "already there" in capsys.readouterr().out

    @pytest.mark.parametrize("change", [{"seed": 8}, {"groups": 3}, {"clips_per_group": 2}])
    @pytest.mark.parametrize("interrupted", [False, True])
    def test_other_settings_are_refused(
        self, copied: Path, change: dict[str, int], interrupted: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if interrupted:
            (copied / MARKER).rename(copied / STARTED)
        before = digests(copied)
        assert main(arguments(copied, **change)) == 2
        [(name, value)] = change.items()
        message = capsys.readouterr().err
        assert f"{name} {SMALL[name]} instead of {value}" in message
        assert "--output" in message
        assert "delete" in message
        assert digests(copied) == before

    def test_unreadable_marker_is_refused(self, copied: Path) -> None:
        (copied / MARKER).write_text("[1")
        with pytest.raises(FolderInUseError, match="seed None instead of 7"):
            generate(small(copied))

    def test_interrupted_run_continues(self, made: Path, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (copied / MARKER).rename(copied / STARTED)
        lost = sorted(copied.glob("*/*_g02_*.avi"))[:3]
        for path in lost:
            path.unlink()
        (lost[0].parent / f".{lost[0].name}.partial").write_bytes(b"half a vid")
        written = []
        make = making._make

        def recorded(output: str, video: making.Video) -> None:
            written.append(video)
            make(output, video)

        monkeypatch.setattr(making, "_make", recorded)
        assert generate(small(copied)) == 16
        assert {str(copied / video.path) for video in written} == set(map(str, lost))
        assert digests(copied) == digests(made)

    def test_deleted_videos_and_those_of_unknown_origin_are_made_again(self, made: Path, copied: Path) -> None:
        next(copied.glob("*/*.avi")).unlink()
        assert generate(small(copied)) == 16
        assert digests(copied) == digests(made)
        (copied / MARKER).unlink()
        next(copied.glob("*/*.avi")).write_bytes(b"something else")
        assert generate(small(copied)) == 16
        assert digests(copied) == digests(made)

    def test_folder_with_other_videos_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "Biking").mkdir()
        (tmp_path / "Biking" / "v_Biking_g01_c01.avi").touch()
        assert main(arguments(tmp_path)) == 2
        assert "v_Biking_g01_c01.avi" in capsys.readouterr().err
        assert len(digests(tmp_path)) == 1


class TestCommandLine:
    def test_summary_names_the_next_command(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sample_videos, "encode_avi", lambda frames, b_frames: bytes(500_000))
        assert main(arguments(tmp_path)) == 0
        out = capsys.readouterr().out
        for part in ("16 videos", "8 classes", "2 groups", "8 MB"):
            assert part in out
        assert f"python -m pipelines.preprocess --input {tmp_path} --output " in out

    def test_full_disk_is_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(old: str, new: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", new)

        monkeypatch.setattr(os, "replace", fail)
        assert main(arguments(tmp_path)) == 1
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert "No space left on device" in message
        assert digests(tmp_path) == {}

    def test_folder_that_cannot_be_made_is_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        assert main(arguments(tmp_path / "file" / "videos", workers=2)) == 1
        assert capsys.readouterr().err.count("\n") == 1

    def test_error_in_a_worker_reaches_the_caller(self, made: Path, copied: Path) -> None:
        videos = small(copied).list_videos()
        for folder in {(copied / video.path).parent for video in videos}:
            shutil.rmtree(folder)
            folder.write_text("in the way")
        with pytest.raises(FileExistsError):
            list(making._make_all(SampleDataConfig(str(copied), workers=2, **SMALL), videos[:2]))

    def test_invalid_settings_name_the_value(self) -> None:
        wrong = [("groups", 100), ("clips_per_group", -3), ("workers", -1), ("output", ""), ("output", "gs://b/videos")]
        for name, value in wrong:
            with pytest.raises(ValueError, match=re.escape(str(value) or "''")):
                SampleDataConfig(**{"output": "videos", name: value})  # type: ignore[arg-type]

    def test_invalid_setting_on_the_command_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        for arguments, said in (
            (["--groups", "100"], "error: --groups must be a whole number from 1 to 99, not 100\n"),
            (["--group", "10"], "error: unknown flag --group; did you mean --groups? See --help\n"),
        ):
            assert main(["--output", "videos", *arguments]) == 2
            assert capsys.readouterr().err == said
        assert main([]) == 2 and "--output is missing" in capsys.readouterr().err


# --- Only motion tells the classes -----------------------------------------------------------------------------------

Array = npt.NDArray[np.float64]
SAMPLE_TIMES = motion.frame_times(20)  # the times at which a reader samples a clip
CHANCE = 1 / len(motion.ACTIVITIES)


def angles(activity: str, clips: int) -> Array:
    """The arm's angle in turns, float64 [clips, 20], at the sample times of `clips` clips."""
    return np.stack(
        [motion.arm_angles_turns(activity, SAMPLE_TIMES, motion.rng_for("test", activity, n)) for n in range(clips)]
    )


def accuracy(features: Array, labels: npt.NDArray[np.int64], is_train: npt.NDArray[np.bool_]) -> float:
    """The accuracy of a ridge classifier on the held-out rows; features [n, features], labels int64 [n] in 0..7."""
    scaled = (features - features[is_train].mean(axis=0)) / (features[is_train].std(axis=0) + 1e-6)
    inputs = np.hstack([scaled, np.ones((len(scaled), 1))])
    train = inputs[is_train]
    weights = np.linalg.solve(train.T @ train + 10 * np.eye(train.shape[1]), train.T @ np.eye(8)[labels[is_train]])
    return float(np.mean((inputs[~is_train] @ weights).argmax(axis=1) == labels[~is_train]))


class TestOnlyMotionTellsTheClass:
    @pytest.mark.parametrize("activity", motion.ACTIVITIES)
    def test_angle_is_uniform_at_any_time(self, activity: str) -> None:
        """Chi-square over 24 bins: 23 degrees of freedom, so a value above 60 has a chance of about 4 in 100,000."""
        clips, bins = 3000, 24
        for column in angles(activity, clips)[:, [0, 5, 10, 19]].T:
            counts = np.bincount((column % 1.0 * bins).astype(np.int64), minlength=bins)
            assert ((counts - clips / bins) ** 2 / (clips / bins)).sum() < 60

    def test_nothing_but_the_angles_depends_on_the_activity(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(motion, "arm_angles_turns", lambda activity, times, rng: times)
        clips = [list(motion.render_clip(3, activity, 1, 2)) for activity in motion.ACTIVITIES[:3]]
        clips += [list(itertools.islice(motion.render_clip(3, name, 1, 2), 5)) for name in motion.ACTIVITIES[3:]]
        assert len({len(clip) for clip in clips[:3]}) == 1
        for clip in clips[1:]:
            assert all(np.array_equal(mine, first) for mine, first in zip(clip, clips[0], strict=False))

    @pytest.mark.parametrize("activity", [name for name in motion.ACTIVITIES if name != "PointAround"])
    def test_neighbouring_samples_are_close(self, activity: str) -> None:
        assert np.abs(np.diff(angles(activity, 500))).max() < 60 / 360

    def test_shake_stays_within_the_margin(self) -> None:
        paths = [motion.shake_px(60, motion.rng_for("test", n)) for n in range(300)]
        assert 4 <= np.abs(paths).max() <= drawing.MARGIN_PX

    def test_simple_classifier_on_motion_is_nearly_always_right(self) -> None:
        clips = 60
        labels = np.repeat(np.arange(8), clips)
        turned = np.concatenate([np.diff(angles(name, clips)) for name in motion.ACTIVITIES]) % 1.0
        features = np.stack([np.histogram(clip, bins=32, range=(0, 1))[0] for clip in turned]).astype(np.float64)
        assert accuracy(features, labels, np.arange(len(labels)) % clips < 40) > 0.9

    def test_simple_classifier_on_a_frame_guesses(self) -> None:
        groups, clips = 24, 24
        rows, labels, sectors, group_of = [], [], [], []
        for group in range(groups):
            scene = drawing.make_scene(motion.rng_for("test", "scene", group))
            for label, activity in enumerate(motion.ACTIVITIES):
                for clip in range(clips):
                    rng = motion.rng_for("test", activity, group, clip)
                    angle = float(motion.arm_angles_turns(activity, rng.uniform(size=1), rng)[0])
                    gray = cv2.cvtColor(drawing.draw_frame(scene, angle), cv2.COLOR_RGB2GRAY)
                    rows.append(cv2.resize(gray, (20, 15), interpolation=cv2.INTER_AREA).ravel())
                    labels.append(label)
                    sectors.append(int(angle % 1.0 * 8))
                    group_of.append(group)
        pixels, is_train = np.array(rows, dtype=np.float64), np.array(group_of) < 18
        deviation = (CHANCE * (1 - CHANCE) / np.sum(~is_train)) ** 0.5
        assert abs(accuracy(pixels, np.array(labels), is_train) - CHANCE) < 4 * deviation
        # The same classifier on the same frames can tell how the arm is held.
        assert accuracy(pixels, np.array(sectors), is_train) > 0.6
