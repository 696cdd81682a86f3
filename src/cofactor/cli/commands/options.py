"""The options of all commands, grouped as their help shows them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from cofactor.cli.words import ModelWord

_of_model = partial(typer.Option, rich_help_panel="Model", show_default=False)
_of_run = partial(typer.Option, rich_help_panel="Run", show_default=False)
_of_files = partial(typer.Option, rich_help_panel="Files", show_default=False)
_of_printing = partial(typer.Option, rich_help_panel="Printing", show_default=False)

DataFile: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="Table with one row per sample: .npy, .npz, .csv, .tsv, .mtx, .parquet or .h5ad "
        "(text also as .gz).",
    ),
]

Model: TypeAlias = Annotated[
    ModelWord, _of_model("--model", "-m", metavar="MODEL", help=f"{', '.join(ModelWord)}.")
]
Components: TypeAlias = Annotated[
    int,
    _of_model(
        "--components", "-k", metavar="K", min=1, help="How many clusters, factors or topics."
    ),
]
Noise: TypeAlias = Annotated[
    str | None,
    _of_model(
        metavar="NAME",
        help="How data scatter, such as poisson, or von_mises_fisher for cosines; see cofactor "
        "lattice.",
    ),
]
Closest: TypeAlias = Annotated[
    int | None, _of_model(metavar="C", min=1, help="How many components may share a row.")
]
Covariance: TypeAlias = Annotated[
    str | None, _of_model(metavar="NAME", help="Of gmm: full, tied, diag or spherical.")
]
Polish: TypeAlias = Annotated[
    bool | None,
    _of_model("--polish", metavar="", help="Of kmeans: move rows singly while that helps."),
]
Search: TypeAlias = Annotated[
    str | None,
    _of_model(
        metavar="NAME",
        help="How centers are found: full, neighbors, auto (of kmeans), or global, for the best of "
        "many optima, of kmeans and of mixtures.",
    ),
]

Init: TypeAlias = Annotated[
    str | None,
    _of_run(
        metavar="NAME",
        help="How to find first components: random for any model; of kmeans also k-means++, "
        "k-means||, afk-mc2 or coreset; another name shows those of the model.",
    ),
]
Starts: TypeAlias = Annotated[
    int | None, _of_run(metavar="N", min=1, help="How many starts; the best is kept.")
]
MaxIter: TypeAlias = Annotated[
    int | None, _of_run(metavar="N", min=1, help="Most iterations of a start.")
]
Tol: TypeAlias = Annotated[
    float | None, _of_run(metavar="TOL", min=0.0, help="How small a change ends it.")
]
Seed: TypeAlias = Annotated[
    int,
    _of_run(metavar="N", min=0, max=2**32 - 1, show_default=True, help="Of all random choices."),
]
Threads: TypeAlias = Annotated[
    int | None,
    _of_run(metavar="N", min=1, help="All cores unless given; results do not depend on it."),
]
TimeLimit: TypeAlias = Annotated[
    float | None, _of_run(metavar="SECONDS", min=0.001, help="When to stop at the latest.")
]

Method: TypeAlias = Annotated[
    str,
    _of_run(
        metavar="NAME",
        show_default=True,
        help="How to prove it: auto, principal, location, closed-form, peng-wei, exact, line, "
        "blocks, or sketch, whose proof is probabilistic.",
    ),
]
Confidence: TypeAlias = Annotated[
    float,
    _of_run(
        metavar="SHARE",
        show_default=True,
        help="With what probability a probabilistic proof holds, at least.",
    ),
]
ProofTime: TypeAlias = Annotated[
    float,
    _of_run(
        "--time-limit",
        metavar="SECONDS",
        min=0.001,
        show_default=True,
        help="When to say what is proved so far; Ctrl-C does so at once.",
    ),
]
Gap: TypeAlias = Annotated[
    float,
    _of_run(
        metavar="SHARE",
        min=0.0,
        max=0.999,
        show_default=True,
        help="What share of the inertia need not be proved.",
    ),
]

Save: TypeAlias = Annotated[
    bool,
    _of_files("--save", metavar="", help="Keep it with the model, for cofactor report to draw."),
]
Certify: TypeAlias = Annotated[
    float | None,
    _of_run(
        metavar="SECONDS", min=0.001, help="Then prove how far from the best, for so long at most."
    ),
]

ModelFile: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        show_default=False,
        help="The directory of a fit, or the model.safetensors in it.",
    ),
]
OutputFile: TypeAlias = Annotated[
    Path,
    _of_files(
        "--output", "-o", metavar="FILE", help="File to write; - is stdout.", show_default=True
    ),
]
Fits: TypeAlias = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", show_default=False, help="Directories of fits, one or more."),
]
ReportFile: TypeAlias = Annotated[
    Path, _of_files("--output", "-o", metavar="FILE", help="The page.", show_default=True)
]
Title: TypeAlias = Annotated[
    str, _of_files(metavar="TEXT", help="At the top of the page.", show_default=True)
]
ImageShape: TypeAlias = Annotated[
    str | None, _of_files(metavar="HxW", help="Size of the images that rows are, such as 8x8.")
]
Output: TypeAlias = Annotated[
    Path, _of_files("--output", "-o", metavar="DIR", help="Where results go: new or empty.")
]
Overwrite: TypeAlias = Annotated[
    bool, _of_files("--overwrite", metavar="", help="Replace the results of an earlier fit.")
]
Layer: TypeAlias = Annotated[
    str | None, _of_files(metavar="NAME", help="Which layer of a .h5ad file.")
]
Transpose: TypeAlias = Annotated[
    bool, _of_files("--transpose", metavar="", help="The file has one column per sample.")
]
Weights: TypeAlias = Annotated[
    Path | None, _of_files(metavar="FILE", help="Another file, with one weight per sample.")
]

AsJson: TypeAlias = Annotated[
    bool, _of_printing("--json", metavar="", help="Print JSON, for programs.")
]
Quiet: TypeAlias = Annotated[
    bool, _of_printing("--quiet", "-q", metavar="", help="Print nothing but warnings and errors.")
]
