"""The scorecard: each of the paper's claims, a statistic with its error, and what follows.

The only place that says yes, no or cannot tell: pages show its tests and its words. A claim is
taken apart into tests (`Part`), by these rules:

    positive    yes above 0, no below 0, by `SURE` standard errors
    vanishes    no if `SURE` errors from 0, else yes; unless our error exceeds the paper's
    inside      yes or no if all of `SURE` errors are inside or outside of the paper's own range
    small       yes if it cannot be larger than a tolerance that the paper states, no if it must
    agree       no if chi2 is as improbable as `SURE` errors

Errors are those of resampling realizations, sharpened by controls; the paper's are ours without
controls, scaled to its number of realizations. A test that the drift with the length would turn
within `REACH` times the longest cannot tell. A claim is reproduced if all of its tests say yes,
not reproduced if one says no, and not decidable otherwise, or if its ensembles are not there. Nor
is it decidable if two readings of the paper's words come to different ends, or if another seed of
the resampling does.
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
    Finding,
    Missing,
    Part,
    Results,
    results,
    vanishes,
)
from inclusions.claims.findings import (
    FIVE,
    OF_ONE,
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
    identity: bool = False  # follows from its definitions: checked, and counted apart


RANGE = f"{CROSSINGS[0]} … {CROSSINGS[1]} J"
MIDDLE = "lengths are those where 50 states are the middle of the spectrum, a tenth of it at most"

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
        f"the crossing of the longest pair that the data bound, of bubble and isolated chain, is "
        f"inside of {RANGE}, and that of the bubble is higher, weighted over the pairs; the "
        "isolated chain is read as the open one of paper Eq. (2), and as a periodic one",
    ),
    Claim(
        "C3", "⟨r⟩(β) peaks at nearly one β for all W in 1 … 4; the chosen β lie on the plateau",
        "Fig. 6", "fig-bandwidth", ("bubbles",), bandwidth_plateau,
        "for every n, W and L, ⟨r⟩ falls from its peak to both ends of the range of β, and at the "
        "chosen β nothing is lost beyond the error; for every n and L the best β of all W lie "
        f"within {OF_ONE}, the spread of the paper's own β, which it calls almost the same; at "
        "g = 1, since the paper gives no g",
    ),
    Claim(
        "C4", "Paper Eq. (5) holds state by state", "text", "fig-partial-trace", (),
        purity_identity,
        "γ_i of paper Eq. (5) and Tr ρ_i² by explicit partial trace differ by less than 10⁻¹² in "
        "every state", identity=True,
    ),
    Claim(
        "C5", "Ergodic side: γ − 1/2 falls as d^(−1/2)", "text, erratum 1", "fig-ergodic",
        ("gap-ratios", "mean-energy"), ergodic_exponent,
        "at W = 1 one power of d describes all lengths (its χ² is not improbable by three standard "
        "deviations), and it is 1/2 within the error, which that of a fit that χ² rules out cannot "
        "say; read of the whole of γ − 1/2, and of the part that scatters over the states, at the "
        "paper's target and at the mean energy, which random-matrix theory is about",
    ),
    Claim(
        "C6", "W → ∞: γ → 1, independent of volume", "text", "fig-losses", ("high-disorder",),
        high_disorder_limit,
        "(1 − γ)(L−1)/L at mid-chain, extrapolated linearly in 1/W from all W ≥ 15, is 0 within "
        f"its error, weighted over the lengths; and it is the same at all of them by χ²; {MIDDLE}",
    ),
    Claim(
        "C7", "γ_i rises with distance and saturates below γ_XXZ(L+2) up to W ≈ 5.6 … 6; above, "
        "within errors", "Fig. 3", "fig-purity-profiles", ("gap-ratios", "purities"),
        long_distance_deficit,
        "in the longest chain at each W, γ_XXZ − γ at mid-chain is above 0 from W = 4 to 5.6 and "
        "0 within its error from W = 6 to 10, where its weighted mean over L is 0, too; γ rises "
        "from i = 0 to the middle; γ_XXZ is read as that of the middle of the open chain, and of "
        f"all its sites; {MIDDLE}",
    ),
    Claim(
        "C8", "γ_5 grows with L for W ≥ 5.2", "Fig. 4", "fig-fixed", ("gap-ratios", "purities"),
        purity_growth,
        "the weighted slope of γ_5 over all lengths with data, W from 5.2 to 10, is above 0: read "
        "of every W by itself, and of the mean over all",
    ),
    Claim(
        "C9", "The bubble enhances C(r) at W = 4.4, more so for larger L; still at 5.2, "
        "somewhat at 6.0, not at 8.0", "Fig. 5", "fig-correlations", ("gap-ratios", "purities"),
        far_correlation,
        "mean of C(r) over r = 3 … L/2, bubble minus the open chain of L+2, weighted over all "
        "lengths: above 0 at W = 4.4, 5.2 and 6, with a slope in L above 0 at 4.4, and 0 within "
        f"its error at 8, of which the paper is silent: its figure shows it, its text ends at 6; "
        f"{MIDDLE}",
    ),
    Claim(
        "C10", "Magnetization histogram: little change at low W; at W = 4 the peaks at ±1 lose "
        "weight to the centre", "Fig. 7", "fig-magnetization", ("gap-ratios",),
        magnetization_peaks,
        "in the middle of the longest chain, bubble minus open chain of L+2: at W = 4 the weight "
        "at ±1 falls and that of the centre rises; at W = 1, where the paper sees no effect beyond "
        "a small shift, less changes than at W = 4: read of these two weights, and of the whole "
        "distribution, by the share of it that is elsewhere",
    ),
    Claim(
        "C11", "γ_i decreases with n_GOE at every distance", "Fig. 8", "fig-sizes",
        ("bubbles",), bubble_size_trend,
        "the slope of γ_i over ln n_GOE, mean over W ≥ 4, is below 0 at every distance",
    ),
    Claim(
        "C12", "γ_XXZ − γ_i ≈ γ_0 + A e^(−i/ξ); γ_0 about 5 % at W = 5.2, consistent with 0 for "
        "W ≥ 7", "Fig. 9", "fig-plateaus", ("gap-ratios", "purities"), plateau_of_deficit,
        f"γ_0 of the longest chain's fit is inside of {100 * FIVE[0]:g} … {100 * FIVE[1]:g} %, "
        "which are rounded to 5 %, and above 0 at W = 5.2, and 0 within its error at every W from "
        "7 to 10, where its weighted mean over L is 0, too; read as a share of γ_XXZ or of "
        "γ_XXZ − 1/2, of the middle or of all sites; a fit at its limits, or that its χ² rules "
        "out, decides nothing; "
        f"{MIDDLE}",
    ),
    Claim(
        "C13", "ℓ_c finite iff ξ < ξ_* = 1/ln 2; regimes I and II of paper Eq. (6)", "SM D",
        "fig-regimes", (), avalanche_threshold,
        "exact: ℓ_c is finite below ξ_*, and only there; far from the bubble in a long chain the "
        "response stays above ξ_* and vanishes below", identity=True,
    ),
    Claim(
        "C14", "Perturbative purity agrees with exact diagonalization at high disorder", "SM E",
        "fig-expansion", (), perturbative_agreement,
        "live, all states of open chains: the median deviation of the corrected formula, as a "
        "share of the median 1 − γ, falls with every step of W, and on the line in 1/W² through "
        "all, the order of what is left out, it tends to 0 within its error",
    ),
    Claim(
        "C15", "A residual C(r → ∞) ∝ 1/L² exists without any avalanche, from S^z conservation",
        "SM E", "fig-conservation", ("high-disorder",), conserved_correlation,
        "the exact bracket of paper Eq. (23) tends to 2/L², and the coefficient of paper Eq. (7) "
        "that follows falls with the power 2 of L at large L; measured over all states at "
        f"W = {STRONG:g} the coefficient at L/2 is above 0 and the exact one within its error",
    ),
    Claim(
        "C16", "Little or no drift of the transition against the bubble-less chain", "Sec. V",
        "tab-midpoints", ("gap-ratios", "crossings"), transition_shift,
        "by crossings, the paper's own measure, of pairs that the data bound: the bubble's minus "
        "that of open chains two sites longer is 0 within its error, weighted over the pairs; or "
        "it grows with L as that of the chains does; midpoints, where ⟨r⟩ is halfway between GOE "
        "and Poisson, are shown beside",
    ),
)  # fmt: skip


SEEDS = tuple(range(1, 8))
"""Of the resampling, beside the first: each draws all anew, and may not turn a verdict."""

CHOICES: dict[str, dict[str, Any]] = {
    **{f"seed {seed}": {"how": {"salt": seed}} for seed in SEEDS},
    "without controls": {"how": {"plain": True}},
    "without the shortest length": {"without": "shortest"},
    "without the longest length": {"without": "longest"},
    "every second W, from the first": {"half": 0},
    "every second W, from the second": {"half": 1},
}
"""Other choices under which a claim is measured again: what each makes of the verdict is shown."""

NO_DRIFT = "no drift followed"
"""One more choice: what the lengths there are say, whatever longer ones might."""

PAPER = {"plain": True, "as_many": PAPER_REALIZATIONS}
TOO_LITTLE = "too little data"  # is left by a choice


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
    tests: list[dict[str, Any]]  # as `_test` has them
    beside: list[dict[str, Any]]  # what is shown with them and decides nothing
    readings: dict[str, str]  # what the paper's words may mean → what follows
    choices: dict[str, str]  # another choice → the verdict it makes
    at_the_papers_errors: str  # the verdict with the paper's errors, no drift followed
    sizes: list[int]  # lengths of the chains, empty where nothing but theory is needed
    realizations: list[int]  # fewest and most of an ensemble
    verdict: str
    reason: str
    needed: float | None  # times as many realizations that would decide, if the values stay
    core_hours: float  # of the ensembles used
    command: str  # that computes more
    label: str  # of the figure of the book

    @property
    def here(self) -> str:
        """The verdict of the lengths that there are, with no drift followed."""
        return self.choices.get(NO_DRIFT, self.verdict)


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
        missed = Measured(Finding([], []), {}, {}, {}, {})
        return _verdict(claim, missed, None, reason[:1].upper() + reason[1:], results)
    found = _measured(claim, results, finding)
    holds, why = _decided(found)
    return _verdict(claim, found, holds, " ".join(filter(None, [why, finding.note])), results)


CAMPAIGNS = "book/runs/campaigns"


class Measured(NamedTuple):
    """What a claim's function finds as we look at it, and as others would."""

    ours: Finding
    plain: dict[str, Part]  # the same tests without controls, by name
    paper: dict[str, float]  # errors of the paper's statistics, by test
    choices: dict[str, bool | None | str]  # another choice → what follows
    turned: dict[str, Part]  # another seed → the first test that comes out otherwise

    @property
    def looked_at(self) -> Finding:
        return self.ours.looked_at(self.paper)


def _measured(claim: Claim, results: Results, finding: Finding) -> Measured:
    if not claim.campaigns:
        return Measured(finding, {}, {}, {}, {})
    papers = _errors(claim.measure(results.under(how=PAPER)))
    before = finding.looked_at(papers)
    at_once = _without_drift(finding).looked_at(papers).holds
    choices: dict[str, bool | None | str] = {NO_DRIFT: at_once}
    plain: dict[str, Part] = {}
    turned: dict[str, Part] = {}
    for name, choice in CHOICES.items():
        try:
            found, theirs = claim.measure(results.under(**choice)), papers
            if "how" not in choice:
                theirs = _errors(claim.measure(results.under(**choice, how=PAPER)))
            elif name.startswith("seed"):  # whether ours exceed the paper's is not a seed's to say
                errors, first = _errors(found), _errors(finding)
                theirs = {n: e * _ratio(errors.get(n), first.get(n)) for n, e in papers.items()}
        except (Missing, ValueError):
            choices[name] = TOO_LITTLE
            continue
        after = found.looked_at(theirs)
        choices[name] = after.holds
        if name == "without controls":
            plain = {part.name: part for part in (*found.tests, *found.beside)}
        if name.startswith("seed") and _without_drift(found).looked_at(theirs).holds is not at_once:
            choices[NO_DRIFT] = None
        if name.startswith("seed") and after.holds is not before.holds:
            was = {part.name: part.holds for part in before.tests}
            others = (one for one in after.tests if one.holds is not was.get(one.name))
            turned[name] = next(others, after.tests[0])
    return Measured(finding, plain, papers, choices, turned)


def _without_drift(finding: Finding) -> Finding:
    return finding.each(lambda part: part._replace(drift=None))


def _ratio(one: float | None, other: float | None) -> float:
    return one / other if one and other else 1.0


def _errors(finding: Finding) -> dict[str, float]:
    return {part.name: part.error for part in (*finding.tests, *finding.beside)}


def _decided(found: Measured) -> tuple[bool | None, str]:
    """What holds, and why."""
    finding = found.looked_at
    outcomes, holds = finding.outcomes, finding.holds
    if len(set(outcomes.values())) > 1:
        said = "; ".join(f"{name}: {VERDICTS[one]}" for name, one in outcomes.items())
        both = {True, False} <= set(outcomes.values())
        start = "It depends on how the paper is read" if both else "Not every reading is decided"
        return None, f"{start}. {said[0].upper() + said[1:]}.{_turning(finding)}"
    why = _reason(finding.tests, holds)
    if holds is not None and found.turned:
        listed = "; ".join(
            f"{seed} has {one.name}, {one.shown}" for seed, one in found.turned.items()
        )
        return None, f"{why} Another seed of the resampling turns it: {listed}."
    return holds, why + _turning(finding)


def _turning(finding: Finding) -> str:
    """The test that its drift would turn at the least length, and how many drifts would."""
    drifts = [(part.drift.turns, part.name) for part in finding.tests if part.drift]
    turning = sorted(one for one in drifts if np.isfinite(one[0]))
    if not turning:
        return ""
    length, name = turning[0]
    at = f"at L = {length:.0f}"
    if len(turning) == 1:
        return f" Followed along its drift with L, “{name}” comes out otherwise {at}."
    return (
        f" Followed along their drifts with L, {len(turning)} tests come out otherwise, the first, "
        f"“{name}”, {at}."
    )


def _verdict(
    claim: Claim, found: Measured, holds: bool | None, reason: str, results: Results
) -> Verdict:
    finding = found.looked_at
    tests, models = finding.tests, list(dict.fromkeys(finding.models))
    head = tests[0] if tests else Part("", np.nan, np.nan, None)
    counts = [results.realizations(model) for model in models]
    theirs = found.ours.at(found.paper)
    if holds is False and theirs.holds:
        reason += " It holds at the paper's errors, not at ours."
    seen = {part.name: part.holds for part in theirs.tests}
    still = [part.needed for part in tests if part.holds is None]
    return Verdict(
        id=claim.id, claim=claim.claim, where=claim.where, criterion=claim.criterion,
        identity=claim.identity,
        statistic=head.name, value=_number(head.value), error=_number(head.error),
        tests=[_test(part, found, seen[part.name]) for part in tests],
        beside=[_test(part, found, None) | {"says": ""} for part in finding.beside],
        readings={name: VERDICTS[one] for name, one in finding.outcomes.items() if name},
        choices={name: VERDICTS.get(one, TOO_LITTLE) for name, one in found.choices.items()},
        at_the_papers_errors=VERDICTS[theirs.holds] if tests else OPEN,
        sizes=sorted({model.length for model in models}),
        realizations=[min(counts), max(counts)] if counts else [],
        verdict=VERDICTS[holds], reason=reason,
        needed=_number(max(still, default=1.0)) if tests else None,
        core_hours=results.core_hours(models),
        command=" && ".join(f"inclusions run {CAMPAIGNS}/{name}.toml" for name in claim.campaigns),
        label=claim.label,
    )  # fmt: skip


def _test(part: Part, found: Measured, seen: bool | None) -> dict[str, Any]:
    """A test: with its error, that without controls, the paper's, and its drift over lengths."""
    plain = found.plain.get(part.name, part)
    says = SAYS[part.holds]
    if part.holds is False and part.rule is vanishes and seen:
        says = "no; at the paper's errors, yes"
    drift = part.drift and {
        "lengths": list(part.drift.lengths), "slope": _number(part.drift.slope),
        "error": _number(part.drift.error), "of": "1/L" if part.drift.inverse else "L",
        "turns": _number(part.drift.turns),
        "limit": _number(part.drift.limit), "limit_error": _number(part.drift.limit_error),
    }  # fmt: skip
    return {
        "name": part.name, "shown": part.shown,
        "value": _number(part.value), "error": _number(part.error),
        "plain_value": _number(plain.value), "plain_error": _number(plain.error),
        "paper_error": _number(found.paper.get(part.name, np.nan)),
        "holds": part.holds, "says": says, "drift": drift,
    }  # fmt: skip


def _number(value: float) -> float | None:
    """For JSON, which has no nan."""
    return float(value) if np.isfinite(value) else None


def _reason(parts: Sequence[Part], holds: bool | None) -> str:
    """The tests that made the verdict: all if all hold, else those that do not."""
    chosen = [part for part in parts if part.holds is holds]
    if holds:
        return f"{_all_of(len(parts), 'test')} in favour."
    listed = "; ".join(f"{part.name}: {part.shown}" for part in chosen[:4])
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
