"""Figures draw what the tables say, and one thing looks the same in all of them."""

import io
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import colors, pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from inclusions import figures
from inclusions.disorder import draw
from inclusions.figures import correlations, dark, gap_ratios, model
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.tables.model import spectrum

DISORDERS = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.4, 5.2, 6.0, 8.0]
NAN = float("nan")


def ratio_table():
    """Gap ratios of a bubble (8, 10), an open (10) and a periodic chain (10), all different."""
    rows = [
        Model(length, disorder, bubble=bubble, boundary=boundary).as_dict()
        | {
            "gap_ratio": 0.53 - 0.01 * disorder - 0.001 * length - 0.02 * (boundary == "open"),
            "error": 0.001 * disorder + 0.0001 * length,
            "realizations": 5,
        }
        for bubble, boundary, length in (
            (4, "open", 8), (4, "open", 10), (0, "open", 10), (0, "periodic", 10),
        )
        for disorder in DISORDERS
    ]  # fmt: skip
    return pd.DataFrame(rows)


def crossing_table(*rows):
    """Rows of bubble, boundary, length, disorder, low, high, spread."""
    names = ["bubble", "boundary", "length", "disorder", "low", "high", "spread"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(bounded=np.isfinite(table.low.astype(float) + table.high.astype(float)))


def drawn(axes):
    """Points and bars of every curve of the axes: (x, y, half lengths)."""
    curves = []
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            line, _, (bars,) = container.lines
            halves = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments()]
            curves.append((*line.get_data(), np.array(halves)))
    return curves


def inset_of(figure):
    (inset,) = figure.axes[0].child_axes
    return inset


def hollow(axes):
    return [
        colors.same_color(container.lines[0].get_markerfacecolor(), "white")
        for container in axes.containers
    ]


@pytest.mark.parametrize(("panel", "bubble"), [(0, 4), (1, 0)])
def test_gap_ratio_curves_are_the_means_and_errors_of_the_table(panel, bubble):
    table = ratio_table()
    curves = drawn(gap_ratios.means(table, crossing_table()).axes[panel])
    wanted = table[table.bubble == bubble].groupby(["boundary", "length"])
    assert len(curves) == len(wanted) == 2
    for (x, y, halves), (_, rows) in zip(curves, wanted, strict=True):
        np.testing.assert_array_equal(x, rows.disorder)
        np.testing.assert_array_equal(y, rows.gap_ratio)
        np.testing.assert_allclose(halves, rows.error)


def test_periodic_chains_are_hollow_and_open_ones_are_not():
    panel = gap_ratios.means(ratio_table(), crossing_table()).axes[1]
    assert hollow(panel) == [False, True]


def test_crossings_stand_at_one_over_the_shorter_length_with_their_intervals():
    crossings = crossing_table(
        (4, "open", 8, 2.5, 2.2, 3.0, 0.0), (0, "open", 10, 2.0, 1.8, 2.3, 0.0)
    )
    inset = inset_of(gap_ratios.means(ratio_table(), crossings))
    for container, (length, value, low, high) in zip(
        inset.containers, [(8, 2.5, 2.2, 3.0), (10, 2.0, 1.8, 2.3)], strict=True
    ):
        line, _, (bar,) = container.lines
        assert line.get_xdata()[0] == pytest.approx(1 / length, abs=0.002)
        assert line.get_ydata()[0] == value
        np.testing.assert_allclose(np.sort(bar.get_segments()[0][:, 1]), [low, high])


def test_a_crossing_that_the_data_do_not_bound_is_hollow():
    crossings = crossing_table(
        (4, "open", 8, 2.5, 2.2, 3.0, 0.0), (4, "open", 10, 2.5, 2, np.inf, 0.0)
    )
    inset = inset_of(gap_ratios.means(ratio_table(), crossings))
    assert hollow(inset) == [False, True]


def test_a_pair_without_a_crossing_is_a_cross_on_the_axis():
    crossings = crossing_table((0, "periodic", 10, NAN, NAN, NAN, NAN))
    inset = inset_of(gap_ratios.means(ratio_table(), crossings))
    assert not inset.containers
    (cross,) = [line for line in inset.lines if line.get_marker() == "x"]
    assert cross.get_transform() != inset.transData


def test_without_any_data_the_panels_say_so():
    figure = gap_ratios.means(ratio_table().iloc[:0], crossing_table())
    for panel in figure.axes[:2]:
        assert "not computed" in [text.get_text() for text in panel.texts]


def test_a_disorder_has_one_colour_and_two_disorders_have_two():
    shades = {figures.colour_of(disorder) for disorder in DISORDERS}
    assert len(shades) == len(DISORDERS)
    assert figures.colour_of(4.4) == figures.colour_of(np.float64(4.4))


def test_colours_of_disorders_grow_lighter_so_that_no_hue_is_needed_to_tell_them():
    luminance = [np.dot(figures.colour_of(w)[:3], [0.2126, 0.7152, 0.0722]) for w in DISORDERS]
    assert np.all(np.diff(luminance) > 0)
    assert luminance[-1] < 0.75  # still seen on white


SEEN = {
    "by most": np.eye(3),
    "without red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                    [-0.003882, -0.048116, 1.051998]],
    "without green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                      [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip
"""Linear RGB as it is seen, whole protanopia and deuteranopia: Machado, Oliveira and Fernandes,
IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009)."""


def lab(colour, seen):
    """CIE 1976 lightness and chroma (D65), in which a distance of 2 is just seen."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
              [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
    xyz = to_xyz @ np.clip(seen @ linear, 0, 1) / (0.95047, 1, 1.08883)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("page", ["light", "dark"])
@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize(
    ("colour", "values", "apart"),
    [
        (figures.colour_of, [*DISORDERS[:8], 4.8, 5.2, 5.6, 6.0, 7.0, 8.0, 10.0], 6),
        (correlations.colour_of_strong, [15.0, 25.0, 50.0], 20),
        (figures.shade_of, [6, 8, 10, 12, 14, 16, 18, 20], 6),
    ],
)
def test_neighbouring_curves_can_be_told_apart_by_whatever_eyes(colour, values, apart, eyes, page):
    shades = [colors.to_hex(colour(value)) for value in values]
    if page == "dark":
        shades = [dark.counterpart(shade) for shade in shades]
    places = [lab(np.array(colors.to_rgb(shade)), SEEN[eyes]) for shade in shades]
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).min() > apart


@pytest.mark.parametrize("disorder", DISORDERS)
def test_names_in_a_curves_colour_can_be_read_on_a_dark_page(disorder):
    def luminance(colour):
        linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
        return np.dot([0.2126, 0.7152, 0.0722], [*linear])

    shade = colors.to_hex(figures.colour_of(disorder))
    figure = Figure()
    figure.text(0.5, 0.5, "W", color=shade)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg")
    style = re.search("<style>@media.*?</style>", dark.following(drawn.getvalue()))[0]
    last = re.findall(f'fill: {shade}"\\]{{fill:(#[0-9a-f]{{6}})', style)[-1]
    page, word = (luminance(colors.to_rgb(one)) for one in (dark.counterpart("#ffffff"), last))
    assert (word + 0.05) / (page + 0.05) >= 4.5  # what WCAG 2.1 asks of text


def test_lengths_differ_by_marker_as_well_as_by_shade():
    lengths = [6, 8, 10, 12, 14, 16, 18, 20]
    assert len({figures.marker_of(n) for n in lengths}) == len(lengths)
    assert len({figures.shade_of(n) for n in lengths}) == len(lengths)


@pytest.mark.parametrize("length", [4, 6])
def test_blocks_show_every_entry_of_the_matrix_and_no_other(length):
    hamiltonian = build(draw(Model(length, 1.0, bubble=3), 1, 0))
    panel = model.matrix_blocks(hamiltonian, hamiltonian).axes[0]
    centres = np.arange(hamiltonian.dimension) + 0.5
    at = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)  # column, row
    drawn = sum(patch.get_path().contains_points(at).astype(int) for patch in panel.patches)
    entries = hamiltonian.matrix.toarray() != 0
    np.testing.assert_array_equal(drawn.reshape(entries.shape), entries)


def test_density_marks_the_middle_between_the_edges_and_the_levels_closest_to_it():
    levels = spectrum(np.linspace(-1, 1, 101) ** 3, count=5).levels
    axes = model.density_of_states(levels).axes[0]
    near = levels.energy[levels.closest]
    band = next(p for p in axes.patches if "closest" in p.get_label())
    assert band.get_x() == pytest.approx(near.min())
    assert band.get_width() == pytest.approx(np.ptp(near))
    middle = next(line for line in axes.lines if "min" in line.get_label())
    assert middle.get_xdata()[0] == pytest.approx(0)
    assert sum(bar.get_height() for bar in axes.containers[0]) == len(levels)


@pytest.mark.parametrize(
    "make",
    [
        model.setup,
        lambda: gap_ratios.means(ratio_table(), crossing_table((4, "open", 8, 2.5, 2.2, 3.0, 0.0))),
        lambda: model.density_of_states(spectrum(np.arange(50.0), 5).levels),
    ],
)
def test_no_text_is_cut_off_or_smaller_than_seven_points(make):
    figure = make()
    FigureCanvasAgg(figure).draw()
    width, height = figure.get_size_inches()
    used = figure.get_tightbbox()
    assert min(used.x0, used.y0) > -0.005
    assert used.x1 < width + 0.005
    assert used.y1 < height + 0.005
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7


def test_every_plotted_axis_has_a_label():
    crossings = crossing_table((4, "open", 8, 2.5, 2.2, 3.0, 0.0))
    figure = gap_ratios.means(ratio_table(), crossings)
    left, right = figure.axes
    assert "($J$)" in left.get_xlabel() and "($J$)" in right.get_xlabel()
    assert left.get_ylabel()
    assert inset_of(figure).get_xlabel() and "($J$)" in inset_of(figure).get_ylabel()


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_name_of_a_line_moves_to_where_it_covers_no_curve_bar_or_legend(scale):
    figure, axes = figures.canvas()
    axes.errorbar([1, 2, 3, 4], [0.53, 0.53, 0.53, 0.45], 0.02, marker="o", label="curve")
    axes.plot([5.5, 5.6], [0.4, 0.6])
    axes.set(xscale=scale, xlim=(1, 10), ylim=(0.35, 0.6))
    axes.legend(loc="upper right")
    figures.reference_lines(axes)
    FigureCanvasAgg(figure).draw()
    (name,) = [text for text in axes.texts if text.get_text() == "GOE"]
    box = name.get_window_extent()
    (left, low), (right, high) = axes.transData.inverted().transform(box)
    assert low < 0.55 and high > 0.531  # still at its line
    assert 3 < left and right < 5.5 or 5.6 < left
    assert right < 10 and not box.overlaps(axes.get_legend().get_window_extent())


def test_drawing_leaves_the_style_of_the_session_alone():
    before = dict(matplotlib.rcParams)
    model.setup()
    assert dict(matplotlib.rcParams) == before
    assert not pyplot.get_fignums()
