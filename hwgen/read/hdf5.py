"""HDF5 without trust: what the file says is checked before memory is taken, and no error of h5py comes out.

Links that leave the file are not followed, so that a model can't carry other files of the reader's machine along. The
arrays that are read may not be larger than the file, all of them together: so many names for one array, arrays without
data and compressed ones (which Keras never writes) take no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np

from hwgen.errors import ModelError
from hwgen.read import heaps
from hwgen.read.config import damaged

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_ATTRIBUTE = 2**26  # bytes, besides those in heaps

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


class Arrays:
    """Reads the datasets of one file, as long as they are no larger than the file in all."""

    def __init__(self, file: h5py.File):
        self.left = file.id.get_filesize()

    def __call__(self, dataset, what: str) -> np.ndarray:
        """The values of a dataset of numbers. ModelError, before memory is taken, where the file can't hold them."""
        if not isinstance(dataset, h5py.Dataset):
            raise damaged(what, "is missing" if dataset is None else "isn't a dataset")
        if dataset.dtype.kind not in "fiub" or dataset.shape is None:
            raise ModelError(f"{what} is stored as {dataset.dtype}, not as numbers", change="save the model in float32")
        if dataset.is_virtual or dataset.external:
            raise damaged(what, "is stored in another file, which Keras never does")
        size = dataset.dtype.itemsize
        for length in dataset.shape:
            size *= int(length)
        if size > self.left:
            raise damaged(what, f"has the absurd shape {dataset.shape}, more than the file holds")
        if dataset.id.get_create_plist().get_nfilters():
            change = "unpack the file with h5repack -f NONE, or save the model again"
            raise ModelError(f"{what} is compressed, which Keras never does", change=change)
        self.left -= size
        return dataset[()] if dataset.shape else np.asarray(dataset[()])


@contextmanager
def opened(source, what: str) -> Iterator[tuple[h5py.File, Arrays]]:
    """The file at a path or in a BytesIO, read-only, and what reads its arrays.

    HDF5's errors in the block become ModelErrors about `what`.
    """
    try:
        heaps.check(source, what)
        with h5py.File(source, "r") as file:
            yield file, Arrays(file)
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
    values = _attribute(item, name)
    if values is None:
        return None
    if len(values) != 1:
        raise damaged(f"attribute {name!r} of {item.name}", f"holds {len(values)} texts")
    return values[0]


def texts(item, name: str) -> list[str] | None:
    """A list of texts, or None where it is missing. Keras splits long ones over name0, name1, ..."""
    result, k = _attribute(item, name), 0
    while (part := _attribute(item, f"{name}{k}")) is not None:
        result, k = (result or []) + part, k + 1
    return result


def _attribute(item, name: str) -> list[str] | None:
    if name not in item.attrs:
        return None
    what = f"attribute {name!r} of {item.name}"
    handle = item.attrs.get_id(name)
    elements = np.prod(handle.shape or (), dtype=float)
    if elements == 0:  # Keras writes an empty list as numbers
        return []
    # Types are checked before reading: h5py may crash on others in a damaged file.
    kind = handle.get_type()
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.committed():
        raise damaged(what, "isn't text")
    if elements * kind.get_size() > MAX_ATTRIBUTE:
        raise damaged(what, "has an absurd size")
    value = item.attrs[name]
    values = [value] if isinstance(value, (str, bytes)) else np.asarray(value).ravel().tolist()
    return [value.decode("utf-8") if isinstance(value, bytes) else value for value in values]
