"""QKeras's quantizers as exact integers: `parse` a stored one, then `.weights(latent)` or `.function()`."""

from hwgen.quantizers.base import QuantizedWeights, Quantizer, UnsupportedQuantizer
from hwgen.quantizers.parse import parse

__all__ = ["QuantizedWeights", "Quantizer", "UnsupportedQuantizer", "parse"]
