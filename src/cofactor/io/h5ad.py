"""Annotated matrices (`.h5ad`), through anndata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cofactor.errors import InputError
from cofactor.io.guards import optional_module, unreadable
from cofactor.io.table import Table, make_table


def read_h5ad(path: Path, layer: str | None = None) -> Table:
    """Read X or one layer, with the names of observations and variables.

    Only these parts of the file are loaded.

    Raises
    ------
    InputError
        If anndata is not installed, the file is damaged, or has no such layer.
    """
    h5py = optional_module("h5py", path, "h5ad")
    read_elem = optional_module("anndata.io", path, "h5ad").read_elem
    with unreadable(path, "an annotated matrix (h5ad)"), h5py.File(path, "r") as file:
        matrix = read_elem(_element(path, file, layer))
        names = [read_elem(file[axis]).index for axis in ("obs", "var")]
    return make_table(path, matrix, *names)


def _element(path: Path, file: Any, layer: str | None) -> Any:
    place = "X" if layer is None else f"layers/{layer}"
    element = file.get(place)
    if element is None or element.attrs.get("encoding-type") == "null":
        known = ", ".join(file.get("layers", ())) or "none"
        raise InputError(f"{path} holds no {place}: choose one of its layers ({known}).")
    return element
