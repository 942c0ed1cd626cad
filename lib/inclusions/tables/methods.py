"""How well the ensembles are known, and the methods at work on small samples, as tables."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from inclusions import estimates, experiments, text
from inclusions.eigen.types import Eigenpairs
from inclusions.model import Model
from inclusions.tables import Ensembles, each, entry, valued
from inclusions.text import DISORDER, LENGTH, UNKNOWN, Column, number

# The solver on one sample

DIMENSION = Column("dimension", "dimension", text.grouped)

FACTORS = (
    LENGTH,
    DIMENSION,
    Column("nonzeros", "entries of $H$", text.grouped),
    Column("entries", "entries of $L$", text.grouped),
    Column("share", "of the full triangle", lambda share: text.percent(share, ".0f")),
    Column("flops", "operations", text.power),
)

INERTIA = (
    Column("shift", r"$\sigma$ $(J)$", number),
    Column("negative", "negative pivots"),
    Column("below", "levels below, LAPACK"),
)

AGAINST_LAPACK = (
    text.SYSTEM,
    LENGTH,
    DISORDER,
    Column("dimension", "dimension"),
    Column("difference", "levels differ by $(J)$", text.power),
    Column("residual", "residual $(J)$", text.power),
    Column("spacing", "mean spacing $(J)$", text.power),
    Column("certificate", "certificate"),
)


def phases(pairs: Eigenpairs) -> pd.DataFrame:
    """What one solve did, phase by phase: its share of the time."""
    whole = sum(pairs.report.seconds.values())
    shares = pairs.report.seconds.items()
    return pd.DataFrame([{"phase": phase, "share": seconds / whole} for phase, seconds in shares])


PHASES = (
    Column("phase", "phase"),
    Column("share", "share of the time", lambda share: text.percent(share, ".0f")),
)


def solve_texts(pairs: Eigenpairs) -> dict[str, str]:
    """What one solve did, in words."""
    report = pairs.report
    return {
        "solver": report.solver,
        "dimension": str(pairs.states.shape[0]),
        "states": str(pairs.energies.size),
        "solves": str(report.counts.get("solves", UNKNOWN)),
        "vectors": str(report.counts.get("vectors", UNKNOWN)),
        "residual": text.magnitude(pairs.residuals.max()),
        "certificate": pairs.certificate.status,
        "levels": str(pairs.certificate.levels),
    }


# Statistics


def naive_errors(ensembles: Ensembles) -> pd.DataFrame:
    """Error of the mean purity at mid-chain: realizations resampled, and states taken as samples.

    `inflation` is the square of their ratio: how many states count as one.
    """

    def row(model: Model, data: xr.Dataset) -> dict:
        found = estimates.site_purity(model, data, model.length // 2)
        naive = estimates.naive_error(data, model.length // 2)
        ratio = float(found.error) / naive
        return valued("purity", found) | {"naive": naive, "ratio": ratio, "inflation": ratio**2}

    table = each("purity error naive ratio inflation", row, ensembles)
    return table.sort_values(["length", "disorder"])


NAIVE = (
    DISORDER,
    Column("purity error", r"$\bar\gamma$", number),
    Column("naive", "naive error", ".5f"),
    Column("error", "from realizations", ".5f"),
    Column("ratio", "too small by", ".1f"),
    Column("inflation", "states that count as one", ".0f"),
)


def coverage_texts(
    ensembles: Ensembles, realizations: int = 20, trials: int = 400
) -> dict[str, str]:
    """How often either error bar of a few realizations covers the mean of all, as texts.

    Drawn from the ensemble of most realizations: an honest bar of one standard deviation covers
    in 68 % of the trials.
    """
    names = ("naive", "clustered", "model", "trials", "drawn")
    if not ensembles.found:
        return {f"coverage_{name}": UNKNOWN for name in names}
    model, data = max(ensembles.found.items(), key=lambda pair: pair[1].sizes["realization"])
    found = experiments.coverage(data, realizations, trials)
    kind = text.system(model.bubble, model.boundary)
    return {
        "coverage_naive": text.percent(found.naive, ".0f"),
        "coverage_clustered": text.percent(found.clustered, ".0f"),
        "coverage_model": f"{kind}, L = {model.length}, W = {model.disorder:g} J",
        "coverage_trials": str(trials),
        "coverage_drawn": str(realizations),
    }


# Quality of the data


def quality(*ensembles: Ensembles) -> pd.DataFrame:
    """One row for each ensemble: realizations done, residuals, certificates, conserved S^z.

    A model may have several, of fifty states and of ten.
    """
    rows = {}
    for part in ensembles:
        for model, data in part.found.items():
            missing = data.missing_levels.values
            retries = data.retries.values if "retries" in data else np.full(len(missing), -1)
            row = entry(model, data) | {
                "told": int((retries >= 0).sum()),
                "retried": int((retries > 0).sum()),
                "states": int(data.states.sum()),
                "residual": float(data.residual.max()),
                "certified": float((missing == 0).mean()),
                "missing_levels": int(missing[missing > 0].sum()),
                "magnetization_error": float(data.magnetization_error.max()),
                "core_hours": float(data.seconds.sum()) / 3600,
            }
            rows[row["sources"]] = row
    columns = ["bubble", "boundary", "length", "disorder", "bandwidth", "realizations", "states"]
    columns += ["residual", "certified", "missing_levels", "magnetization_error", "core_hours"]
    columns += ["sources", "told", "retried"]
    table = pd.DataFrame(rows.values(), columns=columns)
    return table.sort_values(["bubble", "boundary", "length", "disorder", "bandwidth"])


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """The quality of each curve: one row for all points of a system and length.

    Columns: bubble, boundary, length, points, least and most realizations, residual, certified,
    missing_levels, core_hours, sources.
    """
    return pd.DataFrame(
        {
            "bubble": bubble, "boundary": boundary, "length": length, "points": len(rows),
            "least": rows.realizations.min(), "most": rows.realizations.max(),
            "residual": rows.residual.max(),
            "certified": np.average(rows.certified, weights=rows.realizations),
            "missing_levels": rows.missing_levels.sum(), "core_hours": rows.core_hours.sum(),
            "sources": " ".join(rows.sources),
        }
        for (bubble, boundary, length), rows in table.groupby(["bubble", "boundary", "length"])
    )  # fmt: skip


CERTIFIED = Column("certified", "certified", text.percent)
RESIDUAL = Column("residual", "worst residual $(J)$", text.power)

CURVES = (
    text.SYSTEM,
    LENGTH,
    Column("points", "points"),
    Column("least most", "realizations", lambda *ends: text.spread(ends)),
    RESIDUAL,
    CERTIFIED,
    Column("missing_levels", "levels missed"),
    Column("core_hours", "core-hours", text.rounded),
)

POINTS = (
    text.SYSTEM,
    LENGTH,
    DISORDER,
    Column("bandwidth", r"$\beta$ $(J)$", lambda b: f"{b:g}" if b and np.isfinite(b) else "–"),
    Column("realizations", "realizations"),
    RESIDUAL,
    CERTIFIED,
)


def quality_texts(table: pd.DataFrame) -> dict[str, str]:
    """The whole of it in a few numbers."""
    if table.empty:
        names = "points states residual certified missed magnetization hours told"
        return {f"quality_{name}": UNKNOWN for name in names.split()}
    share = np.average(table.certified, weights=table.realizations)
    return {
        "quality_points": str(len(table)),
        "quality_states": text.grouped(table.states.sum()),
        "quality_residual": f"{text.magnitude(table.residual.max())}\xa0J",
        "quality_certified": text.percent(share),
        "quality_missed": str(table.missing_levels.sum()),
        "quality_magnetization": text.magnitude(table.magnetization_error.max()),
        "quality_hours": text.rounded(table.core_hours.sum()),
        "quality_told": _retries(table.told.sum(), table.retried.sum()),
    }


def _retries(told: int, retried: int) -> str:
    """How often a solve was repeated, in words; no record may say."""
    if not told:
        return "no record kept here has it"
    return f"of the {text.grouped(told)} that have it {text.grouped(retried)} were solved again"


def end_symmetry(*ensembles: Ensembles) -> pd.DataFrame:
    """Mean purity of site 0 minus that of site L-1, which a mirror image exchanges.

    One row for each ensemble: `difference`, its standard `error` over realizations, `score`.
    """

    def row(model: Model, data: xr.Dataset) -> dict:
        found = estimates.end_difference(model, data)
        return valued("difference", found) | {"score": float(found.value / found.error)}

    return each("difference error score", row, *ensembles)


def symmetry_texts(table: pd.DataFrame) -> dict[str, str]:
    """Whether both ends are alike: chi2 of all differences, and how many exceed their error."""
    if table.empty:
        names = ("count", "chi2", "probability", "beyond", "expected")
        return {f"symmetry_{name}": UNKNOWN for name in names}
    chi2, count = float((table.score**2).sum()), len(table)
    return {
        "symmetry_count": str(count),
        "symmetry_chi2": f"{chi2:.0f}",
        "symmetry_probability": f"{special.chdtrc(count, chi2):.2g}",
        "symmetry_beyond": str(int((table.score.abs() > 2).sum())),
        "symmetry_expected": f"{count * 2 * special.ndtr(-2):.0f}",
    }
