"""The scorecard: each of the paper's claims, a statistic with its error, and what follows.

A claim is taken apart into tests (`Part`). Each test says yes, no, or cannot tell, by one rule for
all: a number decides only if it lies `SURE` standard errors from what would decide otherwise.

    positive    yes above 0, no below 0
    small       yes if it cannot be larger than a stated tolerance, no if it must be

A claim is reproduced if all of its tests say yes, not reproduced if one says no, and not decidable
otherwise, or if its ensembles are not there. Errors are from resampling realizations. Ensembles of
fewer than `LEAST` realizations are not used: the largest sizes decide, and one that is only begun
would trade what is known for noise. How many the shorter chains have does not matter: more of them
must never take a longer one out of the reckoning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inclusions import tables
from inclusions.claims.criteria import (
    CROSSING,
    NEAR,
    NOTHING,
    TENTH,
    VERDICTS,
    Finding,
    Missing,
    Part,
    Results,
    judge,
    results,
)
from inclusions.claims.findings import (
    STRONG,
    avalanche_threshold,
    bandwidth_plateau,
    bubble_size_trend,
    conserved_correlation,
    crossing_places,
    ergodic_exponent,
    far_correlation,
    gap_ratio_limits,
    high_disorder_limit,
    long_distance_deficit,
    magnetization_peaks,
    perturbative_agreement,
    plateau_of_deficit,
    purity_growth,
    purity_identity,
    transition_shift,
)

# The scorecard


class Claim(NamedTuple):
    """One claim of the paper and how it is judged."""

    id: str
    claim: str
    where: str
    label: str  # of the figure or section of the book that shows it
    campaigns: tuple[str, ...]
    measure: Callable[[Results], Finding]
    criterion: str


CLAIMS = (
    Claim(
        "C1", "⟨r⟩ goes from 0.5307 to 0.3863 as W grows, with and without bubble", "Fig. 2",
        "fig-gap-ratios", ("gap-ratios",), gap_ratio_limits,
        f"at the lowest W (≤ 1) and the highest (≥ 8) of the longest chain, bubble and open chain, "
        f"⟨r⟩ is within {TENTH:.3f} of the limit, a tenth of the way between the two",
    ),
    Claim(
        "C2", "Pairwise crossings (L, L+2) sit at W ≈ 3.5 … 4, slightly higher with the bubble",
        "Fig. 2 inset", "tab-crossings", ("gap-ratios",), crossing_places,
        "the crossing of the longest pair, bubble and open chain of Eq. (2), is within "
        f"{NEAR} J of {CROSSING} J, and that of the bubble is higher; a crossing that more than "
        "5 % of the resamples lack decides nothing",
    ),
    Claim(
        "C3", "⟨r⟩(β) peaks at nearly one β for all W in 1 … 4; the chosen β lie on the plateau",
        "Fig. 6", "fig-bandwidth", ("bubbles",), bandwidth_plateau,
        f"for every n and W, ⟨r⟩ at the chosen β is within {TENTH:.3f} of its largest value, which "
        "is above both ends of the range of β",
    ),
    Claim(
        "C4", "Eq. (5) holds state by state", "text", "fig-partial-trace", (), purity_identity,
        "γ_i of Eq. (5) and Tr ρ_i² by explicit partial trace differ by less than 10⁻¹² in every "
        "state",
    ),
    Claim(
        "C5", "Ergodic side: γ − 1/2 falls as d^(−1/2)", "text, erratum 1", "fig-ergodic",
        ("gap-ratios",), ergodic_exponent,
        "the fitted exponent at W = 1, its error stretched by the fit's χ, is within 0.1 of the "
        "printed 1/2 and not of the 1 of random-matrix theory; refuted if within 0.1 of 1",
    ),
    Claim(
        "C6", "W → ∞: γ → 1, independent of volume", "text", "fig-losses", ("high-disorder",),
        high_disorder_limit,
        f"1 − γ at mid-chain, extrapolated linearly in 1/W to 0, is below {NOTHING}, and at the "
        "highest W the shortest and longest chain agree within 30 %",
    ),
    Claim(
        "C7", "γ_i rises with distance and saturates below γ_XXZ(L+2) up to W ≈ 5.6 … 6; above, "
        "within errors", "Fig. 3", "fig-purity-profiles", ("gap-ratios", "purities"),
        long_distance_deficit,
        f"in the longest chain, γ_XXZ − γ at mid-chain is above 0 at every W from 4 to 5.6 and "
        f"below {NOTHING} at every W ≥ 7; γ rises from i = 0 to the middle. γ_XXZ is that of the "
        "middle of the open chain",
    ),
    Claim(
        "C8", "γ_5 grows with L for W ≥ 5.2", "Fig. 4", "fig-fixed", ("gap-ratios", "purities"),
        purity_growth,
        "the slope of γ_5 over L, mean over W from 5.2 to 10, is above 0, and at no W below 0",
    ),
    Claim(
        "C9", "The bubble enhances C(r) at W = 4.4, more so for larger L; still at 5.2, "
        "somewhat at 6.0, not at 8.0", "Fig. 5", "fig-correlations", ("gap-ratios", "purities"),
        far_correlation,
        "mean of C(r) over r = 3 … L/2, bubble minus the open chain of L+2: above 0 at W = 4.4 and "
        "5.2, growing from the shortest to the longest L at 4.4, below 0.05 at 8",
    ),
    Claim(
        "C10", "Magnetization histogram: little change at low W; at W = 4 the peaks at ±1 lose "
        "weight to the centre", "Fig. 7", "fig-magnetization", ("gap-ratios",),
        magnetization_peaks,
        f"in the middle of the chain, bubble minus open chain of L+2: at W = 4 the weight at ±1 "
        f"falls and that of the centre rises; at W = 1 both change by less than {NOTHING}",
    ),
    Claim(
        "C11", "γ_i decreases with n_GOE at every distance", "Fig. 8", "fig-sizes",
        ("bubbles",), bubble_size_trend,
        "the slope of γ_i over ln n_GOE, mean over W ≥ 4, is below 0 at every distance",
    ),
    Claim(
        "C12", "γ_XXZ − γ_i ≈ γ_0 + A e^(−i/ξ); γ_0 about 5 % at W = 5.2, consistent with 0 for "
        "W ≥ 7", "Fig. 9", "fig-plateaus", ("gap-ratios", "purities"), plateau_of_deficit,
        f"γ_0/γ_XXZ of the longest chain's fit is within {NOTHING} of 0.05 and above 0 at W = 5.2, "
        f"and within {NOTHING} of 0 at every W ≥ 7; a fit at its limits decides nothing",
    ),
    Claim(
        "C13", "ℓ_c finite iff ξ < ξ_* = 1/ln 2; regimes I and II of Eq. (6)", "SM D",
        "fig-regimes", (), avalanche_threshold,
        "exact: ℓ_c is finite below ξ_*, and only there; far from the bubble in a long chain the "
        "response stays above ξ_* and vanishes below",
    ),
    Claim(
        "C14", "Perturbative purity agrees with exact diagonalization at high disorder", "SM E",
        "fig-expansion", (), perturbative_agreement,
        "live, all states of open chains: the median deviation of the corrected formula is below "
        "5 % of the median 1 − γ at the highest W, and falls with W",
    ),
    Claim(
        "C15", "A residual C(r → ∞) ∝ 1/L² exists without any avalanche, from S^z conservation",
        "SM E", "fig-conservation", ("high-disorder",), conserved_correlation,
        "the exact bracket of Eq. (23) tends to 2/L²; measured over all states of samples at "
        f"W = {STRONG:g} the coefficient at L/2 is above 0 and within a quarter of the exact one",
    ),
    Claim(
        "C16", "Little or no drift of the transition against the bubble-less chain", "Sec. V",
        "tab-midpoints", ("gap-ratios",), transition_shift,
        f"the disorder where ⟨r⟩ is halfway between GOE and Poisson, bubble at L minus open chain "
        f"of L+2, longest pair, is within {NEAR} J of 0, the width of the paper's own range",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """One row of the scorecard."""

    id: str
    claim: str
    where: str
    criterion: str
    statistic: str  # what was measured, the first of the tests
    value: float | None
    error: float | None
    tests: list[dict[str, Any]]  # each test: name, value, error, holds
    sizes: list[int]  # lengths of the chains, empty where nothing but theory is needed
    realizations: list[int]  # fewest and most of an ensemble
    verdict: str
    reason: str
    needed: float | None  # times as many realizations that would decide, if the values stay
    core_hours: float  # of the ensembles used
    command: str  # that computes more
    label: str  # of the figure of the book


def scorecard(data: Path) -> list[Verdict]:
    """The sixteen verdicts from a folder of results.

    Raises:
        DamagedFile: a file differs from its hash in the manifest.
    """
    found = results(data)
    return [verdict(claim, found) for claim in CLAIMS]


def verdict(claim: Claim, results: Results) -> Verdict:
    """The verdict on one claim."""
    command = " && ".join(f"inclusions run {CAMPAIGNS}/{name}.toml" for name in claim.campaigns)
    try:
        finding = claim.measure(results)
    except Missing as missing:
        parts, models, needed, holds = [], [], None, None
        reason = f"{missing}; `{command}` computes them."
        reason = reason[0].upper() + reason[1:]
    else:
        parts, models = finding.parts, list(dict.fromkeys(finding.models))
        holds = judge(parts)
        still = [part.needed for part in parts if part.holds is None]
        needed = max(still) if holds is None else 1.0
        reason = " ".join(filter(None, [_reason(parts, holds), finding.note]))
    head = parts[0] if parts else Part("", np.nan, np.nan, None)
    counts = [results.realizations(model) for model in models]
    return Verdict(
        id=claim.id, claim=claim.claim, where=claim.where, criterion=claim.criterion,
        statistic=head.name, value=_number(head.value), error=_number(head.error),
        tests=[
            {"name": part.name, "value": _number(part.value), "error": _number(part.error),
             "holds": part.holds}
            for part in parts
        ],
        sizes=sorted({model.length for model in models}),
        realizations=[min(counts), max(counts)] if counts else [],
        verdict=VERDICTS[holds], reason=reason,
        needed=None if needed is None else _number(needed),
        core_hours=results.core_hours(models), command=command, label=claim.label,
    )  # fmt: skip


CAMPAIGNS = "book/runs/campaigns"


def _number(value: float) -> float | None:
    """For JSON, which has no nan."""
    return float(value) if np.isfinite(value) else None


def _reason(parts: Sequence[Part], holds: bool | None) -> str:
    """The tests that made the verdict: all if all hold, else those that do not."""
    chosen = [part for part in parts if part.holds is holds]
    if holds:
        return f"{_all_of(len(parts), 'test')} in favour."
    listed = "; ".join(f"{part.name}: {tables.number(part.value, part.error)}" for part in chosen)
    kind = "against" if holds is False else "open"
    rest = len(parts) - len(chosen)
    favour = sum(part.holds is True for part in parts)
    share = _all_of(rest, "other") if favour == rest else f"{favour} of the other {rest}"
    also = f" {share} in favour." if rest else ""
    return f"{len(chosen)} {'tests' if len(chosen) > 1 else 'test'} {kind}: {listed}.{also}"


def _all_of(number: int, noun: str) -> str:
    return {1: f"The {noun}", 2: f"Both {noun}s"}.get(number, f"All {number} {noun}s")
