"""``cofactor predict``."""

from __future__ import annotations

from pathlib import Path

from cofactor.cli.commands import options

EXAMPLES = """\b
Examples:
  cofactor predict clusters/ more.csv -o labels.csv
  cofactor predict factors/ more.mtx | head
"""


def predict(
    model: options.ModelFile,
    data: options.DataFile,
    output: options.OutputFile = Path("-"),
    layer: options.Layer = None,
    transpose: options.Transpose = False,
    threads: options.Threads = None,
    as_json: options.AsJson = False,
) -> None:
    """Label or encode new rows with a fitted model."""
    from cofactor.cli import prediction  # heavy imports: see cofactor.cli
    from cofactor.cli.source import Source

    result = prediction.predict(model, Source(data, layer, transpose), threads)
    prediction.deliver(result.as_json() if as_json else result.as_csv(), output)
