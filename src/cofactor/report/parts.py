"""What the page shows of each model's components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from cofactor.data.base import Floats
from cofactor.report.order import arranged
from cofactor.report.pictures import Ramp, common_ramp, data_uri, pictures
from cofactor.report.result import Result
from cofactor.report.words import percent

MOST_COLUMNS = 8  # names that characterise a component


@dataclass(frozen=True)
class Look:
    """What a component looks like.

    Attributes
    ----------
    picture : str
        Address of its picture; empty if rows are not images.
    signed : bool
        Whether the picture shows values below 0.
    columns : list of str
        The columns in which it stands out; empty if there is a picture.
    """

    picture: str = ""
    signed: bool = False
    columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """One component.

    Attributes
    ----------
    number : int
        What the estimator calls it.
    percent : str
        Its share; empty if not known.
    height : float
        Its bar: 1 for the largest share in the report.
    look : Look
    """

    number: int
    percent: str
    height: float
    look: Look


@dataclass(frozen=True)
class Gallery:
    """All components of all models.

    Attributes
    ----------
    models : list of (int, Result, list of Part)
        The model's number, the model and its components in the order shown.
    ramp : Ramp or None
        The scale of pictures in the data's unit.
    largest : str
        The largest share in percent.
    """

    models: list[tuple[int, Result, list[Part]]]
    ramp: Ramp | None
    largest: str


def gallery(
    results: Sequence[Result],
    columns: Sequence[str] | None = None,
    image_shape: tuple[int, int] | None = None,
) -> Gallery:
    """Prepare components as pictures, or by the names of the columns in which they stand out.

    Parameters
    ----------
    results : sequence of Result
    columns : sequence of str, optional
        Names of the columns; their numbers from 0 if None.
    image_shape : tuple of int, optional
        Height and width, if every row is an image.

    Raises
    ------
    InputError
        If the shape does not hold all columns.
    """
    shown, ramp = arranged(results), common_ramp(results)
    largest = max((share.max() for r in shown if (share := r.share) is not None), default=1.0)
    if image_shape is None:
        describe = partial(_by_columns, columns)
    else:
        describe = partial(_by_pictures, image_shape, ramp)
    models = [(i, r, _parts(r, describe(r), largest)) for i, r in enumerate(shown)]
    return Gallery(models, ramp, percent(largest))


def _parts(result: Result, looks: list[Look], largest: float) -> list[Part]:
    numbers = result.numbers.tolist()
    if result.share is None:
        return [Part(number, "", 0.0, look) for number, look in zip(numbers, looks, strict=True)]
    return [
        Part(number, percent(share), share / largest, look)
        for number, share, look in zip(numbers, result.share.tolist(), looks, strict=True)
    ]


def _by_pictures(shape: tuple[int, int], ramp: Ramp | None, result: Result) -> list[Look]:
    painted = pictures(result, shape, ramp)
    return [Look(picture=data_uri(pixels), signed=own.signed) for pixels, own in painted]


def _by_columns(names: Sequence[str] | None, result: Result) -> list[Look]:
    labels = range(result.components.shape[1]) if names is None else names
    order = np.argsort(-_above_average(result), axis=1, kind="stable")[:, :MOST_COLUMNS]
    return [Look(columns=[str(labels[j]) for j in row]) for row in order.tolist()]


def _above_average(result: Result) -> Floats:
    """Return how far each component exceeds the average one, which is itself if it is alone."""
    sizes = np.abs(result.components).sum(axis=1, keepdims=True)
    scale = 1.0 if result.in_data_units else np.where(sizes > 0, sizes, 1.0)
    profiles: Floats = result.components / scale
    return profiles - profiles.mean(axis=0) if len(profiles) > 1 else profiles
