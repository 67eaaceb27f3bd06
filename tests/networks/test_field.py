"""Networks in the style of the field, small: residual, U-Net with skips, jets, two inputs."""

import numpy as np
import pytest

pytest.importorskip("qkeras")

from qkeras import QActivation, QConv2D, QConv2DBatchnorm, QDense, quantized_bits, quantized_relu

from tests.networks.proof import on_grid, prove, trained
from tests.qkeras_truth import keras

L = keras.layers
BIAS = quantized_bits(6, 2, alpha=1)

# Keras warns of QKeras: of an initializer that it uses twice, of a constraint that it serializes.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def conv(filters, kernel, name, alpha=1, strides=1, **options):
    quantizer = quantized_bits(4, 0, alpha=alpha)
    options = {"padding": "same", "bias_quantizer": BIAS} | options
    return QConv2D(filters, kernel, strides=strides, kernel_quantizer=quantizer, name=name, **options)


def folded(filters, kernel, name, strides=1):
    """A convolution with its batch normalisation in it, as in RN07."""
    quantizer = quantized_bits(6, 0, alpha=1)
    return QConv2DBatchnorm(
        filters, kernel, strides=strides, padding="same", kernel_quantizer=quantizer, bias_quantizer=BIAS, name=name
    )


def dense(units, name, bits=6, **options):
    return QDense(units, kernel_quantizer=quantized_bits(bits, 0, alpha=1), bias_quantizer=BIAS, name=name, **options)


def relu(bits=4, integer=1):
    return QActivation(quantized_relu(bits, integer))


def test_residual_network():
    """ResNet-8 in small: a plain block, and one that halves the image with a 1 × 1 convolution on the skip."""
    inputs = L.Input((8, 8, 3), name="image")
    x = relu()(folded(4, 3, "stem")(inputs))
    y = relu()(folded(4, 3, "a1")(x))
    x = relu()(L.Add()([folded(4, 3, "a2")(y), x]))
    y = relu()(folded(6, 3, "b1", strides=2)(x))
    x = relu()(L.Add()([folded(6, 3, "b2")(y), conv(6, 1, "skip", "auto_po2", strides=2)(x)]))
    x = L.GlobalAveragePooling2D()(x)
    model = trained(keras.Model(inputs, dense(10, "scores")(x), name="residual"), 1)
    prove(model, on_grid(1, (8, 8, 3), 0, 255, 2**-8), input_type="ufixed<8,0>")


def test_perceptron_for_jets():
    """16 features of a jet, five classes, as in the papers on hls4ml; the softmax is left to the host."""
    inputs = L.Input((16,), name="features")
    x = inputs
    for k, units in enumerate((64, 32, 32)):
        x = relu(6, 0)(dense(units, f"fc{k}")(x))
    x = dense(5, "scores")(x)
    model = keras.Model(inputs, L.Activation("softmax", name="classes")(x), name="jets")
    truth = keras.Model(inputs, x)
    trained(model, 2)
    design = prove(model, on_grid(2, (16,), -512, 511, 2**-7), truth, input_type="fixed<10,3>", interval=64)
    assert design.compiled.integer.softmax == ("classes",)
    assert design.simulated.top1["output"].tolist() == design.simulated.outputs["output"].argmax(axis=1).tolist()


def two_inputs_and_outputs():
    """An image and a few numbers beside it; the inputs are given in another order than they are made in."""
    image, numbers = L.Input((6, 6, 2), name="image"), L.Input((5,), name="numbers")
    x = relu()(conv(4, 3, "conv", strides=2, padding="valid")(image))
    x = L.GlobalAveragePooling2D()(x)
    y = relu(5, 0)(dense(3, "inner")(numbers))
    both = L.Concatenate(name="both")([x, y])
    return trained(keras.Model([numbers, image], [dense(4, "classes")(both), both, y], name="pair"), 3)


def test_two_inputs_and_three_outputs(tmp_path):
    """One of the outputs is used on inside, one is an input of that one."""
    model = two_inputs_and_outputs()
    frames = [on_grid(3, (5,), -128, 127, 2**-4), on_grid(4, (6, 6, 2), 0, 15, 2**-4)]
    types = {"image": "ufixed<4,0>", "numbers": "fixed<8,4>"}
    design = prove(model, frames, input_type=types)
    ports = {port["name"]: port for port in design.report()["ports"]}
    assert [port["layer"] for port in ports.values()][:4] == ["numbers", "image", "classes", "both"]
    assert list(ports) == ["s_axis", "s_axis_1", "m_axis", "m_axis_1", "m_axis_2"]
    assert ports["s_axis_1"] == {
        "name": "s_axis_1",
        "layer": "image",
        "shape": [6, 6, 2],
        "type": "ufixed<4,0>",
        "bytes": 1,
        "lanes": 1,
    } | {"lanes": ports["s_axis_1"]["lanes"]}
    written = design.write(tmp_path / "out")
    for k, output in enumerate(design.evaluate(frames)):
        assert np.array_equal(np.load(written / "sim" / f"outputs{k or ''}.npy"), output)
    assert "numbers" in (written / "report.html").read_text()


def test_two_inputs_on_the_command_line(tmp_path, capsys):
    from hwgen.__main__ import main

    model = two_inputs_and_outputs()
    numbers, image = on_grid(5, (5,), -128, 127, 2**-4), on_grid(6, (6, 6, 2), 0, 15, 2**-4)
    first, second, third = (np.asarray(y) for y in model([numbers, image]))
    model.save(tmp_path / "pair.h5")
    frames = {"numbers": numbers, "image": image, "expected": first, "expected2": third, "y1": second.argmax(axis=1)}
    np.savez(tmp_path / "frames.npz", **frames)
    types = ["--input-type", "numbers=fixed<8,4>", "--input-type", "image=ufixed<4,0>"]
    options = [*types, "--simulate", str(tmp_path / "frames.npz"), "--simulator", "icarus", "-o", str(tmp_path / "out")]
    assert main([str(tmp_path / "pair.h5"), *options]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "ports: s_axis numbers, s_axis_1 image, m_axis classes, m_axis_1 both, m_axis_2 " in text
    assert "outputs equal to the model's own: 2 of 2 frames output 2 outputs equal to the model's own: 2 of 2" in text
    assert "accuracy: output 1 hardware 100.0 % on 2 labelled frames" in text
