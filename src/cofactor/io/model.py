"""Fitted models as files: one safetensors file, no pickle, no code."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from cofactor import estimators
from cofactor.errors import InputError
from cofactor.io.guards import require_file, unreadable
from cofactor.io.staging import staged_file
from cofactor.io.state import LeftOutError, Tensors, Tree, decode, encode, qualified_name

FORMAT_VERSION = 1
_KEY = "cofactor"  # one key, because safetensors does not keep the order of several

Registry: TypeAlias = Mapping[str, type]


def save_model(
    estimator: Any, path: str | os.PathLike[str], *, registry: Registry | None = None
) -> None:
    """Write an estimator, its parameters and all that fitting has set, to one file.

    Callables and random states are left out and named in the file; loading gives such
    parameters their defaults. An existing file is replaced only by a complete one.

    Parameters
    ----------
    estimator : object
        An estimator with scikit-learn's `get_params`.
    path : str or path-like
        The file to write, usually ``*.safetensors``.
    registry : mapping of str to type, optional
        The classes that may be loaded, by name; the public classes of cofactor if None.

    Raises
    ------
    InputError
        If the class is not in the registry, or a value cannot be stored; nothing is
        written then.
    """
    registry = _public_classes() if registry is None else registry
    name = type(estimator).__name__
    if _registered(name, registry) is not type(estimator):
        raise InputError(
            f"{qualified_name(type(estimator))} is not the {name} of the registry: pass "
            f"registry={{{name!r}: {name}}} to save_model and to load_model."
        )
    tensors: Tensors = {}
    header = _header(estimator, tensors)
    _restore(header, tensors, registry)  # what could not be loaded is not written
    with staged_file(Path(path)) as partial:
        partial.write_bytes(save(tensors, metadata={_KEY: json.dumps(header)}))


def load_model(path: str | os.PathLike[str], *, registry: Registry | None = None) -> Any:
    """Read an estimator written by `save_model`.

    Parameters
    ----------
    path : str or path-like
        The file.
    registry : mapping of str to type, optional
        The classes that may be loaded, by name; the public classes of cofactor if None.

    Returns
    -------
    estimator : object
        Predicts the same bits as the estimator that was saved.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind or of a newer format, or its
        class is not in the registry.
    """
    path = Path(path)
    registry = _public_classes() if registry is None else registry
    require_file(path)
    with unreadable(path, "a model of cofactor"), safe_open(path, framework="numpy") as file:
        header = _read_header(path, file)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _restore(header, tensors, registry)


def describe_model(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Say what a model file holds, without loading the model.

    Returns
    -------
    dict
        ``class``, the format ``version`` and ``omitted``, the names of the values that
        were left out.

    Raises
    ------
    InputError
        As `load_model`.
    """
    path = Path(path)
    require_file(path)
    with unreadable(path, "a model of cofactor"), safe_open(path, framework="numpy") as file:
        header = _read_header(path, file)
        return {key: header[key] for key in ("class", "version", "omitted")}


def _header(estimator: Any, tensors: Tensors) -> dict[str, Tree]:
    params = estimator.get_params(deep=False)
    fitted = {name: value for name, value in vars(estimator).items() if name not in params}
    omitted: list[str] = []
    return {
        "version": FORMAT_VERSION,
        "class": type(estimator).__name__,
        "params": _encode_all(params, "params", tensors, omitted),
        "fitted": _encode_all(fitted, "fitted", tensors, omitted),
        "omitted": omitted,
    }


def _encode_all(
    values: dict[str, Any], prefix: str, tensors: Tensors, omitted: list[str]
) -> dict[str, Tree]:
    trees = {}
    for name, value in values.items():
        try:
            trees[name] = encode(value, f"{prefix}.{name}", tensors)
        except LeftOutError:
            omitted.append(f"{prefix}.{name}")
    return trees


def _read_header(path: Path, file: Any) -> dict[str, Tree]:
    metadata = file.metadata() or {}
    if _KEY not in metadata:
        raise InputError(
            f"{path} is a safetensors file but holds no model of cofactor; expected a file "
            "written by save_model."
        )
    header: dict[str, Tree] = json.loads(metadata[_KEY])
    if header["version"] > FORMAT_VERSION:
        raise InputError(
            f"{path} has the model format {header['version']}; this version of cofactor reads up "
            f"to {FORMAT_VERSION}, so upgrade it with pip install --upgrade cofactor."
        )
    return header


def _restore(
    header: dict[str, Tree], tensors: Mapping[str, NDArray[Any]], registry: Registry
) -> Any:
    def find(name: str) -> type:
        return _record_type(name, registry)

    params = {name: decode(tree, tensors, find) for name, tree in header["params"].items()}
    estimator = _registered(header["class"], registry)(**params)
    for name, tree in header["fitted"].items():
        setattr(estimator, name, decode(tree, tensors, find))
    return estimator


def _registered(name: str, registry: Registry) -> type:
    if name not in registry:
        raise InputError(
            f"The model class {name!r} is not known; expected one of {', '.join(sorted(registry))},"
            " so pass a registry that holds it."
        )
    return registry[name]


def _public_classes() -> dict[str, type]:
    return {name: getattr(estimators, name) for name in estimators.__all__}


def _record_type(name: str, registry: Registry) -> type:
    """Find a dataclass or named tuple among what is registered or loaded; import nothing."""
    known = {qualified_name(cls): cls for cls in registry.values()}
    found = known.get(name) or _loaded_type(name)
    if dataclasses.is_dataclass(found) or hasattr(found, "_fields"):
        return found
    raise InputError(
        f"The record {name} is not known; expected one of cofactor's own or a registered one, so "
        "pass a registry that holds it."
    )


def _loaded_type(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    own = module.partition(".")[0] == "cofactor"
    return getattr(sys.modules.get(module), attribute, None) if own else None
