"""The perturbative appendix: expansions beside exact states, and what conservation correlates."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import linalg

from inclusions import perturbation, statistics
from inclusions.disorder import draw
from inclusions.eigen import Dense
from inclusions.hamiltonian import Hamiltonian, build
from inclusions.model import Model
from inclusions.observables import magnetizations, purities
from inclusions.statistics import Array, Estimate
from inclusions.tables import Ensembles, merged, number, power, seed_of

SEED = 1  # of the small chains that are solved while the page is built


# The expansion against exact diagonalization


def flippable(configuration: ArrayLike) -> Array:
    """Which bonds join opposite spins, shape (..., L - 1)."""
    return np.diff(configuration) != 0


def generator(hamiltonian: Hamiltonian) -> Array:
    """A of Eq. (11) as a matrix: V_jk / (E_k - E_j), from the Hamiltonian itself; no unit."""
    matrix = hamiltonian.matrix.toarray()
    energies = np.diag(matrix)
    gaps = energies[None, :] - energies[:, None]
    hopping = matrix - np.diag(energies)
    return np.divide(hopping, gaps, out=np.zeros_like(gaps), where=hopping != 0)


def strongest(hamiltonian: Hamiltonian) -> int:
    """The configuration whose bonds are farthest from resonance, among those with most of them."""
    weight = np.square(generator(hamiltonian))
    bonds = (weight > 0).sum(axis=1)
    return int(np.where(bonds == bonds.max(), weight.max(axis=1), np.inf).argmin())


def admixtures(model: Model, index: int = 0) -> pd.DataFrame:
    """The components of one eigenstate on the flipped configurations, bond by bond.

    `exact` is by diagonalization, `matrix` is -<eta|A|eta'> of Eq. (11) from the Hamiltonian,
    `formula` the same from Eq. (12) as corrected, `printed` from Eq. (12) as it stands.
    """
    sample = draw(model, SEED, index)
    hamiltonian = build(sample)
    spins = hamiltonian.pattern.spins
    start = strongest(hamiltonian)
    eta = 2 * spins[start]
    states = Dense()(hamiltonian, hamiltonian.dimension).states
    state = states[:, np.abs(states[start]).argmax()]
    ising = model.anisotropy / 4
    formula = -perturbation.admixture(sample.fields / 2, eta, 0.5, ising)
    padded = np.pad(eta, 1)
    slope = 4 * np.diff(sample.fields / 2) + 2 * ising * (padded[3:] - padded[:-3])
    printed = -0.5 * np.diff(eta) / slope
    rows = []
    for bond in np.flatnonzero(flippable(eta)):
        flipped = eta.copy()
        flipped[[bond, bond + 1]] *= -1
        (other,) = np.flatnonzero((2 * spins == flipped).all(axis=1))
        rows.append(
            {
                "bond": f"{bond}, {bond + 1}",
                "exact": state[other] / state[start],
                "matrix": -generator(hamiltonian)[start, other],
                "formula": formula[bond],
                "printed": printed[bond],
            }
        )
    return pd.DataFrame(rows)


def readable_admixtures(table: pd.DataFrame) -> pd.DataFrame:
    """Admixtures as the page shows them."""
    names = {
        "bond": "bond",
        "exact": "exact",
        "matrix": "Eq. (11)",
        "formula": "Eq. (12), corrected",
        "printed": "Eq. (12), printed",
    }
    signed = table.map(lambda x: x if isinstance(x, str) else f"{x:+.5f}".replace("-", "−"))
    return signed[[*names]].rename(columns=names)


def exponentials(length: int, disorders: Sequence[float], index: int = 0) -> pd.DataFrame:
    """e^A and e^{iA} on a configuration: excess of the norm over 1, weight off the eigenstate."""
    rows = []
    for disorder in disorders:
        # one draw of fields, scaled: all detunings are multiples of those at W = 1
        unit = draw(Model(length, 1.0), SEED, index).fields
        model = Model(length, disorder)
        hamiltonian = build(draw(model, SEED, index, fields=disorder * unit))
        start = strongest(hamiltonian)
        states = Dense()(hamiltonian, hamiltonian.dimension).states
        state = states[:, np.abs(states[start]).argmax()]
        row = {"disorder": disorder}
        for name, factor in (("real", 1), ("imaginary", 1j)):
            built = linalg.expm(factor * generator(hamiltonian))[:, start]
            norm = np.linalg.norm(built)
            row |= {
                f"{name}_norm": abs(norm - 1),
                f"{name}_off": 1 - abs(np.vdot(state, built)) ** 2 / norm**2,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _unless_rounding(value: float) -> str:
    return power(0.0 if abs(value) < 1e-13 else value, 2)


def readable_exponentials(table: pd.DataFrame) -> pd.DataFrame:
    """Exponentials as the page shows them."""
    return pd.DataFrame(
        {
            "$W~(J)$": f"{row.disorder:g}",
            r"$e^A$: norm $-\,1$": _unless_rounding(row.real_norm),
            "$e^A$: weight off the eigenstate": _unless_rounding(row.real_off),
            r"$e^{iA}$: norm $-\,1$": _unless_rounding(row.imaginary_norm),
            "$e^{iA}$: weight off the eigenstate": _unless_rounding(row.imaginary_off),
        }
        for row in table.itertuples()
    )


def printed_purity(fields: ArrayLike, configuration: ArrayLike, hopping: float, ising: float):
    """P_i of Eq. (19) exactly as printed, shape (..., L); a neighbour beyond the ends counts 0."""
    fields, eta = np.broadcast_arrays(np.asarray(fields, float), np.asarray(configuration, float))
    padded = np.pad(eta, [(0, 0)] * (eta.ndim - 1) + [(1, 1)])
    slope = np.diff(fields) + 2 * ising * (padded[..., 3:] - padded[..., :-3])
    bracket = np.square(hopping * np.diff(eta) / slope)
    purity = np.ones_like(eta)
    purity[..., :-1] -= 2 * bracket
    purity[..., 1:] += 2 * bracket
    return purity


def resolved_loss(fields: ArrayLike, configuration: ArrayLike, anisotropy: float) -> Array:
    """1 - gamma_i of the chain of Eq. (2) with every flippable bond solved as two levels.

    A bond of detuning D (chain units) costs (1/2) / (1 + D^2) where `chain_purity` has 1/2D^2:
    the same far from resonance, and never more than 1/2. Shape (..., L).
    """
    detuning = 2 * perturbation.detuning(np.asarray(fields) / 2, configuration, anisotropy / 4)
    bond = np.where(flippable(configuration), 0.5 / (1 + detuning**2), 0.0)
    loss = np.zeros(bond.shape[:-1] + (bond.shape[-1] + 1,))
    loss[..., :-1] += bond
    loss[..., 1:] += bond
    return loss


def expansion(
    length: int, disorders: Sequence[float], realizations: int, threshold: float = 5.0
) -> pd.DataFrame:
    """Purities of all eigenstates of small open chains against the expansion.

    An eigenstate belongs to the configuration that has more than half of its weight; `matched` is
    the share that has one. Typical values are medians over the sites with a flippable bond, of
    all matched states of a realization; then the geometric mean over realizations. `clear` ones
    take only states whose flippable bonds all have a detuning above `threshold`, units of J.
    `mean` is over all states and sites.
    """
    rows = []
    for disorder in disorders:
        model = Model(length, disorder)
        found = [_expansion(model, index, threshold) for index in range(realizations)]
        row = {"length": length, "disorder": disorder, "realizations": realizations}
        for name in found[0]:
            values = np.array([one[name] for one in found])
            values = values[np.isfinite(values)]
            seed = seed_of(model)
            if name in MEANS:
                estimate = statistics.mean(values, seed=seed)
            else:
                estimate = statistics.bootstrap(np.exp, np.log(values), seed=seed)
            row |= {name: float(estimate.value), f"{name}_error": float(estimate.error)}
        rows.append(row)
    return pd.DataFrame(rows)


MEANS = ("matched", "mean", "mean_resolved")  # columns of `expansion` that are plain means


def _expansion(model: Model, index: int, threshold: float) -> dict[str, float]:
    sample = draw(model, SEED, index)
    hamiltonian = build(sample)
    spins = hamiltonian.pattern.spins
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    weights = np.square(pairs.states)
    matched = weights.max(axis=0) > 0.5
    eta = 2 * spins[weights.argmax(axis=0)]
    exact = 1 - purities(magnetizations(hamiltonian, pairs))
    bonds = flippable(eta)
    touched = np.zeros(eta.shape, bool)
    touched[:, :-1] |= bonds
    touched[:, 1:] |= bonds
    detuning = 2 * perturbation.detuning(sample.fields / 2, eta, model.anisotropy / 4)
    far = np.where(bonds, np.abs(detuning), np.inf).min(axis=1) > threshold
    second = 1 - perturbation.chain_purity(sample.fields, eta, model.anisotropy)
    ising = model.anisotropy / 4
    as_printed = (1 - printed_purity(sample.fields / 2, eta, 0.5, ising)) / 2
    every = touched & matched[:, None]
    clear = touched & (matched & far)[:, None]

    def middle(values: Array, where: Array) -> float:
        return float(np.median(values[where])) if where.any() else np.nan

    return {
        "matched": matched.mean(),
        "typical": middle(exact, every),
        "typical_second": middle(second, every),
        "error": middle(np.abs(second - exact), every),
        "clear_error": middle(np.abs(second - exact), clear),
        "printed_error": middle(np.abs(as_printed - exact), clear),
        "mean": exact.mean(),
        "mean_resolved": resolved_loss(sample.fields, 2 * spins, model.anisotropy).mean(),
    }


def prefactors(length: int, disorder: float) -> pd.DataFrame:
    """Losses as printed over exact ones, at sites with one flippable bond; no interaction.

    Medians over all matched states of one sample, apart for the right bond (i, i+1) and the left.
    """
    model = Model(length, disorder, anisotropy=0.0)
    sample = draw(model, SEED, 0)
    hamiltonian = build(sample)
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    weights = np.square(pairs.states)
    eta = 2 * hamiltonian.pattern.spins[weights.argmax(axis=0)]
    spin = 2 * magnetizations(hamiltonian, pairs)
    bonds = np.pad(flippable(eta), [(0, 0), (1, 1)])
    left, right = bonds[:, :-1], bonds[:, 1:]
    matched = weights.max(axis=0)[:, None] > 0.5
    sides = {"right": right & ~left & matched, "left": left & ~right & matched}
    fields = sample.fields / 2
    nineteen = 1 - printed_purity(fields, eta, 0.5, 0.0)
    exact = {"Z": 1 - eta * spin, "P": 1 - spin**2}
    lost = 1 - perturbation.purity_pauli(fields, eta, 0.5, 0.0)
    printed = {
        # Eq. (16) is half of the brackets of Eq. (19), times -2 eta_i, all with one sign
        "$1 - \\eta_i\\langle\\sigma^z_i\\rangle$, Eq. (16)": (np.abs(nineteen), exact["Z"]),
        "$1 - P_i$, Eq. (19)": (nineteen, exact["P"]),
        # Eq. (21) has 4 where `free_purity_pauli` has 1/2
        "$1 - P_i$, Eq. (21)": (
            8 * (1 - perturbation.free_purity_pauli(fields, eta, 0.5)), exact["P"],
        ),
        "$1 - P_i$, this book": (lost, exact["P"]),
    }  # fmt: skip
    return pd.DataFrame(
        {"formula": name}
        | {side: float(np.median(a[where] / b[where])) for side, where in sides.items()}
        for name, (a, b) in printed.items()
    )


def readable_prefactors(table: pd.DataFrame) -> pd.DataFrame:
    """Prefactors as the page shows them."""
    return pd.DataFrame(
        {
            "formula": row.formula,
            "over exact, right bond": f"{row.right:.2f}".replace("-", "−"),
            "over exact, left bond": f"{row.left:.2f}".replace("-", "−"),
        }
        for row in table.itertuples()
    )


def expansion_texts(table: pd.DataFrame) -> dict[str, str]:
    """Shares, powers of W and the weakest disorder at which the expansion holds, for the text."""
    first, last = table.iloc[0], table.iloc[-1]
    good = table[table.error < 0.1 * table.typical]
    return {
        "weakest": f"{first.disorder:g}",
        "strongest": f"{last.disorder:g}",
        "matched_weak": f"{100 * first.matched:.0f} %",
        "matched_strong": f"{100 * last.matched:.1f} %",
        "error_power": f"{local_slope(table, 'error'):.1f}".replace("-", "−"),
        "printed_power": f"{local_slope(table, 'printed_error'):.1f}".replace("-", "−"),
        "mean_power": number(
            local_slope(table, "mean"),
            float(np.hypot(*(table.mean_error / table["mean"]).iloc[-2:]))
            / np.log(last.disorder / table.disorder.iloc[-2]),
        ),
        "good_from": f"{good.disorder.min():g}" if len(good) else "none of these",
    }


def local_slope(table: pd.DataFrame, column: str) -> float:
    """Power of W between the two largest disorders of a column."""
    last = table.sort_values("disorder").iloc[-2:]
    return float(np.diff(np.log(last[column]))[0] / np.diff(np.log(last.disorder))[0])


# What conservation of S^z alone correlates


def sector(length: int) -> Array:
    """All configurations with S^z = 0 (even length) or +1/2 (odd), as rows of +1 and -1."""
    up = (length + 1) // 2
    chosen = np.array(list(combinations(range(length), up)))
    rows = -np.ones((len(chosen), length))
    np.put_along_axis(rows, chosen, 1.0, axis=1)
    return rows


def brackets(enumerated: Sequence[int], formula: Sequence[int] = ()) -> pd.DataFrame:
    """The bracket of Eq. (23) by brute force (nan where not), in closed form, and as printed."""
    rows = []
    for length in (*enumerated, *formula):
        counted = np.nan
        if length in enumerated:
            eta = sector(length)
            bonds = eta[:, [0, -2]] * eta[:, [1, -1]]
            counted = bonds.prod(axis=1).mean() - bonds.mean(axis=0).prod()
        rows.append(
            {
                "length": length,
                "counted": counted,
                "exact": perturbation.correlation_bracket(length),
                "printed": 2 / length**2,
            }
        )
    return pd.DataFrame(rows)


def readable_brackets(table: pd.DataFrame) -> pd.DataFrame:
    """Brackets as the page shows them."""
    return pd.DataFrame(
        {
            "$L$": row.length,
            "counted": f"{row.counted:.6f}" if np.isfinite(row.counted) else "–",
            "closed form": f"{row.exact:.6f}",
            "$2/L^2$": f"{row.printed:.6f}",
            "closed form over $2/L^2$": f"{row.exact / row.printed:.2f}",
        }
        for row in table.itertuples()
    )


def tails(lengths: Sequence[int], disorders: Sequence[float]) -> pd.DataFrame:
    """C(r -> infinity) of conservation alone: at fixed disorder (nan for W), and averaged."""
    rows = []
    for length in lengths:
        rows.append({"length": length, "disorder": np.nan, "C": perturbation.pearson_tail(length)})
        rows += [
            {"length": length, "disorder": w, "C": perturbation.averaged_tail(length, w)}
            for w in disorders
        ]
    return pd.DataFrame(rows)


def tail_limits(length: int, disorder: float) -> dict[str, float]:
    """The tail over its large-W law sqrt(2) pi / W (L-1)(L-3), and its power of W there."""
    law = np.sqrt(2) * np.pi / (disorder * (length - 1) * (length - 3))
    here, double = (perturbation.averaged_tail(length, w) for w in (disorder, 2 * disorder))
    return {"ratio": here / law, "power": float(np.log2(double / here))}


def small_chain_correlations(
    length: int,
    disorders: Sequence[float],
    realizations: int,
    anisotropies: Sequence[float] = (0.0, 1.0),
) -> pd.DataFrame:
    """Correlation of gamma_0 and gamma_r over all eigenstates of small open chains.

    `fixed` is the Pearson coefficient of one realization, mean over realizations; `averaged` that
    over states and realizations, without the covariance of the realizations' means, which is zero
    for distant sites because their fields are independent, and would only add noise. `expected`
    is `perturbation.pearson_tail` with the couplings of each realization's own bonds, for r >= 3.
    """
    rows = []
    for anisotropy in anisotropies:
        for disorder in disorders:
            model = Model(length, disorder, anisotropy=anisotropy)
            moments = np.array([_moments(model, index) for index in range(realizations)])
            seed = seed_of(model)
            fixed = statistics.mean(moments[:, 0], seed=seed)
            averaged = averaged_correlation(*np.moveaxis(moments[:, 1:], 1, 0), seed=seed)
            rows.append(
                pd.DataFrame(
                    {
                        "length": length, "anisotropy": anisotropy, "disorder": disorder,
                        "distance": np.arange(length), "realizations": realizations,
                        "fixed": fixed.value, "fixed_error": fixed.error,
                        "expected": _expected_tails(model, realizations),
                        "averaged": averaged.value, "averaged_error": averaged.error,
                    }
                )
            )  # fmt: skip
    return pd.concat(rows)


def _expected_tails(model: Model, realizations: int) -> Array:
    """Mean over realizations of the fixed-disorder tail at every site; nan for r < 3."""
    tails = np.full((realizations, model.length), np.nan)
    for index, row in enumerate(tails):
        fields = draw(model, SEED, index).fields
        coupling = np.append(1 / (1 + np.diff(fields) ** 2), 0.0)  # the last site has no right bond
        row[3:] = [
            perturbation.pearson_tail(model.length, coupling[r - 1], coupling[r])
            for r in range(3, model.length)
        ]
    return tails.mean(axis=0)


def _moments(model: Model, index: int) -> Array:
    """Coefficient, covariance with site 0, first and second moment, shape (4, L)."""
    hamiltonian = build(draw(model, SEED, index))
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    entropy = 1 - purities(magnetizations(hamiltonian, pairs))
    deviation = entropy - entropy.mean(axis=0)
    covariance = deviation[:, 0] @ deviation / len(deviation)
    width = np.sqrt(np.square(deviation).mean(axis=0))
    return np.array(
        [
            covariance / (width[0] * width),
            covariance,
            entropy.mean(axis=0),
            np.square(entropy).mean(axis=0),
        ]
    )


def averaged_correlation(
    covariance: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    counts: ArrayLike | None = None,
    seed: int = 0,
) -> Estimate:
    """Mean covariance within realizations over the variances of all states, shape (L,).

    Arrays, shape (R, L): covariance with site 0, first and second moment of 1 - gamma_i.
    """

    def coefficient(covariance: Array, first: Array, second: Array) -> Array:
        variance = second - first**2
        return covariance / np.sqrt(variance[:, :1] * variance)

    return statistics.bootstrap(coefficient, covariance, first, second, counts=counts, seed=seed)


def ensemble_tails(*ensembles: Ensembles) -> pd.DataFrame:
    """C at r = L/2 of cached ensembles against what conservation alone leaves there.

    `full` is Eq. (7); `within` leaves out the covariance of the realizations' means, as in
    `small_chain_correlations`; `conserved` is `perturbation.averaged_tail`.
    """
    columns = [
        "bubble", "length", "disorder", "realizations", "full", "full_error", "within",
        "within_error", "conserved",
    ]  # fmt: skip
    rows = []
    for model, data in merged(*ensembles).items():
        first = data.linear_entropy.values.astype(float)
        covariance = data.linear_entropy_covariance.values.astype(float)
        second = data.linear_entropy_variance.values + first**2
        product = covariance + first[:, [0, -1], None] * first[:, None, :]
        counts, seed = data.states.values, seed_of(model)
        full = statistics.purity_correlation(first, second, product, counts, seed=seed)
        within = averaged_correlation(
            0.5 * (covariance[:, 0] + covariance[:, 1, ::-1]),
            0.5 * (first + first[:, ::-1]),
            0.5 * (second + second[:, ::-1]),
            counts=counts,
            seed=seed,
        )
        r = model.length // 2
        rows.append(
            [
                model.bubble, model.length, model.disorder, len(first),
                float(full.value[r]), float(full.error[r]),
                float(within.value[r]), float(within.error[r]),
                perturbation.averaged_tail(model.length, model.disorder),
            ]
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns).sort_values(["bubble", "disorder", "length"])


def tail_texts(table: pd.DataFrame, sure: float = 3.0) -> dict[str, str]:
    """In how many ensembles C(L/2) exceeds what conservation alone leaves, as texts.

    Counted: those of W >= 4, where the chain is not ergodic; excess by `sure` standard errors.
    """
    strong = table[table.disorder >= 4]
    above = strong.within - strong.conserved > sure * strong.within_error
    texts = {}
    for name, with_bubble in (("chain", False), ("bubble", True)):
        mine = (strong.bubble > 0) == with_bubble
        disorders = strong.disorder[mine & above]
        texts[f"{name}_count"] = str(int(mine.sum()))
        texts[f"{name}_above"] = str(int((mine & above).sum()))
        texts[f"{name}_until"] = f"{disorders.max():g}" if len(disorders) else "none"
    return texts


def small_tail_texts(small: pd.DataFrame, length: int) -> dict[str, str]:
    """C at r = L/2 of small chains at fixed disorder, for both anisotropies, beside theory."""
    texts = {"fixed_tail": f"{perturbation.pearson_tail(length):.4f}"}
    at = small[(small.length == length) & (small.distance == length // 2)]
    for row in at[at.disorder == at.disorder.max()].itertuples():
        name = "free" if row.anisotropy == 0 else "interacting"
        texts[f"{name}_tail"] = number(row.fixed, row.fixed_error)
        if row.anisotropy == 0:
            texts["expected_tail"] = f"{row.expected:.4f}"
    return texts


def readable_tails(table: pd.DataFrame) -> pd.DataFrame:
    """Tails as the page shows them."""
    return pd.DataFrame(
        {
            "system": "bubble" if row.bubble else "isolated",
            "$W~(J)$": f"{row.disorder:g}",
            "$L$": row.length,
            "$C(L/2)$": number(row.full, row.full_error),
            "within realizations": number(row.within, row.within_error),
            "conservation alone": f"{row.conserved:.4f}",
        }
        for row in table.itertuples()
    )
