"""Live models whose quantizers have parameters that QKeras doesn't save: refused, as their saved copies compute else."""

import numpy as np
import pytest

pytest.importorskip("qkeras")

import qkeras
import tensorflow as tf
from qkeras.utils import load_qmodel

import hwgen
from hwgen.errors import ModelError
from hwgen.read import read
from tests.keras3 import run_keras3
from tests.qkeras_truth import keras

L = keras.layers

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def model(layer, shape=(6, 6, 3)):
    inputs = L.Input(shape, name="input")
    made = keras.Model(inputs, layer(inputs), name="live")
    rng = np.random.default_rng(4)
    made.set_weights([rng.normal(0, 0.8, w.shape).astype(np.float32) for w in made.get_weights()])
    return made


def conv(**options):
    return qkeras.QConv2D(4, 3, kernel_quantizer=qkeras.quantized_bits(4, 0, alpha="auto", **options), name="layer")


def relu(**options):
    return qkeras.QActivation(qkeras.quantized_relu(4, 2, relu_upper_bound=1.3, **options), name="layer")


REFUSED = {
    "scale axis": (lambda: conv(scale_axis=2), "quantized_bits has scale_axis=2, which QKeras leaves out"),
    "clip": (lambda: relu(is_quantized_clip=False), "quantized_relu has is_quantized_clip=False, which QKeras leaves"),
    "function": (
        lambda: L.Activation(qkeras.quantizers.hard_sigmoid, name="layer"),
        "its activation is the hard_sigmoid of qkeras.quantizers, which a saved model doesn't say; give the activation",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_rightly_so(name, tmp_path):
    make, text = REFUSED[name]
    made = model(make())
    with pytest.raises(ModelError, match=f"layer 'layer': {text}"):
        read(made)
    made.save(tmp_path / "model.h5")
    loaded = load_qmodel(str(tmp_path / "model.h5"), compile=False)
    frames = tf.constant(np.random.default_rng(5).normal(0, 2, (2, 6, 6, 3)).astype(np.float32))
    assert not np.array_equal(made(frames), loaded(frames))


def test_adaptive_bound():
    layer = qkeras.QAdaptiveActivation("quantized_relu", 4, relu_upper_bound=1.5, name="layer")
    with pytest.raises(ModelError, match="QAdaptiveActivation has relu_upper_bound=1.5, which QKeras leaves out"):
        read(model(layer))


def test_in_a_model_in_a_model():
    inner = keras.Sequential([L.Input((6, 6, 3)), conv(scale_axis=2)], name="inner")
    with pytest.raises(ModelError, match="layer 'inner/layer': quantized_bits has scale_axis=2"):
        hwgen.compile(model(inner), input_type="fixed<8,3>")


@pytest.mark.parametrize(
    "make",
    [
        lambda: conv(use_ste=False, var_name="kernel"),
        lambda: qkeras.QActivation(qkeras.quantized_relu(4, 2, is_quantized_clip=False), name="layer"),
        lambda: L.Activation("hard_sigmoid", name="layer"),
        lambda: qkeras.QDense(2, kernel_quantizer=qkeras.binary(), activation="hard_sigmoid", name="layer"),
        lambda: qkeras.QBatchNormalization(name="layer"),
    ],
)
def test_read_where_it_makes_no_difference(make):
    assert "layer" in [layer.name for layer in read(model(make())).layers]


def test_qkeras_v3():
    script = """
import qkeras, keras
from hwgen.errors import ModelError
from hwgen.read import read
for options in ({}, {"min_po2_exponent": -3}, {"scale_axis": 1}):
    quantizer = qkeras.quantized_bits(4, 0, alpha="auto_po2", **options)
    inputs = keras.layers.Input((3,))
    model = keras.Model(inputs, qkeras.QDense(2, kernel_quantizer=quantizer, name="layer")(inputs))
    try:
        read(model)
        print("read")
    except ModelError as problem:
        print(problem)
"""
    first, second, third = run_keras3(script).splitlines()
    assert first == "read" and "min_po2_exponent=-3, which QKeras leaves out" in second and "scale_axis=1" in third
