"""The type of the network's input: what the user says, or the grid of the quantizer that the model starts with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from hwgen.errors import ModelError, OptionError
from hwgen.network import KerasLayer, Network
from hwgen.ops import Function
from hwgen.quantize.activations import name_of
from hwgen.quantize.build import LayerBuilder, hardware_shape
from hwgen.quantize.shapes import IDENTITIES
from hwgen.tensor import TensorType

InputType = str | Mapping[str, str] | None  # as `quantize` takes it
MAX_INPUT_BITS = 32
EXAMPLE = "'ufixed<8,0>' for 8-bit values in [0, 1), 'fixed<8,1>' for values in [-1, 1)"
# What may stand between the input and its quantizer without changing a value.
_SAME_VALUES = (*IDENTITIES, "Flatten", "Reshape", "Permute", "RepeatVector", "Cropping1D", "Cropping2D")


def parse_input_type(text: str, shape: tuple[int, int, int]) -> TensorType:
    """'ufixed<W,I>' or 'fixed<W,I>': W bits in all, I of them before the point, the sign among them.

    Raises OptionError for anything else.
    """
    match = re.fullmatch(r"\s*(u?)fixed\s*<\s*(\d+)\s*,\s*(-?\d+)\s*>\s*", text)
    if not match:
        raise OptionError(f"input type {text!r} isn't of the form {EXAMPLE}")
    unsigned, width, integer = match[1] == "u", int(match[2]), int(match[3])
    least = 1 if unsigned else 2
    if not least <= width <= MAX_INPUT_BITS:
        raise OptionError(f"input type {text!r} has {width} bits; {least} to {MAX_INPUT_BITS} are supported")
    lo, hi = (0, 2**width - 1) if unsigned else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
    return TensorType(shape, lo, hi, width - integer)


def parse_options(texts: Sequence[str]) -> InputType:
    """What --input-type was given: a type for all inputs, or NAME=TYPE for some. Raises OptionError."""
    named = dict(text.rpartition("=")[::2] for text in texts)
    if "" in named and len(texts) > 1 or len(named) < len(texts):
        raise OptionError("--input-type more than once needs a different input each time: --input-type NAME=TYPE")
    return named.get("", named) if named else None


def input_types(network: Network, given: InputType) -> list[tuple[KerasLayer, TensorType]]:
    """The InputLayers and their types, in the model's order. Raises ModelError for an input whose type nobody says."""
    layers = [network.layer(name) for name, _ in network.inputs]
    if isinstance(given, Mapping) and (unknown := given.keys() - {layer.name for layer in layers}):
        names = ", ".join(repr(layer.name) for layer in layers)
        raise OptionError(f"the model has no input {sorted(unknown)[0]!r} to give a type; its inputs: {names}")
    read = {source for layer in network.layers for source, _ in layer.inbound} | {name for name, _ in network.outputs}
    for layer in layers:
        if layer.name not in read:
            raise ModelError("is an input that feeds nothing", layer=layer.name, change="leave it out of the model")
    texts = [given.get(layer.name) if isinstance(given, Mapping) else given for layer in layers]
    return [(layer, _input_type(network, layer, text)) for layer, text in zip(layers, texts)]


def _input_type(network: Network, layer: KerasLayer, text: str | None) -> TensorType:
    """The type of one InputLayer."""
    shape = layer.config["shape"]
    hardware = hardware_shape(tuple(shape)) if all(isinstance(n, (int, np.integer)) for n in shape) else None
    if hardware is None:
        change = "give it one to three axes of fixed size, channels last"
        raise ModelError(f"an input of shape {tuple(shape)} isn't supported", layer=layer.name, change=change)
    if text is not None:
        return parse_input_type(text, hardware)
    grids = [_grid(network, consumer, hardware) for consumer in _consumers(network, layer.name)]
    if not grids or None in grids or len(set(grids)) != 1:
        reason = (
            "the model doesn't say the type of its input: it doesn't start with a quantizer of evenly spaced values"
        )
        name = f"{layer.name}=TYPE, " if len(network.inputs) > 1 else ""
        raise ModelError(reason, layer=layer.name, change=f"say --input-type {name}{EXAMPLE}")
    return grids[0]


def _consumers(network: Network, name: str) -> list[KerasLayer]:
    """The first layers after `name` that could change its values."""
    found: list[KerasLayer] = []
    carriers = {name}
    for layer in network.layers:  # in topological order
        if any(source in carriers for source, _ in layer.inbound):
            same = layer.class_name in _SAME_VALUES or (
                layer.class_name in ("Activation", "QActivation") and name_of(layer.config["activation"]) == "linear"
            )
            if same:
                carriers.add(layer.name)
            else:
                found.append(layer)
    return found


def _grid(network: Network, layer: KerasLayer, shape: tuple[int, int, int]) -> TensorType | None:
    """The type whose every value the layer, an activation, leaves as it is; None where there is none."""
    if layer.class_name not in ("Activation", "QActivation") or name_of(layer.config["activation"]):
        return None
    builder = LayerBuilder(layer, network.flavour, ())
    quantizer = builder.parse(layer.config["activation"])
    if isinstance(getattr(quantizer, "alpha", None), tuple):
        return None  # one grid a channel
    return own_grid(builder.function(quantizer), shape)


def own_grid(function: Function, shape: tuple[int, int, int]) -> TensorType | None:
    """The full result type of a quantizer, where it maps all values of that type to themselves; else None."""
    wide = TensorType(shape, -(2**40), 2**40, 16)
    grid = function.result(wide)
    if grid.divisor != 1 or grid.width > 16 or grid.hi <= grid.lo:
        return None
    values = np.arange(grid.lo, grid.hi + 1)
    if function.result(grid) != grid or not np.array_equal(function.apply(values, grid), values):
        return None
    return grid
