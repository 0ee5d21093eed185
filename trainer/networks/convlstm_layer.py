"""A layer that computes what `keras.layers.ConvLSTM2D` computes, with the same weights, in less time."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from trainer.networks.convlstm import GATES, Recurrence

_FIXED = frozenset((
    "activation", "recurrent_activation", "kernel_initializer", "recurrent_initializer", "bias_initializer",
    "unit_forget_bias", "return_sequences", "go_backwards", "seed",
))  # fmt: skip
"""Settings in files of earlier versions, whose networks gave them the values that are fixed now."""


@keras.saving.register_keras_serializable(package="har")
class FastConvLSTM2D(keras.layers.Layer):
    """`keras.layers.ConvLSTM2D` with its defaults and all states as output, for clips [B, T, H, W, C] of known T, H, W
    and C. The weights of either fit the other. In training there are no second derivatives.

    Raises:
        ValueError: a setting or an input that isn't supported.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        padding: str = "valid",
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if padding not in ("same", "valid"):
            raise ValueError(f'padding={padding!r}: must be "same" or "valid"')
        if not 0 <= recurrent_dropout < 1:
            raise ValueError(f"recurrent_dropout={recurrent_dropout!r}: must be at least 0 and below 1")
        self.filters = filters
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        self.padding = padding
        self.recurrent_dropout = recurrent_dropout
        # All three draw from Keras' seed, in this order.
        self._kernel_initializer = keras.initializers.GlorotUniform()
        self._recurrent_initializer = keras.initializers.Orthogonal()
        self.seed_generator = keras.random.SeedGenerator()
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape: Sequence[int | None]) -> None:
        if None in input_shape[1:]:
            raise ValueError(f"input shape {tuple(input_shape)}: frames, height, width and channels must be known")
        size, width = self.kernel_size, GATES * self.filters
        add = self.add_weight
        self.kernel = add(name="kernel", shape=(*size, input_shape[-1], width), initializer=self._kernel_initializer)
        self.recurrent_kernel = add(
            name="recurrent_kernel", shape=(*size, self.filters, width), initializer=self._recurrent_initializer
        )
        self.bias = add(name="bias", shape=(width,), initializer=self._initial_bias)

    def _initial_bias(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """1 for the forget gate, so that states last at first, and 0 for the others."""
        return tf.repeat(tf.constant([0, 1, 0, 0], dtype), self.filters)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        mask = (
            self.recurrent_mask(tf.shape(inputs)[0], inputs.shape[2:4]) if training and self.recurrent_dropout else None
        )
        recurrence = Recurrence(self.padding.upper(), mask)

        def run(x: Tensor, *weights: Tensor) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
            xs = tf.transpose(x, (1, 0, 2, 3, 4))
            states, kept = recurrence.forward(xs, *weights)

            def gradient(dy: Tensor) -> list[Tensor]:
                dxs, *d_weights = recurrence.backward(tf.unstack(dy, axis=1), kept, tf.unstack(xs), weights)
                return [tf.stack(dxs, 1), *d_weights]

            return tf.stack(states, 1), gradient

        weights = [tf.convert_to_tensor(weight) for weight in (self.kernel, self.recurrent_kernel, self.bias)]
        # An exported model isn't in training, and doesn't need gradients that exist only in Python.
        return tf.custom_gradient(run)(inputs, *weights) if training else run(inputs, *weights)[0]

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, steps, *size, _ = input_shape
        return (batch, steps, *self._state_size(size), self.filters)

    def recurrent_mask(self, batch: Tensor, size: Sequence[int]) -> Tensor:
        """[B, h, w, 4F]: 0 where a state is dropped for a gate, else what keeps the mean; drawn once per sequence."""
        ones = tf.ones((batch, *self._state_size(size), GATES * self.filters), self.compute_dtype)
        return keras.random.dropout(ones, self.recurrent_dropout, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        names = ("filters", "kernel_size", "padding", "recurrent_dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FastConvLSTM2D":
        return super().from_config({name: value for name, value in config.items() if name not in _FIXED})

    def _state_size(self, size: Sequence[Any]) -> list[int]:
        lost = [0, 0] if self.padding == "same" else [side - 1 for side in self.kernel_size]
        return [length - less for length, less in zip(size, lost, strict=True)]
