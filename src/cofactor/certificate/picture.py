"""A certificate as a picture: what is proved, what is open, and where the clustering lies."""

from __future__ import annotations

from html import escape

WIDTH, HEIGHT = 460, 62
LEFT, RIGHT, TOP, THICK = 10, 10, 22, 14
PROVED, OPEN = "#007f5c", "#c04a00"


def picture(lower: float, upper: float, caption: str) -> str:
    """Return a bar from 0 to the inertia, parted where the bound lies, with a sentence below.

    Parameters
    ----------
    lower, upper : float
        The bound and the inertia.
    caption : str
    """
    length = WIDTH - LEFT - RIGHT
    proved = length * (lower / upper if upper > 0 else 1.0)
    bound, end = LEFT + proved, LEFT + length
    middle = TOP + THICK / 2
    return (
        f'<figure style="margin:0;max-width:{WIDTH}px">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" font-size="11" '
        f'font-family="sans-serif" aria-label="{escape(caption)}">'
        f'<rect x="{LEFT}" y="{TOP}" width="{proved:.2f}" height="{THICK}" fill="{PROVED}"/>'
        f'<rect x="{bound:.2f}" y="{middle - 1:.1f}" width="{end - bound:.2f}" height="2" '
        f'fill="{OPEN}"/>'
        f'<path d="M{end:.2f} {TOP - 4}V{TOP + THICK + 4}" stroke="{OPEN}" stroke-width="2"/>'
        f'<text x="{end}" y="{TOP - 8}" text-anchor="end" fill="currentColor">'
        f"this clustering: {upper:,.7g}</text>"
        f'<text x="{LEFT}" y="{TOP + THICK + 16}" fill="currentColor">'
        f"none is below {lower:,.7g}</text></svg>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
