"""What a layer reader works with: the values that reach a layer, and a place to put the ops that compute it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwgen.errors import ModelError
from hwgen.graph import Node, Op, Ref
from hwgen.network import KerasLayer
from hwgen.ops import Function, Reshape
from hwgen.quantize.options import Options
from hwgen.quantizers import QuantizedWeights, Quantizer, UnsupportedQuantizer, parse
from hwgen.tensor import TensorType

_TOO_WIDE = "put a QActivation in front of it, or use scales that are powers of two (alpha=1 or 'auto_po2')"
_HALF_PRECISION = ("float16", "bfloat16")


@dataclass(frozen=True)
class Value:
    """A tensor as a layer sees it.

    ref, type: where the integers come from and what they mean.
    shape:     Keras's shape without the batch; its rank says what the last axis of a layer acts on.
    softmax:   name of the layer that applied a softmax, which the graph leaves to the host; "" for all others.
    """

    ref: Ref
    type: TensorType
    shape: tuple[int, ...]
    softmax: str = ""


def hardware_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Keras's shape without the batch as (H, W, C); None where it has no place in three axes."""
    if not 1 <= len(shape) <= 3:
        return None
    return (1,) * (3 - len(shape)) + tuple(int(n) for n in shape)


class LayerBuilder:
    """One layer on its way into the graph. A reader adds ops and returns the value that the layer gives.

    The last node takes the layer's name, so that layers and nodes can be compared; those before it are called
    `<layer>.<suffix>`.
    """

    def __init__(self, layer: KerasLayer, flavour: str, inputs: tuple[Value, ...]):
        self.layer, self.flavour, self.inputs = layer, flavour, inputs
        self.config = Options(layer)
        self.nodes: list[Node] = []

    @property
    def input(self) -> Value:
        """The only input. Raises ModelError where there are none or several."""
        if len(self.inputs) != 1:
            raise self.error(f"takes one input, not {len(self.inputs)}", "rebuild the model")
        return self.inputs[0]

    def error(self, reason: str, change: str | None = None) -> ModelError:
        return ModelError(reason, layer=self.layer.name, change=change)

    def add(self, suffix: str, op: Op, *values: Value, shape: tuple[int, ...] | None = None) -> Value:
        """Puts an op into the graph. shape: Keras's shape of the result, by default of the rank of the first input."""
        try:
            result = op.infer(*(value.type for value in values))
        except (ValueError, OverflowError) as problem:
            raise self.error(str(problem), _TOO_WIDE if "bit" in str(problem) else None) from problem
        if shape is None:
            shape = result.shape[3 - len(values[0].shape) :]
        node = Node(f"{self.layer.name}.{suffix}", op, tuple(v.ref for v in values), result, self.layer.name)
        self.nodes.append(node)
        return Value(Ref(node.name), result, tuple(shape))

    def finish(self, value: Value) -> Value:
        """Gives the node that makes `value` the layer's name. A layer that does nothing becomes a free Reshape.

        Raises ModelError where the layer has options that may change values, and weren't read.
        """
        self.need_float32()
        self.config.check()
        if not self.nodes or self.nodes[-1].name != value.ref.node:
            identity = self.add("same", Reshape(value.type.shape), value, shape=value.shape)
            value = replace(identity, softmax=value.softmax)
        self.nodes[-1] = replace(self.nodes[-1], name=self.layer.name)
        return replace(value, ref=Ref(self.layer.name))

    # What the readers ask of a layer's configuration and weights

    def need(self, key: str, *allowed, change: str) -> None:
        """Raises ModelError unless the configuration's `key` is absent or one of `allowed`."""
        value = _plain(self.config.get(key, allowed[0]))
        if value not in allowed:
            raise self.error(f"{key}={value!r} isn't supported", change)

    def need_float32(self) -> None:
        """Raises ModelError for a layer that computes in half precision: its rounding is none of ours."""
        policy = self.config.get("dtype")
        if isinstance(policy, Mapping):
            policy = policy.get("config", {}).get("name")
        if isinstance(policy, str) and policy.removeprefix("mixed_") in _HALF_PRECISION:
            raise self.error(f"computes in {policy}", "rebuild the model in float32")

    def need_rank(self, *ranks: int) -> Value:
        """The input; ModelError unless it has one of these ranks (batch not counted)."""
        value = self.input
        if len(value.shape) not in ranks:
            wanted = " or ".join(map(str, ranks))
            raise self.error(f"its input has shape {value.shape}; {wanted} axes (without the batch) are supported")
        return value

    def pair(self, key: str) -> tuple[int, int]:
        """An integer or a pair of them, as a pair."""
        value = self.config[key]
        return (int(value),) * 2 if isinstance(value, int) else (int(value[0]), int(value[1]))

    def weight(self, *names: str) -> np.ndarray:
        """The stored array under the first of these names that there is, float32."""
        for name in names:
            if name in self.layer.weights:
                array = np.asarray(self.layer.weights[name], dtype=np.float32)
                if not np.isfinite(array).all():
                    raise self.error(f"its {name} holds NaN or infinite values", "train it again, or load a sound file")
                return array
        raise self.error(f"has no weight {names[0]!r}", "save the model with its weights")

    def quantizer(self, key: str, *, trainable: bool = False) -> Quantizer | None:
        """The quantizer under `key`, None for None.

        trainable: the layer calls the quantizer's _set_trainable_parameter, by which alpha=None means "auto_po2".
        """
        quantizer = self.parse(self.config.get(key))
        return quantizer.for_kernel() if trainable and quantizer else quantizer

    def function(self, quantizer: Quantizer) -> Function:
        """A quantizer as activation."""
        try:
            return quantizer.function()
        except UnsupportedQuantizer as problem:
            raise self._unsupported(problem) from problem

    def quantized(self, quantizer: Quantizer, latent: np.ndarray, channel_axis=-1) -> QuantizedWeights:
        """What the quantizer makes of stored weights."""
        try:
            return quantizer.weights(latent, channel_axis)
        except UnsupportedQuantizer as problem:
            raise self._unsupported(problem) from problem

    def parse(self, spec) -> Quantizer | None:
        """What a configuration holds for a quantizer; None for None."""
        try:
            return parse(spec, self.flavour)
        except UnsupportedQuantizer as problem:
            raise self._unsupported(problem) from problem

    def _unsupported(self, problem: UnsupportedQuantizer) -> ModelError:
        reason, _, change = str(problem).partition("; ")
        return self.error(reason, change or None)


def _plain(value):
    """Lists from JSON as tuples, so that they compare with defaults."""
    return tuple(value) if isinstance(value, list) else value
