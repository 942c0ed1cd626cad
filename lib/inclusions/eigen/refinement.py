"""Solves with a rough factor, refined to double precision."""

from collections.abc import Callable

import numpy as np

from inclusions.eigen.types import Array, NotConverged

Product = Callable[[Array], Array]

# What a solve leaves, a residual of H takes over times the distance of a level from the shift.
REFINED = 1e-9  # relative residual of a refined solve
PASSES = 20  # over the factor, at most
TRIED, HEADWAY = 4, 0.1  # passes after which a shift is worth its while, and what must be left


def refined(
    substitute: Product,
    applied: Product,
    block: Array,
    total: Callable[[Array], Array],
    passes: int = PASSES,
    enough: float = REFINED,
) -> tuple[Array, float]:
    """The solution after so many passes over the factor, and its largest relative residual.

    Generalized conjugate residuals (Eisenstat, Elman and Schultz 1983), one sequence for every
    right-hand side: a factor too rough for plain refinement to converge still serves.

    Args:
        substitute: forward and backward through the rough factor, (n, k) to (n, k).
        applied: (H - shift) times a block.
        block: the right-hand sides, (n, k).
        total: sums over all ranks that have rows, or gives back what it is given.
        passes: over the factor, at most.
        enough: relative residual at which it stops.
    """

    def dots(one: Array, other: Array) -> Array:
        return total(np.einsum("nk,nk->k", one, other))

    solution, rest = np.zeros(block.shape), block.copy()
    scale = _nonzero(np.sqrt(dots(block, block)))
    directions: list[Array] = []
    images: list[Array] = []  # H - shift times the directions, orthonormal in every column
    error = 1.0
    for _ in range(passes):
        direction = substitute(rest)
        image = applied(direction)
        for earlier, seen in zip(directions, images, strict=True):
            overlap = dots(seen, image)
            image -= seen * overlap
            direction -= earlier * overlap
        length = _nonzero(np.sqrt(dots(image, image)))
        directions.append(direction / length)
        images.append(image / length)
        overlap = dots(images[-1], rest)
        solution += directions[-1] * overlap
        rest -= images[-1] * overlap
        error = float(np.max(np.sqrt(dots(rest, rest)) / scale))
        if error < enough:
            break
    return solution, error


def refined_or_refused(
    substitute: Product, applied: Product, block: Array, total: Callable[[Array], Array]
) -> Array:
    """The refined solution.

    Raises:
        NotConverged: refinement stalls; double precision is needed.
    """
    solution, error = refined(substitute, applied, block, total)
    if error < REFINED:
        return solution
    raise NotConverged(
        f"single precision stalls at a relative residual of {error:.0e}; use double precision"
    )


def makes_headway(
    substitute: Product, applied: Product, block: Array, total: Callable[[Array], Array]
) -> bool:
    """Whether a few passes do a random block any good."""
    return refined(substitute, applied, block, total, TRIED, HEADWAY)[1] < HEADWAY


def _nonzero(norms: Array) -> Array:
    """Norms to divide by: a column that is zero, or solved exactly, stays as it is."""
    return np.where(norms > 0, norms, 1.0)
