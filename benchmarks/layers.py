"""Compares our layers with Keras' own, in the networks of public notebooks: training steps and inference.

Rounds are interleaved. Before anything is measured, all methods of a comparison get the same weights and must give the
same output.

  python -m benchmarks.layers
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from benchmarks import common
from pipelines.process.tensorflow_start import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from trainer.export.model_folder import exact_float32  # noqa: E402
from trainer.networks.build import build_model  # noqa: E402
from trainer.networks.convlstm_layer import FastConvLSTM2D  # noqa: E402

_CLIP = (20, 64, 64, 3)
_CLASSES = 50
_KERAS, _OURS, _SWAPPED = "Keras", "ours", "our layer in Keras' place"
_HEADERS = ["", "ms", "median", "x Keras", "median"]

Models = dict[str, keras.Model]
Seconds = dict[str, list[float]]


def convlstm_network() -> Models:
    """4-8-14-16 filters: as in the notebooks, with our layer in Keras' place, and as the trainer builds it."""

    def notebook(layer: type) -> keras.Model:
        inputs = keras.Input(_CLIP, dtype="uint8")
        x = layers.Rescaling(1 / 255)(inputs)
        for filters in (4, 8, 14, 16):
            x = layer(filters, 3, recurrent_dropout=0.2, return_sequences=True)(x)
            x = layers.MaxPooling3D((1, 2, 2), padding="same")(x)
            if filters < 16:
                x = layers.TimeDistributed(layers.Dropout(0.2))(x)
        return keras.Model(inputs, layers.Dense(_CLASSES)(layers.Flatten()(x)))

    return {
        _KERAS: notebook(layers.ConvLSTM2D),
        _SWAPPED: notebook(FastConvLSTM2D),
        _OURS: build_model("convlstm", "reference", _CLIP, _CLASSES),
    }


def lrcn_network() -> Models:
    """16-32-64-64 filters and LSTM 32: layers applied to one frame after another, or time folded into the batch."""
    inputs = keras.Input(_CLIP, dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    for number, (filters, pool) in enumerate(((16, 4), (32, 4), (64, 2), (64, 2))):
        x = layers.TimeDistributed(layers.Conv2D(filters, 3, padding="same", activation="relu"))(x)
        x = layers.TimeDistributed(layers.MaxPooling2D(pool, padding="same"))(x)
        if number < 3:
            x = layers.TimeDistributed(layers.Dropout(0.25))(x)
    x = layers.LSTM(32)(layers.TimeDistributed(layers.Flatten())(x))
    model = keras.Model(inputs, layers.Dense(_CLASSES)(x))
    return {_KERAS: model, _OURS: build_model("lrcn", "reference", _CLIP, _CLASSES)}


COMPARISONS: dict[str, Callable[[], Models]] = {"ConvLSTM network": convlstm_network, "LRCN network": lrcn_network}


def make_alike(models: Mapping[str, keras.Model], clips: np.ndarray) -> None:
    """Gives all models the weights of the first, and ends the program if they don't give the same output."""
    names = list(models)
    weights = models[names[0]].get_weights()
    with exact_float32():  # a GPU rounds to TF32 otherwise, each convolution in its own way
        expected = models[names[0]](clips, training=False).numpy()
        for name in names[1:]:
            models[name].set_weights(weights)
            error = np.abs(models[name](clips, training=False).numpy() - expected).max() / np.abs(expected).max()
            if error > 1e-4:
                sys.exit(f"error: the output of {name!r} is not that of {names[0]!r}: relative error {error:.1e}")


def make_step(model: keras.Model, clips: tf.Tensor) -> Callable[[], object]:
    """A training step."""
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=False, autograph=False)
    def step(clips: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(clips, training=True)))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss

    return lambda: float(step(clips))


def make_inference(model: keras.Model, clips: tf.Tensor) -> Callable[[], object]:
    """Scoring of a batch."""
    run = tf.function(lambda clips: model(clips, training=False), jit_compile=False, autograph=False)
    return lambda: run(clips).numpy()


def seconds_of(run: Callable[[], object]) -> Callable[[], float]:
    """Returns a function that runs another one and returns the wall seconds that it took."""

    def measure() -> float:
        start_s = time.perf_counter()
        run()
        return time.perf_counter() - start_s

    return measure


def rows(title: str, seconds: Seconds) -> list[list[str]]:
    """A line for each method; the ratios are best against best, and the median of those within each round."""
    lines = []
    for name, values in seconds.items():
        base = seconds[_KERAS]
        within = statistics.median(b / a for a, b in zip(values, base, strict=True))
        best_ms, median_ms = 1e3 * min(values), 1e3 * statistics.median(values)
        numbers = [f"{best_ms:.0f}", f"{median_ms:.0f}", f"{min(base) / min(values):.2f}", f"{within:.2f}"]
        lines.append([f"{title}: {name}", *numbers])
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a table for training and one for inference."""
    parser = common.make_parser("layers", __doc__, rounds=15)
    parser.add_argument("--batch", type=common.positive, default=16, metavar="N", help="clips in a batch (default 16)")
    args = parser.parse_args(argv)
    facts = common.machine()
    common.print_machine(facts)
    everything: dict[str, dict[str, Seconds]] = {"training": {}, "inference": {}}
    for title, make in COMPARISONS.items():
        models = make()
        noise = np.random.default_rng(0).integers(0, 256, (args.batch, *_CLIP), np.uint8)
        make_alike(models, noise[:2])
        for kind, maker in (("training", make_step), ("inference", make_inference)):
            runs = {name: seconds_of(maker(model, tf.constant(noise))) for name, model in models.items()}
            everything[kind][title] = common.interleaved(runs, args.rounds, warm_up=2)
        common.log(f"{title}: done")
        keras.backend.clear_session()
    for kind, results in everything.items():
        print(f"\n{kind}, batch of {args.batch} clips, {args.rounds} rounds\n")
        lines = [line for title, seconds in results.items() for line in rows(title, seconds)]
        common.print_table([kind, *_HEADERS[1:]], lines, args.markdown)
    common.write_json(args.json, facts, everything)
    return 0


if __name__ == "__main__":
    sys.exit(main())
