"""What a model says of rows: labels of clusterings and mixtures, codes of factorizations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cofactor.errors import InputError
from cofactor.io import OutputDirectory
from cofactor.report import Result, explained_share, result_of

Names = Sequence[str] | None


class RowResult(ABC):
    """What a model says of rows.

    Attributes
    ----------
    word : str
        What it is called, and its file.
    """

    word: ClassVar[str]

    @abstractmethod
    def check_size(self, n_components: int, n_rows: int) -> None:
        """Raise InputError if so many components cannot be found in so few rows."""

    @abstractmethod
    def fit(self, estimator: Any, X: Any, sample_weight: Any) -> NDArray[Any]:
        """Fit the estimator and return what it says of the rows it was fitted to."""

    @abstractmethod
    def predict(self, estimator: Any, X: Any) -> NDArray[Any]:
        """Return what a fitted estimator says of any rows."""

    @abstractmethod
    def read(self, estimator: Any, name: str, values: NDArray[Any]) -> Result:
        """Return what there is to tell of a fitted estimator and its values."""

    @abstractmethod
    def write(self, output: OutputDirectory, values: NDArray[Any], names: Names) -> Path:
        """Write the values beside the names of their rows."""

    @abstractmethod
    def lines(self, values: NDArray[Any], names: Names) -> Iterator[Sequence[Any]]:
        """Give a header and one line per row, for CSV."""


class Labels(RowResult):
    """The component of each row."""

    word = "labels"

    def check_size(self, n_components: int, n_rows: int) -> None:
        """See :class:`RowResult`."""
        if n_components > n_rows:
            raise InputError(
                f"{n_components:,} components need at least as many rows, but the data have "
                f"{n_rows:,}: choose -k {n_rows} or less, or --transpose if samples are columns."
            )

    def fit(self, estimator: Any, X: Any, sample_weight: Any) -> NDArray[Any]:
        """See :class:`RowResult`."""
        return self.predict(estimator.fit(X, sample_weight=sample_weight), X)

    def predict(self, estimator: Any, X: Any) -> NDArray[Any]:
        """See :class:`RowResult`."""
        return np.asarray(estimator.predict(X))

    def read(self, estimator: Any, name: str, values: NDArray[Any]) -> Result:
        """See :class:`RowResult`."""
        return result_of(estimator, name)

    def write(self, output: OutputDirectory, values: NDArray[Any], names: Names) -> Path:
        """See :class:`RowResult`."""
        return output.write_labels(self.word, values, names)

    def lines(self, values: NDArray[Any], names: Names) -> Iterator[Sequence[Any]]:
        """See :class:`RowResult`."""
        yield "row", "label"
        yield from zip(names or range(len(values)), values.tolist(), strict=True)


class Codes(RowResult):
    """How much of each component is in each row."""

    word = "codes"

    def check_size(self, n_components: int, n_rows: int) -> None:
        """Accept any: rows can be sums of more components than there are rows."""

    def fit(self, estimator: Any, X: Any, sample_weight: Any) -> NDArray[Any]:
        """See :class:`RowResult`."""
        weighted = {} if sample_weight is None else {"sample_weight": sample_weight}
        return np.asarray(estimator.fit_transform(X, **weighted))

    def predict(self, estimator: Any, X: Any) -> NDArray[Any]:
        """See :class:`RowResult`."""
        return np.asarray(estimator.transform(X))

    def read(self, estimator: Any, name: str, values: NDArray[Any]) -> Result:
        """See :class:`RowResult`; shares that the estimator does not know are of the fitted sum."""
        result = result_of(estimator, name)
        if result.share is not None:
            return result
        return replace(result, share=explained_share(values, result.components))

    def write(self, output: OutputDirectory, values: NDArray[Any], names: Names) -> Path:
        """See :class:`RowResult`."""
        return output.write_matrix(self.word, values, names, self._header(values))

    def lines(self, values: NDArray[Any], names: Names) -> Iterator[Sequence[Any]]:
        """See :class:`RowResult`."""
        if names is None:
            yield self._header(values)
            yield from values.tolist()
        else:
            yield "", *self._header(values)
            yield from ((name, *code.tolist()) for name, code in zip(names, values, strict=True))

    def _header(self, values: NDArray[Any]) -> list[str]:
        return [f"component_{number}" for number in range(values.shape[1])]


def rows_of(estimator: Any) -> RowResult:
    """Return what an estimator says of rows, by what it can do."""
    return Labels() if hasattr(estimator, "predict") else Codes()
