"""Two streams: what moves, and what single frames look like to a pretrained network.

The motion stream is a network of `trainer.networks.build` up to its last vector. The appearance stream computes the
features of every frame with a pretrained network, the eye (`pipelines.appearance`), and takes their mean over time with
learnt weights, so that it knows what is seen and not in which order. One linear layer turns both vectors into logits;
the logits are then the sum of what each stream says for itself. Two streams: Simonyan & Zisserman 2014, "Two-Stream
Convolutional Networks for Action Recognition in Videos", https://arxiv.org/abs/1406.2199.

In training, one of the two is left out now and then (Neverova et al. 2015, "ModDrop: adaptive multi-modal gesture
recognition", https://arxiv.org/abs/1501.00102). So each learns for itself, and a network whose stream is switched off
is one that training has seen."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from pipelines.appearance.names import NONE

MOTION, APPEARANCE, FEATURES, EYE, LOGITS = "motion", "appearance", "features", "eye", "logits"
"""Names of layers. `motion` and `appearance` give the vector of a stream [B, d], `features` those of the eye [B, T, D],
for which `eye` is the pretrained network."""
CLIP = "clip"
"""The layer with the frames as the motion stream gets them."""
_JOIN = "streams"
STREAMS = (MOTION, APPEARANCE)
FUSION = "late"
"""The streams meet in the logits alone: joined earlier, motions are learnt less well (docs/explanation/results.md)."""
OWN = "appearance_"
"""What the names of the appearance stream's own layers begin with."""
LEFT_OUT = 0.25
"""How often, in training, a clip is learnt from with one of its streams alone; each is left out half as often."""
_WIDTH, _DROPOUT = 128, 0.5
_LONGEST = 512
"""A longer vector of the motion stream is projected to `_WIDTH` values: flattened maps would outweigh the other stream,
and distances between thousands of values say nothing of how familiar a clip is."""


@dataclass(frozen=True)
class Appearance:
    """The pretrained network of an appearance stream.

    Attributes:
        name: one of `pipelines.appearance.names.APPEARANCES`; `none` for no such stream.
        train: which of its layers are trained: `none`, the `last` stage, or `all`.
        weights: a local file with its weights; empty for those that come with it.
        pretrained: whether it gets these weights; otherwise they are random, to be read from a model's file.
    """

    name: str = NONE
    train: str = "none"
    weights: str = ""
    pretrained: bool = True

    def __bool__(self) -> bool:
        return self.name != NONE


@keras.saving.register_keras_serializable(package="har")
class StreamDropout(layers.Layer):
    """Sets the vector of one of two streams to zero, in training, for some clips; otherwise the identity.

    Args:
        rate: share of clips for which a stream is left out, either of them equally often.
        seed: of the draws; None takes one from Keras' global seed.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"rate={rate!r}: must be from 0 to 1")
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: list[Any], training: bool = False) -> list[Any]:
        """The vectors [B, d] and [B, e] of the streams, of which at most one is zero for any clip."""
        if not training or not self.rate:
            return list(inputs)
        first, second = inputs
        drawn = keras.random.uniform((ops.shape(first)[0], 1), seed=self.seed_generator)
        keeps_first = ops.cast(drawn >= self.rate / 2, first.dtype)
        keeps_second = ops.cast((drawn < self.rate / 2) | (drawn >= self.rate), second.dtype)
        return [first * keeps_first, second * keeps_second]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the inputs."""
        return [tuple(shape) for shape in input_shape]

    def get_config(self) -> dict[str, Any]:
        """The settings of a layer like this one."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def see(frames: Any, appearance: Appearance) -> Any:
    """The appearance stream: from clips uint8 [B, T, H, W, 3] to its vector [B, 128].

    Raises:
        UsageError: see `pipelines.appearance.eyes.build_eye`.
    """
    return _look(_features(frames, appearance))


def join(motion: Any | None, appearance: Any) -> Any:
    """What the last layer gets: the vectors of both streams [B, d + 128], or that of the appearance stream alone.

    Args:
        motion: the motion stream's vector [B, d]; None where there is no such stream.
        appearance: what `see` gives.
    """
    if motion is None:
        return appearance
    if motion.shape[-1] > _LONGEST:
        motion = layers.Dense(_WIDTH, activation="relu")(motion)
    motion = layers.Identity(name=MOTION)(motion)
    return layers.Concatenate(name=_JOIN)(StreamDropout(LEFT_OUT, name="stream_dropout")([motion, appearance]))


def on_features(model: keras.Model) -> keras.Model:
    """The same network, with the same variables, on features of its eye that are known already.

    Returns:
        A network of `[frames uint8 [B, T, H, W, 3], features float32 [B, T, D]]`, or of the features alone where there
        is no motion stream, to the same logits.

    Raises:
        ValueError: the network has no appearance stream.
    """
    return keras.Model(known_inputs(model), model.outputs[0], name=f"{model.name}_on_features")


def known_inputs(model: keras.Model) -> Any:
    """What the rest of a network gets where the features of its eye are known: see `on_features`."""
    known = model.get_layer(FEATURES).output
    # Not the network's own input: Keras would take that from the network when it makes one of a part of it.
    return [model.get_layer(CLIP).output, known] if has_both(model) else known


def has_both(model: keras.Model) -> bool:
    """Whether a network has two streams."""
    return {MOTION, APPEARANCE} <= {layer.name for layer in model.layers}


def eye_of(model: keras.Model) -> keras.Model | None:
    """The pretrained network in a network; None where it has none."""
    return next((layer for layer in model.layers if layer.name == EYE), None)


def changing_variables(model: keras.Model) -> list[keras.Variable]:
    """The variables of a network that training may change: all but those of layers of its eye that stay as they are."""
    eye = eye_of(model)
    frozen = {id(variable) for variable in eye.non_trainable_variables} if eye else set()
    return [variable for variable in model.variables if id(variable) not in frozen]


def each_alone(model: keras.Model, from_features: bool = False) -> keras.Model:
    """A two-stream network that says more: logits [B, 3, C] of both streams, of motion alone and of appearance alone.

    The vector of a stream that is switched off is zero, as in training where it is left out.

    Args:
        model: the network.
        from_features: whether the new one gets what `on_features` gets.
    """
    motion, appearance = (model.get_layer(name).output for name in STREAMS)
    join, logits = model.get_layer(_JOIN), model.get_layer(LOGITS)
    alone = [logits(join(pair)) for pair in ((motion, appearance * 0.0), (motion * 0.0, appearance))]
    inputs = known_inputs(model) if from_features else model.inputs[0]
    return keras.Model(inputs, ops.stack([model.outputs[0], *alone], axis=1))


def _features(frames: Any, appearance: Appearance) -> Any:
    """The eye's features of each frame, [B, T, D]."""
    from pipelines.appearance.eyes import build_eye, last_block, untrained_eye

    num_frames, height, width = frames.shape[1:4]
    if appearance.pretrained:
        eye = build_eye(appearance.name, height, width, appearance.weights)
    else:
        eye = untrained_eye(appearance.name, height, width)
    learning = {"none": [], "last": last_block(eye, appearance.name), "all": eye.layers}[appearance.train]
    for layer in eye.layers:
        layer.trainable = any(layer is other for other in learning)
    if not learning:
        eye.trainable = False
    seen = eye(ops.reshape(frames, (-1, height, width, 3)))
    if not learning:
        seen = ops.stop_gradient(seen)  # or gradients of all of its layers would be worked out, for nothing
    return layers.Identity(name=FEATURES)(ops.reshape(seen, (-1, num_frames, seen.shape[-1])))


def _look(features: Any) -> Any:
    """Features of frames [B, T, D] to the appearance stream's vector [B, 128]."""
    x = layers.LayerNormalization(name=f"{OWN}norm")(features)
    x = layers.Dropout(_DROPOUT, name=f"{OWN}dropout")(x)
    x = layers.Dense(_WIDTH, activation="relu", name=f"{OWN}dense")(x)
    if features.shape[1] > 1:
        weights = ops.softmax(layers.Dense(1, name=f"{OWN}attention")(x), axis=1)
        x = ops.sum(weights * x, axis=1)
    else:
        x = x[:, 0]
    return layers.Identity(name=APPEARANCE)(layers.Dropout(_DROPOUT / 2, name=f"{OWN}dropout_2")(x))
