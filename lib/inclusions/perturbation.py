"""Expands the purity in hopping over disorder and finds what S^z conservation alone correlates.

The Pauli functions follow SM E and its Hamiltonian, Eq. (9), on an open chain:

    H = sum_i h_i sigma^z_i + J (sigma^+_i sigma^-_{i+1} + h.c.) + J_z sigma^z_i sigma^z_{i+1},

sigma^+ = |up><down|, with `hopping` J, `ising` J_z and a configuration eta_i = +1 or -1.
`fields` and `configuration` have shapes (..., L) and broadcast.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from inclusions.basis import chain_states, spins
from inclusions.hamiltonian import Hamiltonian
from inclusions.model import Model

Array = NDArray[np.float64]


def _finite(name: str, value: ArrayLike) -> Array:
    values = np.asarray(value, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got {values[~np.isfinite(values)].flat[0]}")
    return values


def _whole(name: str, value: float, least: int, most: float = math.inf) -> int:
    if not (least <= value <= most and value % 1 == 0):
        upper = "" if most == math.inf else f" and at most {most}"
        raise ValueError(f"{name} must be a whole number of at least {least}{upper}, got {value}")
    return int(value)


def _read(fields: ArrayLike, configuration: ArrayLike) -> tuple[Array, Array]:
    """Return fields and configuration as float arrays of one common shape (..., L)."""
    fields = _finite("fields", fields)
    configuration = np.asarray(configuration, dtype=float)
    if (wrong := np.abs(configuration) != 1).any():
        raise ValueError(
            f"configuration must hold +1 and -1 only, got {configuration[wrong].flat[0]}"
        )
    sites = fields.shape[-1:], configuration.shape[-1:]
    if sites[0] != sites[1] or sites[0] in ((), (0,), (1,)):
        raise ValueError(
            "fields and configuration must have the same number of sites, at least 2, "
            f"got shapes {fields.shape} and {configuration.shape}"
        )
    fields, configuration = np.broadcast_arrays(fields, configuration)
    return fields, configuration


def detuning(fields: ArrayLike, configuration: ArrayLike, ising: ArrayLike) -> Array:
    """Delta = h_{i+1} - h_i + J_z (eta_{i+2} - eta_{i-1}) of every bond (i, i+1), shape (..., L-1).

    Flipping a bond with eta_i != eta_{i+1} changes the energy by 2 eta_i Delta. (Eq. (12)
    prints half of that J_z.) A neighbour beyond the ends counts 0. In the units of the fields.

    Raises:
        ValueError: shapes differ, fields or ising are not finite, configuration is not +1 or -1
    """
    fields, configuration = _read(fields, configuration)
    ising = _finite("ising", ising)
    delta = np.diff(fields)
    delta[..., :-1] += ising * configuration[..., 2:]
    delta[..., 1:] -= ising * configuration[..., :-2]
    return delta


def admixture(
    fields: ArrayLike, configuration: ArrayLike, hopping: ArrayLike, ising: ArrayLike
) -> Array:
    """<eta|A|eta'> = J (eta_i - eta_{i+1}) / 4 Delta of every bond, Eq. (12), shape (..., L-1).

    This is J / (E(eta') - E(eta)), Eq. (11), for the bond flipped, and 0 where there is none to
    flip. It changes sign with eta and eta' exchanged, so the state is e^A |eta> (Eq. (10) prints
    e^{iA}), and eta' enters it with the coefficient -<eta|A|eta'>. Dimensionless.

    Raises:
        ValueError: see `detuning`; hopping is not finite; a bond to flip has no detuning
    """
    delta = detuning(fields, configuration, ising)
    fields, configuration = _read(fields, configuration)
    step = -np.diff(configuration)
    if (resonant := (delta == 0) & (step != 0)).any():
        bond = int(np.argwhere(resonant)[0, -1])
        raise ValueError(f"detuning of a flippable bond must not be 0, got 0 at bond {bond}")
    amplitude = _finite("hopping", hopping) * step / 4
    return np.divide(amplitude, delta, out=np.zeros_like(delta), where=step != 0)


def magnetization_shift(
    fields: ArrayLike, configuration: ArrayLike, hopping: ArrayLike, ising: ArrayLike
) -> Array:
    """Z_i = -2 eta_i sum |<eta|A|eta'>|^2 over the bonds of i, Eqs. (15), (16), shape (..., L).

    A flippable bond contributes -eta_i J^2 / 2 Delta^2; Eq. (16) prints sixteen times as much,
    and twice the J_z. Errors: `admixture`.
    """
    weight = admixture(fields, configuration, hopping, ising) ** 2
    _, configuration = _read(fields, configuration)
    total = np.zeros_like(configuration)
    total[..., :-1] += weight
    total[..., 1:] += weight
    return -2 * configuration * total


def magnetization(
    fields: ArrayLike, configuration: ArrayLike, hopping: ArrayLike, ising: ArrayLike
) -> Array:
    """<sigma^z_i> = eta_i + Z_i, Eq. (17), shape (..., L), up to terms (J/Delta)^4.

    Errors: `admixture`.
    """
    return np.asarray(configuration) + magnetization_shift(fields, configuration, hopping, ising)


def purity_pauli(
    fields: ArrayLike, configuration: ArrayLike, hopping: ArrayLike, ising: ArrayLike
) -> Array:
    """P_i = <sigma^z_i>^2 = 1 + 2 eta_i Z_i, Eqs. (18), (19), shape (..., L), up to (J/Delta)^4.

    A flippable bond lowers P_i by J^2 / Delta^2; Eq. (19) prints eight times as much, with a
    plus sign for the left bond. Z_i^2 is left out: it is one of the terms (J/Delta)^4, not all.
    A value below 0 tells of a resonance, where the expansion fails. Errors: `admixture`.
    """
    shift = magnetization_shift(fields, configuration, hopping, ising)
    return 1 + 2 * np.asarray(configuration) * shift


def free_purity_pauli(fields: ArrayLike, configuration: ArrayLike, hopping: ArrayLike) -> Array:
    """P_i at J_z = 0, Eqs. (20), (21), shape (..., L), up to (J/Delta)^4.

    1 - sum (1/2) (J / (h_{i+1} - h_i))^2 (1 - eta_i eta_{i+1}) over the bonds of site i; Eq. (21)
    prints 4 for the 1/2.

    Raises:
        ValueError: see `detuning`; hopping is not finite; two neighbouring fields are equal
    """
    fields, configuration = _read(fields, configuration)
    if not (step := np.diff(fields)).all():
        bond = int(np.argwhere(step == 0)[0, -1])
        raise ValueError(f"neighbouring fields must differ, got equal ones at bond {bond}")
    coupling = 0.5 * (_finite("hopping", hopping) / step) ** 2
    loss = coupling * (1 - configuration[..., :-1] * configuration[..., 1:])
    purity = np.ones_like(fields)
    purity[..., :-1] -= loss
    purity[..., 1:] -= loss
    return purity


def purity(
    fields: ArrayLike, configuration: ArrayLike, hopping: ArrayLike, ising: ArrayLike
) -> Array:
    """Purity gamma_i = (1 + P_i) / 2 of Eq. (5), shape (..., L), up to terms (J/Delta)^4.

    A value below 1/2 tells of a resonance. Errors: `admixture`.
    """
    return (1 + purity_pauli(fields, configuration, hopping, ising)) / 2


def chain_purity(fields: ArrayLike, configuration: ArrayLike, anisotropy: ArrayLike = 1.0) -> Array:
    """Purity gamma_i of the open chain of Eq. (2), shape (..., L), up to (1/Delta)^4.

    With S^z = sigma^z / 2 the chain is Eq. (9) at hopping 1/2, fields h_i / 2 and
    J_z = anisotropy / 4: a flippable bond lowers gamma_i by half the inverse square of
    h_{i+1} - h_i + (anisotropy / 2) (eta_{i+2} - eta_{i-1}). Energies in units of the chain's J.

    Args:
        fields: h_i, shape (..., L), units of J
        configuration: eta_i = 2 S^z_i of the eigenstate at infinite disorder, +1 or -1, (..., L)
        anisotropy: Delta of Eq. (2)

    Raises:
        ValueError: see `admixture`
    """
    return purity(
        _finite("fields", fields) / 2, configuration, 0.5, _finite("anisotropy", anisotropy) / 4
    )


def spin_moment(length: int, count: int) -> float:
    """Mean of eta_1 ... eta_n over n = count different sites and all configurations of the sector.

    The sector is S^z = 0 for even and +1/2 for odd length. Of all products of n spins, the
    mean is (-1)^(n/2) C(L/2, n/2) / C(L, n), with halves rounded down; for even L odd n give 0.

    Raises:
        ValueError: length is not a whole number of at least 1, or count of 0 ... length
    """
    length = _whole("length", length, 1)
    count = _whole("count", count, 0, length)
    if count % 2 > length % 2:
        return 0.0
    return (-1) ** (count // 2) * math.comb(length // 2, count // 2) / math.comb(length, count)


def correlation_bracket(length: int) -> float:
    """<eta_i eta_{i+1} eta_j eta_{j+1}> - <eta_i eta_{i+1}>^2 for two disjoint bonds, Eq. (23).

    2L / ((L-1)^2 (L-3)) for even L; the printed 2/L^2 is its limit. For odd L, in the sector
    S^z = +1/2, it is the same with L+1 for L.

    Raises:
        ValueError: length is not a whole number of at least 4
    """
    length = _whole("length", length, 4)
    return spin_moment(length, 4) - spin_moment(length, 2) ** 2


def counted_bracket(length: int) -> float:
    """`correlation_bracket` by counting all configurations of the sector, for small chains."""
    eta = 2 * spins(chain_states(length, (length + 1) // 2), length)
    bonds = eta[:, [0, -2]] * eta[:, [1, -1]]
    return float(bonds.prod(axis=1).mean() - bonds.mean(axis=0).prod())


def brackets(enumerated: Sequence[int], formula: Sequence[int] = ()) -> pd.DataFrame:
    """The bracket of Eq. (23) by brute force (nan where not), in closed form, and as printed.

    Columns: length, counted, exact, printed.
    """
    table = pd.DataFrame({"length": [*enumerated, *formula]})
    return table.assign(
        counted=[*map(counted_bracket, enumerated), *(np.nan for _ in formula)],
        exact=table.length.map(correlation_bracket),
        printed=2 / table.length**2,
    )


def pearson_tail(length: int, left: float = 1.0, right: float = 1.0) -> float:
    """C(r) of Eq. (7) left by S^z conservation at large r, at fixed disorder; dimensionless.

    Purities P_i = 1 - sum a (1 - eta eta') over the bonds of site i, Eq. (21); all
    configurations of the sector count alike. Without interaction it holds from r = 3 on (J_z
    ties bonds up to two sites apart). Site 0 has one bond, whose coupling cancels, site r two.
    With B of `correlation_bracket` and m = <eta eta'> of `spin_moment`,

        C = (a + a') B / sqrt((1 - m^2) ((a^2 + a'^2)(1 - m^2) + 2 a a' m (1 - m))).

    Equal couplings give 2 sqrt(2) / ((L-2)^(1/2) (L-3)^(3/2)) for even L, whatever the disorder.

    Args:
        length: sites L of the chain, at least 5
        left: coupling a of one bond of site r, any unit
        right: coupling a' of the other bond, same unit; 0 at the far end

    Raises:
        ValueError: length is not a whole number of at least 5; couplings not finite and >= 0,
            or both 0
    """
    length = _whole("length", length, 5)
    if not (0 <= left < math.inf and 0 <= right < math.inf and left + right > 0):
        raise ValueError(
            f"couplings must be finite, at least 0 and not both 0, got {left} and {right}"
        )
    left, right = left / max(left, right), right / max(left, right)
    m = spin_moment(length, 2)
    end = 1 - m**2
    bulk = (left**2 + right**2) * end + 2 * left * right * m * (1 - m)
    return (left + right) * correlation_bracket(length) / math.sqrt(end * bulk)


def averaged_tail(length: int, disorder: float, ring: bool = False) -> float:
    """C(r) of Eq. (7) over states and realizations, left by S^z conservation at large r.

    As `pearson_tail`, but over fields uniform in [-W, W]. The mean of 1/Delta^2 diverges; a bond
    solved exactly loses J^2 / (Delta^2 + J^2) instead, so a = (1/2) / (1 + (h_{i+1} - h_i)^2) in
    the chain's units, at anisotropy 0. The variances now hold the disorder's own fluctuations,
    and few resonant bonds carry most of them. For W -> infinity and even L

        C = sqrt(2) pi / (W (L-1) (L-3)),    covariance of P_0 and P_r = pi^2 B / 8 W^2,

    with B of `correlation_bracket`. In a ring site 0 has two bonds as well, and C is 2 pi / W (L-1)
    (L-3).

    Args:
        length: sites L of the chain, at least 5; r is a site with two bonds
        disorder: W, units of J
        ring: whether a bond like the others joins the ends

    Raises:
        ValueError: length is not a whole number of at least 5, or disorder not finite and above 0
    """
    length = _whole("length", length, 5)
    if not 0 < disorder < math.inf:
        raise ValueError(f"disorder must be finite and above 0, got {disorder}")
    m = spin_moment(length, 2)
    w = disorder
    # moments of a over the triangular density of h_{i+1} - h_i, and of a a' over the shared field
    mean = (4 * w * math.atan(2 * w) - math.log1p(4 * w**2)) / (8 * w**2)
    square = math.atan(2 * w) / (8 * w)
    both, _ = scipy.integrate.quad(lambda h: (math.atan(w - h) + math.atan(w + h)) ** 2, 0, w)
    shared = both / (16 * w**3)
    end = 2 * square * (1 - m) - (mean * (1 - m)) ** 2
    bulk = 4 * square * (1 - m) + 2 * shared * (1 - m) - (2 * mean * (1 - m)) ** 2
    bonds, first = (2, bulk) if ring else (1, end)
    return 2 * bonds * mean**2 * correlation_bracket(length) / math.sqrt(first * bulk)


def conserved_tail(model: Model) -> float:
    """`averaged_tail` of a model's chain; nan at W = 0 and below five sites.

    What a bubble closes counts as a ring closed by J; at large W a bond of strength k J would
    make it sqrt((1 + k) / 2) times as large.
    """
    if model.length < 5 or model.disorder == 0:
        return math.nan
    ring = model.bubble > 0 or model.boundary == "periodic"
    return averaged_tail(model.length, model.disorder, ring)


def tails(lengths: Sequence[int], disorders: Sequence[float]) -> pd.DataFrame:
    """C(r -> infinity) of conservation alone: at fixed disorder (nan for W), and averaged.

    Columns: length, disorder (J), C.
    """
    rows = [
        (n, w, pearson_tail(n) if math.isnan(w) else averaged_tail(n, w))
        for n in lengths
        for w in (math.nan, *disorders)
    ]
    return pd.DataFrame(rows, columns=["length", "disorder", "C"])


def resonant_loss(length: int, disorder: float) -> float:
    """1 - gamma of a spin with two bonds for W -> infinity, pi L / 4 W (L - 1); nan at W = 0.

    Either bond is flippable with probability L / 2 (L - 1), and then loses
    1/(1 + (h_{i+1} - h_i)^2) of <sigma^z>^2. W is in units of J.
    """
    return math.pi * length / (4 * disorder * (length - 1)) if disorder > 0 else math.nan


def flippable(configuration: ArrayLike) -> NDArray[np.bool_]:
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


def printed_purity(
    fields: ArrayLike, configuration: ArrayLike, hopping: float, ising: float
) -> Array:
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
    delta = 2 * detuning(np.asarray(fields) / 2, configuration, anisotropy / 4)
    bond = np.where(flippable(configuration), 0.5 / (1 + delta**2), 0.0)
    loss = np.zeros(bond.shape[:-1] + (bond.shape[-1] + 1,))
    loss[..., :-1] += bond
    loss[..., 1:] += bond
    return loss


def tail_limits(length: int, disorder: float) -> dict[str, float]:
    """The tail over its large-W law sqrt(2) pi / W (L-1)(L-3), and its power of W there."""
    law = np.sqrt(2) * np.pi / (disorder * (length - 1) * (length - 3))
    here, double = (averaged_tail(length, w) for w in (disorder, 2 * disorder))
    return {"ratio": here / law, "power": float(np.log2(double / here))}
