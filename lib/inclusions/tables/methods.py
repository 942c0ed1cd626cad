"""How well the ensembles are known, and the methods at work on small samples, as tables."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from inclusions import statistics
from inclusions.disorder import draw
from inclusions.eigen import Dense, ShiftInvert
from inclusions.eigen.factorization import FACTORIZATIONS
from inclusions.eigen.ordering import structure
from inclusions.eigen.types import certify
from inclusions.hamiltonian import build
from inclusions.model import PARAMETERS, Model
from inclusions.tables import (
    UNKNOWN,
    Ensembles,
    grouped,
    hours,
    magnitude,
    merged,
    name_of,
    number,
    power,
    seed_of,
)

SEED = 1  # of the samples that are solved while the page is built


# The solver on one sample


def factors(lengths: Sequence[int], bubble: int = 4) -> pd.DataFrame:
    """Size of the matrix and of its factor by length; the structure is that of every sample."""
    rows = []
    for length in lengths:
        model = Model(length, 1.0, bubble=bubble)
        shape, n = structure(model.geometry), model.dimension
        rows.append(
            {
                "$L$": length,
                "dimension": grouped(n),
                "entries of $H$": grouped(build(draw(model, SEED, 0)).matrix.nnz),
                "entries of $L$": grouped(shape.entries),
                "of the full triangle": f"{200 * shape.entries / (n * (n + 1)):.0f} %",
                "operations": power(shape.flops),
            }
        )
    return pd.DataFrame(rows)


def solve_report(model: Model, count: int = 50) -> tuple[pd.DataFrame, dict[str, str]]:
    """What one solve did, phase by phase, and in words."""
    pairs = ShiftInvert()(build(draw(model, SEED, 0)), count)
    report = pairs.report
    whole = sum(report.seconds.values())
    phases = pd.DataFrame(
        {"phase": phase, "share of the time": f"{100 * seconds / whole:.0f} %"}
        for phase, seconds in report.seconds.items()
    )
    texts = {
        "solver": report.solver,
        "dimension": str(model.dimension),
        "states": str(count),
        "solves": str(report.counts.get("solves", UNKNOWN)),
        "vectors": str(report.counts.get("vectors", UNKNOWN)),
        "residual": magnitude(pairs.residuals.max()),
        "certificate": pairs.certificate.status,
        "levels": str(pairs.certificate.levels),
    }
    return phases, texts


def inertia(model: Model, count: int = 10) -> tuple[pd.DataFrame, dict[str, str]]:
    """Levels below a few energies, by the signs of D in L D L^T and by LAPACK's full spectrum.

    The texts say what the certificate makes of a list of levels that is complete, and of the same
    list with one level withheld.
    """
    hamiltonian = build(draw(model, SEED, 0))
    everything = Dense()(hamiltonian, model.dimension)
    window = Dense()(hamiltonian, count)
    half = np.ptp(window.energies)
    shifts = np.linspace(window.target - half, window.target + half, 5)
    kind = next(k for k in FACTORIZATIONS.values() if k.counts_levels and k.here())
    negative = []
    with kind.matrix(hamiltonian) as matrix:
        for shift in shifts:
            with matrix.factorize(shift) as factor:
                negative.append(factor.negative)
    table = pd.DataFrame(
        {
            r"$\sigma$ $(J)$": [number(shift, digits=4) for shift in shifts],
            "negative pivots": negative,
            "levels below, LAPACK": [int((everything.energies < s).sum()) for s in shifts],
        }
    )
    inside = int(((everything.energies > shifts[0]) & (everything.energies < shifts[-1])).sum())
    counted = negative[-1] - negative[0]
    texts = {
        "inertia_dimension": model.dimension,
        "inertia_inside": inside,
        "inertia_whole": certify(inside, counted, (shifts[0], shifts[-1])).status,
        "inertia_withheld": certify(inside - 1, counted, (shifts[0], shifts[-1])).status,
    }
    return table, texts


def against_lapack(models: Sequence[Model], count: int = 30) -> pd.DataFrame:
    """Largest deviation of shift-invert from LAPACK in levels and gap ratios, and residuals."""
    rows = []
    for model in models:
        hamiltonian = build(draw(model, SEED, 0))
        ours = replace(ShiftInvert(), spare=6)(hamiltonian, count)
        oracle = Dense()(hamiltonian, count)
        rows.append(
            {
                "system": name_of(model.bubble, model.boundary),
                "$L$": model.length,
                "$W~(J)$": f"{model.disorder:g}",
                "dimension": model.dimension,
                "levels differ by $(J)$": power(np.abs(ours.energies - oracle.energies).max()),
                "residual $(J)$": power(ours.residuals.max()),
                "mean spacing $(J)$": power(np.ptp(oracle.energies) / (count - 1)),
                "certificate": ours.certificate.status,
            }
        )
    return pd.DataFrame(rows)


# Statistics


def naive_errors(ensembles: Ensembles) -> pd.DataFrame:
    """Error of the mean purity at mid-chain: realizations resampled, and states taken as samples.

    `inflation` is the square of their ratio: how many states count as one.
    """
    rows = []
    for model, data in ensembles.found.items():
        site = model.length // 2
        mean = data.linear_entropy.values[:, site].astype(float)
        counts = data.states.values
        variance = mean.var() + data.linear_entropy_variance.values[:, site].mean()
        naive = np.sqrt(variance / counts.sum())
        found = statistics.mean(mean, counts=counts, seed=seed_of(model))
        rows.append(
            model.as_dict()
            | {"purity": 1 - float(found.value), "clustered": float(found.error), "naive": naive}
            | {"inflation": (float(found.error) / naive) ** 2, "realizations": len(mean)}
        )
    columns = ["length", "disorder", "purity", "clustered", "naive", "inflation", "realizations"]
    return pd.DataFrame(rows, columns=columns).sort_values(["length", "disorder"])


def readable_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Both errors as the page shows them."""
    return pd.DataFrame(
        {
            "$W~(J)$": f"{row.disorder:g}",
            r"$\bar\gamma$": number(row.purity, row.clustered),
            "naive error": f"{row.naive:.5f}",
            "from realizations": f"{row.clustered:.5f}",
            "too small by": f"{row.clustered / row.naive:.1f}",
            "states that count as one": f"{row.inflation:.0f}",
        }
        for row in table.itertuples()
    )


def coverage(ensembles: Ensembles, realizations: int = 20, trials: int = 400) -> dict[str, str]:
    """How often either error bar of a few realizations covers the mean of all, as texts.

    Drawn from the ensemble of most realizations: an honest bar of one standard deviation covers
    in 68 % of the trials.
    """
    names = ("coverage_naive", "coverage_clustered", "coverage_model", "coverage_trials")
    if not ensembles.found:
        return dict.fromkeys((*names, "coverage_drawn"), UNKNOWN)
    model, data = max(ensembles.found.items(), key=lambda pair: pair[1].sizes["realization"])
    site = model.length // 2
    mean = data.linear_entropy.values[:, site].astype(float)
    within = data.linear_entropy_variance.values[:, site]
    states = data.states.values.mean()
    draws = np.random.default_rng(seed_of(model)).integers(len(mean), size=(trials, realizations))
    chosen = mean[draws]
    off = np.abs(chosen.mean(axis=1) - mean.mean())
    clustered = chosen.std(axis=1, ddof=1) / np.sqrt(realizations)
    variance = chosen.var(axis=1) + within[draws].mean(axis=1)
    naive = np.sqrt(variance / (realizations * states))
    kind = name_of(model.bubble, model.boundary)
    return {
        "coverage_naive": f"{100 * (off <= naive).mean():.0f} %",
        "coverage_clustered": f"{100 * (off <= clustered).mean():.0f} %",
        "coverage_model": f"{kind}, L = {model.length}, W = {model.disorder:g} J",
        "coverage_trials": str(trials),
        "coverage_drawn": str(realizations),
    }


# Quality of the data


def quality(*ensembles: Ensembles) -> pd.DataFrame:
    """One row for each ensemble: realizations done, residuals, certificates, conserved S^z."""
    rows = {}
    for part in ensembles:
        for model, data in part.found.items():
            missing = data.missing_levels.values
            rows[model] = model.as_dict() | {
                "realizations": data.sizes["realization"],
                "states": int(data.states.sum()),
                "residual": float(data.residual.max()),
                "certified": float((missing == 0).mean()),
                "missing_levels": int(missing[missing > 0].sum()),
                "magnetization_error": float(data.magnetization_error.max()),
                "core_hours": float(data.seconds.sum()) / 3600,
            }
    columns = ["bubble", "boundary", "length", "disorder", "bandwidth", "realizations", "states"]
    columns += ["residual", "certified", "missing_levels", "magnetization_error", "core_hours"]
    table = pd.DataFrame(rows.values(), columns=columns)
    return table.sort_values(["bubble", "boundary", "length", "disorder", "bandwidth"])


def readable_curves(table: pd.DataFrame) -> pd.DataFrame:
    """The quality of each curve: one row for all points of a system and length."""
    return pd.DataFrame(
        {
            "system": name_of(bubble, boundary),
            "$L$": length,
            "points": len(rows),
            "realizations": _range(rows.realizations),
            "worst residual $(J)$": power(rows.residual.max()),
            "certified": _percent(np.average(rows.certified, weights=rows.realizations)),
            "levels missed": rows.missing_levels.sum(),
            "core-hours": hours(rows.core_hours.sum()),
        }
        for (bubble, boundary, length), rows in table.groupby(["bubble", "boundary", "length"])
    )


def readable_points(table: pd.DataFrame) -> pd.DataFrame:
    """The quality of every point."""
    return pd.DataFrame(
        {
            "system": name_of(row.bubble, row.boundary),
            "$L$": row.length,
            "$W~(J)$": f"{row.disorder:g}",
            r"$\beta$ $(J)$": f"{row.bandwidth:g}" if np.isfinite(row.bandwidth or np.nan) else "–",
            "realizations": row.realizations,
            "worst residual $(J)$": power(row.residual),
            "certified": _percent(row.certified),
        }
        for row in table.itertuples()
    )


def quality_texts(table: pd.DataFrame) -> dict[str, str]:
    """The whole of it in a few numbers."""
    if table.empty:
        names = ("points", "states", "residual", "certified", "missed", "magnetization", "hours")
        return {f"quality_{name}": UNKNOWN for name in names}
    share = np.average(table.certified, weights=table.realizations)
    return {
        "quality_points": str(len(table)),
        "quality_states": grouped(table.states.sum()),
        "quality_residual": f"{magnitude(table.residual.max())}\xa0J",
        "quality_certified": _percent(share),
        "quality_missed": str(table.missing_levels.sum()),
        "quality_magnetization": magnitude(table.magnetization_error.max()),
        "quality_hours": hours(table.core_hours.sum()),
    }


def end_symmetry(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean purity of site 0 minus that of site L-1, which a mirror image exchanges.

    One row for each ensemble: `difference`, its standard `error` over realizations, `score`.
    """
    rows = []
    for model, data in merged(*ensembles).items():
        ends = data.linear_entropy.values.astype(float)[:, [0, -1]]
        difference = ends[:, 1] - ends[:, 0]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        rows.append(
            model.as_dict()
            | {"difference": difference.mean(), "error": error}
            | {"score": difference.mean() / error}
        )
    return pd.DataFrame(rows, columns=[*PARAMETERS, "difference", "error", "score"])


def symmetry_texts(table: pd.DataFrame) -> dict[str, str]:
    """Whether both ends are alike: chi2 of all differences, and how many exceed their error."""
    if table.empty:
        names = ("count", "chi2", "probability", "beyond", "expected")
        return {f"symmetry_{name}": UNKNOWN for name in names}
    chi2, count = float((table.score**2).sum()), len(table)
    return {
        "symmetry_count": str(count),
        "symmetry_chi2": f"{chi2:.0f}",
        "symmetry_probability": f"{stats.chi2.sf(chi2, count):.2g}",
        "symmetry_beyond": str(int((table.score.abs() > 2).sum())),
        "symmetry_expected": f"{count * 2 * stats.norm.sf(2):.0f}",
    }


def readable_limits(ratios: pd.DataFrame) -> pd.DataFrame:
    """Mean gap ratios of `tables.gap_ratios` at the ends of each curve, beside their limits."""
    rows = []
    for (bubble, boundary, length), curve in ratios.groupby(["bubble", "boundary", "length"]):
        curve = curve.sort_values("disorder")
        row = {"system": name_of(bubble, boundary), "$L$": length}
        for place, name, limit in (
            (0, "low", statistics.GOE_GAP_RATIO),
            (-1, "high", statistics.POISSON_GAP_RATIO),
        ):
            end = curve.iloc[place]
            row[f"{name} $W~(J)$"] = f"{end.disorder:g}"
            row[rf"$\langle r\rangle$ at {name} $W$"] = number(end.gap_ratio, end.error)
            row[f"minus {limit:.4f}"] = number(end.gap_ratio - limit, end.error)
        rows.append(row)
    return pd.DataFrame(rows)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _range(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return f"{low}" if low == high else f"{low} … {high}"
