"""Purities, their correlations and magnetizations of cached ensembles, as tables with errors."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from inclusions import perturbation, statistics
from inclusions.basis import chain_states, spins
from inclusions.disorder import draw
from inclusions.eigen import Dense
from inclusions.hamiltonian import build
from inclusions.model import PARAMETERS, TUNED_BANDWIDTH, Model
from inclusions.observables import HISTOGRAM_EDGES, magnetizations, purities
from inclusions.statistics import Estimate, bootstrap, combine
from inclusions.tables import (
    SYSTEM,
    UNKNOWN,
    Ensembles,
    longest,
    magnitude,
    merged,
    name_of,
    number,
    seed_of,
)

MIDDLE = 2
"""Greatest distances whose mean is the purity in the middle: four sites of an even chain."""

FAR = 3
"""Distance from which a correlation counts as far: from there no bond is shared."""

SIGNIFICANT = 2.0
"""Standard errors from which a sign counts as known."""

ERGODIC = (1.0, 1.5)
"""Disorders W of the ergodic side, units of J."""


def _row(model: Model, data: xr.Dataset | None = None, **more: float) -> dict:
    size = {} if data is None else {"realizations": data.sizes["realization"]}
    return model.as_dict() | more | size


def _frame(rows: list[dict], *columns: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*PARAMETERS, *columns])


def _system(model: Model) -> tuple:
    return tuple(getattr(model, name) for name in SYSTEM)


# Eq. (5)


def reduced_densities(model: Model, states: np.ndarray) -> np.ndarray:
    """Density matrix of every spin in every state by partial trace, shape (k, L, 2, 2).

    `states`, shape (2^L n, k), on all configurations of chain and bubble, not only a sector's.
    """
    length, block = model.length, model.block
    densities = np.empty((states.shape[1], length, 2, 2))
    for site in range(length):
        # the spin, and all else: higher spins, lower spins and the bubble
        tensor = states.T.reshape(-1, 2 ** (length - 1 - site), 2, 2**site * block)
        densities[:, site] = np.einsum("kasb,katb->kst", tensor, tensor)
    return densities


def partial_traces(model: Model, count: int = 50, seed: int = 1) -> pd.DataFrame:
    """Purities of one sample by explicit partial trace and by Eq. (5), one row a state and site.

    `kind` is "eigenstate", or "superposition": of that eigenstate and one of the next sector of
    the same sample, with equal weights, in which S^z has no definite value.
    """
    sample = draw(model, seed, 0)
    full = []
    for magnetization in (model.magnetization, model.magnetization + 1):
        sector = Model(**(model.as_dict() | {"magnetization": magnetization}))
        hamiltonian = build(type(sample)(sector, sample.fields, sample.bubble))
        pairs = Dense()(hamiltonian, min(count, sector.dimension))
        place = chain_states(sector.length, sector.up)[:, None] * sector.block
        states = np.zeros((2**sector.length * sector.block, pairs.energies.size))
        states[(place + np.arange(sector.block)).ravel()] = pairs.states
        full.append((states, magnetizations(hamiltonian, pairs)))
    (first, spin), (second, other) = full
    k = min(first.shape[1], second.shape[1])
    rows = []
    for kind, states, magnetization in (
        ("eigenstate", first, spin),
        ("superposition", (first[:, :k] + second[:, :k]) / np.sqrt(2), (spin[:k] + other[:k]) / 2),
    ):
        densities = reduced_densities(model, states)
        traced = np.square(densities).sum(axis=(2, 3))
        for state, site in np.ndindex(traced.shape):
            rows.append(
                {
                    "kind": kind,
                    "state": state,
                    "site": site,
                    "partial_trace": traced[state, site],
                    "formula": purities(magnetization[state, site]),
                    "off_diagonal": abs(densities[state, site, 0, 1]),
                }
            )
    return pd.DataFrame(rows)


def partial_trace_texts(table: pd.DataFrame) -> dict[str, str]:
    """Largest deviation of Eq. (5) from the partial trace, with and without a definite S^z."""
    deviation = (table.partial_trace - table.formula).abs().groupby(table.kind).max()
    eigenstates = table[table.kind == "eigenstate"]
    worst = deviation["eigenstate"]
    return {
        "traced": len(eigenstates),
        "deviation": magnitude(worst),
        "off_diagonal": magnitude(eigenstates.off_diagonal.max()),
        "superposed": f"{deviation['superposition']:.2f}",
        "formula_verdict": "holds" if worst < 1e-12 else "does not hold",
    }


# Mean purities


def _profile(model: Model, data: xr.Dataset) -> Estimate:
    return statistics.purity_by_distance(
        data.linear_entropy.values, counts=data.states.values, seed=seed_of(model)
    )


def _level(model: Model, data: xr.Dataset, sites: str) -> Estimate:
    """One purity for an isolated chain: the mean over its middle sites, or over all."""
    if sites == "all" or model.boundary == "periodic":
        weights = np.full(model.length, 1 / model.length)
    else:
        weights = middle_weights(model.length)
    entropy = data.linear_entropy.values @ weights
    return bootstrap(lambda m: 1 - m, entropy, counts=data.states.values, seed=seed_of(model))


def middle_weights(length: int) -> np.ndarray:
    """Equal weights on the sites at the two greatest distances from the ends, shape (L,)."""
    site = np.arange(length)
    distance = np.minimum(site, length - 1 - site)
    chosen = distance >= distance.max() - MIDDLE + 1
    return chosen / chosen.sum()


def mean_purities(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean purity at every distance from the bubble, or from the nearer end."""
    rows = []
    for model, data in merged(*ensembles).items():
        profile = _profile(model, data)
        rows += [
            _row(model, data, distance=i, purity=float(value), error=float(error))
            for i, (value, error) in enumerate(zip(profile.value, profile.error, strict=True))
        ]
    return _frame(rows, "distance", "purity", "error", "realizations")


def isolated_purities(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma_XXZ of every isolated chain, in its middle and over all sites, with its error."""
    rows = []
    for model, data in merged(*ensembles).items():
        if model.bubble:
            continue
        for sites in ("middle", "all"):
            level = _level(model, data, sites)
            rows.append(
                _row(model, data, sites=sites, purity=float(level.value), error=float(level.error))
            )
    return _frame(rows, "sites", "purity", "error", "realizations")


# The ergodic side, and the limit of strong disorder


def scatter(entropy: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The part of gamma - 1/2 that differs from state to state, same shape.

    <S^z> of a realization's states is taken as Gaussian, mean m and variance s^2. Then
    gamma - 1/2 has mean 2 (m^2 + s^2) and variance 8 s^2 (s^2 + 2 m^2), and this is 2 s^2: what
    random-matrix theory speaks of. m is what the window of energies has in common.
    With 50 states it comes out within 5 % for m >= s, and 30 % too small for m = 0.
    """
    whole = 0.5 - entropy
    return whole - np.sqrt(np.clip(whole**2 - variance / 2, 0, None))


def ergodic(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma - 1/2 on the ergodic side, mean over all sites, and the part scattered over states.

    `random` is 1/(d + 2), the exact mean for random vectors of the sector's dimension d.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        if model.disorder not in ERGODIC or model.bubble not in (0, 4):
            continue
        whole, part = _excess(model, data), _scatter(model, data)
        rows.append(
            _row(
                model, data, dimension=model.dimension,
                excess=float(whole.value), error=float(whole.error),
                scatter=float(part.value), scatter_error=float(part.error),
                random=1 / (model.dimension + 2),
            )
        )  # fmt: skip
    names = ("excess", "error", "scatter", "scatter_error", "random", "realizations")
    return _frame(rows, "dimension", *names)


def _excess(model: Model, data: xr.Dataset) -> Estimate:
    values = 0.5 - data.linear_entropy.values.astype(float).mean(axis=1)
    return statistics.mean(values, counts=data.states.values, seed=seed_of(model))


def _scatter(model: Model, data: xr.Dataset) -> Estimate:
    entropy = data.linear_entropy.values.astype(float)
    values = scatter(entropy, data.linear_entropy_variance.values.astype(float)).mean(axis=1)
    return statistics.mean(values, counts=data.states.values, seed=seed_of(model))


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """a of (gamma - 1/2) ~ d^-a for each system and disorder of `ergodic`, whole and scatter.

    `exponent` is the fit over all lengths (three at least) with chi2, `last` that of the two
    largest alone.
    """
    rows = []
    for key, curve in table.groupby([*SYSTEM, "disorder"], dropna=False):
        curve = curve.sort_values("dimension")
        if len(curve) < 2:
            continue
        for part, error in (("excess", "error"), ("scatter", "scatter_error")):
            d, y, s = (curve[name].to_numpy(float) for name in ("dimension", part, error))
            step = np.log(d[-1] / d[-2])
            fit = statistics.fit_power_law(d, y, s) if len(curve) > 2 and s.min() > 0 else None
            rows.append(
                dict(zip([*SYSTEM, "disorder"], key, strict=True))
                | {
                    "part": part,
                    "lengths": ", ".join(str(n) for n in curve.length),
                    "exponent": fit.values["exponent"] if fit else np.nan,
                    "error": fit.errors["exponent"] if fit else np.nan,
                    "chi2": fit.chi2 if fit else np.nan,
                    "degrees": fit.degrees if fit else 0,
                    "p_value": fit.p_value if fit else np.nan,
                    "last": -np.log(y[-1] / y[-2]) / step,
                    "last_error": np.hypot(*(s[-2:] / y[-2:])) / step,
                }
            )
    columns = ["part", "lengths", "exponent", "error", "chi2", "degrees", "p_value"]
    return pd.DataFrame(rows, columns=[*SYSTEM, "disorder", *columns, "last", "last_error"])


def readable_exponents(table: pd.DataFrame) -> pd.DataFrame:
    """Exponents as the page shows them."""
    return pd.DataFrame(
        {
            "system": name_of(row.bubble, row.boundary),
            "$W~(J)$": f"{row.disorder:g}",
            "$L$": row.lengths,
            "part": {"excess": "whole", "scatter": "scatter"}[row.part],
            "$a$, all sizes": number(row.exponent, row.error),
            r"$\chi^2/\mathrm{dof}$": _chi2(row.chi2, row.degrees),
            "$p$": _probability(row.p_value),
            "$a$, two largest": number(row.last, row.last_error),
        }
        for row in table.itertuples()
    )


def exponent_texts(table: pd.DataFrame) -> dict[str, str]:
    """What the exponents of the two largest sizes say about 1 and 1/2, as parts of sentences."""
    texts = {}
    for part in ("excess", "scatter"):
        rows = table[(table.part == part) & table["last"].notna()]
        if rows.empty:
            texts |= {f"{part}_exponents": UNKNOWN, f"{part}_verdict": f"is {UNKNOWN}"}
            continue
        low, high = rows.loc[rows["last"].idxmin()], rows.loc[rows["last"].idxmax()]
        texts[f"{part}_exponents"] = (
            f"{number(low['last'], low.last_error)} … {number(high['last'], high.last_error)}"
        )
        able = {name: _compatible(rows, value) for name, value in (("1", 1.0), ("1/2", 0.5))}
        texts[f"{part}_verdict"] = "agrees with " + " and ".join(
            f"{name} in {count} of {len(rows)} cases" for name, count in able.items()
        )
    scattered = table[(table.part == "scatter") & table["last"].notna()]
    above = int((scattered["last"] - 0.5 > SIGNIFICANT * scattered.last_error).sum())
    texts["above_half"] = f"{above} of {len(scattered)}" if len(scattered) else UNKNOWN
    fitted = table[table.exponent.notna()]
    texts["steeper"] = _share(fitted["last"] > fitted.exponent)
    texts["poor_fits"] = _share(fitted.p_value < 0.05)
    return texts


def _compatible(rows: pd.DataFrame, value: float) -> int:
    return int(((rows["last"] - value).abs() <= SIGNIFICANT * rows.last_error).sum())


def losses(*ensembles: Ensembles) -> pd.DataFrame:
    """1 - gamma in the middle of the chain, or far from the bubble, of every ensemble.

    `resonant` is its limit for strong disorder, pi L / 4 W (L - 1): two bonds, flippable with
    probability L / 2 (L - 1), each of which loses 1/(1 + (h_{i+1} - h_i)^2) of <sigma^z>^2.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        level = _level(model, data, "middle")
        length, w = model.length, model.disorder
        resonant = np.pi * length / (4 * w * (length - 1)) if w > 0 else np.nan
        loss = {"loss": 1 - float(level.value), "error": float(level.error), "resonant": resonant}
        rows.append(_row(model, data, **loss))
    return _frame(rows, "loss", "error", "resonant", "realizations")


def loss_texts(table: pd.DataFrame, least: float = 15.0) -> dict[str, str]:
    """How the loss of purity falls with W beyond `least`, and whether it depends on volume."""
    strong = table[table.disorder >= least]
    texts = {"strong_w": f"{least:g}", "loss_exponent": UNKNOWN, "loss_chi2": UNKNOWN}
    texts |= {"loss_volume": UNKNOWN, "largest_loss": UNKNOWN, "loss_ratio": UNKNOWN}
    if strong.disorder.nunique() >= 3:
        fit = statistics.fit_power_law(strong.disorder, strong.loss, strong.error)
        texts["loss_exponent"] = number(fit.values["exponent"], fit.errors["exponent"])
        texts["loss_chi2"] = f"{fit.chi2:.1f} for {fit.degrees}"
    if len(strong):
        last = strong[strong.disorder == strong.disorder.max()]
        chi2, degrees = _spread(last.loss, last.error)
        p = stats.chi2.sf(chi2, degrees) if degrees else np.nan
        texts["largest_loss"] = f"{last.disorder.iloc[0]:g}"
        ratio = last.loss / last.resonant
        weights = (last.resonant / last.error) ** 2
        mean = np.average(ratio, weights=weights)
        texts["loss_ratio"] = number(mean, 1 / np.sqrt(weights.sum()))
        if degrees:
            texts["loss_volume"] = (
                f"{'agree' if p > 0.05 else 'differ'} (χ² = {chi2:.1f} for {degrees} degrees of "
                "freedom)"
            )
    return texts


def _spread(values: pd.Series, errors: pd.Series) -> tuple[float, int]:
    """chi2 of independent values about their weighted mean, and its degrees of freedom."""
    weights = 1 / errors**2
    mean = (weights * values).sum() / weights.sum()
    return float((weights * (values - mean) ** 2).sum()), len(values) - 1


# Fig. 4: purity at a fixed distance


def trends(*ensembles: Ensembles, distances: tuple[int, ...] = (3, 5)) -> pd.DataFrame:
    """Slope of gamma_i over L at fixed distance, weighted line through two lengths or more."""
    table = mean_purities(*ensembles)
    rows = []
    for distance in distances:
        chosen = table[(table.distance == distance) & (table.length >= 2 * distance + 2)]
        for key, curve in chosen.groupby([*SYSTEM, "disorder"], dropna=False):
            if curve.length.nunique() < 2:
                continue
            slope, error, chi2 = _line(curve.length, curve.purity, curve.error)
            rows.append(
                dict(zip([*SYSTEM, "disorder"], key, strict=True))
                | {"distance": distance, "lengths": ", ".join(str(n) for n in curve.length)}
                | {"slope": slope, "error": error, "chi2": chi2, "degrees": len(curve) - 2}
            )
    columns = ["distance", "lengths", "slope", "error", "chi2", "degrees"]
    return pd.DataFrame(rows, columns=[*SYSTEM, "disorder", *columns])


def _line(x: pd.Series, y: pd.Series, error: pd.Series) -> tuple[float, float, float]:
    """Slope of the weighted line through independent points, its error, and chi2."""
    x, y, error = (np.asarray(a, float) for a in (x, y, error))
    coefficients, covariance = np.polyfit(x, y, 1, w=1 / error, cov="unscaled")
    chi2 = np.sum(((y - np.polyval(coefficients, x)) / error) ** 2)
    return float(coefficients[0]), float(np.sqrt(covariance[0, 0])), float(chi2)


def sign(value: float, error: float) -> str:
    """ "grows", "falls" or "not decidable" by whether the sign of a slope is known."""
    if not np.isfinite(value) or abs(value) <= SIGNIFICANT * error:
        return "not decidable"
    return "grows" if value > 0 else "falls"


def readable_trends(table: pd.DataFrame, least: float = 4.0) -> pd.DataFrame:
    """Slopes as the page shows them, from a least disorder on."""
    return pd.DataFrame(
        {
            "system": name_of(row.bubble, row.boundary),
            "$i$": row.distance,
            "$W~(J)$": f"{row.disorder:g}",
            "$L$": row.lengths,
            r"$\mathrm{d}\gamma_i/\mathrm{d}L$ ($10^{-3}$)": number(
                1e3 * row.slope, 1e3 * row.error
            ),
            "with $L$, $\\gamma_i$": sign(row.slope, row.error),
        }
        for row in table[table.disorder >= least].itertuples()
    )


def trend_texts(table: pd.DataFrame, least: float = 5.2) -> dict[str, str]:
    """In how many systems and disorders gamma_i grows, falls, or neither, from `least` on."""
    texts = {}
    for name, chosen in (
        ("bubble", table[table.bubble > 0]), ("chain", table[table.bubble == 0])
    ):  # fmt: skip
        strong = chosen[chosen.disorder >= least]
        verdicts = [sign(row.slope, row.error) for row in strong.itertuples()]
        counts = {v: verdicts.count(v) for v in ("grows", "falls", "not decidable")}
        texts[f"{name}_trends"] = UNKNOWN if not verdicts else ", ".join(
            f"{count} {'undecided' if v == 'not decidable' else v}" for v, count in counts.items()
        )  # fmt: skip
    return texts


# Fig. 8: size of the bubble


def bubble_sizes(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean purities by distance, of the length for which most sizes of the bubble are there.

    Bandwidths other than the tuned ones are left out. The isolated open chain of that length has
    bubble 0 and one row, at distance -1: its middle.
    """
    found = {
        model: data
        for model, data in merged(*ensembles).items()
        if model.bubble == 0 or model == Model(model.length, model.disorder, bubble=model.bubble)
    }
    sizes: dict[int, set[int]] = {}
    for model in found:
        sizes.setdefault(model.length, set()).update({model.bubble} - {0})
    if not any(sizes.values()):
        return _frame([], "distance", "purity", "error", "realizations")
    length = max(sizes, key=lambda n: (len(sizes[n]), n))
    rows = []
    for model, data in found.items():
        if model.length != length or model.boundary == "periodic":
            continue
        if model.bubble == 0:
            level = _level(model, data, "middle")
            values, errors, first = [level.value], [level.error], -1
        else:
            profile = _profile(model, data)
            values, errors, first = profile.value, profile.error, 0
        rows += [
            _row(model, data, distance=first + i, purity=float(v), error=float(e))
            for i, (v, e) in enumerate(zip(values, errors, strict=True))
        ]
    return _frame(rows, "distance", "purity", "error", "realizations")


def bubble_trends(table: pd.DataFrame) -> pd.DataFrame:
    """Slope of gamma_i over ln n_GOE for n_GOE >= 3 at each disorder and distance."""
    rows = []
    grown = table[table.bubble >= min(TUNED_BANDWIDTH)]
    for (disorder, distance), curve in grown.groupby(["disorder", "distance"]):
        if len(curve) < 3:
            continue
        slope, error, chi2 = _line(np.log(curve.bubble), curve.purity, curve.error)
        rows.append(
            {"disorder": disorder, "distance": distance, "slope": slope, "error": error}
            | {"chi2": chi2, "degrees": len(curve) - 2, "verdict": sign(slope, error)}
        )
    columns = ["disorder", "distance", "slope", "error", "chi2", "degrees", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def readable_bubble_trends(table: pd.DataFrame) -> pd.DataFrame:
    """One row a disorder, one column a distance: the slopes."""
    rows = []
    for disorder, part in table.groupby("disorder"):
        row = {"$W~(J)$": f"{disorder:g}"}
        for one in part.itertuples():
            row[f"$i = {one.distance}$"] = number(1e3 * one.slope, 1e3 * one.error)
        rows.append(row)
    return pd.DataFrame(rows)


def bubble_texts(table: pd.DataFrame, trends: pd.DataFrame) -> dict[str, str]:
    """Length of the chains of Fig. 8, and how many slopes fall with the size of the bubble."""
    length = f"{table.length.iloc[0]}" if len(table) else UNKNOWN
    verdicts = list(trends.verdict)
    return {
        "bubbles_length": length,
        "bubble_slopes": len(verdicts),
        "bubble_falling": verdicts.count("falls"),
        "bubble_growing": verdicts.count("grows"),
        "bubble_undecided": verdicts.count("not decidable"),
    }


# Fig. 9: difference from the isolated chain


def _pairs(
    probes: dict[Model, xr.Dataset], references: dict[Model, xr.Dataset]
) -> Iterator[tuple[Model, Model]]:
    """Each system with the isolated chain two sites longer, at the same disorder."""
    isolated = {
        (model.length - 2, model.disorder): model for model in references if not model.bubble
    }
    for model in probes:
        if (partner := isolated.get((model.length, model.disorder))) is not None:
            yield model, partner


def _difference(
    model: Model, data: xr.Dataset, partner: Model, reference: xr.Dataset, sites: str
) -> Estimate:
    return combine(np.subtract, _level(partner, reference, sites), _profile(model, data))


def differences(
    probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...], sites: str = "middle"
) -> pd.DataFrame:
    """gamma_XXZ - gamma_i at each distance; gamma_XXZ of the chain of L + 2."""
    first, second = merged(*probes), merged(*references)
    rows = []
    for model, partner in _pairs(first, second):
        found = _difference(model, first[model], partner, second[partner], sites)
        rows += [
            _row(model, first[model], distance=i, difference=float(v), error=float(e))
            for i, (v, e) in enumerate(zip(found.value, found.error, strict=True))
        ]
    return _frame(rows, "distance", "difference", "error", "realizations")


def plateaus(
    probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...], sites: str = "middle"
) -> pd.DataFrame:
    """Fits of gamma_0 + A e^(-i/xi) to gamma_XXZ - gamma_i over four distances or more.

    The covariance of the points is that of the resamples. `chi2_zero`, `degrees_zero` and
    `p_zero` are of the fit with gamma_0 held at 0; `p_plateau` is the probability of the drop of
    chi2 if gamma_0 is 0. `relative` is gamma_0 over gamma_XXZ. `valid` as in `statistics.Fit`.
    """
    first, second = merged(*probes), merged(*references)
    rows = []
    for model, partner in _pairs(first, second):
        found = _difference(model, first[model], partner, second[partner], sites)
        if len(found.value) < 4:
            continue
        distance = np.arange(len(found.value))
        try:
            free = statistics.fit_plateau(distance, found.value, found.covariance)
            zero = statistics.fit_plateau(distance, found.value, found.covariance, fixed=0)
        except ValueError:  # too few realizations for a covariance
            continue
        level = float(_level(partner, second[partner], sites).value)
        rows.append(
            _row(
                model, first[model],
                plateau=free.values["plateau"], error=free.errors["plateau"],
                amplitude=free.values["amplitude"], amplitude_error=free.errors["amplitude"],
                decay=free.values["length"], decay_error=free.errors["length"],
                chi2=free.chi2, degrees=free.degrees, p_value=free.p_value, valid=free.valid,
                chi2_zero=zero.chi2, degrees_zero=zero.degrees, p_zero=zero.p_value,
                valid_zero=zero.valid,
                p_plateau=float(stats.chi2.sf(max(zero.chi2 - free.chi2, 0.0), 1)),
                relative=free.values["plateau"] / level,
                relative_error=free.errors["plateau"] / level,
            )
        )  # fmt: skip
    return _frame(
        rows, "plateau", "error", "amplitude", "amplitude_error", "decay", "decay_error", "chi2",
        "degrees", "p_value", "valid", "chi2_zero", "degrees_zero", "p_zero", "valid_zero",
        "p_plateau", "relative", "relative_error", "realizations",
    )  # fmt: skip


def readable_plateaus(table: pd.DataFrame, least: float = 4.0) -> pd.DataFrame:
    """Fits as the page shows them, from a least disorder on."""
    return pd.DataFrame(
        {
            "$W~(J)$": f"{row.disorder:g}",
            "$L$": row.length,
            r"$\gamma_0$": number(row.plateau, row.error) if row.valid else "–",
            r"$\gamma_0/\gamma_\mathrm{XXZ}$ (%)": (
                number(100 * row.relative, 100 * row.relative_error) if row.valid else "–"
            ),
            r"$\xi$": number(row.decay, row.decay_error) if row.valid else "–",
            r"$\chi^2/\mathrm{dof}$": _chi2(row.chi2, row.degrees),
            "$p$": _probability(row.p_value),
            r"$\gamma_0 = 0$: $\chi^2/\mathrm{dof}$": _chi2(row.chi2_zero, row.degrees_zero),
            r"$p$ of $\gamma_0 = 0$": _probability(row.p_plateau),
        }
        for row in table[table.disorder >= least].sort_values(["disorder", "length"]).itertuples()
    )


def plateau_texts(table: pd.DataFrame) -> dict[str, str]:
    """gamma_0 at W = 5.2 for the longest chain, and what is known of it from W = 7 on."""
    row = _at_five_percent(table)
    texts = {
        "plateau_52": UNKNOWN, "plateau_relative_52": UNKNOWN, "plateau_length": UNKNOWN,
        "plateau_verdict": "is not known",
    }  # fmt: skip
    if row is not None:
        texts["plateau_52"] = number(row.plateau, row.error)
        texts["plateau_relative_52"] = f"{number(100 * row.relative, 100 * row.relative_error)} %"
        texts["plateau_length"] = str(row.length)
        five = abs(row.relative - 0.05) <= SIGNIFICANT * row.relative_error
        zero = abs(row.plateau) <= SIGNIFICANT * row.error
        texts["plateau_verdict"] = {
            (True, True): "agrees with 5 % and with 0 alike, so it is not decidable here",
            (True, False): "agrees with 5 % and differs from 0",
            (False, True): "does not agree with 5 % but with 0",
            (False, False): "agrees neither with 5 % nor with 0",
        }[five, zero]
    fitted = table[table.valid.astype(bool)]
    texts["strong_plateaus"] = _share(_zero(fitted[fitted.disorder >= 7]))
    texts["weak_plateaus"] = _share(~_zero(fitted[fitted.disorder.between(4.0, 6.0)]))
    texts["failed_plateaus"] = _share(~table.valid.astype(bool))
    return texts


def _at_five_percent(table: pd.DataFrame) -> pd.Series | None:
    """The fit of the longest chain at W = 5.2 that has one."""
    rows = table[table.valid.astype(bool) & (table.disorder == 5.2)]
    return rows.loc[rows.length.idxmax()] if len(rows) else None


def _zero(fits: pd.DataFrame) -> pd.Series:
    return fits.plateau.abs() <= SIGNIFICANT * fits.error


def _share(chosen: pd.Series) -> str:
    return f"{int(chosen.sum())} of {len(chosen)}" if len(chosen) else UNKNOWN


def readable_references(**tables: pd.DataFrame) -> pd.DataFrame:
    """Plateaus against several purities of the isolated chain, by their names."""
    rows = []
    for name, table in tables.items():
        row, fitted = _at_five_percent(table), table[table.valid.astype(bool)]
        known = row is not None
        rows.append(
            {
                r"$\overline{\gamma}_\mathrm{XXZ}$ from": name.replace("_", " "),
                "$L$": row.length if known else "–",
                r"$\gamma_0$ at $W = 5.2$": number(row.plateau, row.error) if known else "–",
                "in %": number(100 * row.relative, 100 * row.relative_error) if known else "–",
                r"not 0, $4 \leq W \leq 6$": _share(~_zero(fitted[fitted.disorder.between(4, 6)])),
                r"not 0, $W \geq 7$": _share(~_zero(fitted[fitted.disorder >= 7])),
            }
        )
    return pd.DataFrame(rows)


# How much of the difference is ring closure


def shifts(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma_XXZ(open, L + 2) minus the purity farthest from the bubble, and what stands for it.

    `system` is "bubble"; "edges", the bubble against the mean over all sites of the open chain;
    "trivial", the ring closed by a bubble of one state; "ring", the periodic chain of L + 2;
    "short", the isolated chain of L itself.
    """
    found = merged(*ensembles)
    rows = []
    for model, data in found.items():
        if model.bubble not in (0, 1, 4):
            continue
        periodic = model.boundary == "periodic"
        length = model.length if periodic else model.length + 2
        partner = Model(length, model.disorder)
        if partner not in found:
            continue
        far = _level(model, data, "middle")
        if model.bubble:
            names = ["bubble", "edges"] if model.bubble == 4 else ["trivial"]
        else:
            names = ["ring" if periodic else "short"]
        for name in names:
            reference = _level(partner, found[partner], "all" if name == "edges" else "middle")
            shift = combine(np.subtract, reference, far)
            rows.append(
                {"system": name, "length": length - 2, "disorder": model.disorder}
                | {"shift": float(shift.value), "error": float(shift.error)}
                | {"far": float(far.value), "far_error": float(far.error)}
                | {"realizations": data.sizes["realization"]}
            )
    columns = ["system", "length", "disorder", "shift", "error", "far", "far_error", "realizations"]
    return pd.DataFrame(rows, columns=columns)


NAMES = {
    "bubble": "bubble, $n = 4$",
    "edges": "bubble, against all sites",
    "trivial": "trivial bubble, $n = 1$",
    "ring": "periodic chain",
    "short": "open chain of $L$",
}
"""Systems of `shifts` as figures and tables call them."""


def readable_shifts(table: pd.DataFrame, disorders=(4.4, 5.2, 6.0, 8.0)) -> pd.DataFrame:
    """Shifts in 10^-3: one row a system and length, one column a disorder."""
    rows = []
    for system in NAMES:
        for length, part in table[table.system == system].groupby("length"):
            row = {"system": NAMES[system], "$L$": length}
            for w in disorders:
                one = part[part.disorder == w]
                row[f"$W = {w:g}$"] = (
                    number(1e3 * one["shift"].iloc[0], 1e3 * one.error.iloc[0]) if len(one) else "–"
                )
            rows.append(row)
    return pd.DataFrame(rows)


def shift_texts(table: pd.DataFrame) -> dict[str, str]:
    """Mean shift over 4 <= W <= 6 of each system in 10^-3, for the longest chain with a bubble.

    What the bubble does beyond the periodic chain needs no isolated open one.
    """
    middle = table[table.disorder.between(4.0, 6.0)]
    # a length counts once it has two disorders
    counts = middle[middle.system == "bubble"].groupby("length").disorder.nunique()
    length = counts[counts > 1].index.max() if (counts > 1).any() else counts.index.max()
    texts = {"shift_length": str(length) if len(counts) else UNKNOWN}
    chosen = {
        system: middle[(middle.system == system) & (middle.length == length)].set_index("disorder")
        for system in NAMES
    }
    for system, part in chosen.items():
        error = np.sqrt((part.error**2).sum()) / max(len(part), 1)
        texts[f"shift_{system}"] = (
            number(1e3 * part["shift"].mean(), 1e3 * error) if len(part) else UNKNOWN
        )
    both = chosen["bubble"].join(chosen["ring"], lsuffix="_bubble", rsuffix="_ring", how="inner")
    if both.empty:
        texts["shift_rest"] = UNKNOWN
        texts["shift_verdict"] = "cannot be told before both are computed"
        return texts
    value = (both.far_ring - both.far_bubble).mean()
    error = np.sqrt((both.far_error_ring**2 + both.far_error_bubble**2).sum()) / len(both)
    texts["shift_rest"] = number(1e3 * value, 1e3 * error)
    texts["shift_verdict"] = (
        "the bubble does more than close the ring"
        if value > SIGNIFICANT * error
        else "closing the ring explains the shift within its error"
        if abs(value) <= SIGNIFICANT * error
        else "closing the ring alone does more than the bubble"
    )
    return texts


def reach_texts(table: pd.DataFrame) -> dict[str, str]:
    """At which W >= 4 of `shifts` the longest chain's middle is less pure than the isolated one's.

    By two standard errors; the longest chain is that of the most disorders.
    """
    rows = table[(table.system == "bubble") & (table.disorder >= 4.0)].sort_values("disorder")
    if rows.empty:
        return dict.fromkeys(("reach_length", "reach_beyond", "reach_within"), UNKNOWN)
    length = longest(rows)
    rows = rows[rows.length == length]
    seen = rows["shift"] > SIGNIFICANT * rows.error
    lists = {"beyond": rows.disorder[seen], "within": rows.disorder[~seen]}
    return {"reach_length": str(length)} | {
        f"reach_{name}": ", ".join(f"{w:g}" for w in values) or "none"
        for name, values in lists.items()
    }


# Fig. 7: magnetization


def histograms(*ensembles: Ensembles) -> pd.DataFrame:
    """Density of 2<S^z> by distance, with its error from resampling batches of realizations."""
    centres = (HISTOGRAM_EDGES[1:] + HISTOGRAM_EDGES[:-1]) / 2
    rows = []
    for model, data in merged(*ensembles).items():
        density = _density(model, data)
        for distance in range(density.value.shape[0]):
            rows += [
                _row(
                    model, data, distance=distance, spin=centre,
                    density=float(value), error=float(error),
                )
                for centre, value, error in zip(
                    centres, density.value[distance], density.error[distance], strict=True
                )
            ]  # fmt: skip
    return _frame(rows, "distance", "spin", "density", "error", "realizations")


def _density(model: Model, data: xr.Dataset) -> Estimate:
    """Density at each distance, shape (distances, bins); batches weigh by their states."""
    counts = data.magnetization_histogram.values.astype(float)
    if len(counts) < 2:  # a single batch tells no error
        counts = np.repeat(counts, 2, axis=0)
    width = HISTOGRAM_EDGES[1] - HISTOGRAM_EDGES[0]
    return bootstrap(
        lambda m: m / m.sum(axis=-1, keepdims=True) / width, counts, seed=seed_of(model)
    )


def weights(*ensembles: Ensembles, edge: float = 0.9, centre: float = 0.5) -> pd.DataFrame:
    """Share of |2<S^z>| beyond `edge` and within `centre`, in the middle, bubble against L + 2."""
    found = merged(*ensembles)
    probes = {m: d for m, d in found.items() if m.bubble == 4}
    chains = {m: d for m, d in found.items() if m.boundary == "open" and not m.bubble}
    rows = []
    for model, partner in _pairs(probes, chains):
        pair = [_shares(one, found[one], edge, centre) for one in (model, partner)]
        change = combine(np.subtract, *pair)
        rows.append(
            _row(
                model, found[model],
                edge=float(pair[0].value[0]), edge_isolated=float(pair[1].value[0]),
                edge_change=float(change.value[0]), edge_error=float(change.error[0]),
                centre=float(pair[0].value[1]), centre_isolated=float(pair[1].value[1]),
                centre_change=float(change.value[1]), centre_error=float(change.error[1]),
            )
        )  # fmt: skip
    return _frame(
        rows, "edge", "edge_isolated", "edge_change", "edge_error", "centre", "centre_isolated",
        "centre_change", "centre_error", "realizations",
    )  # fmt: skip


def _shares(model: Model, data: xr.Dataset, edge: float, centre: float) -> Estimate:
    density = _density(model, data)
    middle = (HISTOGRAM_EDGES[1:] + HISTOGRAM_EDGES[:-1]) / 2
    chosen = np.stack([np.abs(middle) > edge, np.abs(middle) < centre], axis=-1)
    width = HISTOGRAM_EDGES[1] - HISTOGRAM_EDGES[0]
    return combine(lambda d: d[..., -MIDDLE:, :].mean(axis=-2) @ chosen * width, density)


def readable_weights(table: pd.DataFrame, disorders=(1.0, 2.0, 4.0, 6.0, 8.0)) -> pd.DataFrame:
    """Shares in percent, of the longest chain at each disorder."""
    chosen = table[table.disorder.isin(disorders)]
    rows = chosen.loc[chosen.groupby("disorder").length.idxmax()] if len(chosen) else chosen
    return pd.DataFrame(
        {
            "$W~(J)$": f"{row.disorder:g}",
            "$L$": row.length,
            "edge, isolated (%)": f"{100 * row.edge_isolated:.1f}",
            "bubble's change (%)": number(100 * row.edge_change, 100 * row.edge_error),
            "centre, isolated (%)": f"{100 * row.centre_isolated:.1f}",
            "its change (%)": number(100 * row.centre_change, 100 * row.centre_error),
        }
        for row in rows.itertuples()
    )


def weight_texts(table: pd.DataFrame, disorder: float = 4.0) -> dict[str, str]:
    """Whether the edges lose weight to the centre at the paper's disorder, longest chain."""
    at = table[table.disorder == disorder]
    if at.empty:
        return {"weight_verdict": f"is {UNKNOWN}", "edge_change": UNKNOWN, "centre_change": UNKNOWN}
    row = at.loc[at.length.idxmax()]
    lost = -row.edge_change > SIGNIFICANT * row.edge_error
    gained = row.centre_change > SIGNIFICANT * row.centre_error
    verdict = "is seen" if lost and gained else (
        "is half seen: one of the two changes is within its error" if lost or gained
        else "is not seen: both changes are within their errors or go the other way"
    )  # fmt: skip
    return {
        "weight_verdict": verdict,
        "edge_change": f"{number(100 * row.edge_change, 100 * row.edge_error)} %",
        "centre_change": f"{number(100 * row.centre_change, 100 * row.centre_error)} %",
    }


# Fig. 5: correlations of purities


def _correlation(model: Model, data: xr.Dataset) -> Estimate:
    """C(r) of Eq. (7), shape (L,): raw moments in float64 from means and covariances."""
    mean = data.linear_entropy.values.astype(float)
    squared = data.linear_entropy_variance.values + mean**2
    product = data.linear_entropy_covariance.values + mean[:, [0, -1], None] * mean[:, None, :]
    return statistics.purity_correlation(
        mean, squared, product, counts=data.states.values, seed=seed_of(model)
    )


def correlations(*ensembles: Ensembles) -> pd.DataFrame:
    """C(r) for r = 0 ... L/2 of each ensemble."""
    rows = []
    for model, data in merged(*ensembles).items():
        found = _correlation(model, data)
        rows += [
            _row(
                model, data, distance=r,
                correlation=float(found.value[r]), error=float(found.error[r]),
            )
            for r in range(model.length // 2 + 1)
        ]  # fmt: skip
    return _frame(rows, "distance", "correlation", "error", "realizations")


def _far(length: int) -> slice:
    """Distances that count as far, up to half the chain."""
    return slice(min(FAR, length // 2), length // 2 + 1)


def _conserved(model: Model) -> float:
    """What S^z conservation alone leaves of C(r), nan where the formula does not hold."""
    if model.length < 5 or model.disorder == 0:
        return np.nan
    return float(perturbation.averaged_tail(model.length, model.disorder))


def tails(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean of C(r) over r = 3 ... L/2 of each ensemble.

    `conserved` is what S^z conservation alone leaves, `perturbation.averaged_tail`.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        tail = combine(lambda c, n=model.length: c[:, _far(n)].mean(1), _correlation(model, data))
        rows.append(
            _row(
                model, data, tail=float(tail.value), error=float(tail.error),
                conserved=_conserved(model),
            )
        )  # fmt: skip
    return _frame(rows, "tail", "error", "conserved", "realizations")


def enhancements(probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...]) -> pd.DataFrame:
    """C(r) of a system minus that of the isolated chain of L + 2, mean over r = 3 ... L/2.

    `conserved` is how much of it S^z conservation gives to the shorter chain.
    """
    first, second = merged(*probes), merged(*references)
    rows = []
    for model, partner in _pairs(first, second):
        far = _far(model.length)
        pair = _correlation(model, first[model]), _correlation(partner, second[partner])
        change = combine(lambda a, b, far=far: (a[:, far] - b[:, far]).mean(1), *pair)
        ends = [_conserved(one) for one in (model, partner)]
        rows.append(
            _row(
                model, first[model], reference=partner.boundary,
                enhancement=float(change.value), error=float(change.error),
                conserved=ends[0] - ends[1],
            )
        )  # fmt: skip
    return _frame(rows, "reference", "enhancement", "error", "conserved", "realizations")


def readable_enhancements(table: pd.DataFrame, disorders=(4.4, 5.2, 6.0, 8.0)) -> pd.DataFrame:
    """Enhancements in 10^-3: one row a system, length and reference, one column a disorder."""
    rows = []
    for (bubble, boundary, reference, length), part in table.groupby(
        ["bubble", "boundary", "reference", "length"]
    ):
        row = {"system": name_of(bubble, boundary), "against": f"{reference}, $L+2$", "$L$": length}
        for w in disorders:
            one = part[part.disorder == w]
            row[f"$W = {w:g}$"] = (
                number(1e3 * one.enhancement.iloc[0], 1e3 * one.error.iloc[0]) if len(one) else "–"
            )
        rows.append(row)
    return pd.DataFrame(rows)


def enhancement_texts(table: pd.DataFrame, disorders=(4.4, 5.2, 6.0, 8.0)) -> dict[str, str]:
    """At each of the paper's disorders whether the bubble enhances C(r), longest chain; growth."""
    texts = {}
    for w in disorders:
        key = f"{w:g}".replace(".", "")
        at = table[(table.disorder == w) & (table.bubble == 4)].sort_values("length")
        texts[f"enhanced_{key}"] = texts[f"grows_{key}"] = UNKNOWN
        if len(at):
            row = at.iloc[-1]
            texts[f"enhanced_{key}"] = (
                f"{'yes' if row.enhancement > SIGNIFICANT * row.error else 'not seen'}, "
                f"{number(row.enhancement, row.error)} at $L = {row.length}$"
            )
        if len(at) > 1:
            slope, error, _ = _line(at.length, at.enhancement, at.error)
            texts[f"grows_{key}"] = sign(slope, error)
    return texts


def readable_claim(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's reading of its Fig. 5 beside ours."""
    texts = enhancement_texts(table)
    paper = {4.4: "yes, growing with $L$", 5.2: "yes", 6.0: "to some extent", 8.0: "no"}
    return pd.DataFrame(
        {
            "$W~(J)$": f"{w:g}",
            "enhanced, paper": says,
            "enhanced, here": texts[f"enhanced_{w:g}".replace(".", "")],
            "with $L$, enhancement": texts[f"grows_{w:g}".replace(".", "")],
        }
        for w, says in paper.items()
    )


# The artefact of S^z conservation


def conserved_sample(
    length: int, disorder: float, realizations: int, states: int | None = None, seed: int = 1
) -> xr.Dataset:
    """Records of a chain in which only S^z conservation, and the window, correlate purities.

    Product states of the sector in random fields; of each realization the `states` closest to
    the middle of its classical energies, all if None. A flippable bond loses what it would if it
    were alone, 1/(1 + Delta^2) of <sigma^z>^2, Delta from `perturbation.detuning`. Fields of the
    open chain Model(length, disorder) under `seed`.
    """
    model = Model(length, disorder)
    configurations = 2 * spins(chain_states(length, model.up), length)
    flippable = configurations[:, 1:] != configurations[:, :-1]
    bonds = (configurations[:, 1:] * configurations[:, :-1]).sum(axis=1) / 4
    count = len(configurations) if states is None else min(states, len(configurations))
    first = np.empty((realizations, length))
    second, product = np.empty_like(first), np.empty((realizations, 2, length))
    for index in range(realizations):
        fields = draw(model, seed, index).fields
        energies = configurations @ fields / 2 + bonds
        middle = (energies.min() + energies.max()) / 2
        near = np.argpartition(np.abs(energies - middle), count - 1)[:count]
        delta = perturbation.detuning(fields, configurations[near], 0.5)
        loss = flippable[near] / (1 + delta**2)
        entropy = 0.5 * (np.pad(loss, ((0, 0), (0, 1))) + np.pad(loss, ((0, 0), (1, 0))))
        first[index] = entropy.mean(axis=0)
        deviation = entropy - first[index]
        second[index] = (deviation**2).mean(axis=0)
        product[index] = deviation[:, [0, -1]].T @ deviation / count
    return xr.Dataset(
        {
            "linear_entropy": (("realization", "site"), first),
            "linear_entropy_variance": (("realization", "site"), second),
            "linear_entropy_covariance": (("realization", "end", "site"), product),
            "states": ("realization", np.full(realizations, count)),
        }
    )


def _fixed_disorder(model: Model, data: xr.Dataset) -> Estimate:
    """Pearson coefficient over the states of one realization, far mean, averaged over them."""
    variance = data.linear_entropy_variance.values.astype(float)
    covariance = data.linear_entropy_covariance.values.astype(float)
    far = _far(model.length)
    ends = []
    for end, order in ((0, slice(None)), (1, slice(None, None, -1))):
        spread, joint = variance[:, order], covariance[:, end, order]
        with np.errstate(divide="ignore", invalid="ignore"):
            ends.append((joint / np.sqrt(spread[:, :1] * spread))[:, far])
    values = np.nanmean(np.concatenate(ends, axis=1), axis=1)
    return statistics.mean(values[np.isfinite(values)], seed=seed_of(model))


def conserved_tails(
    *ensembles: Ensembles, realizations: int = 1000, states: int = 50
) -> pd.DataFrame:
    """Far correlations of open chains with what conservation alone gives, two ways.

    `over` is "all": C(r) of Eq. (7), whose variances hold the disorder's own; or "fixed": over
    the states of one realization, then averaged. `measured` is of the ensemble, `sampled` of
    `conserved_sample` with as many states in the window, `whole` with all states of the sector,
    `formula` is `averaged_tail` or `pearson_tail`.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        if model.bubble or model.boundary == "periodic" or model.length < 2 * FAR:
            continue
        samples = {
            name: conserved_sample(model.length, model.disorder, realizations, count)
            for name, count in (("sampled", states), ("whole", None))
        }
        for over in ("all", "fixed"):
            row = {"over": over}
            for name, records in {"measured": data, **samples}.items():
                if over == "fixed":
                    found = _fixed_disorder(model, records)
                else:
                    far = _far(model.length)
                    found = combine(
                        lambda c, far=far: c[:, far].mean(1), _correlation(model, records)
                    )
                row |= {name: float(found.value), f"{name}_error": float(found.error)}
            row["formula"] = (
                perturbation.averaged_tail(model.length, model.disorder)
                if over == "all"
                else perturbation.pearson_tail(model.length)
            )
            rows.append(_row(model, data, **row))
    return _frame(
        rows, "over", "measured", "measured_error", "sampled", "sampled_error", "whole",
        "whole_error", "formula", "realizations",
    )  # fmt: skip


def readable_conserved(table: pd.DataFrame) -> pd.DataFrame:
    """Conserved tails in 10^-3 as the page shows them."""
    return pd.DataFrame(
        {
            "over": {"all": "all, Eq. (7)", "fixed": "one sample's states"}[row.over],
            "$L$": row.length,
            "$W~(J)$": f"{row.disorder:g}",
            "measured": number(1e3 * row.measured, 1e3 * row.measured_error),
            "sampled": number(1e3 * row.sampled, 1e3 * row.sampled_error),
            "all states": number(1e3 * row.whole, 1e3 * row.whole_error),
            "formula": f"{1e3 * row.formula:.1f}",
        }
        for row in table.sort_values(["over", "length", "disorder"]).itertuples()
    )


def conserved_texts(table: pd.DataFrame) -> dict[str, str]:
    """Whether the artefact is seen, and how it falls with L, as parts of sentences.

    It should be that of product states in the same window over the states of one realization,
    and the formula over all: there, product states are as noisy as the data.
    """
    strong = sorted(set(table.disorder))
    texts = {"conserved_disorders": ", ".join(f"{w:g}" for w in strong) or UNKNOWN}
    for over, expected in (("all", "formula"), ("fixed", "sampled")):
        rows = table[table.over == over]
        texts |= {
            f"artefact_{over}": UNKNOWN, f"artefact_{over}_chi2": UNKNOWN,
            f"artefact_{over}_verdict": f"is {UNKNOWN}", f"artefact_{over}_expected": UNKNOWN,
        }  # fmt: skip
        if rows.empty:
            continue
        inverse = 1 / rows.measured_error**2
        mean, error = (inverse * rows.measured).sum() / inverse.sum(), inverse.sum() ** -0.5
        spread = rows.measured_error**2 + (rows.sampled_error**2 if over == "fixed" else 0)
        chi2 = float(((rows.measured - rows[expected]) ** 2 / spread).sum())
        agrees = stats.chi2.sf(chi2, len(rows)) > 0.01
        texts[f"artefact_{over}"] = number(mean, error)
        texts[f"artefact_{over}_expected"] = number(
            (inverse * rows[expected]).sum() / inverse.sum(), digits=2
        )
        texts[f"artefact_{over}_chi2"] = f"{chi2:.1f} for {len(rows)}"
        texts[f"artefact_{over}_verdict"] = {
            (True, True): "is seen, and is as large as conservation alone makes it",
            (True, False): "is seen, but is not what conservation alone makes it",
            (False, True): "is not seen at these statistics, which do not exclude it either",
            (False, False): "is not seen, and the data differ from it",
        }[bool(mean > SIGNIFICANT * error), bool(agrees)]
    fixed = table[table.over == "fixed"].groupby("length")[["sampled", "sampled_error", "formula"]]
    by_length = fixed.mean().reset_index()
    texts["artefact_exponent"] = texts["artefact_formula_exponent"] = UNKNOWN
    if len(by_length) >= 3 and by_length.sampled.min() > 0:
        fit = statistics.fit_power_law(by_length.length, by_length.sampled, by_length.sampled_error)
        texts["artefact_exponent"] = number(fit.values["exponent"], fit.errors["exponent"])
        steps = np.polyfit(np.log(by_length.length), np.log(by_length.formula), 1)
        texts["artefact_formula_exponent"] = f"{-steps[0]:.1f}"
    return texts


# Fig. 6: bandwidth


def bandwidth_texts(table: pd.DataFrame) -> dict[str, str]:
    """How far the gap ratio at the chosen beta lies below the greatest of its curve."""
    texts = {"beta_curves": UNKNOWN, "beta_on_plateau": UNKNOWN, "beta_deficit": UNKNOWN}
    texts |= {"beta_peaks": UNKNOWN, "beta_length": UNKNOWN, "beta_realizations": UNKNOWN}
    rows = []
    for (bubble, _, _), curve in table.groupby(["bubble", "disorder", "length"]):
        if len(curve) < 3 or bubble not in TUNED_BANDWIDTH:
            continue
        curve = curve.sort_values("bandwidth")
        top = curve.loc[curve.gap_ratio.idxmax()]
        chosen = TUNED_BANDWIDTH[bubble]
        here = np.interp(chosen, curve.bandwidth, curve.gap_ratio)
        error = np.interp(chosen, curve.bandwidth, curve.error)
        rows.append((top.gap_ratio - here, np.hypot(top.error, error), top.bandwidth))
    if rows:
        deficit, error, peak = np.array(rows).T
        worst = np.argmax(deficit / error)
        texts |= {
            "beta_curves": len(rows),
            "beta_on_plateau": int((deficit <= SIGNIFICANT * error).sum()),
            "beta_deficit": number(deficit[worst], error[worst]),
            "beta_peaks": f"{peak.min():g} … {peak.max():g}",
            "beta_length": ", ".join(str(n) for n in sorted(set(table.length))),
            "beta_realizations": ", ".join(str(n) for n in sorted(set(table.realizations))),
        }
    return texts


# Numbers for reading


def _chi2(chi2: float, degrees: int) -> str:
    return f"{chi2:.1f}/{degrees}" if np.isfinite(chi2) else "–"


def _probability(p: float) -> str:
    if not np.isfinite(p):
        return "–"
    return "<\xa00.001" if p < 1e-3 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def stacked(*parts: pd.DataFrame) -> pd.DataFrame:
    """Tables of one kind as one; empty ones drop out."""
    filled = [table for table in parts if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def tail_texts(opened: pd.DataFrame, closed: pd.DataFrame) -> dict[str, str]:
    """What the bubble adds to far correlations for 4 <= W <= 6, against either boundary.

    For the longest chain that can be held against both, else the longest there is.
    """
    texts, found = {}, {}
    middle = {
        name: table[table.disorder.between(4.0, 6.0)]
        for name, table in (("open", opened), ("periodic", closed))
    }
    lengths = set(middle["open"].length)
    length = max(lengths & set(middle["periodic"].length) or lengths, default=None)
    texts["tail_length"] = str(length) if lengths else UNKNOWN
    for name, table in middle.items():
        part = table[table.length == length]
        texts[f"tail_{name}"] = UNKNOWN
        if len(part):
            mean, error = part.enhancement.mean(), np.sqrt((part.error**2).sum()) / len(part)
            found[name] = bool(mean > SIGNIFICANT * error)
            texts[f"tail_{name}"] = number(mean, error)
    texts["tail_verdict"] = {
        (True, True): "The enhancement survives the control: it is more than closing the ring.",
        (True, False): "The enhancement does not survive the control: closing the ring explains "
        "it within the error.",
        (False, True): "It is seen against the periodic chain only.",
        (False, False): "Neither is significant.",
    }.get((found.get("open"), found.get("periodic")), "The control is not computed yet.")
    paper = opened[opened.disorder.isin([4.4, 5.2, 6.0, 8.0])].dropna(subset=["conserved"])
    if paper.empty:
        return texts | {"artefact_mismatch": UNKNOWN, "mismatch_verdict": ""}
    worst = paper.loc[paper.conserved.idxmax()]
    seen = paper[paper.enhancement > SIGNIFICANT * paper.error]
    share = (seen.conserved / seen.enhancement).max() if len(seen) else np.nan
    texts["artefact_mismatch"] = magnitude(worst.conserved)
    texts["mismatch_verdict"] = (
        f"Of the enhancements that are significant, {len(seen)} in number, it makes up at most "
        f"{100 * share:.0f} %."
        if len(seen)
        else "No enhancement at these disorders is significant, so there is nothing to explain."
    )
    return texts
