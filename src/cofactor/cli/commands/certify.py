"""``cofactor certify``."""

from __future__ import annotations

from cofactor.cli.commands import options

EXAMPLES = """\b
Examples:
  cofactor certify clusters/ table.csv
  cofactor certify clusters/ table.csv --time-limit 60 --json
  cofactor certify clusters/ table.csv --save && cofactor report clusters/
"""


def certify(
    model: options.ModelFile,
    data: options.DataFile,
    method: options.Method = "auto",
    time_limit: options.ProofTime = 10.0,
    gap: options.Gap = 1e-6,
    confidence: options.Confidence = 0.99,
    save: options.Save = False,
    weights: options.Weights = None,
    layer: options.Layer = None,
    transpose: options.Transpose = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove how far a model can be from the best one."""
    from cofactor.cli import certification, console  # heavy imports: see cofactor.cli
    from cofactor.cli.source import Source

    task = certification.Task(
        Source(data, layer, transpose), weights, method, time_limit, gap, confidence, save
    )
    with console.spoken_warnings():
        found = certification.certified(model, task, quiet=quiet or as_json)
    console.tell(
        certification.facts(found) if as_json else found, certification.as_table, as_json=as_json
    )
