"""`--check`: every layer of a model with its types, its hardware and whether it is exact; and all that is wrong, at once.

Nothing is built. Behind a layer that is refused, reading goes on with something in its place
(`hwgen.quantize.standins`), so that the layers behind it are looked at as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from hwgen import ops
from hwgen.errors import ModelError
from hwgen.graph import Graph, Node
from hwgen.network import KerasLayer, Network
from hwgen.passes.lower_on import Lowered, lower_on
from hwgen.quantize import InputType, read_input
from hwgen.quantize.build import Value
from hwgen.quantize.inputs import input_types
from hwgen.quantize.standins import problems_alone, read_on
from hwgen.read import read
from hwgen.tensor import TensorType

__all__ = ["Check", "Problem", "Row", "check", "check_network"]

_ANY_TYPE = "ufixed<8,0>"


@dataclass(frozen=True)
class Problem:
    """One reason why the model isn't exact hardware, and what to change."""

    layer: str
    reason: str
    change: str | None

    def __str__(self) -> str:
        return str(ModelError(self.reason, layer=self.layer, change=self.change))


@dataclass(frozen=True)
class Row:
    """A layer. Types read as in `--input-type`: fixed<bits, those before the point with the sign>.

    weights, sum: of a layer that multiplies or sums; "" for others.
    hardware: the blocks that it becomes, or where else it is computed.
    exact:    True, False for a refused layer, None where it hangs on one that is: then `because` names that, and the
        types are those for a guess in its place.
    rounds:   whether QKeras's own float32 may round here, where hardware has the exact value.
    """

    layer: str
    kind: str
    shape: tuple[int, ...] | None = None
    input: str = ""
    weights: str = ""
    sum: str = ""
    output: str = ""
    hardware: str = ""
    exact: bool | None = True
    because: str = ""
    rounds: bool = False


@dataclass(frozen=True)
class Check:
    """What `check` found. `exact` is True where every layer is."""

    model: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]

    @property
    def exact(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict:
        """For JSON."""
        return {"exact": self.exact, **asdict(self)}


def check(model, *, weights: str | Path | None = None, input_type: InputType = None) -> Check:
    """Looks at a whole model without building anything. Arguments as of `hwgen.compile`.

    Raises ModelError only where the model can't even be read, and OptionError for a bad input_type.
    """
    network = read(model, weights)
    name = Path(model).stem if isinstance(model, (str, Path)) else network.name
    return replace(check_network(network, input_type), model=name)


def check_network(network: Network, input_type: InputType = None) -> Check:
    """The same of a network that was read."""
    found = _read_all(network, input_type)
    lowered = lower_on(_known_part(network, found))
    for problem in lowered.problems:
        if problem.layer not in found.guessed:
            found.refuse(problem, problem.layer)
    rows = tuple(_row(layer, found, lowered) for layer in network.layers)
    return Check(network.name, rows, tuple(dict.fromkeys(found.problems)))


@dataclass(eq=False)
class _Found:
    """What is known of the layers read so far. guessed: layer -> the refused layer that its value hangs on."""

    values: dict[str, Value] = field(default_factory=dict)
    nodes: dict[str, list[Node]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    guessed: dict[str, str] = field(default_factory=dict)

    def refuse(self, problem: ModelError, layer: str) -> None:
        name = problem.layer or layer
        reason, _, change = (
            problem.reason.partition("; ") if problem.change is None else (problem.reason, "", problem.change)
        )
        self.problems.append(Problem(name, reason, change or None))
        self.refused.add(name)


def _read_all(network: Network, input_type: InputType) -> _Found:
    found = _Found()
    for layer, type in _input_types(network, input_type, found):
        node, found.values[layer.name] = read_input(layer, type)
        found.nodes[layer.name] = [node]
    for layer in network.layers:
        if layer.class_name != "InputLayer":
            _read_one(layer, network.flavour, found)
    return found


def _input_types(network: Network, given: InputType, found: _Found) -> list[tuple[KerasLayer, TensorType]]:
    """The inputs and their types; 8 bits for one whose type nobody says."""
    names = [name for name, _ in network.inputs]
    for _ in names:
        try:
            return input_types(network, given)
        except ModelError as problem:
            if problem.layer not in names or problem.layer in found.refused:
                raise
            found.refuse(problem, problem.layer)
            guess = {problem.layer: _ANY_TYPE}
            given = {**(given if isinstance(given, Mapping) else dict.fromkeys(names, given)), **guess}
            given = {name: text for name, text in given.items() if text is not None}
    return input_types(network, given)


def _read_one(layer: KerasLayer, flavour: str, found: _Found) -> None:
    sources = [name for name, _ in layer.inbound]
    guesses = [found.guessed.get(name, name) for name in sources if name in found.guessed or name in found.refused]
    if guesses:
        found.guessed[layer.name] = guesses[0]
    if any(name not in found.values for name in sources):
        problems = problems_alone(layer, flavour)
    else:
        found.nodes[layer.name], value, problems = read_on(layer, flavour, found.values)
        if value is not None:
            found.values[layer.name] = value
    for problem in problems:
        found.refuse(problem, layer.name)


def _known_part(network: Network, found: _Found) -> Graph:
    """The graph of the layers that have values, guesses included."""
    nodes = tuple(node for layer in network.layers for node in found.nodes.get(layer.name, []))
    outputs = tuple(found.values[name].ref for name, _ in network.outputs if name in found.values)
    return Graph(network.name, nodes, (), outputs)


# The table's cells


def _row(layer: KerasLayer, found: _Found, lowered: Lowered) -> Row:
    name = layer.name
    value, nodes = found.values.get(name), found.nodes.get(name, [])
    sources = [found.values[source].type for source, _ in layer.inbound if source in found.values]
    exact = False if name in found.refused else None if name in found.guessed else True
    made = [node for node in nodes if node.layer == name]
    return Row(
        layer=name,
        kind=layer.class_name,
        shape=None if value is None else value.shape,
        input=", ".join(dict.fromkeys(type.fixed for type in sources)),
        weights=", ".join(filter(None, map(_weights, made))) if exact is not False else "",
        sum=", ".join(node.type.fixed for node in made if _sums(node)) if exact is not False else "",
        output="" if value is None or exact is False else value.type.fixed,
        hardware=lowered.where(name, made, value) if made and exact is not False else "",
        exact=exact,
        rounds=exact is not False and any(map(_rounds, made)),
        because=found.guessed.get(name, "") if exact is None else "",
    )


def _sums(node: Node) -> bool:
    return hasattr(node.op, "weights") or getattr(node.op, "kind", "") == "sum"


def _rounds(node: Node) -> bool:
    """Whether float32 can't hold each value of a node, or not compute it: 24 bits, and no scales but powers of two."""
    if max(-node.type.lo, node.type.hi) > 2**24 or node.type.divisor != 1:
        return True
    return isinstance(node.op, ops.Scale) and any(abs(int(m)) & (abs(int(m)) - 1) for m in node.op.multiplier)


def _weights(node: Node) -> str:
    """The weights of a node in a few words: binary, ternary, or their type."""
    raw = getattr(node.op, "weights", None)
    if raw is None:
        return "× scale" if isinstance(node.op, ops.Scale) else ""
    lo, hi = int(raw.min(initial=0)), int(raw.max(initial=0))
    if (lo, hi) == (-1, 1):
        return "ternary" if np.any(raw == 0) else "binary"
    return TensorType((1, 1, 1), lo, hi, node.op.frac).fixed
