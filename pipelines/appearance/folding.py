"""Networks of `keras.applications` as eyes: without batch normalisation and dropout, and with names that stay."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def folded(network: "keras.Model") -> "keras.Model":
    """A copy that gives what a network gives outside of training, always.

    Batch normalisation with its stored statistics goes into the kernel and a bias of the convolution before it, and
    dropout is left out. So the copy gives the same in training, has no statistics that training could change, and has
    fewer operations. Names that Keras numbers in the order in which a process makes layers become numbers within the
    network.

    Args:
        network: a functional model with one input, where each batch normalisation follows a convolution of its own
            without a bias or an activation. Its first operation takes uint8, too.

    Returns:
        A model `eye`: uint8 pictures of the network's input shape to the same output, but float32 whatever the policy.
    """
    import keras
    from keras import layers

    convolutions = {id(norm): _convolution_before(norm) for norm in network.layers if _is_norm(norm)}
    with_bias = {id(convolution) for convolution in convolutions.values()}
    names = _lasting_names(network)
    last = network.operations[-1]

    def clone(operation: Any) -> Any:
        if _is_left_out(operation):
            return operation
        config = {**operation.get_config(), "name": names[id(operation)]}
        if id(operation) in with_bias:
            config["use_bias"] = True
        if operation is last:
            config["dtype"] = "float32"
        return operation.__class__.from_config(config)

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if _is_left_out(operation) else operation(*args, **kwargs)

    pictures = keras.Input(network.input.shape[1:], dtype="uint8", name="pictures")
    copy = keras.models.clone_model(network, input_tensors=pictures, clone_function=clone, call_function=call)
    eye = keras.Model(pictures, copy.output, name="eye")
    for layer in network.layers:
        if layer.weights and not _is_norm(layer) and id(layer) not in with_bias:
            eye.get_layer(names[id(layer)]).set_weights(layer.get_weights())
    for norm in network.layers:
        if _is_norm(norm):
            convolution = convolutions[id(norm)]
            is_depthwise = isinstance(convolution, layers.DepthwiseConv2D)
            eye.get_layer(names[id(convolution)]).set_weights(_fold(convolution, norm, is_depthwise))
    return eye


def _is_norm(operation: Any) -> bool:
    from keras import layers

    return isinstance(operation, layers.BatchNormalization)


def _is_left_out(operation: Any) -> bool:
    from keras import layers

    return isinstance(operation, layers.BatchNormalization | layers.Dropout)


def _convolution_before(norm: Any) -> Any:
    from keras import layers

    convolution = norm.input._keras_history.operation
    if not isinstance(convolution, layers.Conv2D | layers.DepthwiseConv2D) or convolution.use_bias:
        raise ValueError(f"{norm.name} doesn't follow a convolution without a bias")
    if convolution.activation is not None and convolution.activation.__name__ != "linear":
        raise ValueError(f"{norm.name} follows an activation")
    if len(convolution._outbound_nodes) != 1:
        raise ValueError(f"{convolution.name} has other followers than {norm.name}")
    return convolution


def _fold(convolution: Any, norm: Any, is_depthwise: bool) -> list[np.ndarray]:
    """The kernel and the bias of a convolution with the normalisation after it."""
    (kernel,) = (np.float64(value) for value in convolution.get_weights())
    gamma, beta, mean, variance = (np.float64(value) for value in norm.get_weights())
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return [kernel * (scale[:, None] if is_depthwise else scale), beta - mean * scale]


def _lasting_names(network: "keras.Model") -> dict[int, str]:
    """By the identity of an operation: its name if someone chose it, or else its kind and its number of that kind."""
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    for operation in network.operations:
        kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).lower()
        if re.fullmatch(rf"{kind.replace('_', '_?')}(_\d+)?", operation.name):
            counts[kind] = counts.get(kind, 0) + 1
            names[id(operation)] = f"{kind}_of_eye_{counts[kind]}"
        else:
            names[id(operation)] = operation.name
    return names
