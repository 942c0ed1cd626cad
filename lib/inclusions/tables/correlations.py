"""The chapter on correlations: with and without bubble, and what conservation leaves."""

import numpy as np
import pandas as pd

from inclusions import estimates, experiments, perturbation, statistics, text
from inclusions.claims.criteria import ENOUGH
from inclusions.tables import (
    Ensembles,
    compared,
    each,
    entry,
    frame,
    merged,
    named,
    open_chains,
    valued,
)
from inclusions.text import DISORDER, LENGTH, UNKNOWN, Column, number

PARTS = ("whole", "within", "between")
"""Parts of a correlation: all of it, that within realizations, and that between their means."""


# Fig. 5: correlations of purities


def correlations(*ensembles: Ensembles) -> pd.DataFrame:
    """C(r) for r = 0 ... L/2 of each ensemble, and its parts within and between realizations."""
    rows = []
    for pair in merged(*ensembles).items():
        distances = range(pair[0].length // 2 + 1)
        found = estimates.correlation(*pair, (0, len(distances)))
        rows += [
            entry(*pair, distance=r)
            | valued("correlation within between", found.entry(slice(None), r))
            for r in distances
        ]
    return frame(rows, "distance correlation error within within_error between between_error")


def tails(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean of C(r) over r = 3 ... L/2 of each ensemble.

    `conserved` is what S^z conservation alone leaves, `perturbation.conserved_tail`.
    """
    return each(
        "tail error within within_error conserved",
        lambda *pair: (
            valued("tail within", estimates.far_correlation(*pair))
            | {"conserved": perturbation.conserved_tail(pair[0])}
        ),
        *ensembles,
    )


def enhancements(
    probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...], *parts: str
) -> pd.DataFrame:
    """C(r) of a system minus that of the isolated chain of L + 2, mean over r = 3 ... L/2.

    A row for each of these `PARTS`, the whole if none is named. `conserved` is how much of it S^z
    conservation gives to the shorter chain.
    """
    rows = []
    for probe, chain in compared(merged(*probes), merged(*references)):
        change = estimates.enhancement(*probe, *chain)
        ours, isolated = (perturbation.conserved_tail(model) for model in (probe[0], chain[0]))
        rows += [
            entry(*probe, chain, reference=chain[0].boundary, part=part, conserved=ours - isolated)
            | valued("enhancement", change.entry(PARTS.index(part)))
            for part in parts or PARTS[:1]
        ]
    return frame(rows, "reference part enhancement error conserved")


AGAINST = Column("reference", "against", "{}, $L+2$".format)
ENHANCEMENTS = text.Crossed(
    [text.SYSTEM, AGAINST, LENGTH, Column("part", "part")], "disorder", "$W = {:g}$",
    Column("enhancement error", "", text.times(1e3)), text.QUOTED,
)  # fmt: skip
"""In 10^-3."""


# The artefact of S^z conservation


def conserved_tails(
    *ensembles: Ensembles, realizations: int = 1000, states: int = 50
) -> pd.DataFrame:
    """Far correlations of open chains with what conservation alone gives, two ways.

    `over` is "all": C(r) of Eq. (7), whose variances hold the disorder's own; or "fixed": over
    the states of one realization, then averaged. `measured` is of the ensemble, `sampled` of
    `experiments.conserved_sample` with as many states in the window, `whole` with all states of
    the sector, `formula` is `averaged_tail` or `pearson_tail`.
    """
    rows = []
    for model, data in open_chains(*ensembles).items():
        if model.length < 2 * estimates.FAR:
            continue
        of = {"measured": data} | {
            name: experiments.conserved_sample(model.length, model.disorder, realizations, count)
            for name, count in (("sampled", states), ("whole", None))
        }
        averaged = perturbation.averaged_tail(model.length, model.disorder)
        fixed = perturbation.pearson_tail(model.length)
        for over, function, formula in (
            ("all", estimates.far_correlation, averaged),
            ("fixed", estimates.fixed_disorder_correlation, fixed),
        ):
            row = entry(model, data, over=over, formula=formula)
            for name, records in of.items():
                row |= named(name, function(model, records))
            rows.append(row)
    table = frame(
        rows, "over measured measured_error sampled sampled_error whole whole_error formula"
    )
    return table.sort_values(["over", "length", "disorder"])


CONSERVED = (
    Column("over", "over", {"all": "all realizations", "fixed": "one sample's states"}.get),
    LENGTH,
    DISORDER,
    *(
        Column(f"{name} {name}_error", heading, text.times(1e3))
        for name, heading in (
            ("measured", "measured"), ("sampled", "sampled"), ("whole", "all states")
        )
    ),
    Column("formula", "formula", lambda value: f"{1e3 * value:.1f}"),
)  # fmt: skip


def conserved_texts(table: pd.DataFrame) -> dict[str, str]:
    """How large the artefact is, what it should be, and how it falls with L, as texts.

    Of the states of one realization, and of all: product states in the same window, and the
    formula for all states of the sector.
    """
    texts = {"conserved_disorders": text.listed(table.disorder)}
    for over in ("all", "fixed"):
        rows, name = table[table.over == over], f"artefact_{over}"
        for kind in ("formula", "sampled"):
            texts |= dict.fromkeys((name, f"{name}_{kind}", f"{name}_{kind}_chi2"), UNKNOWN)
            if rows.empty:
                continue
            inverse = 1 / rows.measured_error**2
            weights = inverse / inverse.sum()
            error = rows.get(f"{kind}_error", 0 * inverse)
            chi2 = ((rows.measured - rows[kind]) ** 2 / (rows.measured_error**2 + error**2)).sum()
            texts |= {
                name: number(rows.measured @ weights, inverse.sum() ** -0.5),
                f"{name}_{kind}": number(rows[kind] @ weights, np.sqrt(error**2 @ weights**2)),
                f"{name}_{kind}_chi2": f"{chi2:.1f} for {len(rows)}",
            }
    fixed = table[table.over == "fixed"].groupby("length")
    by_length = fixed[["sampled", "formula"]].mean().reset_index()
    error = fixed.sampled_error.agg(lambda e: np.sqrt((e**2).sum()) / len(e)).to_numpy()
    texts["artefact_exponent"] = texts["artefact_formula_exponent"] = UNKNOWN
    if len(by_length) >= 3 and by_length["sampled"].min() > 0:
        fit = statistics.fit_power_law(by_length.length, by_length["sampled"], error)
        texts["artefact_exponent"] = number(fit.values["exponent"], fit.errors["exponent"])
        steps = np.polyfit(np.log(by_length.length), np.log(by_length.formula), 1)
        texts["artefact_formula_exponent"] = f"{-steps[0]:.1f}"
    return texts


def approach_texts(*ensembles: Ensembles) -> dict[str, str]:
    """C(r) within realizations at r = 3 and L/2 beside the formula for large r, as texts.

    Of the longest open chain of `ENOUGH` realizations, at the weakest disorder there is of it.
    """
    names = ("length", "disorder", "near", "far", "formula")
    texts = {f"approach_{name}": UNKNOWN for name in names}
    found = open_chains(*ensembles, least=ENOUGH)
    able = [model for model in found if model.length >= 2 * estimates.FAR]
    if able:
        model = max(able, key=lambda one: (one.length, -one.disorder))
        data = found[model]
        within = estimates.correlation(model, data, among=estimates.far(model.length))
        shown = {name: within.entry(1, at) for name, at in (("near", 0), ("far", -1))}
        texts |= {
            f"approach_{name}": number(float(one.value), float(one.error))
            for name, one in shown.items()
        }
        texts["approach_length"] = str(model.length)
        texts["approach_disorder"] = f"{model.disorder:g}"
        texts["approach_formula"] = (
            f"{perturbation.averaged_tail(model.length, model.disorder):.4f}"
        )
    return texts
