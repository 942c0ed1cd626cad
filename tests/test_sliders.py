"""Figures with sliders hold the numbers of the package at every position, drawn and embedded."""

import json

import numpy as np
import pandas as pd
import pytest

from inclusions import avalanche, experiments
from inclusions.disorder import draw
from inclusions.figures import sliders
from inclusions.figures.sliders import Axis, Control, Exploration, Panel, Series
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.tables import sliders as positions

RATIOS, CHANCES, BUBBLES, EXPONENTS = [0.5, 1.0, 2.0], [0.0, 0.3], [2, 4], [1.0, 0.5]


@pytest.fixture(scope="module")
def profiles():
    return avalanche.profiles(RATIOS, CHANCES, BUBBLES, 12, 0.85, EXPONENTS)


@pytest.fixture(scope="module")
def sweep():
    model = Model(6, 2.0, bubble=2, bandwidth=0.5)
    return experiments.sweep(model, [1.0, 2.0, 8.0], seed=4)


# Tables


def test_profiles_are_equation_6_on_every_site_of_half_the_chain(profiles):
    assert len(profiles) == 3 * 2 * 2 * 2 * 6
    for row in profiles.sample(40, random_state=1).itertuples():
        xi = row.ratio * avalanche.CRITICAL_LENGTH
        gamma = avalanche.mean_purity(row.distance, xi, row.p, row.bubble, 12, 0.85, row.exponent)
        assert row.difference == pytest.approx(0.85 - gamma)
        assert row.reach == pytest.approx(avalanche.thermalized_distance(xi, row.bubble, 12))


def test_a_chain_two_sites_longer_stands_beside_a_bubble():
    table = pd.DataFrame(
        {"length": [8, 10, 10], "bubble": [4, 0, 0], "boundary": ["open", "open", "periodic"],
         "disorder": 1.0, "gap_ratio": 0.5}
    )  # fmt: skip
    found = positions.by_size(table)
    assert found["size"].tolist() == [8, 8, 8]
    assert found.system.tolist() == ["bubble", "open", "periodic"]


def test_a_sweep_scales_the_fields_of_one_sample_and_nothing_else(sweep):
    drawn = draw(Model(6, 2.0, bubble=2, bandwidth=0.5), 4, 0)
    for disorder, levels in sweep.levels.groupby("disorder"):
        model = Model(6, disorder, bubble=2, bandwidth=0.5)
        sample = drawn.__class__(model, drawn.fields * disorder / 2, drawn.bubble)
        expected = np.linalg.eigvalsh(build(sample).matrix.toarray())
        np.testing.assert_allclose(levels.energy, expected, atol=1e-10)


def test_the_chosen_states_of_a_sweep_are_those_closest_to_the_middle(sweep):
    for _, levels in sweep.levels.groupby("disorder"):
        far = (levels.place - 0.5).abs()
        assert levels.chosen.sum() == 3
        assert far[levels.chosen].max() <= far[~levels.chosen].min()
    assert (sweep.sites.groupby(["disorder", "state"]).magnetization.sum().abs() < 1e-9).all()


# Descriptions


def at(content, panel, series, **position):
    """The y of a series where the controls have these positions."""
    one = content["panels"][panel]["series"][series]
    place = 0
    for number in one["controls"]:
        control = content["controls"][number]
        place = place * len(control["values"]) + position[control["label"]]
    return one["y"][place] if isinstance(one["y"][0], list) else one["y"]


def test_the_embedded_numbers_are_those_of_the_table_at_every_position(profiles):
    content = json.loads(sliders.profiles(profiles).json())
    for series, exponent in enumerate(EXPONENTS):
        for i, ratio in enumerate(RATIOS):
            for j, p in enumerate(CHANCES):
                for k, bubble in enumerate(BUBBLES):
                    rows = profiles[
                        (profiles.exponent == exponent)
                        & (profiles.ratio == ratio)
                        & (profiles.p == p)
                        & (profiles.bubble == bubble)
                    ]
                    shown = at(
                        content,
                        0,
                        series,
                        **{
                            "localization length ξ/ξ_{*}": i,
                            "samples with avalanche p": j,
                            "states of the bubble n_{GOE}": k,
                        },
                    )
                    np.testing.assert_allclose(shown, rows.difference, rtol=1e-4, atol=1e-12)


def small(values=(1.0, 2.0), start=1, **options):
    table = pd.DataFrame({"W": [1.0, 1.0, 2.0, 2.0], "x": [0, 1, 0, 1], "y": [1.0, 2.0, 3.0, 4.0]})
    series = Series("curve", table, "x", "y", (0,), **options)
    panel = Panel("", Axis("x", 0, 1), Axis("y", 0, 5), [series])
    return Exploration([Control("W", "W_{0}", values, start)], [panel])


def test_the_drawing_has_the_sliders_where_they_start_and_says_where():
    figure = small().draw()
    (axes,) = figure.axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [3.0, 4.0])
    assert figure.get_suptitle() == r"W$_\mathrm{0}$ = 2"


def test_an_x_that_all_positions_share_is_embedded_once():
    (series,) = json.loads(small().json())["panels"][0]["series"]
    assert series["x"] == [0, 1]
    assert series["y"] == [[1, 2], [3, 4]]


def test_a_position_without_data_is_an_empty_curve():
    (series,) = json.loads(small(values=(1.0, 2.0, 3.0)).json())["panels"][0]["series"]
    assert series["y"] == [[1, 2], [3, 4], []]
    assert small(values=(1.0, 2.0, 3.0), start=2).draw().axes[0].texts[0].get_text() == (
        "not computed"
    )


def test_a_number_that_is_none_is_embedded_as_null():
    exploration = small()
    exploration.panels[0].series[0].table.loc[0, "y"] = np.nan
    assert '"y":[[null,2.0],[3.0,4.0]]' in exploration.json()


def test_gap_ratios_that_are_not_there_make_a_figure_that_says_so():
    columns = ["system", "size", "disorder", "gap_ratio", "error"]
    exploration = sliders.gap_ratios(pd.DataFrame(columns=columns))
    assert exploration.json() == ""
    assert exploration.draw()


def test_the_slider_of_the_length_starts_at_the_longest_chain_with_all_systems():
    rows = [("bubble", 8), ("open", 8), ("periodic", 8), ("bubble", 10)]
    table = pd.DataFrame(rows, columns=["system", "size"]).assign(
        disorder=1.0, gap_ratio=0.5, error=0.01
    )
    (control,) = sliders.gap_ratios(table).controls
    assert control.values == [8, 10]
    assert control.values[control.start] == 8


@pytest.mark.parametrize(
    ("draws", "columns", "low", "high"),
    [
        (sliders.gap_ratios, ["system", "size", "disorder", "gap_ratio", "error"], 3.5, 4.0),
        (sliders.deficits, ["system", "length", "disorder", "shift", "error"], 5.6, 6.0),
    ],
)
def test_disorders_that_the_paper_states_are_marked(draws, columns, low, high):
    exploration = draws(pd.DataFrame([("bubble", 8, 1.0, 0.1, 0.01)], columns=columns))
    (series,) = [s for s in exploration.panels[0].series if "the paper sees" in s.label]
    assert f"W ≈ {low:g} … {high:g}" in series.label
    assert set(series.table.W.dropna()) == {low, high}
    assert series.table.W.isna().sum() == 1  # the pen is lifted between the two
    assert "null" in exploration.json()


def test_series_of_a_panel_differ_by_more_than_their_colour(profiles, sweep):
    ratios = pd.DataFrame(
        {"system": ["bubble", "open", "periodic"], "size": 8, "disorder": 1.0, "gap_ratio": 0.5,
         "error": 0.01}
    )  # fmt: skip
    for exploration in (
        sliders.profiles(profiles),
        sliders.gap_ratios(ratios),
        sliders.sample(sweep),
    ):
        for panel in exploration.panels:
            looks = [(s.dash, s.marker, s.hollow) for s in panel.series if s.label]
            assert len(set(looks)) == len(looks)
            assert len({s.marker for s in panel.series if s.marker}) == len(
                [s for s in panel.series if s.marker]
            )
