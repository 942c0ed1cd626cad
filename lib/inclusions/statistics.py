"""Estimates with realization-resampled errors: averages, correlations, crossings, fits.

Eigenstates of one realization are correlated, so realizations alone are resampled. Every array
has the realizations on axis 0, and holds for each of them a number or its mean over the states.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from iminuit import Minuit
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, special

Array = NDArray[np.float64]

POISSON_GAP_RATIO = 2 * np.log(2) - 1  # independent levels
GOE_GAP_RATIO = 0.5307  # large matrices, numerical: Atas et al., PRL 110, 084101 (2013)
GOE_SURMISE_GAP_RATIO = 4 - 2 * np.sqrt(3)  # 3 x 3 matrices, exact: same reference

ONE_SIGMA = 0.6827  # probability within one standard deviation of a normal variable


# Gap ratios


def gap_ratios(energies: ArrayLike) -> Array:
    """Ratios of adjacent gaps, shape (..., k - 2), of ascending levels, shape (..., k).

    r_n = min(d_n, d_{n+1}) / max(d_n, d_{n+1}), without unit, in [0, 1]: Oganesyan and Huse,
    PRB 75, 155111 (2007). Three equal levels (0/0) count as r = 0, as two equal levels do: exact
    degeneracy is the absence of level repulsion. ValueError for fewer than 3 levels, levels that
    are not finite, and levels that do not ascend.
    """
    energies = _finite(energies, "energies")
    if energies.ndim == 0 or energies.shape[-1] < 3:
        levels = energies.shape[-1] if energies.ndim else 0
        raise ValueError(f"gap ratios need at least 3 levels, got {levels}")
    gaps = np.diff(energies, axis=-1)
    if gaps.min(initial=0) < 0:
        raise ValueError(f"energies must ascend, got a step of {gaps.min():.3g}; sort them")
    small = np.minimum(gaps[..., :-1], gaps[..., 1:])
    large = np.maximum(gaps[..., :-1], gaps[..., 1:])
    return np.divide(small, large, out=np.zeros_like(small), where=large > 0)


def mean_gap_ratio(energies: ArrayLike) -> Array:
    """Mean over the levels of each realization, shape (...,), of levels of shape (..., k)."""
    return gap_ratios(energies).mean(axis=-1)


def gap_ratio_surmise(ratios: ArrayLike) -> Array:
    """Probability density of the gap ratio of GOE levels at r in [0, 1], same shape.

    p(r) = (27/4) (r + r^2) / (1 + r + r^2)^(5/2), exact for 3 x 3 matrices and close for large
    ones: Atas et al., PRL 110, 084101 (2013). Its mean is `GOE_SURMISE_GAP_RATIO`. Independent
    levels have 2 / (1 + r)^2. ValueError for ratios that are not in [0, 1].
    """
    r = _finite(ratios, "gap ratios")
    if r.size and not 0 <= r.min() <= r.max() <= 1:
        raise ValueError(f"gap ratios must be in [0, 1], got {r.min():.3g} ... {r.max():.3g}")
    return 6.75 * (r + r**2) / (1 + r + r**2) ** 2.5


# Bootstrap over realizations


class Estimate(NamedTuple):
    """What the data give, its standard error, and the same from each resample.

    `value` and `error` have one shape; `samples` has it too, after an axis of resamples.
    """

    value: Array
    error: Array
    samples: Array

    @property
    def covariance(self) -> Array:
        """Covariance of the entries of a value of shape (n,), shape (n, n)."""
        return np.atleast_2d(np.cov(self.samples, rowvar=False))

    def entry(self, *place: int | slice) -> "Estimate":
        """One entry of a value of shape (n, ...), or some, by an index for each of its axes."""
        return Estimate(self.value[place], self.error[place], self.samples[:, *place])

    def interval(self, level: float = ONE_SIGMA) -> tuple[Array, Array]:
        """Central percentile interval that holds the fraction `level` of the resamples."""
        low, high = np.quantile(self.samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high


def resample(realizations: int, resamples: int, generator: np.random.Generator) -> Array:
    """How often each realization is drawn, shape (1 + resamples, realizations).

    Row 0 draws each realization once, so it gives the estimate from the data themselves. Each
    other row is multinomial: as many draws as realizations, with replacement.
    """
    if realizations < 2:
        raise ValueError(f"resampling needs at least 2 realizations, got {realizations}")
    draws = generator.integers(realizations, size=(resamples, realizations))
    weights = np.ones((1 + resamples, realizations))
    weights[1:] = [np.bincount(row, minlength=realizations) for row in draws]
    return weights


class Controls(NamedTuple):
    """Control variates of some means: numbers of each realization whose own means are known.

    k of them for every entry of a mean of shape (...); `bootstrap` says how they are used. An
    axis of length 1 serves all entries along it.
    """

    values: Array  # (R, ..., k)
    expected: Array  # (..., k): their means over disorder
    error: Array  # (..., k): the standard errors of those
    slope: float = 0.0  # coefficient for few realizations: 1 for predictions of the values

    def entry(self, place: int | slice) -> "Controls":
        """The controls of one entry, or some, of a mean of shape (n,)."""
        at = self.values[:, place], self.expected[place], self.error[place]
        return Controls(*at, self.slope)

    def fitted(self, realizations: int) -> int:
        """How many of the k coefficients so many realizations can tell, the first ones."""
        return min(self.values.shape[-1], realizations // REALIZATIONS_PER_CONTROL)

    def away(self) -> Array:
        """What is taken off each realization where no coefficient is fitted, shape (R, ...)."""
        return self.slope * (self.values - self.expected).sum(axis=-1)


REALIZATIONS_PER_CONTROL = 20
"""With fewer, the last controls are left out: a coefficient costs one realization's worth. Where
none is left, `Controls.slope` serves, which need not be fitted."""


def bootstrap(
    statistic: Callable[..., Array],
    *arrays: ArrayLike,
    counts: ArrayLike | None = None,
    controls: Controls | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Estimate of a function of means; all arrays, shape (R, ...), are drawn together.

    `statistic` gets the mean of each array for all resamples at once, shape (1 + resamples, ...),
    and must keep that first axis: `bootstrap(lambda m, s: s - m**2, x, x**2)` is a variance.
    `counts`, shape (R,), are the numbers of states behind each realization's means; equal if not
    given. The same seed and number of realizations give the same draws: then `combine` keeps the
    correlation of two estimates from one ensemble. Give independent ensembles their own seeds.

    With `controls` x each mean of y becomes that of y - b (x - <x>), b from the regression of y
    on x: Owen, Monte Carlo theory (2013), 8.9. It has the same expectation up to terms of order
    1/R, which are below the error by a factor of order 1/sqrt(R), and a fraction of the variance.
    b is fitted anew in each resample and <x> drawn with its own error, so that both are in the
    error of the estimate. Where realizations are too few for a fit, b is `controls.slope`: the mean
    is unbiased whatever b is. All arrays, of one shape (R, ...), use the same controls: a function
    that is nearly linear in the means is then sharpened as if it were regressed itself.
    ValueError for controls of other realizations or shape.
    """
    given = [_finite(values, "values") for values in arrays]
    counts = np.ones(len(given[0])) if counts is None else _finite(counts, "counts")
    if len({len(values) for values in (*given, counts)}) > 1:
        lengths = [len(values) for values in (*given, counts)]
        raise ValueError(f"arrays and counts must have equally many realizations, got {lengths}")
    if counts.min() < 0 or counts.sum() == 0:
        raise ValueError("counts must not be negative, nor all zero")
    realizations = len(counts)
    drawn = _draws(realizations, resamples)
    order = np.random.default_rng([seed, realizations]).permutation(resamples)
    order = np.concatenate([[0], 1 + order])

    def means(*arrays: Array) -> list[Array]:
        """Means of arrays over all resamples, by one product: its cost is to read the draws."""
        flat = [np.ones((realizations, 1)), *(part.reshape(realizations, -1) for part in arrays)]
        sums = drawn @ (counts[:, None] * np.concatenate(flat, axis=1))
        found = (sums[:, 1:] / sums[:, :1])[order]
        ends = np.cumsum([part.shape[1] for part in flat[1:]])[:-1]
        parts = zip(np.split(found, ends, axis=1), arrays, strict=True)
        return [part.reshape(-1, *array.shape[1:]) for part, array in parts]

    if controls is not None:
        kept = controls.fitted(realizations)
        values, expected, error = (
            _finite(part, "controls")[..., : kept or None] for part in controls[:3]
        )
        chosen = Controls(values, expected, error, controls.slope)
        _see_that_it_fits(chosen, given)
        adjusted = _adjusted if kept else _shifted
        generator = np.random.default_rng([seed, 1])
        return _estimate(statistic(*adjusted(means, given, chosen, generator)))
    return _estimate(statistic(*means(*given)))


def _see_that_it_fits(controls: Controls, arrays: list[Array]) -> None:
    """ValueError for controls of other realizations or shape than the arrays."""
    values, expected, error, _ = controls
    if len(values) != len(arrays[0]) or not values.shape[1:] == expected.shape == error.shape:
        raise ValueError(
            f"controls of {len(arrays[0])} realizations must have shapes (R, ..., k), (..., k),"
            f" (..., k), got {values.shape}, {expected.shape}, {error.shape}"
        )
    shape = expected.shape[:-1]
    for y in arrays:
        if len(shape) != y.ndim - 1 or any(
            n not in (1, m) for n, m in zip(shape, y.shape[1:], strict=True)
        ):
            raise ValueError(
                f"controls of shape {values.shape} do not fit values of shape {y.shape}: the axes"
                " between the first and the last must be 1 or the same"
            )


def _shifted(
    means: Callable[..., list[Array]],
    arrays: list[Array],
    controls: Controls,
    generator: np.random.Generator,
) -> list[Array]:
    """Means of the arrays over all resamples, with controls whose coefficient is known."""
    away = controls.away()
    found = means(*(y - away for y in arrays))
    noise = generator.standard_normal((len(found[0]) - 1, *controls.error.shape)) * controls.error
    drawn = np.concatenate([np.zeros((1, *controls.error.shape)), noise]).sum(axis=-1)
    return [mean + controls.slope * drawn for mean in found]


def _adjusted(
    means: Callable[..., list[Array]],
    arrays: list[Array],
    controls: Controls,
    generator: np.random.Generator,
) -> list[Array]:
    """Means of the arrays over all resamples, with controls whose coefficients are fitted."""
    values, expected, error, _ = controls
    # In units of their scatter and from their means, so that nothing cancels; one that does not
    # vary, as at W = 0, gets no coefficient.
    scale = values.std(axis=0)
    varies = scale > 1e-9 * np.abs(expected)
    scale = np.where(varies, scale, 1.0)
    center = values.mean(axis=0)
    x = np.where(varies, (values - center) / scale, 0.0)
    kept = x.shape[-1]
    centered = [y - y.mean(axis=0) for y in arrays]
    rows, columns = np.triu_indices(kept)
    products = x[..., rows] * x[..., columns]
    first, half, *found = means(x, products, *arrays, *(x * y[..., None] for y in centered))
    second = np.empty((*first.shape, kept))
    second[..., rows, columns] = second[..., columns, rows] = half
    second += 1e-9 * np.eye(kept) - first[..., :, None] * first[..., None, :]
    known = np.where(varies, (expected - center) / scale, 0.0)
    noise = generator.standard_normal((len(first) - 1, *error.shape)) * (error / scale)
    surplus = first - known - np.concatenate([np.zeros((1, *error.shape)), noise])
    count = len(arrays)
    mixed = [
        part - first * (mean - y.mean(axis=0))[..., None]
        for mean, part, y in zip(found[:count], found[count:], arrays, strict=True)
    ]
    # one inversion of the controls' moments serves all arrays
    slopes = np.linalg.solve(second, np.stack(np.broadcast_arrays(*mixed), axis=-1))
    moved = (slopes * surplus[..., None]).sum(axis=-2)
    return [mean - moved[..., at] for at, mean in enumerate(found[:count])]


def sharpened(values: ArrayLike, controls: Controls) -> Array:
    """y - b (x - <x>) of each realization, shape (R, ...): its mean is the sharpened one.

    For showing what controls do, realization by realization; `bootstrap` gives errors.
    """
    y = _finite(values, "values")
    if not controls.fitted(len(y)):
        return y - controls.away()
    x = controls.values - controls.values.mean(axis=0)
    square = np.einsum("r...i,r...j->...ij", x, x)
    mixed = np.einsum("r...i,r...->...i", x, y - y.mean(axis=0))
    slope = np.einsum("...ij,...j->...i", np.linalg.pinv(square, hermitian=True), mixed)
    return y - (slope * (controls.values - controls.expected)).sum(axis=-1)


@lru_cache(maxsize=8)
def _draws(realizations: int, resamples: int) -> Array:
    """The draws that all ensembles of a size share, each in a random order of its own.

    Drawing takes longer than everything else about a bootstrap. Resample b of one ensemble meets
    an unrelated one of another as if each had been drawn for itself.
    """
    generator = np.random.default_rng([realizations, resamples])
    drawn = resample(realizations, resamples, generator)
    drawn.flags.writeable = False
    return drawn


def mean(
    values: ArrayLike,
    counts: ArrayLike | None = None,
    controls: Controls | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Mean over realizations of values of shape (R, ...), counts and controls as in `bootstrap`."""
    return bootstrap(
        lambda m: m, values, counts=counts, controls=controls, resamples=resamples, seed=seed
    )


class TwoSamples(NamedTuple):
    """How far two distributions are apart: Kolmogorov's and Smirnov's largest difference."""

    distance: float
    p_value: float  # of a distance as large, were they one
    least: float  # the true distance exceeds it, at the confidence asked for


def two_samples(one: ArrayLike, other: ArrayLike, confidence: float = 0.95) -> TwoSamples:
    """The test of Kolmogorov and Smirnov of two independent samples.

    The lower bound takes from the distance what either empirical distribution may be off, by the
    inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (Ann. Prob. 18, 1269).
    """
    one, other = _finite(one, "values"), _finite(other, "values")
    found = scipy.stats.ks_2samp(one, other)
    off = sum(np.sqrt(np.log(4 / (1 - confidence)) / (2 * len(part))) for part in (one, other))
    distance = float(found.statistic)
    return TwoSamples(distance, float(found.pvalue), max(0.0, distance - float(off)))


def median(values: ArrayLike, resamples: int = 1000, seed: int = 0) -> Estimate:
    """Median over realizations, values of shape (R,), with its error from resampling them."""
    ordered = np.sort(_finite(values, "values"))
    drawn = resample(len(ordered), resamples, np.random.default_rng([seed, len(ordered)]))
    passed = drawn.cumsum(axis=1) >= drawn.sum(axis=1, keepdims=True) / 2
    rows = ordered[passed.argmax(axis=1)]
    rows[0] = np.median(ordered)
    return _estimate(rows)


def combine(function: Callable[..., Array], *estimates: Estimate) -> Estimate:
    """Function of several estimates, resample by resample: `combine(np.subtract, a, b)`.

    A value without the last axes of another is repeated along them: a number minus an array.
    """
    resamples = {len(estimate.samples) for estimate in estimates}
    if len(resamples) > 1:
        raise ValueError(f"estimates must have equally many resamples, got {sorted(resamples)}")
    rows = [np.concatenate([np.asarray(e.value)[None], e.samples]) for e in estimates]
    dimensions = max(row.ndim for row in rows)
    rows = [row.reshape(row.shape + (1,) * (dimensions - row.ndim)) for row in rows]
    return _estimate(function(*rows))


def average(*estimates: Estimate) -> Estimate:
    """Mean of several estimates, each with equal weight; what they share is not counted twice."""
    return combine(lambda *rows: np.mean(rows, axis=0), *estimates)


def weighted(*estimates: Estimate) -> Estimate:
    """Mean of independent estimates of shape (), by the inverse squares of their errors."""
    error = np.array([float(estimate.error) for estimate in estimates])
    least = error[error > 0].min(initial=np.inf)  # what has no error is no better than the best
    weights = np.maximum(error, least if np.isfinite(least) else 1.0) ** -2.0
    return combine(lambda *rows: weights / weights.sum() @ np.array(rows), *estimates)


def normal(value: float, error: float, seed: int = 0, resamples: int = 1000) -> Estimate:
    """An estimate that is known by its value and standard error alone."""
    scatter = np.random.default_rng(seed).standard_normal(resamples)
    scatter = (scatter - scatter.mean()) / scatter.std(ddof=1)
    with np.errstate(invalid="ignore"):
        return Estimate(np.asarray(value), np.asarray(error), value + error * scatter)


class Line(NamedTuple):
    """A weighted straight line through estimates, and how well they lie on it."""

    slope: Estimate
    chi2: float
    degrees: int
    centre: float  # weighted mean of the x
    level: Estimate  # the line there

    def at(self, x: float) -> Estimate:
        """The line at x, shape ()."""
        return combine(lambda y, slope: y + slope * (x - self.centre), self.level, self.slope)


def line(x: ArrayLike, *estimates: Estimate) -> Line:
    """The weighted line through independent estimates of shape () at x, two or more.

    Weights are the inverse squares of the errors, in every resample alike. ValueError for fewer
    than two x, or an estimate without an error.
    """
    x, y, error = (
        _finite(x, "x"),
        *(_finite([getattr(e, name) for e in estimates], name) for name in ("value", "error")),
    )
    if len(np.unique(x)) < 2 or x.shape != y.shape:
        raise ValueError(f"a line needs at least 2 points, got {len(np.unique(x))}")
    if error.min() <= 0:
        raise ValueError(f"a line needs errors above 0, got {error.min()}")
    weights = 1 / error**2
    centre = weights @ x / weights.sum()
    slope = weights * (x - centre) / (weights @ (x - centre) ** 2)
    share = weights / weights.sum()
    residuals = y - share @ y - (slope @ y) * (x - centre)
    tilt, level = (
        combine(lambda *rows, by=by: np.stack(rows, axis=-1) @ by, *estimates)
        for by in (slope, share)
    )
    return Line(tilt, float(weights @ residuals**2), len(x) - 2, float(centre), level)


def agreement(values: ArrayLike, errors: ArrayLike) -> tuple[float, float]:
    """chi2 of independent values about their weighted mean, and the probability of a larger one.

    The probability of a single value, which agrees with itself, is nan.
    """
    values, weights = _finite(values, "values"), 1 / _finite(errors, "errors") ** 2
    chi2 = float(weights @ (values - weights @ values / weights.sum()) ** 2)
    degrees = len(values) - 1
    return chi2, float(special.chdtrc(degrees, chi2)) if degrees else float("nan")


def _estimate(rows: Array) -> Estimate:
    return Estimate(rows[0], rows[1:].std(axis=0, ddof=1), rows[1:])


def _finite(values: ArrayLike, name: str) -> Array:
    # float64, because records are stored in single precision and their moments cancel
    values = np.asarray(values, dtype=np.float64)
    bad = values.size - np.isfinite(values).sum()
    if bad:
        raise ValueError(f"{name} must be finite, got {bad} of {values.size} that are not")
    return values


# Crossings of the mean gap ratio


class Crossing(NamedTuple):
    """Disorder, units of J, where the curve of the larger size falls below the smaller's.

    `low` and `high` are the ends of the 68 % interval: all disorders at which the smooth fit of
    the difference is within its error of 0, around the root; infinite where it runs on to the end
    of the data. All are nan if the fit does not fall through 0. `spread` is half the range of the
    root over other smooth fits: degrees of the polynomial and ranges of disorder.
    """

    value: float
    low: float
    high: float
    spread: float

    @property
    def bounded(self) -> bool:
        """Whether the data bound it on both sides."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    @property
    def error(self) -> float:
        """Half the width of the 68 % interval and the spread, in squares."""
        return float(np.hypot((self.high - self.low) / 2, self.spread))

    @property
    def estimate(self) -> Estimate:
        """The crossing as a normal variable of this error, to be combined with others."""
        return normal(self.value, self.error, seed=int(1e6 * abs(np.nan_to_num(self.value))))


def height(gap_ratio: Array) -> Array:
    """How much of the way from Poisson, 0, to GOE, 1, mean gap ratios lie; of any shape."""
    return (gap_ratio - POISSON_GAP_RATIO) / (GOE_GAP_RATIO - POISSON_GAP_RATIO)


HEIGHTS = (0.05, 0.98)
"""Of the way from Poisson to GOE: outside, two curves have nothing to tell of their crossing."""

VARIANTS = ((1, HEIGHTS), (3, HEIGHTS), (2, (0.1, 0.95)), (2, (0.2, 0.98)))
"""Other smooth fits: degree of the polynomial, and heights between which it is fitted."""


def crossing(disorder: ArrayLike, small: Sequence[Estimate], large: Sequence[Estimate]) -> Crossing:
    """Where the mean gap ratio of a larger size falls below that of a smaller one.

    `disorder`, shape (n,), ascends; `small` and `large` hold an independent estimate for each.

    With h the height of both curves together, from 0 at Poisson to 1 at GOE, the difference over
    h (1 - h) is a smooth function of disorder: exactly a straight line if curves are logistic. A
    parabola is fitted to it, whose root is the crossing. Its interval is Fieller's, J. R. Stat.
    Soc. B 16, 175 (1954): the disorders that the hypothesis of a root there survives. So it covers
    in 68 % of the cases, also where curves merge and a root has no normal error; there it is wide.

    ValueError for disorders that do not ascend, other numbers of estimates, or no error.
    """
    disorder = _finite(disorder, "disorder")
    if disorder.ndim != 1 or len(disorder) < 2 or np.any(np.diff(disorder) <= 0):
        raise ValueError("disorder must be a list of at least 2 ascending numbers")
    if not len(disorder) == len(small) == len(large):
        lengths = f"{len(disorder)}, {len(small)}, {len(large)}"
        raise ValueError(f"disorder, small and large must be equally long, got {lengths}")
    (low, low_error), (high, high_error) = (
        _finite([(e.value, e.error) for e in curve], "gap ratios").T for curve in (small, large)
    )
    error = np.hypot(low_error, high_error)
    if min(low_error.min(), high_error.min()) <= 0:
        raise ValueError(f"gap ratios do not vary at disorder {disorder[error.argmin()]}")
    both = (low / low_error**2 + high / high_error**2) / (1 / low_error**2 + 1 / high_error**2)
    points = (disorder, high - low, error, height(both))
    value, lowest, highest = _falling_root(*points, 2, HEIGHTS)
    others = [_falling_root(*points, *variant)[0] for variant in VARIANTS]
    known = [root for root in (value, *others) if np.isfinite(root)]
    return Crossing(value, lowest, highest, np.ptp(known) / 2 if np.isfinite(value) else np.nan)


def _falling_root(
    x: Array, y: Array, error: Array, height: Array, degree: int, heights: tuple[float, float]
) -> tuple[float, float, float]:
    """Root of the fit to y / h (1 - h), and Fieller's interval; nan if it does not fall through 0.

    Fitted are the neighbouring disorders around h = 1/2 whose heights are within. Of several
    roots the one with most significance on both sides.
    """
    within = (height > heights[0]) & (height < heights[1])
    if within.sum() < 2:
        return np.nan, np.nan, np.nan
    # Where curves have merged, a point beyond that happens to lie within tells nothing.
    chosen = _stretch(within, int(np.where(within, abs(height - 0.5), np.inf).argmin()))
    x, scale = x[chosen], (height * (1 - height))[chosen]
    y, error = y[chosen] / scale, error[chosen] / scale
    middle = np.average(x, weights=error**-2)
    design = np.vander(x - middle, min(degree + 1, len(x))) / error[:, None]
    covariance = np.linalg.pinv(design.T @ design)
    fine = np.linspace(x[0], x[-1], 1001)
    rows = np.vander(fine - middle, design.shape[1])
    fit = rows @ covariance @ design.T @ (y / error)
    score = fit / np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
    falls = np.flatnonzero((fit[:-1] >= 0) & (fit[1:] < 0))
    if not falls.size:
        return np.nan, np.nan, np.nan
    place = max(falls, key=lambda i: min(score[: i + 1].max(), -score[i + 1 :].min()))
    root = fine[place] + (fine[1] - fine[0]) * fit[place] / (fit[place] - fit[place + 1])
    beyond = np.abs(score) > 1
    before, after = np.flatnonzero(beyond[: place + 1]), np.flatnonzero(beyond[place + 1 :])
    low = fine[before[-1] + 1] if before.size else -np.inf
    high = fine[place + after[0]] if after.size else np.inf
    return float(root), float(min(low, root)), float(max(high, root))


def _stretch(within: NDArray[np.bool_], place: int) -> NDArray[np.bool_]:
    """Those within that neighbour each other around a place."""
    stretches = np.cumsum(~within)
    return within & (stretches == stretches[place])


STEEP = (0.2, 0.8)
"""Of the way from Poisson to GOE: between them a cubic describes how the gap ratio falls."""


def midpoint(disorder: ArrayLike, means: Sequence[Estimate]) -> Estimate:
    """Disorder at which mean gap ratios are halfway between GOE and Poisson, shape ().

    `disorder`, shape (n,), ascends; `means` hold an independent estimate for each. Root of a cubic
    fitted to those between `STEEP`, in one stretch, and to the two that enclose it; of fewer than
    five a parabola, of two a straight line. nan where no two do.
    """
    disorder = np.asarray(disorder, dtype=float)
    value, error = np.array([(float(one.value), float(one.error)) for one in means]).T
    heights = height(value)
    falls = np.flatnonzero((heights[:-1] >= 0.5) & (heights[1:] < 0.5))
    if not falls.size:
        return combine(lambda *rows: np.full(len(rows[0]), np.nan), *means)
    around = slice(falls[0], falls[0] + 2)
    within = (heights > STEEP[0]) & (heights < STEEP[1])
    within[around] = True
    chosen = _stretch(within, falls[0])
    weight = 1 / error[chosen] if (error[chosen] > 0).all() else np.ones(chosen.sum())
    degree = 1 if chosen.sum() == 2 else 2 if chosen.sum() < 5 else 3
    origin = disorder[around].mean()
    design = np.vander(disorder[chosen] - origin, degree + 1)
    solve = np.linalg.pinv(design * weight[:, None]) * weight

    def root(*rows: Array) -> Array:
        fitted = solve @ (height(np.array(rows)[chosen]) - 0.5)
        slope = fitted[:-1] * np.arange(degree, 0, -1)[:, None]
        x = np.zeros(fitted.shape[1])
        with np.errstate(all="ignore"):  # Newton's steps lead nowhere for what does not fall
            for _ in range(20):
                x = x - np.polyval(fitted, x) / np.polyval(slope, x)
            return np.where(np.polyval(slope, x) < 0, origin + x, np.nan)

    return combine(root, *means)


# Fits


@dataclass(frozen=True)
class Fit:
    """Least-squares fit: parameters by name, standard errors, covariance in the same order.

    `valid` is False where the minimization failed or a parameter ran into its limit: the fit
    then constrains it on one side only, and its error means nothing.
    """

    values: dict[str, float]
    errors: dict[str, float]
    covariance: Array
    chi2: float
    degrees: int
    valid: bool

    @property
    def p_value(self) -> float:
        """Probability of a larger chi2 if the model is true."""
        return float(special.chdtrc(self.degrees, self.chi2))


def plateau(distance: ArrayLike, plateau: float, amplitude: float, length: float) -> Array:
    """gamma_0 + A e^{-i/xi} of Fig. 9: plateau gamma_0, amplitude A, decay length xi in sites."""
    return plateau + amplitude * np.exp(-np.asarray(distance) / length)


def fit_plateau(
    distance: ArrayLike, value: ArrayLike, error: ArrayLike, fixed: float | None = None
) -> Fit:
    """Fit of `plateau` to gamma_XXZ - gamma_i (Fig. 9); distance and value have shape (n,).

    `error` is the standard error, shape (n,), or the covariance, shape (n, n): purities of one
    realization are correlated along the chain. The length stays between a tenth of the smallest
    step and ten times the range of the distances. `fixed` holds the plateau at a number: fixed=0
    against free is the difference of chi2, one degree of freedom, that tests for a plateau.
    """
    distance, value, whiten = _points(distance, value, error, 4)
    steps = np.diff(np.sort(distance))
    limits = (steps[steps > 0].min() / 10, 10 * steps.sum())

    # the best plateau and amplitude at each of many lengths: the best start of the minimization
    lengths = np.geomspace(*limits, 100)[1:-1]
    curves = whiten @ np.exp(-distance[:, None] / lengths)  # (n, lengths)
    offset, level = whiten @ (value - (fixed or 0)), whiten @ np.ones(len(distance))
    if fixed is None:  # what the plateau can take up is taken out
        level = level / np.linalg.norm(level)
        rest, target = curves - np.outer(level, level @ curves), offset - level * (level @ offset)
    else:
        rest, target = curves, offset
    gain = (target @ rest) ** 2 / (rest**2).sum(axis=0)
    best = int(gain.argmax())
    amplitude = (target @ rest[:, best]) / (rest[:, best] @ rest[:, best])
    ones = whiten @ np.ones(len(distance))
    base = (
        fixed
        if fixed is not None
        else float(ones @ (offset - amplitude * curves[:, best]) / (ones @ ones))
    )
    start = (base, float(amplitude), float(lengths[best]))
    names = ("plateau", "amplitude", "length")
    return _fit(
        lambda *parameters: plateau(distance, *parameters),
        value,
        whiten,
        dict(zip(names, start, strict=True)),
        limits={"length": limits},
        fixed=() if fixed is None else ("plateau",),
    )


def fit_power_law(dimension: ArrayLike, value: ArrayLike, error: ArrayLike) -> Fit:
    """Fit of ln value = log_amplitude - exponent ln dimension, arrays of shape (n,).

    For gamma - 1/2 on the ergodic side: random-matrix theory has exponent 1, the paper prints
    1/2. Points are independent; errors are taken to be small against the values.
    """
    dimension, value, error = (np.asarray(a, dtype=np.float64) for a in (dimension, value, error))
    least = min(dimension.min(initial=np.inf), value.min(initial=np.inf))
    if least <= 0:
        raise ValueError(f"a power law needs positive values, got {least}")
    logarithm, target, whiten = _points(np.log(dimension), np.log(value), error / value, 3)
    slope, intercept = np.polyfit(logarithm, target, 1)
    return _fit(
        lambda amplitude, exponent: amplitude - exponent * logarithm,
        target,
        whiten,
        {"log_amplitude": intercept, "exponent": -slope},
    )


class Fall(NamedTuple):
    """Exponent a of y ~ x^-a with its error, from all points, and from the last two alone."""

    exponent: float
    error: float
    chi2: float
    degrees: int
    p_value: float
    last: float
    last_error: float


def fall(x: ArrayLike, value: ArrayLike, error: ArrayLike) -> Fall:
    """How values, shape (n,), fall with x, which ascends: `fit_power_law`, and the last two.

    Of two points, or where one has no error, only these: the rest is nan.
    """
    x, y, s = (np.asarray(part, float) for part in (x, value, error))
    step = np.log(x[-1] / x[-2])
    last = float(-np.log(y[-1] / y[-2]) / step), float(np.hypot(*(s[-2:] / y[-2:])) / step)
    if len(x) < 3 or s.min() <= 0:
        return Fall(np.nan, np.nan, np.nan, 0, np.nan, *last)
    fit = fit_power_law(x, y, s)
    exponent, off = fit.values["exponent"], fit.errors["exponent"]
    return Fall(exponent, off, fit.chi2, fit.degrees, fit.p_value, *last)


def _points(x: ArrayLike, y: ArrayLike, error: ArrayLike, least: int) -> tuple[Array, Array, Array]:
    """Checked points, and the inverse of the lower Cholesky factor of their covariance."""
    x, y, error = _finite(x, "x"), _finite(y, "y"), _finite(error, "error")
    n = len(y)
    if x.shape != (n,) or y.shape != (n,) or error.shape not in ((n,), (n, n)):
        raise ValueError(f"x, y, error have shapes {x.shape}, {y.shape}, {error.shape} that differ")
    if len(np.unique(x)) < least:
        raise ValueError(f"this fit needs at least {least} points, got {len(np.unique(x))}")
    try:
        lower = linalg.cholesky(np.diag(error**2) if error.ndim == 1 else error, lower=True)
        return x, y, linalg.solve_triangular(lower, np.eye(n), lower=True)
    except linalg.LinAlgError:
        raise ValueError("error must be positive, or a positive definite covariance") from None


def _fit(
    model: Callable[..., Array],
    value: Array,
    whiten: Array,
    start: dict[str, float],
    limits: dict[str, tuple[float, float]] | None = None,
    fixed: tuple[str, ...] = (),
) -> Fit:
    def chi2(*parameters: float) -> float:
        residuals = whiten @ (value - model(*parameters))
        return float(residuals @ residuals)

    minuit = Minuit(chi2, *start.values(), name=tuple(start))
    minuit.errordef = Minuit.LEAST_SQUARES
    for name, limit in (limits or {}).items():
        minuit.limits[name] = limit
    for name in fixed:
        minuit.fixed[name] = True
    minuit.migrad()
    minuit.hesse()
    failed = np.full((len(start), len(start)), np.nan)
    return Fit(
        values=minuit.values.to_dict(),
        errors=minuit.errors.to_dict(),
        covariance=failed if minuit.covariance is None else np.array(minuit.covariance),
        chi2=float(minuit.fval),
        degrees=len(value) - minuit.nfit,
        valid=minuit.valid and not minuit.fmin.has_parameters_at_limit,
    )


# Fraction of thermalized realizations


class Mixture(NamedTuple):
    """Two beta distributions fitted to the linear entropies of realizations.

    `fraction` is the weight p of the thermalized one, that of larger linear entropy; `means` are
    the linear entropies of the thermalized and the localized one; `bic` is how much the Bayesian
    information criterion favours two over one, 2 ln(L2/L1) - 3 ln R; `separation` is Ashman's D,
    the distance of the means over the root mean square of the widths.
    """

    fraction: Estimate
    means: Array
    bic: float
    separation: float


def mixture(linear_entropy: ArrayLike, resamples: int = 200, seed: int = 0) -> Mixture:
    """Fraction p of thermalized realizations, from the linear entropy 1 - gamma at one site.

    `linear_entropy`, shape (R,), in [0, 1/2]: mean over the states of each realization. Beta
    distributions of 2(1 - gamma), fitted by maximum likelihood.
    """
    x = 2 * _finite(linear_entropy, "linear entropies")
    if x.ndim != 1 or len(x) < 20:
        raise ValueError(f"a mixture needs a list of at least 20 realizations, got {x.shape}")
    if x.min() == x.max():
        raise ValueError(f"linear entropies must vary, got {x[0] / 2} for all")
    if x.min() < 0 or x.max() > 1 + 1e-6:
        raise ValueError(f"linear entropies must be in [0, 0.5], got {x.min() / 2}, {x.max() / 2}")
    x = np.clip(x, 1e-9, 1 - 1e-9)  # a beta density may vanish or diverge at 0 and 1
    logs = np.log(x), np.log1p(-x)

    def start(*groups: Array) -> Array:
        """Beta distributions with the mean and variance of each group, shape (3, groups)."""
        mean = np.array([group.mean() for group in groups])
        spread = np.array([group.var() for group in groups]) / (mean * (1 - mean))
        total = 1 / (spread + 1e-5)  # within the bounds of the fit even if all are equal
        weight = np.array([len(group) / len(x) for group in groups])
        return np.log([weight, mean * total, (1 - mean) * total])

    ones = np.ones(len(x))
    single = _fit_betas(start(x), *logs, ones)
    cuts = np.quantile(x, [0.1, 0.3, 0.5, 0.7, 0.9])
    best = min(
        (
            _fit_betas(start(x[x > cut], x[x <= cut]), *logs, ones)
            for cut in cuts
            if x.min() <= cut < x.max()
        ),
        key=lambda result: result.fun,
    )
    rows = [best.x]
    weights = resample(len(x), resamples, np.random.default_rng([seed, len(x)]))
    rows += [_fit_betas(best.x.reshape(3, 2), *logs, draw).x for draw in weights[1:]]
    mixing, a, b = np.moveaxis(np.reshape(rows, (-1, 3, 2)), 1, 0)
    means = special.expit(a - b)
    first = (means[:, 0] > means[:, 1]).astype(int)  # a fit may swap the two
    order = np.stack([1 - first, first], axis=1)
    fractions = np.take_along_axis(special.softmax(mixing, axis=1), order, axis=1)[:, 0]
    variances = means[0] * (1 - means[0]) / (1 + np.exp(a[0]) + np.exp(b[0]))
    return Mixture(
        fraction=_estimate(fractions),
        means=means[0][order[0]] / 2,
        bic=float(2 * len(x) * (single.fun - best.fun) - 3 * np.log(len(x))),
        separation=float(abs(np.diff(means[0])[0]) / np.sqrt(variances.mean())),
    )


def _fit_betas(
    start: Array, log_x: Array, log_rest: Array, weights: Array
) -> "scipy.optimize.OptimizeResult":
    """Maximum likelihood; rows of start, shape (3, K): logarithms of mixing weight, a and b."""
    shape = start.shape

    def objective(parameters: Array) -> tuple[float, Array]:
        mixing, log_a, log_b = parameters.reshape(shape)
        a, b, mixing = np.exp(log_a), np.exp(log_b), special.log_softmax(mixing)
        constant = mixing - special.betaln(a, b)
        terms = constant[:, None] + np.outer(a - 1, log_x) + np.outer(b - 1, log_rest)
        density = np.logaddexp.reduce(terms, axis=0)
        shares = np.exp(terms - density) * weights
        share = shares.sum(axis=1)
        both = special.digamma(a + b)
        gradient = [
            share - np.exp(mixing) * weights.sum(),
            a * (shares @ log_x - share * (special.digamma(a) - both)),
            b * (shares @ log_rest - share * (special.digamma(b) - both)),
        ]
        return -(weights @ density) / len(log_x), -np.ravel(gradient) / len(log_x)

    # bounded, because a component on a single value has infinite likelihood
    bounds = np.repeat([(-12, 12), (-3, 12), (-3, 12)], shape[1], axis=0)
    start = np.clip(start.ravel(), *bounds.T)
    return scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
