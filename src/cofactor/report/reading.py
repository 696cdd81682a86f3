"""Reading fitted estimators: what each kind calls the things that all of them have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.noise.base import Noise
from cofactor.noise.multinomial import Multinomial
from cofactor.report.result import Result
from cofactor.report.words import CONDITIONAL, DIVERGENCE, FREE_ENERGY, MARGINAL, proper

RESCALED = ("multinomial", "von mises-fisher")  # noises whose means are not in the data's unit


@dataclass(frozen=True)
class Reading(ABC):
    """One fitted estimator, read by its kind.

    Attributes
    ----------
    estimator : object
    attribute : str
        Where estimators of this kind keep their components.
    one_hot : bool
        Whether components are means of clusters.
    """

    estimator: Any

    attribute: ClassVar[str]
    one_hot: ClassVar[bool]

    @property
    def components(self) -> Floats:
        """The components, shape (k, d)."""
        return np.asarray(getattr(self.estimator, self.attribute), dtype=float)

    @property
    @abstractmethod
    def noise(self) -> Noise:
        """The noise that was fitted."""

    @property
    @abstractmethod
    def codes(self) -> str:
        """The codes, in words."""

    @property
    @abstractmethod
    def value(self) -> float:
        """Log-likelihood or its bound, in nats."""

    @property
    @abstractmethod
    def tag(self) -> str:
        """What the value is."""

    @property
    @abstractmethod
    def share(self) -> Floats | None:
        """Each component's share, shape (k,); None if the estimator does not keep it."""

    @abstractmethod
    def n_parameters(self, n_rows: float) -> int:
        """Return the number of free parameters of the value's likelihood."""


class OneHotReading(Reading):
    """Clusterings and mixtures."""

    one_hot = True

    @property
    def noise(self) -> Noise:
        """See :class:`Reading`."""
        noise: Noise = self.estimator._mixture_noise
        return noise

    @property
    def codes(self) -> str:
        """See :class:`Reading`."""
        if self.estimator.n_closest == 1:
            return "one-hot codes"
        return f"one-hot codes, {'all' if self._is_whole else self.estimator.n_closest} kept"

    @property
    def value(self) -> float:
        """See :class:`Reading`."""
        return float(self.estimator.free_energy_)

    @property
    def tag(self) -> str:
        """See :class:`Reading`."""
        return MARGINAL if self._is_whole else FREE_ENERGY

    @property
    def _is_whole(self) -> bool:
        keep = self.estimator.n_closest
        return keep is None or keep >= len(self.components)


class ClusteringReading(OneHotReading):
    """k-means and its relatives."""

    attribute = "cluster_centers_"

    @property
    def share(self) -> Floats:
        """See :class:`Reading`: of the rows, by their labels."""
        labels: Array = self.estimator.labels_
        return np.bincount(labels, minlength=len(self.components)) / len(labels)

    def n_parameters(self, n_rows: float) -> int:
        """See :class:`Reading`: weights are equal."""
        k, d = self.components.shape
        return k * d + self.estimator._mixture_noise.n_dispersion_parameters(k, d)


class MixtureReading(OneHotReading):
    """Mixtures."""

    attribute = "means_"

    @property
    def share(self) -> Floats:
        """See :class:`Reading`: the mixing weights."""
        return np.asarray(self.estimator.weights_, dtype=float)

    def n_parameters(self, n_rows: float) -> int:
        """See :class:`Reading`."""
        return int(self.estimator.n_parameters_)


class FactorizationReading(Reading):
    """Matrix factorizations."""

    attribute = "components_"
    one_hot = False

    @property
    def noise(self) -> Noise:
        """See :class:`Reading`."""
        noise: Noise = self.estimator.noise_
        return noise

    @property
    def codes(self) -> str:
        """See :class:`Reading`: NMF has but one kind."""
        return f"{getattr(self.estimator, 'codes', 'nonnegative')} codes"

    @property
    def value(self) -> float:
        """See :class:`Reading`."""
        return float(self.estimator.log_likelihood_)

    @property
    def tag(self) -> str:
        """See :class:`Reading`."""
        return DIVERGENCE if self.noise.kind == "divergence" else CONDITIONAL

    @property
    def share(self) -> None:
        """See :class:`Reading`: codes are not kept."""
        return None

    def n_parameters(self, n_rows: float) -> int:
        """See :class:`Reading`: what the codes count, and the dispersion."""
        k, d = self.components.shape
        dispersion = 0 if self.estimator.dispersion_ is None else 1
        return round(CODE_PARAMETERS[self.codes](n_rows, k, d)) + dispersion


# of codes and components together, by rows, components and columns
CODE_PARAMETERS: dict[str, Callable[[float, int, int], float]] = {
    "nonnegative codes": lambda n, k, d: k * (n + d - 1),  # one scale of each pair is free
    "semi-nonnegative codes": lambda n, k, d: k * (n + d - 1),
    "free codes": lambda n, k, d: k * (n + d - k),
    "simplex codes": lambda n, k, d: n * (k - 1) + k * d,
    "scaled one-hot codes": lambda n, k, d: n + k * (d - 1),
}


class TopicReading(Reading):
    """Topic models."""

    attribute = "topics_"
    one_hot = False

    @property
    def noise(self) -> Noise:
        """See :class:`Reading`."""
        return Multinomial()

    @property
    def codes(self) -> str:
        """See :class:`Reading`."""
        return "simplex codes"

    @property
    def value(self) -> float:
        """See :class:`Reading`."""
        return float(self.estimator.log_likelihood_)

    @property
    def tag(self) -> str:
        """See :class:`Reading`."""
        return CONDITIONAL

    @property
    def share(self) -> Floats:
        """See :class:`Reading`: of the counts that the topics explain."""
        mass = np.asarray(self.estimator.topic_mass_, dtype=float)
        return np.asarray(mass / (mass.sum() or 1.0))

    def n_parameters(self, n_rows: float) -> int:
        """See :class:`Reading`: shares and topics sum to 1."""
        k, d = self.components.shape
        return round(n_rows * (k - 1) + k * (d - 1))


KINDS: tuple[type[Reading], ...] = (
    ClusteringReading,
    MixtureReading,
    FactorizationReading,
    TopicReading,
)


def result_of(
    estimator: Any,
    name: str | None = None,
    *,
    share: Floats | None = None,
) -> Result:
    """Read a fitted estimator for a report.

    Parameters
    ----------
    estimator : object
        A fitted estimator of cofactor.
    name : str, optional
        For readers; its class and number of components if None.
    share : ndarray of shape (k,), optional
        Of each component; that of the rows, as far as the estimator keeps it, if None. See
        :func:`explained_share` for factorizations.

    Raises
    ------
    InputError
        If the estimator is not fitted, or of no such kind.
    """
    reading = _reading(estimator)
    k, d = reading.components.shape
    trace = estimator.trace_
    return Result(
        name=f"{type(estimator).__name__}, {k} components" if name is None else name,
        noise=proper(reading.noise.name),
        codes=reading.codes,
        n_parameters=reading.n_parameters(trace.n_entries / d),
        n_entries=trace.n_entries,
        value=reading.value,
        tag=reading.tag,
        kind=reading.noise.kind,
        n_iter=int(estimator.n_iter_),
        converged=bool(estimator.converged_),
        components=reading.components,
        share=reading.share if share is None else np.asarray(share, dtype=float),
        one_hot=reading.one_hot,
        in_data_units=reading.one_hot and reading.noise.name not in RESCALED,
        numbers=np.arange(k),
        objective=tuple(trace.objective),
        seconds=tuple(trace.seconds),
        certificate=getattr(estimator, "certificate_", None),
    )


def explained_share(codes: Array, components: Array) -> Floats:
    """Return the share of each component in what codes and components stand for, shape (k,).

    Of the sum ``Σ_nj (ZW)_nj`` if nothing is negative, else of the squares ``Σ_c ‖z_c‖²‖w_c‖²``.

    Parameters
    ----------
    codes : ndarray of shape (n, k)
    components : ndarray of shape (k, d)
    """
    if min(codes.min(initial=0.0), components.min(initial=0.0)) < 0:
        codes, components = np.square(codes), np.square(components)
    given = codes.sum(axis=0, dtype=float) * components.sum(axis=1, dtype=float)
    return np.asarray(given / (given.sum() or 1.0))


def _reading(estimator: Any) -> Reading:
    found = next((kind for kind in KINDS if hasattr(estimator, kind.attribute)), None)
    if found is None:
        known = ", ".join(kind.attribute for kind in KINDS)
        raise InputError(
            f"{type(estimator).__name__} has none of {known}: a report needs a fitted clustering, "
            "mixture or factorization, so call fit first."
        )
    return found(estimator)
