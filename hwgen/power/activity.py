"""What switches in each block while frames pass: counted in a trace, with the Verilog to tell registers from other nets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hwgen.power.saif import Saif, Scope
from hwgen.power.structure import Structure

LEAST_MEMORY = 1024  # bits; what is smaller never lies in block RAM


@dataclass(frozen=True)
class Activity:
    """Of one block, over a whole trace.

    register_bits, registers: bits of flip-flops in its Verilog, and how often they changed. net_bits, nets: the same of other
    nets. accesses: reads and writes of its memories of some size through ports with an enable, always: ports that are used in
    every cycle; both the mean over the memories, weighted by their bits.
    """

    register_bits: int = 0
    registers: int = 0
    net_bits: int = 0
    nets: int = 0
    accesses: float = 0.0
    always: float = 0.0


def by_block(saif: Saif, structures: Mapping[str, Structure], top: str) -> tuple[dict[str, Activity], Activity]:
    """(instance name of a block -> its activity, activity of the top's own nets).

    The nets of a block's inputs are driven elsewhere and counted there. The top's are the streams between blocks.
    """
    outer = structures[top]
    found = {
        name: _sum(_walk(scope, structures, outer.instances[name]), saif)
        for name, scope in saif.top.scopes.items()
        if outer.instances.get(name) in structures
    }
    own = [(saif.top, outer)]
    return found, _sum(own, saif)


def _walk(scope: Scope, structures: Mapping[str, Structure], module: str) -> Iterator[tuple[Scope, Structure]]:
    structure = structures[module]
    yield scope, structure
    for name, inner in scope.scopes.items():
        below = structure.instances.get(name)
        if below in structures:
            yield from _walk(inner, structures, below)


def _sum(parts, saif: Saif) -> Activity:
    counts = {True: [0, 0], False: [0, 0]}  # is a register -> bits, changes
    bits = accesses = always = 0.0
    for scope, structure in parts:
        for name, net in scope.nets.items():
            if name in structure.inputs or name.startswith("$auto$"):
                continue
            amount = counts[name in structure.registers]
            amount[0] += len(net)
            amount[1] += sum(bit.changes for bit in net)
        for access in structure.accesses:
            size = structure.memories[access.memory]
            if size < LEAST_MEMORY:
                continue
            if access.enable in scope.nets:
                accesses += size * scope.nets[access.enable][0].high / saif.duration * saif.cycles
            else:
                always += size
        bits += sum(size for size in structure.memories.values() if size >= LEAST_MEMORY)
    bits = bits or 1
    return Activity(*counts[True], *counts[False], accesses / bits, always / bits)
