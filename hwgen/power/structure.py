"""What the emitted Verilog says of nets: which are registers, which instances there are, when memories are read and written.

Only the Verilog that Amaranth's back end writes is read, which has one statement a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = r"(\\\S+ |[A-Za-z_][\w$]*)"
_MODULE = re.compile(rf"module {_NAME} ?(?:#\(|\()")
_INSTANCE = re.compile(rf"  {_NAME} (?:#\(.*\) )?{_NAME} \($")
_INPUT = re.compile(rf"  input (?:\[\d+:0\] )?{_NAME}")
_MEMORY = re.compile(rf"  reg \[(\d+):0\] {_NAME} \[(\d+):0\];")
_ASSIGNED = re.compile(rf"\s+{_NAME}(?: ?\[[^]]*\])? <= (.*);")
_CONDITION = re.compile(rf"\s+if \({_NAME}\)")


@dataclass
class Access:
    """A port of a memory. enable: the net that is 1 when it is used; None where it always is."""

    memory: str
    enable: str | None


@dataclass
class Structure:
    """A module. registers, inputs: names of nets, without escapes. instances: name -> module. memories: name -> bits."""

    registers: set[str] = field(default_factory=set)
    inputs: set[str] = field(default_factory=set)
    instances: dict[str, str] = field(default_factory=dict)
    memories: dict[str, int] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)


def read(verilog: str) -> dict[str, Structure]:
    """Module name -> what is in it."""
    modules: dict[str, Structure] = {}
    at: Structure | None = None
    clocked, enable = False, None
    for line in verilog.splitlines():
        if line.startswith("module "):
            at = modules[_plain(_MODULE.match(line)[1])] = Structure()
            clocked = False
        elif line.startswith("endmodule"):
            at = None
        elif at is None:
            continue
        elif line.startswith("  always "):
            clocked, enable = "posedge" in line, None
        elif clocked and (condition := _CONDITION.match(line)):
            enable = _plain(condition[1])
        elif clocked and (assigned := _ASSIGNED.match(line)):
            name = _plain(assigned[1])
            if name in at.memories:
                at.accesses.append(Access(name, enable))
                continue
            at.registers.add(name)
            source = re.match(rf"{_NAME}\[", assigned[2])
            if source and _plain(source[1]) in at.memories:
                at.accesses.append(Access(_plain(source[1]), enable))
        elif memory := _MEMORY.match(line):
            at.memories[_plain(memory[2])] = (int(memory[1]) + 1) * (int(memory[3]) + 1)
        elif given := _INPUT.match(line):
            at.inputs.add(_plain(given[1]))
        elif instance := _INSTANCE.match(line):
            at.instances[_plain(instance[2])] = _plain(instance[1])
    return modules


def _plain(name: str) -> str:
    """A name without Verilog's escape."""
    return name.strip().removeprefix("\\")
