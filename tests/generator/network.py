"""Whole models: inputs, stages, what stands at the end."""

from __future__ import annotations

from math import prod

import numpy as np
import qkeras

from tests.generator.branches import Branches
from tests.generator.choices import L
from tests.qkeras_truth import keras


class Network(Branches):
    """A model as `model`, its `types` for `quantize` and its `grids`, (low, high, step), by input."""

    def __init__(self, seed: int, small: bool, exact: bool):
        super().__init__(seed, small, exact)
        self.inside = False  # of a model in the model
        self.kept: list = []  # tensors that may be outputs too
        self.types: dict[str, str] = {}
        self.grids: dict[str, tuple] = {}
        self.model = self.build()

    def build(self) -> keras.Model:
        inputs = [self.entry("input", self.first_shape())]
        if self.chance(0.12):
            inputs.append(self.second_alike(inputs[0]))
        for _ in range(self.between(1, 2 if self.small else 4)):
            self.stage()
            if self.bits <= 20:
                self.kept.append(self.x)
        if self.chance(0.12):
            inputs.append(self.second_beside())
        last = self.head()
        outputs = [last]
        if self.kept and self.kept[0] is not last and self.chance(0.25):
            outputs.insert(self.between(0, 1), self.pick(*(x for x in self.kept if x is not last)))
        if self.chance(0.5):
            inputs.reverse()
        one = inputs[0] if len(inputs) == 1 else inputs
        return keras.Model(one, outputs[0] if len(outputs) == 1 else outputs, name=f"random{self.seed}")

    def frames(self, count: int = 2) -> dict[str, np.ndarray]:
        """Float32 frames on the grid of each input."""
        made = {}
        for tensor in self.model.inputs:
            name = next(name for name in self.grids if name == tensor.name.partition(":")[0])
            low, high, step = self.grids[name]
            integers = self.rng.integers(low, high + 1, (count, *tensor.shape[1:]))
            made[name] = (integers * step).astype(np.float32)
        return made

    # Inputs

    def first_shape(self) -> tuple[int, ...]:
        most, channels = 6 if self.small else 12, self.between(1, 3 if self.small else 8)
        kind = self.between(0, 19)
        if kind < 2:
            return (1, 1, self.between(2, 8))
        if kind < 8:
            return (self.between(3, 2 * most), channels)
        if kind < 10:
            return (self.between(2, 3 * most),)
        return (self.between(3, most), self.between(3, most), channels)

    def entry(self, name: str, shape: tuple[int, ...]):
        """An input of this shape, as the tensor so far; with a type, or a quantizer that tells it."""
        inputs = self.x = L.Input(shape, name=name)
        self.grids[name] = self.typed(name) if self.chance(0.5) else self.quantized()
        return inputs

    def typed(self, name: str):
        width, signed = self.between(1, 8), self.chance(0.3)
        integer = self.between(-1, 3)
        width += signed
        self.types[name] = f"{'' if signed else 'u'}fixed<{width},{integer}>"
        self.bits = width
        low = -(2 ** (width - 1)) if signed else 0
        return low, low + 2**width - 1, 2.0 ** (integer - width)

    def quantized(self):
        bits, integer = self.between(2, 6), self.between(0, 2)
        self.bits = bits
        if self.chance(0.6):
            self.act(qkeras.quantized_relu(bits, integer))
            return 0, 2**bits - 1, 2.0 ** (integer - bits)
        self.act(qkeras.quantized_bits(bits, integer, alpha=1))
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 2.0 ** (integer + 1 - bits)

    def second_alike(self, first):
        """Another input of the first one's shape, joined with it."""
        one = self.x, self.bits
        made = self.entry("second", tuple(first.shape[1:]))
        kind = self.pick("Add", "Subtract", "Concatenate", "Maximum")
        self.join(getattr(L, kind)(name=self.name("both")), [one, (self.x, self.bits)])
        return made

    def second_beside(self):
        """A few numbers beside all else."""
        if self.axes:
            self.limit()
            self.apply(L.Flatten(name=self.name("flatten")))
        one = self.x, self.bits
        made = self.entry("numbers", (self.between(2, 6),))
        self.dense(self.between(1, 5))
        self.join(L.Concatenate(name=self.name("both")), [one, (self.x, self.bits)])
        return made

    # Layers

    def fits(self, pixels: int) -> bool:
        """Whether an image isn't larger than any should be."""
        return pixels <= (100 if self.small else 400)

    def stage(self) -> None:
        """A few layers: something that computes, and usually an activation."""
        self.pick(*self.kinds())()
        if self.chance(0.15):
            self.nothing()
        if self.chance(0.8):
            self.activation()
        if self.axes and prod(self.shape[:-1]) > 4 and self.chance(0.2):
            self.max_pool()

    def kinds(self) -> list:
        anywhere = [self.merge] * 4 + [self.inception, self.dense, self.shared, self.nested, self.sequential]
        if not self.exact:
            anywhere += [self.norm] * 2
        if self.axes == 0:
            return [*anywhere, self.dense, self.dense, self.repeat, self.reshape]
        room = self.fits(2 * prod(self.shape[:-1]))
        kinds = anywhere + [self.conv] * 5 + [self.separable, self.stacked, self.permute, self.reshape, self.cropping]
        if min(self.shape[:-1]) > 1:
            kinds += [self.max_pool, self.average_pool]
        if room:
            kinds += [self.padding, self.larger]
        if self.axes == 2:
            kinds += [self.depthwise] * 2
            if room:
                kinds += [self.transposed]
        return kinds

    def head(self):
        """Vector outputs, mostly."""
        kind = self.pick("flatten", "flatten", "average", "maximum", "none")
        if kind == "none":
            self.limit()
            return self.x
        if kind == "flatten" or self.axes == 0:
            self.apply(L.Flatten(name=self.name("flatten")))
        elif kind == "maximum":
            self.global_max()
        else:
            self.global_average()
        for _ in range(self.between(0, 1)):
            self.dense(self.between(1, 8))
            self.activation()
        inside = self.chance(0.2)
        self.dense(self.between(2, 10), softmax=inside and self.axes == 0)
        if not inside and self.axes == 0 and self.chance(0.4):
            name = self.name("softmax")
            self.apply(self.pick(L.Activation("softmax", name=name), L.Softmax(name=name)))
        return self.x
