"""Dot products of a stream with weights that never change, all neurons at once, a few bits of the inputs a cycle.

    input, turn -> bits -> tables -> adder trees -> sums, halved at each step -> choice of a lane's neuron -> FIFO

The steps begin with the lowest bits. A neuron's sum takes in what its tree delivers, and drops its own lowest bits, which
no later step can change. Neurons of the same turn form a group; each group is a cycle behind the one before, so
that they are ready one after the other, and a multiplexer hands them out. Nothing has a clock enable but the sums: a
position's steps may be apart.
"""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value, signed
from amaranth.lib import wiring

from hwgen.layers.arithmetic import input_offset, registered
from hwgen.layers.beatwise import delayed
from hwgen.layers.cells import Cells
from hwgen.layers.credit import CreditedOutput
from hwgen.layers.elastic import counter
from hwgen.layers.rom import bits_of
from hwgen.layers.stream import element_shape, layout


class SerialProducts(wiring.Component):
    """ports: the block's. neuron: a block whose arithmetic is "serial"."""

    def __init__(self, ports, neuron):
        super().__init__(ports)
        self.neuron = neuron

    def elaborate(self, platform):
        m = Module()
        cells = Cells(m, platform)
        neuron, plan = self.neuron, self.neuron.plan
        m.submodules.output = output = CreditedOutput(layout(neuron.result, plan.lanes), plan.fifo_depth)
        wiring.connect(m, output.o, wiring.flipped(self.o))
        step = Signal()
        turn, last = counter(m, plan.turns, step, "turn")
        m.d.comb += [step.eq(self.i.valid & output.ready), self.i.ready.eq(output.ready & last), output.start.eq(step)]

        bits = [registered(m, self._bits(k, turn)) for k in range(plan.inputs)]
        # When a group's sums take in a step's trees, and whether it is the last of a position.
        late = 1 + 1 + plan.depth
        arrived, done = delayed(m, step, late, reset_less=False), delayed(m, last, late)
        totals, complete = [], []
        for group in range(plan.turns):
            if group:
                bits = [registered(m, value) for value in bits]
                arrived = delayed(m, arrived, 1, reset_less=False)
                done = delayed(m, done, 1)
            own = range(group * plan.lanes, (group + 1) * plan.lanes)
            totals.append([self._total(m, cells, n, bits, arrived, done) for n in own])
            complete.append(delayed(m, arrived & done, 1, reset_less=False))
        # Complete one group after the other: which one is a matter of counting.
        pushed = Signal()
        m.d.comb += pushed.eq(Cat(complete).any())
        group, _ = counter(m, plan.turns, pushed, "group")
        m.d.sync += output.push.eq(pushed)
        for lane in range(plan.lanes):
            result = Signal(element_shape(neuron.result), reset_less=True)
            m.d.sync += result.eq(Array(group_totals[lane] for group_totals in totals)[group])
            m.d.comb += output.payload[lane].eq(result)
        return m

    def _bits(self, k: int, turn: Value) -> Value:
        """The input's bits of this turn, lowest turn first."""
        plan, value = self.neuron.plan, self.i.payload[k]
        if plan.flipped:  # offset binary: the sign bit of two's complement, inverted
            value = Cat(value[:-1], ~value[-1])
        d = plan.digits
        return Array(value[t * d : (t + 1) * d] for t in range(plan.turns))[turn]

    def _total(self, m: Module, cells: Cells, n: int, bits: list, arrived: Value, done: Value) -> Value:
        """A neuron's result, in the cycle after its last step."""
        neuron, plan = self.neuron, self.neuron.plan
        tables = plan.tables[n]
        leaves = [registered(m, _looked_up(table, bits, j)) for j in range(plan.digits) for table in tables]
        tree = plan.tree(n)
        roots = tree.build(cells, leaves or [Const(0, 1)] * plan.digits)
        for _ in range(plan.depth - tree.depth):
            roots = [registered(m, root) for root in roots]
        roots = [Cat(Const(0, t.exponent), root) if t.exponent else root for root, t in zip(roots, tree.roots)]

        # What the tables' least values take away in every step, and what offset binary does, goes into the bias.
        least = sum(table.least for table in tables)
        offset = input_offset(neuron.input.lo, neuron.input.hi)
        bias, weights = int(neuron.bias[n]), int(neuron.weights[..., n].sum())
        start = (bias >> neuron.shift) - offset * weights + least * ((1 << plan.x_width) - 1)
        width, d = plan.sum_width, plan.digits
        total, dropped = Signal(signed(width), reset_less=True), Signal(d * (plan.turns - 1), reset_less=True)
        # A register apart, that starts each position by its reset: a multiplexer in front of the adder would be LUTs.
        addend = Signal(width, init=start % (1 << width))
        added = cells.add3(addend, *roots, width) if len(roots) == 2 else (addend + roots[0])[:width]
        with m.If(arrived):
            m.d.sync += [total.eq(added), dropped.eq(Cat(dropped, total[:d])[d:]), addend.eq(added.as_signed() >> d)]
        with m.If(arrived & done):  # last and by itself: only then is it the registers' reset
            m.d.sync += addend.eq(addend.init)
        fixed = Const(bias & ((1 << neuron.shift) - 1), neuron.shift)
        return Cat(fixed, dropped, total)[: plan.width]


def _looked_up(table, bits: list, digit: int) -> Value:
    """What the table holds for this digit of its inputs."""
    own = [bits[k][digit] for k in table.inputs]
    if len(own) == 1:
        bit = ~own[0] if table.weights[0] < 0 else own[0]
        return Cat(bit if table.term.hi >> k & 1 else Const(0, 1) for k in range(table.term.width))
    address, values = Cat(*own), table.values()
    columns = bits_of(values, table.term.width)
    return Cat(
        Const(sum(int(bit) << k for k, bit in enumerate(column)), len(values)).bit_select(address, 1)
        for column in columns.T
    )
