"""The command line: a cell of the family, fitted to a file, in the words of the field.

What a command offers is in `commands`, which imports nothing heavy, so that help, mistyped
options and an early Ctrl-C are answered at once; what a command does is in the files beside it.
"""

from __future__ import annotations

from cofactor.cli.app import main

__all__ = ["main"]
