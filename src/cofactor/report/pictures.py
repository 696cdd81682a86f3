"""Components as small pictures, inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.report.extras import report_module
from cofactor.report.result import Result

Pixels = NDArray[np.uint8]
SIDE = 64  # pixels that a picture has at least: viewers that smooth do not blur it
NEGLIGIBLE = 1e-9  # of the largest value: rounding does not make values negative
ABOVE, BELOW = (178, 62, 10), (0, 104, 170)  # vermilion and blue: apart for every eye


class Ramp(Protocol):
    """A scale of values as ink on transparent paper, which suits any background."""

    @property
    def signed(self) -> bool:
        """Whether the scale has values below 0."""
        ...

    def paint(self, values: Floats) -> Pixels:
        """Return values as red, green, blue and opacity, shape values.shape + (4,)."""
        ...

    @property
    def ends(self) -> tuple[float, float]:
        """The values at the ends of the scale."""
        ...


@dataclass(frozen=True)
class Ink:
    """Black ink: ``low`` is bare paper, ``high`` is black."""

    low: float
    high: float
    signed: bool = False

    def paint(self, values: Floats) -> Pixels:
        """See :class:`Ramp`."""
        opacity = (values - self.low) / ((self.high - self.low) or 1.0)
        black = np.zeros((*values.shape, 3), dtype=np.uint8)
        return np.concatenate([black, _bytes(opacity)[..., None]], axis=-1)

    @property
    def ends(self) -> tuple[float, float]:
        """See :class:`Ramp`."""
        return self.low, self.high


@dataclass(frozen=True)
class TwoInks:
    """Vermilion for positive and blue for negative values, 0 is bare paper."""

    high: float
    signed: bool = True

    def paint(self, values: Floats) -> Pixels:
        """See :class:`Ramp`."""
        colour = np.where(values[..., None] >= 0, ABOVE, BELOW).astype(np.uint8)
        opacity = _bytes(np.abs(values) / (self.high or 1.0))
        return np.concatenate([colour, opacity[..., None]], axis=-1)

    @property
    def ends(self) -> tuple[float, float]:
        """See :class:`Ramp`."""
        return -self.high, self.high


def ramp_for(values: Floats) -> Ramp:
    """Return the scale that fits values: one ink if none is negative, else two."""
    low, high = float(values.min()), float(values.max())
    return Ink(max(low, 0.0), high) if low >= -NEGLIGIBLE * high else TwoInks(max(-low, high))


def common_ramp(results: Sequence[Result]) -> Ramp | None:
    """Return one scale for all components in the data's unit; None if there are none."""
    values = [result.components.ravel() for result in results if result.in_data_units]
    return ramp_for(np.concatenate(values)) if values else None


def pictures(
    result: Result, shape: tuple[int, int], common: Ramp | None
) -> list[tuple[Pixels, Ramp]]:
    """Return each component as a picture of this shape, with its scale.

    Raises
    ------
    InputError
        If the shape does not hold all columns.
    """
    k, d = result.components.shape
    if shape[0] * shape[1] != d:
        raise InputError(
            f"image_shape is {shape}, which holds {shape[0] * shape[1]} values, but the components "
            f"of {result.name} have {d}: give the height and width of one row of the data."
        )
    images = result.components.reshape(k, *shape)
    ramps = [common if common and result.in_data_units else ramp_for(image) for image in images]
    return [(ramp.paint(image), ramp) for image, ramp in zip(images, ramps, strict=True)]


def data_uri(pixels: Pixels) -> str:
    """Return a picture as the address of a PNG that contains itself."""
    image: Any = report_module("matplotlib.image")
    buffer = io.BytesIO()
    image.imsave(buffer, _magnified(pixels), format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _magnified(pixels: Pixels) -> Pixels:
    times = max(1, -(-SIDE // max(pixels.shape[:2])))
    return np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)


def _bytes(share: Floats) -> Pixels:
    return np.round(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
