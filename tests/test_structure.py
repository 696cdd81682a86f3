"""The folder tree is the architecture: imports point downward."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cofactor

ROOT = Path(cofactor.__file__).parent
# From the ground up; a module may import from lower layers and from its own package.
LAYERS = [
    {"errors", "lazy", "version"},
    {"kernels", "trace"},
    {"engine"},
    {"data"},
    {"noise"},
    {"codes"},
    {"model", "online", "stop"},
    {"fit"},
    {"lloyd"},
    {"lloyd_starts"},
    {"neighbors"},
    {"search"},
    {"start"},
    {"certificate"},
    {"estimators", "lattice"},
    {"compare", "io"},
    {"report"},
    {"cli", "demo", "__init__"},
    {"__main__"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
FILES = sorted(ROOT.rglob("*.py"))


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.module == "cofactor":
                found |= {f"cofactor.{alias.name}" for alias in node.names}
            else:
                found.add(node.module or "")
    return {name for name in found if name.split(".")[0] == "cofactor"}


def test_every_part_has_a_layer() -> None:
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES}
    assert parts <= set(HEIGHT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downward(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for module in imported_modules(path):
        other = HEIGHT.get(layer_of(module), HEIGHT["__init__"])
        assert layer_of(module) == own or other < HEIGHT[own], f"{own} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_fit_in_the_head(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_loads_no_extra() -> None:
    extras = {"matplotlib", "jinja2", "pyarrow", "anndata", "pandas", "typer", "rich"}
    with_scikit_learn = modules_after("import sklearn.cluster, sklearn.decomposition")
    assert not extras & (modules_after("import cofactor") - with_scikit_learn)
