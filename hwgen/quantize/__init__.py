"""Quantize: a network of Keras layers becomes a graph of integer ops that computes the same, exactly.

Floats stop here. Every layer has a reader, a function that looks at the layer's configuration and weights and adds
the ops that compute it; `READERS` lists them all. A layer that isn't in the table is refused by name.

The result is equal to QKeras's own wherever QKeras's float32 arithmetic is exact: on scales that are powers of two
and sums below 2^24 steps. Elsewhere it is the same model in exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from hwgen.errors import ModelError
from hwgen.graph import Graph, Node, Ref, verify
from hwgen.network import KerasLayer, Network
from hwgen.ops import Input
from hwgen.quantize import activations, adaptive, convs, dense, linear, merges, norms, pools, separable, shapes
from hwgen.quantize import upsampling as up
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.frames import frames_to_raw, raw_to_real
from hwgen.quantize.inputs import InputType, input_types
from hwgen.quantize.refusals import check_size, unknown_layer
from hwgen.tensor import TensorType

__all__ = ["READERS", "InputType", "frames_to_raw", "quantize", "raw_to_real"]

READERS: dict[str, Callable[[LayerBuilder], Value]] = {
    "Activation": activations.activation,
    "QActivation": activations.activation,
    "ReLU": activations.relu,
    "LeakyReLU": activations.leaky_relu,
    "ThresholdedReLU": activations.thresholded_relu,
    "PReLU": activations.prelu,
    "QAdaptiveActivation": adaptive.adaptive,
    "Softmax": activations.softmax,
    **dict.fromkeys(("QConv1D", "QConv2D"), convs.conv),
    "QConv2DBatchnorm": convs.conv_batchnorm,
    "QDepthwiseConv2D": convs.depthwise,
    "QDepthwiseConv2DBatchnorm": convs.depthwise_batchnorm,
    "QDense": dense.dense,
    "QDenseBatchnorm": dense.dense_batchnorm,
    "QConv2DTranspose": up.conv_transpose,
    **dict.fromkeys(("QSeparableConv1D", "QSeparableConv2D"), separable.separable),
    **dict.fromkeys((*linear.FLOAT, *linear.FLOAT_ONLY), linear.refuse_float),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), pools.max_pooling),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), pools.average_pooling),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D"), pools.global_max_pooling),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), pools.global_average_pooling),
    "QAveragePooling2D": pools.q_average_pooling,
    "QGlobalAveragePooling2D": pools.q_global_average_pooling,
    "BatchNormalization": norms.batch_normalization,
    "QBatchNormalization": norms.q_batch_normalization,
    "Concatenate": merges.concatenate,
    "Add": merges.add,
    "Subtract": merges.subtract,
    "Average": merges.average,
    "Maximum": merges.maximum,
    "Minimum": merges.minimum,
    "Multiply": merges.multiply,
    "Flatten": shapes.flatten,
    "Reshape": shapes.reshape,
    "Permute": shapes.permute,
    "RepeatVector": shapes.repeat_vector,
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), shapes.zero_padding),
    **dict.fromkeys(("UpSampling1D", "UpSampling2D"), up.nearest),
    **dict.fromkeys(("Cropping1D", "Cropping2D"), shapes.cropping),
    **dict.fromkeys(shapes.IDENTITIES, shapes.identity),
}


def quantize(network: Network, input_type: InputType = None) -> Graph:
    """The network as a graph of integer ops; each layer's result is the node of the layer's name.

    input_type: 'ufixed<W,I>' or 'fixed<W,I>' for the frames, or a dict of them by input; None, and what isn't in the
                dict, takes the grid of the quantizer that the model starts with.
    Raises ModelError, which names the layer, for what can't be exact hardware, OptionError for a bad input_type.
    """
    values: dict[str, Value] = {}
    nodes: list[Node] = []
    inputs = tuple(name for name, _ in network.inputs)
    for layer, type in input_types(network, input_type):  # in the model's order: the ports stand in that of the nodes
        made, values[layer.name] = read_input(layer, type)
        nodes.append(made)
    for layer in network.layers:
        if layer.class_name != "InputLayer":
            made, values[layer.name] = read_layer(layer, network.flavour, values)
            nodes += made
    outputs = [values[name] for name, _ in network.outputs]
    graph = Graph(
        name=network.name,
        nodes=tuple(nodes),
        inputs=inputs,
        outputs=tuple(value.ref for value in outputs),
        frame_shape={name: value.shape for name, value in values.items()},
        softmax=tuple(value.softmax for value in outputs if value.softmax),
    )
    return verify(graph)


def read_input(layer: KerasLayer, type: TensorType) -> tuple[Node, Value]:
    """The node of an InputLayer, and its value."""
    value = Value(Ref(layer.name), type, tuple(int(n) for n in layer.config["shape"]))
    check_size(layer, type.size)
    return Node(layer.name, Input(type), (), type, layer.name), value


def read_layer(layer: KerasLayer, flavour: str, values: Mapping[str, Value]) -> tuple[list[Node], Value]:
    """The nodes of one layer and its result. values: those of the layers that it reads. Raises ModelError."""
    reader = READERS.get(layer.class_name)
    if reader is None:
        raise unknown_layer(layer)
    for source, index in layer.inbound:
        if index:
            raise ModelError(f"reads output {index} of {source!r}", layer=layer.name, change="use one output a layer")
        if values[source].softmax:
            change = "end the model with the softmax, or use a quantized activation"
            raise ModelError("a softmax inside the network isn't exact", layer=values[source].softmax, change=change)
    build = LayerBuilder(layer, flavour, tuple(values[source] for source, _ in layer.inbound))
    try:
        value = build.finish(reader(build))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as problem:
        what = f"{type(problem).__name__}: {problem}".splitlines()[0][:120]
        change = "save the model again with Keras, or tell hwgen's authors"
        raise build.error(f"its configuration can't be understood ({what})", change) from problem
    windows = (prod(getattr(node.op, "kernel", ())) * node.type.channels for node in build.nodes)
    check_size(layer, value.type.size, *windows)
    return build.nodes, value
