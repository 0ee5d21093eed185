"""The networks: their sizes, what goes in and comes out, and that the default ones find motion in noise."""

import numpy as np
import pytest

from pipelines.core.errors import UsageError

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from pipelines.process.tensorflow_start import exact_float32  # noqa: E402
from trainer.networks.build import BUILDERS, build_model  # noqa: E402

NETWORKS = sorted(BUILDERS)
CLIP = (8, 32, 32, 3)
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def moving_squares(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Clips uint8 [number, *CLIP] of a square that moves by a pixel per frame, and its direction, int64, out of four.

    Every other pixel is noisy, as pixels of a camera are; where the square starts reveals nothing.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(DIRECTIONS), size=number)
    background = rng.integers(60, 190, size=(number, 1, *CLIP[1:]))
    clips = background + rng.integers(-3, 4, size=(number, *CLIP))
    for clip, label in zip(clips, labels, strict=True):
        middle, colour = rng.integers(10, 22, size=2), rng.integers(0, 256, size=3)
        for step, frame in enumerate(clip):
            top, left = middle + (step - CLIP[0] // 2) * np.array(DIRECTIONS[label]) - 3
            frame[top : top + 6, left : left + 6] = colour
    return clips.clip(0, 255).astype(np.uint8), labels


@pytest.mark.parametrize(("name", "parameters"), [("convlstm", 44_524), ("lrcn", 73_060)])
def test_the_reference_networks_have_the_published_size(name: str, parameters: int) -> None:
    assert build_model(name, "reference", (20, 64, 64, 3), 4).count_params() == parameters


@pytest.mark.parametrize(("name", "variant"), NETWORKS)
def test_the_logits_of_a_clip_depend_on_nothing_but_the_clip(name: str, variant: str) -> None:
    model = build_model(name, variant, (4, 64, 48, 3), 5)
    with exact_float32():
        check_alone(model)


def check_alone(model: "keras.Model") -> None:
    assert (model.input_shape, model.inputs[0].dtype) == ((None, 4, 64, 48, 3), "uint8")
    clips = np.random.default_rng(0).integers(0, 256, size=(3, 4, 64, 48, 3), dtype=np.uint8)
    together = model(clips, training=False).numpy()
    assert (together.shape, together.dtype) == ((3, 5), np.float32)
    clips[1:] = 0
    np.testing.assert_allclose(model(clips, training=False).numpy()[0], together[0], atol=1e-5)


@pytest.mark.parametrize(("name", "variant"), NETWORKS)
def test_a_single_frame_is_a_clip_too(name: str, variant: str) -> None:
    assert build_model(name, variant, (1, 64, 64, 3), 3).output_shape == (None, 3)


def test_clips_that_are_too_small_are_refused() -> None:
    with pytest.raises(
        UsageError, match="clips of 8x8 pixels are too small for the reference network convlstm.*--size"
    ):
        build_model("convlstm", "reference", (20, 8, 8, 3), 4)


def best_accuracy(model: "keras.Model", clips: np.ndarray, labels: np.ndarray, enough: float, epochs: int) -> float:
    """The accuracy on clips that the model hasn't seen, after training on the others until it is enough."""
    optimizer = keras.optimizers.AdamW(1e-3)

    @tf.function(autograph=False)
    def step(frames: tf.Tensor, targets: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = model(frames, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)

    unseen, truth = moving_squares(128, seed=1)
    accuracy = 0.0
    for _ in range(epochs):
        for first in range(0, len(clips), 16):
            step(tf.constant(clips[first : first + 16]), tf.constant(labels[first : first + 16]))
        accuracy = float((model(unseen, training=False).numpy().argmax(1) == truth).mean())
        if accuracy > enough:
            break
    return accuracy


@pytest.mark.parametrize("name", ["convlstm", "lrcn"])
@pytest.mark.training
def test_the_default_networks_find_motion_in_noise(name: str) -> None:
    """A network that makes noise as large as motion stays near chance, a quarter, for many times these steps."""
    keras.utils.set_random_seed(0)
    model = build_model(name, "default", CLIP, len(DIRECTIONS))
    assert best_accuracy(model, *moving_squares(512, seed=0), enough=0.7, epochs=4) > 0.7
