"""The chapter on purities: means over distance, length and bubble, plateaus, magnetizations."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special

from inclusions import estimates, statistics, text
from inclusions.estimates import SYSTEM
from inclusions.model import PARAMETERS, TUNED_BANDWIDTH, Model
from inclusions.observables import HISTOGRAM_EDGES
from inclusions.statistics import Estimate
from inclusions.tables import Ensembles, entry, frame, longest, merged, points, valued
from inclusions.text import DISORDER, LENGTH, UNKNOWN, Column, number

ERGODIC = (1.0, 1.5)
"""Disorders W of the ergodic side, units of J."""


def partial_trace_texts(table: pd.DataFrame) -> dict[str, str | int]:
    """Largest deviation of Eq. (5) from the partial trace, with and without a definite S^z."""
    deviation = (table.partial_trace - table.formula).abs().groupby(table.kind).max()
    eigenstates = table[table.kind == "eigenstate"]
    return {
        "traced": len(eigenstates),
        "deviation": text.magnitude(deviation["eigenstate"]),
        "off_diagonal": text.magnitude(eigenstates.off_diagonal.max()),
        "superposed": f"{deviation['superposition']:.2f}",
    }


# Mean purities


def mean_purities(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean purity at every distance from the bubble, or from the nearer end."""
    rows = []
    for model, data in merged(*ensembles).items():
        rows += points(model, data, "purity", estimates.purity_profile(model, data))
    return frame(rows, "distance", "purity", "error")


def isolated_purities(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma_XXZ of every isolated chain, in its middle and over all sites, with its error."""
    rows = [
        entry(model, data, sites=sites) | valued("purity", estimates.purity(model, data, sites))
        for model, data in merged(*ensembles).items()
        if not model.bubble
        for sites in ("middle", "all")
    ]
    return frame(rows, "sites", "purity", "error")


# The ergodic side, and the limit of strong disorder


def ergodic(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma - 1/2 on the ergodic side, mean over all sites, and the part scattered over states.

    `random` is 1/(d + 2), the exact mean for random vectors of the sector's dimension d.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        if model.disorder not in ERGODIC or model.bubble not in (0, 4):
            continue
        part = estimates.scatter(model, data)
        rows.append(
            entry(model, data, dimension=model.dimension, random=1 / (model.dimension + 2))
            | valued("excess", estimates.excess(model, data))
            | {"scatter": float(part.value), "scatter_error": float(part.error)}
        )
    return frame(rows, "dimension", "excess", "error", "scatter", "scatter_error", "random")


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
                    "part": {"excess": "whole"}.get(part, part),
                    "lengths": text.listed(curve.length),
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


EXPONENTS = (
    text.SYSTEM,
    DISORDER,
    Column("lengths", "$L$"),
    Column("part", "part"),
    Column("exponent error", "$a$, all sizes", number),
    Column("chi2 degrees", r"$\chi^2/\mathrm{dof}$", text.chi2),
    Column("p_value", "$p$", text.probability),
    Column("last last_error", "$a$, two largest", number),
)


def exponent_texts(table: pd.DataFrame) -> dict[str, str]:
    """The range of the exponents of the two largest sizes, whole and scatter."""
    texts = {}
    for part in ("whole", "scatter"):
        rows = table[(table.part == part) & table["last"].notna()].sort_values("last")
        ends = rows.iloc[[0, -1]] if len(rows) else rows
        shown = [number(*pair) for pair in zip(ends["last"], ends.last_error, strict=True)]
        texts[f"{part}_exponents"] = " … ".join(shown) or UNKNOWN
    return texts


def losses(*ensembles: Ensembles) -> pd.DataFrame:
    """1 - gamma in the middle of the chain, or far from the bubble, of every ensemble.

    `resonant` is its limit for strong disorder, pi L / 4 W (L - 1): two bonds, flippable with
    probability L / 2 (L - 1), each of which loses 1/(1 + (h_{i+1} - h_i)^2) of <sigma^z>^2.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        level = estimates.purity(model, data)
        length, w = model.length, model.disorder
        resonant = np.pi * length / (4 * w * (length - 1)) if w > 0 else np.nan
        rows.append(
            entry(model, data, resonant=resonant)
            | {"loss": 1 - float(level.value), "error": float(level.error)}
        )
    return frame(rows, "loss", "error", "resonant")


def loss_texts(table: pd.DataFrame, least: float = 15.0) -> dict[str, str]:
    """How the loss of purity falls with W beyond `least`, and chi2 of its spread over lengths.

    The spread is that of the loss over its limit, which has the length in it.
    """
    strong = table[table.disorder >= least]
    texts = {"strong_w": f"{least:g}", "loss_exponent": UNKNOWN, "loss_chi2": UNKNOWN}
    texts |= {"loss_volume": UNKNOWN, "largest_loss": UNKNOWN, "loss_ratio": UNKNOWN}
    if strong.disorder.nunique() >= 3:
        ratio = strong.loss / strong.resonant * strong.disorder.pow(-1)
        fit = statistics.fit_power_law(strong.disorder, ratio, ratio * strong.error / strong.loss)
        texts["loss_exponent"] = number(fit.values["exponent"], fit.errors["exponent"])
        texts["loss_chi2"] = f"{fit.chi2:.1f} for {fit.degrees}"
    if len(strong):
        last = strong[strong.disorder == strong.disorder.max()]
        ratio, error = last.loss / last.resonant, last.error / last.resonant
        chi2, p = statistics.agreement(ratio, error)
        texts["largest_loss"] = f"{last.disorder.iloc[0]:g}"
        weights = error**-2.0
        texts["loss_ratio"] = number(np.average(ratio, weights=weights), weights.sum() ** -0.5)
        if len(last) > 1:
            texts["loss_volume"] = (
                f"χ² = {chi2:.1f} for {len(last) - 1} (probability of more: {text.probability(p)})"
            )
    return texts


# Fig. 4: purity at a fixed distance


def trends(*ensembles: Ensembles, distances: tuple[int, ...] = (3, 5)) -> pd.DataFrame:
    """Slope of gamma_i over L at fixed distance, weighted line through two lengths or more."""
    rows = []
    found = merged(*ensembles)
    profiles = {model: estimates.purity_profile(model, data) for model, data in found.items()}
    for kind, lengths in estimates.curves(found).items():
        for distance in distances:
            able = {n: by_w for n, by_w in lengths.items() if n >= 2 * distance + 2}
            for disorder in sorted({w for by_w in able.values() for w in by_w}):
                curve = {n: by_w[disorder] for n, by_w in able.items() if disorder in by_w}
                if len(curve) < 2:
                    continue
                at = [
                    statistics.combine(lambda g, i=distance: g[..., i], profiles[model])
                    for model, _ in curve.values()
                ]
                line = statistics.line([*curve], *at)
                longest_first = list(reversed(curve.values()))
                rows.append(
                    entry(
                        *longest_first[0], *longest_first[1:], distance=distance,
                        lengths=text.listed([*curve]), chi2=line.chi2, degrees=line.degrees,
                    )
                    | dict(zip(SYSTEM, kind, strict=True))
                    | valued("slope", line.slope)
                )  # fmt: skip
    return frame(rows, "distance", "lengths", "slope", "error", "chi2", "degrees")


TRENDS = (
    text.SYSTEM,
    Column("distance", "$i$"),
    DISORDER,
    Column("lengths", "$L$"),
    Column("slope error", r"$\mathrm{d}\gamma_i/\mathrm{d}L$ ($10^{-3}$)", text.times(1e3)),
    Column("chi2 degrees", r"$\chi^2/\mathrm{dof}$", text.chi2),
)


# Fig. 8: size of the bubble


def bubble_sizes(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean purities by distance, of the longest chain for which most sizes of the bubble are there.

    Bandwidths other than the tuned ones are left out. The isolated open chain of that length has
    bubble 0 and one row, at distance -1: its middle.
    """
    found = {
        model: data
        for model, data in merged(*ensembles).items()
        if model.bubble == 0 or model == Model(model.length, model.disorder, bubble=model.bubble)
    }
    sizes = pd.DataFrame([(m.length, m.bubble) for m in found if m.bubble]).drop_duplicates()
    if sizes.empty:
        return frame([], "distance", "purity", "error")
    counts = sizes.groupby(0).size()
    length = counts.index[counts == counts.max()].max()
    rows = []
    for model, data in found.items():
        if model.length != length or model.boundary == "periodic":
            continue
        if model.bubble == 0:
            level = valued("purity", estimates.purity(model, data))
            rows.append(entry(model, data, distance=-1) | level)
        else:
            rows += points(model, data, "purity", estimates.purity_profile(model, data))
    return frame(rows, "distance", "purity", "error")


def bubble_trends(*ensembles: Ensembles) -> pd.DataFrame:
    """Slope of gamma_i over ln n_GOE for n_GOE >= 3 at each disorder and distance.

    Of the ensembles of `bubble_sizes`, where there are three sizes or more.
    """
    used, found, rows = bubble_sizes(*ensembles), merged(*ensembles), []
    length = used.length.iloc[0] if len(used) else 0
    for disorder in sorted(set(used.disorder)):
        models = [Model(length, disorder, bubble=n) for n in TUNED_BANDWIDTH]
        models = [model for model in models if model in found]
        if len(models) < 3:
            continue
        profiles = [estimates.purity_profile(model, found[model]) for model in models]
        for distance in range(len(profiles[0].value)):
            at = [statistics.combine(lambda g, i=distance: g[..., i], p) for p in profiles]
            line = statistics.line(np.log([model.bubble for model in models]), *at)
            rows.append(
                entry(
                    models[0], found[models[0]], *((m, found[m]) for m in models[1:]),
                    distance=distance, chi2=line.chi2, degrees=line.degrees,
                )
                | valued("slope", line.slope)
            )  # fmt: skip
    return frame(rows, "distance", "slope", "error", "chi2", "degrees")


def readable_bubble_trends(table: pd.DataFrame) -> pd.DataFrame:
    """One row a disorder, one column a distance: the slopes in 10^-3."""
    slope = Column("slope error", "", text.times(1e3))
    return text.crossed(table, [DISORDER], "distance", "$i = {:g}$", slope)


# Fig. 9: difference from the isolated chain


def differences(
    probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...], sites: str = "middle"
) -> pd.DataFrame:
    """gamma_XXZ - gamma_i at each distance; gamma_XXZ of the chain of L + 2."""
    first, second = merged(*probes), merged(*references)
    rows = []
    for model, partner in estimates.partners(first, second):
        both = (model, first[model]), (partner, second[partner])
        found = estimates.deficit(*both[0], *both[1], sites)
        rows += points(*both[0], "difference", found, both[1])
    return frame(rows, "distance", "difference", "error")


def plateaus(
    probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...], sites: str = "middle"
) -> pd.DataFrame:
    """Fits of gamma_0 + A e^(-i/xi) to gamma_XXZ - gamma_i over four distances or more.

    `chi2_zero`, `degrees_zero` and `p_zero` are of the fit with gamma_0 held at 0; `p_plateau` is
    the probability of the drop of chi2 if gamma_0 is 0. `relative` is gamma_0 over gamma_XXZ.
    `valid` as in `statistics.Fit`.
    """
    first, second = merged(*probes), merged(*references)
    rows = []
    for model, partner in estimates.partners(first, second):
        both = (model, first[model]), (partner, second[partner])
        try:
            deficit = estimates.deficit(*both[0], *both[1], sites)
            free, zero = estimates.plateau(deficit), estimates.plateau(deficit, fixed=0)
        except ValueError:  # too few distances, or realizations for a covariance
            continue
        gained = max(zero.chi2 - free.chi2, 0.0)
        level = float(estimates.purity(*both[1], sites).value)
        rows.append(
            entry(
                *both[0], both[1],
                plateau=free.values["plateau"], error=free.errors["plateau"],
                amplitude=free.values["amplitude"], amplitude_error=free.errors["amplitude"],
                decay=free.values["length"], decay_error=free.errors["length"],
                chi2=free.chi2, degrees=free.degrees, p_value=free.p_value, valid=free.valid,
                chi2_zero=zero.chi2, degrees_zero=zero.degrees, p_zero=zero.p_value,
                valid_zero=zero.valid, p_plateau=float(special.chdtrc(1, gained)),
                relative=free.values["plateau"] / level,
                relative_error=free.errors["plateau"] / level,
            )
        )  # fmt: skip
    table = frame(
        rows, "plateau", "error", "amplitude", "amplitude_error", "decay", "decay_error", "chi2",
        "degrees", "p_value", "valid", "chi2_zero", "degrees_zero", "p_zero", "valid_zero",
        "p_plateau", "relative", "relative_error",
    )  # fmt: skip
    return table.astype({"valid": bool}).sort_values(["disorder", "length"])


PLATEAUS = (
    DISORDER,
    LENGTH,
    Column("valid plateau error", r"$\gamma_0$", text.unless),
    Column(
        "valid relative relative_error", r"$\gamma_0/\gamma_\mathrm{XXZ}$ (%)",
        lambda valid, value, error: text.unless(valid, 100 * value, 100 * error),
    ),
    Column("valid decay decay_error", r"$\xi$", text.unless),
    Column("chi2 degrees", r"$\chi^2/\mathrm{dof}$", text.chi2),
    Column("p_value", "$p$", text.probability),
    Column("chi2_zero degrees_zero", r"$\gamma_0 = 0$: $\chi^2/\mathrm{dof}$", text.chi2),
    Column("p_plateau", r"$p$ of $\gamma_0 = 0$", text.probability),
)  # fmt: skip

REFERENCES = (
    Column("reference", r"$\overline{\gamma}_\mathrm{XXZ}$ from"),
    *PLATEAUS[:4],
    PLATEAUS[-1],
)


# How much of the difference is ring closure


def shifts(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma_XXZ(open, L + 2) minus the purity farthest from the bubble, and what stands for it.

    `system` is "bubble"; "edges", the bubble against the mean over all sites of the open chain;
    "trivial", the ring closed by a bubble of one state; "ring", the periodic chain of L + 2;
    "short", the isolated chain of L itself. `length` is that of the chain with the bubble.
    """
    found = merged(*ensembles)
    rows = []
    for model, data in found.items():
        if model.bubble not in (0, 1, 4):
            continue
        periodic = model.boundary == "periodic"
        partner = Model(model.length + 2 * (not periodic), model.disorder)
        if partner not in found:
            continue
        names = {4: ["bubble", "edges"], 1: ["trivial"], 0: ["ring" if periodic else "short"]}
        for name in names[model.bubble]:
            sites = "all" if name == "edges" else "middle"
            shift = estimates.middle_deficit(model, data, partner, found[partner], sites)
            rows.append(
                entry(model, data, (partner, found[partner]), system=name)
                | valued("shift", shift)
                | {"length": partner.length - 2}
            )
    return frame(rows, "system", "shift", "error")


def fading(*ensembles: Ensembles) -> pd.DataFrame:
    """The deficit of the bubble of 4 at mid-chain, sharpened and plain, by length and disorder."""
    found, rows = merged(*ensembles), []
    bubbles = {model: data for model, data in found.items() if model.bubble == 4}
    chains = {model: data for model, data in found.items() if model.boundary == "open"}
    for model, chain in estimates.partners(bubbles, chains):
        both = (model, found[model]), (chain, found[chain])
        sharp, plain = (
            estimates.middle_deficit(*both[0], *both[1], plain=plain) for plain in (False, True)
        )
        rows.append(
            entry(*both[0], both[1], plain=float(plain.value), plain_error=float(plain.error))
            | valued("shift", sharp)
        )
    return frame(rows, "shift", "error", "plain", "plain_error")


NAMES = {
    "bubble": "bubble, $n = 4$",
    "edges": "bubble, against all sites",
    "trivial": "trivial bubble, $n = 1$",
    "ring": "periodic chain",
    "short": "open chain of $L$",
}
"""Systems of `shifts` as figures and tables call them."""


def readable_shifts(
    table: pd.DataFrame, disorders: Sequence[float] = (4.4, 5.2, 6.0, 8.0)
) -> pd.DataFrame:
    """Shifts in 10^-3: one row a system and length, one column a disorder."""
    order = table.system.map([*NAMES].index) if len(table) else table.system
    chosen = table.assign(order=order)[table.disorder.isin(disorders)]
    return text.crossed(
        chosen.sort_values(["order", "length"]), [Column("system", "system", NAMES.get), LENGTH],
        "disorder", "$W = {:g}$", Column("shift error", "", text.times(1e3)),
    )  # fmt: skip


def shift_texts(*ensembles: Ensembles) -> dict[str, str | int]:
    """Mean shift of each system in 10^-3, over the disorders in 4 <= W <= 6 that all have.

    For the longest of the chains with a bubble that have the most of the other systems. `rest` is
    what the bubble does beyond the periodic chain of L + 2.
    """
    found = merged(*ensembles)
    table = shifts(*ensembles)
    middle = table[table.disorder.between(4.0, 6.0)]
    # a length counts once it has two disorders
    counts = middle[middle.system == "bubble"].groupby("length").disorder.nunique()
    systems = middle[middle.length.isin(counts.index[counts > 1])].groupby("length")
    length = max(systems.system.nunique().items(), key=lambda one: one[::-1], default=(0,))[0]
    at = middle[middle.length == length].groupby("system").disorder.agg(set)
    shared = sorted(set.intersection(*at)) if len(at) else []
    texts: dict[str, str | int] = {
        "shift_length": length or UNKNOWN,
        "shift_disorders": text.listed(shared),
    }

    def difference(
        w: float, model: Model, sites: str = "middle", base: Model | None = None
    ) -> Estimate:
        partner = base or Model(length + 2, w)
        return estimates.middle_deficit(model, found[model], partner, found[partner], sites)

    systems = {
        "bubble": lambda w: difference(w, Model(length, w, bubble=4)),
        "edges": lambda w: difference(w, Model(length, w, bubble=4), "all"),
        "trivial": lambda w: difference(w, Model(length, w, bubble=1)),
        "ring": lambda w: difference(w, Model(length + 2, w, boundary="periodic")),
        "short": lambda w: difference(w, Model(length, w)),
        "rest": lambda w: difference(
            w, Model(length, w, bubble=4), base=Model(length + 2, w, boundary="periodic")
        ),
    }
    for name, of in systems.items():
        known = name in at.index or (name == "rest" and {"bubble", "ring"} <= set(at.index))
        mean = statistics.average(*map(of, shared)) if known and shared else None
        texts[f"shift_{name}"] = (
            UNKNOWN if mean is None else text.times(1e3)(float(mean.value), float(mean.error))
        )
    return texts


# Fig. 7: magnetization


def histograms(*ensembles: Ensembles) -> pd.DataFrame:
    """Density of 2<S^z> by distance, with its error from resampling batches of realizations.

    Of the longest bubble of four states with most disorders, and the middle of the open chain
    two sites longer.
    """
    found = merged(*ensembles)
    bubbles = pd.DataFrame([m.as_dict() for m in found if m.bubble == 4], columns=PARAMETERS)
    length = longest(bubbles)
    centres = (HISTOGRAM_EDGES[1:] + HISTOGRAM_EDGES[:-1]) / 2
    rows = []
    for model, data in found.items():
        bubble = model.bubble == 4 and model.length == length
        if not bubble and model != Model(length + 2, model.disorder):
            continue
        density = estimates.magnetization_density(model, data)
        for distance in range(len(density.value))[slice(None) if bubble else slice(-1, None)]:
            rows += [
                entry(model, data, distance=distance, spin=spin, density=value, error=error)
                for spin, value, error in zip(
                    centres, density.value[distance], density.error[distance], strict=True
                )
            ]
    return frame(rows, "distance", "spin", "density", "error")


def weights(*ensembles: Ensembles) -> pd.DataFrame:
    """Share of |2<S^z>| beyond 0.9 and within 0.5, in the middle, bubble against L + 2."""
    found = merged(*ensembles)
    probes = {m: d for m, d in found.items() if m.bubble == 4}
    chains = {m: d for m, d in found.items() if m.boundary == "open" and not m.bubble}
    rows = []
    for model, partner in estimates.partners(probes, chains):
        pair = [estimates.magnetization_shares(one, found[one]) for one in (model, partner)]
        change = statistics.combine(np.subtract, *pair)
        rows.append(
            entry(
                model, found[model], (partner, found[partner]),
                edge=pair[0].value[0], edge_isolated=pair[1].value[0],
                edge_change=change.value[0], edge_error=change.error[0],
                centre=pair[0].value[1], centre_isolated=pair[1].value[1],
                centre_change=change.value[1], centre_error=change.error[1],
            )
        )  # fmt: skip
    return frame(
        rows, "edge", "edge_isolated", "edge_change", "edge_error", "centre", "centre_isolated",
        "centre_change", "centre_error",
    )  # fmt: skip


WEIGHTS = (
    DISORDER,
    LENGTH,
    Column("edge_isolated", "edge, isolated (%)", lambda share: f"{100 * share:.1f}"),
    Column("edge_change edge_error", "bubble's change (%)", text.times(100)),
    Column("centre_isolated", "centre, isolated (%)", lambda share: f"{100 * share:.1f}"),
    Column("centre_change centre_error", "its change (%)", text.times(100)),
)


def longest_at(table: pd.DataFrame, *disorders: float) -> pd.DataFrame:
    """Rows of the longest chain at each of these disorders."""
    chosen = table[table.disorder.isin(disorders)].sort_values(["disorder", "length"])
    return chosen.groupby("disorder").tail(1)
