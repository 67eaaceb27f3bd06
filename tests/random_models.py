"""Random QKeras models from a seed: layers, quantizers, branches and odd sizes, with frames on the input's grid.

    python -m tests.random_models --count 500 --seed 1000

compares that many models, layer by layer, with QKeras. Needs qkeras (0.9 on Keras 2, or qkeras-v3 on Keras 3).
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import qkeras
import tensorflow as tf

from tests.qkeras_truth import FLAVOUR, compare, keras

L = keras.layers
# float32 holds integers up to 2^24: sums are kept below, so that QKeras's own arithmetic is exact.
SUM_BITS = 22
# Integers of up to about so many bits can go anywhere; wider ones, of scale upon scale, need a quantizer next.
WIDE_BITS = SUM_BITS + 26


@dataclass
class Sample:
    """A model, what it takes, and which layers QKeras computes exactly when its inputs are exact.

    input_type: for `quantize`, None where the model starts with a quantizer. frames: float32, on the input's grid.
    rounded:    names of layers in whose own arithmetic QKeras rounds: scales that aren't powers of two, thirds, ...
    """

    seed: int
    model: keras.Model
    input_type: str | None
    frames: np.ndarray
    rounded: set[str] = field(default_factory=set)


def random_model(seed: int, *, small: bool = False, exact: bool = False) -> Sample:
    """The model of this seed.

    small: few pixels, channels and layers, for simulation as Verilog. exact: only what QKeras computes exactly.
    """
    keras.backend.clear_session()
    # QKeras's layers need no AutoGraph to be built, and are built several times faster without.
    return tf.autograph.experimental.do_not_convert(_Generator(seed, small, exact).sample)()


def load_weights(model: keras.Model, rng: np.random.Generator) -> None:
    """Random weights as training might leave them: some beyond the quantizer's range, some on its ties, some 0."""
    for layer in model.layers:
        if "quantizer" in type(layer).__name__.lower() or not layer.weights:
            continue
        layer.set_weights([_weight(w, f"{layer.name}/{w.name}", rng) for w in layer.weights])


def _weight(variable, name: str, rng: np.random.Generator) -> np.ndarray:
    shape = tuple(variable.shape)
    if "iteration" in name:
        return np.zeros(shape, dtype=np.int64)
    if "variance" in name:
        return rng.uniform(0.05, 3, shape).astype(np.float32)
    if "gamma" in name:
        signs = [1] if "qnorm" in name else [1, 1, 1, -1]  # QBatchNormalization's gamma is a positive power of two
        return (rng.uniform(0.3, 1.5, shape) * rng.choice(signs, shape)).astype(np.float32)
    values = rng.normal(0, rng.choice([0.2, 0.6, 1.2]), shape)
    ties = rng.random(shape) < 0.2
    values[ties] = np.round(values[ties] * 32) / 32
    values[rng.random(shape) < 0.05] = 0
    # QKeras computes w + (q - w) in float32, which is q itself only where w isn't far outside the quantizer's range.
    return values.clip(-1.2, 1.2).astype(np.float32)


class _Generator:
    """Builds one model. `x` is the tensor so far, `bits` an upper estimate of the width of its integers."""

    def __init__(self, seed: int, small: bool, exact: bool):
        self.rng = np.random.default_rng(seed)
        self.seed, self.small, self.exact = seed, small, exact
        self.rounded: set[str] = set()
        self.count = 0

    # Choices

    def pick(self, *options):
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    # The model

    def sample(self) -> Sample:
        shape = self.shape()
        inputs = L.Input(shape, name="input")
        self.x, self.input_type = inputs, None
        if self.chance(0.5):
            low, high, step = self.typed_input()
        else:
            low, high, step = self.quantized_input()
        for _ in range(self.between(1, 2 if self.small else 4)):
            self.stage()
        outputs = [self.head()]
        model = keras.Model(inputs, outputs, name=f"random{self.seed}")
        load_weights(model, self.rng)
        frames = self.rng.integers(low, high + 1, (2, *shape)) * step
        return Sample(self.seed, model, self.input_type, frames.astype(np.float32), self.rounded)

    def shape(self) -> tuple[int, int, int]:
        most = 6 if self.small else 12
        if self.chance(0.1):
            return (1, 1, self.between(2, 8))
        return (self.between(3, most), self.between(3, most), self.between(1, 3 if self.small else 8))

    def typed_input(self):
        width, signed = self.between(1, 8), self.chance(0.3)
        integer = self.between(-1, 3)
        width += signed
        self.input_type = f"{'' if signed else 'u'}fixed<{width},{integer}>"
        self.bits = width
        low = -(2 ** (width - 1)) if signed else 0
        return low, low + 2**width - 1, 2.0 ** (integer - width)

    def quantized_input(self):
        bits, integer = self.between(2, 6), self.between(0, 2)
        if self.chance(0.6):
            self.act(qkeras.quantized_relu(bits, integer))
            low, high, step = 0, 2**bits - 1, 2.0 ** (integer - bits)
        else:
            self.act(qkeras.quantized_bits(bits, integer, alpha=1))
            low, high, step = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 2.0 ** (integer + 1 - bits)
        self.bits = bits
        return low, high, step

    def stage(self) -> None:
        """A few layers: something that computes, and usually an activation."""
        height, width = self.x.shape[1:3]
        kinds = [self.conv] * 4 + [self.depthwise, self.inception, self.residual, self.spatial_dense, self.padding]
        if height > 1 and width > 1:
            kinds += [self.max_pool, self.average_pool]
        if not self.exact:
            kinds += [self.norm] * 2
        self.pick(*kinds)()
        if self.chance(0.15):
            self.x = self.pick(L.Dropout(0.3, name=self.name("drop")), L.Activation("linear", name=self.name("same")))(
                self.x
            )
        if self.chance(0.8):
            self.activation()
        if height * width > 4 and self.chance(0.2):
            self.max_pool()

    def head(self):
        """Vector outputs, mostly."""
        kind = self.pick("flatten", "flatten", "average", "maximum", "none")
        if kind == "none":
            self.limit()
            return self.x
        if kind == "flatten":
            self.x = L.Flatten(name=self.name("flatten"))(self.x)
        elif kind == "maximum":
            self.x = L.GlobalMaxPooling2D(name=self.name("peak"))(self.x)
        else:
            self.global_average()
        for _ in range(self.between(0, 1)):
            self.dense(self.between(1, 8))
            self.activation()
        inside = self.chance(0.2)
        self.dense(self.between(2, 10), softmax=inside)
        if not inside and self.chance(0.4):
            self.x = L.Activation("softmax", name=self.name("softmax"))(self.x)
        return self.x

    # Layers

    def room(self, fan_in: int, weight_bits: int) -> None:
        """An activation first, where the sums would leave float32's exact range otherwise."""
        growth = weight_bits + int(np.ceil(np.log2(max(fan_in, 1)))) + 2
        if self.bits + growth > SUM_BITS:
            self.act(self.narrow_quantizer())
            self.bits = 4
        self.bits += growth

    def limit(self) -> None:
        """An activation first, where exact scales have made values too wide for anything else."""
        if self.bits > WIDE_BITS:
            self.act(self.narrow_quantizer())
            self.bits = 4

    def conv(self, **fixed) -> None:
        height, width, channels = self.x.shape[1:]
        padding = fixed.get("padding") or self.pick("same", "valid")
        limit = 5 if padding == "same" else min(5, height, width)
        kernel = fixed.get("kernel") or (self.between(1, limit), self.between(1, limit))
        strides = fixed.get("strides") or self.pick((1, 1), (1, 1), (2, 2), (3, 1), (1, 2))
        filters = fixed.get("filters") or self.between(1, 4 if self.small else 8)
        name, (quantizer, bits, rounds) = self.name("conv"), self.kernel_quantizer(filters, fixed.get("alpha"))
        self.room(kernel[0] * kernel[1] * channels, bits)
        options = self.with_bias(name, rounds)
        cls = qkeras.QConv2D
        if self.chance(0.1) and not fixed.get("plain"):
            # Its kernel is folded with float32 statistics: what is then quantized and summed is exact again.
            name, cls = self.name("convbn"), qkeras.QConv2DBatchnorm
            options["bias_quantizer"] = qkeras.quantized_bits(6, 2, alpha=1)
            options["folding_mode"] = self.pick("ema_stats_folding", "batch_stats_folding")
            self.mark(name, rounds)
        layer = cls(filters, kernel, strides=strides, padding=padding, kernel_quantizer=quantizer, name=name, **options)
        self.x = layer(self.x)

    def depthwise(self) -> None:
        height, width, channels = self.x.shape[1:]
        padding = self.pick("same", "valid")
        size = self.between(1, 3 if padding == "same" else min(3, height, width))
        multiplier = self.between(1, 2) if channels <= 4 else 1
        name, (quantizer, bits, rounds) = self.name("dw"), self.kernel_quantizer(multiplier)
        self.room(size * size, bits)
        stride = self.pick(1, 1, 2)
        self.x = qkeras.QDepthwiseConv2D(
            (size, size),
            strides=(stride, stride),
            padding=padding,
            depth_multiplier=multiplier,
            depthwise_quantizer=quantizer,
            name=name,
            **self.with_bias(name, rounds),
        )(self.x)

    def dense(self, units: int, *, softmax: bool = False) -> None:
        name, (quantizer, bits, rounds) = self.name("dense"), self.kernel_quantizer(units)
        self.room(int(self.x.shape[-1]), bits)
        options = self.with_bias(name, rounds)
        if softmax:
            options["activation"] = "softmax"
        self.x = qkeras.QDense(units, kernel_quantizer=quantizer, name=name, **options)(self.x)

    def spatial_dense(self) -> None:
        self.dense(self.between(1, 6))

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

    def mark(self, name: str, rounds: bool) -> None:
        if rounds:
            self.rounded.add(name)
            self.bits += 24  # its scale or offset is any float32

    def divided(self, name: str, count: int) -> None:
        """A mean over `count` values."""
        if not _power_of_two(count):
            self.rounded.add(name)

    def inception(self) -> None:
        self.limit()
        source, bits, outputs, widths = self.x, self.bits, [], []
        strides = self.pick((1, 1), (2, 2))
        for kernel in self.pick([1, 3], [1, 3, 5], [1, 2, "pool"]):
            self.x, self.bits = source, bits
            if kernel == "pool":
                self.x = L.MaxPooling2D(3, strides=strides, padding="same", name=self.name("pool"))(self.x)
                if self.chance(0.5):
                    self.conv(kernel=(1, 1), strides=(1, 1), padding="same", filters=self.between(1, 3))
            else:
                self.conv(kernel=(kernel, kernel), strides=strides, padding="same", filters=self.between(1, 3))
            if self.chance(0.8):
                self.activation()
            outputs.append(self.x)
            widths.append(self.bits)
        self.x = L.Concatenate(name=self.name("cat"))(outputs)
        self.bits = max(widths) + 4

    def residual(self) -> None:
        self.limit()
        source, bits = self.x, self.bits
        self.conv(kernel=(3, 3), strides=(1, 1), padding="same", filters=source.shape[3], plain=True)
        if self.chance(0.5):
            self.activation()
        self.x = L.Add(name=self.name("add"))([source, self.x])
        self.bits = max(self.bits, bits) + 4

    def max_pool(self) -> None:
        self.limit()
        height, width = self.x.shape[1:3]
        size = (self.between(1, min(3, height)), self.between(1, min(3, width)))
        padding, strides = self.pick("same", "valid"), self.pick(None, (1, 1), (2, 2), (2, 1))
        self.x = L.MaxPooling2D(size, strides=strides, padding=padding, name=self.name("pool"))(self.x)

    def average_pool(self) -> None:
        height, width = self.x.shape[1:3]
        sizes = [(2, 2), (1, 2), (2, 1)] if self.exact else [(2, 2), (3, 3), (3, 2)]
        size = self.pick(*sizes)
        size = (min(size[0], height), min(size[1], width))
        self.room(size[0] * size[1], 1)
        name, strides = self.name("mean"), self.pick(None, (1, 1))
        self.divided(name, size[0] * size[1])
        if self.chance(0.3):
            self.room(1, 6)
            quantizer = qkeras.quantized_bits(6, 0, alpha=1)
            layer = qkeras.QAveragePooling2D(size, strides=strides, average_quantizer=quantizer, name=name)
        else:
            layer = L.AveragePooling2D(size, strides=strides, name=name)
        self.x = layer(self.x)

    def global_average(self) -> None:
        height, width = self.x.shape[1:3]
        if self.exact and not _power_of_two(height * width):
            self.x = L.GlobalMaxPooling2D(name=self.name("peak"))(self.x)
            return
        self.room(height * width, 1)
        name = self.name("mean")
        self.divided(name, height * width)
        self.x = L.GlobalAveragePooling2D(name=name)(self.x)

    def norm(self) -> None:
        # Float32 rounds here anyway: the sum before may have any scale of its own.
        if self.chance(0.5):
            self.conv(alpha="auto")
        if self.chance(0.7):
            name = self.name("norm")
            layer = L.BatchNormalization(center=self.chance(0.8), scale=self.chance(0.8), name=name)
        else:
            name = self.name("qnorm")
            layer = qkeras.QBatchNormalization(name=name)
        self.mark(name, True)
        self.x = layer(self.x)
        self.activation()

    def padding(self) -> None:
        self.limit()
        amount = ((self.between(0, 2), self.between(0, 1)), (self.between(0, 1), self.between(0, 2)))
        self.x = L.ZeroPadding2D(amount, name=self.name("zeros"))(self.x)

    def activation(self) -> None:
        if self.chance(0.1):
            self.unquantized()
        else:
            self.act(self.quantizer())

    def unquantized(self) -> None:
        """An activation of Keras's own. Hardware has those with a slope where a quantizer follows."""
        kind = self.pick("relu", "limit", "slope", "leaky")
        if kind == "relu":
            layer = L.Activation("relu", name=self.name("relu"))
        elif kind == "limit":
            layer = L.ReLU(max_value=1.5, name=self.name("relu"))
        elif kind == "slope" or self.exact:
            layer = L.ReLU(negative_slope=0.25, name=self.name("relu"))
        else:
            name = self.name("leaky")
            layer = L.LeakyReLU(0.3, name=name)
            self.mark(name, True)
        self.x, self.bits = layer(self.x), self.bits + 2
        if kind in ("slope", "leaky") and (self.small or self.chance(0.5)):
            self.act(self.quantizer())

    def act(self, quantizer) -> None:
        self.x = qkeras.QActivation(quantizer, name=self.name("act"))(self.x)

    # Quantizers

    def narrow_quantizer(self):
        if self.chance(0.6):
            return qkeras.quantized_relu(self.between(1, 4), self.between(0, 2))
        return qkeras.quantized_bits(self.between(2, 4), self.between(0, 2), alpha=1)

    def quantizer(self):
        """An activation of any kind, and its width."""
        bits, integer = self.between(1, 6), self.between(0, 3)
        self.bits = bits
        kind = self.between(0, 11)
        if kind <= 3:
            return qkeras.quantized_relu(bits, integer)
        if kind <= 6:
            self.bits = bits + 1
            return qkeras.quantized_bits(bits + 1, integer, symmetric=self.between(0, 1), alpha=1)
        if kind == 7:
            self.bits = bits + 2
            return qkeras.quantized_relu(bits + 2, integer, negative_slope=self.pick(0.25, 0.5, 0.125))
        self.bits = 4
        if kind == 8:
            return self.pick(qkeras.binary, qkeras.ternary)(alpha=1)
        if kind == 9:
            return self.pick(qkeras.quantized_tanh, qkeras.quantized_sigmoid)(4)
        if kind == 10:
            self.bits = 9
            return qkeras.quantized_relu_po2(3, self.pick(None, 2))
        return qkeras.quantized_bits(4, integer, keep_negative=False, alpha=1)

    def kernel_quantizer(self, channels: int, alpha=None):
        """(quantizer, width of its integers, whether its scale makes QKeras round)."""
        alphas = [(1, False), (1, False), (None, False), ("auto_po2", False), (0.5, False)]
        if not self.exact:
            alphas += [("auto", True), (0.3, True)]
        alpha, rounds = (alpha, True) if alpha else self.pick(*alphas)
        kind = self.pick("bits", "bits", "bits", "binary", "ternary", "po2", "stochastic")
        if kind == "bits" and alpha == 0.3 and FLAVOUR == "0.9":
            alpha = tf.constant(self.rng.uniform(0.2, 2, channels), dtype=tf.float32)
        if kind == "po2":
            return qkeras.quantized_po2(self.between(2, 4), self.pick(None, 2)), 10, False
        if kind in ("binary", "ternary"):
            return getattr(qkeras, kind)(alpha=alpha), 4, rounds
        if kind == "stochastic":
            return self.pick(qkeras.stochastic_binary, qkeras.stochastic_ternary)(alpha=1), 2, False
        bits = self.between(2, 8)
        options = {"symmetric": self.between(0, 1)}
        return qkeras.quantized_bits(bits, self.between(0, 2), alpha=alpha, **options), bits + 2, rounds


def _power_of_two(n: int) -> bool:
    return n & (n - 1) == 0


def main(argv=None) -> int:
    """Compares random models with QKeras; the exit status is 1 where one differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first model; the others follow")
    parser.add_argument("--small", action="store_true", help="models small enough for simulation")
    options = parser.parse_args(argv)
    started, failed = time.monotonic(), []
    for seed in range(options.seed, options.seed + options.count):
        try:
            compare(random_model(seed, small=options.small))
        except Exception as problem:
            failed.append(seed)
            print(f"seed {seed}: {type(problem).__name__}: {problem}", flush=True)
    print(f"{options.count} models in {time.monotonic() - started:.0f} s, failed: {failed or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
