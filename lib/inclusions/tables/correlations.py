"""The chapter on correlations: with and without bubble, and what conservation leaves."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from inclusions import perturbation, statistics
from inclusions.basis import chain_states, spins
from inclusions.disorder import draw
from inclusions.model import Model
from inclusions.statistics import Estimate, combine
from inclusions.tables import (
    LEAST,
    SIGNIFICANT,
    UNKNOWN,
    Ensembles,
    entry,
    frame,
    magnitude,
    merged,
    name_of,
    number,
    partners,
    seed_of,
    settled,
    sign,
    weighted_line,
)

FAR = 3
"""Distance from which a correlation counts as far: from there no bond is shared."""


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
            entry(
                model, data, distance=r,
                correlation=float(found.value[r]), error=float(found.error[r]),
            )
            for r in range(model.length // 2 + 1)
        ]  # fmt: skip
    return frame(rows, "distance", "correlation", "error", "realizations")


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
            entry(
                model, data, tail=float(tail.value), error=float(tail.error),
                conserved=_conserved(model),
            )
        )  # fmt: skip
    return frame(rows, "tail", "error", "conserved", "realizations")


def enhancements(probes: tuple[Ensembles, ...], references: tuple[Ensembles, ...]) -> pd.DataFrame:
    """C(r) of a system minus that of the isolated chain of L + 2, mean over r = 3 ... L/2.

    `conserved` is how much of it S^z conservation gives to the shorter chain.
    """
    first, second = merged(*probes), merged(*references)
    rows = []
    for model, partner in partners(first, second):
        far = _far(model.length)
        pair = _correlation(model, first[model]), _correlation(partner, second[partner])
        change = combine(lambda a, b, far=far: (a[:, far] - b[:, far]).mean(1), *pair)
        ends = [_conserved(one) for one in (model, partner)]
        rows.append(
            entry(
                model, first[model], reference=partner.boundary,
                enhancement=float(change.value), error=float(change.error),
                conserved=ends[0] - ends[1],
            )
        )  # fmt: skip
    return frame(rows, "reference", "enhancement", "error", "conserved", "realizations")


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
    """At each of the paper's disorders whether the bubble enhances C(r), and with L.

    The first is of the longest chain with realizations enough, the second of all lengths.
    """
    texts = {}
    for w in disorders:
        key = f"{w:g}".replace(".", "")
        at = table[(table.disorder == w) & (table.bubble == 4)].sort_values("length")
        texts[f"enhanced_{key}"] = texts[f"grows_{key}"] = UNKNOWN
        if len(at):
            row = settled(at).iloc[-1]
            texts[f"enhanced_{key}"] = (
                f"{'yes' if row.enhancement > SIGNIFICANT * row.error else 'not seen'}, "
                f"{number(row.enhancement, row.error)} at $L = {row.length}$"
            )
        if len(at) > 1:
            slope, error, _ = weighted_line(at.length, at.enhancement, at.error)
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
    texts["tail_least"] = str(LEAST)
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
            rows.append(entry(model, data, **row))
    return frame(
        rows, "over", "measured", "measured_error", "sampled", "sampled_error", "whole",
        "whole_error", "formula", "realizations",
    )  # fmt: skip


def readable_conserved(table: pd.DataFrame) -> pd.DataFrame:
    """Conserved tails in 10^-3 as the page shows them."""
    return pd.DataFrame(
        {
            "over": {"all": "all realizations", "fixed": "one sample's states"}[row.over],
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
