"""``cofactor fit``."""

from __future__ import annotations

from cofactor.cli.commands import options

EXAMPLES = """\b
Examples:
  cofactor fit counts.mtx -m nmf --noise poisson -k 20 -o factors/
  cofactor fit cells.h5ad --layer counts -m topics -k 12 -o topics/
  cofactor fit table.csv -m gmm --covariance diag -k 5 -o mixture/
  cofactor fit table.csv -m kmeans --search global --time-limit 10 -k 8 -o best/
  cofactor fit table.csv -m kmeans --polish --certify 10 -k 8 -o proved/
  cofactor fit table.csv -m gmm --search global --time-limit 10 -k 8 -o mixture/
"""


def fit(
    data: options.DataFile,
    model: options.Model,
    components: options.Components,
    output: options.Output,
    noise: options.Noise = None,
    closest: options.Closest = None,
    covariance: options.Covariance = None,
    polish: options.Polish = None,
    search: options.Search = None,
    init: options.Init = None,
    starts: options.Starts = None,
    max_iter: options.MaxIter = None,
    tol: options.Tol = None,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    time_limit: options.TimeLimit = None,
    certify: options.Certify = None,
    overwrite: options.Overwrite = False,
    layer: options.Layer = None,
    transpose: options.Transpose = False,
    weights: options.Weights = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit a model to a table and write all results to a directory."""
    from cofactor.cli.plan import Plan  # heavy imports: see cofactor.cli
    from cofactor.cli.source import Source
    from cofactor.cli.summary import printer
    from cofactor.cli.training import train
    from cofactor.io import OutputDirectory

    settings = {
        "noise": noise,
        "closest": closest,
        "covariance": covariance,
        "polish": polish,
        "search": search,
        "init": init,
        "starts": starts,
        "max-iter": max_iter,
        "tol": tol,
        "seed": seed,
        "threads": threads,
        "time-limit": time_limit,
    }
    results = train(
        Plan(model, components, {k: v for k, v in settings.items() if v is not None}),
        Source(data, layer, transpose),
        weights,
        OutputDirectory(output, overwrite=overwrite),
        certify,
        quiet=quiet,
    )
    printer(as_json=as_json, quiet=quiet)(results, output)
