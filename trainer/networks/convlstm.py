"""The recurrence of a convolutional LSTM: forward, and a backward pass written by hand.

What makes it faster than `keras.layers.ConvLSTM2D`, on a CPU with few filters above all:

- One convolution computes the inputs of all gates at all steps, and one per step their recurrent parts, where Keras
  runs eight per step. A convolution with few channels costs almost as much as one with four times as many.
- Automatic differentiation of a loop keeps and copies more, and for each step that is taken out of a tensor it adds up
  a gradient that is 0 at all other steps. Written by hand, gradients of activations need only their outputs.
- Steps are unrolled, so nothing passes through tensor lists. The number of frames has to be known.
- On a GPU, gradients of inputs and kernels wait for all steps, and one convolution each computes them. A CPU does
  better step by step, while the inputs are in its cache.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf
from tensorflow import Tensor

GATES = 4  # input, forget, cell, output: Keras' order


class Kept(NamedTuple):
    """What the backward pass needs of one step: [B, h, w, F] each, the masked state [B, h, w, F or 4F]."""

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    c_before: Tensor | None  # None: the first step, where states are zero
    c_active: Tensor
    h_before: Tensor | None


class Recurrence(NamedTuple):
    """The computation apart from the layer: tensors in, tensors out."""

    padding: str
    mask: Tensor | None  # [B, h, w, 4F]: dropout of the state, a mask for each gate, the same at all steps

    def forward(self, xs: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> tuple[list[Tensor], list[Kept]]:
        """The states [B, h, w, F] after each step, from inputs [T, B, H, W, C] in the order of steps."""
        inputs = convolve(tf.reshape(xs, (-1, *xs.shape[2:])), kernel, self.padding)
        by_step = tf.reshape(inputs, (xs.shape[0], -1, *inputs.shape[1:]))
        states: list[Tensor] = []
        kept: list[Kept] = []
        h: Tensor | None = None
        c: Tensor | None = None
        masked: Tensor | None = None
        for z in tf.unstack(by_step):
            if h is None:
                z = tf.nn.bias_add(z, bias)
            else:
                masked = self._masked(h)
                # In this order, Grappler fuses the convolution and both sums into one operation.
                z = tf.nn.bias_add(in_groups(convolve, masked, recurrent), bias) + z
            z_i, z_f, z_g, z_o = tf.split(z, GATES, -1)
            i, f, o, g = tf.sigmoid(z_i), tf.sigmoid(z_f), tf.sigmoid(z_o), tf.tanh(z_g)
            c_before = c
            c = i * g if c_before is None else f * c_before + i * g
            c_active = tf.tanh(c)
            h = o * c_active
            states.append(h)
            kept.append(Kept(i, f, g, o, c_before, c_active, masked))
        return states, kept

    def backward(
        self, dhs: Sequence[Tensor], kept: Sequence[Kept], xs: Sequence[Tensor], weights: Sequence[Tensor]
    ) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Gradients of inputs (for each step), kernel, recurrent kernel and bias from those of the states."""
        kernel, recurrent, bias = weights
        at_once = has_gpu()
        dxs, d_kernel, d_recurrent, d_bias = [], [], [tf.zeros_like(recurrent)], [tf.zeros_like(bias)]
        dzs: list[Tensor] = []
        dh = dc = None
        for x, step, from_above in zip(reversed(xs), reversed(kept), reversed(dhs), strict=True):
            dh = _sum(dh, from_above)
            dc = _sum(dc, _tanh_gradient(step.c_active, dh * step.o))
            d_f = tf.zeros_like(dc) if step.c_before is None else _sigmoid_gradient(step.f, dc * step.c_before)
            d_i, d_o = _sigmoid_gradient(step.i, dc * step.g), _sigmoid_gradient(step.o, dh * step.c_active)
            dz = tf.concat([d_i, d_f, _tanh_gradient(step.g, dc * step.i), d_o], -1)
            dzs.append(dz)
            if not at_once:
                dxs.append(input_gradient(x, kernel, dz, self.padding))
                d_kernel.append(kernel_gradient(x, kernel, dz, self.padding))
                d_bias.append(tf.reduce_sum(dz, (0, 1, 2)))
            if step.h_before is not None:
                if not at_once:
                    d_recurrent.append(in_groups(kernel_gradient, step.h_before, recurrent, dz))
                dh = self._unmasked(in_groups(input_gradient, step.h_before, recurrent, dz))
                dc = dc * step.f
        if at_once:
            dz, x = tf.concat(dzs[::-1], 0), tf.concat(xs, 0)
            dxs = tf.split(input_gradient(x, kernel, dz, self.padding), len(xs))[::-1]
            d_kernel, d_bias = [kernel_gradient(x, kernel, dz, self.padding)], [tf.reduce_sum(dz, (0, 1, 2))]
            if before := [step.h_before for step in kept if step.h_before is not None]:
                later = tf.concat(dzs[-2::-1], 0)
                d_recurrent = [in_groups(kernel_gradient, tf.concat(before, 0), recurrent, later)]
        return dxs[::-1], tf.add_n(d_kernel), tf.add_n(d_recurrent), tf.add_n(d_bias)

    def _masked(self, h: Tensor) -> Tensor:
        """The state as the recurrent convolution takes it: once, or for each gate in a group of channels."""
        return h if self.mask is None else tf.tile(h, (1, 1, 1, GATES)) * self.mask

    def _unmasked(self, d_masked: Tensor) -> Tensor:
        """The gradient of a state from that of its masked copies."""
        if self.mask is None:
            return d_masked
        shape = tf.shape(d_masked)
        by_gate = tf.reshape(d_masked * self.mask, tf.concat([shape[:3], [GATES, shape[3] // GATES]], 0))
        return tf.reduce_sum(by_gate, 3)


def _sum(first: Tensor | None, second: Tensor) -> Tensor:
    return second if first is None else first + second


# The gradient of an activation from its output, so that its input need not be kept.


def _tanh_gradient(y: Tensor, dy: Tensor) -> Tensor:
    return tf.raw_ops.TanhGrad(y=y, dy=dy)


def _sigmoid_gradient(y: Tensor, dy: Tensor) -> Tensor:
    return tf.raw_ops.SigmoidGrad(y=y, dy=dy)


def has_gpu() -> bool:
    """Whether layers run on a GPU."""
    return bool(tf.config.get_visible_devices("GPU"))


@functools.cache
def has_grouped_gradients(dtype: tf.DType) -> bool:
    """Whether this machine computes gradients of convolutions in groups: on CPUs, only oneDNN does."""
    if has_gpu():
        return True
    with tf.init_scope(), tf.device("CPU:0"):
        x, kernel = tf.zeros((1, 3, 3, 8), dtype), tf.zeros((3, 3, 2, 8), dtype)
        try:
            kernel_gradient(x, kernel, x, "SAME")
            input_gradient(x, kernel, x, "SAME")
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def input_gradient(x: Tensor, kernel: Tensor, dz: Tensor, padding: str) -> Tensor:
    """The gradient of what goes into a convolution."""
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.shape(x), filter=kernel, out_backprop=dz, strides=[1] * 4, padding=padding
    )


def kernel_gradient(x: Tensor, kernel: Tensor, dz: Tensor, padding: str) -> Tensor:
    """The gradient of the kernel of a convolution."""
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=kernel.shape, out_backprop=dz, strides=[1] * 4, padding=padding
    )


def convolve(x: Tensor, kernel: Tensor, padding: str) -> Tensor:
    """A convolution with strides of 1."""
    return tf.nn.conv2d(x, kernel, 1, padding)


def in_groups(operation: Callable[..., Tensor], x: Tensor, kernel: Tensor, *dz: Tensor) -> Tensor:
    """A recurrent convolution or a gradient of it, whose channels may be in groups, one for each gate."""
    if x.shape[-1] == kernel.shape[2] or has_grouped_gradients(x.dtype):
        return operation(x, kernel, *dz, "SAME")
    # The forward pass is split as well: the operation into which Grappler fuses it and the bias has no groups.
    parts = zip(*(tf.split(tensor, GATES, -1) for tensor in (x, kernel, *dz)), strict=True)
    return tf.concat([operation(*part, "SAME") for part in parts], -1)
