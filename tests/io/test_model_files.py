"""Models come back from their files with every bit, and nothing else comes in."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF
from sklearn.mixture import GaussianMixture

from cofactor.errors import InputError
from cofactor.io import load_model, save_model
from cofactor.io.model import FORMAT_VERSION, describe_model


@dataclasses.dataclass(frozen=True)
class Normal:
    means: np.ndarray
    variance: float = 1.0


class Step(NamedTuple):
    codes: Any
    sizes: tuple


class Thing(BaseEstimator):
    def __init__(self, k: int = 2, noise: Any = None, callback: Any = None, seed: Any = 0) -> None:
        self.k = k
        self.noise = noise
        self.callback = callback
        self.seed = seed


REGISTRY = {c.__name__: c for c in (KMeans, NMF, GaussianMixture, Thing, Normal, Step)}
X = np.abs(np.random.default_rng(0).normal(size=(60, 4)))
PREDICTIONS: list[tuple[Any, Callable[[Any], np.ndarray]]] = [
    (KMeans(3, n_init=1, random_state=0), lambda model: model.predict(X)),
    (KMeans(3, n_init=1, random_state=0), lambda model: model.transform(X)),
    (NMF(2, random_state=0), lambda model: model.transform(X)),
    (GaussianMixture(2, random_state=0), lambda model: model.predict_proba(X)),
    (GaussianMixture(2, covariance_type="diag"), lambda model: model.score_samples(X)),
    (GaussianMixture(2, means_init=X[:2]), lambda model: model.predict_proba(X)),
]


def round_trip(folder: Path, model: Any) -> Any:
    save_model(model, folder / "m.safetensors", registry=REGISTRY)
    return load_model(folder / "m.safetensors", registry=REGISTRY)


def with_state(**state: Any) -> Thing:
    model = Thing()
    vars(model).update(state)
    return model


@pytest.mark.parametrize(("model", "predict"), PREDICTIONS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_predictions_keep_every_bit(
    tmp_path: Path, model: Any, predict: Callable[[Any], np.ndarray]
) -> None:
    model.fit(X)
    loaded = round_trip(tmp_path, model)
    assert type(loaded) is type(model)
    assert predict(loaded).tobytes() == predict(model).tobytes()
    assert list(vars(loaded)) == list(vars(model))
    np.testing.assert_equal(loaded.get_params(), model.get_params())


def test_an_unfitted_model(tmp_path: Path) -> None:
    assert vars(round_trip(tmp_path, KMeans(7))) == vars(KMeans(7))


numbers = st.sampled_from(["?", "i1", "u2", "i4", "u8", "i8", "f2", "f4", "f8"])
arrays = numbers.flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=0, min_side=0)))
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    plain | arrays | arrays.map(np.asfortranarray),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Normal, means=inner)
        | st.builds(Step, codes=inner, sizes=st.tuples(inner))
    ),
    max_leaves=8,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=values)
def test_nested_state_round_trip(tmp_path: Path, value: Any) -> None:
    loaded = round_trip(tmp_path, with_state(value_=value)).value_
    assert_same(loaded, value)


def assert_same(a: Any, b: Any) -> None:
    """Equal in type and value, to the bit, at every depth."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        assert a.flags.c_contiguous == b.flags.c_contiguous
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        [assert_same(x, y) for x, y in zip(a, b, strict=True)]
    elif isinstance(a, dict | Normal):
        a, b = (value if isinstance(value, dict) else vars(value) for value in (a, b))
        assert_same(list(a), list(b))
        assert_same(list(a.values()), list(b.values()))
    else:
        np.testing.assert_equal(a, b)


@pytest.mark.parametrize("scalar", [np.float64(0.1), np.float32(0.1), np.int64(3), np.bool_(True)])
def test_numpy_scalars_stay_scalars(tmp_path: Path, scalar: np.generic) -> None:
    assert_same(round_trip(tmp_path, with_state(value_=scalar)).value_, scalar)


@pytest.mark.parametrize("names", [np.array(["a", "äb"]), np.array([["a"]], dtype=object)])
def test_names_of_features(tmp_path: Path, names: np.ndarray) -> None:
    loaded = round_trip(tmp_path, with_state(feature_names_in_=names)).feature_names_in_
    assert loaded.dtype == names.dtype
    np.testing.assert_array_equal(loaded, names)


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_state(tmp_path: Path, form: type) -> None:
    codes = form(np.eye(3, dtype=np.float32))
    loaded = round_trip(tmp_path, with_state(codes_=codes)).codes_
    assert type(loaded) is form
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded.toarray(), codes.toarray())


def test_callables_and_random_states_become_defaults(tmp_path: Path) -> None:
    model = Thing(k=5, callback=[print], seed=np.random.default_rng(3))
    model.rng_ = np.random.RandomState(0)
    loaded = round_trip(tmp_path, model)
    assert vars(loaded) == {"k": 5, "noise": None, "callback": None, "seed": 0}
    assert describe_model(tmp_path / "m.safetensors") == {
        "class": "Thing",
        "version": FORMAT_VERSION,
        "omitted": ["params.callback", "params.seed", "fitted.rng_"],
    }


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    model = GaussianMixture(2, random_state=0).fit(X)
    for name in ("a", "b"):
        save_model(model, tmp_path / name, registry=REGISTRY)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        (object(), ["fitted.value_", "object"]),
        (np.ones(2, complex), ["fitted.value_", "complex128"]),
        (np.array([{}]), ["fitted.value_", "ndarray of object"]),
        ([np.longdouble(1)], ["fitted.value_.0", "ndarray of"]),
        (Normal(print), ["fitted.value_", "Normal"]),
        (sparse.coo_array(np.eye(2)), ["fitted.value_", "coo_array"]),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path: Path, value: Any, facts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        round_trip(tmp_path, with_state(value_=value))
    assert [fact for fact in facts if fact not in str(caught.value)] == []
    assert list(tmp_path.iterdir()) == []


def test_an_unregistered_class_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'KMeans' is not known; .*NMF"):
        save_model(KMeans(), tmp_path / "m", registry={"NMF": NMF})
    with pytest.raises(InputError, match=r"is not the Thing of the registry"):
        save_model(Thing(), tmp_path / "m", registry={"Thing": NMF})
    assert list(tmp_path.iterdir()) == []


def test_an_unregistered_record_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The record \S*Normal is not known"):
        save_model(Thing(noise=Normal(X)), tmp_path / "m", registry={"Thing": Thing})


def test_an_unregistered_class_is_not_loaded(tmp_path: Path) -> None:
    save_model(KMeans(), tmp_path / "m", registry=REGISTRY)
    with pytest.raises(InputError, match="'KMeans' is not known; expected one of NMF"):
        load_model(tmp_path / "m", registry={"NMF": NMF})


def test_a_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m"
    save_model(Thing(k=4), path, registry=REGISTRY)
    with pytest.raises(InputError):
        save_model(with_state(value_=object()), path, registry=REGISTRY)
    assert load_model(path, registry=REGISTRY).k == 4
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", [".", "missing/m"])
def test_a_model_needs_a_place(tmp_path: Path, place: str) -> None:
    with pytest.raises(InputError, match="not a file in an existing directory"):
        save_model(Thing(), tmp_path / place, registry=REGISTRY)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_model(path, registry=REGISTRY)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.99])
def test_a_model_cut_short(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "m"
    save_model(GaussianMixture(2).fit(X), path, registry=REGISTRY)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert "cut short" in refusal(path)


def test_files_that_are_no_model(tmp_path: Path) -> None:
    assert "There is no file" in refusal(tmp_path / "missing")
    (tmp_path / "text").write_text("dear reader " * 50)
    assert "of another kind" in refusal(tmp_path / "text")
    save_file({"weight": X}, tmp_path / "weights")
    assert "no model of cofactor" in refusal(tmp_path / "weights")


def write_header(path: Path, **header: Any) -> Path:
    whole = {"version": 1, "class": "Thing", "params": {}, "fitted": {}, "omitted": []} | header
    save_file({}, path, metadata={"cofactor": json.dumps(whole)})
    return path


def test_a_newer_format(tmp_path: Path) -> None:
    message = refusal(write_header(tmp_path / "m", version=FORMAT_VERSION + 1))
    assert f"format {FORMAT_VERSION + 1}" in message
    assert "pip install --upgrade cofactor" in message


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"unknown": 1}},
        {"params": None},
        {"fitted": {"a_": {"kind": "array", "tensor": "missing", "fortran": False}}},
        {"fitted": {"a_": {"kind": "pickle"}}},
    ],
)
def test_damaged_headers(tmp_path: Path, change: dict) -> None:
    assert "cannot be read as a model" in refusal(write_header(tmp_path / "m", **change))


@pytest.mark.parametrize("name", ["os.system", "cofactor.io.model.load_model", "cofactor.no.Such"])
def test_no_foreign_type_is_called(tmp_path: Path, name: str) -> None:
    record = {"kind": "record", "class": name, "fields": {}}
    with pytest.raises(InputError, match=f"The record {name} is not known"):
        load_model(write_header(tmp_path / "m", fitted={"a_": record}), registry=REGISTRY)


def test_records_of_cofactor_need_no_registry(tmp_path: Path) -> None:
    from cofactor.io import Table

    table = round_trip(tmp_path, with_state(table_=Table(X, None, ["a"]))).table_
    assert table.column_names == ["a"]
    assert table.X.tobytes() == X.tobytes()
