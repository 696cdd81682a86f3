"""How failures are told: one sentence and an exit code."""

from __future__ import annotations

from functools import singledispatch

import typer

from cofactor.errors import InputError

BAD_INPUT = 2
INTERRUPTED = 130

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # has a public name in no version


@singledispatch
def exit_code(error: Exception) -> int | None:
    """Return the exit code of a failure that the user can mend, None for a fault of cofactor."""
    return None


@exit_code.register(UsageError)
@exit_code.register(InputError)
@exit_code.register(OSError)
@exit_code.register(MemoryError)
def _(error: Exception) -> int:
    return BAD_INPUT


def sentence(error: Exception) -> str:
    """Say in one line what went wrong."""
    return " ".join(_text(error).split())


@singledispatch
def _text(error: Exception) -> str:
    return str(error)


@_text.register(UsageError)
def _(error: Exception) -> str:
    message: str = error.format_message()  # type: ignore[attr-defined]
    return message.replace("Value error, ", "")  # typer's, of no use to who types


@_text.register
def _(error: OSError) -> str:
    what = f"{error.filename} cannot be used" if error.filename else "Reading or writing failed"
    return f"{what}: {error.strerror or error}."


@_text.register
def _(error: MemoryError) -> str:
    return (
        "The memory does not suffice for this size: choose fewer components (-k), keep fewer of "
        "them per row (--closest), or pass the data as a sparse matrix."
    )
