"""One particle in a random chain: the limit that localization in this book starts from.

    H = sum_i h_i |i><i| + t sum_i (|i><i+1| + |i+1><i|)

One up spin over a polarized chain is such a particle, of hopping t = J/2: Eq. (2) of the paper.
All energies are in units of J.
"""

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SPIN_HOPPING = 0.5
"""t of one up spin, J/2: the exchange of Eq. (2) moves it by one site."""


def chain(fields: ArrayLike, hopping: float = SPIN_HOPPING) -> Array:
    """The matrix of H on an open chain, shape (L, L): fields, shape (L,), and hopping in J.

    Its clean levels are 2 t cos(k), k = pi n/(L + 1) with n = 1 ... L, and its clean states are
    proportional to sin(k (i + 1)).

    Raises:
        ValueError: fields or hopping that are not finite, or fields that are not a list.
    """
    fields = _fields(fields)
    if fields.ndim != 1:
        raise ValueError(f"fields must be a list of L numbers, got shape {fields.shape}")
    steps = np.full(fields.size - 1, _hopping(hopping))
    return np.diag(fields) + np.diag(steps, 1) + np.diag(steps, -1)


def lyapunov(fields: ArrayLike, energy: ArrayLike, hopping: float = SPIN_HOPPING) -> Array:
    """Growth rate per site of a solution of H psi = E psi: the inverse localization length.

    `fields`, shape (..., L), and `energy` are in J; the result has the shape of fields[..., 0]
    and energy broadcast together. The solution starts from psi_{-1} = 0, psi_0 = 1 and goes on by

        t psi_{i+1} = (E - h_i) psi_i - t psi_{i-1} ;

    returned is ln(psi_L^2 + psi_{L-1}^2) / 2L, which tends to the Lyapunov exponent as L grows
    (Furstenberg, Trans. AMS 108, 377 (1963)). With D_L = det(E - H) of the first L sites,
    psi_L = D_L / t^L: the relation of Thouless, J. Phys. C 5, 77 (1972), on a finite chain.

    Raises:
        ValueError: fields, energies or a hopping that are not finite, no hopping at all, or
            shapes that do not go together.
    """
    fields, hopping = _fields(fields), _hopping(hopping)
    if hopping == 0:
        raise ValueError("hopping must not be 0: nothing moves along the chain")
    energy = np.asarray(energy, dtype=np.float64)
    if not np.isfinite(energy).all():
        raise ValueError("energy must be finite, got nan or inf")
    shape = np.broadcast_shapes(fields.shape[:-1], energy.shape)
    before, here, growth = np.zeros(shape), np.ones(shape), np.zeros(shape)
    for site in range(fields.shape[-1]):
        before, here = here, (energy - fields[..., site]) / hopping * here - before
        # a product of matrices overflows: the length is divided out, and its logarithm kept
        length = np.hypot(before, here)
        before, here = before / length, here / length
        growth += np.log(length)
    return growth / fields.shape[-1]


def participation(states: ArrayLike) -> Array:
    """Number of sites that a state fills, (sum psi^2)^2 / sum psi^4, in 1 ... L; no unit.

    `states` holds a state in each column, shape (L, count), as eigensolvers return them, and the
    result has shape (count,); a single state, shape (L,), gives a number. The norm drops out. It is
    1 on one site, k on k sites filled alike, and 2 (L + 1)/3 for a standing wave. Its inverse is
    called the inverse participation ratio: Kramer and MacKinnon, Rep. Prog. Phys. 56, 1469 (1993).

    Raises:
        ValueError: amplitudes that are not finite, or a state that is zero everywhere.
    """
    amplitudes = np.abs(np.asarray(states))
    if amplitudes.ndim not in (1, 2) or amplitudes.shape[0] == 0:
        raise ValueError(f"states must have shape (L,) or (L, count), got {amplitudes.shape}")
    if not np.isfinite(amplitudes).all():
        raise ValueError("states must be finite, got nan or inf")
    largest = amplitudes.max(axis=0)
    if not np.all(largest > 0):
        raise ValueError("states must not be zero everywhere")
    weights = np.square(amplitudes / largest)  # scaled, so that no fourth power underflows
    return np.square(weights.sum(axis=0)) / np.square(weights).sum(axis=0)


def _fields(fields: ArrayLike) -> Array:
    fields = np.asarray(fields, dtype=np.float64)
    if fields.ndim == 0 or fields.shape[-1] == 0:
        raise ValueError(f"fields must hold at least one site, got shape {fields.shape}")
    if not np.isfinite(fields).all():
        raise ValueError("fields must be finite, got nan or inf")
    return fields


def _hopping(hopping: float) -> float:
    if not isinstance(hopping, Real) or not np.isfinite(hopping):
        raise ValueError(f"hopping must be a finite number, got {hopping!r}")
    return float(hopping)
