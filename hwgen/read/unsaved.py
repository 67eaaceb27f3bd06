"""What layers of a live model compute with and QKeras leaves out of a saved one.

Such a model gives other values once it is saved and loaded. hwgen reads what would be saved, so it is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from hwgen.errors import ModelError

# Not stored either, but without effect on inference.
_HARMLESS = ("var_name", "use_ste", "use_variables", "temperature", "use_real_sigmoid", "training")
# Which parameter must be set for another to have an effect.
_NEEDS = {"is_quantized_clip": "relu_upper_bound"}
_CHANGE = "leave it out, or compile the model as it is once saved and loaded"


def check(name: str, layer) -> None:
    """Raises ModelError where the live layer has a parameter that changes values and is lost on saving."""
    adaptive = type(layer).__name__ == "QAdaptiveActivation"
    if adaptive and getattr(layer, "relu_upper_bound", None):
        raise _lost(name, "QAdaptiveActivation", "relu_upper_bound", layer.relu_upper_bound)
    for quantizer in () if adaptive else _quantizers(layer):
        for key, value in _unsaved(quantizer):
            raise _lost(name, type(quantizer).__name__, key, value)
    function = getattr(layer, "activation", None)
    if getattr(function, "__name__", None) == "hard_sigmoid":
        # Two functions of one name: a layer loaded from a file takes that of its own package.
        if type(layer).__name__.startswith("Q") != function.__module__.startswith("qkeras"):
            reason = f"its activation is the hard_sigmoid of {function.__module__}, which a saved model doesn't say"
            raise ModelError(reason, layer=name, change="give the activation by its name, or use quantized_sigmoid")


def _lost(name: str, owner: str, key: str, value) -> ModelError:
    reason = f"{owner} has {key}={value!r}, which QKeras leaves out of a saved model"
    return ModelError(reason, layer=name, change=_CHANGE)


def _quantizers(layer) -> Iterator:
    for value in vars(layer).values():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if hasattr(type(item), "_set_trainable_parameter") and hasattr(type(item), "get_config"):
                yield item


def _unsaved(quantizer) -> Iterator[tuple[str, object]]:
    """Parameters that aren't in the quantizer's configuration and don't have their default."""
    stored = quantizer.get_config()
    for key, parameter in inspect.signature(type(quantizer).__init__).parameters.items():
        if key in stored or key in _HARMLESS or parameter.default is inspect.Parameter.empty:
            continue
        value = getattr(quantizer, key, parameter.default)
        needed = _NEEDS.get(key)
        if value is not parameter.default and value != parameter.default:
            if needed is None or getattr(quantizer, needed, None):
                yield key, value
