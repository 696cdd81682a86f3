"""Reading tables, keeping models and writing results."""

from __future__ import annotations

from cofactor.io.json_values import to_json
from cofactor.io.model import load_model, save_model
from cofactor.io.output import OutputDirectory
from cofactor.io.readers import read
from cofactor.io.table import Table

__all__ = ["OutputDirectory", "Table", "load_model", "read", "save_model", "to_json"]
