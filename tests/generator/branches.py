"""Branches that join again, layers that are called several times, models in the model."""

from __future__ import annotations

from math import prod

import qkeras

from tests.generator.choices import L
from tests.generator.places import Places
from tests.qkeras_truth import keras

# Bits of all branches together up to which they join without quantizers in front; hardware adds 62.
WIDEST = 56


class Branches(Places):
    def branch(self, source, bits: int, build) -> tuple:
        """(tensor, width) of what `build` makes of the source."""
        self.x, self.bits = source, bits
        build()
        return self.x, self.bits

    def join(self, layer, branches: list[tuple]) -> None:
        """Scales that aren't powers of two have grids far apart: then the sum of the widths is what may be needed."""
        branches = list(branches)
        while sum(bits for _, bits in branches) > WIDEST:
            k = max(range(len(branches)), key=lambda k: branches[k][1])
            branches[k] = self.branch(*branches[k], self.narrow)
        widths = [bits for _, bits in branches]
        self.x = layer([x for x, _ in branches])
        self.bits = max(widths) + 4 if max(widths) <= 26 else sum(widths)

    def alike(self) -> None:
        """A layer that keeps the shape, and sometimes an activation."""
        channels = self.shape[-1]
        if self.axes == 0 or self.chance(0.3):
            self.dense(channels)
        else:
            kernel = (self.pick(1, 3),) * self.axes
            self.conv(kernel=kernel, strides=(1,) * self.axes, padding="same", filters=channels, plain=True)
        if self.chance(0.4):
            self.activation()

    def merge(self) -> None:
        """Add and its like, of two or three branches; one may be the input itself."""
        self.limit()
        source = (self.x, self.bits)
        kind = self.pick("Add", "Add", "Subtract", "Average", "Maximum", "Minimum")
        count = 3 if kind != "Subtract" and not (kind == "Average" and self.exact) and self.chance(0.25) else 2
        branches = [source if self.chance(0.4) else self.branch(*source, self.alike)]
        branches += [self.branch(*source, self.alike) for _ in range(count - 1)]
        name = self.name(kind.lower())
        self.rng.shuffle(order := list(range(count)))
        self.join(getattr(L, kind)(name=name), [branches[k] for k in order])
        if kind == "Average":
            self.divided(name, count)

    def stacked(self) -> None:
        """Concatenate along rows or columns, where branches may have different numbers of them."""
        axis = self.between(1, self.axes)
        if not self.fits(2 * prod(self.shape[:-1])):
            return
        self.limit()
        source = (self.x, self.bits)
        first = self.branch(*source, self.alike)
        self.x, self.bits = source
        if self.shape[axis - 1] > 1:
            amounts = [(0, 0)] * self.axes
            amounts[axis - 1] = self.pick((1, 0), (0, 1), (0, 0))
            self.apply(self.of("Cropping")(amounts if self.axes == 2 else amounts[0], name=self.name("crop")))
        second = self.branch(self.x, self.bits, self.alike)
        self.join(L.Concatenate(axis=axis, name=self.name("cat")), [first, second][:: self.pick(1, -1)])

    def inception(self) -> None:
        """Branches beside each other, joined on channels."""
        self.limit()
        source, branches = (self.x, self.bits), []
        strides = self.pick((1, 1), (2, 2))[: self.axes]

        def kernels(size: int) -> None:
            if self.axes == 0:
                self.dense(self.between(1, 4))
            elif size:
                shape = (size,) * self.axes
                self.conv(kernel=shape, strides=strides, padding="same", filters=self.between(1, 3))
            else:
                pool = self.of("MaxPooling")
                self.apply(
                    pool(3, strides=strides if self.axes == 2 else strides[0], padding="same", name=self.name("pool"))
                )
            if self.chance(0.8):
                self.activation()

        for size in self.pick([1, 3], [1, 3, 5], [1, 2, 0]):
            branches.append(self.branch(*source, lambda size=size: kernels(size)))
        axis = self.pick(-1, self.axes + 1)
        self.join(L.Concatenate(axis=axis, name=self.name("cat")), branches)

    def shared(self) -> None:
        """A layer and its activation that are called twice, in a row or beside each other."""
        self.narrow()
        source, channels = self.x, self.shape[-1]
        quantizer, bits, rounds = self.kernel_quantizer(channels)
        self.room(channels * 3**self.axes, bits)
        name = self.name("shared")
        options = {"kernel_quantizer": quantizer, "name": name, **self.with_bias(name, rounds)}
        if self.axes == 0:
            layer = qkeras.QDense(channels, **options)
        else:
            layer = getattr(qkeras, f"QConv{self.suffix}")(channels, 3, padding="same", **options)
        act = qkeras.QActivation(self.narrow_quantizer(), name=self.name("act"))
        first = act(layer(source))
        self.x = layer(first)
        if self.chance(0.5):
            self.join(L.Add(name=self.name("add")), [(act(self.x), 4), (first, 4)])

    def nested(self) -> None:
        """A model as a layer, which may be called twice."""
        if self.inside:
            return self.alike()
        self.narrow()
        outer, self.inside = self.x, True
        entry = L.Input(self.shape, name=self.name("entry"))
        self.x = entry
        self.stage()
        self.narrow()
        inner, self.inside = keras.Model(entry, self.x, name=self.name("model")), False
        self.x = inner(outer)
        if tuple(self.x.shape) == tuple(outer.shape) and self.chance(0.6):
            self.apply(inner)
        return None

    def sequential(self) -> None:
        """A dense layer and an activation as a model of their own."""
        units = self.between(1, 6)
        quantizer, bits, rounds = self.kernel_quantizer(units)
        self.room(self.shape[-1], bits)
        name = self.name("dense")
        layer = qkeras.QDense(units, kernel_quantizer=quantizer, name=name, **self.with_bias(name, rounds))
        act = qkeras.QActivation(self.narrow_quantizer(), name=self.name("act"))
        self.apply(keras.Sequential([layer, act], name=self.name("chain")))
        self.bits = 4
