"""What to say of layers that have no reader, and of those that are absurdly large."""

from __future__ import annotations

from hwgen.errors import ModelError
from hwgen.network import KerasLayer
from hwgen.read.limits import MAX_FRAME

_RECURRENT = ("LSTM", "GRU", "RNN", "Bidirectional", "TimeDistributed")
_RECTIFIER = "use QActivation('quantized_relu(4)') or ReLU"
_INSTEAD = {
    "Lambda": "use layers in its place: code in a model is never run",
    **dict.fromkeys(("LayerNormalization", "GroupNormalization", "UnitNormalization"), "use BatchNormalization"),
    **dict.fromkeys(("ELU", "GELU"), _RECTIFIER),
    "QDepthwiseConv2DTranspose": "use UpSampling2D and QDepthwiseConv2D",
    "QSeparableConv2DTranspose": "use QConv2DTranspose, or UpSampling2D and QSeparableConv2D",
    "Rescaling": "train on frames that are scaled already, and say their type",
    "Normalization": "train on frames that are scaled already, and say their type",
}
_LIST = "use others: docs/support.md lists those that can be hardware"


def unknown_layer(layer: KerasLayer) -> ModelError:
    """The refusal of a layer whose class has no reader."""
    if any(word in layer.class_name for word in _RECURRENT):
        reason = f"{layer.class_name} layers can't become streaming hardware"
        return ModelError(reason, layer=layer.name, change="use convolutions or dense layers in its place")
    change = _INSTEAD.get(layer.class_name, _LIST)
    return ModelError(f"layers of class {layer.class_name} aren't supported", layer=layer.name, change=change)


def check_size(layer: KerasLayer, *counts: int) -> None:
    """Raises ModelError where one of these numbers of values is absurd, before anything is made of that size."""
    if max(counts, default=0) > MAX_FRAME:
        reason = f"it has more than {MAX_FRAME:,} values in a frame or in a window"
        raise ModelError(reason, layer=layer.name, change="use a smaller one")
