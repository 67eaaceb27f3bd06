"""Layers without weights: pools, and those that move, repeat or leave out values."""

from __future__ import annotations

from math import prod

import qkeras

from tests.generator.choices import L, power_of_two
from tests.generator.layers import Layers


class Places(Layers):
    def of(self, kind: str):
        """The class of Keras for a sequence or an image."""
        return getattr(L, f"{kind}{self.suffix}")

    # Pools

    def max_pool(self) -> None:
        self.limit()
        size = tuple(self.between(1, min(3, n)) for n in self.shape[:-1])
        strides = self.pick(None, (1, 1), (2, 2), (2, 1))
        padding = self.pick("same", "valid")
        strides = strides[: self.axes] if strides else None
        if self.axes == 1:
            size, strides = size[0], strides and strides[0]
        self.apply(self.of("MaxPooling")(size, strides=strides, padding=padding, name=self.name("pool")))

    def average_pool(self) -> None:
        """One of a power of two of values is exact in float32; thirds are not."""
        sizes = [(2, 2), (1, 2), (2, 1)] if self.exact else [(2, 2), (3, 3), (3, 2)]
        size = tuple(map(min, self.pick(*sizes), self.shape[:-1]))
        if self.exact and not power_of_two(prod(size)):
            return
        self.room(prod(size), 1)
        name, strides = self.name("mean"), self.pick(None, (1, 1))
        self.divided(name, prod(size))
        if self.axes == 2 and self.chance(0.5):
            self.room(1, 6)
            layer = qkeras.QAveragePooling2D(size, strides=strides, average_quantizer=self.reciprocal(), name=name)
        elif self.axes == 2:
            layer = L.AveragePooling2D(size, strides=strides, name=name)
        else:
            layer = L.AveragePooling1D(size[0], strides=strides and 1, name=name)
        self.apply(layer)

    def reciprocal(self):
        """A quantizer of 1 / count."""
        return qkeras.quantized_bits(6, 0, alpha=1)

    def divided(self, name: str, count: int) -> None:
        """A mean over `count` values."""
        if not power_of_two(count):
            self.rounded.add(name)

    def global_max(self) -> None:
        self.limit()
        self.apply(self.of("GlobalMaxPooling")(keepdims=self.chance(0.2), name=self.name("peak")))

    def global_average(self) -> None:
        count = prod(self.shape[:-1])
        if self.exact and not power_of_two(count):
            self.global_max()
            return
        self.room(count, 1)
        name = self.name("mean")
        self.divided(name, count)
        if self.axes == 2 and self.chance(0.2):
            self.room(1, 6)
            self.apply(qkeras.QGlobalAveragePooling2D(average_quantizer=self.reciprocal(), name=name))
        else:
            self.apply(self.of("GlobalAveragePooling")(keepdims=self.chance(0.2), name=name))

    # Edges

    def padding(self) -> None:
        self.limit()
        amounts = [(self.between(0, 2), self.between(0, 2)) for _ in range(self.axes)]
        self.apply(self.of("ZeroPadding")(amounts if self.axes == 2 else amounts[0], name=self.name("zeros")))

    def cropping(self) -> None:
        self.limit()
        amounts = []
        for size in self.shape[:-1]:
            before = self.between(0, min(2, size - 1))
            amounts.append((before, self.between(0, min(2, size - 1 - before))))
        self.apply(self.of("Cropping")(amounts if self.axes == 2 else amounts[0], name=self.name("crop")))

    # Order and shape

    def permute(self) -> None:
        self.limit()
        order = [int(n) + 1 for n in self.rng.permutation(len(self.shape))]
        self.apply(L.Permute(order, name=self.name("turned")))

    def reshape(self) -> None:
        """Other axes for the same values, sometimes others of their number; one of them is sometimes left open."""
        size, shape = prod(self.shape), []
        for _ in range(self.between(0, 2)):
            shape.append(self.pick(*(n for n in range(1, 9) if size % n == 0)))
            size //= shape[-1]
        shape.append(size)
        if len(shape) == 1 or size > (12 if self.small else 48):
            return  # a vector belongs at the end, and so many channels would take long
        if self.chance(0.3):
            shape[self.between(0, len(shape) - 1)] = -1
        self.apply(L.Reshape(shape, name=self.name("view")))

    def repeat(self) -> None:
        """A vector as a sequence."""
        self.limit()
        self.apply(L.RepeatVector(self.between(1, 5), name=self.name("steps")))

    def larger(self) -> None:
        """Every value several times; only where it stays small."""
        self.limit()
        if prod(self.shape[:-1]) > (16 if self.small else 64):
            return
        size = self.pick(2, 2, 3) if self.axes == 1 else self.pick((2, 2), (1, 2), (3, 2))
        self.apply(self.of("UpSampling")(size, name=self.name("larger")))

    def nothing(self) -> None:
        """A layer that does nothing at inference."""
        kinds = [
            lambda name: L.Dropout(0.3, name=name),
            lambda name: L.Activation("linear", name=name),
            lambda name: L.GaussianNoise(0.1, name=name),
            *([lambda name: L.SpatialDropout2D(0.3, name=name)] if self.axes == 2 else []),
        ]
        self.apply(self.pick(*kinds)(self.name("same")))
