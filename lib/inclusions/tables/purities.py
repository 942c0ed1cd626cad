"""The chapter on purities: means over distance, length and bubble, plateaus, magnetizations."""

import numpy as np
import pandas as pd
import xarray as xr

from inclusions import estimates, experiments, perturbation, statistics, text
from inclusions.claims.criteria import CHANCE, ENOUGH
from inclusions.estimates import SYSTEM
from inclusions.model import PARAMETERS, TUNED_BANDWIDTH, Model
from inclusions.observables import HISTOGRAM_CENTRES
from inclusions.tables import (
    Ensembles,
    bubbles,
    compared,
    each,
    entry,
    fewest,
    frame,
    longest,
    merged,
    named,
    open_chains,
    points,
    valued,
)
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
    rows = [
        row
        for pair in merged(*ensembles).items()
        for row in points(*pair, "purity", estimates.purity_profile(*pair))
    ]
    return frame(rows, "distance purity error")


def isolated_purities(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma_XXZ of every isolated chain, in its middle and over all sites, with its error."""
    rows = [
        entry(model, data, sites=sites) | valued("purity", estimates.purity(model, data, sites))
        for model, data in merged(*ensembles).items()
        if not model.bubble
        for sites in ("middle", "all")
    ]
    return frame(rows, "sites purity error")


# The ergodic side, and the limit of strong disorder


def ergodic(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma - 1/2 on the ergodic side, mean over all sites, and the part scattered over states.

    `random` is 1/(d + 2), the exact mean for random vectors of the sector's dimension d.
    """

    def row(model: Model, data: xr.Dataset) -> dict | None:
        if model.disorder not in ERGODIC or model.bubble not in (0, 4):
            return None
        return (
            valued("excess", estimates.excess(model, data))
            | named("scatter", estimates.scatter(model, data))
            | {"dimension": model.dimension, "random": 1 / (model.dimension + 2)}
        )

    return each("dimension excess error scatter scatter_error random", row, *ensembles)


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """`statistics.fall` of gamma - 1/2 with d for each system and disorder of `ergodic`, by part.

    Parts are "whole" and "scatter".
    """
    rows = []
    for key, curve in table.groupby([*SYSTEM, "disorder"], dropna=False):
        curve = curve.sort_values("dimension")
        if len(curve) < 2:
            continue
        for part, value, error in (
            ("whole", "excess", "error"), ("scatter", "scatter", "scatter_error")
        ):  # fmt: skip
            found = statistics.fall(curve.dimension, curve[value], curve[error])
            rows.append((*key, part, text.listed(curve.length), *found))
    columns = [*SYSTEM, "disorder", "part", "lengths", *statistics.Fall._fields]
    return pd.DataFrame(rows, columns=columns)


EXPONENTS = (
    text.SYSTEM,
    DISORDER,
    Column("lengths", "$L$"),
    Column("part", "part"),
    Column("p_value exponent error", "$a$, all sizes", lambda p, *a: text.unless(p > CHANCE, *a)),
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

    `resonant` is its limit for strong disorder, `perturbation.resonant_loss`.
    """

    def row(model: Model, data: xr.Dataset) -> dict:
        lost = statistics.combine(lambda gamma: 1 - gamma, estimates.purity(model, data))
        limit = perturbation.resonant_loss(model.length, model.disorder)
        return valued("loss", lost) | {"resonant": limit}

    return each("loss error resonant", row, *ensembles)


def loss_texts(table: pd.DataFrame, least: float = 15.0) -> dict[str, str]:
    """How the loss of purity falls with W beyond `least`, and chi2 of its spread over lengths.

    The spread is that of the loss over its limit, which has the length in it. The exponent's error
    is wider by the root of chi2 for a degree of freedom, where a power does not fit.
    """
    strong = table[table.disorder >= least]
    texts = {"strong_w": f"{least:g}", "loss_exponent": UNKNOWN, "loss_chi2": UNKNOWN}
    texts |= {"loss_volume": UNKNOWN, "largest_loss": UNKNOWN, "loss_ratio": UNKNOWN}
    if strong.disorder.nunique() >= 3:
        ratio = strong.loss / strong.resonant * strong.disorder.pow(-1)
        fit = statistics.fit_power_law(strong.disorder, ratio, ratio * strong.error / strong.loss)
        wider = max(fit.chi2 / fit.degrees, 1.0) ** 0.5
        texts["loss_exponent"] = number(fit.values["exponent"], wider * fit.errors["exponent"])
        texts["loss_chi2"] = f"{fit.chi2:.1f} for {fit.degrees}"
    if len(strong):
        last = strong[strong.disorder == strong.disorder.max()]
        texts["largest_loss"] = f"{last.disorder.iloc[0]:g}"
        ratio, error = last.loss / last.resonant, last.error / last.resonant
        texts["loss_ratio"], volume = _in_common(ratio, error)
        if len(last) > 1:
            texts["loss_volume"] = volume
    return texts


def losses_beyond_pairs(*ensembles: Ensembles) -> pd.DataFrame:
    """What open chains lose beyond their pairs of spins, at the strongest disorder there is.

    1 - gamma in the middle minus that of product states of the same fields, as many and as close to
    the middle of the spectrum, with each antiparallel bond solved alone; a unit of
    `perturbation.resonant_loss`. Error over realizations.
    """
    found = open_chains(*ensembles, least=ENOUGH)
    strongest = max((model.disorder for model in found), default=0.0)
    rows = []
    for model, data in found.items():
        if model.disorder < strongest:
            continue
        index, states, seed = data.realization.values, data.attrs["states"], data.attrs["seed"]
        pairs = experiments.conserved_sample(
            model.length, model.disorder, int(index.max()) + 1, states, seed
        ).isel(realization=index)
        limit = perturbation.resonant_loss(model.length, model.disorder)
        rest = (estimates.centre_entropies(data) - estimates.centre_entropies(pairs)) / limit
        spread = {"rest": rest.mean(), "error": rest.std(ddof=1) / len(rest) ** 0.5}
        rows.append(entry(model, data) | spread)
    return frame(rows, "rest error")


def beyond_pairs_texts(table: pd.DataFrame) -> dict[str, str]:
    """Mean over lengths of `losses_beyond_pairs`, and chi2 of its spread over them."""
    texts = dict.fromkeys(("pairs_rest", "pairs_lengths", "pairs_volume"), UNKNOWN)
    if len(table) > 1:
        texts["pairs_rest"], texts["pairs_volume"] = _in_common(table.rest, table.error)
        texts["pairs_lengths"] = text.listed(table.length)
    return texts


def _in_common(values: pd.Series, errors: pd.Series) -> tuple[str, str]:
    """The weighted mean of numbers that should be one, and chi2 of their scatter, as texts."""
    weights = errors**-2.0
    chi2, p = statistics.agreement(values, errors)
    return (
        number(np.average(values, weights=weights), weights.sum() ** -0.5),
        f"χ² = {chi2:.1f} for {len(values) - 1} (probability of more: {text.probability(p)})",
    )


# Fig. 4: purity at a fixed distance


def trends(*ensembles: Ensembles, distances: tuple[int, ...] = (3, 5)) -> pd.DataFrame:
    """Slope of gamma_i over L at fixed distance, weighted line through two lengths or more."""
    rows = []
    for kind, lengths in estimates.curves(merged(*ensembles)).items():
        for distance in distances:
            able = {n: by_w for n, by_w in lengths.items() if n >= 2 * distance + 2}
            for disorder in sorted({w for by_w in able.values() for w in by_w}):
                curve = {n: by_w[disorder] for n, by_w in able.items() if disorder in by_w}
                if len(curve) > 1:
                    last, *others = reversed(curve.values())
                    profiles = {n: estimates.purity_profile(*one) for n, one in curve.items()}
                    line = estimates.growth(profiles, distance)
                    rows.append(
                        entry(*last, *others, distance=distance, lengths=text.listed([*curve]))
                        | dict(zip(SYSTEM, kind, strict=True))
                        | valued("slope", line.slope)
                        | {"chi2": line.chi2, "degrees": line.degrees}
                    )
    return frame(rows, "distance lengths slope error chi2 degrees")


TRENDS = (
    text.SYSTEM,
    Column("distance", "$i$"),
    DISORDER,
    Column("lengths", "$L$"),
    Column("slope error", r"$\mathrm{d}\gamma_i/\mathrm{d}L$ ($10^{-3}$)", text.times(1e3)),
    Column("chi2 degrees", r"$\chi^2/\mathrm{dof}$", text.chi2),
)


def growth_texts(table: pd.DataFrame, least: float = 5.2) -> dict[str, str]:
    """Mean slopes of gamma_5 over L from W = `least` on, in 10^-3: bubble, chain, and the rest.

    Of `trends`, over the disorders that both have.
    """
    far = table[(table.distance == 5) & (table.disorder >= least) & (table.boundary == "open")]
    bubble, chain = (far[far.bubble == n].set_index("disorder") for n in (4, 0))
    shared = bubble.index.intersection(chain.index)
    if shared.empty:
        return dict.fromkeys(("growth_bubble", "growth_chain", "growth_rest"), UNKNOWN)
    means = [
        (one.slope[shared].mean(), np.hypot.reduce(one.error[shared]) / len(shared))
        for one in (bubble, chain)
    ]
    rest = means[0][0] - means[1][0], np.hypot(means[0][1], means[1][1])
    names = ("growth_bubble", "growth_chain", "growth_rest")
    return {name: text.times(1e3)(*one) for name, one in zip(names, (*means, rest), strict=True)}


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
        return frame([], "distance purity error")
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
    return frame(rows, "distance purity error")


def bubble_trends(*ensembles: Ensembles) -> pd.DataFrame:
    """Slope of gamma_i over ln n_GOE for n_GOE >= 3 at each disorder and distance.

    Of the ensembles of `bubble_sizes`, where there are three sizes or more.
    """
    used, found, rows = bubble_sizes(*ensembles), merged(*ensembles), []
    length = used.length.iloc[0] if len(used) else 0
    for disorder in sorted(set(used.disorder)):
        models = (Model(length, disorder, bubble=n) for n in TUNED_BANDWIDTH)
        sizes = [(model, found[model]) for model in models if model in found]
        if len(sizes) < 3:
            continue
        first, *others = sizes
        profiles = {np.log(one[0].bubble): estimates.purity_profile(*one) for one in sizes}
        for distance in range((length + 1) // 2):
            line = estimates.growth(profiles, distance)
            rows.append(
                entry(*first, *others, distance=distance, chi2=line.chi2, degrees=line.degrees)
                | valued("slope", line.slope)
            )
    return frame(rows, "distance slope error chi2 degrees")


SLOPES = text.Crossed(
    [DISORDER], "distance", "$i = {:g}$", Column("slope error", "", text.times(1e3))
)
"""Of `bubble_trends`, in 10^-3."""


# Fig. 9: difference from the isolated chain


def differences(
    probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...], sites: str = "middle"
) -> pd.DataFrame:
    """gamma_XXZ - gamma_i at each distance; gamma_XXZ of the chain of L + 2."""
    rows = [
        row
        for probe, chain in compared(merged(*probes), merged(*references))
        for row in points(*probe, "difference", estimates.deficit(*probe, *chain, sites), chain)
    ]
    return frame(rows, "distance difference error")


def plateaus(
    probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...], sites: str = "middle"
) -> pd.DataFrame:
    """Fits of gamma_0 + A e^(-i/xi) to gamma_XXZ - gamma_i over four distances or more.

    `chi2_zero`, `degrees_zero` and `p_zero` are of the fit with gamma_0 held at 0; `p_plateau` as
    in `estimates.plateau_test`, `valid` as in `statistics.Fit`. `relative` is gamma_0 over
    gamma_XXZ.
    """
    rows = []
    for probe, chain in compared(merged(*probes), merged(*references)):
        try:
            deficit = estimates.deficit(*probe, *chain, sites)
            free, zero, chance = estimates.plateau_test(deficit, fewest(probe, chain))
        except ValueError:  # too few distances, or realizations for a covariance
            continue
        level = float(estimates.purity(*chain, sites).value)
        row = entry(
            *probe, chain, chi2=free.chi2, degrees=free.degrees, p_value=free.p_value,
            valid=free.valid, chi2_zero=zero.chi2, degrees_zero=zero.degrees, p_zero=zero.p_value,
            valid_zero=zero.valid, p_plateau=chance,
        )  # fmt: skip
        for end, found in (("", free.values), ("_error", free.errors)):
            row |= {f"amplitude{end}": found["amplitude"], f"decay{end}": found["length"]}
            row |= {end[1:] or "plateau": found["plateau"]}
            row |= {f"relative{end}": found["plateau"] / level}
        rows.append(row)
    table = frame(
        rows, "plateau error amplitude amplitude_error decay decay_error chi2 degrees p_value "
        "valid chi2_zero degrees_zero p_zero valid_zero p_plateau relative relative_error",
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


def _against(name: str, length: int, disorder: float) -> tuple[Model, Model, str]:
    """A system of `shifts`, and the one and its sites that it is held against."""
    chain, ring = (
        Model(length + 2, disorder, boundary=boundary) for boundary in ("open", "periodic")
    )
    bubble, trivial = (Model(length, disorder, bubble=states) for states in (4, 1))
    system = {"trivial": trivial, "ring": ring, "short": Model(length, disorder)}.get(name, bubble)
    against = {"rest": ring, "beyond": trivial}.get(name, chain)
    return system, against, "all" if name == "edges" else "middle"


def shifts(*ensembles: Ensembles) -> pd.DataFrame:
    """gamma_XXZ(open, L + 2) minus the purity farthest from the bubble, and what stands for it.

    `system` is "bubble"; "edges", the bubble against the mean over all sites of the open chain;
    "trivial", the ring closed by a bubble of one state; "beyond", the bubble against that ring;
    "ring", the periodic chain of L + 2; "short", the isolated chain of L itself. `length` is that
    of the chain with the bubble.
    """
    found, rows = merged(*ensembles), []
    for model, data in found.items():
        length = model.length - 2 * (model.boundary == "periodic")
        for name in NAMES:
            system, chain, sites = _against(name, length, model.disorder)
            if system == model and chain in found:
                pair = (chain, found[chain])
                shift = estimates.middle_deficit(model, data, *pair, sites)
                row = entry(model, data, pair, system=name) | valued("shift", shift)
                rows.append(row | {"length": length})
    rows.sort(key=lambda row: [*NAMES].index(row["system"]))
    return frame(rows, "system shift error")


def fading(*ensembles: Ensembles) -> pd.DataFrame:
    """The deficit of the bubble of 4 at mid-chain, sharpened and plain, by length and disorder."""
    rows = [
        entry(*probe, chain)
        | valued("shift", estimates.middle_deficit(*probe, *chain))
        | named("plain", estimates.middle_deficit(*probe, *chain, plain=True))
        for probe, chain in bubbles(*ensembles)
        if probe[0].bubble == 4
    ]
    return frame(rows, "shift error plain plain_error")


NAMES = {
    "bubble": "bubble, $n = 4$",
    "edges": "bubble, against all sites",
    "trivial": "trivial bubble, $n = 1$",
    "beyond": "bubble, against the trivial",
    "ring": "periodic chain",
    "short": "open chain of $L$",
}
"""Systems of `shifts` as figures and tables call them."""


SHIFTS = text.Crossed(
    [Column("system", "system", NAMES.get), LENGTH], "disorder", "$W = {:g}$",
    Column("shift error", "", text.times(1e3)), text.QUOTED,
)  # fmt: skip
"""In 10^-3."""


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
    for name in (*NAMES, "rest"):
        texts[f"shift_{name}"] = UNKNOWN
        if shared and {"rest": {"bubble", "ring"}}.get(name, {name}) <= set(at.index):
            mean = statistics.average(*(
                estimates.middle_deficit(system, found[system], chain, found[chain], sites)
                for system, chain, sites in (_against(name, length, w) for w in shared)
            ))  # fmt: skip
            texts[f"shift_{name}"] = text.times(1e3)(float(mean.value), float(mean.error))
    return texts


# Fig. 7: magnetization


def histograms(*ensembles: Ensembles, length: int | None = None, join: int = 1) -> pd.DataFrame:
    """Density of 2<S^z> by distance, with its error from resampling batches of realizations.

    Of the bubble of four states of this length, else the longest with most disorders; and the
    middle of the open chain two sites longer. So many bins are taken together.
    """
    found = merged(*ensembles)
    bubbles = pd.DataFrame([m.as_dict() for m in found if m.bubble == 4], columns=PARAMETERS)
    length = length or longest(bubbles)

    def coarse(density: np.ndarray) -> np.ndarray:
        return density.reshape(*density.shape[:-1], -1, join).mean(axis=-1)

    centres = coarse(HISTOGRAM_CENTRES)
    rows = []
    for model, data in found.items():
        bubble = model.bubble == 4 and model.length == length
        if not bubble and model != Model(length + 2, model.disorder):
            continue
        density = statistics.combine(coarse, estimates.magnetization_density(model, data))
        for distance in range(len(density.value))[slice(None) if bubble else slice(-1, None)]:
            rows += [
                entry(model, data, distance=distance, spin=spin, density=value, error=error)
                for spin, value, error in zip(
                    centres, density.value[distance], density.error[distance], strict=True
                )
            ]
    return frame(rows, "distance spin density error")


def weights(*ensembles: Ensembles) -> pd.DataFrame:
    """Share of |2<S^z>| beyond 0.9 and within 0.5, in the middle, bubble against L + 2.

    And the share of all that the bubble moves to other values, with what noise alone would make of
    it, and the root of the mean square of 2<S^z>.
    """
    rows = []
    for probe, chain in bubbles(*ensembles):
        if probe[0].bubble == 4:
            shares, isolated = (estimates.magnetization_shares(*one) for one in (probe, chain))
            change = estimates.magnetization_change(*probe, *chain)
            row = entry(*probe, chain) | {"realizations": fewest(probe, chain)}
            for place, name in enumerate(("edge", "centre")):
                row |= {name: shares.value[place], f"{name}_isolated": isolated.value[place]}
                row |= {f"{name}_change": change.value[place], f"{name}_error": change.error[place]}
            row |= {"moved": change.value[2], "moved_error": change.error[2]}
            row["noise"] = estimates.magnetization_noise(*probe, *chain)
            for name, one in (("width", probe), ("width_isolated", chain)):
                middle = estimates.magnetization_middle(*one).value
                row[name] = np.sqrt(middle @ HISTOGRAM_CENTRES**2)
            rows.append(row)
    return frame(
        rows, "edge edge_isolated edge_change edge_error centre centre_isolated centre_change "
        "centre_error moved moved_error noise width width_isolated",
    )  # fmt: skip


WEIGHTS = (
    DISORDER,
    LENGTH,
    Column("edge_isolated", "edge, isolated (%)", lambda share: f"{100 * share:.1f}"),
    Column("edge_change edge_error", "bubble's change (%)", text.times(100)),
    Column("centre_isolated", "centre, isolated (%)", lambda share: f"{100 * share:.1f}"),
    Column("centre_change centre_error", "its change (%)", text.times(100)),
    Column("moved moved_error", "elsewhere in all (%)", text.times(100)),
    Column("noise", "of it noise (%)", lambda share: f"{100 * share:.1f}"),
)


def weight_texts(table: pd.DataFrame) -> dict[str, str]:
    """Where the bubble moves most of the distribution, J, and widths at the weakest disorder."""
    if table.empty:
        return dict.fromkeys(("most_moved", "width", "width_isolated"), UNKNOWN)
    weakest = table.loc[table.disorder.idxmin()]
    return {
        "most_moved": f"{table.disorder[table.moved.idxmax()]:g}",
        "width": f"{weakest.width:.3f}", "width_isolated": f"{weakest.width_isolated:.3f}",
    }  # fmt: skip


def longest_at(table: pd.DataFrame, *disorders: float) -> pd.DataFrame:
    """Rows of the longest chain at each of these disorders with `ENOUGH` realizations."""
    known = table[table.disorder.isin(disorders) & (table.realizations >= ENOUGH)]
    chosen = known.sort_values(["disorder", "length"])
    return chosen.groupby("disorder").tail(1)
