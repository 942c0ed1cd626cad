"""Figures of purities draw the numbers of the records, and say what is not there."""

from itertools import pairwise

import numpy as np
import purity_store as synthetic
import pytest
from matplotlib import colors
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Annotation

from inclusions import experiments, tables
from inclusions.figures import colour_of, correlations, purities, shade_of
from inclusions.figures.model import bandwidths
from inclusions.model import Model
from inclusions.tables import correlations as made_correlations
from inclusions.tables import gap_ratios
from inclusions.tables import purities as made


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return synthetic.make(tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def parts(source):
    return synthetic.families(source)


def curves(axes):
    """(x, y, half lengths of the bars, colour) of every curve with bars."""
    found = []
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            line, _, (bars,) = container.lines
            halves = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments()]
            x, y = (np.asarray(values, float) for values in line.get_data())
            found.append((x, y, np.array(halves), line.get_color()))
    return found


def curve_of(axes, colour):
    (one,) = [c for c in curves(axes) if colors.same_color(c[3], colour) and len(c[0])]
    return one


def drawn(figure):
    """Drawing it finds what only rendering would trip over."""
    FigureCanvasAgg(figure).draw()
    return figure


def profile(entropy):
    """Mean and standard error of the purity by distance, straight from the states."""
    half = entropy.shape[-1] // 2
    mirrored = ((entropy + entropy[..., ::-1]) / 2).mean(1)[:, :half]
    return 1 - mirrored.mean(0), mirrored.std(0) / np.sqrt(len(mirrored))


def test_purity_profiles_are_numpys_means_in_the_colour_of_their_disorder(source, parts):
    figure = drawn(
        purities.purity_profiles(made.mean_purities(*parts), made.isolated_purities(*parts))
    )
    for axes, length in zip(figure.axes, (8, 10), strict=True):
        assert f"L = {length}$" in axes.get_title()
        assert len(curves(axes)) == 3  # W = 4, 5.2 and 8: not the ergodic side
        x, y, halves, _ = curve_of(axes, colour_of(5.2))
        mean, error = profile(source[2][Model(length, 5.2, bubble=4)])
        np.testing.assert_array_equal(x, np.arange(length // 2))
        np.testing.assert_allclose(y, mean, rtol=1e-6)
        np.testing.assert_allclose(halves, error, rtol=0.15)


def test_bands_of_profiles_are_the_middle_of_the_open_chain_two_sites_longer(source, parts):
    figure = purities.purity_profiles(made.mean_purities(*parts), made.isolated_purities(*parts))
    levels = {line.get_ydata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 2}
    for disorder in (4.0, 5.2, 8.0):
        wanted = 1 - source[2][Model(10, disorder)][..., 3:7].mean()
        assert min(abs(level - wanted) for level in levels) < 1e-6


def test_the_papers_words_are_marked_where_figures_show_what_they_are_about(source, parts):
    table, isolated = made.mean_purities(*parts), made.isolated_purities(*parts)
    panels, levels = purities.purity_profiles(table, isolated).axes, {}
    for axes, length in zip(panels, (10, 12), strict=True):
        middle = [
            1 - source[2][Model(length, w)][..., length // 2 - 2 : length // 2 + 2].mean()
            for w in (5.2, 8.0)
        ]
        levels[length] = np.interp((5.6, 6.0), (5.2, 8.0), middle)
        bands = [patch.get_extents() for patch in axes.patches]
        heights = [axes.transData.inverted().transform(band)[:, 1] for band in bands]
        assert any(np.allclose(height, levels[length], atol=1e-6) for height in heights)
    (mark,) = (text for text in panels[0].texts if text.get_text() == "the paper")
    assert mark.get_position()[1] == pytest.approx(levels[10].mean(), abs=1e-6)
    five = table[table.length >= 10].assign(distance=5)
    left, right = purities.fixed_distance(five, (5,)).axes
    marked = {text.get_text() for text in left.texts}
    assert {"↑ 5.2", "↑ 8", "4"} <= marked
    assert not any("↑" in text.get_text() for text in right.texts)


def test_purities_at_fixed_distance_are_numpys_means(source, parts):
    figure = drawn(purities.fixed_distance(made.mean_purities(*parts), (3,)))
    left, right = figure.axes
    for axes, bubble, lengths in ((left, 4, (8, 10)), (right, 0, (10, 12))):
        x, y, _, _ = curve_of(axes, colour_of(8.0))
        np.testing.assert_array_equal(x, lengths)
        wanted = [profile(source[2][Model(n, 8.0, bubble=bubble)])[0][3] for n in lengths]
        np.testing.assert_allclose(y, wanted, rtol=1e-6)


@pytest.mark.parametrize("together", [(), (4.0, 5.2), (4.0, 5.2, 8.0)])
def test_names_of_curves_do_not_overlap_and_stay_where_there_is_room(parts, together):
    table = made.mean_purities(*parts)
    for disorder in together:  # curves of these on top of each other, save for a trifle
        table.loc[table.disorder == disorder, "purity"] = 0.8 + 1e-5 * disorder
    for figure in (
        purities.purity_profiles(table, made.isolated_purities(*parts)),
        purities.fixed_distance(table),
    ):
        renderer = drawn(figure).canvas.get_renderer()
        for axes in figure.axes:
            names = [text for text in axes.texts if isinstance(text, Annotation)]
            assert len(names) == len(curves(axes))
            names.sort(key=lambda text: text.xy[1])
            boxes = [text.get_window_extent(renderer) for text in names]
            for low, high in pairwise(boxes):
                assert low.y1 <= high.y0 + 1
            if not together:
                assert [text.xyann[1] for text in names] == pytest.approx([0] * len(names))


def test_bubble_sizes_have_a_panel_a_disorder_and_hollow_trivial_bubbles(source):
    table = made.bubble_sizes(synthetic.load(source))
    figure = drawn(purities.bubble_sizes(table))
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == ["$W = 4$", "$W = 8$"]
    near = [c for c in curves(panels[1]) if colors.same_color(c[3], purities.distance_colour(0, 4))]
    (trivial,) = (c for c in near if len(c[0]) == 1)
    ((x, y, _, _),) = (c for c in near if len(c[0]) > 1)
    np.testing.assert_array_equal(x, [3, 4, 8])
    wanted = [1 - source[2][Model(10, 8.0, bubble=n)][..., [0, -1]].mean() for n in (3, 4, 8)]
    np.testing.assert_allclose(y, wanted, rtol=1e-6)
    assert trivial[0] == [1]


def test_plateau_figure_has_the_differences_and_only_valid_plateaus(source, parts):
    differences = made.differences(parts[:1], parts[1:2])
    fits = made.plateaus(parts[:1], parts[1:2])
    fits.loc[fits.index[0:8:3], "valid"] = False
    top, bottom = drawn(purities.plateaus(differences, fits)).axes
    bubble, chain = source[2][Model(10, 8.0, bubble=4)], source[2][Model(12, 8.0)]
    _, y, _, _ = curve_of(top, colour_of(8.0))
    np.testing.assert_allclose(y, 1 - chain[..., 4:8].mean() - profile(bubble)[0], atol=1e-6)
    kept = fits[fits.valid & (fits.disorder >= 4)]
    shown = np.concatenate([c[1] for c in curves(bottom)])
    np.testing.assert_allclose(np.sort(shown), np.sort(kept.plateau))


def test_plateau_figure_has_the_longest_chain_beside_the_one_that_is_fitted(parts):
    differences = made.differences(parts[:1], parts[1:2])
    fits = made.plateaus(parts[:1], parts[1:2])
    left, right, bottom = drawn(purities.plateaus(differences, fits[fits.length == 8])).axes
    assert [len(curve_of(axes, colour_of(8.0))[0]) for axes in (left, right)] == [4, 5]
    broken = [
        [line for line in axes.lines if len(line.get_xdata()) == 100] for axes in (left, right)
    ]
    assert len(broken[0]) == fits[(fits.length == 8) & (fits.disorder >= 4) & fits.valid].shape[0]
    assert not broken[1]
    assert bottom.get_ylabel() == r"plateau $\gamma_0$"


def test_correlations_are_numpys_with_bubble_solid_and_without_broken(source, parts):
    figure = drawn(correlations.correlations(made_correlations.correlations(*parts)))
    assert [axes.get_title() for axes in figure.axes] == ["$W = 5.2$", "$W = 8$"]
    found = {
        c.lines[0].get_linestyle(): c.lines[0]
        for c in figure.axes[0].containers
        if colors.same_color(c.lines[0].get_color(), shade_of(10))
    }
    for style, model in (("-", Model(10, 5.2, bubble=4)), ("--", Model(12, 5.2))):
        states = source[2][model].reshape(-1, model.length)
        both = np.concatenate([states, states[:, ::-1]])
        wanted = np.corrcoef(both.T)[0, 1 : model.length // 2 + 1]
        shown = found[style].get_ydata().astype(float)
        np.testing.assert_allclose(shown, wanted, atol=2e-4)


def test_correlations_of_few_beside_many_realizations_are_points_without_a_line(parts):
    table = made_correlations.correlations(*parts)
    table.loc[table.length == 8, "realizations"] = 500  # those of 10 are too few beside these
    figure = drawn(correlations.correlations(table))
    lines = {
        (tuple(colors.to_rgba(line.get_color())), line.get_linestyle())
        for line in (container.lines[0] for container in figure.axes[0].containers)
    }
    assert lines == {(shade_of(8), "-"), (shade_of(8), "None"), (shade_of(10), "None")}


def test_magnetization_has_a_curve_for_each_distance_and_the_isolated_middle(parts):
    table = made.histograms(parts[0], parts[1])
    figure = drawn(purities.magnetization(table))
    (axes,) = [a for a in figure.axes if a.get_title() == "$W = 4$"]
    assert len(curves(axes)) == 6  # five distances of the chain of 10, and one isolated
    counts = parts[0].found[Model(10, 4.0, bubble=4)].magnetization_histogram.values[:, 2]
    _, y, _, _ = curve_of(axes, purities.distance_colour(2, 4))
    np.testing.assert_allclose(y, counts.sum(0) / counts.sum() / 0.05)
    chain = parts[1].found[Model(12, 4.0)].magnetization_histogram.values[:, -1]
    _, y, _, _ = curve_of(axes, "k")
    np.testing.assert_allclose(y, chain.sum(0) / chain.sum() / 0.05)
    # as the paper has it, from the edges to the centre
    assert [one.get_text() for one in axes.texts] == ["↓", "↑", "↓"]
    assert not any(a.texts for a in figure.axes if a is not axes)


def test_bandwidths_are_gap_ratios_with_the_chosen_one_marked(source):
    scan = synthetic.load(source, bubble=6)
    (axes, *_) = [a for a in drawn(bandwidths(gap_ratios.means(scan))).axes]
    x, y, _, _ = curve_of(axes, colour_of(4.0))
    np.testing.assert_array_equal(x, [0.1, 0.3, 0.8])
    models = [Model(8, 4.0, bubble=6, bandwidth=b) for b in x]
    np.testing.assert_allclose(y, [scan.found[m].gap_ratio.mean() for m in models])
    assert any(list(line.get_xdata()) == [0.55, 0.55] for line in axes.lines)


def test_partial_traces_lie_on_the_diagonal_on_the_left(source):
    table = experiments.partial_traces(Model(4, 3.0, bubble=2), count=8)
    left, right = drawn(purities.partial_traces(table)).axes
    x, y = left.lines[-1].get_data()
    np.testing.assert_allclose(x, y, atol=1e-13)
    x, y = right.lines[-1].get_data()
    assert np.abs(x - y).max() > 0.01


def test_the_rest_draws_what_its_tables_say(source, parts):
    ergodic = made.ergodic(*parts)
    (axes,) = drawn(purities.ergodic(ergodic)).axes
    heights = np.concatenate([c[1] for c in curves(axes)])
    np.testing.assert_allclose(np.sort(heights), np.sort([*ergodic.excess, *ergodic["scatter"]]))
    losses = made.losses(*parts[:2])
    (axes,) = drawn(purities.losses(losses)).axes
    np.testing.assert_allclose(
        np.sort(np.concatenate([c[1] for c in curves(axes)])), np.sort(losses.loss)
    )
    shifts = made.shifts(*parts)
    figure = drawn(purities.shifts(shifts))
    wanted = shifts[(shifts.disorder >= 4) & shifts.length.isin([8, 10])]["shift"]
    heights = np.concatenate([c[1] for axes in figure.axes for c in curves(axes)])
    np.testing.assert_allclose(np.sort(heights), np.sort(wanted))
    shifts.loc[shifts.length == 8, "realizations"] = 500  # those of 10 are too few beside these
    panels = drawn(purities.shifts(shifts)).axes
    assert [axes.get_title() for axes in panels] == ["$L = 8$"]
    tails = made_correlations.tails(*parts)
    figure = drawn(correlations.tails(tails))
    heights = np.concatenate([c[1] for axes in figure.axes for c in curves(axes)])
    np.testing.assert_allclose(np.sort(heights), np.sort(tails["tail"][tails.disorder >= 2]))
    conserved = made_correlations.conserved_tails(parts[1], realizations=10, states=10)
    figure = drawn(correlations.conserved_tails(conserved))
    heights = np.concatenate([c[1] for axes in figure.axes for c in curves(axes)])
    wanted = [*conserved.measured, *conserved["sampled"]]
    np.testing.assert_allclose(np.sort(heights), np.sort(wanted))


def test_every_figure_says_so_without_data(source, tmp_path):
    none = tables.load(source[0], tmp_path)
    nothing = (none,)
    for figure in (
        purities.ergodic(made.ergodic(none)),
        purities.losses(made.losses(none)),
        purities.purity_profiles(made.mean_purities(none), made.isolated_purities(none)),
        purities.fixed_distance(made.mean_purities(none)),
        purities.bubble_sizes(made.bubble_sizes(none)),
        purities.plateaus(made.differences(nothing, nothing), made.plateaus(nothing, nothing)),
        purities.shifts(made.shifts(none)),
        purities.magnetization(made.histograms(none)),
        correlations.correlations(made_correlations.correlations(none)),
        correlations.tails(made_correlations.tails(none)),
        correlations.conserved_tails(made_correlations.conserved_tails(none)),
        bandwidths(gap_ratios.means(none)),
    ):
        texts = [text.get_text() for axes in drawn(figure).axes for text in axes.texts]
        assert "not computed" in texts
