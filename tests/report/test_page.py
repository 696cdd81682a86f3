"""The page: valid, alone, true, and safe with any name."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from pages import as_number, read

from cofactor.errors import InputError
from cofactor.estimators import NMF, KMeans
from cofactor.report import report_model, result_of, write_report

WORDS = {"title": "A title", "data_description": "Some data."}
NASTY = "<b>\"A\" & 'B'</b>"


@pytest.fixture
def page(tmp_path, results):
    return read(write_report(tmp_path / "r.html", results, image_shape=(8, 8), **WORDS))


def test_needs_nothing_else(tmp_path, results):
    text = write_report(tmp_path / "r.html", results, image_shape=(8, 8), **WORDS).read_text()
    assert not re.search(r"https?:|//[a-z]|<script|<link|@import|url\(|<iframe|<object", text)
    sources = re.findall(r'src="([^"]*)"', text)
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_makes_missing_directories(tmp_path, results):
    path = tmp_path / "a" / "b" / "r.html"
    assert write_report(path, results, **WORDS) == path
    assert read(path).text.count("A title") == 2  # the window's and the page's


def test_table_says_what_estimators_say(page, results, digits, kmeans, mixture, factors):
    nmf, _ = factors
    values = [kmeans.free_energy_, mixture.free_energy_, nmf.log_likelihood_]
    for model, value, result in zip((kmeans, mixture, nmf), values, results, strict=True):
        said, _, parameters, iterations, seconds = page.row(result.name)
        nats, tag = re.fullmatch(r"(\S?[\d.]+)(.*)", said).groups()
        assert as_number(nats) == round(value / digits.size, 5)
        assert tag == result.tag
        assert as_number(parameters) == result.n_parameters
        assert as_number(iterations) == model.n_iter_
        assert as_number(seconds) == round(model.trace_.seconds[-1], 3)


def test_densities_and_masses_stand_apart(page):
    heads = [row[0].strip() for row in page.cells if len(row) == 1]
    assert heads == ["Continuous noise, density", "Counts, probability"]
    assert "cannot be compared with each other" in page.text


def test_pictures_are_the_components(page, results):
    shown = [as_image(uri)[::8, ::8, 3] for uri in page.pictures()]
    assert len(shown) == sum(len(result.components) for result in results)
    means = results[0].components[np.argsort(-results[0].share, kind="stable")]
    top = max(result.components.max() for result in results[:2])
    np.testing.assert_allclose(np.reshape(shown[:4], (4, 64)), means / top, atol=1 / 255)


def as_image(uri):
    return imread(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_pictures_with_negative_values_have_two_inks(tmp_path, results):
    signed = replace(results[0], components=results[0].components - 8.0)
    page = read(write_report(tmp_path / "r.html", [signed], image_shape=(8, 8), **WORDS))
    first = as_image(page.pictures()[0])
    assert len(np.unique(first[..., :3].reshape(-1, 3), axis=0)) == 2
    assert ("img", "class", "signed") in page.attributes


def test_sizes_are_shares_of_rows(page, kmeans):
    sizes = np.sort(np.bincount(kmeans.labels_))[::-1] / len(kmeans.labels_)
    assert "".join(f"{100 * size:.0f}" for size in sizes) in page.text.replace("\n", "")


def test_stopped_models_are_marked(tmp_path, results):
    early = replace(results[0], converged=False)
    page = read(write_report(tmp_path / "r.html", [early], **WORDS))
    assert page.row("k-means")[2].endswith("*")
    assert "* stopped before it converged." in page.text


def test_names_are_escaped(tmp_path, results):
    named = [replace(result, name=NASTY + result.name) for result in results]
    columns = [f"{NASTY}{j}" for j in range(64)]
    path = tmp_path / "r.html"
    write_report(path, named, title=NASTY, data_description=NASTY, columns=columns)
    assert "<b>" not in path.read_text(encoding="utf-8")
    assert read(path).text.count(NASTY) > 3 * len(results)


def test_one_component_and_one_iteration(tmp_path, tiny):
    for shape in (None, (8, 8)):
        page = read(write_report(tmp_path / "r.html", [tiny], image_shape=shape, **WORDS))
        assert "Every fit ended after its first sweep." in page.text


def test_many_models(tmp_path, results):
    many = [replace(results[0], name=f"model {i:02}") for i in range(30)]
    page = read(write_report(tmp_path / "r.html", many, image_shape=(8, 8), **WORDS))
    assert all(page.row(result.name) for result in many)


def test_columns_in_which_components_stand_out(tmp_path, kmeans):
    names = [f"pixel{j}" for j in range(64)]
    page = read(report_model(kmeans, tmp_path / "r.html", columns=names))
    centers = kmeans.cluster_centers_
    best = names[int(np.argmax(centers[2] - centers.mean(axis=0)))]
    assert page.row("2")[-1].startswith(f"{best},")


def test_report_on_a_model_alone(tmp_path, factors):
    nmf, _ = factors
    page = read(report_model(nmf, tmp_path / "r.html", image_shape=(8, 8)))
    assert "NMF, 3 components" in page.text
    assert "Fitted to 300 rows and 64 columns." in page.text
    assert len(page.pictures()) == 3


def test_no_results(tmp_path):
    with pytest.raises(InputError, match="at least one result"):
        write_report(tmp_path / "r.html", [], **WORDS)


def test_image_shape_must_hold_all_columns(tmp_path, results):
    with pytest.raises(InputError, match=r"\(8, 9\), which holds 72 values, but .* have 64"):
        write_report(tmp_path / "r.html", results, image_shape=(8, 9), **WORDS)
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_packages_are_named(package, tmp_path, results, monkeypatch):
    for module in (package, f"{package}.image"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError, match=rf"needs {package}, .* pip install .cofactor\[report\]"):
        write_report(tmp_path / "r.html", results, image_shape=(8, 8), **WORDS)


def test_certificates_are_drawn(tmp_path, digits):
    clusters = KMeans(3, random_state=0).fit(digits)
    factors = NMF(2, noise="poisson", random_state=0).fit(digits)
    clusters.certificate(digits, method="principal")
    factors.certificate(digits)
    both = [result_of(clusters, NASTY), result_of(factors, "factors")]
    path = write_report(tmp_path / "r.html", both, **WORDS)
    page = read(path)
    assert "How far from the best" in page.text
    for model, words in ((clusters, "Green is proved"), (factors, "no small change helps")):
        assert str(model.certificate_) in page.text
        assert words in page.text
    assert ("svg", "class", "certificate") in page.attributes
    assert NASTY not in path.read_text(encoding="utf-8")


def test_no_certificate_no_section(page):
    assert "How far from the best" not in page.text
