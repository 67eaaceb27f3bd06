"""Switching activity as Verilator records it (SAIF 2.0, IEEE 1801): read, and written anew for other tools.

What is written has the network's top module as its root and the blocks' instances below it, without the bench around them,
and its times are those of the clock that the network is for: a power tool divides numbers of changes by them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hwgen.errors import ToolFailed

CLOCK = "clk"  # of a network's top module
_INSTANCE = re.compile(r"\s*\(INSTANCE (\S+)")
_NET = re.compile(r"\s*\((\S+) \(T0 (\d+)\) \(T1 (\d+)\) \(TZ 0\) \(TX 0\) \(TB 0\) \(TC (\d+)\)\)")
_BIT = re.compile(r"(.*?)\\\[(\d+)\\\]$")


@dataclass(frozen=True)
class Bit:
    """A net of one bit. high: time that it was 1, in the trace's unit. changes: how often it changed."""

    high: int
    changes: int


@dataclass
class Scope:
    """An instance: nets by name (bits in order of their index), and instances in it."""

    nets: dict[str, list[Bit]] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)


@dataclass(frozen=True)
class Saif:
    """A trace: its length in its own unit of time, and the network's top instance."""

    duration: int
    top: Scope

    @property
    def cycles(self) -> float:
        """Cycles of the clock in the trace. Raises ToolFailed where the clock isn't in it."""
        if CLOCK not in self.top.nets:
            raise ToolFailed(f"the recorded activity has no net {CLOCK!r}")
        return self.top.nets[CLOCK][0].changes / 2


def read(file: Path, instance: str) -> Saif:
    """The trace below an instance one level under the outermost. Raises ToolFailed where the file isn't such a trace."""
    duration, found = 0, None
    stack: list[Scope | None] = []  # None for what isn't of interest
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            if net := _NET.match(line):
                if stack and stack[-1] is not None:
                    name = net[1]
                    if bit := _BIT.match(name):
                        name = bit[1]
                    stack[-1].nets.setdefault(name, []).append(Bit(int(net[3]), int(net[4])))
            elif begun := _INSTANCE.match(line):
                parent = stack[-1] if stack else None
                scope = None
                if parent is not None:
                    scope = parent.scopes[begun[1]] = Scope()
                elif len(stack) == 1 and begun[1] == instance:
                    scope = found = Scope()
                stack.append(scope)
            elif line.strip() == "(NET":
                stack.append(stack[-1])
            elif line.strip() == ")" and stack:
                stack.pop()
            elif length := re.match(r"\(DURATION (\d+)\)", line):
                duration = int(length[1])
    if found is None or not duration or stack:
        raise ToolFailed(f"{file} is no whole record of switching activity with an instance {instance!r}")
    return Saif(duration, found)


def write(saif: Saif, top: str, clock_mhz: float, file: Path) -> None:
    """The trace as a file of its own, `top` at its root, its times in ps at a clock of so many MHz."""
    scale = saif.cycles * 1e6 / clock_mhz / saif.duration
    length = round(saif.duration * scale)
    with open(file, "w", encoding="utf-8") as out:
        out.write('(SAIFILE\n(SAIFVERSION "2.0")\n(DIRECTION "backward")\n(PROGRAM_NAME "hwgen")\n')
        out.write(f"(DIVIDER / )\n(TIMESCALE 1 ps)\n(DURATION {length})\n")
        out.writelines(_scope(top, saif.top, scale, length))
        out.write(")\n")


def _scope(name: str, scope: Scope, scale: float, length: int) -> Iterator[str]:
    yield f"(INSTANCE {name}\n(NET\n"
    for net, bits in scope.nets.items():
        for k, bit in enumerate(bits):
            index = f"\\[{k}\\]" if len(bits) > 1 else ""
            high = min(length, round(bit.high * scale))
            yield f"({net}{index} (T0 {length - high}) (T1 {high}) (TX 0) (TC {bit.changes}))\n"
    yield ")\n"
    for inner, below in scope.scopes.items():
        yield from _scope(inner, below, scale, length)
    yield ")\n"


def everything(scope: Scope) -> Iterable[tuple[str, Scope]]:
    """(path, scope) of all instances below and this one, whose path is empty."""
    yield "", scope
    for name, inner in scope.scopes.items():
        for path, below in everything(inner):
            yield (f"{name}.{path}" if path else name), below
