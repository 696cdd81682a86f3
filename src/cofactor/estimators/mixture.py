"""Mixtures of any noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from cofactor.codes import OneHot
from cofactor.data.base import Floats
from cofactor.estimators.base_mixture import BaseMixture
from cofactor.model import Model
from cofactor.noise import MixtureNoise, Noise, noise_named
from cofactor.trace import Callback


class Mixture(BaseMixture):
    """A mixture whose components scatter by any noise: ``p(x) = Σ_c π_c p(x|μ_c, φ)``.

    Fitted by EM; with ``n_closest`` the posterior of each row is cut to its best components and
    a lower bound of the likelihood, the free energy, is raised instead [Lücke & Forster 2019].

    Parameters
    ----------
    n_components : int, default 1
    noise : str or Noise, default 'gaussian'
        A name in ``cofactor.noise.NOISES``: 'gaussian' (one variance for everything), 'poisson',
        'bernoulli', 'multinomial', 'gamma', 'negative_binomial', 'diagonal_gaussian' …
    n_closest : int or None, default None
        Components kept of each row's posterior: None is full EM, 1 is hard.
    search : {'full', 'neighbors', 'global'}, default 'full'
        How the ``n_closest`` components are found: 'full' compares each row with all of them,
        'neighbors' with those near the ones that it keeps, which for very many components takes a
        small part of the time; the free energy still never falls. Not for covariances on sparse
        rows. 'global' looks for the best optimum of all: each round tries moves that merge two
        components and split another, EM goes on from each, and the first that ends better is kept
        [Ueda et al. 2000], until 256 in a row find nothing better or ``time_limit`` is over; Ctrl-C
        returns the best so far. Gaussian components that shrink onto a few rows do not count as
        better.
    learn_weights : bool, default True
        Estimate mixing weights instead of holding them equal.
    tol : float, default 1e-3
        Converged when the mean lower bound of a row changes by less, in nats.
    max_iter : int, default 100
        With ``search='global'`` the most rounds of moves.
    n_init : int, default 1
        Number of starts, of which the best is kept; with ``search='global'`` of whole searches.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default 'kmeans'
        'kmeans' starts from a hard clustering under the same noise.
    weights_init : array-like of shape (n_components,), optional
    means_init : array-like of shape (n_components, d), optional
    random_state : int, RandomState or None
    warm_start : bool, default False
        Go on from the fitted parameters when fit is called again.
    verbose : int, default 0
        Above 0, print every ``verbose_interval``-th iteration.
    verbose_interval : int, default 10
    learning_decay : float, default 0.7
        How fast ``partial_fit`` forgets old batches: above 0.5, and 1 forgets nothing.
    n_threads : int or None, default None
        None uses every core; results have the same bits for any number.
    callbacks : sequence of callable, default ()
        Each gets every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    time_limit : float or None, default None
        In seconds, for all starts together.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
    means_ : ndarray of shape (n_components, d)
        Multinomial noise has rows of probabilities.
    dispersion_ : ndarray
        What the noise has beside the mean: σ² of Gaussian, the shape of Gamma noise; else empty.
    free_energy_ : float
        In nats for all rows, constants included: ``log L`` if the posterior is whole.
    lower_bound_ : float
        Free energy of a row, in nats, before the last M-step; ``lower_bounds_`` has every one of
        the last ``fit``.
    trace_ : Trace
        ``objective`` (minus the free energy) and ``seconds`` of every iteration.
    converged_ : bool
        Of ``search='global'``: whether nothing better was found for long.
    n_iter_ : int
        Number of M-steps; of ``search='global'`` rounds.
    n_parameters_ : int
    n_features_in_ : int
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMixture._parameter_constraints,
        "noise": [str, Noise],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        noise: str | Noise = "gaussian",
        n_closest: int | None = None,
        search: str = "full",
        learn_weights: bool = True,
        tol: float = 1e-3,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        learning_decay: float = 0.7,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        time_limit: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.noise = noise
        self.n_closest = n_closest
        self.search = search
        self.learn_weights = learn_weights
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.learning_decay = learning_decay
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.time_limit = time_limit

    @property
    def dispersion_(self) -> Floats:
        """What the noise has beside the mean."""
        return self._params.dispersion

    @property
    def _mixture_noise(self) -> MixtureNoise:
        return cast(MixtureNoise, Model(noise_named(self.noise), OneHot()).noise)
