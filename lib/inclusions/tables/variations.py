"""The chapter on variations: what choices of the paper's decide, and what others have found."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import xarray as xr

from inclusions import estimates, statistics, text
from inclusions.claims import Verdict
from inclusions.claims.criteria import SAYS, SURE, Part, by, judge, lacking, positive, small
from inclusions.claims.findings import OF_ONE
from inclusions.claims.report import escaped
from inclusions.model import Model, tuned_bandwidth
from inclusions.observables import page_entropy
from inclusions.statistics import GOE_GAP_RATIO
from inclusions.tables import Ensembles, compared, each, entry, frame, merged, named, valued
from inclusions.text import DISORDER, LENGTH, SYSTEM, UNKNOWN, Column, number

# How far fifty states reach


def reaches(*ensembles: Ensembles) -> pd.DataFrame:
    """The share of the spectrum's width that the states of an ensemble span."""
    return each(
        "states share error",
        lambda model, data: (
            {"states": int(data.states.max())}
            | valued("share", estimates.window_share(model, data))
        ),
        *ensembles,
    )


WINDOWS = (
    SYSTEM,
    LENGTH,
    DISORDER,
    Column("states", "states"),
    Column("share", "share of the width", text.percent),
    Column("purity purity_error", r"$\overline\gamma$", number),
    Column("change change_error", "against ten, $10^{-3}$", text.times(1e3)),
    Column("gap_ratio gap_ratio_error", r"$\langle r\rangle$", number),
)


# Within samples and between them


def shares(*ensembles: Ensembles) -> pd.DataFrame:
    """Far C(r) and the variance of the purity in the middle, within and between realizations."""
    return each(
        "whole whole_error within within_error between between_error variance_within "
        "variance_within_error variance_between variance_between_error",
        lambda *pair: (
            named("whole within between", estimates.far_correlation(*pair))
            | named("variance_within variance_between", estimates.purity_variance(*pair))
        ),
        *ensembles,
    )


SHARES = (
    SYSTEM,
    LENGTH,
    DISORDER,
    Column("within within_error", "far $C$ within, $10^{-3}$", text.times(1e3)),
    Column("between between_error", "far $C$ between, $10^{-3}$", text.times(1e3)),
    Column(
        "variance_within variance_within_error", r"$\mathrm{var}\,\gamma$ within, $10^{-3}$",
        text.times(1e3),
    ),
    Column(
        "variance_between variance_between_error", r"$\mathrm{var}\,\gamma$ between, $10^{-3}$",
        text.times(1e3),
    ),
)  # fmt: skip


# Distributions over samples


def fractions(probes: tuple[Ensembles, ...], chains: tuple[Ensembles, ...]) -> pd.DataFrame:
    """Each bubble against an isolated chain of L + 2: means, medians, and bounds on p.

    `plain` is the mean as the samples have it, of which distance and bounds are; `most` is of
    purities near 1/2, `swallowed` of those that a spin at the avalanche's front may have.
    """
    rows = []
    for probe, chain in compared(merged(*probes), merged(*chains)):
        found, upper = estimates.thermal_fraction(probe[1], chain[1])
        front = 0.5 + 1 / probe[0].bubble
        medians = (estimates.median_purity(*one) for one in (chain, probe))
        rows.append(
            entry(*probe, chain, against=chain[0].boundary)
            | named("mean", estimates.middle_deficit(*probe, *chain))
            | named("plain", estimates.middle_deficit(*probe, *chain, plain=True))
            | named("median", statistics.combine(np.subtract, *medians))
            | found._asdict()
            | {"most": upper, "swallowed": estimates.most_below(probe[1], front)}
        )
    names = "mean mean_error plain plain_error median median_error"
    return frame(rows, f"against {names} distance p_value least most swallowed")


def distributions(*ensembles: Ensembles) -> pd.DataFrame:
    """Share of the samples whose purity in the middle is below a value, on a grid of values."""
    rows, grid = [], np.linspace(0.5, 1.0, 101)
    for model, data in merged(*ensembles).items():
        gamma = np.sort(1 - estimates.centre_entropies(data))
        below = np.searchsorted(gamma, grid, side="right") / len(gamma)
        rows += [
            entry(model, data, purity=float(x), below=float(y))
            for x, y in zip(grid, below, strict=True)
        ]
    return frame(rows, "purity below")


FRACTIONS = (
    LENGTH,
    DISORDER,
    Column("against", "against"),
    Column("mean mean_error", "mean deficit, $10^{-3}$", text.times(1e3)),
    Column("plain plain_error", "of the samples, $10^{-3}$", text.times(1e3)),
    Column("median median_error", "of the median, $10^{-3}$", text.times(1e3)),
    Column("distance", "distance $D$", ".3f"),
    Column("p_value", "chance", text.probability),
    Column("least", r"$p \geq$", ".3f"),
    Column("most", r"$p \leq$", ".3f"),
    Column("swallowed", r"$p \leq$, front", ".3f"),
)


def fraction_texts(table: pd.DataFrame) -> dict[str, str]:
    """At which disorders no share p of thermal samples makes the difference, which need one.

    `none` is of purities near 1/2, `none_swallowed` of those at the avalanche's front.
    """
    none = table[table.least > table.most]
    some = table[(table.least > 0) & (table.least <= table.most)]
    free = table[(table.least <= 0) & (table.most >= 0)]
    beyond = table[table.least > table.swallowed]
    off = ((table.plain - table["mean"]) / table.plain_error).abs()
    kinds = {"none": none, "some": some, "free": free, "none_swallowed": beyond}
    return {
        f"fraction_{kind}": _at(text.listed(rows.disorder)) if len(rows) else "no disorder"
        for kind, rows in kinds.items()
    } | {
        "fraction_most": f"{free.most.max():.3f}" if len(free) else UNKNOWN,
        "fraction_farthest": _at(f"{table.disorder[off.idxmax()]:g}" if len(table) else UNKNOWN),
    }


def _at(listed: str) -> str:
    """Disorders as a sentence has them."""
    return f"W\xa0=\xa0{listed}\xa0J"


# The coupling, and what closes the ring

COUPLINGS = (
    LENGTH,
    DISORDER,
    Column("coupling", "$g$", "g"),
    Column("best error", r"best $\beta$ $(J)$", number),
    Column("lost lost_error", r"$\langle r\rangle$ lost at the paper's $\beta$", number),
)


def coupling_texts(best: pd.DataFrame) -> dict[str, str]:
    """Which g put the best beta of `model.bandwidths_found` where the paper chose it, at every W.

    Within the spread of the paper's own beta: those that do, that do not, and that may.
    """
    outcomes: dict[float, bool | None] = {}
    for coupling, part in best.groupby("coupling"):
        outcomes[float(coupling)] = judge(
            small("", row.best - tuned_bandwidth(row.bubble), row.error, OF_ONE)
            for row in part.itertuples()
        )
    return {
        f"coupling_{word}": text.listed([g for g, one in outcomes.items() if one is holds])
        if holds in outcomes.values()
        else "none"
        for word, holds in (("in", True), ("out", False), ("open", None))
    } | {"coupling_places": "; ".join(_places(best)) or UNKNOWN}


def _places(best: pd.DataFrame) -> Iterator[str]:
    """The coupling whose best beta is the paper's, by disorder: of the line of ln beta in ln g."""
    for disorder, part in best.groupby("disorder"):
        if part.coupling.nunique() < 2:
            continue
        line = statistics.line(
            np.log(part.coupling),
            *(statistics.normal(np.log(row.best), row.error / row.best, seed=seed)
              for seed, row in enumerate(part.itertuples())),
        )  # fmt: skip
        wanted = np.log(tuned_bandwidth(part.bubble.iloc[0]))
        g = statistics.combine(
            lambda level, slope, aim=wanted, at=line.centre: np.exp(at + (aim - level) / slope),
            line.level, line.slope,
        )  # fmt: skip
        ends = (float(end) for end in g.interval())  # a flat line has no such place
        yield f"{text.ranged(float(g.value), *ends)} at W = {disorder:g} J"


def paired(*ensembles: Ensembles) -> pd.DataFrame:
    """Every paired chain against that with the paper's bubble in the same samples.

    `against` says how its ring is closed; `shift` is its purity in the middle minus the bubble's,
    and `ratio` its mean gap ratio minus the bubble's.
    """
    rows, found = [], merged(*ensembles)
    for model, data in found.items():
        bubble = Model(model.length, model.disorder, bubble=4, sample="paired")
        if bubble not in found or model == bubble or model.sample != "paired":
            continue
        pair = ((model, data), (bubble, found[bubble]))
        shift, ratio = (
            statistics.combine(np.subtract, *(function(*one) for one in pair))
            for function in (estimates.far_purity, estimates.gap_ratio)
        )
        row = entry(*pair[0], pair[1], against=_closed(model))
        rows.append(row | valued("shift", shift) | named("ratio", ratio))
    return frame(rows, "against shift error ratio ratio_error")


def _closed(model: Model) -> str:
    if model.bubble > 1:
        return f"bubble, $g = {model.coupling:g}$"
    if model.bubble:
        return "one random bond" if model.bond is None else "one strong bond"
    return "open" if model.boundary == "open" else CLOSED_BY_J


CLOSED_BY_J = "closed by $J$"


def paired_texts(table: pd.DataFrame) -> dict[str, str]:
    """What closing the ring by J makes of the step from the open chain to the bubble's purity.

    Its share over all lengths and disorders, and where what is left is within `SURE` errors.
    """
    by_place = table[table.against.isin(["open", CLOSED_BY_J])].pivot_table(
        index=["length", "disorder"], columns="against", values=["shift", "error"]
    )
    if by_place.empty or by_place["shift"].shape[1] < 2:
        return dict.fromkeys(("closed_share", "closed_within"), UNKNOWN)
    shift, error = by_place["shift"], by_place["error"][CLOSED_BY_J]
    share = 1 - shift[CLOSED_BY_J] / shift["open"]
    within = shift.index[shift[CLOSED_BY_J] <= SURE * error]
    return {
        "closed_share": f"{100 * share.min():.0f} to {100 * share.max():.0f}\xa0%",
        "closed_within": ", ".join(f"{w:g} J at L = {n}" for n, w in within) or "no disorder",
    }


PAIRED = (
    LENGTH,
    DISORDER,
    Column("against", "closed how"),
    Column("shift error", r"$\overline\gamma$ minus the bubble's, $10^{-3}$", text.times(1e3)),
    Column("ratio ratio_error", r"$\langle r\rangle$ minus the bubble's, $10^{-3}$",
           text.times(1e3)),
)  # fmt: skip


# Entanglement


def entanglement(*ensembles: Ensembles) -> pd.DataFrame:
    """Half-chain entropy over Page's value for the sector, and the divergence of neighbours.

    Of the ensembles that have them. `logarithm` is ln d.
    """

    def row(model: Model, data: xr.Dataset) -> dict | None:
        if not np.isfinite(data.half_chain_entropy.values).all():
            return None
        page, entropy = page_entropy(model), estimates.half_chain_entropy(model, data)
        share = statistics.combine(lambda nats: nats / page, entropy)
        return (
            valued("entropy", share)
            | named("divergence", estimates.divergence(model, data))
            | {"page": page, "logarithm": np.log(model.dimension)}
        )

    return each("page logarithm entropy error divergence divergence_error", row, *ensembles)


# Where in the spectrum


def edge(*ensembles: Ensembles) -> Part:
    """Whether levels repel less away from the middle of the spectrum, `estimates.fall_to_edges`."""
    fall = estimates.fall_to_edges(merged(*ensembles))
    name = "fall of the gap ratio away from the middle, a unit of the target"
    return lacking(name) if fall is None else by(positive, name, fall)


def edge_texts(found: Part, places: pd.DataFrame) -> dict[str, str]:
    """What `edge` found, and the range of the midpoints over targets, J."""
    known = places.dropna(subset=["disorder"])
    span = (known.disorder.min(), known.disorder.max())
    return {
        "edge_fall": number(found.value, found.error),
        "edge_says": SAYS[found.holds],
        "edge_span": "{:.1f} … {:.1f}".format(*span) if len(known) else UNKNOWN,
    }


# Drifts with the length


def drifts(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """How each number that decides a claim drifts with L, of all known at three lengths or more.

    `sure` where the slope is `SURE` errors from 0; `turns` is the length at which it would turn
    its test; `limit` the line in 1/L, where it fits, for 1/L to 0. One that another test of a
    claim has too, with the same drift, stands once.
    """
    rows = [
        test["drift"]
        | {"claim": one.id, "test": test["name"], "shown": test["shown"]}
        | {"drift_error": test["drift"]["error"], "lengths": text.listed(test["drift"]["lengths"])}
        for one in verdicts
        for test in one.tests
        if test["drift"]
    ]
    names = ["claim", "test", "shown", "lengths", "of", "slope", "drift_error"]
    numbers = ["turns", "limit", "limit_error"]
    table = pd.DataFrame(rows, columns=[*names, *numbers])
    table[numbers] = table[numbers].astype(float)
    table["sure"] = table.slope.abs() > SURE * table.drift_error
    return table.drop_duplicates(["claim", "slope", "drift_error"])


def _slope(slope: float, error: float, of: str) -> str:
    return f"{number(slope, error)} {'in $1/L$' if of == '1/L' else 'a site'}"


DRIFTS = (
    Column("claim", "claim"),
    Column("test", "number", escaped),
    Column("shown", "longest chain, or mean", escaped),
    Column("lengths", "$L$"),
    Column("slope drift_error of", "drift", _slope),
    Column("turns", "turns at $L$", lambda turns: f"{turns:.0f}" if np.isfinite(turns) else "–"),
    Column("limit limit_error", r"$1/L \to 0$",
           lambda limit, error: number(limit, error) if np.isfinite(limit) else "–"),
)  # fmt: skip


# Published values


def published() -> pd.DataFrame:
    """What others have found: limits of gap ratios and entropies, and for the chain of Eq. (2).

    Each finding is a formula of the source, or one that it states in its abstract, in the words of
    this book; and where this book has what can be held against it.
    """
    entropies = ", ".join(f"{page_entropy(Model(n, 1.0)):.3f}" for n in (8, 10, 12))
    rows = [
        (f"$\\langle r\\rangle = 2\\ln 2 - 1 \\approx {2 * np.log(2) - 1:.4f}$",
         "independent levels", "oganesyan2007", "tab-limits"),
        (f"$\\langle r\\rangle \\approx {GOE_GAP_RATIO}$",
         "random matrices of the orthogonal class", "atas2013", "tab-limits"),
        (f"mean entropy of half a chain in random states: {entropies} nats at $L = 8, 10, 12$",
         "exact, at every length", "bianchi2019", "fig-entanglement"),
        ("a transition, roughly located, and hints of infinite randomness at it",
         "all eigenstates of short chains", "pal2010", "tab-crossings"),
        ("a transition whose disorder depends on the energy", "eigenstates, $L \\leq 22$",
         "luitz2015", "fig-edge"),
        ("a critical disorder well above that of short chains",
         "relaxation in time, up to 100 spins", "doggen2018", "tab-crossings"),
        ("decay continues at twice the disorder then taken for critical", "relaxation in time",
         "sierant2022", "fig-fading"),
        ("unstable to avalanches much deeper in what looks localized",
         "slowest relaxation by a bath at one end", "morningstar2022", "fig-fading"),
        (r"stable only at $W \gtrsim 20$, which drifts with size",
         "relaxation by a weak bath", "sels2022", "fig-fading"),
        ("a bath thermalizes its side up to a distance; spins and random matrices do so alike",
         "two-point correlations", "szoldra2024", "fig-correlations"),
        ("correlations across the chain: fat tails; mean and typical value fall differently",
         "eigenstates, strong disorder", "colbois2024", "fig-shares"),
        ("those tails are pairs of nearly degenerate resonant states", "eigenstates",
         "laflorencie2025", "fig-shares"),
        ("at strong disorder spreads only from a thermal region that grows with the chain",
         "gap ratio, entanglement", "sajid2025", "fig-fixed"),
    ]  # fmt: skip
    return pd.DataFrame(
        [
            (found, by, f"{{cite:t}}`{source}`", f"{{numref}}`{at}`")
            for found, by, source, at in rows
        ],
        columns=["what is found", "from", "source", "here"],
    )
