"""The state of a model as a JSON tree whose arrays are named tensors.

Plain values and lists stand for themselves in the tree; everything else is an object
with a ``kind``, which decides how it is built again. No code is ever stored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cofactor.errors import InputError

Tree: TypeAlias = Any  # JSON: None, bool, int, float, str, list or dict
Tensors: TypeAlias = dict[str, NDArray[Any]]
FindType: TypeAlias = Callable[[str], type]


class LeftOutError(Exception):
    """A value that cannot be stored and is not missed: a callable or a random state."""


def qualified_name(cls: type) -> str:
    """Give the module and name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


@singledispatch
def encode(value: Any, name: str, tensors: Tensors) -> Tree:
    """Turn a value into a tree, putting its arrays into `tensors`.

    Parameters
    ----------
    value : object
        Plain values, lists, tuples, dicts, dataclasses, named tuples, NumPy scalars,
        numeric arrays of at most 64 bits, arrays of strings and sparse CSR matrices.
    name : str
        The dotted name of the value, which names its tensors.
    tensors : dict of str to ndarray
        Filled in place.

    Raises
    ------
    LeftOutError
        If the value is a callable or a random state, or a container that holds one.
    InputError
        If the value is of any other type.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return _encode_record(value, names, name, tensors)
    if callable(value):
        raise LeftOutError(name)
    raise _unstorable(value, name)


@encode.register
def _(value: bool | int | float | str | None, name: str, tensors: Tensors) -> Tree:
    return value


@encode.register
def _(value: np.random.Generator | np.random.RandomState, name: str, tensors: Tensors) -> Tree:
    raise LeftOutError(name)


@encode.register
def _(value: list, name: str, tensors: Tensors) -> Tree:
    return [encode(item, f"{name}.{i}", tensors) for i, item in enumerate(value)]


@encode.register
def _(value: tuple, name: str, tensors: Tensors) -> Tree:
    if hasattr(value, "_fields"):
        return _encode_record(value, list(value._fields), name, tensors)
    return {"kind": "tuple", "items": encode(list(value), name, tensors)}


@encode.register
def _(value: dict, name: str, tensors: Tensors) -> Tree:
    items = [
        [encode(k, name, tensors), encode(v, f"{name}.{k}", tensors)] for k, v in value.items()
    ]
    return {"kind": "dict", "items": items}


@encode.register
def _(value: np.generic, name: str, tensors: Tensors) -> Tree:
    return {"kind": "scalar", "tensor": _store(np.asarray(value), name, tensors)}


@encode.register
def _(value: np.ndarray, name: str, tensors: Tensors) -> Tree:
    if value.dtype.kind in "OU":
        return _encode_strings(value, name)
    # The order is kept because products of the same numbers may round otherwise.
    fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    tensor = _store(value.T if fortran else value, name, tensors)
    return {"kind": "array", "tensor": tensor, "fortran": fortran}


@encode.register
def _(value: sparse.csr_array | sparse.csr_matrix, name: str, tensors: Tensors) -> Tree:
    parts = [
        _store(getattr(value, part), f"{name}.{part}", tensors)
        for part in ("data", "indices", "indptr")
    ]
    return {"kind": type(value).__name__, "parts": parts, "shape": list(value.shape)}


def _store(array: NDArray[Any], name: str, tensors: Tensors) -> str:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise _unstorable(array, name)
    while name in tensors:  # a dict may have the keys "a" and "a.b"
        name += "'"
    tensors[name] = np.ascontiguousarray(array).reshape(array.shape)
    return name


def _encode_strings(array: NDArray[Any], name: str) -> Tree:
    if not all(isinstance(item, str) for item in array.flat):
        raise _unstorable(array, name)
    return {
        "kind": "strings",
        "items": [str(item) for item in array.flat],
        "shape": list(array.shape),
        "dtype": array.dtype.newbyteorder("=").str,
    }


def _encode_record(value: Any, names: list[str], name: str, tensors: Tensors) -> Tree:
    try:
        fields = {n: encode(getattr(value, n), f"{name}.{n}", tensors) for n in names}
    except LeftOutError as error:
        raise _unstorable(value, name) from error
    return {"kind": "record", "class": qualified_name(type(value)), "fields": fields}


def _unstorable(value: Any, name: str) -> InputError:
    dtype = f" of {value.dtype}" if hasattr(value, "dtype") else ""
    return InputError(
        f"{name} is a {type(value).__name__}{dtype}, which a model file cannot hold; expected "
        "numbers, strings, numeric arrays, CSR matrices or containers of these."
    )


def decode(tree: Tree, tensors: Mapping[str, NDArray[Any]], find_type: FindType) -> Any:
    """Build a value again: the inverse of `encode`.

    Parameters
    ----------
    tree : JSON tree
        What `encode` returned.
    tensors : mapping of str to ndarray
        The arrays by name.
    find_type : callable
        Gives the class of a dataclass or named tuple by its qualified name.
    """
    if isinstance(tree, list):
        return [decode(item, tensors, find_type) for item in tree]
    if isinstance(tree, dict):
        return _DECODERS[tree["kind"]](tree, tensors, find_type)
    return tree


def _decode_tuple(tree: Tree, tensors: Mapping[str, Any], find_type: FindType) -> Any:
    return tuple(decode(tree["items"], tensors, find_type))


def _decode_dict(tree: Tree, tensors: Mapping[str, Any], find_type: FindType) -> Any:
    return dict(decode(tree["items"], tensors, find_type))


def _decode_scalar(tree: Tree, tensors: Mapping[str, Any], find_type: FindType) -> Any:
    return tensors[tree["tensor"]][()]


def _decode_array(tree: Tree, tensors: Mapping[str, Any], find_type: FindType) -> Any:
    array = tensors[tree["tensor"]]
    return array.T if tree["fortran"] else array


def _decode_strings(tree: Tree, tensors: Mapping[str, Any], find_type: FindType) -> Any:
    return np.array(tree["items"], dtype=tree["dtype"]).reshape(tree["shape"])


def _decode_csr(tree: Tree, tensors: Mapping[str, Any], find_type: FindType) -> Any:
    build = {"csr_array": sparse.csr_array, "csr_matrix": sparse.csr_matrix}[tree["kind"]]
    matrix = build(tuple(tensors[part] for part in tree["parts"]), shape=tuple(tree["shape"]))
    matrix.check_format(full_check=True)
    return matrix


def _decode_record(tree: Tree, tensors: Mapping[str, Any], find_type: FindType) -> Any:
    fields = {name: decode(item, tensors, find_type) for name, item in tree["fields"].items()}
    return find_type(tree["class"])(**fields)


_DECODERS: dict[str, Callable[[Tree, Mapping[str, Any], FindType], Any]] = {
    "tuple": _decode_tuple,
    "dict": _decode_dict,
    "scalar": _decode_scalar,
    "array": _decode_array,
    "strings": _decode_strings,
    "csr_array": _decode_csr,
    "csr_matrix": _decode_csr,
    "record": _decode_record,
}
