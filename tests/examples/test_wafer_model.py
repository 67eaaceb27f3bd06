"""The reference network is the one that was published: its table, its sizes, its bits; and hwgen's integers are QKeras's."""

import warnings

import numpy as np
import pytest

import hwgen
from benchmarks import wafer

# After A. Pinzari et al., "Inside the AI Accelerators: From High Performance to Energy Efficiency", section 4.3: layer,
# output, parameters, millions of multiplications a frame, number of values that a weight can have.
TABLE = [
    ("q_conv2d", (109, 109, 32), 1_600, 18.63, 15),
    ("q_conv2d_1", (54, 54, 32), 1_056, 2.99, 2),
    ("q_conv2d_2", (54, 54, 8), 264, 0.75, 2),
    ("q_conv2d_3", (54, 54, 8), 264, 0.75, 2),
    ("q_conv2d_4", (54, 54, 32), 2_336, 6.72, 2),
    ("q_conv2d_5", (54, 54, 32), 6_432, 18.66, 2),
    ("q_conv2d_6", (54, 54, 32), 1_056, 2.99, 2),
    ("q_conv2d_7", (27, 27, 12), 1_548, 1.12, 2),
    ("q_conv2d_8", (14, 14, 116), 12_644, 2.46, 2),
    ("q_conv2d_9", (7, 7, 116), 121_220, 5.93, 2),
    ("q_dense", (58,), 329_730, 0.33, 15),
]
SHAPES = {"pool": (54, 54, 32), "concatenate": (54, 54, 128), "pool_2": (27, 27, 128), "flatten": (5_684,)}


@pytest.fixture(scope="module")
def defined():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow, as it is imported
        return wafer.network()


def made(defined, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, about initializers that nothing is drawn from
        return defined["randomize"](defined["build"](*arguments, **options), 1)


@pytest.fixture(scope="module")
def model(defined):
    return made(defined)


def test_parameters_are_those_of_the_published_network(model):
    assert model.count_params() == 478_150
    weights = sum(int(np.prod(layer.get_weights()[0].shape)) for layer in model.layers if layer.get_weights())
    assert weights == 477_672


@pytest.mark.parametrize(("name", "shape", "parameters", "macs", "levels"), TABLE, ids=[row[0] for row in TABLE])
def test_layers_are_those_of_the_published_table(model, name, shape, parameters, macs, levels):
    layer = model.get_layer(name)
    kernel = layer.get_weights()[0]
    assert tuple(layer.output_shape[1:]) == shape
    assert layer.count_params() == parameters
    positions = int(np.prod(shape[:-1]))
    assert kernel.size * positions / 1e6 == pytest.approx(macs, abs=0.006)
    quantized = np.unique(np.asarray(layer.kernel_quantizer_internal(kernel)))
    assert len(quantized) == levels and np.array_equal(quantized, -quantized[::-1])


def test_no_other_layer_has_weights_and_shapes_between_are_as_published(model):
    assert {layer.name for layer in model.layers if layer.get_weights()} == {row[0] for row in TABLE}
    for name, shape in SHAPES.items():
        assert tuple(model.get_layer(name).output_shape[1:]) == shape


def test_activations_have_four_bits(model):
    import tensorflow as tf

    values = tf.constant(np.linspace(-3, 3, 1001, dtype=np.float32))
    names = ["pixels", *(f"{name}_relu" for name, *_ in TABLE[:-1])]
    for name in names:
        assert len(np.unique(np.asarray(model.get_layer(name)(values)))) == 16, name


def test_width_scales_the_channels_between_input_and_classes(defined):
    half = made(defined, 0.5)
    assert tuple(half.get_layer("q_conv2d").output_shape[1:]) == (109, 109, 16)
    assert tuple(half.get_layer("q_conv2d_9").output_shape[1:]) == (7, 7, 58)
    assert half.output_shape == (None, 58)


def test_the_integer_model_gives_qkeras_scores(defined):
    from tensorflow.keras import Model

    small = made(defined, 0.25, side=56)
    frames = wafer.frames(2, 56)
    expected = np.asarray(Model(small.inputs, small.get_layer("q_dense").output)(frames, training=False))
    assert len(np.unique(expected)) > 100, "the frames tell nothing"
    assert np.array_equal(hwgen.compile(small, "zybo").evaluate(frames), expected)
