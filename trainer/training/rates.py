"""Learning rates that differ from layer to layer, in one optimizer.

Layers that have learnt from other data change more slowly than new ones, so that what they know isn't lost while the
new ones are still random: discriminative fine-tuning (Howard & Ruder 2018, https://arxiv.org/abs/1801.06146). Gradients
can't simply be scaled for this, since the steps of Adam don't depend on their scale; each variable has a multiplier of
the learning rate, which scales its steps and its weight decay.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from trainer.networks.transfer import named_layers

Rates = Callable[[keras.Model], Sequence[float]]
"""The multipliers of the learning rate for a network, one for each of its trainable variables, in their order."""


def multipliers(network: keras.Model, *factors: Mapping[str, float]) -> list[float]:
    """A multiplier of the learning rate for each trainable variable of a network, in their order.

    Args:
        network: any; layers that aren't trainable have no trainable variables.
        factors: factor of each layer, by the names of `named_layers`; a network in a network is one layer. Layers
            without one have 1, and factors of the same layer are multiplied.

    Raises:
        ValueError: the network has no such layer with trainable weights, or a factor isn't positive.
    """
    layers = {name: layer for layer, name in named_layers(network)}
    found = dict.fromkeys(layers, 1.0)
    for name, factor in (item for each in factors for item in each.items()):
        if name not in found:
            raise ValueError(f"no layer with trainable weights is called {name}; there are {', '.join(found)}")
        if not factor > 0:
            raise ValueError(f"the factor of {name} must be positive, not {factor}")
        found[name] *= factor
    by_variable = {id(own): found[name] for name, layer in layers.items() for own in layer.trainable_variables}
    return [by_variable[id(variable)] for variable in network.trainable_variables]


class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101) with a learning rate for each variable.

    Args:
        learning_rate: of variables with a multiplier of 1.
        weight_decay: of variables that have it.
        decaying: whether each trainable variable has weight decay, in the order in which the optimizer is built.
        multipliers: of the learning rate of each of them, and so of its weight decay.
    """

    def __init__(
        self, learning_rate: float, weight_decay: float, decaying: Sequence[bool], multipliers: Sequence[float]
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)
        self._decaying, self._multipliers = tuple(decaying), tuple(multipliers)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Changes one variable. Keras' own weight decay, which knows only one rate, must be off."""
        index = self._get_variable_index(variable)
        rate = keras.ops.cast(learning_rate, variable.dtype) * self._multipliers[index]
        if self._decaying[index]:
            self.assign_sub(variable, variable * keras.ops.cast(self.weight_decay, variable.dtype) * rate)
        super().update_step(gradient, variable, rate)


def make_optimizer(network: keras.Model, weight_decay: float, rates: Rates | None) -> keras.optimizers.AdamW:
    """The optimizer of a network's trainable variables, built; weight decay is on matrices and kernels.

    Args:
        network: what it is to train.
        weight_decay: of variables with a multiplier of 1.
        rates: the multipliers; None for the same rate everywhere.

    Raises:
        ValueError: there are more or fewer multipliers than trainable variables.
    """
    variables = network.trainable_variables
    found = [1.0] * len(variables) if rates is None else [*rates(network)]
    if len(found) != len(variables):
        raise ValueError(f"{len(found)} multipliers for {len(variables)} trainable variables")
    decaying = [len(variable.shape) >= 2 for variable in variables]
    if all(multiplier == 1 for multiplier in found):  # Keras' own, bit by bit
        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=weight_decay)
        without = [variable for variable, decays in zip(variables, decaying, strict=True) if not decays]
    else:
        optimizer = LayerwiseAdamW(1e-3, weight_decay, decaying, found)
        without = variables
    optimizer.exclude_from_weight_decay(without)
    optimizer.build(variables)
    return optimizer
