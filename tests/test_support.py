"""docs/support.md says what the compiler says; and of Keras's own layers the compiler says the same, and is right."""

import inspect
import warnings

import numpy as np

from benchmarks.support import INPUT, PAGE, page, verdict
from benchmarks.support_cases import QUANTIZERS, as_activation, as_kernel, layer_cases, quantizer_texts
from hwgen.checking import check
from hwgen.graph import evaluate
from hwgen.quantize import READERS, frames_to_raw, quantize, raw_to_real
from hwgen.read import read
from tests.qkeras_truth import keras


def test_the_page_is_what_the_compiler_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m benchmarks.support"


def test_every_layer_and_quantizer_is_tried():
    import qkeras.quantizers

    assert READERS.keys() <= layer_cases().keys()
    base = qkeras.quantizers.BaseQuantizer
    classes = inspect.getmembers(
        qkeras.quantizers, lambda c: inspect.isclass(c) and issubclass(c, base) and c is not base
    )
    assert {name for name, _ in classes} <= QUANTIZERS.keys()


def classes_of_keras(kind: str):
    import qkeras

    return getattr(qkeras, kind, None) or getattr(keras.layers, kind, None)


def built(case):
    """The case as Keras builds it, with the same weights; None where this Keras has no such layer, or refuses it."""
    kind = classes_of_keras(case.kind)
    if kind is None:
        return None
    keras.backend.clear_session()
    inputs = [keras.layers.Input(case.shape, name=f"x{k}") for k in range(case.inputs)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = kind(name="layer", **case.options)
            model = keras.Model(inputs, layer(inputs if case.inputs > 1 else inputs[0]))
    except Exception:  # what Keras raises of options that it refuses, and QKeras of a TensorFlow too new for it
        return None
    stored = case.weights()
    for variable in layer.weights:
        name = variable.name.partition(":")[0].rpartition("/")[2]
        if name in stored and stored[name].size == np.prod(variable.shape):  # else the layer works on another axis
            variable.assign(stored[name].reshape(variable.shape))
    return model


def test_of_kerass_own_layers_the_compiler_says_the_same():
    """And where it says exact, and QKeras doesn't round, the integers are QKeras's."""
    cases = [case for cases in layer_cases().values() for case in cases]
    cases += [
        make(text) for texts in quantizer_texts().values() for text in texts for make in (as_kernel, as_activation)
    ]
    outcomes = [(case, outcome(case)) for case in cases]
    wrong = [(case, said) for case, said in outcomes if said not in ("no such layer", "refused", "rounds", "equal")]
    assert not wrong, "\n".join(f"{case.kind} {dict(case.options)}: {said}" for case, said in wrong)
    said = [said for _, said in outcomes]
    assert said.count("equal") > 150 and said.count("no such layer") < 30


def outcome(case) -> str:
    """Whether the compiler says of Keras's layer what it says of the case, and has its values."""
    model, said = built(case), verdict(case)
    if model is None:
        return "no such layer"
    network = read(model)
    found = check(model, input_type=INPUT)
    if found.exact != said.exact:
        return f"of Keras's layer: {[*map(str, found.problems)]}, of the case: {[*map(str, said.problems)]}"
    if not found.exact:
        return "refused"
    if any(row.rounds or "softmax" in row.hardware for row in found.rows):
        return "rounds"
    rng = np.random.default_rng(1)
    frames = [(rng.integers(-128, 128, (4, *case.shape)) / 32).astype(np.float32) for _ in model.inputs]
    theirs = np.asarray(model(frames if len(frames) > 1 else frames[0], training=False))
    graph = quantize(network, INPUT)
    raw = {name: frames_to_raw(graph, x, name) for name, x in zip(graph.inputs, frames)}
    (out,) = graph.outputs
    ours = raw_to_real(graph[out.node].type, evaluate(graph, raw)[out.node]).reshape(theirs.shape)
    return "equal" if np.array_equal(ours, theirs) else f"values differ: {theirs.ravel()[:4]}, {ours.ravel()[:4]}"
