"""Layers that multiply: convolutions of every kind, dense layers, normalisations."""

from __future__ import annotations

import qkeras

from tests.generator.activations import Activations
from tests.generator.choices import OLD, L, growth

FOLDING = ("ema_stats_folding", "batch_stats_folding")


class Layers(Activations):
    def conv(self, **fixed) -> None:
        """Over steps, or over rows and columns; in groups, dilated, with a normalisation folded in."""
        sizes, channels = self.shape[:-1], self.shape[-1]
        paddings = ["same", "valid", *(["causal"] if OLD and self.axes == 1 else [])]
        padding = fixed.get("padding") or self.pick(*paddings)
        limits = [min(5, size) if padding == "valid" else 5 for size in sizes]
        kernel = fixed.get("kernel") or tuple(self.between(1, most) for most in limits)
        strides = fixed.get("strides") or self.pick((1, 1), (1, 1), (2, 2), (3, 1), (1, 2))[: self.axes]
        filters = fixed.get("filters") or self.between(1, 4 if self.small else 8)
        options = {"strides": strides, "padding": padding}
        if max(strides) == 1 and not fixed and self.chance(0.15):
            options["dilation_rate"] = self.dilation(kernel, padding)
        groups = 1
        if not fixed and self.chance(0.2):
            groups = self.pick(*(n for n in (1, 2, 3, 4) if channels % n == 0))
            filters = max(filters // groups, 1) * groups
            options["groups"] = groups
        folds = self.axes == 2 and groups == 1 and "dilation_rate" not in options and not fixed.get("plain")
        fan_in = channels // groups
        for size in kernel:
            fan_in *= size
        quantizer, bits, rounds = self.kernel_quantizer(filters, fixed.get("alpha"))
        self.room(fan_in, bits)
        if folds and self.chance(0.15):
            cls, name, more = self.folded("QConv2DBatchnorm", rounds)
        else:
            cls, name = getattr(qkeras, f"QConv{self.suffix}"), self.name("conv")
            more = self.with_bias(name, rounds)
        self.apply(cls(filters, kernel, kernel_quantizer=quantizer, name=name, **options, **more))

    def dilation(self, kernel: tuple[int, ...], padding: str) -> tuple[int, ...]:
        """A dilation that a kernel has room for."""
        found = []
        for size, taps in zip(self.shape, kernel):
            most = size if padding != "valid" else (size - 1) // (taps - 1) if taps > 1 else size
            found.append(self.between(1, max(min(3, most), 1)))
        return tuple(found)

    def folded(self, kind: str, rounds: bool):
        """(class, name, options) of a layer that folds a normalisation into its kernel.

        It does so with float32 statistics; what is then quantized and summed is exact again.
        """
        name = self.name("folded")
        options = {
            "bias_quantizer": qkeras.quantized_bits(6, 2, alpha=1),
            "folding_mode": self.pick(*FOLDING),
            "use_bias": self.chance(0.8),
            "epsilon": self.pick(1e-3, 1e-3, 0.1),
        }
        if self.chance(0.2):
            options["activation"] = self.narrow_quantizer()
        self.mark(name, rounds)
        return getattr(qkeras, kind), name, options

    def depthwise(self) -> None:
        height, width, channels = self.shape
        padding = self.pick("same", "valid")
        size = self.between(1, 3 if padding == "same" else min(3, height, width))
        multiplier = self.between(1, 2) if channels <= 4 else 1
        quantizer, bits, rounds = self.kernel_quantizer(multiplier)
        self.room(size * size, bits)
        stride = self.pick(1, 1, 2)
        options = {"strides": (stride, stride), "padding": padding}
        if stride == 1 and self.chance(0.2):
            options["dilation_rate"] = (min(self.dilation((size, size), padding)),) * 2
        elif self.chance(0.4):
            cls, name, more = self.folded("QDepthwiseConv2DBatchnorm", rounds)
            self.apply(
                cls(
                    (size, size),
                    depth_multiplier=multiplier,
                    depthwise_quantizer=quantizer,
                    name=name,
                    **options,
                    **more,
                )
            )
            return
        name = self.name("dw")
        options |= self.with_bias(name, rounds)
        self.apply(
            qkeras.QDepthwiseConv2D(
                (size, size), depth_multiplier=multiplier, depthwise_quantizer=quantizer, name=name, **options
            )
        )

    def separable(self) -> None:
        sizes, channels = self.shape[:-1], self.shape[-1]
        padding = self.pick("same", "valid")
        size = self.between(1, 3 if padding == "same" else min(3, *sizes))
        multiplier, filters = self.pick(1, 1, 2), self.between(1, 4)
        first, bits, rounds = self.kernel_quantizer(multiplier, most=4)
        second, more_bits, also = self.kernel_quantizer(filters, most=4)
        taps = size**self.axes
        self.room(taps * channels * multiplier, bits + more_bits + growth(taps) + 1)
        name = self.name("separable")
        self.apply(
            getattr(qkeras, f"QSeparableConv{self.suffix}")(
                filters,
                size,
                strides=self.pick(1, 1, 2),
                padding=padding,
                depth_multiplier=multiplier,
                depthwise_quantizer=first,
                pointwise_quantizer=second,
                name=name,
                **self.with_bias(name, rounds or also),
            )
        )
        self.bits += 24 * (rounds and also)

    def transposed(self) -> None:
        """A larger image; only where it stays small."""
        height, width, channels = self.shape
        if height * width > (16 if self.small else 64):
            return self.conv()
        size, stride = self.between(1, 4), self.pick(1, 2, 2, 3)
        quantizer, bits, rounds = self.kernel_quantizer(channels)
        self.room(size * size * channels, bits + 4)
        name = self.name("larger")
        more = self.with_bias(name, rounds)
        filters, padding = self.between(1, 4), self.pick("same", "valid")
        options = {"strides": (stride, stride), "padding": padding, "kernel_quantizer": quantizer, "name": name}
        return self.apply(qkeras.QConv2DTranspose(filters, (size, size), **options, **more))

    def dense(self, units: int | None = None, *, softmax: bool = False) -> None:
        """On the last axis of anything."""
        units = units or self.between(1, 6)
        quantizer, bits, rounds = self.kernel_quantizer(units)
        self.room(self.shape[-1], bits)
        if hasattr(qkeras, "QDenseBatchnorm") and self.axes == 0 and not softmax and self.chance(0.15):
            cls, name, options = self.folded("QDenseBatchnorm", rounds)
        else:
            cls, name = qkeras.QDense, self.name("dense")
            options = self.with_bias(name, rounds)
        if softmax:
            options["activation"] = "softmax"
        self.apply(cls(units, kernel_quantizer=quantizer, name=name, **options))

    def with_bias(self, name: str, rounds: bool) -> dict:
        """use_bias and bias_quantizer, sometimes activation; notes whether QKeras rounds in the layer."""
        options = {"use_bias": self.chance(0.8)}
        kind = self.pick("bits", "bits", "po2", "none")
        if kind == "bits":
            options["bias_quantizer"] = qkeras.quantized_bits(self.between(3, 8), self.between(0, 2), alpha=1)
        elif kind == "po2":
            options["bias_quantizer"] = qkeras.quantized_po2(3, 2)
        elif self.exact:
            options["use_bias"] = False
        else:
            rounds = rounds or options["use_bias"]
        if self.chance(0.15):
            options["activation"] = self.narrow_quantizer()
        self.mark(name, rounds)
        return options

    def norm(self) -> None:
        # Float32 rounds here anyway: the sum before may have any scale of its own.
        if self.axes and self.chance(0.5):
            self.conv(alpha="auto")
        if self.chance(0.7):
            name = self.name("norm")
            layer = L.BatchNormalization(center=self.chance(0.8), scale=self.chance(0.8), name=name)
        else:
            name = self.name("qnorm")
            layer = qkeras.QBatchNormalization(center=self.chance(0.8), scale=self.chance(0.8), name=name)
        self.mark(name, True)
        self.apply(layer)
        self.activation()
