import pytest

from hwgen.errors import ModelError, OptionError
from hwgen.network import KerasLayer, Network
from hwgen.quantize import quantize
from hwgen.quantize.inputs import parse_input_type, parse_options
from tests.quantize.networks import RELU4, chain, conv, layer

SHAPE = (4, 4, 1)


@pytest.mark.parametrize(
    "text, lo, hi, frac",
    [
        ("ufixed<8,0>", 0, 255, 8),
        ("fixed<8,1>", -128, 127, 7),
        ("ufixed<1,1>", 0, 1, 0),
        (" fixed < 4 , 6 > ", -8, 7, -2),
        ("ufixed<4,-2>", 0, 15, 6),
        ("ufixed<32,32>", 0, 2**32 - 1, 0),
    ],
)
def test_types(text, lo, hi, frac):
    type = parse_input_type(text, SHAPE)
    assert (type.lo, type.hi, type.frac, type.shape) == (lo, hi, frac, SHAPE)


@pytest.mark.parametrize("text", ["", "int8", "ufixed<8>", "ufixed<8,0", "sfixed<8,0>", "ufixed<-8,0>", "fixed<8.0,0>"])
def test_bad_types_show_a_good_one(text):
    with pytest.raises(OptionError, match="ufixed<8,0>"):
        quantize(chain(SHAPE, layer("Flatten")), text)


@pytest.mark.parametrize("text", ["ufixed<0,0>", "fixed<1,1>", "ufixed<33,0>"])
def test_widths_that_make_no_sense(text):
    with pytest.raises(OptionError, match="bits;"):
        parse_input_type(text, SHAPE)


def quantizer(name, **config):
    return layer("QActivation", activation={"class_name": name, "config": config})


@pytest.mark.parametrize(
    "first, lo, hi, frac",
    [
        (quantizer("quantized_relu", bits=4, integer=1), 0, 15, 3),
        (quantizer("quantized_bits", bits=4, integer=1, alpha=1), -8, 7, 2),
        (quantizer("quantized_bits", bits=4, integer=0, symmetric=1, alpha=1), -7, 7, 3),
        (layer("Activation", activation="quantized_relu(8)"), 0, 255, 8),
    ],
)
def test_the_grid_of_the_quantizer_at_the_start(first, lo, hi, frac):
    type = quantize(chain(SHAPE, first))["input"].type
    assert (type.lo, type.hi, type.frac) == (lo, hi, frac)


def test_layers_that_change_no_value_are_looked_through():
    model = chain(SHAPE, layer("Dropout"), layer("Flatten"), layer("QActivation", activation=RELU4))
    assert quantize(model)["input"].type.hi == 15


@pytest.mark.parametrize(
    "layers",
    [
        [layer("Flatten")],
        [conv([[[[0.5]]]])],
        [layer("Activation", activation="relu")],
        [quantizer("binary", alpha=1)],
        [quantizer("quantized_relu", bits=4, negative_slope=0.25)],
        [quantizer("quantized_relu_po2", bits=4)],
        [layer("QActivation", "a", activation=RELU4), layer("MaxPooling2D", "b", ["input"], pool_size=2)],
        [layer("QActivation", "a", activation=RELU4), quantizer("quantized_relu", bits=5)],
    ],
)
def test_models_that_do_not_say_it(layers):
    if len(layers) == 2 and layers[1].inbound is None:
        layers = [layers[0], layer("QActivation", "b", ["input"], **layers[1].config)]
    model = chain(SHAPE, *layers, outputs=[layers[-1].name] if len(layers) > 1 else None)
    with pytest.raises(ModelError, match=r"layer 'input'.*--input-type 'ufixed<8,0>'"):
        quantize(model)


def test_the_option_wins_over_the_quantizer():
    model = chain(SHAPE, layer("QActivation", "act", activation=RELU4))
    graph = quantize(model, "ufixed<8,0>")
    assert graph["input"].type.hi == 255 and graph["act"].type.hi == 15


def two_inputs(*layers, outputs, names=("a", "b")):
    inputs = tuple(KerasLayer(name, "InputLayer", {"shape": SHAPE}) for name in ("a", "b"))
    made = tuple(KerasLayer(f"l{k}", item.class_name, item.config, item.inbound) for k, item in enumerate(layers))
    ends = tuple((name, 0) for name in outputs)
    return Network("test", "0.9", inputs + made, tuple((name, 0) for name in names), ends)


def test_types_of_several_inputs():
    start = layer("QActivation", inbound=["a"], activation=RELU4)
    model = two_inputs(start, layer("Add", inbound=["l0", "b"]), outputs=["l1"], names=("b", "a"))
    graph = quantize(model, {"b": "fixed<8,1>"})
    assert graph.inputs == ("b", "a") and [node.name for node in graph.nodes[:2]] == ["b", "a"]
    assert (graph["a"].type.hi, graph["b"].type.lo) == (15, -128)
    assert quantize(model, "ufixed<8,0>")["a"].type.hi == 255
    with pytest.raises(OptionError, match="no input 'c' to give a type; its inputs: 'b', 'a'"):
        quantize(model, {"c": "fixed<8,1>"})
    with pytest.raises(ModelError, match="layer 'b': .*; say --input-type b=TYPE, 'ufixed<8,0>'"):
        quantize(model)


def test_an_input_that_feeds_nothing():
    model = two_inputs(layer("Dropout", inbound=["a"]), outputs=["l0"])
    with pytest.raises(ModelError, match="layer 'b': is an input that feeds nothing; leave it out"):
        quantize(model, "ufixed<8,0>")
    assert quantize(two_inputs(outputs=["b", "a"]), "ufixed<8,0>").outputs[0].node == "b"


def test_options_of_the_command_line():
    assert parse_options([]) is None and parse_options(["fixed<8,1>"]) == "fixed<8,1>"
    assert parse_options(["a=fixed<8,1>", "b/c=ufixed<4,0>"]) == {"a": "fixed<8,1>", "b/c": "ufixed<4,0>"}
    for texts in (["fixed<8,1>", "a=fixed<8,1>"], ["a=x", "a=y"], ["fixed<8,1>", "fixed<8,0>"]):
        with pytest.raises(OptionError, match="--input-type NAME=TYPE"):
            parse_options(texts)


@pytest.mark.parametrize("shape", [(None, 4, 1), (1, 2, 3, 4), ()])
def test_shapes_without_a_place_in_hardware(shape):
    with pytest.raises(ModelError, match="input of shape"):
        quantize(chain(shape, layer("Dropout")), "ufixed<8,0>")
