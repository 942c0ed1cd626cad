"""The chapter on purities: means over distance, length and bubble, plateaus, magnetizations."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from inclusions import statistics
from inclusions.basis import chain_states
from inclusions.disorder import draw
from inclusions.eigen import Dense
from inclusions.hamiltonian import build
from inclusions.model import TUNED_BANDWIDTH, Model
from inclusions.observables import HISTOGRAM_EDGES, magnetizations, purities
from inclusions.statistics import Estimate, bootstrap, combine
from inclusions.tables import (
    LEAST,
    SIGNIFICANT,
    SYSTEM,
    UNKNOWN,
    Ensembles,
    chi2_text,
    entry,
    frame,
    longest,
    magnitude,
    merged,
    name_of,
    number,
    partners,
    probability_text,
    seed_of,
    settled,
    sign,
    weighted_line,
)

MIDDLE = 2
"""Greatest distances whose mean is the purity in the middle: four sites of an even chain."""

ERGODIC = (1.0, 1.5)
"""Disorders W of the ergodic side, units of J."""


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
            entry(model, data, distance=i, purity=float(value), error=float(error))
            for i, (value, error) in enumerate(zip(profile.value, profile.error, strict=True))
        ]
    return frame(rows, "distance", "purity", "error", "realizations")


def isolated_purities(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma_XXZ of every isolated chain, in its middle and over all sites, with its error."""
    rows = []
    for model, data in merged(*ensembles).items():
        if model.bubble:
            continue
        for sites in ("middle", "all"):
            level = _level(model, data, sites)
            rows.append(
                entry(model, data, sites=sites, purity=float(level.value), error=float(level.error))
            )
    return frame(rows, "sites", "purity", "error", "realizations")


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
            entry(
                model, data, dimension=model.dimension,
                excess=float(whole.value), error=float(whole.error),
                scatter=float(part.value), scatter_error=float(part.error),
                random=1 / (model.dimension + 2),
            )
        )  # fmt: skip
    names = ("excess", "error", "scatter", "scatter_error", "random", "realizations")
    return frame(rows, "dimension", *names)


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
            r"$\chi^2/\mathrm{dof}$": chi2_text(row.chi2, row.degrees),
            "$p$": probability_text(row.p_value),
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
        rows.append(entry(model, data, **loss))
    return frame(rows, "loss", "error", "resonant", "realizations")


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
            slope, error, chi2 = weighted_line(curve.length, curve.purity, curve.error)
            rows.append(
                dict(zip([*SYSTEM, "disorder"], key, strict=True))
                | {"distance": distance, "lengths": ", ".join(str(n) for n in curve.length)}
                | {"slope": slope, "error": error, "chi2": chi2, "degrees": len(curve) - 2}
            )
    columns = ["distance", "lengths", "slope", "error", "chi2", "degrees"]
    return pd.DataFrame(rows, columns=[*SYSTEM, "disorder", *columns])


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

    Sizes with `LEAST` realizations or more count before those only begun. Bandwidths other than
    the tuned ones are left out. The isolated open chain of that length has bubble 0 and one row,
    at distance -1: its middle.
    """
    found = {
        model: data
        for model, data in merged(*ensembles).items()
        if model.bubble == 0 or model == Model(model.length, model.disorder, bubble=model.bubble)
    }

    def sizes(length: int, least: int) -> int:
        there = {m.bubble for m, d in found.items()
                 if m.length == length and d.sizes["realization"] >= least}  # fmt: skip
        return len(there - {0})

    lengths = {model.length for model in found if model.bubble}
    if not lengths:
        return frame([], "distance", "purity", "error", "realizations")
    length = max(lengths, key=lambda n: (sizes(n, LEAST), sizes(n, 0), n))
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
            entry(model, data, distance=first + i, purity=float(v), error=float(e))
            for i, (v, e) in enumerate(zip(values, errors, strict=True))
        ]
    return frame(rows, "distance", "purity", "error", "realizations")


def bubble_trends(table: pd.DataFrame) -> pd.DataFrame:
    """Slope of gamma_i over ln n_GOE for n_GOE >= 3 at each disorder and distance."""
    rows = []
    grown = table[table.bubble >= min(TUNED_BANDWIDTH)]
    for (disorder, distance), curve in grown.groupby(["disorder", "distance"]):
        if len(curve) < 3:
            continue
        slope, error, chi2 = weighted_line(np.log(curve.bubble), curve.purity, curve.error)
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
    for model, partner in partners(first, second):
        found = _difference(model, first[model], partner, second[partner], sites)
        rows += [
            entry(model, first[model], distance=i, difference=float(v), error=float(e))
            for i, (v, e) in enumerate(zip(found.value, found.error, strict=True))
        ]
    return frame(rows, "distance", "difference", "error", "realizations")


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
    for model, partner in partners(first, second):
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
            entry(
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
    return frame(
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
            r"$\chi^2/\mathrm{dof}$": chi2_text(row.chi2, row.degrees),
            "$p$": probability_text(row.p_value),
            r"$\gamma_0 = 0$: $\chi^2/\mathrm{dof}$": chi2_text(row.chi2_zero, row.degrees_zero),
            r"$p$ of $\gamma_0 = 0$": probability_text(row.p_plateau),
        }
        for row in table[table.disorder >= least].sort_values(["disorder", "length"]).itertuples()
    )


def plateau_texts(table: pd.DataFrame) -> dict[str, str]:
    """gamma_0 at W = 5.2 for the longest chain, and what is known of it from W = 7 on."""
    row = _at_five_percent(table)
    texts = {
        "plateau_52": UNKNOWN, "plateau_relative_52": UNKNOWN, "plateau_length": UNKNOWN,
        "plateau_verdict": "is not known", "plateau_least": str(LEAST),
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
    """The fit at W = 5.2 of the longest chain with realizations enough that has one."""
    rows = settled(table[table.valid.astype(bool) & (table.disorder == 5.2)])
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
    """Mean shift of each system in 10^-3, over the disorders in 4 <= W <= 6 that all have.

    For the longest of the chains with a bubble that have the most of the other systems. What the
    bubble does beyond the periodic chain needs no isolated open one; its mean is over all
    disorders that these two have.
    """
    middle = table[table.disorder.between(4.0, 6.0)]
    # a length counts once it has two disorders
    counts = middle[middle.system == "bubble"].groupby("length").disorder.nunique()
    counts = counts[counts > 1] if (counts > 1).any() else counts
    systems = middle[middle.length.isin(counts.index)].groupby("length").system.nunique()
    length = max(systems.index, key=lambda n: (systems[n], n), default=None)
    chosen = {
        system: middle[(middle.system == system) & (middle.length == length)].set_index("disorder")
        for system in NAMES
    }
    shared = set.intersection(*[set(c.index) for c in chosen.values() if len(c)] or [set()])
    texts = {
        "shift_length": str(length) if length else UNKNOWN,
        "shift_disorders": ", ".join(f"{w:g}" for w in sorted(shared)) or UNKNOWN,
    }
    for system, part in chosen.items():
        part = part[part.index.isin(shared)]
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
                entry(
                    model, data, distance=distance, spin=centre,
                    density=float(value), error=float(error),
                )
                for centre, value, error in zip(
                    centres, density.value[distance], density.error[distance], strict=True
                )
            ]  # fmt: skip
    return frame(rows, "distance", "spin", "density", "error", "realizations")


def _density(model: Model, data: xr.Dataset) -> Estimate:
    """Density at each distance, shape (distances, bins); batches weigh by their states."""
    counts = data.magnetization_histogram.values.astype(float)
    single = len(counts) == 1
    width = HISTOGRAM_EDGES[1] - HISTOGRAM_EDGES[0]
    density = bootstrap(
        lambda m: m / m.sum(axis=-1, keepdims=True) / width,
        np.repeat(counts, 2, axis=0) if single else counts,
        seed=seed_of(model),
    )
    if single:  # which tells no error
        density = density._replace(
            error=np.full_like(density.error, np.nan), samples=np.full_like(density.samples, np.nan)
        )
    return density


def weights(*ensembles: Ensembles, edge: float = 0.9, centre: float = 0.5) -> pd.DataFrame:
    """Share of |2<S^z>| beyond `edge` and within `centre`, in the middle, bubble against L + 2."""
    found = merged(*ensembles)
    probes = {m: d for m, d in found.items() if m.bubble == 4}
    chains = {m: d for m, d in found.items() if m.boundary == "open" and not m.bubble}
    rows = []
    for model, partner in partners(probes, chains):
        pair = [_shares(one, found[one], edge, centre) for one in (model, partner)]
        change = combine(np.subtract, *pair)
        rows.append(
            entry(
                model, found[model],
                edge=float(pair[0].value[0]), edge_isolated=float(pair[1].value[0]),
                edge_change=float(change.value[0]), edge_error=float(change.error[0]),
                centre=float(pair[0].value[1]), centre_isolated=float(pair[1].value[1]),
                centre_change=float(change.value[1]), centre_error=float(change.error[1]),
            )
        )  # fmt: skip
    return frame(
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
    """Shares in percent, at each disorder of the longest chain that may decide."""
    chosen = table[table.disorder.isin(disorders)]
    rows = [settled(part).nlargest(1, "length") for _, part in chosen.groupby("disorder")]
    return pd.DataFrame(
        {
            "$W~(J)$": f"{row.disorder:g}",
            "$L$": row.length,
            "edge, isolated (%)": f"{100 * row.edge_isolated:.1f}",
            "bubble's change (%)": number(100 * row.edge_change, 100 * row.edge_error),
            "centre, isolated (%)": f"{100 * row.centre_isolated:.1f}",
            "its change (%)": number(100 * row.centre_change, 100 * row.centre_error),
        }
        for part in rows
        for row in part.itertuples()
    )


def weight_texts(table: pd.DataFrame, disorder: float = 4.0) -> dict[str, str]:
    """Whether the edges lose weight to the centre at the paper's disorder.

    In the longest chain that may decide.
    """
    at = settled(table[table.disorder == disorder])
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
