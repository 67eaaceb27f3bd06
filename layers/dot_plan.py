"""How dot products are folded, and what that costs in cycles and resources: everything but the numbers."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from hwgen.layers import queue, rom
from hwgen.layers.arithmetic import Arithmetic
from hwgen.layers.beatwise import delay_cost
from hwgen.layers.block import Resources
from hwgen.layers.credit import credits_needed
from hwgen.layers.elastic import counter_cost, up_down_cost
from hwgen.layers.phases import Phases

# Longest delay line made of shift registers (SRLC32E: 32 stages in a LUT).
SHIFT_LIMIT = 64


def ring_style(depth: int) -> str:
    """Where a longer delay line lies."""
    return "distributed" if depth <= 256 else "block"


# From CreditedOutput's push to its stream's valid, in cycles.
FIFO_LATENCY = 2


@dataclass(frozen=True)
class Loops:
    """How often each of the three loops runs. phases: of a single group whose words change with the position."""

    groups: int
    beats: int
    turns: int
    phases: Phases | None = None

    @property
    def sets(self) -> int:
        """Groups, or phases: each has words and initial values of its own."""
        return self.groups * (self.phases.count if self.phases else 1)

    @property
    def words(self) -> int:
        return self.sets * self.beats * self.turns

    @property
    def depth(self) -> int:
        """Of the weights' memory."""
        return int(self.phases.addresses(self.beats * self.turns)[-1]) + 1 if self.phases else self.words

    @property
    def sums(self) -> int:
        """Different results a lane: each has its own initial value."""
        return self.sets * self.turns


@dataclass(frozen=True)
class Plan:
    """How `loops` are done by the hardware.

    inputs: values a beat. lanes: results a beat; sharing: how many of them have the same inputs. width: bits of a result
    and its accumulator. memory: "auto", or a style of the weights' ROM.
    """

    arithmetic: Arithmetic
    loops: Loops
    inputs: int
    lanes: int
    sharing: int
    width: int
    memory: str

    @property
    def name(self) -> str:
        return type(self.arithmetic).__name__

    def cost(self) -> Resources:
        return _cost(self)

    @property
    def columns(self) -> int:
        return self.arithmetic.stored * self.lanes

    @property
    def style(self) -> str:
        return rom.choose_style(self.loops.depth, self.columns) if self.memory == "auto" else self.memory

    @property
    def push_latency(self) -> int:
        """Cycles from an iteration's start to the push of its result into the FIFO."""
        return rom.latency(self.style, self.loops.depth) + self.arithmetic.latency + 1

    @property
    def latency(self) -> int:
        """Cycles from an iteration's start to its result on the output stream."""
        return self.push_latency + FIFO_LATENCY

    @property
    def fifo_depth(self) -> int:
        """Room for all results that can be under way at once. They come in bursts of `turns`, one burst in `beats`."""
        window = credits_needed(self.push_latency)
        bursts, rest = divmod(window, self.loops.beats * self.loops.turns)
        return max(4, min(window, bursts * self.loops.turns + min(rest, self.loops.turns) + 1))

    @property
    def line(self) -> int:
        """Stages of the delay line of partial sums, the accumulator's own register apart."""
        return self.loops.turns - 1


def _line_cost(steps: int, bits: int) -> Resources:
    if steps < 3:
        return Resources(ff=steps * bits)
    if steps <= SHIFT_LIMIT:
        shift = bits * math.ceil(steps / 32)
        return Resources(lut=shift, lutram=shift)
    if ring_style(steps) == "block":
        return rom.cost(steps, bits, "block")
    memory = math.ceil(bits / 3) * 4 * math.ceil(steps / 64)  # RAM64M: three bits in four LUTs
    mux = bits * (steps > 64)
    return Resources(lut=memory + mux, lutram=memory, ff=bits)


@lru_cache(maxsize=65536)
def _cost(plan: Plan) -> Resources:
    """The resources of a DotProducts component."""
    loops, arithmetic, lanes, width = plan.loops, plan.arithmetic, plan.lanes, plan.width
    total = arithmetic.cost(plan.sharing) * (lanes / plan.sharing)
    total += Resources(lut=plan.inputs if arithmetic.offset else 0)
    for wait, taps in Counter(arithmetic.waits).items():
        held = delay_cost(arithmetic.x_width, rom.latency(plan.style, loops.depth) + wait)
        total += held * (taps * (plan.inputs // arithmetic.taps))
    total += rom.cost(loops.depth, plan.columns, plan.style, arithmetic.delays, paired=True)
    # The accumulator's adder, the output register, the initial values.
    total += Resources(lut=width, ff=width, carry4=math.ceil((width + 1) / 4)) * lanes
    total += rom.cost(loops.sums, lanes * width, "logic", paired=True)
    if loops.beats > 1:
        total += Resources(lut=width, ff=width) * lanes
        total += _line_cost(plan.line, lanes * width)
    # The queue and the credits.
    bits, depth = lanes * width, max(plan.fifo_depth, 3)
    total += queue.cost(bits, depth, queue.cheaper(bits, depth)) + up_down_cost((plan.fifo_depth + 1).bit_length())
    counts = [] if loops.phases else [loops.words, loops.sums]
    if loops.phases:
        total += loops.phases.cost(loops.beats * loops.turns) + loops.phases.cost(loops.turns)
    if loops.words not in (loops.turns, loops.beats):
        counts += [loops.turns, loops.beats]
    if loops.beats > 1:
        counts += [loops.turns, loops.beats]
    if plan.line > SHIFT_LIMIT:
        counts.append(plan.line)
    for count in counts:
        if count > 1:
            # A counter, and the register that says that it is at its last value.
            total += counter_cost(count) + Resources(lut=1 + (count.bit_length() > 6), ff=1)
    return total + Resources(ff=plan.push_latency + 2)
