"""One function a claim: what it measures in the ensembles, or live, and the tests that follow."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain as chained
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from inclusions import avalanche, estimates, experiments, perturbation, statistics
from inclusions.claims.criteria import (
    CHANCE,
    CROSSINGS,
    FADES,
    SURE,
    TENTH,
    Finding,
    Missing,
    Part,
    Results,
    agree,
    by,
    by_length,
    in_the_middle,
    inside,
    lacking,
    need,
    pairs,
    positive,
    small,
    vanishes,
)
from inclusions.model import TUNED_BANDWIDTH, Model
from inclusions.statistics import GOE_GAP_RATIO, POISSON_GAP_RATIO, Crossing, Estimate, combine
from inclusions.text import number

STRENGTHS = (4.0, 10.0)
"""Disorders of the localized side, J. Far above, purities are 1 whatever the bubble does."""

# Fig. 2: gap ratios


def _curves(results: Results, low: float, high: float, **parameters: Any) -> dict:
    """Models by length, of lengths that reach from W <= low to W >= high."""
    found = {}
    for length, models in by_length(results.find(full=False, **parameters)).items():
        chosen = results.disorders(model.disorder for model in models)
        if chosen and chosen[0] <= low and chosen[-1] >= high:
            found[length] = [model for model in models if model.disorder in chosen]
    return results.lengths(found)


def gap_ratio_limits(results: Results) -> Finding:
    """C1: the mean gap ratio at the ends of the range of disorder against GOE and Poisson."""
    parts, used = [], []
    for name, bubble in (("bubble", 4), ("open chain", 0)):
        spans = need(_curves(results, 1, 8, bubble=bubble), f"{name} at W <= 1 and W >= 8")
        for end, word, limit in ((0, "lowest", GOE_GAP_RATIO), (-1, "highest", POISSON_GAP_RATIO)):
            off = {
                length: combine(
                    lambda r, limit=limit: r - limit,
                    results.estimate(estimates.gap_ratio, models[end]),
                )
                for length, models in spans.items()
            }
            last = spans[max(spans)][end]
            label = f"{name}, {word} W = {last.disorder:g}, L = {last.length}"
            parts.append(by(small, f"{label}: distance from the limit", off[last.length], TENTH,
                            over=off))  # fmt: skip
            used.append(last)
    return Finding(parts, used)


KINDS: dict[str, dict[str, Any]] = {
    "bubble": {"bubble": 4},
    "open": {"bubble": 0},
    "periodic": {"bubble": 0, "boundary": "periodic"},
}


def _crossings(results: Results) -> dict[str, dict[int, Crossing]]:
    """Crossings of every pair (L, L + 2) of each kind of system, by L."""
    found: dict[str, dict[int, Crossing]] = {}
    for kind, parameters in KINDS.items():
        curves = _curves(results, 2, 6, **parameters)
        found[kind] = {
            n: estimates.crossing(
                results.curve(curves[n]), results.curve(curves[n + 2]), **results.how
            )
            for n in curves
            if n + 2 in curves
        }
    if not found["bubble"] or not found["open"]:
        raise Missing(
            "two lengths L and L + 2 from W <= 2 to W >= 6 are needed with the bubble of 4 and "
            "without"
        )
    return found


def _crossing_models(results: Results, *kinds: str) -> list[Model]:
    chosen = (_curves(results, 2, 6, **KINDS[kind]).values() for kind in kinds)
    return [model for curves in chosen for curve in curves for model in curve]


def _moved(bubbles: dict, chains: dict, longer: int = 2) -> dict[int, Estimate]:
    """Crossing of the bubble's pair (L, L + 2) minus that of longer chains, by L.

    Of pairs that the data bound on both sides; two sites more make the chain as large.
    """
    shared = {n: (bubbles[n], chains[n + longer]) for n in bubbles if n + longer in chains}
    return {
        n: combine(np.subtract, *(one.estimate for one in pair))
        for n, pair in shared.items()
        if all(one.bounded for one in pair)
    }


def _mean(rule: Callable[..., Part], name: str, found: dict[int, Estimate], *limits: float) -> Part:
    """A rule applied to the weighted mean over lengths, whose drift over them counts."""
    if not found:
        return lacking(name)
    return by(rule, name, statistics.weighted(*found.values()), *limits, over=found)


def _place(name: str, crossings: dict[int, Crossing]) -> Part:
    """Whether the crossing of the longest pair that the data bound is where the paper sees it.

    More realizations shrink the interval, but not the spread over ways to draw a smooth curve.
    """
    label = f"{name}, crossing of the longest pair that is bounded, J"
    bounded = {n: one for n, one in crossings.items() if one.bounded}
    if not bounded:
        return lacking(label)
    last = bounded[max(bounded)]
    part = by(inside, label, last.estimate, *CROSSINGS, inverse=True,
              over={n: one.estimate for n, one in bounded.items()})  # fmt: skip
    off = min(abs(last.value - bound) for bound in CROSSINGS)
    return part._replace(needed=np.inf) if SURE * last.spread > off else part


def crossing_places(results: Results) -> Finding:
    """C2: crossings of the longest pairs against 3.5 ... 4, and bubble against chain."""
    found = _crossings(results)
    readings, beside = {}, []
    for kind in ("open", "periodic"):
        if found[kind]:
            readings[f"the isolated chain is {kind}"] = [
                _place(f"{kind} chain", found[kind]),
                _mean(positive, f"bubble minus {kind} chain two sites longer, mean over pairs, J",
                      _moved(found["bubble"], found[kind])),
            ]  # fmt: skip
            beside.append(_mean(positive, f"bubble minus {kind} chain of its length, J",
                                _moved(found["bubble"], found[kind], 0)))  # fmt: skip
    beside += [
        by(inside, f"{kind}, crossing of L = {n} and {n + 2}, J", place.estimate, *CROSSINGS)
        for kind, places in found.items()
        for n, place in places.items()
        if place.bounded
    ]
    note = "Errors hold the spread over ways to draw a smooth curve."
    models = _crossing_models(results, *(kind for kind in KINDS if found[kind]))
    return Finding([_place("bubble", found["bubble"])], models, note, readings, beside)


def transition_shift(results: Results) -> Finding:
    """C16: how far the bubble moves crossings, the paper's measure; midpoints of curves beside."""
    found = _crossings(results)
    moved = _moved(found["bubble"], found["open"])
    name = "crossing, bubble minus open chain two sites longer"
    readings = {"no shift by the bubble": [_mean(vanishes, f"{name}, mean over pairs, J", moved)]}
    drifts = {
        kind: {n: one.estimate for n, one in found[kind].items() if one.bounded}
        for kind in ("bubble", "open")
    }
    label = "growth of the crossing a site, bubble minus open chain, J"
    grows, note = lacking(label), ""
    if min(map(len, drifts.values())) > 1:
        slopes = [statistics.line([*series], *series.values()).slope for series in drifts.values()]
        grows = by(vanishes, label, combine(np.subtract, *slopes))
        own = float(slopes[1].value)
        note = (
            f"Crossings of open chains grow by {number(own, float(slopes[1].error))} J a site: a "
            f"bubble's that stood still would differ by {abs(own) / grows.error:.1f} errors."
        )
    readings["no other drift with L than the chain's"] = [grows]
    curves = {kind: _curves(results, 2, 6, **KINDS[kind]) for kind in KINDS}
    middles = {
        n: combine(
            np.subtract,
            *(
                estimates.midpoint(results.curve(curves[kind][size]), **results.how)
                for kind, size in (("bubble", n), ("open", n + 2))
            ),
        )
        for n in curves["bubble"]
        if n + 2 in curves["open"]
    }
    middles = {n: one for n, one in middles.items() if np.isfinite(one.value + one.error)}
    beside = [by(vanishes, f"{name}, L = {n}, J", shift) for n, shift in moved.items()]
    beside += [
        by(vanishes, f"midpoint, bubble of {n} minus open chain of {n + 2}, J", shift,
           over=middles if n == max(middles) else None)
        for n, shift in middles.items()
    ]  # fmt: skip
    models = _crossing_models(results, "bubble", "open")
    return Finding([], models, note, readings, beside)


# Fig. 6: the bandwidth


OF_ONE = 0.1
"""Spread of the paper's own beta, 0.50 ... 0.60, which it finds to be almost the same."""


def bandwidth_plateau(results: Results) -> Finding:
    """C3: whether the curves over beta peak, at nearly one, and what the chosen beta gives away."""
    sweeps: dict[int, list[tuple[Model, dict]]] = {}
    of_figure = (m for m in results.files if (m.coupling, m.sample) == (1.0, "own"))
    for swept in estimates.sweeps({model: results.files[model] for model in of_figure}):
        model = next(iter(swept.values()))[0]
        if 1 <= model.disorder <= 4:
            sweeps.setdefault(model.length, []).append((model, swept))
    need(sweeps, "a sweep of at least five beta at W = 1 ... 4")
    kept = [one for curves in results.lengths(sweeps).values() for one in curves]
    disorders = results.disorders(model.disorder for model, _ in kept)
    parts, used = [], []
    tops: dict[tuple[int, int], list[Estimate]] = {}
    for model, sweep in kept:
        if model.disorder not in disorders:
            continue
        models = [one for one, _ in sweep.values()]
        curve = results.curve(models, "bandwidth")
        name = f"n = {model.bubble}, L = {model.length}, W = {model.disorder:g}"
        lost = estimates.lost_at_chosen(curve, **results.how)
        used += models
        parts += [
            by(positive, f"{name}: fall from the peak to the ends of the range",
               estimates.fall_to_ends(curve, **results.how)),
            by(vanishes, f"{name}: lost at the chosen beta, of GOE minus Poisson",
               combine(lambda r: r / (GOE_GAP_RATIO - POISSON_GAP_RATIO), lost)),
        ]  # fmt: skip
        top = estimates.best_bandwidth(curve, **results.how)
        tops.setdefault((model.bubble, model.length), []).append(top)
    for (bubble, length), best in sorted(tops.items()):
        if len(best) > 1:
            spread = combine(lambda *b: np.max(b, axis=0) - np.min(b, axis=0), *best)
            name = f"n = {bubble}, L = {length}: spread over W of the beta of the peaks"
            parts.append(by(small, name, spread, OF_ONE))
    return Finding(parts, used, _peaks(tops))


def _peaks(tops: dict[tuple[int, int], list[Estimate]]) -> str:
    """Whether peaks agree by their chi2: a spread is never negative, and may be noise alone."""
    said = []
    for (bubble, length), best in sorted(tops.items()):
        chi2, p = statistics.agreement(*zip(*((b.value, b.error) for b in best), strict=True))
        if np.isfinite(p):
            said.append(f"{chi2:.0f} for {len(best) - 1} at n = {bubble}, L = {length}")
    at = "All at g = 1; the paper's own g is not said."
    return f"The peaks of all W have chi2 about one beta: {'; '.join(said)}. {at}" if said else at


# Figs. 3 to 5 and 7 to 9: purities


def _paired(results: Results, *named: float) -> dict[float, dict[int, tuple[Model, Model]]]:
    """Bubbles of 4 with their open chain of L + 2, by W, then L, where 50 states are the middle.

    Raises:
        Missing: one of the disorders `named` has none.
    """
    found: dict[float, dict[int, tuple[Model, Model]]] = {}
    for model, chain in pairs(results, bubble=4):
        if STRENGTHS[0] <= model.disorder <= STRENGTHS[1] and in_the_middle(model):
            found.setdefault(model.disorder, {})[model.length] = (model, chain)
    chosen = results.disorders(found, *named)
    found = {w: kept for w in chosen if (kept := results.lengths(found[w]))}
    if lack := [f"{w:g}" for w in named if w not in found] or ([] if found else ["4 ... 10"]):
        raise Missing(
            "no bubble of 4 at L together with the open chain of L + 2 has W = " + ", ".join(lack)
        )
    return found


def _models(chosen: Iterable[dict[int, tuple[Model, Model]]]) -> list[Model]:
    return [model for by_l in chosen for pair in by_l.values() for model in pair]


def ergodic_exponent(results: Results) -> Finding:
    """C5: whether gamma - 1/2 falls as a power of the sector's dimension at all, and as which.

    At the paper's target and at the mean energy, of maximal entropy, where random-matrix theory
    speaks; the whole of it, and the part that scatters over states. The exponent of a fit that its
    chi2 rules out decides nothing.
    """
    readings, beside, used, note = {}, [], [], ""
    for target, where in ((0.5, "at the paper's target"), ("mean", "at the mean energy")):
        models = [m for m in results.find(bubble=4, target=target) if m.disorder <= 1.5]
        by_w = {
            w: results.lengths({m.length: m for m in models if m.disorder == w})
            for w in results.disorders(m.disorder for m in models)
        }
        by_w = {w: found for w, found in by_w.items() if len(found) >= 3}
        if not by_w:
            if target == 0.5:
                raise Missing("three lengths of the bubble of 4 at W = 1 lack")
            readings[where] = [lacking(f"{where}: no three lengths of the bubble of 4")]
            note = "`inclusions run book/runs/campaigns/mean-energy.toml` computes what lacks."
            continue
        chosen = [*by_w[min(by_w)].values()]
        used += chosen
        for name, function in (("whole", estimates.excess), ("scatter", estimates.scatter)):
            label = f"{where}, {name}"
            found = [results.estimate(function, model) for model in chosen]
            fit = statistics.fall(
                [m.dimension for m in chosen], [e.value for e in found], [e.error for e in found]
            )
            power = vanishes(f"{label}: exponent of d minus the printed 1/2", fit.exponent - 0.5,
                             fit.error)  # fmt: skip
            if fit.p_value <= CHANCE:
                power = power._replace(holds=None, needed=np.inf, rule=None)
            readings[f"{name} of gamma - 1/2, {where}"] = [
                agree(f"{label}: probability of chi2 of one power of d", fit.p_value), power,
            ]  # fmt: skip
            beside += [
                vanishes(f"{label}: exponent of d minus the 1 of random-matrix theory",
                         fit.exponent - 1, fit.error),
                vanishes(f"{label}: the same between the longest two alone", fit.last - 1,
                         fit.last_error),
            ]  # fmt: skip
    return Finding([], used, note, readings, beside)


def high_disorder_limit(results: Results) -> Finding:
    """C6: 1 - gamma at mid-chain extrapolated to 1/W = 0, and whether lengths agree.

    Where 50 states are the middle of the spectrum; volume enters through L / (L - 1), the
    probability that a bond can flip, which is divided out. With a + b / W the least squares of
    W (1 - gamma) = a W + b are the same, whose slope is the limit a.
    """
    models = [m for m in results.find(bubble=0) if m.disorder >= 15 and in_the_middle(m)]
    disorders = results.disorders(m.disorder for m in models)
    lost = {
        length: {
            m.disorder: combine(
                lambda g, n=length: (1 - g) * (n - 1) / n, results.estimate(estimates.purity, m)
            )
            for m in found
            if m.disorder in disorders
        }
        for length, found in results.lengths(by_length(models)).items()
    }
    limits = {
        n: statistics.line([*at], *(combine(lambda y, w=w: w * y, e) for w, e in at.items())).slope
        for n, at in lost.items()
        if len(at) > 1
    }
    if len(limits) < 2:
        raise Missing("two lengths L >= 12 and two W >= 15 of the open chain lack")
    chi2, degrees, apart = 0.0, 0, 0.0
    for w in disorders:
        at = [found[w] for found in lost.values() if w in found]
        if len(at) > 1:
            values = [float(e.value) for e in at]
            chi2 += statistics.agreement(values, [e.error for e in at])[0]
            degrees += len(at) - 1
            apart = max(apart, np.ptp(values) / np.mean(values))
    parts = [
        _mean(vanishes, "1 - gamma for 1/W to 0, mean over L", limits),
        agree("probability of chi2 of equal 1 - gamma at all L, all W together",
              float(special.chdtrc(degrees, chi2))),
    ]  # fmt: skip
    note = (
        "The factor L/(L - 1) of flippable bonds is divided out. What is left of 1 - gamma differs "
        f"between lengths by {100 * apart:.1f} % at most."
    )
    return Finding(parts, models, note)


def long_distance_deficit(results: Results) -> Finding:
    """C7: gamma_XXZ - gamma at mid-chain over disorder, and the rise of gamma with distance.

    At each disorder in the longest chain; where the claim has nothing left, over all lengths too.
    """
    by_w = _paired(results)
    if min(by_w) > FADES[0] or max(by_w) < FADES[1]:
        raise Missing("the bubble of 4 and its open chain lack W = 4 ... 5.6 or W >= 6")
    rises, readings = [], {}
    for w, chosen in by_w.items():
        profile = results.estimate(estimates.purity_profile, chosen[results.longest(chosen)][0])
        rise = combine(lambda g: g[..., -1] - g[..., 0], profile)
        rises.append(by(positive, f"rise with distance, W = {w:g}", rise))
    for sites, name in (("middle", "the middle of the open chain"), ("all", "all its sites")):
        tests = []
        for w, chosen in by_w.items():
            found = {
                n: results.estimate(estimates.middle_deficit, *pair, sites=sites)
                for n, pair in chosen.items()
            }
            label = f"deficit, W = {w:g}, {sites}"
            longest = found[results.longest(chosen)]
            if w <= FADES[0]:
                tests.append(by(positive, label, longest, over=found))
            if w >= FADES[1]:
                tests.append(by(vanishes, label, longest, over=found))
                tests.append(_mean(vanishes, f"{label}, mean over L", found))
        readings[f"gamma_XXZ is that of {name}"] = tests
    return Finding(rises, _models(by_w.values()), "", readings)


def purity_growth(results: Results) -> Finding:
    """C8: slope in L of the purity at distance 5, W = 5.2 ... 10, over all lengths with data.

    Of shorter chains the largest distance there is, which decides nothing about the paper's.
    """
    chains = {
        bubble: [m for m in results.find(bubble=bubble) if 5.2 <= m.disorder <= STRENGTHS[1]]
        for bubble in (4, 0)
    }
    for distance in (5, 4, 3):
        if slopes := _slopes(results, chains[4], distance):
            break
    else:
        raise Missing("two lengths of the bubble at one W from 5.2 to 10 lack")
    name = f"slope of gamma_{distance} over L"
    readings = {
        "at every W by itself": [by(positive, f"{name}, W = {w:g}", s) for w, s in slopes.items()],
        "over all W together": [
            by(positive, f"{name}, mean over W", statistics.average(*slopes.values()))
        ],
    }
    note = ""
    if distance < 5:
        readings = {reading: [one._replace(holds=None, needed=np.inf) for one in tests]
                    for reading, tests in readings.items()}  # fmt: skip
        note = "Distance 5 needs two lengths of 12 or more at one W."
    alone = _slopes(results, chains[0], distance)
    beside = [by(positive, f"{name}, isolated chain, W = {w:g}", s) for w, s in alone.items()]
    used = [m for m in chains[4] if m.length >= 2 * distance + 2]
    return Finding([], used, note, readings, beside)


def _slopes(results: Results, models: list[Model], distance: int) -> dict[float, Estimate]:
    """Slope of gamma_distance over L at each W that has two lengths of 2 distance + 2 or more."""
    by_w: dict[float, dict[int, Model]] = {}
    for model in models:
        if model.length >= 2 * distance + 2:
            by_w.setdefault(model.disorder, {})[model.length] = model
    slopes = {}
    for w in results.disorders(by_w):
        chosen = results.lengths(by_w[w])
        if len(chosen) > 1:
            profiles = {n: results.estimate(estimates.purity_profile, m) for n, m in chosen.items()}
            slopes[w] = estimates.growth(profiles, distance).slope
    return slopes


def _growth(rule: Callable[..., Part], name: str, found: dict[int, Estimate]) -> Part:
    """A rule applied to the slope of the weighted line over lengths, of two or more."""
    if len(found) < 2 or not all(one.error > 0 for one in found.values()):
        return lacking(name)
    return by(rule, name, statistics.line([*found], *found.values()).slope)


def far_correlation(results: Results) -> Finding:
    """C9: C(r) at far r, bubble minus the open chain of L + 2, weighted over all lengths.

    Whole, as Eq. (7) has it, decides; its parts within and between realizations stand beside.
    """
    by_w = _paired(results, 4.4, 5.2, 6.0, 8.0)
    series = {
        w: {n: results.estimate(estimates.enhancement, *pair) for n, pair in by_w[w].items()}
        for w in (4.4, 5.2, 6.0, 8.0)
    }
    label = "far C(r), bubble minus open chain, W = {:g}"
    parts: list[Part] = []
    beside: list[Part] = []
    for place, name in enumerate(("", ", within realizations", ", between realizations")):
        for w, found in series.items():
            own = {n: one.entry(place) for n, one in found.items()}
            rule = positive if w < 8 else vanishes
            (beside if place else parts).append(_mean(rule, label.format(w) + name, own))
            if w == 4.4:
                grows = _growth(positive, f"its growth a site, W = 4.4{name}", own)
                (beside if place else parts).append(grows)
    return Finding(parts, _models(by_w[w] for w in series), beside=beside)


def magnetization_peaks(results: Results) -> Finding:
    """C10: weight of the histogram at +-1 and at the centre, bubble minus the open chain.

    The paper sees "no effect beyond a small shift" at low disorder: less than at W = 4, of these
    weights, or of the whole distribution. There the former can hardly change: all is in the centre.
    """
    found: dict[int, dict[float, tuple[Model, Model]]] = {}
    for model, chain in pairs(results, bubble=4):
        if model.disorder in (1.0, 4.0):
            found.setdefault(model.length, {})[model.disorder] = (model, chain)
    found = results.lengths({n: at for n, at in found.items() if len(at) == 2})
    need(found, "a bubble of 4 with the open chain of L + 2 at W = 1 and 4")
    change: dict[float, dict[int, Estimate]] = {1.0: {}, 4.0: {}}
    for length, at in found.items():
        for w, pair in at.items():
            if (batches := min(results(model).sizes["batch"] for model in pair)) < 3:
                raise Missing(f"an ensemble has {batches} batches of realizations; 3 are needed")
            changed = results.estimate(estimates.magnetization_change, *pair)
            threefold = estimates.student(batches) / estimates.student(batches, 1)
            change[w][length] = estimates.scaled(changed, threefold)
    last = results.longest({n: [*chained(*at.values())] for n, at in found.items()})

    def part(rule: Callable[..., Part], name: str, function: Callable[..., Any], *w: float) -> Part:
        of = {n: combine(function, *(change[x][n] for x in w)) for n in found}
        return by(rule, name, of[last], over=of)

    parts = [
        part(positive, "weight lost within 0.1 of 2⟨S^z⟩ = +-1, W = 4", lambda d: -d[..., 0], 4.0),
        part(positive, "weight gained within 0.5 of 0, W = 4", lambda d: d[..., 1], 4.0),
    ]
    weights, whole = "by the weights at +-1 and at the centre", "by the whole distribution"
    readings: dict[str, list[Part]] = {weights: [], whole: []}
    beside = []
    names = ("within 0.1 of +-1", "within 0.5 of 0", "of the distribution")
    for place, (name, reading) in enumerate(zip(names, (weights, weights, whole), strict=True)):

        def less(a: Any, b: Any, i: int = place) -> Any:
            return np.abs(a[..., i]) - np.abs(b[..., i])

        readings[reading].append(part(positive, f"change {name}, W = 4 over W = 1", less, 4.0, 1.0))
        beside.append(part(vanishes, f"change {name}, W = 1", lambda d, i=place: d[..., i], 1.0))
    models = [model for pair in found[last].values() for model in pair]
    return Finding(parts, models, f"In chains of {last}.", readings, beside)


def bubble_size_trend(results: Results) -> Finding:
    """C11: slope of the purity over ln n_GOE at every distance, mean over W >= 4.

    Of the longest chain for which most sizes of the bubble are there.
    """
    found: dict[int, dict[float, list[Model]]] = {}
    for bubble in TUNED_BANDWIDTH:
        for model in results.find(bubble=bubble):
            if model.disorder >= STRENGTHS[0]:
                found.setdefault(model.length, {}).setdefault(model.disorder, []).append(model)
    sizes = {
        n: {w: at[w] for w in results.disorders(at) if len(at[w]) >= 3} for n, at in found.items()
    }
    sizes = results.lengths({n: at for n, at in sizes.items() if at})
    need(sizes, "three sizes of the bubble at one W >= 4")
    length = max(sizes, key=lambda n: (max(map(len, sizes[n].values())), n))
    falls = {n: _falls(results, sizes[n]) for n in sizes}
    parts = [
        by(positive, f"fall of gamma_{i} over ln n, mean over W >= 4", fall,
           over={n: one[i] for n, one in falls.items() if i < len(one)})
        for i, fall in enumerate(falls[length])
    ]  # fmt: skip
    used = [m for models in sizes[length].values() for m in models]
    return Finding(parts[::-1], used, f"In chains of {length}.")


def _falls(results: Results, sizes: dict[float, list[Model]]) -> list[Estimate]:
    """Fall of the purity over ln n_GOE at each distance, mean over the disorders."""
    slopes: dict[int, list[Estimate]] = {}
    for models in sizes.values():
        profiles = {
            np.log(model.bubble): results.estimate(estimates.purity_profile, model)
            for model in models
        }
        for i in range((models[0].length + 1) // 2):
            slope = estimates.growth(profiles, i).slope
            slopes.setdefault(i, []).append(combine(np.negative, slope))
    return [statistics.average(*found) for found in slopes.values()]


SHARES = {"gamma_XXZ": 0.0, "gamma_XXZ - 1/2": 0.5}
FIVE = (0.045, 0.055)  # what the paper rounds to 5 %


def plateau_of_deficit(results: Results) -> Finding:
    """C12: plateau of gamma_XXZ - gamma_i = gamma_0 + A e^(-i/xi), as a share of gamma_XXZ.

    Of the longest chain at each W, and where the claim has nothing left weighted over all; a fit
    that ran into its limits, or that its chi2 rules out, constrains nothing and is left out.
    """
    by_w = {w: found for w, found in _paired(results, 5.2).items() if w == 5.2 or w >= 7}
    if max(by_w) < 7:
        raise Missing("no bubble of 4 with its open chain of L + 2 has W >= 7")
    readings: dict[str, list[Part]] = {}
    fits: list[float] = []
    used: dict[Model, None] = {}
    for sites, name in (("middle", "the middle"), ("all", "all sites")):
        tests: dict[str, list[Part]] = {what: [] for what in SHARES}
        for w, chosen in by_w.items():
            share: dict[str, dict[int, Estimate]] = {what: {} for what in SHARES}
            for length, pair in chosen.items():
                deficit = results.estimate(estimates.deficit, *pair, sites=sites)
                try:
                    fewest = min(map(results.realizations, pair))
                    fit = estimates.plateau(deficit, fewest)
                except ValueError:  # too few realizations for a covariance of all distances
                    continue
                level = results.estimate(estimates.purity, pair[1], sites=sites)
                fits.append(fit.chi2 / fit.degrees)
                used |= dict.fromkeys(pair)
                for what, base in SHARES.items():
                    if fit.valid and fit.p_value > CHANCE:
                        scale = float(level.value) - base
                        value, error = fit.values["plateau"] / scale, fit.errors["plateau"] / scale
                        share[what][length] = statistics.normal(value, error, seed=length)
            for what, found in share.items():
                label = f"gamma_0 over {what}, W = {w:g}, {sites}"
                last = found.get(results.longest({n: chosen[n] for n in found} or chosen))
                if last is None:
                    tests[what].append(lacking(label))
                elif w == 5.2:
                    tests[what] += [
                        by(inside, label, last, *FIVE, over=found),
                        by(positive, f"{label}, above 0", last, over=found),
                    ]
                else:
                    tests[what] += [
                        by(vanishes, label, last, over=found),
                        _mean(vanishes, f"{label}, mean over L", found),
                    ]
        readings |= {f"share of {what}, of {name}": found for what, found in tests.items()}
    note = ""
    if fits:
        note = f"The fits have chi2 of {min(fits):.1f} to {max(fits):.1f} for a degree of freedom."
    return Finding([], [*used], note, readings)


# Exact, or live: no ensembles are needed


def purity_identity(results: Results) -> Finding:
    """C4: Eq. (5) against an explicit partial trace, live, for even and odd L."""
    parts, other = [], 0.0
    for model in (Model(6, 3.0, bubble=3), Model(7, 3.0)):
        table = experiments.partial_traces(model)
        deviation = (table.partial_trace - table.formula).abs().groupby(table.kind).max()
        count = (table.kind == "eigenstate").sum()
        name = f"largest deviation, {model.key}, {count} purities"
        parts.append(small(name, deviation["eigenstate"], 0.0, 1e-12))
        other = max(other, deviation["superposition"])
    note = f"In superpositions of two sectors, of no definite S^z, it fails by up to {other:.2f}."
    return Finding(parts, [], note)


def avalanche_threshold(results: Results) -> Finding:
    """C13: what the functions of SM D say on either side of xi_*, with errata 2 and 3 corrected."""
    critical, length, bubble, p, isolated = avalanche.CRITICAL_LENGTH, 400, 4, 0.5, 0.9
    below = avalanche.thermalized_distance(critical * (1 - np.geomspace(1e-6, 0.99, 50)), bubble)
    above = avalanche.thermalized_distance(critical * (1 + np.linspace(0, 5, 50)), bubble)

    def deficit(ratio: float) -> float:
        """gamma_XXZ - gamma at the middle of a long chain, of the most a share p can make."""
        gamma = avalanche.mean_purity(length / 2, ratio * critical, p, bubble, length, isolated)
        return float(isolated - gamma) / (p * (isolated - 0.5))

    parts = [
        small(f"regime I, 1.2 xi_*: deficit at i = {length // 2} over its largest, minus 1",
              deficit(1.2) - 1, 0.0, 0.01),
        small(f"regime II, 0.8 xi_*: deficit at i = {length // 2}", deficit(0.8), 0.0, 0.01),
        small("share of xi < xi_* with infinite ℓ_c", np.isinf(below).mean(), 0.0, 1e-9),
        small("share of xi >= xi_* with finite ℓ_c", np.isfinite(above).mean(), 0.0, 1e-9),
        positive("growth of ℓ_c towards xi_*, sites", below[0] - below[-1], 0.0),
    ]  # fmt: skip
    note = (
        "With the factor 1/2 of erratum 2, the sign of erratum 3 and a bound that paper Eq. (6) "
        "lacks."
    )
    return Finding(parts, [], note)


@lru_cache
def _expansion() -> pd.DataFrame:
    """Solved once, however often the claim is measured."""
    return experiments.expansion(8, (10.0, 20.0, 40.0), 200)


def perturbative_agreement(results: Results) -> Finding:
    """C14: typical deviation of the perturbative loss of purity from the exact one, live.

    It agrees at high disorder if its share of 1 - gamma falls with every step of W, and is 0 for
    1/W to 0 on the line through all in 1/W^2: a state is left and reached again by an even number
    of hops, so that this is the order of what the expansion leaves out.
    """
    table = _expansion()

    def relative(row: pd.Series, name: str) -> Estimate:
        value = row[name] / row.typical
        parts = row[f"{name}_error"] / row[name], row.typical_error / row.typical
        return statistics.normal(value, value * np.hypot(*parts), seed=int(row.disorder))

    off = {row.disorder: relative(row, "error") for _, row in table.iterrows()}
    steps = list(zip([*off], [*off][1:], strict=False))
    limit = statistics.line(
        [w**2 for w in off], *(combine(lambda y, w=w: w**2 * y, e) for w, e in off.items())
    ).slope
    label = "typical deviation over typical 1 - gamma"
    parts = [
        by(vanishes, f"{label} for 1/W to 0", limit),
        *(by(positive, f"its fall from W = {a:g} to {b:g}", combine(np.subtract, off[a], off[b]))
          for a, b in steps),
    ]  # fmt: skip
    last = table.iloc[-1]
    printed = relative(last, "printed_error")
    name = f"{label} of paper Eq. (19) as printed, W = {last.disorder:g}"
    beside = [Part(name, float(printed.value), float(printed.error), None)]
    note = f"So with the prefactors of errata 4 and 5, in chains of {last.length:g}."
    return Finding(parts, [], note, beside=beside)


@lru_cache
def _small_chains(length: int, disorder: float, count: int) -> pd.DataFrame:
    """Solved once, however often the claim is measured."""
    return experiments.small_chain_correlations(length, [disorder], count, (1.0,))


STRONG = 200.0
"""Disorder at which a sample rarely has a resonance, units of J."""


def conserved_correlation(results: Results) -> Finding:
    """C15: what S^z conservation alone correlates: exact, measured live, and in the ensembles.

    The bracket of Eq. (23) is algebra; the coefficient of Eq. (7) is divided by its widths. Both
    are told apart. "As 1/L^2" is about large L: the powers at lengths in reach stand beside.
    """
    long = 10**7  # there a power of L is its limit to rounding
    bracket, tail = perturbation.correlation_bracket, perturbation.pearson_tail

    def power(of: Callable[[int], float], length: int) -> float:
        return float(np.log2(of(2 * length) / of(length)))

    parts = [
        small("exact bracket of paper Eq. (23) times L^2/2 at large L, minus 1",
              bracket(long) * long**2 / 2 - 1, 0, 1e-6),
        small("power of L of the exact C(r) of paper Eq. (7) at large L, plus 2",
              power(tail, long) + 2, 0, 1e-6),
    ]  # fmt: skip
    for length, count in ((10, 12), (8, 100)):
        site = length // 2
        table = _small_chains(length, STRONG, count)
        row = table[table.distance == site].iloc[0]
        label = f"C({site}) over all states of a sample, L = {length}, W = {STRONG:g}"
        parts += [
            positive(label, row.fixed, row.fixed_error),
            vanishes(f"{label}, minus the exact {row.expected:.4f}", row.fixed - row.expected,
                     row.fixed_error),
        ]  # fmt: skip
    beside = [
        Part(f"power of L of the exact {name}, L = {n} to {2 * n}", power(of, n), 0.0, None)
        for name, of in (("bracket", bracket), ("C(r)", tail))
        for n in (8, 16)
    ]
    models = [m for m in results.find(bubble=0) if m.disorder >= 15][-1:]
    note = ""
    for model in models:
        middle = model.length // 2
        measured = results.estimate(estimates.correlation, model, among=(middle, middle + 1))
        whole = measured.entry(0, 0)
        note = (
            "With the scatter of the fields in the variances, as in paper Eq. (7), the ensemble "
            f"of L = {model.length}, W = {model.disorder:g} has C({middle}) = "
            f"{number(float(whole.value), float(whole.error))}, where conservation alone "
            f"leaves {perturbation.averaged_tail(model.length, model.disorder):.4f}."
        )
    return Finding(parts, models, note, beside=beside)
