"""Reading reports back."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """Checks that tags balance, and keeps texts and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.cells: list[list[str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in {"td", "th"}:
            self.cells[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    def row(self, name: str) -> list[str]:
        """Return the cells after the one that begins with a model's name."""
        return next([c.strip() for c in row[1:]] for row in self.cells if row[0].startswith(name))

    def pictures(self) -> list[str]:
        return [value for tag, name, value in self.attributes if (tag, name) == ("img", "src")]


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def as_number(text: str) -> float:
    """Read a number as it is printed: a real minus sign, thousands apart."""
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", "").rstrip("*"))
