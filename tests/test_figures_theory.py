"""Figures of theory draw what their tables say, and say so when there is nothing to draw."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import colors

from inclusions import avalanche as theory
from inclusions import experiments
from inclusions import perturbation as expansion
from inclusions.figures import avalanche, colour_of, drawn, perturbation

COLUMNS = [
    "length", "disorder", "exponent", "xi", "xi_low", "xi_high", "p", "p_low", "p_high",
    "chi2", "degrees", "probability", "below", "above",
]  # fmt: skip


def fit_table():
    return pd.DataFrame(
        [
            [12, 4.0, 1.0, 0.8, 0.7, 0.9, 0.3, 0.2, 0.4, 4.0, 4, 0.4, 4.0, 9.0],
            [12, 4.0, 0.5, 0.9, 0.8, 1.0, 0.5, 0.4, 0.6, 40.0, 4, 0.0, 40.0, 60.0],
        ],
        columns=COLUMNS,
    ).assign(regime=["not decidable", "rejected"])


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_resonances_are_drawn_with_every_length_and_the_printed_distance():
    resonances = theory.resonances([0.5, 1.5], 4, 8)
    reaches = theory.reaches(4, [10, 16])
    left, right = avalanche.resonances(resonances, reaches).axes
    assert len(left.lines) == 2 + 1
    np.testing.assert_array_equal(
        left.lines[0].get_ydata(), resonances.resonance[resonances.ratio == 0.5]
    )
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert {"as printed", "$L = 10$", "$L = 16$"} <= set(labels)


def test_ergodic_terms_have_a_panel_for_each_exponent():
    terms = theory.ergodic_terms(0.6, 4, 16, 0.85, [1.0, 0.5])
    panels = avalanche.ergodic_terms(terms, 0.85, 1.5).axes
    for exponent, axes in zip((1.0, 0.5), panels, strict=True):
        rows = terms[terms.exponent == exponent]
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), rows.printed)
        np.testing.assert_array_equal(axes.lines[1].get_ydata(), rows.bounded)


def test_regimes_draw_each_ratio_for_each_length():
    table = theory.regimes([0.6, 3.0], 0.3, 4, [16, 64], 0.85, [1.0, 0.5])
    for axes in avalanche.regimes(table).axes:
        assert len(axes.lines) == 4


def test_rejected_fits_are_dotted_and_points_keep_the_colour_of_their_disorder():
    points = pd.DataFrame(
        {"length": 12, "disorder": 4.0, "distance": [1, 2, 3], "difference": [0.3, 0.2, 0.1],
         "error": 0.01, "sources": "shown.nc"}
    )  # fmt: skip
    curve = points.drop(columns=["error", "sources"]).assign(exponent=1.0, rejected=False)
    curves = pd.concat([curve, curve.assign(exponent=0.5, rejected=True)])
    every = pd.concat([points, points.assign(length=14, sources="another.nc")])
    figure = avalanche.avalanche_fits(every, curves, 12)
    assert drawn[figure] == {"shown.nc"}
    left, right = figure.axes
    for axes, style in ((left, "-"), (right, ":")):
        (container,) = axes.containers
        assert colors.same_color(container.lines[0].get_color(), colour_of(4.0))
        np.testing.assert_array_equal(container.lines[0].get_ydata(), [0.3, 0.2, 0.1])
        assert axes.lines[-1].get_linestyle() == style


def test_parameters_of_rejected_fits_are_hollow():
    panels = avalanche.avalanche_parameters(fit_table()).axes
    faces = {
        container.lines[0].get_ydata()[0]: container.lines[0].get_markerfacecolor()
        for container in panels[1].containers
    }
    assert colors.same_color(faces[0.5], "white") and not colors.same_color(faces[0.3], "white")
    xi = sorted(c.lines[0].get_ydata()[0] for c in panels[0].containers)
    np.testing.assert_allclose(xi, np.array([0.8, 0.9]) * np.log(2))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: avalanche.avalanche_parameters(fit_table().iloc[:0]),
        lambda: avalanche.avalanche_fits(
            pd.DataFrame(columns=["length", "disorder", "distance", "difference", "error"]),
            pd.DataFrame(columns=["length", "disorder", "exponent", "distance", "difference"]),
            12,
        ),
        lambda: perturbation.ensemble_tails(
            pd.DataFrame(columns=["bubble", "length", "disorder", "within", "conserved"])
        ),
    ],
)
def test_without_data_the_panels_say_so(draw):
    assert all("not computed" in texts(axes) for axes in draw().axes)


def test_the_expansion_is_drawn_with_its_errors():
    table = experiments.expansion(6, [8.0, 32.0], realizations=6)
    left, right = perturbation.expansion(table).axes
    means = left.containers[0].lines[0]
    np.testing.assert_array_equal(means.get_ydata(), table["mean"])
    drawn = [container.lines[0].get_ydata() for container in right.containers]
    for column, y in zip(("printed_error", "error", "clear_error"), drawn, strict=True):
        np.testing.assert_array_equal(y, table[column])


def test_conservation_draws_theory_beside_the_small_chains():
    small = experiments.small_chain_correlations(6, [30.0], 4)
    tails = expansion.tails([6, 8, 10], [5.2])
    left, right = perturbation.conservation(small, tails).axes
    assert len(left.containers) == 2
    assert "conservation alone" in [t.get_text() for t in left.get_legend().get_texts()]
    np.testing.assert_array_equal(right.lines[0].get_ydata(), tails.C[tails.disorder.isna()])


def test_a_tail_within_its_error_is_an_upper_limit():
    table = pd.DataFrame(
        {
            "bubble": 0, "length": 10, "disorder": [4.0, 8.0], "within": [0.05, 0.001],
            "within_error": 0.01, "conserved": [0.02, 0.01],
        }
    )  # fmt: skip
    left, right = perturbation.ensemble_tails(table).axes
    (container,) = left.containers
    assert container.lines[0].get_ydata().tolist() == [0.05]
    (limit,) = [line for line in left.lines if line.get_marker() == "v"]
    np.testing.assert_allclose(limit.get_ydata(), [0.001 + 0.02])
    assert "not computed" in texts(right)
