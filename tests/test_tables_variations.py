from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

from inclusions import estimates, experiments, text
from inclusions.claims import report
from inclusions.figures import variations as figures
from inclusions.model import Model
from inclusions.observables import page_entropy
from inclusions.places import REPOSITORY
from inclusions.tables import Ensembles, gap_ratios
from inclusions.tables import variations as tables


def samples(purity: np.ndarray, length: int = 4) -> xr.Dataset:
    """Records of chains whose realizations have these purities on all sites."""
    entropy = np.repeat(1 - purity[:, None], length, axis=1)
    states = np.full(len(purity), 50)
    return xr.Dataset(
        {"linear_entropy": (("realization", "site"), entropy), "states": ("realization", states)}
    )


def test_a_share_of_thermal_samples_lies_between_its_bounds():
    rng = np.random.default_rng(1)
    chain, bubble = rng.uniform(0.7, 1.0, (2, 2000))
    bubble = np.where(rng.uniform(size=2000) < 0.2, 0.52, bubble)
    found, upper = estimates.thermal_fraction(samples(bubble), samples(chain))
    assert found.least < 0.2 < upper
    assert found.least > 0.1
    assert upper < 0.24


def test_a_shift_of_all_samples_is_no_share_of_them():
    rng = np.random.default_rng(1)
    chain, bubble = rng.uniform(0.7, 1.0, (2, 2000))
    found, upper = estimates.thermal_fraction(samples(bubble - 0.05), samples(chain))
    assert found.least > upper


def test_a_spin_at_the_front_counts_for_the_second_bound_alone():
    rng = np.random.default_rng(1)
    chain, bubble = rng.uniform(0.8, 1.0, (2, 2000))
    bubble[:400] = 0.7  # below 1/2 + 1/4
    pair = (Model(8, 4.0, bubble=4), samples(bubble, 8)), (Model(10, 4.0), samples(chain, 10))
    found = [Ensembles(Path("made-up.toml"), dict([one]), {}, (), 2000) for one in pair]
    row = tables.fractions((found[0],), (found[1],)).iloc[0]
    assert row.most < row.least < 0.2 < row.swallowed < 0.25
    texts = tables.fraction_texts(tables.fractions((found[0],), (found[1],)))
    assert texts["fraction_none"] == "W\xa0=\xa04\xa0J"
    assert texts["fraction_none_swallowed"] == "no disorder"


def test_windows_grow_with_the_states_and_change_against_the_first():
    table = experiments.windows([Model(6, 3.0)], counts=[5, 10, 50], realizations=3)
    assert table.states.tolist() == [5, 10, 20]
    assert table.share.is_monotonic_increasing
    assert table.share.iloc[-1] == pytest.approx(1)
    assert table.change.iloc[0] == 0
    assert table.change.to_numpy() == pytest.approx(table.purity - table.purity.iloc[0], abs=1e-12)


def test_published_values_have_a_source_each_and_a_place_in_the_book():
    table = tables.published()
    assert table.source.str.startswith("{cite").all()
    places = table.here.str.extract(r"^\{numref\}`([^`]+)`$")[0]
    assert set(places) <= report.labels(REPOSITORY)
    # Bianchi and Donà at L = 2: one up, one down, two equal Schmidt numbers at most
    assert page_entropy(Model(2, 1.0)) == pytest.approx(0.5)
    assert f"{page_entropy(Model(8, 1.0)):.3f}" in table["what is found"][2]


# Made-up ensembles

COUNT = 60
FIELDS = np.random.default_rng(5).standard_normal(COUNT)  # what samples of a number share


def ensemble(length, ratio=0.45, purity=0.8, entropy=np.nan, divergence=np.nan):
    """Records whose values scatter by 0.02 alike, as if by their fields, around these means."""
    scatter = 0.02 * (FIELDS - FIELDS.mean())
    rows = {
        "gap_ratio": ratio + scatter,
        "states": np.full(COUNT, 50),
        "half_chain_entropy": np.full(COUNT, entropy),
        "kullback_leibler": np.full(COUNT, divergence),
    }
    found = xr.Dataset({name: ("realization", values) for name, values in rows.items()})
    entropies = np.repeat((1 - purity - scatter)[:, None], length, axis=1)
    return found.assign(linear_entropy=(("realization", "site"), entropies)).assign_coords(
        realization=np.arange(COUNT)
    )


def together(found):
    return Ensembles(Path("made-up.toml"), found, {}, (), 0)


NOTHING = together({})


def paired(length=8, disorder=3.0, **parameters):
    return Model(length, disorder, sample="paired", **parameters)


def drawn(figure):
    FigureCanvasAgg(figure).draw()
    return figure


# The coupling, and what closes the ring


def closures(sample="paired"):
    models = {
        "open": Model(8, 3.0, sample=sample),
        "closed by $J$": Model(8, 3.0, boundary="periodic", sample=sample),
        "one random bond": Model(8, 3.0, bubble=1, sample=sample),
        "one strong bond": Model(8, 3.0, bubble=1, bond=1.9, sample=sample),
        "bubble, $g = 0.5$": Model(8, 3.0, bubble=4, coupling=0.5, sample=sample),
    }
    found = {
        model: ensemble(8, ratio=0.45 - 0.01 * place, purity=0.8 + 0.01 * place)
        for place, model in enumerate(models.values(), 1)
    }
    return models, found | {Model(8, 3.0, bubble=4, sample=sample): ensemble(8)}


def test_paired_systems_are_compared_sample_by_sample_with_the_bubble():
    models, found = closures()
    table = tables.paired(together(found)).set_index("against")
    assert set(table.index) == set(models)
    for place, name in enumerate(models, 1):
        assert table["shift"][name] == pytest.approx(0.01 * place)
        assert table["ratio"][name] == pytest.approx(-0.01 * place)
    assert table.error.max() < 1e-12 and table.ratio_error.max() < 1e-12  # alike in each sample
    readable = text.readable(tables.paired(together(found)), tables.PAIRED)
    assert readable.shape == (5, 5)
    said = tables.paired_texts(table.reset_index())
    assert said == {"closed_share": "-100 to -100\xa0%", "closed_within": "no disorder"}
    assert "not computed" in tables.paired_texts(tables.paired(NOTHING))["closed_share"]


def test_systems_that_share_no_samples_are_not_compared():
    assert tables.paired(together(closures("own")[1])).empty


def test_the_same_samples_are_resampled_alike_and_others_apart():
    seeds = {estimates.seed_of(model) for model in closures()[0].values()}
    assert seeds == {estimates.seed_of(paired(bubble=4))}
    own = {estimates.seed_of(model) for model in closures("own")[0].values()}
    assert len(own) == 5
    mean = Model(8, 3.0, target="mean")
    assert estimates.seed_of(mean) == estimates.seed_of(Model(8, 3.0))


def test_a_coupling_is_in_accord_with_the_paper_if_its_best_bandwidths_all_are():
    rows = [(0.5, 0.9, 0.01), (0.5, 0.6, 0.01), (1.0, 0.62, 0.01), (1.0, 0.55, 0.01)]
    rows += [(2.0, 0.65, 0.03), (2.0, 0.6, 0.01)]
    best = pd.DataFrame(rows, columns=["coupling", "best", "error"]).assign(bubble=4, disorder=1.0)
    said = tables.coupling_texts(best)
    assert [said[f"coupling_{word}"] for word in ("in", "out", "open")] == ["1", "0.5", "2"]
    assert tables.coupling_texts(best[:0])["coupling_in"] == "none"


def test_the_coupling_that_makes_the_papers_bandwidth_the_best_lies_on_a_line_of_logarithms():
    g = np.array([0.25, 0.5, 1.0, 2.0])
    best = pd.DataFrame({"coupling": g, "best": 0.6 * (g / 1.5) ** -0.5}).assign(
        error=0.01, bubble=4, disorder=3.0
    )
    found = tables.coupling_texts(best)["coupling_places"]
    assert found.startswith("1.50 (1.4") and found.endswith("at W = 3 J")


# Entanglement


def test_entropies_are_shares_of_pages_value_and_come_from_ensembles_that_have_them():
    whole, half, lacking = paired(bubble=4), paired(10, boundary="periodic"), paired(12)
    found = {
        whole: ensemble(8, entropy=page_entropy(whole), divergence=2.0),
        half: ensemble(10, entropy=page_entropy(half) / 2, divergence=9.0),
        lacking: ensemble(12),
    }
    table = tables.entanglement(together(found)).sort_values("length")
    assert table.length.tolist() == [8, 10]
    assert table.entropy.to_numpy() == pytest.approx([1.0, 0.5])
    assert table.divergence.tolist() == [2.0, 9.0]
    assert table.logarithm.to_numpy() == pytest.approx(np.log([280, 252]))


def test_the_figure_of_entanglement_draws_its_limits():
    found = {paired(8, w): ensemble(8, entropy=2 / w, divergence=2 * w) for w in (1.0, 4.0)}
    table = tables.entanglement(together(found))
    left, right = drawn(figures.entanglement(table)).axes
    level = {axes: [line.get_ydata()[0] for line in axes.lines] for axes in (left, right)}
    assert 1 in level[left] and 2 in level[right]  # Page, GOE
    assert np.log(70) == pytest.approx(min(level[right], key=lambda y: abs(y - np.log(70))))


# Where in the spectrum


def targets(height):
    """Gap ratios that fall from the middle of the spectrum by this height a unit."""
    return together({
        Model(12, w, boundary="periodic", target=e): ensemble(
            12, ratio=0.52 - 0.04 * w - height * abs(e - 0.5)
        )
        for w in (1.0, 2.0, 3.0) for e in (0.1, 0.3, 0.5, 0.7, 0.9)
    })  # fmt: skip


def test_a_mobility_edge_is_a_fall_of_the_gap_ratio_away_from_the_middle():
    found = tables.edge(targets(0.1))
    assert found.value == pytest.approx(0.1) and found.holds is True
    assert tables.edge(targets(-0.1)).holds is False
    assert tables.edge(NOTHING).holds is None
    said = tables.edge_texts(found, gap_ratios.midpoints(targets(0.1)))
    assert said["edge_says"] == "yes" and said["edge_span"] == "1.0 … 1.5"


# Drifts


def test_drifts_stand_once_each_with_what_they_turn_and_where_they_end():
    drift = {
        "lengths": [8, 10, 12], "slope": -29.0, "error": 7.0, "of": "1/L", "turns": 15.1,
        "limit": 5.8, "limit_error": 0.6,
    }  # fmt: skip
    still = drift | {"slope": 0.1, "of": "L", "turns": None, "limit": None, "limit_error": None}
    verdicts = [
        SimpleNamespace(id="C2", tests=[
            {"name": "crossing, J", "shown": "3.4(2)", "drift": drift},
            {"name": "crossing, mean over L", "shown": "3.10(10)", "drift": drift},
            {"name": "another", "shown": "unknown", "drift": still},
            {"name": "of one length", "shown": "1.00(10)", "drift": None},
        ]),
    ]  # fmt: skip
    table = tables.drifts(verdicts)
    assert table.test.tolist() == ["crossing, J", "another"]
    assert table.sure.tolist() == [True, False]
    shown = text.readable(table, tables.DRIFTS)
    assert shown.iloc[0].tolist()[2:] == ["3.4(2)", "8, 10, 12", "−29(7) in $1/L$", "15", "5.8(6)"]
    assert shown.iloc[1].tolist()[5:] == ["–", "–"]
    assert tables.drifts([]).empty


# Figures


def test_figures_of_variations_draw_what_their_tables_say():
    table = tables.paired(together(closures()[1]))
    (axes,) = drawn(figures.paired(table[table.bubble < 2])).axes
    shown = [bars.lines[0].get_ydata() for bars in axes.containers]
    assert np.concatenate(shown) == pytest.approx([10, 20, 30, 40])
    ratios = gap_ratios.means(targets(0.1))
    unsorted = gap_ratios.midpoints(targets(0.1))[::-1]
    left, right = drawn(figures.mobility_edge(ratios, unsorted)).axes
    assert np.all(np.diff(right.containers[0].lines[0].get_xdata()) > 0)
    shown = np.concatenate([bars.lines[0].get_ydata() for bars in left.containers])
    assert np.sort(shown) == pytest.approx(np.sort(ratios.gap_ratio))
    swept = {
        paired(8, 1.0, bubble=4, bandwidth=b, coupling=g): ensemble(8)
        for b in (0.2, 0.6, 1.1) for g in (0.5, 1.0)
    }  # fmt: skip
    ratio, purity = drawn(
        figures.couplings(gap_ratios.means(together(swept)), table[table.bubble == 4])
    ).axes
    assert len(ratio.containers) == 2 and len(purity.containers) == 1
    assert any(line.get_xdata()[0] == 0.6 for line in ratio.lines)  # the paper's


def test_figures_of_variations_say_so_without_data():
    nothing = tables.paired(NOTHING)
    for figure in (
        figures.couplings(gap_ratios.means(NOTHING), nothing),
        figures.paired(nothing),
        figures.entanglement(tables.entanglement(NOTHING)),
        figures.mobility_edge(gap_ratios.means(NOTHING), gap_ratios.midpoints(NOTHING)),
    ):
        texts = [text.get_text() for axes in drawn(figure).axes for text in axes.texts]
        assert "not computed" in texts
