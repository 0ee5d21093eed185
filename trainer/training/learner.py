"""A network that learns: its variables, their average, the optimizer and the compiled steps, on one or many devices."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.networks.build import without_cudnn
from trainer.networks.streams import changing_variables, each_alone, has_both, on_features
from trainer.training.devices import Devices
from trainer.training.rates import Rates, make_optimizer
from trainer.training.seeds import seeded


@dataclass(frozen=True)
class Learning:
    """How weights are changed.

    Attributes:
        weight_decay: of AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101), on matrices and kernels.
        label_smoothing: share of a label that is spread over all classes; of several labels, share of what is said of
            a class that is replaced by its share of the clips.
        clip_norm: largest norm of all gradients together.
        ema: decay of the weights' moving average for one step; 0 for none.
        class_weights: weight of each class in the loss.
        class_shares: share of the training clips that have each label, where a clip may have several; empty otherwise.
        rates: multipliers of the learning rate, for a network in which layers learn at different rates.
    """

    weight_decay: float
    label_smoothing: float
    clip_norm: float
    ema: float
    class_weights: Sequence[float]
    class_shares: Sequence[float] = ()
    rates: Rates | None = None


@dataclass(frozen=True)
class StepResult:
    """Sums over the clips of one global batch, and what any of the processes asks for.

    Attributes:
        loss, correct, clips: the sums.
        finite: whether loss and gradients are finite.
        stop: whether to end the run.
        save: whether to write a checkpoint.
    """

    loss: float
    correct: float
    clips: float
    finite: bool
    stop: bool
    save: bool


class Step:
    """A step that may still be under way: a GPU works while Python prepares the next one."""

    def __init__(self, sums: tf.Tensor) -> None:
        self._sums = sums

    def result(self) -> StepResult:
        """The result of the step; waits until it is done."""
        loss, correct, clips, finite, stop, save = (float(value) for value in self._sums.numpy())
        return StepResult(loss, correct, clips, finite > 0, stop > 0, save > 0)


class Learner:
    """A network with everything that its training changes.

    Args:
        devices: where it runs, and in which precision.
        build: makes the network; called twice, for the network and for its average.
        learning: how weights are changed.
        seed: determines the initial weights and dropout.
        compiled: whether XLA compiles the training step; with several replicas the forward and backward pass alone.
        from_features: whether batches have what the pretrained network in it sees, beside frames or in place of them.
    """

    def __init__(
        self,
        devices: Devices,
        build: Callable[[], keras.Model],
        learning: Learning,
        seed: int,
        compiled: bool = False,
        from_features: bool = False,
    ) -> None:
        self._learning, self.compiled, self._from_features = learning, compiled, from_features
        self._strategy, self._replicas = devices.strategy, devices.num_replicas
        self._alone = isinstance(devices.strategy, tf.distribute.OneDeviceStrategy)
        with devices.building(), seeded(seed):
            self.model = build()
            self.average = build()
            self._trained, averaged = (on_features(m) if from_features else m for m in (self.model, self.average))
            self.optimizer = make_optimizer(self.model, learning.weight_decay, learning.rates)
        for mine, its in zip(self.average.weights, self.model.weights, strict=True):
            mine.assign(its)  # frozen ones as well
        self._on_replica, self._passes = self._replica_step, self._forward_and_backward
        if compiled:
            without_cudnn(self.model)
            if self._alone:
                self._on_replica = tf.function(self._replica_step, autograph=False, jit_compile=True)
            else:  # communication between replicas isn't compiled
                self._passes = tf.function(self._forward_and_backward, autograph=False, jit_compile=True)
        self._train = tf.function(self._train_step, autograph=False)  # there is no Python to rewrite
        self._infer = tf.function(partial(self._logits_step, averaged), autograph=False)

    def train_step(
        self, iterator: tf.data.Iterator, learning_rate: float, stop: bool = False, save: bool = False
    ) -> Step:
        """Learns from the next batch of each replica.

        Args:
            iterator: of this process' batches.
            learning_rate: of this step.
            stop, save: what this process asks for; the result has what any process asks for.
        """
        return Step(self._train(iterator, tf.constant([learning_rate, stop, save], tf.float32)))

    def logits(self, iterator: tf.data.Iterator, steps: int, num_clips: int) -> np.ndarray:
        """Logits float32 [num_clips, C] of the averaged network for the clips of `Clips.evaluation`, in their order."""
        return self._inferred(self._infer, iterator, steps, num_clips, self.average.output_shape[1:])

    @property
    def has_both(self) -> bool:
        """Whether the network has two streams."""
        return has_both(self.average)

    def logits_alone(self, iterator: tf.data.Iterator, steps: int, num_clips: int) -> np.ndarray:
        """The same float32 [num_clips, 3, C] of a network with two streams: of both, of motion alone and of appearance
        alone (see `each_alone`)."""
        with self._strategy.scope():
            network = each_alone(self.average, self._from_features)
        infer = tf.function(partial(self._logits_step, network), autograph=False)
        return self._inferred(infer, iterator, steps, num_clips, network.output_shape[1:])

    def variables(self) -> list[keras.Variable]:
        """Everything that a checkpoint must hold, in a fixed order; a model's variables include its dropout states."""
        average = self.average.trainable_variables
        return [*changing_variables(self.model), *average, *self.optimizer.variables]

    @property
    def precision(self) -> str:
        """The precision in which the network's layers compute."""
        return (
            "bfloat16"
            if any(layer.compute_dtype == "bfloat16" for layer in self.model._flatten_layers())
            else "float32"
        )

    def fingerprint(self) -> str:
        """Equal for two learners with the same network if all weights are equal, bit by bit."""
        digest = hashlib.blake2b(digest_size=8)
        for variable in self.model.trainable_variables:
            digest.update(variable.numpy().tobytes())
        return digest.hexdigest()

    def _train_step(self, iterator: tf.data.Iterator, settings: tf.Tensor) -> tf.Tensor:
        batch = iterator.get_next()
        self.optimizer.learning_rate.assign(settings[0])
        sums = self._strategy.run(self._on_replica, (*batch, settings[1:]))
        if self._alone:
            return sums
        self._update_average()
        total = self._strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)
        # The check for NaN is the same number on every replica, not a sum.
        return tf.concat([total[:3], tf.cast(total[3:4] >= float(self._replicas), tf.float32), total[4:]], 0)

    def _replica_step(self, inputs: Any, labels: tf.Tensor, weights: tf.Tensor, wishes: tf.Tensor) -> tf.Tensor:
        clips = self._over_replicas(tf.reduce_sum(weights))
        gradients, loss, logits = self._passes(inputs, labels, weights, clips)
        gradients, norm = tf.clip_by_global_norm(self._over_replicas(gradients), self._learning.clip_norm)
        # The optimizer adds up what comes from the replicas; these are sums already, clipped as a whole.
        shares = [gradient / float(self._replicas) for gradient in gradients]
        self.optimizer.apply(shares, self.model.trainable_variables)
        if self._alone:
            self._update_average()
        correct = tf.cast(self._are_right(logits, labels), tf.float32) * weights
        finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        sums = tf.stack([loss, tf.reduce_sum(correct), tf.reduce_sum(weights), tf.cast(finite, tf.float32)])
        return tf.concat([sums, wishes], 0)

    def _forward_and_backward(
        self, inputs: Any, labels: tf.Tensor, weights: tf.Tensor, clips: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """This replica's part of the gradients of the mean loss over `clips`, its sum of losses, and its logits."""
        losses = self._several if self._learning.class_shares else self._one
        with tf.GradientTape() as tape:
            logits = self._trained(_listed(inputs), training=True)
            loss = tf.reduce_sum(losses(logits, labels) * weights)
            share = loss / tf.maximum(clips, 1.0)
        return tape.gradient(share, [variable.value for variable in self.model.trainable_variables]), loss, logits

    def _one(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The loss of each clip [b] for one label, int64 [b]."""
        learning = self._learning
        num_classes = len(learning.class_weights)
        targets = tf.one_hot(labels, num_classes) * (1 - learning.label_smoothing)
        targets += learning.label_smoothing / num_classes
        importance = tf.gather(tf.constant(learning.class_weights, tf.float32), labels)
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits) * importance

    def _several(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The loss of each clip [b] for several labels, float32 [b, C]: the mean over the classes."""
        learning = self._learning
        smoothing = learning.label_smoothing
        # Towards the share of the class: the mean of what is to be learnt, and so of the probabilities, stays right.
        targets = labels * (1 - smoothing) + smoothing * tf.constant(learning.class_shares, tf.float32)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
        return tf.reduce_mean(losses * tf.constant(learning.class_weights, tf.float32), axis=-1)

    def _are_right(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Whether each clip [b] gets its label, or exactly its labels at a probability of 0.5."""
        if self._learning.class_shares:
            return tf.reduce_all((logits >= 0) == (labels > 0.5), axis=-1)
        return tf.argmax(logits, -1) == labels

    def _over_replicas(self, values: Any) -> Any:
        """The sum of the values of all replicas."""
        if self._alone:
            return values
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    def _update_average(self) -> None:
        step = tf.cast(self.optimizer.iterations.value, tf.float32)
        # At first the average follows closely, so that it doesn't hang on to the random weights of the start.
        decay = tf.minimum(self._learning.ema, (1 + step) / (10 + step)) if self._learning.ema else tf.constant(0.0)
        for mine, its in zip(self.average.trainable_variables, self.model.trainable_variables, strict=True):
            mine.value.assign(decay * mine.value + (1 - decay) * its.value)

    @staticmethod
    def _inferred(
        infer: Callable[..., Any], iterator: tf.data.Iterator, steps: int, num_clips: int, shape: tuple[int, ...]
    ) -> np.ndarray:
        """What a network gives for clips, float32 [num_clips, *shape], in their order."""
        result = np.full((num_clips, *shape), np.nan, np.float32)
        for _ in range(steps):
            logits, numbers, weights = (value.numpy() for value in infer(iterator))
            real = weights > 0
            result[numbers[real]] = logits[real]
        return result

    def _logits_step(self, network: keras.Model, iterator: tf.data.Iterator) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        inputs, numbers, weights = iterator.get_next()
        logits = self._strategy.run(lambda batch: network(_listed(batch), training=False), (inputs,))
        return tuple(self._strategy.gather(value, axis=0) for value in (logits, numbers, weights))


def _listed(inputs: Any) -> Any:
    """Inputs as Keras takes them: several as a list, which in `tf.data` would be one tensor."""
    return list(inputs) if isinstance(inputs, tuple) else inputs
