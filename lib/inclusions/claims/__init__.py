"""The scorecard: each of the paper's claims, a statistic with its error, and what follows.

The only place that says yes, no or cannot tell: pages show its tests and its words. A claim is
taken apart into tests (`Part`), by these rules:

    positive        yes above 0, no below 0, by `SURE` standard errors
    within_error    no if `SURE` errors from 0, else yes; unless our error exceeds the paper's
    inside          no if `SURE` errors outside of the paper's own range, yes inside of it
    small           yes if it cannot be larger than a tolerance that the paper states, no if it must

Errors are those of resampling realizations, sharpened by controls. A claim is reproduced if all of
its tests say yes, not reproduced if one says no, and not decidable otherwise, or if its ensembles
are not there. Nor is it decidable if two readings of the paper's words come to different ends, if
another seed of the resampling does, or if the drift with the length will turn it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inclusions.claims.criteria import (
    CROSSINGS,
    OPEN,
    PAPER_REALIZATIONS,
    SAYS,
    TENTH,
    VERDICTS,
    Drift,
    Finding,
    Missing,
    Part,
    Results,
    results,
    within_error,
)
from inclusions.claims.findings import (
    FIVE,
    NOTHING,
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
from inclusions.text import number

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
    identity: bool = False  # follows from its definitions: checked, and counted apart


RANGE = f"{CROSSINGS[0]} … {CROSSINGS[1]} J"
WIDTH = CROSSINGS[1] - CROSSINGS[0]

CLAIMS = (
    Claim(
        "C1", "⟨r⟩ goes from 0.5307 to 0.3863 as W grows, with and without bubble", "Fig. 2",
        "fig-gap-ratios", ("gap-ratios",), gap_ratio_limits,
        f"at the lowest W (≤ 1) and the highest (≥ 8) of the longest chain, bubble and open chain, "
        f"⟨r⟩ is within {TENTH:.3f} of the limit, a tenth of the way between the two",
    ),
    Claim(
        "C2", "Pairwise crossings (L, L+2) sit at W ≈ 3.5 … 4, slightly higher with the bubble",
        "Fig. 2 inset", "tab-crossings", ("gap-ratios", "crossings"), crossing_places,
        f"the crossing of every pair, of bubble and isolated chain, is inside of {RANGE}, and that "
        "of the bubble is higher, mean over the pairs of equal size; the isolated chain is read as "
        "the open one of Eq. (2), and as a periodic one",
    ),
    Claim(
        "C3", "⟨r⟩(β) peaks at nearly one β for all W in 1 … 4; the chosen β lie on the plateau",
        "Fig. 6", "fig-bandwidth", ("bubbles",), bandwidth_plateau,
        "for every n, W and L, ⟨r⟩ falls from its peak to both ends of the range of β; 'nearly one "
        "β' is read as: at the chosen β nothing is lost beyond the error; and as: the best β of "
        "all W agree by their χ²",
    ),
    Claim(
        "C4", "Eq. (5) holds state by state", "text", "fig-partial-trace", (), purity_identity,
        "γ_i of Eq. (5) and Tr ρ_i² by explicit partial trace differ by less than 10⁻¹² in every "
        "state", identity=True,
    ),
    Claim(
        "C5", "Ergodic side: γ − 1/2 falls as d^(−1/2)", "text, erratum 1", "fig-ergodic",
        ("gap-ratios",), ergodic_exponent,
        "at W = 1 one power of d describes all lengths (its χ² is not improbable by three standard "
        "deviations), and it is 1/2 within the error; read of the whole of γ − 1/2, and of the "
        "part that scatters over the states, which random-matrix theory is about",
    ),
    Claim(
        "C6", "W → ∞: γ → 1, independent of volume", "text", "fig-losses", ("high-disorder",),
        high_disorder_limit,
        "1 − γ at mid-chain, extrapolated linearly in 1/W, is 0 within its error; and (1 − γ) "
        "(L−1)/L has no slope in L at any W ≥ 15 beyond the error; L ≥ 10, where 50 states "
        "are the middle of the spectrum",
    ),
    Claim(
        "C7", "γ_i rises with distance and saturates below γ_XXZ(L+2) up to W ≈ 5.6 … 6; above, "
        "within errors", "Fig. 3", "fig-purity-profiles", ("gap-ratios", "purities"),
        long_distance_deficit,
        "in the longest chain, γ_XXZ − γ at mid-chain is above 0 at every W from 4 to 5.6 and 0 "
        "within its error at every W > 6; γ rises from i = 0 to the middle; γ_XXZ is read as that "
        "of the middle of the open chain, and of all its sites",
    ),
    Claim(
        "C8", "γ_5 grows with L for W ≥ 5.2", "Fig. 4", "fig-fixed", ("gap-ratios", "purities"),
        purity_growth,
        "the weighted slope of γ_5 over all lengths with data, mean over W from 5.2 to 10, is "
        "above 0, and at no W below 0",
    ),
    Claim(
        "C9", "The bubble enhances C(r) at W = 4.4, more so for larger L; still at 5.2, "
        "somewhat at 6.0, not at 8.0", "Fig. 5", "fig-correlations", ("gap-ratios", "purities"),
        far_correlation,
        "mean of C(r) over r = 3 … L/2, bubble minus the open chain of L+2, weighted mean over all "
        "L ≥ 10: above 0 at W = 4.4, 5.2 and 6, with a slope in L above 0 at 4.4, and 0 within its "
        "error at 8",
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
        f"γ_0 of the longest chain's fit is inside of {100 * FIVE[0]:g} … {100 * FIVE[1]:g} % and "
        "above 0 at W = 5.2, and 0 within its error at every W ≥ 7; read as a share of γ_XXZ or of "
        "γ_XXZ − 1/2, of the middle or of all sites; a fit at its limits decides nothing",
    ),
    Claim(
        "C13", "ℓ_c finite iff ξ < ξ_* = 1/ln 2; regimes I and II of Eq. (6)", "SM D",
        "fig-regimes", (), avalanche_threshold,
        "exact: ℓ_c is finite below ξ_*, and only there; far from the bubble in a long chain the "
        "response stays above ξ_* and vanishes below", identity=True,
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
        "the exact bracket of Eq. (23) tends to 2/L², and the normalised tail falls with the power "
        f"2 of L at large L; measured over all states of samples at W = {STRONG:g} the coefficient "
        "at L/2 is above 0 and the exact one within its error",
    ),
    Claim(
        "C16", "Little or no drift of the transition against the bubble-less chain", "Sec. V",
        "tab-midpoints", ("gap-ratios", "crossings"), transition_shift,
        f"bubble at L minus open chain of L+2 is within {WIDTH:g} J of 0, the width of the paper's "
        "own range, at every pair: read by crossings, as the paper does, and by midpoints, where "
        "⟨r⟩ is halfway between GOE and Poisson",
    ),
)  # fmt: skip


CHOICES: dict[str, dict[str, Any]] = {
    "another seed of the resampling": {"how": {"salt": 1}},
    "a third seed": {"how": {"salt": 2}},
    "without the longest chain": {"shorter": True},
    "without controls": {"how": {"plain": True}},
    "2000 samples without controls": {"how": {"plain": True, "as_many": PAPER_REALIZATIONS}},
}
"""Other choices under which a claim is measured again: what each makes of the verdict is shown."""

SEEDS = [name for name in CHOICES if "seed" in name]
PLAIN, PAPER = "without controls", "2000 samples without controls"


@dataclass(frozen=True)
class Verdict:
    """One row of the scorecard."""

    id: str
    claim: str
    where: str
    criterion: str
    identity: bool
    statistic: str  # what was measured, the first of the tests
    value: float | None
    error: float | None
    tests: list[dict[str, Any]]  # name, value, error, plain_value, plain_error, paper_error, says
    readings: dict[str, str]  # what the paper's words may mean → what follows
    choices: dict[str, str]  # another choice → the verdict it makes
    drifts: list[dict[str, Any]]  # name, lengths, slope, error, turns
    at_the_papers_errors: str  # the verdict of our values with the paper's errors
    sizes: list[int]  # lengths of the chains, empty where nothing but theory is needed
    realizations: list[int]  # fewest and most of an ensemble
    verdict: str
    reason: str
    needed: float | None  # times as many realizations that would decide, if the values stay
    core_hours: float  # of the ensembles used
    command: str  # that computes more
    label: str  # of the figure of the book


def scorecard(data: Path, *ids: str) -> list[Verdict]:
    """The sixteen verdicts from a folder of results, or those of these claims.

    Raises:
        DamagedFile: a file differs from its hash in the manifest.
    """
    found = results(data)
    return [verdict(claim, found) for claim in CLAIMS if not ids or claim.id in ids]


def verdict(claim: Claim, results: Results) -> Verdict:
    """The verdict on one claim."""
    command = " && ".join(f"inclusions run {CAMPAIGNS}/{name}.toml" for name in claim.campaigns)
    try:
        finding = claim.measure(results)
    except Missing as missing:
        reason = f"{missing}; `{command}` computes them."
        return _verdict(claim, Finding([], []), {}, None, reason[:1].upper() + reason[1:], results)
    again = _under_choices(claim, results) if claim.campaigns else {}
    finding = _not_worse_than(finding, again.get(PAPER))
    holds, why = _decided(finding, again)
    reason = " ".join(filter(None, [why, finding.note]))
    return _verdict(claim, finding, again, holds, reason, results)


CAMPAIGNS = "book/runs/campaigns"


def _under_choices(claim: Claim, results: Results) -> dict[str, Finding]:
    found = {}
    for name, choice in CHOICES.items():
        try:
            found[name] = claim.measure(results.under(**choice))
        except (Missing, ValueError):  # too little is left
            continue
    return found


def _not_worse_than(finding: Finding, paper: Finding | None) -> Finding:
    """That a number is within an error larger than the paper's own says nothing."""
    theirs = {part.name: part.error for part in paper.tests} if paper else {}

    def checked(part: Part) -> Part:
        limit = theirs.get(part.name, np.inf)
        if part.holds and part.rule is within_error and part.error > 1.05 * limit > 0:
            return part._replace(holds=None, needed=(part.error / limit) ** 2)
        return part

    return finding._replace(
        parts=[checked(part) for part in finding.parts],
        readings={name: [checked(p) for p in own] for name, own in finding.readings.items()},
    )


def _decided(finding: Finding, again: dict[str, Finding]) -> tuple[bool | None, str]:
    """What holds, and why."""
    outcomes = finding.outcomes
    if len(set(outcomes.values())) > 1:
        said = "; ".join(f"{name}: {VERDICTS[holds]}" for name, holds in outcomes.items())
        return None, f"It depends on how the paper is read. {said[0].upper() + said[1:]}."
    holds, why = finding.holds, _reason(finding.tests, finding.holds)
    turned = [name for name in SEEDS if name in again and again[name].holds is not holds]
    if holds is not None and turned:
        return None, f"{why} Under {' and '.join(turned)} the verdict is another."
    turning = [one for one in finding.drifts if np.isfinite(one.turns)]
    if holds and turning:
        listed = "; ".join(f"{one.name}, at L = {one.turns:.0f}" for one in turning)
        return None, f"{why} But the drift with L would turn it: {listed}."
    return holds, why


def _at_the_papers_errors(finding: Finding, paper: Finding | None) -> bool | None:
    """What our values would say with the errors of the paper's statistics."""
    theirs = {part.name: part.error for part in paper.tests} if paper else {}

    def seen(part: Part) -> Part:
        return part.again(theirs[part.name]) if part.name in theirs else part

    return finding._replace(
        parts=[seen(part) for part in finding.parts],
        readings={name: [seen(part) for part in own] for name, own in finding.readings.items()},
    ).holds


def _verdict(
    claim: Claim, finding: Finding, again: dict[str, Finding], holds: bool | None, reason: str,
    results: Results,
) -> Verdict:  # fmt: skip
    tests, models = finding.tests, list(dict.fromkeys(finding.models))
    head = tests[0] if tests else Part("", np.nan, np.nan, None)
    plain, paper = (
        {part.name: part for part in again[name].tests} if name in again else {}
        for name in (PLAIN, PAPER)
    )
    counts = [results.realizations(model) for model in models]
    theirs = VERDICTS[_at_the_papers_errors(finding, again.get(PAPER))] if tests else OPEN
    if theirs != VERDICTS[holds] and holds is False and theirs != OPEN:
        reason += " It holds at the paper's errors, not at ours."
    still = [part.needed for part in tests if part.holds is None]
    return Verdict(
        id=claim.id, claim=claim.claim, where=claim.where, criterion=claim.criterion,
        identity=claim.identity,
        statistic=head.name, value=_number(head.value), error=_number(head.error),
        tests=[
            {
                "name": part.name, "value": _number(part.value), "error": _number(part.error),
                "plain_value": _number(plain.get(part.name, part).value),
                "plain_error": _number(plain.get(part.name, part).error),
                "paper_error": _number(paper[part.name].error) if part.name in paper else None,
                "holds": part.holds, "says": SAYS[part.holds],
            }
            for part in tests
        ],
        readings={name: VERDICTS[one] for name, one in finding.outcomes.items() if name},
        choices={name: VERDICTS[one.holds] for name, one in again.items()},
        drifts=[_drift(one) for one in finding.drifts],
        at_the_papers_errors=theirs,
        sizes=sorted({model.length for model in models}),
        realizations=[min(counts), max(counts)] if counts else [],
        verdict=VERDICTS[holds], reason=reason,
        needed=_number(max(still)) if still else None if holds is None else 1.0,
        core_hours=results.core_hours(models),
        command=" && ".join(f"inclusions run {CAMPAIGNS}/{name}.toml" for name in claim.campaigns),
        label=claim.label,
    )  # fmt: skip


def _drift(one: Drift) -> dict[str, Any]:
    return {
        "name": one.name, "lengths": list(one.lengths), "slope": _number(one.slope),
        "error": _number(one.error), "turns": _number(one.turns),
    }  # fmt: skip


def _number(value: float) -> float | None:
    """For JSON, which has no nan."""
    return float(value) if np.isfinite(value) else None


def _reason(parts: Sequence[Part], holds: bool | None) -> str:
    """The tests that made the verdict: all if all hold, else those that do not."""
    chosen = [part for part in parts if part.holds is holds]
    if holds:
        return f"{_all_of(len(parts), 'test')} in favour."
    listed = "; ".join(f"{part.name}: {number(part.value, part.error)}" for part in chosen[:4])
    more = f" and {len(chosen) - 4} more" if len(chosen) > 4 else ""
    kind = "against" if holds is False else "open"
    rest = len(parts) - len(chosen)
    favour = sum(part.holds is True for part in parts)
    share = _all_of(rest, "other") if favour == rest else f"{favour} of the other {rest}"
    also = f" {share} in favour." if rest else ""
    tests = "tests" if len(chosen) > 1 else "test"
    return f"{len(chosen)} {tests} {kind}: {listed}{more}.{also}"


def _all_of(number: int, noun: str) -> str:
    return {1: f"The {noun}", 2: f"Both {noun}s"}.get(number, f"All {number} {noun}s")
