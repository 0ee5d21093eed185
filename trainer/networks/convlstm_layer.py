"""A layer that computes what `keras.layers.ConvLSTM2D` computes, with the same weights, in less time."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from trainer.networks.convlstm import GATES, GRADIENTS, Recurrence, name_of


@keras.saving.register_keras_serializable(package="har")
class FastConvLSTM2D(keras.layers.Layer):
    """`keras.layers.ConvLSTM2D` for clips [B, T, H, W, C] of known T, H, W and C. The weights of either fit the other.

    Left out: strides, dilation, dropout of inputs, masking, states that are given, returned or kept, regularisers.
    Where an activation is not one of tanh, sigmoid, hard_sigmoid, relu and linear, TensorFlow derives the backward
    pass, which is slower. In training there are no second derivatives.

    Raises:
        ValueError: a setting or an input that isn't supported.
    """

    # `keras.layers.Bidirectional` needs these of a recurrent layer.
    return_state = False
    stateful = False

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        go_backwards: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if strides not in (1, [1, 1], (1, 1)):
            raise ValueError(f"strides={strides!r}: FastConvLSTM2D supports only 1; pool after it, or use ConvLSTM2D")
        if padding not in ("same", "valid"):
            raise ValueError(f'padding={padding!r}: must be "same" or "valid"')
        if not 0 <= recurrent_dropout < 1:
            raise ValueError(f"recurrent_dropout={recurrent_dropout!r}: must be at least 0 and below 1")
        self.filters = filters
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        self.padding = padding
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.unit_forget_bias = unit_forget_bias
        self.recurrent_dropout = recurrent_dropout
        self.return_sequences = return_sequences
        self.go_backwards = go_backwards
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape: Sequence[int | None]) -> None:
        if None in input_shape[1:]:
            raise ValueError(f"input shape {tuple(input_shape)}: frames, height, width and channels must be known")
        size, width = self.kernel_size, GATES * self.filters
        add = self.add_weight
        self.kernel = add(name="kernel", shape=(*size, input_shape[-1], width), initializer=self.kernel_initializer)
        self.recurrent_kernel = add(
            name="recurrent_kernel", shape=(*size, self.filters, width), initializer=self.recurrent_initializer
        )
        self.bias = add(name="bias", shape=(width,), initializer=self._initial_bias)

    def _initial_bias(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        bias = self.bias_initializer(shape, dtype=dtype)
        if not self.unit_forget_bias:
            return bias
        return tf.concat([bias[: self.filters], tf.ones_like(bias[: self.filters]), bias[2 * self.filters :]], 0)

    def call(self, inputs: Tensor, initial_state: None = None, training: bool = False) -> Tensor:
        if initial_state is not None:  # `keras.layers.Bidirectional` passes it in every call
            raise ValueError("FastConvLSTM2D takes no initial_state; use ConvLSTM2D")
        mask = (
            self.recurrent_mask(tf.shape(inputs)[0], inputs.shape[2:4]) if training and self.recurrent_dropout else None
        )
        recurrence = Recurrence(self.padding.upper(), self.activation, self.recurrent_activation, mask)

        def run(x: Tensor, *weights: Tensor) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
            xs = tf.transpose(x, (1, 0, 2, 3, 4))
            xs = tf.reverse(xs, [0]) if self.go_backwards else xs
            states, kept = recurrence.forward(xs, *weights)

            def gradient(dy: Tensor) -> list[Tensor]:
                dhs = tf.unstack(dy, axis=1) if self.return_sequences else [None] * (len(states) - 1) + [dy]
                dxs, *d_weights = recurrence.backward(dhs, kept, tf.unstack(xs), weights)
                return [tf.stack(dxs[::-1] if self.go_backwards else dxs, 1), *d_weights]

            return tf.stack(states, 1) if self.return_sequences else states[-1], gradient

        # An exported model isn't in training, and doesn't need gradients that exist only in Python.
        by_hand = training and {name_of(self.activation), name_of(self.recurrent_activation)} <= GRADIENTS.keys()
        weights = [tf.convert_to_tensor(weight) for weight in (self.kernel, self.recurrent_kernel, self.bias)]
        return tf.custom_gradient(run)(inputs, *weights) if by_hand else run(inputs, *weights)[0]

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        batch, steps, *size, _ = input_shape
        frames = (steps,) if self.return_sequences else ()
        return (batch, *frames, *self._state_size(size), self.filters)

    def recurrent_mask(self, batch: Tensor, size: Sequence[int]) -> Tensor:
        """[B, h, w, 4F]: 0 where a state is dropped for a gate, else what keeps the mean; drawn once per sequence."""
        ones = tf.ones((batch, *self._state_size(size), GATES * self.filters), self.compute_dtype)
        return keras.random.dropout(ones, self.recurrent_dropout, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        config = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "unit_forget_bias": self.unit_forget_bias,
            "recurrent_dropout": self.recurrent_dropout,
            "return_sequences": self.return_sequences,
            "go_backwards": self.go_backwards,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

    def _state_size(self, size: Sequence[Any]) -> list[int]:
        lost = [0, 0] if self.padding == "same" else [side - 1 for side in self.kernel_size]
        return [length - less for length, less in zip(size, lost, strict=True)]
