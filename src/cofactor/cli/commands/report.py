"""``cofactor report``."""

from __future__ import annotations

from pathlib import Path

from cofactor.cli.commands import options

EXAMPLES = """\b
Examples:
  cofactor report clusters/ -o clusters.html
  cofactor report clusters/ factors/ --image 8x8
"""


def report(
    fits: options.Fits,
    output: options.ReportFile = Path("report.html"),
    title: options.Title = "Fitted models",
    image: options.ImageShape = None,
) -> None:
    """Write an HTML page that shows and compares fits of the same data."""
    from cofactor.cli.reporting import write  # heavy imports: see cofactor.cli

    write(fits, output, title, image)
