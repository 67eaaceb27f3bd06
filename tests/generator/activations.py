"""Quantizers of kernels and activations of every kind."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

import qkeras
import tensorflow as tf

from tests.generator.choices import OLD, SUM_BITS, WIDE_BITS, Choices, L, growth


class Activations(Choices):
    def activation(self) -> None:
        kind = self.between(0, 19)
        if kind < 3:
            self.unquantized()
        elif kind < 5:
            self.function()
        elif kind < 6 and not self.exact:
            self.rounding_quantizer()
        elif kind < 7 and OLD:
            self.adaptive()
        else:
            self.act(self.quantizer())

    def act(self, quantizer, rounds: bool = False) -> None:
        name = self.name("act")
        self.apply(qkeras.QActivation(quantizer, name=name))
        self.mark(name, rounds)

    def narrow(self) -> None:
        """A quantizer of few bits."""
        self.act(self.narrow_quantizer())
        self.bits = 4

    def room(self, fan_in: int, weight_bits: int) -> None:
        """An activation first, where the sums would leave float32's exact range otherwise."""
        wider = weight_bits + growth(fan_in) + 2
        if self.bits + wider > SUM_BITS:
            self.narrow()
        self.bits += wider

    def limit(self, most: int = WIDE_BITS) -> None:
        """An activation first, where exact scales have made values too wide for anything else."""
        if self.bits > most:
            self.narrow()

    # Activations of Keras

    def unquantized(self) -> None:
        """A layer of Keras. Hardware has those with a slope where a quantizer follows."""
        kinds = ["relu", "limit", "slope", "threshold", *([] if self.exact else ["leaky", "prelu", "prelu"])]
        kind = self.pick(*kinds)
        if kind == "prelu":
            self.limit(20)  # both halves are integers of their own
        name = self.name(kind)
        if kind == "prelu":
            layer = L.PReLU(shared_axes=list(range(1, self.axes + 1)) or None, name=name)
        else:
            layer = {
                "relu": lambda: L.Activation("relu", name=name),
                "limit": lambda: L.ReLU(max_value=1.5, name=name),
                "slope": lambda: L.ReLU(negative_slope=0.25, name=name),
                "threshold": lambda: L.ReLU(max_value=self.pick(None, 2.0), threshold=0.5, name=name),
                "leaky": lambda: L.LeakyReLU(0.3, name=name),
            }[kind]()
        self.apply(layer)
        self.bits += 2
        self.mark(name, kind in ("leaky", "prelu"))
        if kind in ("slope", "leaky", "prelu") and (self.small or self.chance(0.5)):
            self.act(self.quantizer())

    def function(self) -> None:
        """A function by name: straight lines and limits."""
        self.limit()
        names = ["hard_tanh", "smooth_sigmoid", "smooth_tanh", "binary_sigmoid", "binary_tanh", "relu", "linear"]
        if self.exact or self.chance(0.7):
            kind = self.pick(*names, *(["hard_sigmoid"] if OLD else []))
            self.apply(qkeras.QActivation(kind, name=self.name(kind)))
            self.bits += 4
        else:
            kind = self.pick("hard_sigmoid", "relu6", "leaky_relu")
            name = self.name(kind)
            self.apply(L.Activation(kind, name=name))
            self.mark(name, kind != "relu6")
        if self.small or self.chance(0.5):
            self.act(self.quantizer())

    def adaptive(self) -> None:
        """QAdaptiveActivation, in whose integer bits its own moving averages end."""
        self.bits = self.between(1, 5)
        options = {"relu_neg_slope": 0.25} if self.bits > 3 and self.chance(0.3) else {}
        kind = "quantized_relu" if options or self.bits == 1 else self.pick("quantized_relu", "quantized_bits")
        options |= {"per_channel": self.chance(0.5), "po2_rounding": self.chance(0.3), "name": self.name("act")}
        with redirect_stdout(StringIO()):  # it prints what matters in training
            layer = qkeras.QAdaptiveActivation(kind, self.bits, **options)
        self.apply(layer)
        self.bits += 6

    # Quantizers

    def narrow_quantizer(self):
        if self.chance(0.6):
            return qkeras.quantized_relu(self.between(1, 4), self.between(0, 2))
        return qkeras.quantized_bits(self.between(2, 4), self.between(0, 2), alpha=1)

    def quantizer(self):
        """An activation of any kind that QKeras computes exactly; sets the width."""
        bits, integer = self.between(1, 6), self.between(0, 3)
        self.bits = bits
        kind = self.between(0, 14)
        if kind <= 3:
            return qkeras.quantized_relu(bits, integer)
        if kind <= 6:
            self.bits = bits + 1
            return qkeras.quantized_bits(bits + 1, integer, symmetric=self.between(0, 1), alpha=1)
        if kind == 7:
            self.bits = bits + 2
            return qkeras.quantized_relu(bits + 2, integer, negative_slope=self.pick(0.25, 0.5, 0.125))
        if kind == 8:
            self.bits = 4
            return self.pick(qkeras.binary, qkeras.ternary)(alpha=self.pick(1, 0.5))
        if kind == 9:
            self.bits = 4
            return self.pick(qkeras.quantized_tanh, qkeras.quantized_sigmoid)(4)
        if kind == 10:
            self.bits = 9
            return qkeras.quantized_relu_po2(3, self.pick(None, 2))
        if kind == 11:
            if not OLD and self.chance(0.5):
                return qkeras.quantized_linear(bits, integer, symmetric=self.between(0, 1), alpha=1)
            return qkeras.quantized_bits(bits, integer, keep_negative=False, alpha=1)
        if kind == 12:
            return qkeras.quantized_relu(bits + 1, integer, relu_upper_bound=self.pick(0.75, 1.0, 2.5))
        if kind == 13:
            self.bits = 4
            return self.pick(qkeras.stochastic_binary, qkeras.stochastic_ternary)(alpha=1)
        self.bits = bits + 6
        alphas = [float(2.0 ** self.between(-2, 2)) for _ in range(self.shape[-1])]
        return qkeras.quantized_bits(bits + 1, integer, alpha=alphas)

    def rounding_quantizer(self) -> None:
        """One whose scales are no powers of two, or that follows a curve."""
        kind = self.pick("alpha", "alphas", "tanh", "sigmoid")
        self.bits = 5
        if kind == "alpha":
            self.act(self.pick(qkeras.binary, qkeras.ternary)(alpha=0.3), rounds=True)
        elif kind == "alphas":
            alphas = [float(v) for v in self.rng.uniform(0.2, 2, self.shape[-1])]
            self.act(qkeras.quantized_bits(4, self.between(0, 2), alpha=alphas), rounds=True)
        elif kind == "tanh":
            self.act(qkeras.quantized_tanh(5, use_real_tanh=True), rounds=True)
        else:
            self.act(qkeras.quantized_sigmoid(5, use_real_sigmoid=True), rounds=True)

    def kernel_quantizer(self, channels: int, alpha=None, most: int = 8):
        """(quantizer, width of its integers, whether its scale makes QKeras round)."""
        alphas = [(1, False), (1, False), (None, False), ("auto_po2", False), (0.5, False)]
        if not self.exact:
            alphas += [("auto", True), (0.3, True)]
        alpha, rounds = (alpha, True) if alpha else self.pick(*alphas)
        kind = self.pick("bits", "bits", "bits", "binary", "ternary", "po2", "stochastic")
        if kind == "bits" and alpha == 0.3 and OLD:
            alpha = tf.constant(self.rng.uniform(0.2, 2, channels), dtype=tf.float32)
        if kind == "po2":
            return qkeras.quantized_po2(self.between(2, 4), self.pick(None, 2)), 10, False
        if kind == "binary":
            return qkeras.binary(use_01=self.chance(0.2), alpha=alpha), 4, rounds
        if kind == "ternary":
            return qkeras.ternary(alpha=alpha), 4, rounds
        if kind == "stochastic":
            return self.pick(qkeras.stochastic_binary, qkeras.stochastic_ternary)(alpha=1), 2, False
        bits = self.between(2, most)
        options = {"symmetric": self.between(0, 1)}
        if not OLD and not rounds and self.chance(0.2):
            return qkeras.quantized_linear(bits, self.between(0, 2), alpha=alpha, **options), bits + 2, False
        return qkeras.quantized_bits(bits, self.between(0, 2), alpha=alpha, **options), bits + 2, rounds
