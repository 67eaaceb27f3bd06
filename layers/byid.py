"""Arrays as keys of caches: what follows from the weights alone is worked out once, however many foldings are tried."""

from __future__ import annotations

import numpy as np


class ById:
    """An array as a key: equal only to itself. Holding it keeps its identity from being given to another."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray):
        self.array = array

    def __hash__(self):
        return id(self.array)

    def __eq__(self, other):
        return self.array is other.array
