"""The tables of theory hold what theory says, and find again what is put into the data."""

import math

import numpy as np
import pytest

from inclusions import campaign, ensemble, perturbation, store, tables, text
from inclusions.model import Model
from inclusions.tables import avalanche as tables_avalanche
from inclusions.tables import perturbation as tables_perturbation

CAMPAIGN = """
name = "tiny"
seed = 7
states = 10

[[ensemble]]
length = 6
bubble = 4
disorder = [3.0, 9.0]
realizations = 24

[[ensemble]]
length = 8
disorder = [3.0, 9.0]
realizations = 24
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theory")
    file, data = folder / "tiny.toml", folder / "data"
    file.write_text(CAMPAIGN)
    ensemble.run(campaign.load(file), data)
    for place in store.stores(data):
        place.consolidate()
    store.write_manifest(data)
    return tables.load(file, data)


@pytest.fixture
def nothing(loaded, tmp_path):
    return tables.load(loaded.campaign, tmp_path)


# --- Eq. (6) against ensembles ----------------------------------------------------------------


def test_bubbles_are_compared_with_the_chain_two_sites_longer(loaded):
    pairs = tables_avalanche.responses(loaded)
    assert [(m.length, m.disorder) for m in pairs] == [(6, 3.0), (6, 9.0)]
    isolated, response, _ = pairs[Model(6, 9.0, bubble=4)]
    chain = loaded.found[Model(8, 9.0)].linear_entropy.values
    assert isolated == pytest.approx(1 - chain[:, 2:6].mean(), rel=1e-6)
    bubble = loaded.found[Model(6, 9.0, bubble=4)].linear_entropy.values
    assert response.value[0] == pytest.approx(isolated - 1 + bubble[:, [0, 5]].mean(), rel=1e-6)


def test_every_bubble_is_fitted_with_both_exponents(loaded):
    # three distances only: what counts is that rows are there, not what they say
    fits = tables_avalanche.avalanche_fits(loaded)
    assert sorted(zip(fits.disorder, fits.exponent, strict=True)) == [
        (3.0, 0.5), (3.0, 1.0), (9.0, 0.5), (9.0, 1.0),
    ]  # fmt: skip
    assert (fits.p_low <= fits.p).all() and (fits.p <= fits.p_high).all()
    points, curves = tables_avalanche.avalanche_curves(fits, loaded)
    assert len(points) == 6 and len(curves) == 4 * 61
    assert len(text.readable(fits, tables_avalanche.FITS)) == 4
    assert tables_avalanche.fit_texts(fits)["fits"] == "4"


def test_the_mixture_has_one_row_an_ensemble_and_names_no_fraction_without_two(loaded):
    mixtures = tables_avalanche.mixtures(loaded, length=6)
    assert len(mixtures) == 4
    shown = text.readable(mixtures, tables_avalanche.MIXTURES)["fraction $p$"]
    for decided, fraction in zip(mixtures.two, shown, strict=True):
        assert decided or fraction == "–"


def test_without_data_tables_are_empty_and_texts_say_so(nothing):
    fits = tables_avalanche.avalanche_fits(nothing)
    assert fits.empty and tables_avalanche.fit_texts(fits)["fits"] == "0"
    assert all(table.empty for table in tables_avalanche.avalanche_curves(fits, nothing))
    assert tables_avalanche.mixture_texts(tables_avalanche.mixtures(nothing, length=6)) == {
        "with_bubble": "0", "two_with": "0", "isolated": "0", "two_without": "0",
    }  # fmt: skip
    assert tables_perturbation.ensemble_tails(nothing).empty
    assert tables_avalanche.first_site(nothing)["share_range"] == text.UNKNOWN


# --- the expansion --------------------------------------------------------------------------


# --- conservation ---------------------------------------------------------------------------


def test_the_bracket_is_counted_where_the_closed_form_says():
    table = perturbation.brackets([7, 8, 10], [20])
    counted = table.dropna()
    np.testing.assert_allclose(counted.counted, counted.exact, rtol=1e-12)
    assert table.counted.isna().tolist() == [False, False, False, True]
    assert (table.exact > table.printed).all()


def test_tails_within_realizations_leave_the_means_out(loaded):
    table = tables_perturbation.ensemble_tails(loaded)
    assert len(table) == 4
    row = table[(table.bubble == 0) & (table.disorder == 9.0)].iloc[0]
    data = loaded.found[Model(8, 9.0)]
    entropy = data.linear_entropy.values.astype(float)
    second = data.linear_entropy_variance.values + entropy**2
    covariance = data.linear_entropy_covariance.values.mean(axis=0)
    mirrored = 0.5 * (covariance[0, 4] + covariance[1, 3])
    variance = [
        0.5 * (second[:, i] + second[:, 7 - i]).mean()
        - (0.5 * (entropy[:, i] + entropy[:, 7 - i]).mean()) ** 2
        for i in (0, 4)
    ]
    assert row.within == pytest.approx(mirrored / math.sqrt(math.prod(variance)), rel=1e-5)
    assert row.conserved == perturbation.averaged_tail(8, 9.0)
