"""A layer's options that nobody looked at: refused, unless they are known to be of no consequence at inference.

Files of other versions may have options that this one has never heard of. One that changes values would otherwise be
left out silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hwgen.errors import ModelError
from hwgen.network import KerasLayer

# Of training, and of how a model is built.
_TRAINING = {
    *("name", "trainable", "autocast", "batch_input_shape", "batch_shape", "input_shape", "sparse", "ragged"),
    *("momentum", "renorm", "renorm_clipping", "renorm_momentum", "synchronized", "fused", "virtual_batch_size"),
    *("ema_freeze_delay", "ema_decay", "current_step", "quantization_delay"),
    *("rate", "noise_shape", "seed", "stddev", "l1", "l2"),
    # QKeras's own, long without effect.
    *("kernel_range", "bias_range", "depthwise_range", "pointwise_range", "gamma_range", "beta_range"),
}
_TRAINING_ENDS = ("_initializer", "_regularizer", "_constraint")
# What the stored weights say themselves.
_SHAPES = {"filters", "units", "kernel_size", "depth_multiplier", "shared_axes", "per_channel"}
# Of weights that the layer may have been told to leave out.
_LEFT_OUT = {"bias_quantizer", "gamma_quantizer", "beta_quantizer"}


class UnknownOptions(ModelError):
    """A layer has options that hwgen doesn't know; `options` names them."""

    def __init__(self, layer: KerasLayer, options: list[str]):
        self.options = tuple(options)
        first = f"{options[0]}={layer.config[options[0]]!r}"
        more = f", and {len(options) - 1} more" if options[1:] else ""
        reason = f"has the option {first[:80]}{more}, which hwgen doesn't know for {layer.class_name}"
        super().__init__(reason, layer=layer.name, change="build it without, or tell hwgen's authors")


class Options(Mapping):
    """A layer's configuration, which remembers the keys that were asked for."""

    def __init__(self, layer: KerasLayer):
        self._layer, self._read = layer, set()

    def __getitem__(self, key: str):
        self._read.add(key)
        return self._layer.config[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layer.config)

    def __len__(self) -> int:
        return len(self._layer.config)

    def check(self) -> None:
        """Raises UnknownOptions where the layer has options that were neither read nor are without consequence."""
        known = self._read | _TRAINING | _SHAPES | _LEFT_OUT
        unknown = [key for key in self if key not in known and not key.endswith(_TRAINING_ENDS)]
        # What isn't set has no effect, whatever it is.
        if unknown := [key for key in unknown if self._layer.config[key] is not None]:
            raise UnknownOptions(self._layer, unknown)
