"""The adders that several neurons share, as hardware: of two or three numbers, a register behind each.

Every value is carried as raw, an unsigned number: value = raw + offset. Of a number that is subtracted the adder takes the
complement, -raw = ~raw - (2^width - 1), so differences cost what sums cost and all constants gather in the offset. The
range of the value says how many bits of raw tell it from all others; adders are cut to them, and what is cut off is in
the offset. Whether a value or its negative is computed is free as well: the lowest operand is never the subtracted one,
as the bits of it that no other number reaches would need LUTs for nothing but their inversion.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

from amaranth.hdl import C, Cat, Const, Value

from hwgen.layers.arithmetic import registered
from hwgen.layers.block import Resources
from hwgen.layers.cells import Cells, add3_cost
from hwgen.layers.subexpressions import Sums, Term

SRL_LENGTH = 3  # registers in a row, nothing between them, from which on Yosys takes a shift register


@dataclass(frozen=True)
class Carried:
    """How a value is carried: raw in lo..hi, in `width` bits; value = raw + offset."""

    width: int
    lo: int
    hi: int
    offset: int

    def added(self, sign: int) -> tuple[int, int, int]:
        """(lo, hi, offset) of what an adder gets of it: raw, or its complement."""
        if sign > 0:
            return self.lo, self.hi, self.offset
        ones = (1 << self.width) - 1
        return ones - self.hi, ones - self.lo, -ones - self.offset


class AdderGraph:
    """Sums of inputs in lo..hi, unsigned, at least `depth` cycles after them. Values are numbered: the inputs, then the adders.

    carried, levels: for each value its form and the cycle after the inputs in which it is there. operands: for each value
    what it is the sum of; () for inputs. roots: for each lane what is left to be added, none to two terms.
    """

    def __init__(self, sums: Sums, lo: int, hi: int, depth: int = 0):
        self.inputs = sums.inputs
        self.carried = [Carried(max(hi.bit_length(), 1), lo, hi, 0)] * sums.inputs
        self.levels = [0] * sums.inputs
        self.operands: list[tuple[Term, ...]] = [()] * sums.inputs
        # Each value as what it is of the inputs: a sum of ranges would be too wide where they have inputs in common.
        self._factors: list[dict[int, int]] = [{k: 1} for k in range(sums.inputs)]
        self._range, self._numbers = (lo, hi), {}
        self._terms = [Term(k, 0, 1) for k in range(sums.inputs)]  # what each value of `sums` is here
        for terms in sums.sums:
            self._terms.append(self._added_up(terms, 1)[0])
        self.roots = [self._added_up(terms, 2) for terms in sums.lanes]
        self.depth = max([depth, *(self.levels[term.value] for root in self.roots for term in root)])
        del self._factors, self._numbers, self._terms
        self.uses = self._scheduled()

    # --- which adders -----------------------------------------------------------------------------------------------

    def _added_up(self, terms: list[Term], most: int) -> list[Term]:
        """At most so many terms with the same sum: those that are there first are added first, three at a time."""
        heap = []
        for term in terms:
            value, exponent, sign = self._terms[term.value]
            heapq.heappush(heap, self._key(Term(value, term.exponent + exponent, term.sign * sign)))
        while len(heap) > most:
            # Three become one, so parity stays; where it is wrong two are added first, where they are narrowest.
            count = 3 if (len(heap) - most) % 2 == 0 else 2
            last = len(heap) - count + 1 == most
            if last and most == 2:
                self._positive_last(heap)
            of = [heapq.heappop(heap)[-1] for _ in range(count)]
            heapq.heappush(heap, self._key(self._sum(of, last and most == 2)))
        return [key[-1] for key in heap]

    def _key(self, term: Term) -> tuple:
        """By time, then neighbours waste the fewest bits."""
        return self.levels[term.value], term.exponent, self.carried[term.value].width, term

    def _positive_last(self, heap: list[tuple]) -> None:
        """Puts a term that isn't subtracted last, if that costs no time: the one that is left over becomes a root."""
        heap.sort()
        *others, last = heap
        limit = max(others[-1][0] + 1, last[0])
        for key in reversed(heap):
            if key[-1].sign > 0 and max(k[0] for k in heap if k is not key) < limit:
                heap.remove(key)
                heap.append((limit, *key[1:]))
                return

    def _sum(self, terms: list[Term], root: bool) -> Term:
        """The adder of two or three terms, an old one where there is one. root: whether it has to be positive."""
        low = min(term.exponent for term in terms)
        signs = {term.sign for term in terms if term.exponent == low}
        sign = 1 if root or 1 in signs else -1
        operands = tuple(sorted((Term(v, e - low, s * sign) for v, e, s in terms), key=lambda t: (t[1], -t[2], t[0])))
        if operands not in self._numbers:
            self._numbers[operands] = len(self.carried)
            self._append(operands)
        return Term(self._numbers[operands], low, sign)

    def _append(self, operands: tuple[Term, ...]) -> None:
        factors, offset = {}, 0
        for value, exponent, sign in operands:
            offset += self.carried[value].added(sign)[2] << exponent
            for k, factor in self._factors[value].items():
                factors[k] = factors.get(k, 0) + sign * (factor << exponent)
        lo, hi = self._range
        positive = sum(factor for factor in factors.values() if factor > 0)
        negative = sum(factor for factor in factors.values() if factor < 0)
        least, most = positive * lo + negative * hi - offset, positive * hi + negative * lo - offset
        width = max((most - least).bit_length(), 1)
        while least >> width != most >> width:
            width += 1
        above = least >> width << width
        self.carried.append(Carried(width, least - above, most - above, offset + above))
        self._factors.append(factors)
        self.operands.append(operands)
        self.levels.append(1 + max(self.levels[term.value] for term in operands))

    def _scheduled(self) -> list[set[int]]:
        """The cycles in which each value is taken.

        An adder is put off where its operands wait for others anyway, or take fewer registers than its sum does.
        """
        uses: list[set[int]] = [set() for _ in self.levels]
        for root in self.roots:
            for term in root:
                uses[term.value].add(self.depth)
        for k in range(len(self.levels) - 1, self.inputs - 1, -1):
            if not uses[k]:
                continue
            operands = {term.value for term in self.operands[k]}
            while self.levels[k] < min(uses[k]):
                longer = [v for v in operands if max(uses[v], default=self.levels[v]) < self.levels[k]]
                if sum(self.carried[v].width for v in longer) > self.carried[k].width:
                    break
                self.levels[k] += 1
            for v in operands:
                uses[v].add(self.levels[k] - 1)
        return uses

    # --- as hardware --------------------------------------------------------------------------------------------------

    @property
    def offsets(self) -> list[int]:
        """For each lane what must be added to the sum of its roots as `build` gives them."""
        return [sum(self.carried[v].added(s)[2] << e for v, e, s in root) for root in self.roots]

    def build(self, cells: Cells, x: list[Value]) -> list[list[tuple[Value, int]]]:
        """For each lane its roots as (unsigned number, exponent), `depth` cycles after the inputs x."""
        registers = {(k, 0): value for k, value in enumerate(x)}

        def at(value: int, level: int) -> Value:
            if (value, level) not in registers:
                if level == self.levels[value]:
                    terms = [(at(v, level - 1), e, s) for v, e, s in self.operands[value]]
                    now = _sum(cells, terms, self.carried[value].width)
                else:
                    now = at(value, level - 1)
                registers[value, level] = registered(cells.m, now)
            return registers[value, level]

        def raw(value: int, sign: int) -> Value:
            register = at(value, self.depth)
            return register if sign > 0 else (~register)[: len(register)]

        return [[(raw(v, s), e) for v, e, s in root] or [(C(0, 1), 0)] for root in self.roots]

    @property
    def cost(self) -> Resources:
        total = Resources()
        for k, uses in enumerate(self.uses):
            width, here = self.carried[k].width, self.levels[k]
            if not uses:
                continue
            if k >= self.inputs:
                total += self._adder_cost(k)
                here -= 1
            for use in sorted(uses):
                length, here = use - here, use
                if length < SRL_LENGTH:
                    total += Resources(ff=width * length)
                else:
                    luts = width * math.ceil(length / 32)
                    total += Resources(lut=luts, lutram=luts)
        subtracted = {v for root in self.roots for v, _, s in root if s < 0}
        return total + Resources(lut=sum(self.carried[v].width for v in subtracted))

    def _adder_cost(self, k: int) -> Resources:
        first, *others = self.operands[k]
        base, low = others[0].exponent, self.carried[first.value].width
        head = Resources(lut=min(base, low) if first.sign < 0 else 0)
        reach = [(self.carried[v].width + e - base, s) for v, e, s in self.operands[k]]
        reach = [(width, sign) for width, sign in reach if width > 0]
        bits = self.carried[k].width - base
        if len(reach) == 3:
            return head + add3_cost(min(max(reach)[0], bits))
        if len(reach) == 1:
            return head + Resources(lut=reach[0][0] if reach[0][1] < 0 else 0)
        widest, narrow = max(reach), min(reach)
        if narrow[1] < 0 and widest[1] < 0:
            return head + add3_cost(min(widest[0], bits))
        lut = widest[0] if widest[1] < 0 else narrow[0]
        return head + Resources(lut=min(lut, bits), carry4=math.ceil(min(widest[0], bits) / 4))


def _sum(cells: Cells, terms: list[tuple[Value, int, int]], bits: int) -> Value:
    """Σ of (value, exponent, sign), of a subtracted value its complement; two or three, by exponent, the first's is 0."""
    (value, _, sign), *others = terms
    base = others[0][1]
    head = value[:base] if sign > 0 else (~value)[: min(base, len(value))]
    head = Cat(head, Const(0, base - len(head)))
    # What is shifted in below a number must come out as zeros where the adder inverts it.
    rest = [(value[base:], sign < 0)] if len(value) > base else []
    rest += [(Cat(C(int(s < 0), 1).replicate(e - base), v), s < 0) for v, e, s in others]
    bits -= base
    if len(rest) == 3 or (len(rest) == 2 and rest[0][1] and rest[1][1]):
        rest += [(C(0, 1), False)] * (3 - len(rest))
        values, inverted = zip(*rest)
        return Cat(head, cells.add3(*values, bits, inverted))
    rest.sort(key=lambda pair: pair[1])  # Yosys has room for an inverter before the second operand alone
    values = [(~v)[: len(v)] if inverted else v for v, inverted in rest]
    return Cat(head, sum(values[1:], start=values[0])[:bits])
