"""Constants times inputs with what they have in common computed once: multiple constant multiplication.

Every neuron is a sum of terms ±x·2^e, one for each canonical signed digit of its weights. A pattern is two terms with
their distance and relative sign, a ± (b << k). The pattern that occurs most often becomes a value of its own, a term
wherever it occurs, until none occurs often enough to be worth its adder (Hartley 1996; Potkonjak, Srivastava and
Chandrakasan 1996). Occurrences that overlap, as those of 101b in 10101b, are counted once. Of patterns that occur as
often the one with the least number is taken first, so the same weights always give the same sums.

Depth is bounded: with adders of three, terms at depths d can be added up to two within D levels where Σ 3^d <= 2·3^D
(Kraft), and a pattern is not taken where it would break that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

EXPONENT_BITS = 7  # of two exponents' sum
NODE_BITS = 22
# A value of its own costs an adder; each occurrence saves a term, which is half an adder of three.
WORTHWHILE = 3
SLACK = 4 / 3


class Term(NamedTuple):
    """sign · value · 2^exponent. value: the number of an input, or after the inputs that of a sum."""

    value: int
    exponent: int
    sign: int


@dataclass(frozen=True)
class Sums:
    """sums: what values inputs + k are, each made of values before it. lanes: the terms of Σ w·x for each lane."""

    inputs: int
    sums: list[list[Term]]
    lanes: list[list[Term]]

    @property
    def adders(self) -> int:
        """Of up to three numbers, down to two terms for each lane."""
        return sum(len(terms) // 2 for terms in self.sums) + sum(max(len(terms) - 1, 0) // 2 for terms in self.lanes)


def signed_digits(value: int) -> list[tuple[int, int]]:
    """The canonical signed digits of an integer: (exponent, ±1), no two neighbours, as few as can be."""
    digits, exponent = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((exponent, digit))
            value -= digit
        value, exponent = value >> 1, exponent + 1
    return digits


def levels(terms: int) -> int:
    """Levels that are given to so many terms: a third more than they need alone leaves room for shared values."""
    depth = 0
    while 2 * 3**depth < terms * SLACK:
        depth += 1
    return depth


def plain_sums(weights: np.ndarray) -> Sums:
    """Nothing shared. weights: (inputs, lanes)."""
    columns = weights.T.tolist()
    return Sums(
        len(weights), [], [[Term(k, e, s) for k, w in enumerate(c) if w for e, s in signed_digits(w)] for c in columns]
    )


def shared_sums(weights: np.ndarray) -> Sums:
    """What occurs often computed once, if that takes fewer adders. weights: (inputs, lanes), each |w| < 2^62."""
    plain = plain_sums(weights)
    pairs, lanes = _eliminated(plain.lanes, plain.inputs, levels(max(map(len, plain.lanes))))
    return min(plain, Sums(plain.inputs, *_dissolved(plain.inputs, pairs, lanes)), key=lambda sums: sums.adders)


def _dissolved(inputs: int, pairs: list[list[Term]], lanes: list[list[Term]]):
    """The same without values that are used once: their terms stand where they were used."""
    uses = np.zeros(inputs + len(pairs), dtype=int)
    for terms in pairs + lanes:
        for term in terms:
            uses[term.value] += 1
    number, inside, sums = list(range(inputs)), {}, []

    def opened(terms: list[Term]) -> list[Term]:
        found = []
        for value, exponent, sign in terms:
            if value in inside:
                found += [Term(v, e + exponent, s * sign) for v, e, s in inside[value]]
            else:
                found.append(Term(number[value], exponent, sign))
        return found

    for k, terms in enumerate(pairs, start=inputs):
        terms = opened(terms)
        number.append(inputs + len(sums))
        if uses[k] == 1:
            inside[k] = terms
        else:
            sums.append(terms)
    return sums, [opened(terms) for terms in lanes]


def _eliminated(lanes: list[list[Term]], inputs: int, depth: int) -> tuple[list[list[Term]], list[list[Term]]]:
    """(the patterns made values of their own, what is left of the lanes' terms)."""
    table, counts, pairs, depths = _Table(lanes), _Counts(), [], [0] * inputs
    room = [2 * 3**depth - len(terms) for terms in lanes]
    counts.add(table.all_patterns())
    for most in range(counts.most, WORTHWHILE - 1, -1):
        for key in counts.having(most):
            a, b, up, sign = _unpacked(key)
            new = max(depths[a], depths[b]) + 1
            extra = 3**new - 3 ** depths[a] - 3 ** depths[b]
            found = table.occurrences(a, b, up, sign, room, extra)
            if len(found) < most:
                counts.lower(key, len(found))
                continue
            for row, *_ in found:
                room[row] -= extra
            value = len(depths)
            pairs.append([Term(a, 0, 1), Term(b, up, sign)])
            depths.append(new)
            for gone in table.replace(found, value):
                counts.remove(gone)
            counts.add(table.patterns_of(value))
    return pairs, table.lanes()


class _Counts:
    """How often each pattern occurs, at most: patterns with like hashes are counted together."""

    BITS = 21

    def __init__(self):
        self.table = np.zeros(1 << self.BITS, dtype=np.int32)
        self.known: dict[int, list[np.ndarray]] = {}  # count, once upon a time -> patterns

    @classmethod
    def _hash(cls, patterns):
        return (patterns * 0x2545F4914F6CDD1D >> (63 - cls.BITS)) & ((1 << cls.BITS) - 1)

    @property
    def most(self) -> int:
        return max(self.known, default=0)

    def add(self, patterns: np.ndarray) -> None:
        different, times = np.unique(patterns, return_counts=True)
        np.add.at(self.table, self._hash(different), times.astype(np.int32))
        different, times = different[times > 1], times[times > 1]
        for count in np.unique(times).tolist():
            self.known.setdefault(count, []).append(different[times == count])

    def remove(self, patterns: np.ndarray) -> None:
        np.subtract.at(self.table, self._hash(patterns), 1)

    def lower(self, pattern: int, count: int) -> None:
        self.known.setdefault(count, []).append(np.array([pattern]))

    def having(self, count: int) -> Iterator[int]:
        """The patterns of that count and no more, with those that come to be so while the caller goes on."""
        while self.known.get(count):
            patterns = np.sort(np.concatenate(self.known.pop(count)))
            places = self._hash(patterns)
            now = self.table[places]
            for less in np.unique(now[now < count]).tolist():
                self.known.setdefault(less, []).append(patterns[now == less])
            live = now >= count
            for pattern, place in zip(patterns[live].tolist(), places[live].tolist()):
                less = int(self.table[place])
                if less < count:
                    self.lower(pattern, less)
                else:
                    yield pattern


def _packed(value, exponent, sign, values, exponents, signs):
    """Patterns of one term with others, as integers; arrays broadcast. The term with the lesser exponent is a."""
    up = exponents - exponent
    swap = (up < 0) | ((up == 0) & (values < value))
    a, b = np.where(swap, values, value), np.where(swap, value, values)
    return (((np.abs(up) << NODE_BITS | a) << NODE_BITS) | b) << 1 | (sign != signs)


def _unpacked(key: int) -> tuple[int, int, int, int]:
    mask = (1 << NODE_BITS) - 1
    return key >> (NODE_BITS + 1) & mask, key >> 1 & mask, key >> (2 * NODE_BITS + 1), 1 - 2 * (key & 1)


class _Table:
    """The terms of all lanes, a row a lane; a column where nothing stands has value -1."""

    def __init__(self, lanes: list[list[Term]]):
        shape = len(lanes), max(map(len, lanes))
        self.values, self.exponents, self.signs = np.full(shape, -1), np.zeros(shape, int), np.ones(shape, int)
        # value -> (lane, exponent) packed -> (sign, column)
        self.places: dict[int, dict[int, tuple[int, int]]] = {}
        for row, terms in enumerate(lanes):
            for column, term in enumerate(terms):
                self._put(row, column, term)

    def _put(self, row: int, column: int, term: Term) -> None:
        self.values[row, column], self.exponents[row, column], self.signs[row, column] = term
        self.places.setdefault(term.value, {})[row << EXPONENT_BITS | term.exponent] = term.sign, column

    def lanes(self) -> list[list[Term]]:
        found = []
        for row, values in enumerate(self.values):
            live = np.flatnonzero(values >= 0)
            fields = values[live], self.exponents[row, live], self.signs[row, live]
            found.append([Term(*term) for term in zip(*(field.tolist() for field in fields))])
        return found

    def _patterns(self, rows, columns, others=slice(None)):
        """(rows, others) patterns of the terms at rows × columns with the others of their rows, and which exist."""
        at = lambda array: array[rows, columns][:, None]  # noqa: E731
        values, exponents, signs = (array[rows, others] for array in (self.values, self.exponents, self.signs))
        packed = _packed(at(self.values), at(self.exponents), at(self.signs), values, exponents, signs)
        same = (values == at(self.values)) & (exponents == at(self.exponents))
        return packed, (values >= 0) & (at(self.values) >= 0) & ~same

    def all_patterns(self):
        rows, found = np.arange(len(self.values)), []
        for column in range(self.values.shape[1] - 1):
            packed, live = self._patterns(rows, np.full_like(rows, column), slice(column + 1, None))
            found.append(packed[live])
        return np.concatenate(found) if found else np.array([], dtype=int)

    def patterns_of(self, value: int):
        """Patterns of all terms of one value with any other."""
        places = self.places[value]
        rows = np.array([place >> EXPONENT_BITS for place in places])
        columns = np.array([column for _, column in places.values()])
        packed, live = self._patterns(rows, columns)
        # Two terms of this value in a row are one pair: seen from the lesser exponent.
        own = self.values[rows] == value
        live &= ~own | (self.exponents[rows] > self.exponents[rows, columns][:, None])
        return packed[live]

    def occurrences(self, a: int, b: int, up: int, sign: int, room: list[int], extra: int) -> list[tuple]:
        """(row, exponent, sign, column of a, column of b) of each, no term twice, where the row has room for it."""
        one, other = self.places[a], self.places[b]
        found, used, left = [], set(), {}
        for place in sorted(one) if a == b else one:
            match = other.get(place + up)
            if match is None or (a == b and place in used):
                continue
            (sign_a, column_a), (sign_b, column_b) = one[place], match
            row = place >> EXPONENT_BITS
            if sign_a * sign_b != sign or left.setdefault(row, room[row]) < extra:
                continue
            left[row] -= extra
            used.add(place + up)
            found.append((row, place & (1 << EXPONENT_BITS) - 1, sign_a, column_a, column_b))
        return found

    def replace(self, found: list[tuple], value: int):
        """Puts a value where a pattern was found; yields the patterns that are gone, as often as they are."""
        while found:
            # A row at a time: terms of the same row have patterns with each other.
            now = {place[0]: place for place in found}
            found = [place for place in found if now[place[0]] is not place]
            now = list(now.values())
            rows, _, _, first, second = (np.array(field) for field in zip(*now))
            # Patterns with the new value are not counted yet.
            packed, live = self._patterns(rows, first)
            yield packed[live & (self.values[rows] != value)]
            for row, _, _, column, _ in now:
                self._take(row, column)
            packed, live = self._patterns(rows, second)
            yield packed[live & (self.values[rows] != value)]
            for row, exponent, sign, column, other in now:
                self._take(row, other)
                self._put(row, column, Term(value, exponent, sign))

    def _take(self, row: int, column: int) -> None:
        value, self.values[row, column] = int(self.values[row, column]), -1
        del self.places[value][row << EXPONENT_BITS | int(self.exponents[row, column])]
