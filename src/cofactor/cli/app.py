"""The program, and how it ends."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, NoReturn

import typer

from cofactor.cli.commands import certify, fit, info, lattice, predict, report
from cofactor.cli.endings import INTERRUPTED, exit_code, sentence
from cofactor.version import version

EXAMPLES = """\b
Examples:
  cofactor fit counts.mtx -m nmf --noise poisson -k 20 -o factors/
  cofactor fit table.csv -m kmeans -k 8 -o clusters/
  cofactor report clusters/
  cofactor predict clusters/ more.csv -o labels.csv
  cofactor certify clusters/ table.csv
"""

app = typer.Typer(
    name="cofactor",
    epilog=EXAMPLES,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=fit.EXAMPLES)(fit.fit)
app.command(epilog=predict.EXAMPLES)(predict.predict)
app.command(epilog=certify.EXAMPLES)(certify.certify)
app.command(epilog=report.EXAMPLES)(report.report)
app.command()(info.info)
app.command()(lattice.lattice)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cofactor {version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def cofactor(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            callback=_print_version,
            is_eager=True,
            help="Show the version.",
        ),
    ] = False,
) -> None:
    """Clusterings and factorizations as one family, on one scale."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program and exit: 0 fine, 2 bad input, 130 interrupted.

    Parameters
    ----------
    arguments : list of str, optional
        The words after the program's name; those of the process if None.
    """
    signal.signal(signal.SIGTERM, _end_orderly)
    try:
        status = app(arguments, standalone_mode=False)
    except typer.Abort:
        status = INTERRUPTED
    except Exception as error:
        status = exit_code(error)
        if status is None:
            raise
        typer.echo(typer.style("Error: ", fg="red", bold=True) + sentence(error), err=True)
    sys.exit(status)


def _end_orderly(number: int, frame: object) -> NoReturn:
    """End as shells expect, by an exception, so that half-written results are removed."""
    sys.exit(128 + number)
