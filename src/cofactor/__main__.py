"""``python -m cofactor`` is the command line."""

from __future__ import annotations

from cofactor.cli import main

main()
