"""Everything that can't be exact is refused in one line that names the layer and what to change."""

import numpy as np
import pytest

from hwgen.errors import ModelError
from hwgen.quantize import quantize
from tests.quantize.networks import BITS4, RELU4, chain, conv, dense, layer

ONE = np.full((1, 1, 2, 2), 0.5)
VECTOR = np.full((2, 2), 0.5)
NORM = {"moving_mean": [0, 0], "moving_variance": [1, 1], "gamma": [1, 1], "beta": [0, 0]}
EVEN = "quantized_relu_po2(6,quadratic_approximation=True)"
PLAIN = {"strides": (1, 1), "padding": "valid"}


def norm(**changes):
    return layer("BatchNormalization", weights=NORM | changes.pop("weights", {}), **({"axis": [3]} | changes))


REFUSED = {
    "lstm": (layer("LSTM"), "LSTM layers can't become streaming hardware; use"),
    "gru": (layer("QGRU"), "QGRU layers can't become"),
    "unknown": (layer("Lambda"), "layers of class Lambda aren't supported; use layers in its place"),
    "float conv": (
        layer("Conv2D", weights={"kernel": ONE}),
        "Conv2D has float weights.*; use QConv2D.*_quantizer",
    ),
    "float dense": (layer("Dense", weights={"kernel": ONE}), "Dense has float weights.*; use QDense"),
    "float depthwise": (layer("DepthwiseConv2D"), "use QDepthwiseConv2D.*depthwise_quantizer"),
    "no kernel quantizer": (conv(ONE, kernel_quantizer=None), "has no kernel_quantizer: float weights"),
    "mask": (conv(ONE, mask=[[1]]), "mask=.* isn't supported"),
    "padding": (conv(ONE, padding="causal"), "padding='causal' isn't supported"),
    "channels first": (conv(ONE, data_format="channels_first"), "rebuild the model with channels last"),
    "half precision": (conv(ONE, dtype="mixed_float16"), "computes in mixed_float16"),
    "half policy": (
        conv(ONE, dtype={"class_name": "DTypePolicy", "config": {"name": "bfloat16"}}),
        "in bfloat16",
    ),
    "half activation": (layer("Activation", activation="relu", dtype="float16"), "computes in float16"),
    "unknown option": (
        conv(ONE, blur=3),
        "has the option blur=3, which hwgen doesn't know for QConv2D; build it without",
    ),
    "unknown options": (
        layer("ReLU", max_value=None, kernel_initializer="zeros", knee=[0.5], tilt=2),
        r"has the option knee=\[0.5\], and 1 more, which hwgen doesn't know for ReLU",
    ),
    "conv on a vector": (layer("Flatten"), conv(ONE), r"input has shape \(32,\); 3 axes"),
    "too large": (conv(np.zeros((5, 5, 2, 2))), "5×5 window does not fit into 4×4"),
    "no weights": (layer("QConv2D", kernel_quantizer=BITS4, **PLAIN), "has no weight 'kernel'"),
    "nan": (conv(np.full((1, 1, 2, 2), np.nan)), "its kernel holds NaN"),
    "infinite bias": (conv(ONE, [np.inf, 0]), "its bias holds NaN or infinite"),
    "unknown quantizer": (conv(ONE, kernel_quantizer="my_quantizer(4)"), "my_quantizer"),
    "random quantizer": (conv(ONE, kernel_quantizer="bernoulli()"), "bernoulli"),
    "auto activation": (
        layer("QActivation", activation={"class_name": "quantized_bits", "config": {"bits": 4, "alpha": "auto"}}),
        "auto",
    ),
    "tanh": (layer("Activation", activation="tanh"), "tanh has no exact values; use quantized_tanh"),
    "gelu": (conv(ONE, activation="gelu"), "gelu has no exact values"),
    "unknown function": (
        layer("Activation", activation={"class_name": "function", "config": "my_function"}),
        "'my_function' isn't supported",
    ),
    "negative threshold": (layer("ReLU", threshold=-0.5), "threshold -0.5 is below 0"),
    "one slope a pixel": (
        layer("PReLU", weights={"alpha": np.arange(32).reshape(4, 4, 2)}),
        r"one slope a pixel; share them: shared_axes=\[1, 2\]",
    ),
    "falling slope": (layer("ReLU", negative_slope=-0.5), "slope of -0.5 isn't monotone"),
    "negative limit": (layer("ReLU", max_value=-1.0), "max_value -1.0 is below 0"),
    "inner softmax": (layer("Flatten"), layer("Softmax", "s"), dense(np.ones((32, 2))), "softmax inside the network"),
    "softmax over an image": (layer("Softmax"), r"softmax over \(4, 4, 2\)"),
    "softmax axis": (layer("Softmax", axis=1), "softmax over axis 1"),
    "average at the border": (
        layer("AveragePooling2D", pool_size=(3, 3), strides=(1, 1), padding="same"),
        "divide by another count at the border; use padding='valid'",
    ),
    "pool too large": (layer("MaxPooling2D", pool_size=5, strides=None, padding="valid"), "does not fit"),
    "norm axis": (norm(axis=[1]), "normalises axis 1; use the channel axis"),
    "negative variance": (norm(weights={"moving_variance": [1, -1]}), "moving_variance has negative values"),
    "no spread": (norm(weights={"moving_variance": [1, 0]}, epsilon=0.0), "moving_variance is 0"),
    "infinite norm": (norm(weights={"gamma": [np.inf, 1]}), "its gamma holds NaN or infinite"),
    "cat axis": (
        layer("Flatten", "a", ["input"]),
        layer("Flatten", "b", ["input"]),
        layer("Concatenate", "both", ["a", "b"], axis=2),
        "concatenates along axis 2; concatenate",
    ),
    "product": (
        layer("Dropout", "a", ["input"]),
        layer("Multiply", "both", ["a", "input"]),
        "multiplies two values that both vary, .*; use Add",
    ),
    "crop too much": (layer("Cropping2D", cropping=((1, 3), (0, 0))), r"leaves nothing of 4×4; use less"),
    "negative crop": (layer("Cropping2D", cropping=((1, -1), (0, 0))), "has a negative number; use 0 or more"),
    "permutation": (layer("Permute", dims=(1, 2)), r"dims=\(1, 2\) don't order 3 axes; name each"),
    "repeated image": (layer("RepeatVector", n=3), r"input has shape \(4, 4, 2\); 1 axes"),
    "cat of one": (layer("Concatenate", inbound=["input"]), "takes two inputs or more"),
    "reshape": (layer("Reshape", target_shape=(2, 2, 2, 4)), r"can't reshape \(4, 4, 2\) to \(2, 2, 2, 4\)"),
    "even exponents between two": (
        layer("QBatchNormalization", weights=NORM | {"moving_variance": [1, 8]}, variance_quantizer=EVEN, axis=[3]),
        "of 8, half way between even exponents",
    ),
    "even exponents as activation": (layer("QActivation", activation=EVEN), "can't be an activation"),
    "too wide": (norm(weights={"gamma": [1e-37, 1e37]}), "exact in 256 bits"),
    "fine bias": (conv(ONE, [1e-30, 1e10]), "its bias isn't exact in 62 bits.*; give it a bias_quantizer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    *layers, text = REFUSED[name]
    with pytest.raises(ModelError, match=text) as caught:
        quantize(chain((4, 4, 2), *layers), "ufixed<8,0>")
    message = str(caught.value)
    assert message.startswith("layer '") and "\n" not in message and "; " in message


def test_shapes_that_differ_name_both():
    pool = layer("MaxPooling2D", "pool", ["input"], pool_size=2, strides=None, padding="valid")
    for kind in ("Add", "Concatenate"):
        with pytest.raises(ModelError, match=r"layer 'both': .*differ"):
            quantize(chain((4, 4, 2), pool, layer(kind, "both", ["input", "pool"])), "ufixed<8,0>")


def test_a_second_output_of_a_layer():
    model = chain((4, 4, 2), layer("Dropout", "d"))
    broken = type(model)(
        model.name,
        model.flavour,
        (model.layers[0], type(model.layers[1])("d", "Dropout", {}, (("input", 1),))),
        model.inputs,
        model.outputs,
    )
    with pytest.raises(ModelError, match="layer 'd': reads output 1 of 'input'"):
        quantize(broken, "ufixed<8,0>")


def test_options_without_consequence_are_left_unread():
    """Those of training, those that aren't set, and those that say what the weights' shape says."""
    options = {"kernel_constraint": "my_clip", "trainable": False, "lora_rank": None, "filters": 2, "bias_range": 1.0}
    model = chain((4, 4, 2), conv(ONE, **options), layer("SpatialDropout2D", rate=0.5, seed=3))
    assert len(quantize(model, "ufixed<8,0>").nodes) == 3


def test_the_last_softmax_is_left_to_the_host():
    for last in (layer("Activation", "end", activation="softmax"), layer("Softmax", "end"), dense(VECTOR)):
        if last.class_name == "QDense":
            last = layer("QDense", "end", weights=last.weights, **(last.config | {"activation": "softmax"}))
        graph = quantize(chain((2,), layer("QActivation", activation=RELU4), last))
        assert graph.softmax == ("end",) and graph.outputs[0].node == "end"
