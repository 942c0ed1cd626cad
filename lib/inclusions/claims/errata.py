"""Where the paper's formulas do not hold together: what follows instead, and the evidence."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from inclusions import avalanche, experiments, perturbation
from inclusions.claims import Verdict
from inclusions.claims.report import escaped
from inclusions.disorder import draw
from inclusions.experiments import SEED
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.text import power, span

# Errata


class Erratum(NamedTuple):
    """Where a formula of the paper does not hold together, and what shows it."""

    number: int  # as the pages count them
    where: str
    printed: str
    correct: str
    evidence: str
    label: str


def table(verdicts: Sequence[Verdict], labels: Iterable[str] = ()) -> pd.DataFrame:
    """The errata with their evidence, computed, and where the book shows it."""
    labels, by_id = set(labels), {one.id: one for one in verdicts}
    errata = [*_of_avalanches(by_id), *_of_the_expansion(by_id), *_of_words()]
    return pd.DataFrame(
        {
            "": one.number,
            "paper": one.where,
            "printed": one.printed,
            "follows": one.correct,
            "evidence": one.evidence
            + (f" {{numref}}`{one.label}`." if one.label in labels else ""),
        }
        for one in sorted(errata, key=lambda one: one.number)
    )


def _of_avalanches(by_id: dict[str, Verdict]) -> list[Erratum]:
    """Sec. II, IV and SM D: dimensions, and what they make of a purity."""
    xi = avalanche.CRITICAL_LENGTH * np.linspace(0.1, 0.9, 17)
    stated = 4 ** (1 / (1 - xi / avalanche.CRITICAL_LENGTH))  # n_GOE = 4
    ours = np.abs(avalanche.thermal_dimension(xi, 4) / stated - 1).max()
    ratio = 4 * 4.0 ** avalanche.printed_distance(xi, 4) / stated
    printed = np.maximum(ratio, 1 / ratio).max()
    excess, power_law = experiments.random_vectors()
    falling = 1 / avalanche.effective_dimension(np.arange(8), 1.0, 4, 16)
    rising = np.diff(falling).min() > 0
    beyond = avalanche.effective_dimension(8, 0.5, 4, 16)
    return [
        Erratum(
            1, "Sec. II, Eq. (6)", r"$\gamma - \frac12 \sim d^{-1/2}$",
            r"$d^{-1}$: $\langle S^z\rangle \sim d^{-1/2}$, squared; $1/(d+2)$ for random vectors",
            f"Random vectors of sectors of {excess[0][0]} to {excess[-1][0]} states have "
            f"{span([ratio for _, ratio in excess])} times $1/(d+2)$, a power of "
            f"${power_law:.2f}$. Of eigenstates: {_evidence(by_id, 'C5')} "
            + _evidence(by_id, "C5", "exponent of d minus the printed"),
            "fig-ergodic",
        ),
        Erratum(
            2, "SM D", r"$\ell_c = (1/\xi - 1/\xi_*)^{-1/2} \ln n$",
            r"$\ell_c = \frac12 (1/\xi - 1/\xi_*)^{-1} \ln n$",
            f"$n 4^{{\\ell_c}}$ misses the paper's own $n^{{1/(1-\\xi/\\xi_*)}}$ by up to a "
            f"factor {printed:.0f} as printed ($\\xi \\leq 0.9\\,\\xi_*$), and by {power(ours)} of "
            "it as corrected.",
            "fig-resonances",
        ),
        Erratum(
            3, "SM D", r"$d_{\mathrm{eff},i} = e^{+2i/\xi} d_\mathrm{therm}$",
            r"$e^{-2i/\xi} d_\mathrm{therm}$, as in Sec. IV",
            "Only so " + ("does" if rising else "should") + " the purity rise with the distance.",
            "fig-ergodic-term",
        ),
        Erratum(
            8, "Sec. IV, Eq. (6)", r"$p\, d_{\mathrm{eff},i}^{-1/2}$",
            r"bounded by $\bar\gamma_\mathrm{XXZ} - \frac12$",
            f"Beyond the avalanche $d_\\mathrm{{eff}} < 1$ ({power(float(beyond))} at $i = 8$, "
            "$\\xi = 0.5$, $L = 16$), and the term exceeds any purity.",
            "fig-ergodic-term",
        ),
    ]  # fmt: skip


def _of_the_expansion(by_id: dict[str, Verdict]) -> list[Erratum]:
    """SM E: the rotation, its energies and prefactors, and the correlation that it leaves."""
    taken, other = experiments.conjugations()
    flips, halved = experiments.flip_energies()
    whole, free = 16, perturbation.correlation_bracket(16)
    fall = perturbation.averaged_tail(whole, 200) / perturbation.averaged_tail(whole, 100)
    mixing = perturbation.generator(build(draw(Model(6, 10.0), SEED, 0)))
    return [
        Erratum(
            9, "Eq. (10)", r"$e^{iA}$, $A$ Hermitian",
            r"$e^{A}$: paper Eq. (11) is real and antisymmetric",
            f"On a chain of 6 the largest entry of A is {np.abs(mixing).max():.2g}, of "
            f"$A + A^\\mathsf{{T}}$ {np.abs(mixing + mixing.T).max():.0g}.", "",
        ),
        Erratum(
            9, "Eq. (14)", r"$+ i[A, \sigma^z_i]$",
            r"$- i[A, \sigma^z_i]$ for the $e^{iA}$ of paper Eq. (10)",
            "For a Hermitian A of norm 0.01 the expansion misses "
            f"$e^{{-iA}} \\sigma e^{{iA}}$ by {power(other)} as printed and by {power(taken)} with "
            "the other sign. Harmless: the term has no expectation value.", "",
        ),
        Erratum(
            4, "Eq. (12)", r"$J(\eta_{i+1} - \eta_i)$ over $4(h_{i+1} - h_i) + 2 J_z(\dots)$",
            r"$J(\eta_i - \eta_{i+1})$, as in paper Eq. (11), over "
            r"$4(h_{i+1} - h_i) + 4 J_z(\dots)$",
            "Of all flips in all configurations of a chain of 8, the energy of paper Eq. (9) "
            f"differs from the corrected one by {power(flips)}, from the printed one by up to "
            f"{halved:.2g} $J_z$.", "",
        ),
        Erratum(
            5, "Eqs. (16), (19), (21)", "prefactors 2, 2, 4; a plus sign in (19)",
            r"$\frac1{16}$ of it in (16), $\frac18$ in (19) and (21); a minus sign",
            f"{_evidence(by_id, 'C14')} {_evidence(by_id, 'C14', 'as printed')}", "fig-expansion",
        ),
        Erratum(
            6, "Eq. (23)", r"bracket $2/L^2$", r"$2L/[(L-1)^2(L-3)]$",
            f"At $L = {whole}$ the exact one is {free * whole**2 / 2:.2f} times the printed. "
            + _evidence(by_id, "C15"),
            "fig-conservation",
        ),
        Erratum(
            6, "Eq. (23), Sec. IV", r"covariance of order $(J/W)^2$, $C(r) \propto W^{-2}$",
            r"covariance $(J/W)^4$ at fixed fields and $W^{-2}$ over disorder; "
            r"$C(r)$ is free of $W$ at fixed fields and $\propto W^{-1}$ over disorder",
            f"Twice the disorder leaves {fall:.2f} of $C(r)$ over disorder. At fixed fields: "
            + _evidence(by_id, "C15", "minus the exact"), "fig-conserved",
        ),
    ]  # fmt: skip


def _of_words() -> list[Erratum]:
    """What is only written in another way than it is meant."""
    return [
        Erratum(
            7, "Eq. (7)",
            r"$\overline{\gamma_0 - \bar\gamma_0}\;\overline{\gamma_r - \bar\gamma_r}$",
            "one overline over the product", "As printed the numerator is 0 identically.",
            "fig-correlations",
        ),
        Erratum(
            7, "Sec. II", "$S_z = 1$ for odd $L$", r"$S^z = \frac12$; the paper counts $2S^z$",
            "An odd number of spins 1/2 has no integer $S^z$.", "",
        ),
        Erratum(
            7, "Fig. 9", r"$\gamma_0$ of the fit, $\delta_0$ in the text", "one name",
            r"$\gamma_0$ is also the purity of site 0.", "fig-plateaus",
        ),
    ]  # fmt: skip


def _evidence(by_id: dict[str, Verdict], id: str, part: str = "") -> str:
    """What the first of a claim's tests with this in its name measured, as a sentence.

    Of several the first that decides: what is told is evidence.
    """
    one = by_id[id]
    for test in sorted((*one.tests, *one.beside), key=lambda test: test["holds"] is None):
        if part in test["name"]:
            return f"{id}: {escaped(test['name'])}, {escaped(test['shown'])}."
    return f"{id} is {one.verdict}."
