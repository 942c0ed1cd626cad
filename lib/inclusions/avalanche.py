"""Predicts how far a bubble thermalizes a localized chain: avalanche theory, SM D and Eq. (6)."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from iminuit import Minuit
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, special

Array = NDArray[np.float64]

CRITICAL_LENGTH = 1 / math.log(2)
"""Critical localization length xi_*, in sites (SM D)."""

_ALLOWED = {
    "distance": ("finite and at least 0", lambda value: np.isfinite(value) & (value >= 0)),
    "xi": ("finite and above 0", lambda value: np.isfinite(value) & (value > 0)),
    "bubble": ("finite and at least 1", lambda value: np.isfinite(value) & (value >= 1)),
    "length": ("at least 1", lambda value: value >= 1),
    "p": ("in [0, 1]", lambda value: (value >= 0) & (value <= 1)),
    "isolated": ("in [0.5, 1]", lambda value: (value >= 0.5) & (value <= 1)),
    "exponent": ("finite and above 0", lambda value: np.isfinite(value) & (value > 0)),
}


def _read(**quantities: ArrayLike) -> list[Array]:
    """Return the quantities as float arrays, refusing the first value outside its range."""
    arrays = [np.asarray(value, dtype=float) for value in quantities.values()]
    for name, value in zip(quantities, arrays, strict=True):
        allowed, holds = _ALLOWED[name]
        if not (good := holds(value)).all():
            raise ValueError(f"{name} must be {allowed}, got {value[~good].flat[0]}")
    return arrays


def resonance_ratio(distance: ArrayLike, xi: ArrayLike, bubble: ArrayLike) -> Array:
    """Matrix element over level spacing of the next LIOM, e^(-l/xi) (n_GOE 4^l)^(1/2), Eq. (8).

    The avalanche goes on while the ratio is above 1. All arguments broadcast.

    Args:
        distance: l, up to which the chain is thermal, in sites
        xi: localization length of the isolated chain, in sites
        bubble: dimension n_GOE of the bubble

    Raises:
        ValueError: an argument is nan or out of range
    """
    distance, xi, bubble = _read(distance=distance, xi=xi, bubble=bubble)
    return np.sqrt(bubble) * np.exp(distance * (1 / CRITICAL_LENGTH - 1 / xi))


def thermalized_distance(xi: ArrayLike, bubble: ArrayLike, length: ArrayLike = math.inf) -> Array:
    """Distance l_c = (1/2) ln n_GOE / (1/xi - 1/xi_*) up to which the avalanche runs, in sites.

    This is where Eq. (8) equals 1 (the printed exponent -1/2 is a factor 1/2). It is infinite
    for xi >= xi_*, and never more than half the length, since both ends touch the bubble.

    Args:
        xi: localization length of the isolated chain, in sites; broadcasts with the others
        bubble: dimension n_GOE of the bubble
        length: sites L of the chain; infinite unless given

    Raises:
        ValueError: an argument is nan or out of range
    """
    xi, bubble, length = _read(xi=xi, bubble=bubble, length=length)
    # times xi xi_*: the difference xi_* - xi is exact where 1/xi - 1/xi_* rounds to 0
    with np.errstate(divide="ignore", invalid="ignore"):
        finite = 0.5 * np.log(bubble) * xi * CRITICAL_LENGTH / (CRITICAL_LENGTH - xi)
    return np.minimum(np.where(xi < CRITICAL_LENGTH, finite, math.inf), length / 2)


def printed_distance(xi: ArrayLike, bubble: ArrayLike) -> Array:
    """l_c with the exponent -1/2 that SM D prints, infinite for xi >= xi_*; in sites."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.asarray(xi, float) - 1 / CRITICAL_LENGTH
        return np.where(inverse > 0, inverse**-0.5 * np.log(bubble), np.inf)


def thermal_dimension(xi: ArrayLike, bubble: ArrayLike, length: ArrayLike = math.inf) -> Array:
    """Dimension d_therm = n_GOE 4^l_c of the thermal region (SM D).

    It equals n_GOE^(1/(1 - xi/xi_*)) while the avalanche stops inside the chain, and
    n_GOE 2^L once it has swallowed the chain. Parameters and errors: `thermalized_distance`.
    """
    reach = thermalized_distance(xi, bubble, length)
    return np.asarray(bubble, dtype=float) * 4.0**reach


def effective_dimension(
    distance: ArrayLike, xi: ArrayLike, bubble: ArrayLike, length: ArrayLike = math.inf
) -> Array:
    """Effective dimension d_eff,i = e^(-2i/xi) d_therm at a distance from the bubble (Sec. IV).

    The sign is the main text's; the SM prints e^(+2i/xi), which would make the far sites the
    most thermal ones. With the minus sign d_eff passes 1 exactly where the avalanche would
    stop in an infinite chain.

    Args:
        distance: i, distance of the site from the bubble, in sites; broadcasts with the others
        xi: see `thermalized_distance`
        bubble: see `thermalized_distance`
        length: see `thermalized_distance`

    Raises:
        ValueError: an argument is nan or out of range
    """
    distance, xi = _read(distance=distance, xi=xi)
    return np.exp(-2 * distance / xi) * thermal_dimension(xi, bubble, length)


def mean_purity(
    distance: ArrayLike,
    xi: ArrayLike,
    p: ArrayLike,
    bubble: ArrayLike,
    length: ArrayLike,
    isolated: ArrayLike,
    exponent: ArrayLike = 1.0,
) -> Array:
    """Mean purity gamma_i at a distance from the bubble, Eq. (6); dimensionless.

    1/2 + (1 - p)(1 - e^(-i/xi))(gamma_XXZ - 1/2) + p min(d_eff^(-exponent), gamma_XXZ - 1/2).

    The minimum is not printed. Beyond the avalanche d_eff falls below 1 and the printed term
    diverges, although a site the avalanche did not reach is as pure as in the isolated chain.
    With the minimum gamma_i never exceeds gamma_XXZ and tends to it for xi < xi_*, as the
    paper states of its regime II.

    Args:
        distance: i, distance of the site from the bubble, in sites; all arguments broadcast
        xi: localization length of the isolated chain, in sites
        p: probability that the bubble starts an avalanche
        bubble: dimension n_GOE of the bubble
        length: sites L of the chain
        isolated: mean purity gamma_XXZ of the isolated chain
        exponent: 1 is random-matrix theory (<S^z> ~ d^(-1/2), squared); the paper prints 1/2

    Raises:
        ValueError: an argument is nan or out of range
    """
    distance, xi, p, isolated, exponent = _read(
        distance=distance, xi=xi, p=p, isolated=isolated, exponent=exponent
    )
    dimension = effective_dimension(distance, xi, bubble, length)
    with np.errstate(divide="ignore", over="ignore"):  # far away the dimension underflows
        ergodic = np.minimum(dimension**-exponent, isolated - 0.5)
    localized = -np.expm1(-distance / xi) * (isolated - 0.5)
    return 0.5 + (1 - p) * localized + p * ergodic


def length_bound(share: ArrayLike) -> Array:
    """The largest xi that Eq. (6) allows, in sites, by the response of the site at distance 1.

    There it leaves at least e^{-1/xi} of gamma_XXZ - 1/2 as gamma_XXZ - gamma, in an ergodic
    sample and in any other, whatever p. `share` is the measured one, in (0, 1).
    """
    return -1 / np.log(share)


# The theory in numbers: localization lengths are ratios to xi_*, and vary over a table's rows


def _grid(**axes: ArrayLike | Sequence[str]) -> pd.DataFrame:
    """A row for each combination of values; those of the last name run fastest."""
    return pd.MultiIndex.from_product(axes.values(), names=axes.keys()).to_frame(index=False)


def resonances(ratios: Sequence[float], bubble: int, reach: float) -> pd.DataFrame:
    """Eq. (8) at distances from 0 to `reach`; columns ratio, distance, resonance."""
    table = _grid(ratio=ratios, distance=np.linspace(0, reach, 161))
    xi = table.ratio * CRITICAL_LENGTH
    return table.assign(resonance=resonance_ratio(table.distance, xi, bubble))


def reaches(bubble: int, lengths: Sequence[int]) -> pd.DataFrame:
    """l_c for these chains, the infinite one (0), and as printed (-1); length, ratio, reach."""
    table = _grid(length=[*lengths, 0, -1], ratio=np.linspace(0.02, 1.2, 473))
    xi, length = table.ratio * CRITICAL_LENGTH, table.length
    reach = thermalized_distance(xi, bubble, np.where(length > 0, length, math.inf))
    return table.assign(reach=np.where(length < 0, printed_distance(xi, bubble), reach))


def distance_checks(ratios: Sequence[float], bubble: int) -> pd.DataFrame:
    """l_c corrected and printed, by `kind`: does it meet what the SM says of it?

    `resonance` is Eq. (8) there, which should be 1; `dimension` is n_GOE 4^l_c, and `stated` the
    power n_GOE^(1/(1 - xi/xi_*)) that the SM gives for it.
    """
    table = _grid(ratio=ratios, kind=["factor 1/2", "printed exponent"])
    xi = table.ratio * CRITICAL_LENGTH
    right, printed = thermalized_distance(xi, bubble), printed_distance(xi, bubble)
    reach = np.where(table.kind == "factor 1/2", right, printed)
    return table.assign(
        reach=reach, resonance=resonance_ratio(reach, xi, bubble), dimension=bubble * 4.0**reach,
        stated=bubble ** (1 / (1 - table.ratio)),
    )  # fmt: skip


def finite_sizes(bubble: int, lengths: Sequence[int]) -> pd.DataFrame:
    """From which xi on an avalanche crosses the chain, and what it then leaves at the centre.

    `swallows` is that xi/xi_*, where Eq. (8) is 1 at L/2; `dimension` is d_therm of the whole
    system; `centre` is d_eff at L/2 at xi = xi_*, the least of regime I; `reach` and `region` are
    l_c and d_therm at xi = xi_*/2.
    """
    table, half = pd.DataFrame({"length": lengths}), CRITICAL_LENGTH / 2
    length = table.length
    return table.assign(
        swallows=1 / (1 + CRITICAL_LENGTH * np.log(bubble) / length),
        dimension=thermal_dimension(CRITICAL_LENGTH, bubble, length),
        centre=effective_dimension(length / 2, CRITICAL_LENGTH, bubble, length),
        reach=thermalized_distance(half, bubble, length),
        region=thermal_dimension(half, bubble, length),
    )


def ergodic_terms(
    ratio: float, bubble: int, length: int, isolated: float, exponents: Sequence[float]
) -> pd.DataFrame:
    """The p-term of Eq. (6) at p = 1 by exponent and distance: as `printed`, and `bounded`."""
    table = _grid(exponent=exponents, distance=np.linspace(0, length / 2, 97))
    place, exponent, xi = table.distance, table.exponent, ratio * CRITICAL_LENGTH
    bounded = mean_purity(place, xi, 1.0, bubble, length, isolated, exponent) - 0.5
    printed = effective_dimension(place, xi, bubble, length) ** -exponent
    return table.assign(printed=printed, bounded=bounded)


def regimes(
    ratios: Sequence[float],
    p: float,
    bubble: int,
    lengths: Sequence[int],
    isolated: float,
    exponents: Sequence[float],
) -> pd.DataFrame:
    """gamma_XXZ - gamma_i of Eq. (6) on every site of half the chain, and `without` avalanches.

    Columns: exponent, length, ratio, distance, difference, without.
    """
    sites = np.arange(max(lengths) // 2)
    table = _grid(exponent=exponents, length=lengths, ratio=ratios, distance=sites)
    table = table[table.distance < table.length // 2]

    def difference(p: float) -> pd.Series:
        xi, length = table.ratio * CRITICAL_LENGTH, table.length
        gamma = mean_purity(table.distance, xi, p, bubble, length, isolated, table.exponent)
        return isolated - gamma

    return table.assign(difference=difference(p), without=difference(0.0))


def profiles(
    ratios: Sequence[float],
    probabilities: Sequence[float],
    bubbles: Sequence[int],
    length: int,
    isolated: float,
    exponents: Sequence[float],
) -> pd.DataFrame:
    """gamma_XXZ - gamma_i of Eq. (6) on every site of half the chain, for sliders.

    Columns: ratio, p, bubble, exponent, distance, difference, and `reach`, l_c of the same row.
    """
    table = _grid(
        ratio=ratios, p=probabilities, bubble=bubbles, exponent=exponents,
        distance=np.arange(length // 2),
    )  # fmt: skip
    xi, bubble = table.ratio * CRITICAL_LENGTH, table.bubble
    gamma = mean_purity(table.distance, xi, table.p, bubble, length, isolated, table.exponent)
    reach = thermalized_distance(xi, bubble, length)
    return table.assign(difference=isolated - gamma, reach=reach)


# Eq. (6) fitted


class AvalancheFit(NamedTuple):
    """xi and p of Eq. (6) with the ends of their 68 % intervals, and how well they describe it.

    The intervals are where the profile of chi2 over the other parameter stays within 1 of its
    minimum: p ends at 0 and 1, so a standard error would mean little. `below` and `above` are the
    least chi2 with xi < xi_* and with xi >= xi_*.
    """

    xi: float
    xi_low: float
    xi_high: float
    p: float
    p_low: float
    p_high: float
    chi2: float
    degrees: int
    probability: float
    below: float
    above: float


XI = np.geomspace(0.05, 20, 241)  # where chi2 is scanned, in sites
P = np.linspace(0, 1, 201)


def _minimum(
    chi2: Callable[[ArrayLike, ArrayLike], Array], start: tuple[float, float], least: float
) -> tuple[tuple[float, ...], float]:
    """xi and p of the least chi2 by Minuit, and that; the start, where it is `least`, if lower."""
    minuit = Minuit(lambda xi, p: float(chi2(xi, p)), xi=start[0], p=start[1])
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.limits = [(XI[0], XI[-1]), (0, 1)]
    minuit.migrad()
    found = tuple(minuit.values), float(minuit.fval)
    return found if found[1] <= least else (start, least)


def fit(
    response: Array,
    covariance: Array,
    isolated: float,
    bubble: float,
    length: float,
    exponent: float = 1.0,
    first: int = 1,
) -> AvalancheFit:
    """`AvalancheFit` of Eq. (6) to gamma_XXZ - gamma_i, by a scan of chi2 and by Minuit.

    Args:
        response: gamma_XXZ - gamma_i at distances first, first + 1, ..., shape (n,)
        covariance: of the response, shape (n, n)
        isolated: see `mean_purity`
        bubble: see `mean_purity`
        length: see `mean_purity`
        exponent: see `mean_purity`
        first: the distance that the site next to the bubble counts as

    Raises:
        LinAlgError: the covariance is not positive definite
    """
    distance = first + np.arange(response.size)
    factor = linalg.cholesky(covariance, lower=True)

    def chi2(xi: ArrayLike, p: ArrayLike) -> Array:
        """For xi and p of shapes that broadcast to S, shape S."""
        xi, p = np.broadcast_arrays(np.asarray(xi, float)[..., None], np.asarray(p)[..., None])
        model = isolated - mean_purity(distance, xi, p, bubble, length, isolated, exponent)
        misfit = (response - model).reshape(-1, distance.size).T
        white = linalg.solve_triangular(factor, misfit, lower=True)
        return np.square(white).sum(axis=0).reshape(xi.shape[:-1])

    def scan(xi: Array, p: Array) -> tuple[Array, tuple[int, ...]]:
        table = chi2(xi[:, None], p)
        return table, tuple(map(int, np.unravel_index(table.argmin(), table.shape)))

    coarse, (i, j) = scan(XI, P)
    # the bound on the p-term puts kinks into chi2, so the profiles are scanned, not expanded
    xi = np.geomspace(max(XI[i] / 1.3, XI[0]), min(XI[i] * 1.3, XI[-1]), 241)
    p = np.linspace(max(P[j] - 0.2, 0), min(P[j] + 0.2, 1), 161)
    fine, (i, j) = scan(xi, p)
    best, least = _minimum(chi2, (float(xi[i]), float(p[j])), float(fine.min()))

    def interval(number: int, grids: tuple[Array, Array], axis: int) -> tuple[float, float, float]:
        scans = zip(grids, (coarse, fine), strict=True)
        within = [grid[table.min(axis=axis) <= least + 1] for grid, table in scans]
        all_within = np.concatenate([*within, [best[number]]])
        return float(best[number]), float(all_within.min()), float(all_within.max())

    sides = XI < CRITICAL_LENGTH, XI >= CRITICAL_LENGTH
    below, above = (float(coarse[side].min()) for side in sides)
    below, above = (
        (min(below, least), above) if best[0] < CRITICAL_LENGTH else (below, min(above, least))
    )
    degrees = distance.size - 2
    return AvalancheFit(
        *interval(0, (XI, xi), 1), *interval(1, (P, p), 0),
        least, degrees, float(special.chdtrc(degrees, least)), below, above,
    )  # fmt: skip
