"""The lattice of cells: every noise with every kind of code, by the name the literature uses."""

from __future__ import annotations

from dataclasses import dataclass

from cofactor.codes import Codes, Free, Nonnegative, OneHot, ScaledOneHot, SemiNonnegative, Simplex
from cofactor.errors import ImpossibleCellError
from cofactor.model import Model
from cofactor.noise import Noise
from cofactor.noise.names import NOISES

TRUNCATED = 2  # any number kept between one and all stands for C'

CODES: dict[str, Codes] = {
    "one-hot, keep 1": OneHot(1),
    "one-hot, keep C'": OneHot(TRUNCATED),
    "one-hot, keep all": OneHot(None),
    "scaled one-hot": ScaledOneHot(),
    "simplex": Simplex(),
    "nonnegative": Nonnegative(),
    "semi-nonnegative": SemiNonnegative(),
    "free": Free(),
}

LITERATURE = {
    ("gaussian", "one-hot, keep 1"): "k-means",
    ("gaussian", "one-hot, keep C'"): "k-means-C'",
    ("gaussian", "scaled one-hot"): "k-lines",
    ("gaussian", "simplex"): "convex mixture",
    ("gaussian", "nonnegative"): "Frobenius NMF",
    ("gaussian", "semi-nonnegative"): "semi-NMF",
    ("gaussian", "free"): "truncated SVD, PCA",
    ("poisson", "one-hot, keep 1"): "KL k-means",
    ("poisson", "scaled one-hot"): "information-theoretic clustering",
    ("poisson", "nonnegative"): "KL-NMF, Poisson factorization",
    ("multinomial", "one-hot, keep 1"): "multinomial k-means",
    ("multinomial", "simplex"): "PLSA, topic model",
    ("bernoulli", "one-hot, keep 1"): "Bregman k-means",
    ("gamma", "one-hot, keep 1"): "Itakura-Saito k-means",
    ("gamma", "nonnegative"): "IS-NMF",
    ("von_mises_fisher", "one-hot, keep 1"): "spherical k-means",
}
TITLES = {
    "gaussian": "isotropic Gaussian",
    "spherical_gaussian": "spherical Gaussian",
    "diagonal_gaussian": "diagonal Gaussian",
    "tied_gaussian": "tied-covariance Gaussian",
    "full_gaussian": "full-covariance Gaussian",
    "poisson": "Poisson",
    "bernoulli": "Bernoulli",
    "gamma": "Gamma",
    "von_mises_fisher": "von Mises–Fisher",
}
NAMES = {
    "one-hot, keep 1": "hard {} mixture",
    "one-hot, keep C'": "truncated {} mixture",
    "one-hot, keep all": "{} mixture",
    "nonnegative": "{} factorization",
}

CALLS = {
    "one-hot, keep 1": 'KMeans(noise="{}")',
    "one-hot, keep C'": 'Mixture(noise="{}", n_closest=C)',
    "one-hot, keep all": 'Mixture(noise="{}")',
    "scaled one-hot": 'Factorization(noise="{}", codes="scaled one-hot")',
    "simplex": 'Factorization(noise="{}", codes="simplex")',
    "nonnegative": 'NMF(noise="{}")',
    "semi-nonnegative": 'Factorization(noise="{}", codes="semi-nonnegative")',
    "free": 'Factorization(noise="{}", codes="free")',
}
SHORT_CALLS = {
    ("gaussian", "one-hot, keep 1"): "KMeans()",
    ("gaussian", "one-hot, keep C'"): "KMeans(n_closest=C)",
    ("spherical_gaussian", "one-hot, keep all"): 'GaussianMixture(covariance_type="spherical")',
    ("diagonal_gaussian", "one-hot, keep all"): 'GaussianMixture(covariance_type="diag")',
    ("tied_gaussian", "one-hot, keep all"): 'GaussianMixture(covariance_type="tied")',
    ("full_gaussian", "one-hot, keep all"): "GaussianMixture()",
    ("gaussian", "nonnegative"): "NMF()",
    ("gaussian", "free"): "Factorization()",
    ("multinomial", "simplex"): "TopicModel()",
}


@dataclass(frozen=True)
class Cell:
    """One cell of the lattice.

    Attributes
    ----------
    noise : str
        The noise, as ``noise=`` expects it.
    codes : str
        What a row's code may be.
    name : str
        What the literature calls the cell; empty if the cell is impossible.
    call : str
        How to ask for it; empty if the cell is impossible.
    reason : str
        Why the cell is impossible, and what to use instead; empty if it is available.
    """

    noise: str
    codes: str
    name: str
    call: str
    reason: str

    @property
    def available(self) -> bool:
        """Whether the cell can be fitted."""
        return not self.reason


def lattice() -> list[Cell]:
    """Return every cell, noise by noise.

    A cell is available if :class:`~cofactor.model.Model` accepts its noise and codes.
    """
    return [
        _cell(noise_name, noise(), codes_name, codes)
        for noise_name, noise in NOISES.items()
        for codes_name, codes in CODES.items()
    ]


def _cell(noise_name: str, noise: Noise, codes_name: str, codes: Codes) -> Cell:
    try:
        Model(noise, codes)
    except ImpossibleCellError as impossible:
        return Cell(noise_name, codes_name, "", "", str(impossible))
    key = noise_name, codes_name
    title = TITLES.get(noise_name, noise.name)
    name = LITERATURE.get(key) or NAMES.get(codes_name, "").format(title)
    call = SHORT_CALLS.get(key) or CALLS[codes_name].format(noise_name)
    return Cell(noise_name, codes_name, name, call, "")
