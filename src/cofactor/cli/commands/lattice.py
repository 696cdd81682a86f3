"""``cofactor lattice``."""

from __future__ import annotations

from cofactor.cli.commands import options


def lattice(as_json: options.AsJson = False) -> None:
    """Show all models of the family and how to fit them."""
    from cofactor.cli import cells, console  # heavy imports: see cofactor.cli

    console.tell(cells.as_objects(), cells.layout, as_json=as_json)
