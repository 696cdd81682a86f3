"""A certificate as a picture: what is proved, what is open, and where the solution lies."""

from __future__ import annotations

from html import escape

import numpy as np

WIDTH, HEIGHT = 460, 62
LEFT, RIGHT, TOP, THICK = 2, 2, 22, 14
LENGTH = WIDTH - LEFT - RIGHT
PROVED, OPEN = "#00916a", "#d8591a"  # seen on light and on dark
DECADES = 12  # of a ruler: what is smaller is rounding


def figure(drawing: str, caption: str) -> str:
    """Return a drawing with a sentence below, for notebooks."""
    return (
        f'<figure style="margin:0;max-width:{WIDTH}px;font:13px sans-serif">{drawing}'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def bar(lower: float, upper: float, name: str, label: str) -> str:
    """Return a bar from 0 to the loss of a solution, parted where the bound lies.

    Parameters
    ----------
    lower, upper : float
        The bound and the loss.
    name : str
        Of the solution.
    label : str
        For those who do not see it.
    """
    proved = LENGTH * (min(lower / upper, 1.0) if upper > 0 else 1.0)
    bound, end = LEFT + proved, LEFT + LENGTH
    middle = TOP + THICK / 2
    return _svg(
        label,
        f'<rect x="{LEFT}" y="{TOP}" width="{proved:.2f}" height="{THICK}" fill="{PROVED}"/>'
        f'<rect x="{bound:.2f}" y="{middle - 1:.1f}" width="{end - bound:.2f}" height="2" '
        f'fill="{OPEN}"/>'
        f'<path d="M{end:.2f} {TOP - 4}V{TOP + THICK + 4}" stroke="{OPEN}" stroke-width="2"/>'
        + _text(end, TOP - 8, "end", f"{name}: {upper:,.7g}")
        + _text(LEFT, TOP + THICK + 16, "start", f"none is below {lower:,.7g}"),
    )


def ruler(value: float, name: str, label: str) -> str:
    """Return a logarithmic scale from 1 down to nothing, with a mark where a number lies on it.

    Parameters
    ----------
    value : float
        From 0 to 1.
    name, label : str
        As for :func:`bar`.
    """
    share = 1.0 + np.log10(np.clip(value, 10.0**-DECADES, 1.0)) / DECADES
    middle, at = TOP + THICK / 2, LEFT + LENGTH * float(share)
    ticks = "".join(
        f"M{LEFT + LENGTH * tick / DECADES:.2f} {middle - 3:.1f}v6" for tick in range(0, 13, 3)
    )
    anchor = "start" if share < 0.25 else "end" if share > 0.75 else "middle"
    return _svg(
        label,
        f'<rect x="{LEFT}" y="{middle - 1:.1f}" width="{LENGTH}" height="2" fill="{PROVED}"/>'
        f'<path d="{ticks}" stroke="{PROVED}"/>'
        f'<rect x="{LEFT}" y="{TOP}" width="{at - LEFT:.2f}" height="{THICK}" fill="{OPEN}" '
        'fill-opacity="0.35"/>'
        f'<path d="M{at:.2f} {TOP - 4}V{TOP + THICK + 4}" stroke="{OPEN}" stroke-width="2"/>'
        + _text(at, TOP - 8, anchor, f"{name}: {value:.2g}")
        + _text(LEFT, TOP + THICK + 16, "start", f"1e-{DECADES}: none but rounding")
        + _text(LEFT + LENGTH, TOP + THICK + 16, "end", "1: all"),
    )


def _text(x: float, y: float, anchor: str, words: str) -> str:
    return (
        f'<text x="{x:.2f}" y="{y}" text-anchor="{anchor}" fill="currentColor">'
        f"{escape(words)}</text>"
    )


def _svg(label: str, body: str) -> str:
    return (
        f'<svg class="certificate" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" '
        f'font-size="11" font-family="sans-serif" aria-label="{escape(label)}">{body}</svg>'
    )


def beside(page: str, drawing: str) -> str:
    """Return what a notebook shows of an estimator, with a drawing below."""
    return f'<div>{page}<div style="margin:8px 0 0 4px">{drawing}</div></div>'
