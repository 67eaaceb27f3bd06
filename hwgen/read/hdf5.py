"""HDF5 without trust: what the file says is checked before memory is taken, and no error of h5py comes out.

Links that leave the file are not followed, so that a model can't carry other files of the reader's machine along.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np

from hwgen.errors import ModelError
from hwgen.read.config import damaged

MAX_ELEMENTS = 2**31
MAX_ATTRIBUTE = 2**20  # elements; texts count as one
MAX_DEFLATION = 1100  # deflate packs at most 1032 bytes into one

_H5PY_ERRORS = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)


@contextmanager
def opened(source, what: str) -> Iterator[h5py.File]:
    """The file at a path or in a BytesIO, read-only. HDF5's errors in the block become ModelErrors about `what`."""
    try:
        with h5py.File(source, "r") as file:
            yield file
    except _H5PY_ERRORS as problem:
        reason = (str(problem).splitlines() or [type(problem).__name__])[0][:160]
        raise damaged(what, f"can't be read ({reason})") from problem


def member(group: h5py.Group, path: str):
    """The group or dataset at `path` inside this file, or None. Raises ModelError for a link that leads elsewhere."""
    for part in path.split("/"):
        if not isinstance(group, h5py.Group):
            return None
        link = group.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise damaged(f"{group.name}/{part}", "is a link to another place, which Keras never writes")
        group = group[part]
    return group


def subgroup(group: h5py.Group, path: str) -> h5py.Group | None:
    """The group at `path`, or None where there is none."""
    found = member(group, path)
    return found if isinstance(found, h5py.Group) else None


def text(item, name: str) -> str | None:
    """A text attribute, or None where it is missing."""
    value = _attribute(item, name)
    if isinstance(value, bytes):  # np.bytes_ included
        return value.decode("utf-8")
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    raise damaged(f"attribute {name!r} of {item.name}", "isn't text")


def texts(item, name: str) -> list[str] | None:
    """A list of texts, or None where it is missing. Keras splits long ones over name0, name1, ..."""
    if name in item.attrs:
        return _texts(item, name)
    result, k = [], 0
    while f"{name}{k}" in item.attrs:
        result += _texts(item, f"{name}{k}")
        k += 1
    return result if k else None


def _texts(item, name: str) -> list[str]:
    value = np.asarray(_attribute(item, name))
    if value.size == 0:
        return []
    values = [v.decode("utf-8") if isinstance(v, bytes) else v for v in value.ravel().tolist()]
    if not all(isinstance(v, str) for v in values):
        raise damaged(f"attribute {name!r} of {item.name}", "isn't a list of texts")
    return values


def _attribute(item, name: str):
    if name not in item.attrs:
        return None
    if np.prod(item.attrs.get_id(name).shape or (), dtype=float) > MAX_ATTRIBUTE:
        raise damaged(f"attribute {name!r} of {item.name}", "has an absurd size")
    return item.attrs[name]


def array(dataset, what: str) -> np.ndarray:
    """The values of a dataset of numbers. ModelError, before memory is taken, where the file can't hold them."""
    if not isinstance(dataset, h5py.Dataset):
        raise damaged(what, "isn't a dataset")
    if dataset.dtype.kind not in "fiub" or dataset.shape is None:
        raise ModelError(f"{what} is stored as {dataset.dtype}, not as numbers", change="save the model in float32")
    if dataset.is_virtual or dataset.external:
        raise damaged(what, "is stored in another file, which Keras never does")
    elements = 1
    for length in dataset.shape:
        elements *= int(length)
    room = dataset.file.id.get_filesize() * (MAX_DEFLATION if dataset.chunks else 1)
    if elements > MAX_ELEMENTS or elements * dataset.dtype.itemsize > room:
        raise damaged(what, f"has the absurd shape {dataset.shape}, more than the file holds")
    return dataset[()] if dataset.shape else np.asarray(dataset[()])
