"""The methods page shows what it says: counts agree with LAPACK, and naive errors are too small."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from inclusions import experiments, tables, text
from inclusions.model import Model
from inclusions.tables import gap_ratios, methods


def ensembles(shared, count=200, states=50):
    """One ensemble whose states have a share `shared` of their variance in common."""
    rng = np.random.default_rng(5)
    model = Model(6, 3.0)
    common = np.sqrt(shared) * rng.standard_normal((count, 1, 6))
    own = np.sqrt(1 - shared) * rng.standard_normal((count, states, 6))
    entropy = 0.25 + 0.05 * (common + own)
    data = xr.Dataset(
        {
            "linear_entropy": (("realization", "site"), entropy.mean(axis=1)),
            "linear_entropy_variance": (("realization", "site"), entropy.var(axis=1)),
            "states": ("realization", np.full(count, states)),
            "missing_levels": ("realization", np.repeat([0, -1], count // 2)),
            "residual": ("realization", np.full(count, 1e-11)),
            "magnetization_error": ("realization", np.full(count, 1e-14)),
            "seconds": ("realization", np.full(count, 36.0)),
        }
    )
    return tables.Ensembles(None, {model: data}, {}, (), count)


@pytest.mark.parametrize("shared, ratio", [(0.0, 1.0), (1.0, np.sqrt(50))])
def test_states_count_as_one_as_far_as_they_agree(shared, ratio):
    row = methods.naive_errors(ensembles(shared)).iloc[0]
    assert row.ratio == pytest.approx(ratio, rel=0.15)
    assert row.inflation == pytest.approx(row.ratio**2)


def test_only_errors_from_realizations_cover_what_they_should():
    texts = methods.coverage_texts(ensembles(0.5))
    naive, clustered = (
        float(texts[f"coverage_{name}"].rstrip("%")) for name in ("naive", "clustered")
    )
    assert naive < 35
    assert 58 < clustered < 76


def test_coverage_without_data_says_so():
    none = tables.Ensembles(None, {}, {}, (), 0)
    assert set(methods.coverage_texts(none).values()) == {text.UNKNOWN}


def test_signs_of_d_count_the_levels_of_lapack():
    counted = experiments.inertia(Model(6, 2.0, bubble=3))
    assert (counted.table.negative == counted.table.below).all()
    assert counted.table.negative.is_monotonic_increasing
    assert (counted.whole, counted.withheld) == ("complete", "1 missing")


def test_the_solve_reports_its_phases_and_certificate():
    pairs = experiments.solve(Model(8, 4.0, bubble=4), 20)
    phases, texts = methods.phases(pairs), methods.solve_texts(pairs)
    assert {"factorization", "lanczos", "certificate"} <= set(phases.phase)
    assert phases.share.sum() == pytest.approx(1)
    assert texts["certificate"] == "complete" and int(texts["levels"]) >= 20


def test_quality_adds_up_the_points():
    table = methods.quality(ensembles(0.5))
    row = text.readable(methods.curves(table), methods.CURVES).iloc[0]
    assert row["points"] == "1" and row["realizations"] == "200"
    assert row["certified"] == "50\xa0%" and row["core-hours"] == "2"
    assert len(text.readable(table, methods.POINTS)) == 1
    texts = methods.quality_texts(table)
    assert texts["quality_missed"] == "0"
    assert texts["quality_residual"].replace("\xa0", " ") == "1 × 10⁻¹¹ J"


def test_quality_has_a_row_for_each_file_of_a_model():
    ((model, few),) = ensembles(0.5, states=10).found.items()
    ten = tables.Ensembles(None, {model: few.assign_attrs(states=10)}, {}, (), 1)
    texts = methods.quality_texts(methods.quality(ensembles(0.5), ten))
    assert texts["quality_points"] == "2"
    assert re.sub(r"\D", "", texts["quality_states"]) == "12000"


def test_quality_without_data_says_so():
    table = methods.quality(tables.Ensembles(None, {}, {}, (), 0))
    assert set(methods.quality_texts(table).values()) == {text.UNKNOWN}
    assert methods.curves(table).empty


def test_the_factor_is_sparser_the_longer_the_chain():
    assert experiments.factors([6, 8, 10]).share.is_monotonic_decreasing


def test_ends_that_are_alike_differ_by_their_error_and_others_are_found_out():
    alike = [ensembles(0.5)]
    table = methods.end_symmetry(*alike)
    assert len(table) == 1 and abs(table.score[0]) < 4
    ((model, data),) = alike[0].found.items()
    tilted = data.copy(deep=True)
    tilted["linear_entropy"][:, 0] += 0.05
    other = tables.Ensembles(None, {model: tilted}, {}, (), 200)
    table = methods.end_symmetry(other)
    assert table.difference[0] == pytest.approx(-0.05, abs=0.02)
    texts = methods.symmetry_texts(table)
    assert texts["symmetry_count"] == texts["symmetry_beyond"] == "1"
    assert float(texts["symmetry_probability"]) < 1e-3


def test_symmetry_without_data_says_so():
    table = methods.end_symmetry(tables.Ensembles(None, {}, {}, (), 0))
    assert set(methods.symmetry_texts(table).values()) == {text.UNKNOWN}


def test_limits_show_both_ends_of_every_curve():
    none = gap_ratios.means(tables.Ensembles(None, {}, {}, (), 0))
    assert gap_ratios.ends(none).empty
    row = {"bubble": 0, "boundary": "open", "length": 8, "error": 0.002, "sources": ""}
    curve = pd.DataFrame(
        [row | {"disorder": w, "gap_ratio": r} for w, r in ((8.0, 0.3883), (1.0, 0.5267))]
    )
    shown = text.readable(gap_ratios.ends(curve), gap_ratios.ENDS).iloc[0]
    assert shown["minus 0.5307"] == "−0.004(2)" and shown["minus 0.3863"] == "0.002(2)"
