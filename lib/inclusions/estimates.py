"""(model, its records) → `Estimate`: the one place where a quantity of the book is computed.

A table, a figure, a claim and the course that show the same quantity call the same function.
`records` is the dataset of an ensemble, with the fields of `store` over its realizations, which
alone are resampled: errors hold for the mean over disorder. All functions hand the keywords
`HOW` on to where the resampling is done:

    plain     without controls; else they sharpen what they can, where they are computed
    salt      another seed of the resampling: what an error is worth itself
    as_many   the error as it would be with so many realizations

Purities, gap ratios and correlations have no unit, disorders, bandwidths and energies are in units
of J, distances in sites. Equations are the paper's. ValueError for fewer than two realizations, of
which no error follows; it names the ensemble and the command.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial, wraps
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar
from zlib import crc32

import numpy as np
import xarray as xr
from scipy import special

from inclusions import statistics
from inclusions.controls import NoControls, Predictions, load
from inclusions.disorder import source
from inclusions.model import MIDDLE as MIDDLE_TARGET
from inclusions.model import PARAMETERS, Model, tuned_bandwidth
from inclusions.observables import HISTOGRAM_CENTRES, HISTOGRAM_EDGES
from inclusions.statistics import (
    Array,
    Controls,
    Crossing,
    Estimate,
    Fit,
    bootstrap,
    combine,
    sharpened,
)
from inclusions.store import FULL, DamagedFile
from inclusions.store.records import having

MIDDLE = 2
"""Greatest distances whose mean is the purity in the middle: four sites of an even chain."""

FAR = 3
"""Distance from which a correlation counts as far: from there no bond is shared."""

SYSTEM = tuple(name for name in PARAMETERS if name not in ("length", "disorder", "magnetization"))
"""Parameters that curves of one family share."""

Ensembles = Mapping[Model, xr.Dataset]
Pair = tuple[Model, xr.Dataset]
Curve = Mapping[float, Pair]
Found = TypeVar("Found")


def seed_of(model: Model) -> int:
    """Seed for resampling this ensemble: independent ones apart, those of the same samples alike.

    So `combine` takes the difference of two paired ensembles sample by sample, where both have
    equally many; of others it overrates the error.
    """
    return crc32(source(model).encode())


def _resampled(
    model: Model,
    records: xr.Dataset,
    statistic: Callable[..., Array],
    *arrays: Array,
    counts: Array | None = None,
    controls: Callable[[Predictions], Controls] | None = None,
    plain: bool = False,
) -> Estimate:
    """`statistics.bootstrap` of one ensemble, each realization by its number of states.

    `controls` chooses those of the quantity among the predictions for the realizations.
    """
    if counts is None:
        counts = records.states.values
    if len(counts) < 2:
        raise ValueError(
            f"an estimate needs at least 2 realizations of {model.key}, got {len(counts)}: "
            "compute more of them with `inclusions run`"
        )
    chosen = None
    if controls is not None and not plain:
        known = predictions(model, records)
        chosen = None if known is None else controls(known)
    return bootstrap(statistic, *arrays, counts=counts, controls=chosen, seed=seed_of(model))


def predictions(model: Model, records: xr.Dataset) -> Predictions | None:
    """What windows know of these realizations, in their order, from the folder they were read from.

    None, and `why_plain` says why, if nothing: no estimate fails for want of controls.
    """
    folder = records.attrs.get("data")
    if folder is None:  # made up, or solved live
        return None
    return _loaded(folder, model, records.attrs["seed"], tuple(records.realization.values))[0]


def why_plain(model: Model, records: xr.Dataset) -> str:
    """Why estimates of an ensemble that was read are plain, in a line; empty if they are not."""
    folder = records.attrs.get("data")
    if folder is None:
        return ""
    return _loaded(folder, model, records.attrs["seed"], tuple(records.realization.values))[1]


@lru_cache(maxsize=2048)
def _loaded(
    folder: str, model: Model, seed: int, indices: tuple[int, ...]
) -> tuple[Predictions | None, str]:
    try:
        return load(Path(folder), model, int(seed), indices), ""
    except (NoControls, DamagedFile) as error:
        return None, str(error)


_remembered: dict[tuple, Estimate] = {}


def holding(model: Model, records: xr.Dataset, observable: str = FULL) -> xr.Dataset:
    """The realizations that have the fields of an observable, of `store.OBSERVABLES`.

    Raises:
        ValueError: none has; the message names the ensemble and what to do.
    """
    held = having(observable, records)
    if held.all():  # also of none, where records are made up or solved live
        return records
    if not held.any():
        has = "gap ratios only" if observable == FULL else f"no {observable}"
        raise ValueError(
            f"the records of {model.key} have {has}: run a campaign that asks for more of it"
        )
    return records.isel(realization=held)


def holds(model: Model, records: xr.Dataset, observable: str = FULL) -> bool:
    """Whether at least two realizations, of which errors follow, have an observable."""
    try:
        return holding(model, records, observable).sizes["realization"] > 1
    except ValueError:
        return False


def _estimate(
    function: Callable[..., Estimate], needs: str | None = FULL
) -> Callable[..., Estimate]:
    """An estimate of one ensemble: computed once for each file, and scaled by `as_many`.

    It is of the realizations that have the observable it `needs`.
    Its error is widened by `student`, to hold as a normal one from many realizations would.
    With a `salt` its resamples are drawn from themselves: half as many, each twice, so that its
    error scatters around the first as that of resamples drawn anew would, at no cost.
    """

    @wraps(function)
    def inner(
        model: Model,
        records: xr.Dataset,
        *more: Any,
        as_many: int | None = None,
        salt: int = 0,
        **how: Any,
    ) -> Estimate:
        if needs is not None:
            records = holding(model, records, needs)
        realizations = records.sizes["realization"]
        wider = student(realizations, 1)
        key = (function.__name__, model, records.attrs.get("checksum"), more, *sorted(how.items()))
        found = _remembered.get(key)
        if found is None:
            found = scaled(function(model, records, *more, **how), wider)
            if key[2] is not None:  # records that were made up have none
                _remembered[key] = found
        if salt:
            generator = np.random.default_rng([seed_of(model), salt])
            count = len(found.samples)
            drawn = np.repeat(generator.integers(count, size=-(-count // 2)), 2)[:count]
            samples = found.samples[drawn]
            found = Estimate(found.value, samples.std(axis=0, ddof=1), samples)
        if as_many is None:
            return found
        return scaled(found, np.sqrt(realizations / as_many) / wider)

    return inner


@lru_cache
def student(samples: float, errors: float = 3) -> float:
    """How much wider an error from few samples must be to hold as a normal one at so many errors.

    Their scatter is uncertain itself: Student's t, Biometrika 6, 1 (1908), and one sample for the
    mean. Infinite for fewer than two.
    """
    if samples < 2:
        return float("inf")
    wider = -special.stdtrit(samples - 1, special.ndtr(-errors)) / errors
    return float(wider * np.sqrt(samples / (samples - 1)))


def scaled(found: Estimate, factor: float) -> Estimate:
    """The same value with its error, and the scatter of its resamples, larger by a factor."""
    away = factor * (found.samples - found.value)
    return Estimate(found.value, factor * found.error, found.value + away)


def _itself(mean: Array) -> Array:
    return mean


# Gap ratios


@partial(_estimate, needs=None)
def gap_ratio(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Mean ratio of adjacent gaps, shape (), of the levels nearest the target; Sec. II, Fig. 2.

    Windows know a little of it, where curves cross the most: up to a quarter of its variance.
    """
    counts = records.states.values.astype(float) - 2
    return _resampled(
        model, records, _itself, records.gap_ratio.values, counts=counts,
        controls=Predictions.whole, **how,
    )  # fmt: skip


def midpoint(curve: Curve, **how: Any) -> Estimate:
    """Disorder at which a curve of mean gap ratios is halfway between GOE and Poisson, shape (), J.

    `curve` has the ensembles by disorder. By the fit of `statistics.midpoint`; nan where no two
    disorders enclose it.
    """
    disorder = sorted(curve)
    return statistics.midpoint(disorder, [gap_ratio(*curve[w], **how) for w in disorder])


def midpoint_shifts(found: Ensembles, start: str, end: str) -> dict[int, Estimate]:
    """How far `midpoint` moves from one system to another, shape (), J, by the chain's length.

    Systems are "open", "periodic", "single" (a bubble of one state) and "bubble"; a bubble is
    compared with the isolated chain two sites longer, as the paper does. Of the lengths that all
    systems there are have in common: so shifts add up.
    """
    places: dict[str, dict[int, Estimate]] = {}
    for kind, lengths in curves(found).items():
        bubble, boundary = (kind[SYSTEM.index(name)] for name in ("bubble", "boundary"))
        name = {0: boundary, 1: "single"}.get(bubble, "bubble")
        known = {n + 2 * (bubble > 0): midpoint(curve) for n, curve in lengths.items()}
        places[name] = {n: one for n, one in known.items() if np.isfinite(one.value)}
    if not {start, end} <= set(places):
        return {}
    common = sorted(set.intersection(*map(set, places.values())))
    return {n: combine(np.subtract, places[end][n], places[start][n]) for n in common}


def crossing(small: Curve, large: Curve, **how: Any) -> Crossing:
    """Disorder where the mean gap ratio of the larger size falls below the smaller's, Fig. 2, J.

    Both have their ensembles by disorder. By the joint smooth fit of `statistics.crossing`.

    Raises:
        ValueError: they have fewer than two disorders in common, or one without an error.
    """
    common = sorted(set(small) & set(large))
    if len(common) < 2:
        raise ValueError(f"a crossing needs two disorders that both have, got {common}")
    both = ([gap_ratio(*curve[w], **how) for w in common] for curve in (small, large))
    return statistics.crossing(common, *both)


def fall_to_edges(found: Ensembles) -> Estimate | None:
    """Fall of the gap ratio with the target's distance from the middle, a unit of it, shape ().

    The weighted slope, mean over lengths and disorders; None without two distances at one of them.
    """
    sorted_out: dict[tuple[int, float], dict[float, Estimate]] = {}
    for model, records in found.items():
        if model.target != "mean":
            curve = sorted_out.setdefault((model.length, model.disorder), {})
            curve[float(model.target)] = gap_ratio(model, records)
    falls = [
        statistics.line([-abs(target - MIDDLE_TARGET) for target in curve], *curve.values()).slope
        for curve in sorted_out.values()
        if len({abs(target - MIDDLE_TARGET) for target in curve}) > 1
    ]
    return statistics.average(*falls) if falls else None


def curves(found: Ensembles) -> dict[tuple, dict[int, dict[float, Pair]]]:
    """Ensembles by system (the values of `SYSTEM`), then length, then disorder."""
    sorted_out: dict[tuple, dict[int, dict[float, Pair]]] = {}
    for model, records in found.items():
        kind = tuple(getattr(model, name) for name in SYSTEM)
        by_length = sorted_out.setdefault(kind, {})
        by_length.setdefault(model.length, {})[model.disorder] = (model, records)
    return {kind: dict(sorted(lengths.items())) for kind, lengths in sorted_out.items()}


def sweeps(found: Mapping[Model, Found]) -> list[dict[float, tuple[Model, Found]]]:
    """Sweeps of the bubble's bandwidth, of five or more: by bandwidth, J, all else being equal."""
    sorted_out: dict[Model, dict[float, tuple[Model, Found]]] = {}
    for model, records in found.items():
        if model.bubble > 1 and model.bandwidth is not None:
            tuned = Model(**(model.as_dict() | {"bandwidth": None}))
            sorted_out.setdefault(tuned, {})[model.bandwidth] = (model, records)
    return [curve for curve in sorted_out.values() if len(curve) >= 5]


def _over_bandwidths(
    curve: Curve, function: Callable[[Array, Array], Array], **how: Any
) -> Estimate:
    """A function of ln beta, shape (n,), and the gap ratios of all resamples, shape (S, n)."""
    beta = sorted(curve)
    means = [gap_ratio(*curve[b], **how) for b in beta]
    return combine(lambda *rows: function(np.log(beta), np.stack(rows, axis=-1)), *means)


def _near_top(x: Array, y: Array) -> tuple[slice, Array]:
    """The five points around the largest of the data, and parabolas through them, shape (3, S).

    `y` has shape (S, n), the data first; parabolas are around the middle of the five.
    """
    middle = int(np.clip(y[0].argmax(), 2, len(x) - 3))
    near = slice(middle - 2, middle + 3)
    return near, np.polyfit(x[near] - x[middle], y[:, near].T, 2)


def _top(x: Array, fits: Array) -> Array:
    """Where each parabola has its top within these five x; the larger end if it bends up."""
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.clip(x[2] - fits[1] / (2 * fits[0]), x[0], x[-1])
    return np.where(fits[0] < 0, place, np.where(fits[1] > 0, x[-1], x[0]))


def best_bandwidth(curve: Curve, **how: Any) -> Estimate:
    """The bandwidth of the largest mean gap ratio, J, shape (); `curve` by bandwidth, Fig. 6.

    The top of the parabola in ln beta through the five points around the largest.
    """

    def best(x: Array, y: Array) -> Array:
        near, fits = _near_top(x, y)
        return np.exp(_top(x[near], fits))

    return _over_bandwidths(curve, best, **how)


def lost_at_chosen(curve: Curve, **how: Any) -> Estimate:
    """The gap ratio at the best bandwidth of a sweep minus that at the tuned one, shape ().

    Both by the parabola of `best_bandwidth`, the best being that of the data in every resample:
    else the loss would be a square, whose error says nothing. By the polygon beyond the parabola.
    """
    (model, _), *_ = curve.values()
    chosen = np.log(tuned_bandwidth(model.bubble))

    def lost(x: Array, y: Array) -> Array:
        near, fits = _near_top(x, y)
        five = x[near]
        top = np.polyval(fits, _top(five, fits)[0] - five[2])
        if five[0] <= chosen <= five[-1]:
            return top - np.polyval(fits, chosen - five[2])
        return top - np.array([np.interp(chosen, x, row) for row in y])

    return _over_bandwidths(curve, lost, **how)


def fall_to_ends(curve: Curve, **how: Any) -> Estimate:
    """The largest mean gap ratio of a sweep minus the larger of those at its ends, shape ()."""
    return _over_bandwidths(
        curve, lambda x, y: y.max(axis=1) - np.maximum(y[:, 0], y[:, -1]), **how
    )


# Purities


@_estimate
def purity_profile(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Mean purity at distance 0 ... ceil(L/2) - 1 from the bubble, or the nearer end; Fig. 3.

    Eq. (5), shape (ceil(L/2),). Site i and its mirror image L - 1 - i are averaged.
    """
    return _resampled(
        model, records, lambda m: 1 - m, mirrored(records), controls=Predictions.purities, **how
    )


def mirrored(records: xr.Dataset) -> Array:
    """1 - gamma by distance, mean of a site and its mirror image, shape (R, ceil(L/2))."""
    entropy = _entropy(records)
    return 0.5 * (entropy + entropy[:, ::-1])[:, : (entropy.shape[1] + 1) // 2]


@_estimate
def purity(model: Model, records: xr.Dataset, sites: str = "middle", **how: Any) -> Estimate:
    """Mean purity, Eq. (5), in the middle of the chain, or over "all" its sites, shape ().

    gamma_XXZ of an isolated chain: the paper does not say which of the two. All sites of a
    periodic chain are its middle.
    """
    weights = np.full(model.length, 1 / model.length)
    if sites != "all" and model.boundary != "periodic":
        weights = middle_weights(model.length)
    return _resampled(
        model, records, lambda m: 1 - m, _entropy(records) @ weights,
        controls=lambda known: known.weighted(weights), **how,
    )  # fmt: skip


def far_purity(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """As `purity` in the middle, but of the same sites in every chain, a ring too, shape ()."""
    far = purity_profile(model, records, **how).entry(slice(-MIDDLE, None))
    return combine(lambda gamma: gamma.mean(axis=-1), far)


@_estimate
def site_purity(model: Model, records: xr.Dataset, site: int, **how: Any) -> Estimate:
    """Mean purity of one site, 0 ... L - 1, Eq. (5), shape (); plain, its mirror left out."""
    return _resampled(model, records, lambda m: 1 - m, _entropy(records)[:, site], **how)


def growth(profiles: Mapping[Any, Estimate], distance: int) -> statistics.Line:
    """Slope of gamma_i at a distance over what these `purity_profile` are sorted by; Figs. 4, 8.

    The weighted line through two or more: over lengths, or the logarithm of the bubble's size.
    """
    return statistics.line([*profiles], *(one.entry(distance) for one in profiles.values()))


def middle_weights(length: int) -> Array:
    """Equal weights on the sites at the two greatest distances from the ends, shape (L,)."""
    site = np.arange(length)
    distance = np.minimum(site, length - 1 - site)
    chosen = distance >= distance.max() - MIDDLE + 1
    return chosen / chosen.sum()


def _entropy(records: xr.Dataset) -> Array:
    return records.linear_entropy.values.astype(float)


def excess(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """gamma - 1/2, mean over all sites, shape (); as a power of the dimension, Sec. II."""
    return combine(lambda gamma: gamma - 0.5, purity(model, records, "all", **how))


@_estimate
def scatter(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """The part of gamma - 1/2 that differs from state to state, mean over all sites, shape ()."""
    parts = scattered(_entropy(records), records.linear_entropy_variance.values.astype(float))
    return _resampled(model, records, _itself, parts.mean(axis=1), **how)


def scattered(entropy: Array, variance: Array) -> Array:
    """The part of gamma - 1/2 that differs from state to state, same shape.

    <S^z> of a realization's states is taken as Gaussian, mean m and variance s^2. Then
    gamma - 1/2 has mean 2 (m^2 + s^2) and variance 8 s^2 (s^2 + 2 m^2), and this is 2 s^2: what
    random-matrix theory speaks of. m is what the window of energies has in common.
    With 50 states it comes out within 5 % for m >= s, and 30 % too small for m = 0.
    """
    whole = 0.5 - entropy
    return whole - np.sqrt(np.clip(whole**2 - variance / 2, 0, None))


# The deficit against the isolated chain of L + 2


def partner(
    model: Model, found: Ensembles, boundary: Literal["open", "periodic"] = "open"
) -> Model:
    """The isolated chain two sites longer at the same disorder.

    Raises:
        LookupError: it is not among the ensembles found.
    """
    wanted = Model(model.length + 2, model.disorder, boundary=boundary)
    if wanted not in found:
        raise LookupError(
            f"{model.key} has nothing to be compared with: there is no {boundary} chain of "
            f"L + 2 = {wanted.length} at W = {wanted.disorder:g}; add {wanted.key} to the campaign"
        )
    return wanted


def partners(probes: Iterable[Model], references: Iterable[Model]) -> list[tuple[Model, Model]]:
    """Each system that has an isolated chain two sites longer among the references, with it.

    At the same disorder; the last, of several such chains.
    """
    isolated = {
        (model.length - 2, model.disorder): model for model in references if not model.bubble
    }
    places = ((model, isolated.get((model.length, model.disorder))) for model in probes)
    return [(model, chain) for model, chain in places if chain is not None]


def deficit(
    model: Model, records: xr.Dataset, chain: Model, isolated: xr.Dataset, sites: str = "middle",
    **how: Any,
) -> Estimate:  # fmt: skip
    """gamma_XXZ - gamma_i, Fig. 9, shape (ceil(L/2),); gamma_XXZ of these `sites` of the chain.

    `chain` and `isolated` are the model and records of the chain of L + 2, from `partner`.
    """
    return combine(
        np.subtract, purity(chain, isolated, sites, **how), purity_profile(model, records, **how)
    )


def middle_deficit(
    model: Model, records: xr.Dataset, chain: Model, isolated: xr.Dataset, sites: str = "middle",
    **how: Any,
) -> Estimate:  # fmt: skip
    """gamma_XXZ minus the purity farthest from the bubble, shape (); otherwise as `deficit`."""
    return combine(
        np.subtract, purity(chain, isolated, sites, **how), purity(model, records, **how)
    )


def fitting_covariance(found: Estimate, realizations: int, parameters: int) -> Array:
    """Covariance of an estimate of shape (n,) for a fit of so many parameters, shape (n, n).

    That of the resamples of so many realizations is uncertain itself, and a fit follows its noise:
    with d = n - parameters it is larger by (R-1)(R-2) / (R-1-d)(R-2-d), which makes variances of
    linear fits to normal values exact: Rao, Proc. Fifth Berkeley Symp. 1, 355 (1967). chi2 is
    then less than d on average, by (R-1-d) / (R-2).

    Raises:
        ValueError: too few realizations for it: two for each entry.
    """
    entries = len(found.value)
    if realizations < 2 * entries:
        raise ValueError(
            f"the covariance of {entries} distances takes at least {2 * entries} realizations, "
            f"got {realizations}"
        )
    free = realizations - 1.0, realizations - 2.0
    degrees = entries - parameters
    return found.covariance * np.prod(free) / np.prod(np.subtract(free, degrees))


def plateau(deficit: Estimate, realizations: int, fixed: float | None = None) -> Fit:
    """Fit of `statistics.plateau`, Fig. 9, to a deficit of shape (n,), n at least 4.

    Its parameters are plateau gamma_0, amplitude A, and length xi in sites; `fixed` holds gamma_0
    at a number. `realizations` are those of bubble or chain, the fewer. Errors: ValueError for too
    few distances; `fitting_covariance`.
    """
    covariance = fitting_covariance(deficit, realizations, 3)
    return statistics.fit_plateau(
        np.arange(len(deficit.value)), deficit.value, covariance, fixed=fixed
    )


def plateau_test(deficit: Estimate, realizations: int) -> tuple[Fit, Fit, float]:
    """`plateau` free and with gamma_0 = 0, and how probable so large a drop of chi2 is if it is 0.

    Errors: `plateau`.
    """
    free, zero = (plateau(deficit, realizations, fixed) for fixed in (None, 0))
    return free, zero, float(special.chdtrc(1, max(zero.chi2 - free.chi2, 0.0)))


# Correlations of purities


@_estimate
def correlation(
    model: Model, records: xr.Dataset, among: tuple[int, int] | None = None, **how: Any
) -> Estimate:
    """C(r) of Eq. (7) whole, within and between realizations, shape (3, L), r = 0 ... L - 1.

    `among` leaves it at the distances from the first to below the second, shape (3, n): less
    work.

    The Pearson coefficient of gamma_0 and gamma_r, the overline of Eq. (7) read as the mean over
    all states of all realizations, which covers the product. Each state enters twice, as it is
    and mirrored. The covariance is that of the states of one realization, averaged, plus that of
    the realizations' means; each part is divided by the same widths, so that they add up.

    Moments in single precision serve where 1 - gamma is small, but not deep on the ergodic side:
    once gamma scatters by less than 1e-4 around 1/2, its variance, and C, is lost in them. Where
    a purity does not vary, C is nan.
    """
    mean = _entropy(records)
    variance = records.linear_entropy_variance.values.astype(float)
    covariance = records.linear_entropy_covariance.values.astype(float)
    product = mean[:, [0, -1], None] * mean[:, None, :]

    def coefficient(
        end: Array, end2: Array, first: Array, second: Array, inner: Array, outer: Array
    ) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.sqrt((end2 - end**2) * (second - first**2))
            within, between = inner / scale, (outer - end * first) / scale
        return np.stack([within + between, within, between], axis=1)

    moments = mean, variance + mean**2
    first, second = (0.5 * (moment + moment[:, ::-1]) for moment in moments)
    # each r has controls of its own, also for the moments of the end
    ends = (np.repeat(moment[:, :1], model.length, axis=1) for moment in (first, second))
    inner, outer = (0.5 * (pair[:, 0] + pair[:, 1, ::-1]) for pair in (covariance, product))
    at = slice(*(among or (None,)))
    return _resampled(
        model, records, coefficient,
        *(moment[:, at] for moment in (*ends, first, second, inner, outer)),
        controls=lambda known: known.correlations().entry(at), **how,
    )  # fmt: skip


def far(length: int) -> tuple[int, int]:
    """Distances that count as far: the first, and that after the last, half the chain."""
    return min(FAR, length // 2), length // 2 + 1


def far_correlation(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Mean of C(r) over r = 3 ... L/2, whole, within and between realizations, shape (3,).

    C(r) of Eq. (7); of a chain too short for r = 3, that at L/2.
    """
    at = far(model.length)
    return combine(lambda c: c.mean(axis=-1), correlation(model, records, at, **how))


def enhancement(
    model: Model, records: xr.Dataset, chain: Model, isolated: xr.Dataset, **how: Any
) -> Estimate:
    """Far C(r) of a system minus that of a chain at equal distances, Fig. 5, shape (3,).

    `chain` and `isolated` are the model and records of the chain, from `partner`; the distances
    are the system's, and the parts those of `far_correlation`.
    """
    at = far(model.length)
    both = (correlation(*one, at, **how) for one in ((model, records), (chain, isolated)))
    return combine(lambda a, b: (a - b).mean(axis=-1), *both)


def fixed_disorder_correlation(model: Model, records: xr.Dataset) -> Estimate:
    """Pearson coefficient over the states of one realization, averaged over these, shape ().

    Mean over r = 3 ... L/2 and both ends. What `perturbation.pearson_tail` is about: Eq. (7) read
    without the scatter of the fields. Realizations where a purity does not vary are left out.
    """
    records = holding(model, records)
    variance = records.linear_entropy_variance.values.astype(float)
    covariance = records.linear_entropy_covariance.values.astype(float)
    ends = []
    for end, order in ((0, slice(None)), (1, slice(None, None, -1))):
        spread, joint = variance[:, order], covariance[:, end, order]
        with np.errstate(divide="ignore", invalid="ignore"):
            ends.append((joint / np.sqrt(spread[:, :1] * spread))[:, slice(*far(model.length))])
    values = np.nanmean(np.concatenate(ends, axis=1), axis=1)
    return bootstrap(_itself, values[np.isfinite(values)], seed=seed_of(model))


# Distributions


def magnetization_density(model: Model, records: xr.Dataset) -> Estimate:
    """Density of 2<S^z> at each distance, Fig. 7, shape (ceil(L/2), bins of `HISTOGRAM_EDGES`).

    Batches of realizations are resampled, each by its states; the error is widened by `student`
    for as many equal batches as weigh the same. Fewer than two tell none.
    """
    counts = holding(model, records).magnetization_histogram.values.astype(float)
    states = counts.sum(axis=(1, 2))
    batches = float(states.sum() ** 2 / (states**2).sum())
    density = bootstrap(
        lambda m: m / m.sum(axis=-1, keepdims=True) / np.diff(HISTOGRAM_EDGES),
        np.repeat(counts, 2, axis=0) if len(counts) == 1 else counts,
        seed=seed_of(model),
    )
    if batches < 2:
        unknown = (np.full_like(part, np.nan) for part in (density.error, density.samples))
        return Estimate(density.value, *unknown)
    return scaled(density, student(batches, 1))


@_estimate
def magnetization_middle(model: Model, records: xr.Dataset, plain: bool = True) -> Estimate:
    """Probability of each bin of 2<S^z> in the middle of the chain, shape (bins,).

    Windows know nothing of it: it is always `plain`. Its error is that of `magnetization_density`.
    """
    density = magnetization_density(model, records)
    found = combine(lambda d: d[..., -MIDDLE:, :].mean(axis=-2) * np.diff(HISTOGRAM_EDGES), density)
    return scaled(found, 1 / student(records.sizes["realization"], 1))  # as wide as it should be


def magnetization_shares(
    model: Model, records: xr.Dataset, edge: float = 0.9, centre: float = 0.5, **how: Any
) -> Estimate:
    """Share of |2<S^z>| beyond `edge` and within `centre` in the middle of a chain, shape (2,)."""
    spin = np.abs(HISTOGRAM_CENTRES)
    chosen = np.stack([spin > edge, spin < centre], axis=-1).astype(float)
    return combine(lambda d: d @ chosen, magnetization_middle(model, records, **how))


def magnetization_change(
    model: Model, records: xr.Dataset, chain: Model, isolated: xr.Dataset, **how: Any
) -> Estimate:
    """What a bubble changes in the middle of a chain, shape (3,): both shares, and how much in all.

    The first two are those of `magnetization_shares`, minus the isolated chain's; the third is the
    share of the weight that is elsewhere, the total variation distance of the distributions. That
    is never below 0: noise alone makes it `magnetization_noise`.
    """
    pair = (model, records), (chain, isolated)
    shares = combine(np.subtract, *(magnetization_shares(*one, **how) for one in pair))
    moved = combine(_elsewhere, *(magnetization_middle(*one, **how) for one in pair))
    return combine(lambda a, b: np.concatenate([a, b], axis=-1), shares, moved)


def magnetization_noise(
    model: Model, records: xr.Dataset, chain: Model, isolated: xr.Dataset
) -> float:
    """The total variation distance that two like distributions would have by their noise."""
    pair = (magnetization_middle(model, records), magnetization_middle(chain, isolated))
    return float(_elsewhere(*(one.samples - one.value for one in pair)).mean())


def _elsewhere(a: Array, b: Array) -> Array:
    return np.abs(a - b).sum(axis=-1, keepdims=True) / 2


def centre_entropies(records: xr.Dataset) -> Array:
    """1 - gamma of each realization at the site or two farthest from both ends, shape (R,)."""
    entropy = _entropy(records)
    middle = (entropy.shape[1] - 1) // 2
    return np.clip((entropy[:, middle] + entropy[:, -1 - middle]) / 2, 0, 0.5)


# Samples of their own, and shared ones


@_estimate
def purity_variance(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Variance of the purity in the middle, within and between realizations, shape (2,).

    The mean variance over the states of one realization, and the variance of the realizations'
    means; both are means over the sites of the middle, and they add up to the whole.
    """
    mean, weights = _entropy(records), middle_weights(model.length)
    within = records.linear_entropy_variance.values.astype(float)

    def parts(inside: Array, first: Array, second: Array) -> Array:
        return np.stack([inside @ weights, (second - first**2) @ weights], axis=-1)

    return _resampled(model, records, parts, within, mean, mean**2, **how)


@_estimate
def median_purity(model: Model, records: xr.Dataset) -> Estimate:
    """Median over realizations of the purity of `centre_entropies`, shape (); plain."""
    return statistics.median(1 - centre_entropies(records), seed=seed_of(model))


def thermal_fraction(
    records: xr.Dataset, isolated: xr.Dataset, purity: float = 0.6, confidence: float = 0.95
) -> tuple[statistics.TwoSamples, float]:
    """What the samples' purities farthest from the ends say of the share p that thermalizes.

    Let the bubble thermalize a share p of the samples and leave the others as they are. Then the
    distribution functions of the two systems differ by p at most anywhere, so that the distance
    of Kolmogorov and Smirnov bounds p from below; and of the samples with a bubble at least p
    are thermal, with a purity below `purity`, which bounds it from above: the second number, at
    this confidence (Clopper and Pearson 1934). Where the lower bound exceeds the upper, there is
    no such p.
    """
    with_bubble, without = (1 - centre_entropies(part) for part in (records, isolated))
    upper = most_below(records, purity, confidence)
    return statistics.two_samples(with_bubble, without, confidence), upper


def most_below(records: xr.Dataset, purity: float, confidence: float = 0.95) -> float:
    """Upper bound on the share of samples with a purity below `purity` farthest from the ends.

    At this confidence, by Clopper and Pearson (1934).
    """
    gamma = 1 - centre_entropies(records)
    below, samples = int((gamma < purity).sum()), len(gamma)
    if below == samples:
        return 1.0
    return float(special.betaincinv(below + 1, samples - below, confidence))


@_estimate
def window_share(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Width of the window of states as a share of the spectrum's, edge to edge, shape ()."""
    width, whole = (np.ptp(records[name].values, axis=1) for name in WIDTHS)
    return _resampled(model, records, _itself, width / whole, **how)


WIDTHS = ("energy_window", "spectrum_edges")


# Entanglement


@partial(_estimate, needs="entanglement")
def half_chain_entropy(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Mean entropy of half of the chain over states and realizations, shape (), in nats."""
    return _resampled(model, records, _itself, records.half_chain_entropy.values, **how)


@partial(_estimate, needs="entanglement")
def divergence(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Mean Kullback-Leibler divergence of neighbouring states, shape (), in nats."""
    return _resampled(model, records, _itself, records.kullback_leibler.values, **how)


# Checks


@_estimate
def end_difference(model: Model, records: xr.Dataset, **how: Any) -> Estimate:
    """Mean purity of site 0 minus that of site L - 1, shape (): a check of samples and solver.

    A mirror image exchanges them, and is as probable: it is 0 up to its error.
    """
    entropy = _entropy(records)
    return _resampled(model, records, _itself, entropy[:, -1] - entropy[:, 0], **how)


def naive_error(records: xr.Dataset, site: int) -> float:
    """Error of the mean purity of a site if every state were a sample of its own.

    They are not: states of one realization share its fields. It stands beside ours for comparison.
    """
    mean = records.linear_entropy.values[:, site].astype(float)
    within = records.linear_entropy_variance.values[:, site].mean()
    return float(np.sqrt((mean.var() + within) / records.states.values.sum()))


# What controls gain


class Gain(NamedTuple):
    """What controls make of the mean of one quantity, and a check of them."""

    gain: float  # variance of the plain mean over that of the sharpened one
    share: float  # of the sharpened error: what comes from the windows' mean over disorder
    deviation: float  # of the windows' mean over these samples from that, in standard errors


def gains(model: Model, records: xr.Dataset) -> dict[str, Gain]:
    """`Gain` by quantity of an ensemble, empty where it has no controls.

    Of the purity at the "first" site, the "second" and in the "middle", and of the mean of C(r)
    over r = 3 ... L/2, "far", where there are such. As many free coefficients are taken off the
    sharpened variance as there are controls. Deviations should be standard normal numbers.
    """
    if (found := predictions(model, records)) is None:
        return {}
    profile, controls = mirrored(records), found.purities()
    places = {"first": 0, "second": 1, "middle": profile.shape[1] - 1}
    known = {name: _gain(profile[:, at], controls.entry(at)) for name, at in places.items()}
    return known | ({"far": _far_gain(records, found)} if model.length // 2 >= FAR else {})


def _gain(values: Array, one: Controls) -> Gain:
    """Of a mean, values (R,), with one control."""
    left = sharpened(values, one)
    realizations = len(values)
    spread, known = one.values[:, 0].std(ddof=1), float(one.error[0])
    if realizations < 4 or not spread:
        return Gain(1.0, 0.0, 0.0)
    fitted = one.fitted(realizations)
    slope = np.polyfit(one.values[:, 0], values, 1)[0] if fitted else one.slope
    error = left.std(ddof=1 + fitted) / np.sqrt(realizations)
    from_mean = abs(slope) * known
    deviation = (one.values[:, 0].mean() - one.expected[0]) / np.hypot(
        spread / np.sqrt(realizations), known
    )
    whole = np.hypot(error, from_mean)
    gain = values.var(ddof=1) / realizations / whole**2
    return Gain(float(gain), float(from_mean / whole), float(deviation))


def _far_gain(records: xr.Dataset, found: Predictions) -> Gain:
    """The same for the mean of C(r) over r = 3 ... L/2, linear in the moments, with three each."""
    influence, three = _influence(records), found.correlations()
    at = slice(*far(influence.shape[1]))
    left = sharpened(influence, three)[:, at].mean(axis=1)
    realizations = len(left)
    if realizations < 40:
        return Gain(1.0, 0.0, 0.0)
    product = three.values[:, at, 0].mean(axis=1)
    deviation = product.mean() / (product.std(ddof=1) / np.sqrt(realizations) or np.inf)
    gain = influence[:, at].mean(axis=1).var(ddof=1) / left.var(ddof=4)
    return Gain(float(gain), 0.0, float(deviation))


def _influence(records: xr.Dataset) -> Array:
    """What each realization adds to C(r) to first order, shape (R, L)."""
    mean = _entropy(records)
    squared = records.linear_entropy_variance.values + mean**2
    product = records.linear_entropy_covariance.values + mean[:, [0, -1], None] * mean[:, None, :]
    first, second = 0.5 * (mean + mean[:, ::-1]), 0.5 * (squared + squared[:, ::-1])
    both = 0.5 * (product[:, 0] + product[:, 1, ::-1])
    m, s, p = first.mean(axis=0), second.mean(axis=0), both.mean(axis=0)
    variance = s - m**2
    scale = np.sqrt(variance[0] * variance)
    correlation = (p - m[0] * m) / scale
    change = second - s - 2 * m * (first - m)
    moved = both - p - m[0] * (first - m) - m * (first[:, :1] - m[0])
    return moved / scale - 0.5 * correlation * (change / variance + change[:, :1] / variance[0])
