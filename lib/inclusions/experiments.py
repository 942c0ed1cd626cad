"""Small samples solved live: what a page shows of a method or a formula, as tables of numbers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy import linalg

from inclusions import estimates, perturbation, statistics
from inclusions.basis import chain_states, spins
from inclusions.disorder import draw
from inclusions.eigen import Dense, ShiftInvert
from inclusions.eigen.factorization import FACTORIZATIONS
from inclusions.eigen.lanczos import random_block, spectrum_edges
from inclusions.eigen.ordering import structure
from inclusions.eigen.types import Eigenpairs, certify, closest
from inclusions.estimates import seed_of
from inclusions.hamiltonian import build, mean_energy
from inclusions.model import Model
from inclusions.observables import magnetizations, measure, purities, reduced_densities
from inclusions.statistics import Array

SEED = 1  # of the samples that are solved while a page is built


# The solver on one sample


def factors(lengths: Sequence[int], bubble: int = 4) -> pd.DataFrame:
    """Size of the matrix and of its factor by length; the structure is that of every sample.

    Columns: length, dimension, nonzeros (of H), entries (of L), share of the full triangle, flops.
    """
    rows = []
    for length in lengths:
        model = Model(length, 1.0, bubble=bubble)
        shape, n = structure(model.geometry), model.dimension
        rows.append(
            {
                "length": length, "dimension": n,
                "nonzeros": build(draw(model, SEED, 0)).matrix.nnz, "entries": shape.entries,
                "share": 2 * shape.entries / (n * (n + 1)), "flops": shape.flops,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def solve(model: Model, count: int = 50) -> Eigenpairs:
    """One sample by shift-invert, with the report of what the solver did."""
    return ShiftInvert()(build(draw(model, SEED, 0)), count)


class Inertia(NamedTuple):
    """Levels counted by signs, and what the certificate makes of a whole list and a short one."""

    table: pd.DataFrame  # shift (J), negative pivots, levels below it by LAPACK
    inside: int  # levels between the outermost shifts
    whole: str
    withheld: str  # one level is


def inertia(model: Model, count: int = 10) -> Inertia:
    """Levels below a few energies, by the signs of D in L D L^T and by LAPACK's full spectrum."""
    hamiltonian = build(draw(model, SEED, 0))
    everything = Dense()(hamiltonian, model.dimension).energies
    window = Dense()(hamiltonian, count)
    shifts = window.target + np.ptp(window.energies) * np.linspace(-1, 1, 5)
    kind = next(k for k in FACTORIZATIONS.values() if k.counts_levels and k.here())
    negative = []
    with kind.matrix(hamiltonian) as matrix:
        for shift in shifts:
            with matrix.factorize(shift) as factor:
                negative.append(factor.negative)
    below = [int((everything < shift).sum()) for shift in shifts]
    ends, counted = (shifts[0], shifts[-1]), negative[-1] - negative[0]
    inside = below[-1] - below[0]
    return Inertia(
        pd.DataFrame({"shift": shifts, "negative": negative, "below": below}),
        inside,
        *(certify(found, counted, ends).status for found in (inside, inside - 1)),
    )


def against_lapack(models: Sequence[Model], count: int = 30) -> pd.DataFrame:
    """Largest deviation of shift-invert from LAPACK in the levels of one sample, in J.

    Columns: those of the model, dimension, difference, residual, spacing (mean), certificate.
    """
    rows = []
    for model in models:
        hamiltonian = build(draw(model, SEED, 0))
        ours = replace(ShiftInvert(), spare=6)(hamiltonian, count)
        oracle = Dense()(hamiltonian, count)
        rows.append(
            model.as_dict()
            | {
                "dimension": model.dimension,
                "difference": np.abs(ours.energies - oracle.energies).max(),
                "residual": ours.residuals.max(),
                "spacing": np.ptp(oracle.energies) / (count - 1),
                "certificate": ours.certificate.status,
            }
        )
    return pd.DataFrame(rows)


# Errors put to the test


class Coverage(NamedTuple):
    """Shares of trials in which an error bar of few realizations covers the mean of all."""

    naive: float  # states taken as samples
    clustered: float  # realizations


def coverage(records: xr.Dataset, realizations: int = 20, trials: int = 400) -> Coverage:
    """Both error bars of the purity at mid-chain, put to the test on realizations drawn anew."""
    site = records.sizes["site"] // 2
    mean = records.linear_entropy.values[:, site].astype(float)
    within = records.linear_entropy_variance.values[:, site]
    states = records.states.values.mean()
    draws = np.random.default_rng(SEED).integers(len(mean), size=(trials, realizations))
    chosen = mean[draws]
    off = np.abs(chosen.mean(axis=1) - mean.mean())
    clustered = chosen.std(axis=1, ddof=1) / np.sqrt(realizations)
    variance = chosen.var(axis=1) + within[draws].mean(axis=1)
    naive = np.sqrt(variance / (realizations * states))
    return Coverage(float((off <= naive).mean()), float((off <= clustered).mean()))


# Eq. (5)


def partial_traces(model: Model, count: int = 50, seed: int = 1) -> pd.DataFrame:
    """Purities of one sample by explicit partial trace and by Eq. (5), one row a state and site.

    `kind` is "eigenstate", or "superposition": of that eigenstate and one of the next sector of
    the same sample, with equal weights, in which S^z has no definite value.
    """
    sample = draw(model, seed, 0)
    full = []
    for up in (model.up, model.up + 1):
        sector = replace(model, magnetization=up - model.length / 2)
        hamiltonian = build(type(sample)(sector, sample.fields, sample.bubble))
        pairs = Dense()(hamiltonian, min(count, sector.dimension))
        place = chain_states(sector.length, sector.up)[:, None] * sector.block
        states = np.zeros((2**sector.length * sector.block, pairs.energies.size))
        states[(place + np.arange(sector.block)).ravel()] = pairs.states
        full.append((states, magnetizations(hamiltonian, pairs)))
    (first, spin), (second, other) = full
    k = min(first.shape[1], second.shape[1])
    rows = []
    for kind, states, magnetization in (
        ("eigenstate", first, spin),
        ("superposition", (first[:, :k] + second[:, :k]) / np.sqrt(2), (spin[:k] + other[:k]) / 2),
    ):
        densities = reduced_densities(model, states)
        traced = np.square(densities).sum(axis=(2, 3))
        for state, site in np.ndindex(traced.shape):
            rows.append(
                {
                    "kind": kind,
                    "state": state,
                    "site": site,
                    "partial_trace": traced[state, site],
                    "formula": purities(magnetization[state, site]),
                    "off_diagonal": abs(densities[state, site, 0, 1]),
                }
            )
    return pd.DataFrame(rows)


# One sample at growing disorder


class Sweep(NamedTuple):
    """One sample at growing disorder: a row for each level, and for each chosen state and site."""

    levels: pd.DataFrame  # disorder, energy (J), place, purity (mean over sites), chosen
    sites: pd.DataFrame  # disorder, state (0 ... chosen - 1), site, magnetization


def sweep(model: Model, disorders: Sequence[float], seed: int, chosen: int = 3) -> Sweep:
    """All levels of one sample whose random numbers stay the same while W grows.

    Fields are those drawn for `model`, scaled by W; the bubble's matrices do not change. `chosen`
    states closest to the middle of the spectrum are shown site by site. `place` runs from 0 at the
    lowest level to 1 at the highest.
    """
    drawn = draw(model, seed, 0)
    levels, sites = [], []
    for disorder in disorders:
        sample = replace(
            drawn,
            model=replace(model, disorder=disorder),
            fields=drawn.fields * (disorder / model.disorder),
        )
        hamiltonian = build(sample)
        pairs = Dense()(hamiltonian, hamiltonian.dimension)
        spin = magnetizations(hamiltonian, pairs)
        middle = np.argsort(np.abs(pairs.energies - pairs.target), kind="stable")[:chosen]
        levels.append(
            pd.DataFrame(
                {
                    "disorder": disorder,
                    "energy": pairs.energies,
                    "place": (pairs.energies - pairs.edges[0]) / np.ptp(pairs.edges),
                    "purity": purities(spin).mean(axis=1),
                    "chosen": np.isin(np.arange(len(pairs.energies)), middle),
                }
            )
        )
        sites += [
            pd.DataFrame(
                {
                    "disorder": disorder,
                    "state": state,
                    "site": np.arange(model.length),
                    "magnetization": spin[number],
                }
            )
            for state, number in enumerate(np.sort(middle))
        ]
    return Sweep(pd.concat(levels, ignore_index=True), pd.concat(sites, ignore_index=True))


# What conservation of S^z alone correlates


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
    return _records(first, second, product, states=count)


def exact_records(model: Model, realizations: int) -> xr.Dataset:
    """Records of small samples with all states of the sector, fields as those of an ensemble."""
    measured = []
    for index in range(realizations):
        hamiltonian = build(draw(model, SEED, index))
        pairs = Dense()(hamiltonian, hamiltonian.dimension)
        measured.append(measure(model, pairs, magnetizations(hamiltonian, pairs)))
    first, second, product = (
        np.array([one[f"linear_entropy{part}"] for one in measured])
        for part in ("", "_variance", "_covariance")
    )
    return _records(first, second, product, states=model.dimension)


def _records(mean: Array, variance: Array, covariance: Array, states: int) -> xr.Dataset:
    """Moments of 1 - gamma, shapes (R, L), (R, L) and (R, 2, L), as an ensemble has them."""
    return xr.Dataset(
        {
            "linear_entropy": (("realization", "site"), mean),
            "linear_entropy_variance": (("realization", "site"), variance),
            "linear_entropy_covariance": (("realization", "end", "site"), covariance),
            "states": ("realization", np.full(len(mean), states)),
        }
    )


def small_chain_correlations(
    length: int,
    disorders: Sequence[float],
    realizations: int,
    anisotropies: Sequence[float] = (0.0, 1.0),
) -> pd.DataFrame:
    """Correlation of gamma_0 and gamma_r over all eigenstates of small open chains.

    `fixed` is the Pearson coefficient of one realization, mean over realizations; `averaged` that
    over states and realizations, within realizations alone: their means, whose fields are
    independent, would only add noise at far sites. `expected` is `perturbation.pearson_tail` with
    the couplings of each realization's own bonds, for r >= 3.
    """
    tables = []
    for anisotropy in anisotropies:
        for disorder in disorders:
            model = Model(length, disorder, anisotropy=anisotropy)
            records = exact_records(model, realizations)
            width = np.sqrt(records.linear_entropy_variance.values)
            pearson = records.linear_entropy_covariance.values[:, 0] / (width[:, :1] * width)
            fixed = statistics.mean(pearson, seed=seed_of(model))
            averaged = estimates.correlation(model, records)
            tables.append(
                pd.DataFrame(
                    {
                        "length": length, "anisotropy": anisotropy, "disorder": disorder,
                        "distance": np.arange(length), "realizations": realizations,
                        "fixed": fixed.value, "fixed_error": fixed.error,
                        "expected": _expected_tails(model, realizations),
                        "averaged": averaged.value[1], "averaged_error": averaged.error[1],
                    }
                )
            )  # fmt: skip
    return pd.concat(tables)


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


# The expansion in hopping over disorder


def admixtures(model: Model, index: int = 0) -> pd.DataFrame:
    """The components of one eigenstate on the flipped configurations, bond by bond.

    `exact` is by diagonalization, `matrix` is -<eta|A|eta'> of Eq. (11) from the Hamiltonian,
    `formula` the same from Eq. (12) as corrected, `printed` from Eq. (12) as it stands.
    """
    sample = draw(model, SEED, index)
    hamiltonian = build(sample)
    spins = hamiltonian.pattern.spins
    start = perturbation.strongest(hamiltonian)
    eta = 2 * spins[start]
    states = Dense()(hamiltonian, hamiltonian.dimension).states
    state = states[:, np.abs(states[start]).argmax()]
    ising = model.anisotropy / 4
    formula = -perturbation.admixture(sample.fields / 2, eta, 0.5, ising)
    padded = np.pad(eta, 1)
    slope = 4 * np.diff(sample.fields / 2) + 2 * ising * (padded[3:] - padded[:-3])
    printed = -0.5 * np.diff(eta) / slope
    rows = []
    for bond in np.flatnonzero(perturbation.flippable(eta)):
        flipped = eta.copy()
        flipped[[bond, bond + 1]] *= -1
        (other,) = np.flatnonzero((2 * spins == flipped).all(axis=1))
        rows.append(
            {
                "bond": f"{bond}, {bond + 1}",
                "exact": state[other] / state[start],
                "matrix": -perturbation.generator(hamiltonian)[start, other],
                "formula": formula[bond],
                "printed": printed[bond],
            }
        )
    return pd.DataFrame(rows)


def exponentials(length: int, disorders: Sequence[float], index: int = 0) -> pd.DataFrame:
    """e^A and e^{iA} on a configuration: excess of the norm over 1, weight off the eigenstate."""
    rows = []
    for disorder in disorders:
        # one draw of fields, scaled: all detunings are multiples of those at W = 1
        unit = draw(Model(length, 1.0), SEED, index).fields
        model = Model(length, disorder)
        hamiltonian = build(draw(model, SEED, index, fields=disorder * unit))
        start = perturbation.strongest(hamiltonian)
        states = Dense()(hamiltonian, hamiltonian.dimension).states
        state = states[:, np.abs(states[start]).argmax()]
        row = {"disorder": disorder}
        for name, factor in (("real", 1), ("imaginary", 1j)):
            built = linalg.expm(factor * perturbation.generator(hamiltonian))[:, start]
            norm = float(np.linalg.norm(built))
            row |= {
                f"{name}_norm": abs(norm - 1),
                f"{name}_off": 1 - abs(np.vdot(state, built)) ** 2 / norm**2,
            }
        rows.append(row)
    return pd.DataFrame(rows)


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
            if name in ("matched", "mean", "mean_resolved"):
                estimate = statistics.mean(values, seed=seed)
            else:
                estimate = statistics.bootstrap(np.exp, np.log(values), seed=seed)
            row |= {name: float(estimate.value), f"{name}_error": float(estimate.error)}
        rows.append(row)
    return pd.DataFrame(rows)


def _expansion(model: Model, index: int, threshold: float) -> dict[str, float]:
    sample = draw(model, SEED, index)
    hamiltonian = build(sample)
    spins = hamiltonian.pattern.spins
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    weights = np.square(pairs.states)
    matched = weights.max(axis=0) > 0.5
    eta = 2 * spins[weights.argmax(axis=0)]
    exact = 1 - purities(magnetizations(hamiltonian, pairs))
    bonds = perturbation.flippable(eta)
    touched = np.zeros(eta.shape, bool)
    touched[:, :-1] |= bonds
    touched[:, 1:] |= bonds
    detuning = 2 * perturbation.detuning(sample.fields / 2, eta, model.anisotropy / 4)
    far = np.where(bonds, np.abs(detuning), np.inf).min(axis=1) > threshold
    second = 1 - perturbation.chain_purity(sample.fields, eta, model.anisotropy)
    ising = model.anisotropy / 4
    as_printed = (1 - perturbation.printed_purity(sample.fields / 2, eta, 0.5, ising)) / 2
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
        "mean_resolved": perturbation.resolved_loss(
            sample.fields, 2 * spins, model.anisotropy
        ).mean(),
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
    bonds = np.pad(perturbation.flippable(eta), [(0, 0), (1, 1)])
    left, right = bonds[:, :-1], bonds[:, 1:]
    matched = weights.max(axis=0)[:, None] > 0.5
    sides = {"right": right & ~left & matched, "left": left & ~right & matched}
    fields = sample.fields / 2
    nineteen = 1 - perturbation.printed_purity(fields, eta, 0.5, 0.0)
    exact = {"Z": 1 - eta * spin, "P": 1 - spin**2}
    lost = 1 - perturbation.purity_pauli(fields, eta, 0.5, 0.0)
    printed = {
        # Eq. (16) is half of the brackets of Eq. (19), times -2 eta_i, all with one sign
        "$1 - \\eta_i\\langle\\sigma^z_i\\rangle$, paper Eq. (16)": (np.abs(nineteen), exact["Z"]),
        "$1 - P_i$, paper Eq. (19)": (nineteen, exact["P"]),
        # Eq. (21) has 4 where `free_purity_pauli` has 1/2
        "$1 - P_i$, paper Eq. (21)": (
            8 * (1 - perturbation.free_purity_pauli(fields, eta, 0.5)), exact["P"],
        ),
        "$1 - P_i$, this book": (lost, exact["P"]),
    }  # fmt: skip
    return pd.DataFrame(
        {"formula": name}
        | {side: float(np.median(a[where] / b[where])) for side, where in sides.items()}
        for name, (a, b) in printed.items()
    )


# What errata rest on


def random_vectors(
    lengths: Sequence[int] = (6, 8, 10), count: int = 2000
) -> tuple[list[tuple[int, float]], float]:
    """gamma - 1/2 of random vectors over 1/(d + 2), by dimension d, and its power of d."""
    rng, found = np.random.default_rng(1), []
    for length in lengths:
        model = Model(length, 1.0)
        weights = rng.standard_normal((model.dimension, count)) ** 2
        magnetization = (weights / weights.sum(axis=0)).T @ spins(
            chain_states(length, model.up), length
        )
        found.append((model.dimension, float((purities(magnetization) - 0.5).mean())))
    (first, one), (last, other) = found[0], found[-1]
    slope = np.log(other / one) / np.log((last + 2) / (first + 2))
    return [(d, value * (d + 2)) for d, value in found], float(slope)


def conjugations(norm: float = 0.01) -> tuple[float, float]:
    """How far e^-iA sigma e^iA is from its expansion, with the right sign and the printed one."""
    rng = np.random.default_rng(1)
    generator = rng.standard_normal((4, 4)) + 1j * rng.standard_normal((4, 4))
    generator = generator + generator.conj().T
    generator = generator * (norm / np.linalg.norm(generator, 2))
    sigma = np.diag([1.0, 1.0, -1.0, -1.0])

    def commuted(other: Array) -> Array:
        return generator @ other - other @ generator

    exact = linalg.expm(-1j * generator) @ sigma @ linalg.expm(1j * generator)
    second = sigma - commuted(commuted(sigma)) / 2
    right, printed = (
        np.linalg.norm(exact - second - sign * 1j * commuted(sigma), 2) for sign in (-1, 1)
    )
    return float(right), float(printed)


def flip_energies() -> tuple[float, float]:
    """Largest error of the energy of a flip, with the corrected and the printed J_z; J_z = 1."""
    length, ising = 8, 1.0
    rng = np.random.default_rng(1)
    fields = rng.uniform(-3, 3, length)
    eta = 1 - 2.0 * (np.arange(2**length)[:, None] >> np.arange(length) & 1)

    def energy(eta: Array) -> Array:
        return eta @ fields + ising * (eta[:, 1:] * eta[:, :-1]).sum(axis=1)

    errors = []
    for strength in (ising, ising / 2):
        delta = perturbation.detuning(fields, eta, strength)
        worst = 0.0
        for bond in range(length - 1):
            flipped = eta.copy()
            flipped[:, [bond, bond + 1]] = eta[:, [bond + 1, bond]]
            active = eta[:, bond] != eta[:, bond + 1]
            change = (energy(flipped) - energy(eta))[active]
            worst = max(worst, np.abs(change - 2 * (eta[:, bond] * delta[:, bond])[active]).max())
        errors.append(float(worst))
    return errors[0], errors[1]


# Where in the spectrum


def offsets(lengths: Sequence[int], disorder: float, realizations: int = 400) -> pd.DataFrame:
    """How far the middle between the edges lies from the mean energy of open chains, mean.

    Columns: length, energy (J), share (of the standard deviation of the levels), each with its
    error over realizations, and energy_scatter, the standard deviation over samples (J).
    """
    rows = []
    for length in lengths:
        model = Model(length, disorder)
        found = np.array([_offset(model, index) for index in range(realizations)])
        mean, scatter = found.mean(axis=0), found.std(axis=0, ddof=1)
        error = scatter / np.sqrt(realizations)
        rows.append((length, mean[0], error[0], scatter[0], mean[1], error[1]))
    names = ("length", "energy", "energy_error", "energy_scatter", "share", "share_error")
    return pd.DataFrame(rows, columns=names)


def _offset(model: Model, index: int) -> tuple[float, float]:
    """The middle minus Tr H / d of one sample: J, and in standard deviations of its levels."""
    realization = draw(model, SEED, index)
    matrix, mean = build(realization).matrix, mean_energy(realization)
    edges = spectrum_edges(lambda x: matrix @ x, random_block(model.dimension, 1))
    offset = sum(edges) / 2 - mean
    # Tr H^2 from the entries: no level is needed.
    return offset, offset / np.sqrt((matrix.data**2).sum() / model.dimension - mean**2)


def windows(models: Sequence[Model], counts: Sequence[int], realizations: int) -> pd.DataFrame:
    """Mean gap ratio and purity of the states closest to the target, by how many are taken.

    Every sample is solved whole. Columns beside those of the model: states, share (of the width
    of the spectrum), purity and gap_ratio, each with its error over realizations, and change,
    purity against that with the first of `counts` in the same samples, with its error.
    """
    rows = []
    for model in models:
        found = np.array([_by_count(model, counts, index) for index in range(realizations)])
        # (realizations, counts, quantities)
        mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(realizations)
        against = found[:, :, 1] - found[:, :1, 1]
        spread = against.std(axis=0, ddof=1) / np.sqrt(realizations)
        for place, count in enumerate(counts):
            names = ("share", "purity", "gap_ratio")
            rows.append(
                model.as_dict()
                | {"states": min(count, model.dimension)}
                | dict(zip(names, mean[place], strict=True))
                | {f"{name}_error": error[place, i] for i, name in enumerate(names)}
                | {"change": against[:, place].mean(), "change_error": spread[place]}
            )
    return pd.DataFrame(rows)


def _by_count(model: Model, counts: Sequence[int], index: int) -> list[tuple[float, float, float]]:
    """Share of the spectrum, mean purity and gap ratio of one sample for each count of states."""
    hamiltonian = build(draw(model, SEED, index))
    pairs = Dense()(hamiltonian, hamiltonian.dimension)
    gamma = purities(magnetizations(hamiltonian, pairs)).mean(axis=1)
    width = np.ptp(pairs.energies)
    found: list[tuple[float, float, float]] = []
    for count in counts:
        chosen = closest(pairs.energies, pairs.target, min(count, len(pairs.energies)))
        energies = pairs.energies[chosen]
        ratio = statistics.gap_ratios(energies).mean()
        found.append((np.ptp(energies) / width, gamma[chosen].mean(), ratio))
    return found
