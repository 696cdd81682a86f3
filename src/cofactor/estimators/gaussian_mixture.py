"""Gaussian mixtures with scikit-learn's face."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from cofactor.data.base import Floats
from cofactor.estimators.base_mixture import BaseMixture
from cofactor.estimators.covariance_types import COVARIANCE_TYPES, CovarianceType
from cofactor.estimators.given import given_array
from cofactor.noise import MixtureNoise
from cofactor.trace import Callback


class GaussianMixture(BaseMixture):
    """A mixture of Gaussians ``p(x) = Σ_c π_c N(x; μ_c, Σ_c)``, fitted by EM.

    Same parameters, iterations and random numbers as :class:`sklearn.mixture.GaussianMixture`;
    besides, it takes sparse and weighted data, and may cut each row's posterior to its best
    components [Lücke & Forster 2019].

    Parameters
    ----------
    n_components : int, default 1
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default 'full'
    tol : float, default 1e-3
        Converged when the mean lower bound of a row changes by less, in nats.
    reg_covar : float, default 1e-6
        Added to every variance, in squared units of the data.
    max_iter : int, default 100
        With ``search='global'`` the most rounds of moves.
    n_init : int, default 1
        Number of starts, of which the best is kept; with ``search='global'`` of whole searches.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default 'kmeans'
    weights_init : array-like of shape (n_components,), optional
    means_init : array-like of shape (n_components, d), optional
    precisions_init : array-like of the shape of ``precisions_``, optional
    random_state : int, RandomState or None
    warm_start : bool, default False
        Go on from the fitted parameters when fit is called again.
    verbose : int, default 0
        Above 0, print every ``verbose_interval``-th iteration.
    verbose_interval : int, default 10
    n_closest : int or None, default None
        Components kept of each row's posterior: None is full EM, 1 is hard.
    search : {'full', 'neighbors', 'global'}, default 'full'
        How the ``n_closest`` components are found: 'full' compares each row with all of them,
        'neighbors' with those near the ones that it keeps, which for very many components takes a
        small part of the time; the free energy still never falls. Only for dense rows. 'global'
        looks for the best optimum of all: each round tries moves that merge two components and
        split another, EM goes on from each, and the first that ends better is kept [Ueda et al.
        2000], until 256 in a row find nothing better or ``time_limit`` is over; Ctrl-C returns the
        best so far. Components that shrink onto a few rows do not count as better.
    learn_weights : bool, default True
        Estimate mixing weights instead of holding them equal.
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
    covariances_ : ndarray
        Of shape (k, d, d), (d, d), (k, d) or (k,) by ``covariance_type``.
    precisions_, precisions_cholesky_ : ndarray
        Inverses ``PPᵀ`` of the covariances, and their upper triangular factors ``P``.
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
        "covariance_type": [StrOptions(set(COVARIANCE_TYPES))],
        "reg_covar": [Interval(Real, 0, None, closed="left")],
        "precisions_init": ["array-like", None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_closest: int | None = None,
        search: str = "full",
        learn_weights: bool = True,
        learning_decay: float = 0.7,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        time_limit: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_closest = n_closest
        self.search = search
        self.learn_weights = learn_weights
        self.learning_decay = learning_decay
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.time_limit = time_limit

    @property
    def covariances_(self) -> Floats:
        """Covariances ``Σ_c``."""
        return self._params.dispersion

    @property
    def precisions_cholesky_(self) -> Floats:
        """Upper triangular factors ``P`` of the precisions."""
        return self._shape.factors(self._params.dispersion)

    @property
    def precisions_(self) -> Floats:
        """Precisions ``Σ⁻¹ = PPᵀ``."""
        return self._shape.precisions(self.precisions_cholesky_)

    @property
    def _shape(self) -> CovarianceType:
        return COVARIANCE_TYPES[self.covariance_type]

    @property
    def _mixture_noise(self) -> MixtureNoise:
        return self._shape.noise(self.reg_covar)

    def _given(self, n_columns: int) -> dict[str, Floats]:
        given = super()._given(n_columns)
        if self.precisions_init is not None:
            shape = self._shape.shape(self.n_components, n_columns)
            name = f"{self.covariance_type} precision"
            precisions = given_array(self.precisions_init, shape, name)
            given["dispersion"] = self._shape.covariances(precisions)
        return given
