"""Figures and equations of the paper: where they are in the book, verdict, sizes there and here."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from inclusions.claims import Verdict
from inclusions.claims.report import escaped, marked


class Figure(NamedTuple):
    """A figure of the paper."""

    paper: str
    shows: str
    labels: str  # of the book's figures or tables
    claims: tuple[str, ...]
    sizes: str  # as the paper states them in its text or caption


FIGURES = (
    Figure("Fig. 1", "set-up", "fig-setup", (), "–"),
    Figure("Fig. 2", "mean gap ratio", "fig-gap-ratios", ("C1",), "not in its text"),
    Figure("Fig. 2, inset", "crossings", "tab-crossings", ("C2", "C16"), "not in its text"),
    Figure("Fig. 3", "purity against distance", "fig-purity-profiles", ("C7",), "16, 18"),
    Figure("Fig. 4", "purity at distance 5", "fig-fixed", ("C8",), "not in its text"),
    Figure(
        "Fig. 5",
        "correlations",
        "fig-correlations fig-correlations-largest",
        ("C9",),
        "not in its text",
    ),
    Figure("Fig. 6", "choice of β", "fig-bandwidth", ("C3",), "not in its text"),
    Figure(
        "Fig. 7", "magnetization", "fig-magnetization fig-magnetization-largest", ("C10",), "18, 20"
    ),
    Figure("Fig. 8", "size of the bubble", "fig-sizes", ("C11",), "14"),
    Figure("Fig. 9", "plateaus", "fig-plateaus", ("C12",), "16, 18"),
)

EQUATIONS = (
    ("(1)", "chain and bubble", "eq-hamiltonian", ""),
    ("(2)", "the chain", "eq-chain", ""),
    ("(3)", "the coupling", "eq-coupling", ""),
    ("(4)", "the bubble's matrices", "eq-goe", ""),
    ("(5)", "purity from magnetization", "eq-purity", ""),
    ("(6)", "purity with avalanches", "eq-mean-purity", "errata 1 and 8"),
    ("(7)", "correlation of purities", "eq-purity-correlation", "erratum 7"),
    ("(8)", "resonance or not", "eq-resonance-ratio", "erratum 2, on what follows from it"),
    ("(9)", "the chain with Pauli matrices", "eq-pauli-chain", ""),
    ("(10), (11)", "rotation to first order", "eq-generator", "erratum 9"),
    ("(12)", "its matrix elements", "eq-admixture", "erratum 4"),
    ("(13) – (16)", "shift of the magnetization", "eq-magnetization-shift", "erratum 5"),
    ("(17) – (21)", "purity to second order", "eq-perturbative-purity", "erratum 5"),
    ("(22), (23)", "correlation of two purities", "eq-bracket-closed", "erratum 6"),
)
"""Number in the paper, what it says, label in the book, what is amiss."""


def figures(verdicts: Sequence[Verdict], labels: Iterable[str]) -> pd.DataFrame:
    """One row for each figure of the paper."""
    by_id, labels = {one.id: one for one in verdicts}, set(labels)
    rows = []
    for one in FIGURES:
        sizes = sorted({length for id in one.claims for length in by_id[id].sizes})
        said = [f"{id} {marked(by_id[id].verdict)}" for id in one.claims]
        rows.append({
            "paper": one.paper, "shows": one.shows, "here": _references(one.labels, labels),
            "verdict": ", ".join(said) or "–", "$L$ there": one.sizes,
            "$L$ here": ", ".join(map(str, sizes)) or "–",
        })  # fmt: skip
    return pd.DataFrame(rows)


def equations() -> pd.DataFrame:
    """One row for each equation of the paper that the book states or derives."""
    return pd.DataFrame(
        {"paper": f"Eq. {number}" if "," not in number and "–" not in number else f"Eqs. {number}",
         "says": says, "here": f"Eq.\xa0{{eq}}`{label}`", "amiss": amiss or "–"}
        for number, says, label, amiss in EQUATIONS
    )  # fmt: skip


def claims(verdicts: Sequence[Verdict], labels: Iterable[str]) -> pd.DataFrame:
    """One row for each claim of the paper."""
    labels = set(labels)
    return pd.DataFrame(
        {
            "": f"{{ref}}`{one.id} <{one.id.lower()}>`", "paper": one.where,
            "claim": escaped(one.claim), "here": _references(one.label, labels),
            "verdict": marked(one.verdict), "$L$ here": ", ".join(map(str, one.sizes)) or "–",
        }
        for one in verdicts
    )  # fmt: skip


def _references(wanted: str, labels: set[str]) -> str:
    found = (f"{{numref}}`{label}`" for label in wanted.split() if label in labels)
    return ", ".join(found) or "–"
