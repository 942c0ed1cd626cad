"""Estimates with realization-resampled errors: averages, correlations, crossings, fits.

Eigenstates of one realization are correlated, so realizations alone are resampled. Every array
has the realizations on axis 0, and holds for each of them a number or its mean over the states.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from iminuit import Minuit
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize, special

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

    def entry(self, place: int) -> "Controls":
        """The controls of one entry of a mean of shape (n,)."""
        return Controls(self.values[:, place], self.expected[place], self.error[place])


REALIZATIONS_PER_CONTROL = 20
"""With fewer, the last controls are left out: a coefficient costs one realization's worth."""


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
    error of the estimate. All arrays, of one shape (R, ...), use the same controls: a function
    that is nearly linear in the means is then sharpened as if it were regressed itself.
    ValueError for controls of other realizations or shape.
    """
    arrays = [_finite(values, "values") for values in arrays]
    counts = np.ones(len(arrays[0])) if counts is None else _finite(counts, "counts")
    if len({len(values) for values in (*arrays, counts)}) > 1:
        lengths = [len(values) for values in (*arrays, counts)]
        raise ValueError(f"arrays and counts must have equally many realizations, got {lengths}")
    if counts.min() < 0 or counts.sum() == 0:
        raise ValueError("counts must not be negative, nor all zero")
    realizations = len(counts)
    drawn = _draws(realizations, resamples)
    order = np.random.default_rng([seed, realizations]).permutation(resamples)
    order = np.concatenate([[0], 1 + order])
    total = drawn @ counts

    def means(values: Array) -> Array:
        sums = drawn @ (counts[:, None] * values.reshape(realizations, -1))
        return (sums / total[:, None])[order].reshape(-1, *values.shape[1:])

    if controls is None:
        return _estimate(statistic(*map(means, arrays)))
    adjusted = _regression(means, controls, realizations, np.random.default_rng([seed, 1]))
    return _estimate(statistic(*map(adjusted, arrays)))


def _regression(
    means: Callable[[Array], Array],
    controls: Controls,
    realizations: int,
    generator: np.random.Generator,
) -> Callable[[Array], Array]:
    """From an array to its means over all resamples, as `means`, with controls."""
    values, expected, error = (_finite(part, "controls") for part in controls)
    if len(values) != realizations or not values.shape[1:] == expected.shape == error.shape:
        raise ValueError(
            f"controls of {realizations} realizations must have shapes (R, ..., k), (..., k),"
            f" (..., k), got {values.shape}, {expected.shape}, {error.shape}"
        )
    kept = min(values.shape[-1], realizations // REALIZATIONS_PER_CONTROL)
    if kept == 0:
        return means
    # In units of their scatter and from their means, so that nothing cancels; one that does not
    # vary, as at W = 0, gets no coefficient.
    values, expected, error = values[..., :kept], expected[..., :kept], error[..., :kept]
    scale = values.std(axis=0)
    varies = scale > 1e-9 * np.abs(expected)
    scale = np.where(varies, scale, 1.0)
    center = values.mean(axis=0)
    x = np.where(varies, (values - center) / scale, 0.0)
    first = means(x)
    second = means(x[..., :, None] * x[..., None, :]) - first[..., :, None] * first[..., None, :]
    second += 1e-9 * np.eye(kept)
    known = np.where(varies, (expected - center) / scale, 0.0)
    noise = generator.standard_normal((len(first) - 1, *error.shape)) * (error / scale)
    surplus = first - known - np.concatenate([np.zeros((1, *error.shape)), noise])

    def adjusted(y: Array) -> Array:
        shape = first.shape[1:-1]
        fits = len(shape) == y.ndim - 1 and all(
            n in (1, m) for n, m in zip(shape, y.shape[1:], strict=True)
        )
        if not fits:
            raise ValueError(
                f"controls of shape {x.shape} do not fit values of shape {y.shape}: the axes"
                " between the first and the last must be 1 or the same"
            )
        mean, center = means(y), y.mean(axis=0)
        mixed = means(x * (y - center)[..., None]) - first * (mean - center)[..., None]
        square = np.broadcast_to(second, (*mixed.shape, kept))
        slope = np.linalg.solve(square, mixed[..., None])[..., 0]
        return mean - (slope * surplus).sum(axis=-1)

    return adjusted


def sharpened(values: ArrayLike, controls: Controls) -> Array:
    """y - b (x - <x>) of each realization, shape (R, ...): its mean is the sharpened one.

    For showing what controls do, realization by realization; `bootstrap` gives errors.
    """
    y = _finite(values, "values")
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
    drawn = resample(realizations, resamples, np.random.default_rng([realizations, resamples]))
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


def _estimate(rows: Array) -> Estimate:
    return Estimate(rows[0], rows[1:].std(axis=0, ddof=1), rows[1:])


def _finite(values: ArrayLike, name: str) -> Array:
    # float64, because records are stored in single precision and their moments cancel
    values = np.asarray(values, dtype=np.float64)
    bad = values.size - np.isfinite(values).sum()
    if bad:
        raise ValueError(f"{name} must be finite, got {bad} of {values.size} that are not")
    return values


# Purities


def purity_by_distance(
    linear_entropy: ArrayLike,
    counts: ArrayLike | None = None,
    controls: Controls | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Mean purity at distance 0 ... ceil(L/2) - 1 from the bubble, shape (ceil(L/2),).

    `linear_entropy`, shape (R, L): mean of 1 - gamma_i over the states of each realization.
    Site i and its mirror L - 1 - i are averaged. `controls` have a set for each distance.
    """
    linear_entropy = _finite(linear_entropy, "linear entropies")
    mirrored = 0.5 * (linear_entropy + linear_entropy[:, ::-1])
    distances = (linear_entropy.shape[1] + 1) // 2
    return bootstrap(
        lambda m: 1 - m,
        mirrored[:, :distances],
        counts=counts,
        controls=controls,
        resamples=resamples,
        seed=seed,
    )


def purity_correlation(
    linear_entropy: ArrayLike,
    linear_entropy_squared: ArrayLike,
    linear_entropy_product: ArrayLike,
    counts: ArrayLike | None = None,
    controls: Controls | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """C(r) of Eq. (7), shape (L,), r = 0 ... L - 1: Pearson coefficient of gamma_0 and gamma_r.

    The overline of Eq. (7) is read as the mean over all states of all realizations, and covers
    the product. With x_i = 1 - gamma_i (the sign drops out), the arrays are means over the
    states of each realization: of x_i and of x_i^2, shape (R, L), and of x_0 x_i and x_{L-1} x_i,
    shape (R, 2, L). Each state enters twice, as it is and mirrored: the moments of both ends are
    averaged before the coefficient is formed. Where a purity does not vary, C is nan. `controls`
    have a set for each r, which all moments that C(r) is made of share.

    Moments in single precision serve where 1 - gamma is small, but not deep on the ergodic side:
    once gamma scatters by less than 1e-4 around 1/2, its variance, and C, is lost in them.
    """
    first, second, product = (
        _finite(values, "moments")
        for values in (linear_entropy, linear_entropy_squared, linear_entropy_product)
    )
    realizations, length = first.shape
    if second.shape != first.shape or product.shape != (realizations, 2, length):
        raise ValueError(
            f"shapes must be (R, L), (R, L), (R, 2, L), got {first.shape}, {second.shape},"
            f" {product.shape}"
        )

    def coefficient(end: Array, end2: Array, far: Array, far2: Array, product: Array) -> Array:
        variance, variance_far = end2 - end**2, far2 - far**2
        with np.errstate(divide="ignore", invalid="ignore"):
            return (product - end * far) / np.sqrt(variance * variance_far)

    first, second = 0.5 * (first + first[:, ::-1]), 0.5 * (second + second[:, ::-1])
    return bootstrap(
        coefficient,
        np.repeat(first[:, :1], length, axis=1),
        np.repeat(second[:, :1], length, axis=1),
        first,
        second,
        0.5 * (product[:, 0] + product[:, 1, ::-1]),
        counts=counts,
        controls=controls,
        resamples=resamples,
        seed=seed,
    )


# Crossings of the mean gap ratio


DOUBTFUL = 0.05
"""Share of resamples without a crossing above which a crossing is in doubt."""


class Crossing(NamedTuple):
    """Disorder, units of J, where the curve of the larger size falls below the smaller's.

    `value` is from the data, nan if they do not cross. `low` and `high` are the 68 % percentile
    interval, `median` the middle, of the resamples that cross, and `missing` is the fraction of
    those that do not: above a few percent, there may be no crossing on this grid.
    """

    value: float
    median: float
    low: float
    high: float
    missing: float

    @property
    def error(self) -> float:
        """Half the width of the 68 % interval."""
        return (self.high - self.low) / 2


def crossing(
    disorder: ArrayLike,
    small: Sequence[ArrayLike],
    large: Sequence[ArrayLike],
    resamples: int = 1000,
    seed: int = 0,
) -> Crossing:
    """Where the mean over `large` falls below that over `small`, as disorder grows.

    `disorder`, shape (n,), ascends; `small` and `large` hold, for each of its entries, one array
    of per-realization mean gap ratios. Each is an independent ensemble and is resampled alone.

    Deep in either phase both sizes agree and noise changes the sign of the difference at will.
    So the split is placed where the most significance lies on its right side: positive
    differences before it, negative after. The root is that of a weighted parabola through the
    two points on either side of the split, which falls through zero once at most. Each resample
    finds its own split. ValueError if lengths differ or a point has no spread.
    """
    disorder = _finite(disorder, "disorder")
    if disorder.ndim != 1 or len(disorder) < 2 or np.any(np.diff(disorder) <= 0):
        raise ValueError("disorder must be a list of at least 2 ascending numbers")
    if not len(disorder) == len(small) == len(large):
        lengths = f"{len(disorder)}, {len(small)}, {len(large)}"
        raise ValueError(f"disorder, small and large must be equally long, got {lengths}")
    generator = np.random.default_rng(seed)
    difference, variance = np.zeros((1 + resamples, len(disorder))), np.zeros(len(disorder))
    for sign, ensembles in ((-1, small), (1, large)):
        for i, values in enumerate(ensembles):
            values = _finite(values, "gap ratios")
            weights = resample(len(values), resamples, generator)
            difference[:, i] += sign * (weights @ values) / len(values)
            variance[i] += values.var(ddof=1) / len(values)
    if variance.min() <= 0:
        raise ValueError(f"gap ratios do not vary at disorder {disorder[variance.argmin()]}")

    error = np.sqrt(variance)
    significance = np.pad(difference / error, ((0, 0), (1, 0))).cumsum(axis=1)
    splits = significance.argmax(axis=1)  # points before the split
    roots = np.full(1 + resamples, np.nan)
    for split in set(splits) - {0, len(disorder)}:  # there, all differences have one sign
        rows, near = splits == split, slice(max(split - 2, 0), split + 2)
        roots[rows] = _falling_root(disorder[near], difference[rows][:, near], error[near])
    found = roots[1:][np.isfinite(roots[1:])]
    quantiles = [0.5, (1 - ONE_SIGMA) / 2, (1 + ONE_SIGMA) / 2]
    median, low, high = np.quantile(found, quantiles) if len(found) else 3 * [np.nan]
    return Crossing(
        float(roots[0]), float(median), float(low), float(high), 1 - len(found) / resamples
    )


def _falling_root(x: Array, rows: Array, error: Array) -> Array:
    """Where the weighted parabola through each row falls through zero, nan if outside of x."""
    middle = x.mean()
    design = np.vander(x - middle, min(3, len(x)))
    inverse = np.linalg.pinv(design / error[:, None]) / error
    a, b, c = np.pad(inverse @ rows.T, ((3 - design.shape[1], 0), (0, 0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        # of the two roots the one with slope -sqrt(b^2 - 4ac), written so that a = 0 is harmless
        root = middle + 2 * c / (np.sqrt(b**2 - 4 * a * c) - b)
        return np.where((root >= x[0]) & (root <= x[-1]), root, np.nan)


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
    distance, value, factor = _points(distance, value, error, 4)
    steps = np.diff(np.sort(distance))
    limits = (steps[steps > 0].min() / 10, 10 * steps.sum())

    def linear(length: float) -> tuple[float, list[float]]:
        """Best plateau and amplitude at a given length, as the start of the minimization."""
        curve = np.exp(-distance / length)
        columns = np.array([np.ones_like(curve), curve] if fixed is None else [curve]).T
        offset = value - (fixed or 0)
        best, *_ = np.linalg.lstsq(_whiten(factor, columns), _whiten(factor, offset), rcond=None)
        residuals = _whiten(factor, offset - columns @ best)
        return residuals @ residuals, [*([] if fixed is None else [fixed]), *best, length]

    _, start = min(linear(length) for length in np.geomspace(*limits, 100)[1:-1])
    names = ("plateau", "amplitude", "length")
    return _fit(
        lambda *parameters: plateau(distance, *parameters),
        value,
        factor,
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
    logarithm, target, factor = _points(np.log(dimension), np.log(value), error / value, 3)
    slope, intercept = np.polyfit(logarithm, target, 1)
    return _fit(
        lambda amplitude, exponent: amplitude - exponent * logarithm,
        target,
        factor,
        {"log_amplitude": intercept, "exponent": -slope},
    )


def _points(x: ArrayLike, y: ArrayLike, error: ArrayLike, least: int) -> tuple[Array, Array, Array]:
    """Checked points, and the lower Cholesky factor of their covariance."""
    x, y, error = _finite(x, "x"), _finite(y, "y"), _finite(error, "error")
    n = len(y)
    if x.shape != (n,) or y.shape != (n,) or error.shape not in ((n,), (n, n)):
        raise ValueError(f"x, y, error have shapes {x.shape}, {y.shape}, {error.shape} that differ")
    if len(np.unique(x)) < least:
        raise ValueError(f"this fit needs at least {least} points, got {len(np.unique(x))}")
    try:
        return x, y, linalg.cholesky(np.diag(error**2) if error.ndim == 1 else error, lower=True)
    except linalg.LinAlgError:
        raise ValueError("error must be positive, or a positive definite covariance") from None


def _whiten(factor: Array, values: Array) -> Array:
    return linalg.solve_triangular(factor, values, lower=True)


def _fit(
    model: Callable[..., Array],
    value: Array,
    factor: Array,
    start: dict[str, float],
    limits: dict[str, tuple[float, float]] | None = None,
    fixed: tuple[str, ...] = (),
) -> Fit:
    def chi2(*parameters: float) -> float:
        residuals = _whiten(factor, value - model(*parameters))
        return residuals @ residuals

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

    @property
    def decidable(self) -> bool:
        """Whether there are two: very strong evidence (bic > 10), and apart (separation > 2).

        The second is needed since no purity is exactly beta distributed: with enough
        realizations two betas always fit better than one.
        """
        return self.bic > 10 and self.separation > 2


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
) -> optimize.OptimizeResult:
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
    return optimize.minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds)
