"""Fits beside fits, in forked children, under signals: the same bits, and never a hang.

What could hang or die does so in a process of its own, which a time limit ends.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_blobs

from cofactor import KMeans

PATIENCE = 120  # seconds, many times what the scripts take
BEGINNING = """
import numpy as np
from cofactor import KMeans

X = np.random.default_rng(0).normal(size=(20_000, 32)).astype(np.float32)

def fitted():
    model = KMeans(30, random_state=0, max_iter=5, n_threads=3).fit(X)
    return model.labels_.tobytes() + model.cluster_centers_.tobytes()
"""
SCRIPTS = {
    "forked children": """
import multiprocessing, os, threading
expected = fitted()

def child_agrees():
    child = os.fork()
    if child == 0:
        os._exit(fitted() != expected)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

assert child_agrees()
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.starmap(fitted, [()] * 4) == [expected] * 4

done = threading.Event()
def keep_fitting():
    while not done.is_set():
        fitted()

other = threading.Thread(target=keep_fitting)
other.start()
assert all(child_agrees() for _ in range(5))
done.set()
other.join()
""",
    "joblib's processes": """
import joblib
expected = fitted()
models = [KMeans(30, random_state=0, max_iter=5, n_threads=2) for _ in range(2)]
with joblib.parallel_config("loky", n_jobs=2):
    found = joblib.Parallel()(joblib.delayed(model.fit_predict)(X) for model in models)
assert all(expected.startswith(labels.tobytes()) for labels in found)
""",
    "many threads": """
import joblib
from concurrent.futures import ThreadPoolExecutor
expected = fitted()
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(lambda _: fitted(), range(16))) == [expected] * 16
found = joblib.Parallel(n_jobs=4, backend="threading")(
    joblib.delayed(fitted)() for _ in range(8)
)
assert found == [expected] * 8
""",
}


def start(script: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-c", BEGINNING + script]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_fits_do_not_hang_or_differ(script):
    with start(script) as process:
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0, errors


LONG = """
import signal
import scipy.sparse as sp
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
big = np.random.default_rng(1).normal(size=(400_000, 32)).astype(np.float32)
long = {"tol": 0, "max_iter": 10**6, "n_threads": 2}
FITS = {
    "dense rows": lambda: KMeans(1000, init=big[:1000], **long).fit(big),
    "sparse rows": lambda: KMeans(300, init=big[:300], **long).fit(sp.csr_array(big[:200_000])),
    "greedy seeds": lambda: KMeans(4_000, n_threads=2).fit(big),
    "moves of single rows": lambda: KMeans(
        300, init=big[:300], **{**long, "tol": 1.0}, polish=True
    ).fit(big),
}
for name, fit in FITS.items():
    print(name, flush=True)
    try:
        fit()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    else:
        print("ended", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupt_ends_a_fit_soon():
    with start(LONG) as process:
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        try:
            for name in iter(process.stdout.readline, ""):
                time.sleep(1.0)
                process.send_signal(signal.SIGINT)
                assert process.stdout.readline() == "interrupted\n", name
            assert process.wait() == 0, process.stderr.read()
        finally:
            late.cancel()
            process.kill()


def bits(X, k, weights, n_threads, **settings):
    model = KMeans(k, random_state=0, max_iter=6, n_threads=n_threads, **settings)
    model.fit(X, sample_weight=weights)
    return model.labels_.tobytes(), model.cluster_centers_.tobytes(), model.inertia_


SIZES = {"small": (300, 5, 4), "many blocks": (30_000, 24, 12), "many clusters": (6_000, 16, 700)}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True])
def test_any_number_of_threads_gives_the_same_bits(size, dtype, storage, weighted):
    n, d, k = size
    rows, _ = make_blobs(n, d, centers=k, cluster_std=4.0, random_state=0)
    X = storage(np.maximum(rows, 0.0).astype(dtype))
    weights = np.random.default_rng(1).exponential(size=n) if weighted else None
    expected = bits(X, k, weights, 1, init="random", n_init=1)
    for n_threads in (2, 3, 7):
        assert bits(X, k, weights, n_threads, init="random", n_init=1) == expected


def test_seeds_and_starts_have_the_same_bits_too():
    X, _ = make_blobs(9_000, 16, centers=40, random_state=0)
    expected = bits(X, 40, None, 1, n_init=2)
    assert all(bits(X, 40, None, n, n_init=2) == expected for n in (2, 3, 7))


def test_one_estimator_may_predict_from_many_threads():
    X, _ = make_blobs(9_000, 16, centers=20, random_state=0)
    model = KMeans(20, random_state=0, n_threads=2).fit(X)
    with ThreadPoolExecutor(8) as pool:
        for labels in pool.map(model.predict, [X] * 16):
            np.testing.assert_array_equal(labels, model.labels_)
