"""``cofactor info``."""

from __future__ import annotations

from cofactor.cli.commands import options


def info(as_json: options.AsJson = False) -> None:
    """Show the version and what runs on this machine."""
    from cofactor.cli import console, machine  # heavy imports: see cofactor.cli

    facts = machine.facts()
    console.tell(facts, machine.as_table, as_json=as_json)
