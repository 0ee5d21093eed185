"""The collection of long videos: what happens in them, the table of the truth, and that windows of them can be told
apart, but not single frames."""

import csv
import hashlib
import io
from collections import Counter
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.sample_data import main
from pipelines.samples import long_videos
from pipelines.samples.long_videos import ACTIVITIES, FORM, TRUTH, LongDataConfig, LongVideo, Stretch, script
from pipelines.samples.making import MARKER, FolderInUseError, generate, is_complete

FPS = float(FORM.frames_per_second)
CONFIG = LongDataConfig("videos")
_STEPS = (-0.5, -0.25, -0.1, -0.06, -0.03, -0.015, -0.005, 0.005, 0.015, 0.03, 0.06, 0.1, 0.25, 0.5)
"""Bins of how far the arm turns from a frame to the next, in turns."""


def of_a_second(video: LongVideo) -> tuple[Stretch, ...]:
    """A script that takes no time to film."""
    return Stretch(0, 4, "stand"), Stretch(4, 9 + video.number, "ArmSwing", "ArmSwing")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


class TestScripts:
    def test_videos_are_spread_over_the_groups(self) -> None:
        assert Counter(video.group for video in CONFIG.list_videos()) == dict.fromkeys(range(1, 11), 4)
        uneven = LongDataConfig("videos", groups=3, videos=7).list_videos()
        assert [(video.group, video.number) for video in uneven] == [
            (1, 1),
            (1, 2),
            (1, 3),
            (2, 1),
            (2, 2),
            (3, 1),
            (3, 2),
        ]
        assert len({video.path for video in CONFIG.list_videos()}) == 40

    def test_what_happens_in_each_video(self) -> None:
        for video in CONFIG.list_videos():
            stretches = script(video)
            assert stretches[0].start == 0 and all(a.end == b.start for a, b in pairwise(stretches))
            assert 120 <= stretches[-1].end / FPS <= 300
            labelled = [stretch for stretch in stretches if stretch.label]
            assert 6 <= len(labelled) <= 20
            assert all(3 <= (stretch.end - stretch.start) / FPS <= 20 for stretch in labelled)
            assert {stretch.label for stretch in labelled} == set(ACTIVITIES)
            edges = [0, *(edge for stretch in labelled for edge in (stretch.start, stretch.end)), stretches[-1].end]
            assert all(after - before >= 2 * FPS for before, after in list(pairwise(edges))[::2]), "no background"

    def test_the_seed_changes_it(self) -> None:
        assert script(LongVideo(0, 1, 1)) != script(LongVideo(1, 1, 1)) != script(LongVideo(1, 1, 2))

    def test_the_truth_is_what_happens(self) -> None:
        rows = list(csv.DictReader(io.StringIO(CONFIG.tables()[TRUTH].decode())))
        expected = [
            {"path": video.path, "label": s.label, "group": f"g{video.group:02d}",
             "start": f"{s.start / FPS:.2f}", "end": f"{s.end / FPS:.2f}"}
            for video in CONFIG.list_videos() for s in script(video) if s.label
        ]  # fmt: skip
        assert rows == expected
        assert all(float(row["start"]) * FPS == pytest.approx(round(float(row["start"]) * FPS)) for row in rows)


class TestMotion:
    def test_the_arm_goes_on_from_where_it_is(self) -> None:
        for video in CONFIG.list_videos()[:10]:
            stretches = script(video)
            angles = long_videos.arm_angles_turns(video, stretches)
            assert len(angles) == stretches[-1].end
            calm = np.ones(len(angles), bool)
            for stretch in stretches:
                calm[stretch.start : stretch.end + 1] &= stretch.motion not in ("PointAround", "TickClockwise")
            assert np.abs(np.diff(angles)[calm[1:]]).max() < 60 / 360

    def test_a_single_angle_tells_nothing(self) -> None:
        """Chi-square over 24 bins: 23 degrees of freedom, so a value above 60 has a chance of about 4 in 100,000."""
        angles: dict[str, list[float]] = {name: [] for name in ("at first", *ACTIVITIES)}
        for number in range(1, 400):
            video = LongVideo(5, 1, number)
            turns = long_videos.arm_angles_turns(video, script(video))
            angles["at first"].append(turns[0] % 1.0)
            for stretch in {stretch.label: stretch for stretch in script(video) if stretch.label}.values():
                angles[stretch.label].append(turns[stretch.start + 12] % 1.0)
        for found in angles.values():
            counts = np.histogram(found, bins=24, range=(0, 1))[0]
            assert ((counts - len(found) / 24) ** 2 / (len(found) / 24)).sum() < 60

    def test_a_simple_classifier_tells_windows_of_two_seconds_apart(self) -> None:
        rows, labels, groups = [], [], []
        for video in CONFIG.list_videos():
            turns = long_videos.arm_angles_turns(video, script(video))
            for stretch in script(video):
                for start in range(stretch.start, stretch.end - 25, 25):
                    moved = np.diff(turns[start : start + 25])
                    wrapped = (moved + 0.5) % 1.0 - 0.5
                    rows.append(np.histogram(wrapped, bins=_STEPS)[0])
                    labels.append((*ACTIVITIES, "").index(stretch.label))
                    groups.append(video.group)
        counts, of = np.array(rows), np.array(labels)
        inputs = np.c_[counts, counts > 0, np.ones(len(rows))]
        train = np.array(groups) <= 7
        gram = inputs[train].T @ inputs[train] + np.eye(inputs.shape[1])
        weights = np.linalg.solve(gram, inputs[train].T @ np.eye(6)[of[train]])
        assert np.mean((inputs[~train] @ weights).argmax(axis=1) == of[~train]) > 0.9


@pytest.mark.process
class TestFiles:
    def test_they_are_complete_repeatable_and_resumed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(long_videos, "script", of_a_second)
        flags = ["--long", "--videos", "3", "--groups", "2", "--workers", "1"]
        assert main(["--output", str(tmp_path / "a"), *flags]) == 0
        out = capsys.readouterr().out
        assert "3 videos made in" in out and "5 classes, 2 groups" in out
        assert f"--input {tmp_path / 'a' / TRUTH} --output {tmp_path / 'a'}_dataset --clip-s 2 " in out
        before = digests(tmp_path / "a")
        assert set(before) == {"g01_v01.avi", "g01_v02.avi", "g02_v01.avi", TRUTH, MARKER}
        with av.open(str(tmp_path / "a" / "g01_v02.avi")) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height, stream.average_rate) == (160, 120, FORM.frames_per_second)
            times = [frame.time for frame in container.decode(stream)]
        assert times == pytest.approx([number / FPS for number in range(11)])
        config = LongDataConfig(str(tmp_path / "a"), groups=2, videos=3, workers=1)
        for name in ("g02_v01.avi", TRUTH):
            (tmp_path / "a" / name).unlink()
            assert not is_complete(config)
            assert main(["--output", str(tmp_path / "a"), *flags]) == 0
            assert digests(tmp_path / "a") == before
        assert main(["--output", str(tmp_path / "a"), *flags]) == 0
        assert "already there" in capsys.readouterr().out
        with pytest.raises(FolderInUseError, match="videos 3 instead of 4"):
            generate(LongDataConfig(str(tmp_path / "a"), groups=2, videos=4))
        assert main(["--output", str(tmp_path / "a")]) == 2
        assert "made with other settings" in capsys.readouterr().err

    def test_two_frames_of_a_real_script(self) -> None:
        frames = long_videos.render(LongVideo(0, 1, 1))
        first, second = next(frames), next(frames)
        assert first.shape == (180, 160) and first.dtype == np.uint8
        assert first.std() > 10 and not np.array_equal(first, second)

    @pytest.mark.parametrize(
        ("flags", "said"),
        [
            (["--videos", "3"], "error: --videos only goes with --long: give --groups and --clips-per-group\n"),
            (["--long", "--clips-per-group", "3"], "error: --clips-per-group doesn't go with --long: give --videos"),
            (["--long", "--videos", "3", "--groups", "4"], "error: --groups is 4, more than --videos, 3: a group"),
            (["--long", "--videos", "0"], "error: --videos must be a whole number from 1 to 9999, not 0\n"),
        ],
    )
    def test_wrong_flags_are_named(self, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--output", "videos", *flags]) == 2
        assert capsys.readouterr().err.startswith(said)

    def test_few_videos_need_no_number_of_groups(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(long_videos, "script", of_a_second)
        assert main(["--long", "--videos", "2", "--output", str(tmp_path / "a"), "--workers", "1"]) == 0
        assert {path.stem for path in (tmp_path / "a").glob("*.avi")} == {"g01_v01", "g02_v01"}
