"""Block Lanczos with full reorthogonalization and thick restart, on any symmetric operator."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import (
    LinAlgError,
    cholesky,
    eigh,
    eigh_tridiagonal,
    qr,
    solve_triangular,
)

from inclusions.eigen import tall
from inclusions.eigen.devices import beside, module_of, to_host
from inclusions.eigen.ranks import Ranks
from inclusions.eigen.types import Array, NotConverged

Operator = Callable[[Array], Array]
Part = TypeVar("Part", float, Array)


class Ritz(NamedTuple):
    """Ritz pairs of the operator, in the order the caller's `rank` gave, best first."""

    values: Array  # (m,)
    vectors: Array  # (n, m)
    residuals: Array  # (m,), as the caller's `measure` gives them
    applications: int  # of the operator to a block
    basis: int  # largest number of vectors held
    restarts: int
    converged: int  # of the leading pairs


def block_lanczos(
    operator: Operator,
    start: Array,
    wanted: int,
    order: Callable[[Array], NDArray[np.intp]],
    measure: Callable[[Array, Array, Array], Array],
    tolerance: float,
    capacity: int,
    max_restarts: int,
    first_check: int,
    ranks: Ranks | None = None,
    check_each: bool = False,
) -> Ritz:
    """The `wanted` leading Ritz pairs of a symmetric operator.

    Args:
        operator: maps an (n, b) block to an (n, b) block.
        start: (n, b) block, of full rank.
        wanted: number of pairs that must converge.
        order: maps Ritz values (m,) to their positions, wanted ones first.
        measure: maps (values, coefficients, next block) to residuals (m,). The coefficients,
            (b, m), expand each pair's operator residual in the orthonormal next block, (n, b).
        tolerance: largest residual of a converged pair.
        capacity: most vectors the basis may hold before a restart.
        max_restarts: restarts before it gives up and returns what has converged.
        first_check: size of the basis at which convergence is first tested.
        ranks: those over which the n rows are spread; each passes its own.
        check_each: test after each application: where one costs far more than a test.

    Vectors stay where `start` is, in the machine's memory or a GPU's; what is small is here. The
    recurrence is never trusted: after the local step each block is made orthogonal to the
    whole basis once more, which costs less than one application of the operator.
    """
    n, b = int(total(len(start), ranks)), start.shape[1]
    capacity = min(max(capacity, wanted + 3 * b), n)
    # Touched, hence resident in the machine's memory, only as it fills.
    basis = module_of(start).empty((len(start), capacity + b), order="F")
    # The operator in the basis; only its upper triangle is filled and read.
    projected = np.zeros((capacity + b, capacity + b))
    block, coupling = _orthonormal(start, basis[:, :0], ranks)
    filled = previous = coupled = 0
    applications = restarts = largest = 0
    next_check = first_check
    while True:
        new = slice(filled, filled + block.shape[1])
        basis[:, new] = block
        filled = new.stop
        largest = max(largest, filled)
        image = operator(basis[:, new])
        applications += 1
        # A block couples to the one before it and, after a restart, to all kept Ritz vectors.
        local = slice(0 if previous <= coupled else previous, filled)
        for part in (local, slice(0, filled)):
            overlap = total(to_host(tall.overlap(basis[:, part], image)), ranks)
            image = tall.subtract(image, basis[:, part], overlap)
            projected[part, new] += overlap
        previous = new.start
        block, coupling = _orthonormal(image, basis[:, :filled], ranks)

        exhausted = filled == n
        full = exhausted or capacity < n and filled + b > capacity
        if not full and filled < next_check:
            continue
        # The projected problem is solved now and then only: on small matrices it is what costs.
        next_check = filled + (b if check_each else max(2 * b, filled // 12))
        values, vectors = eigh(
            projected[:filled, :filled], lower=False, driver="evd", check_finite=False
        )
        best = order(values)
        values, vectors = values[best], vectors[:, best]
        if exhausted:
            errors = np.zeros(filled)
        else:
            errors = measure(values, coupling @ vectors[new], block)
        good = errors[:wanted] <= tolerance
        if good.all() or exhausted or (full and restarts == max_restarts):
            count = min(wanted, filled)
            return Ritz(
                values=values[:count],
                vectors=basis[:, :filled] @ beside(vectors[:, :count], basis),
                residuals=errors[:count],
                applications=applications,
                basis=largest,
                restarts=restarts,
                converged=int(good.sum()),
            )
        if full:
            # Thick restart: the leading Ritz vectors stay, and the next block follows them.
            kept = min(wanted + 2 * b, filled - b)
            basis[:, :kept] = basis[:, :filled] @ beside(vectors[:, :kept], basis)
            projected[:] = 0
            projected[range(kept), range(kept)] = values[:kept]
            filled = previous = coupled = kept
            restarts += 1


def random_block(
    dimension: int, width: int, ranks: Ranks | None = None, local: int | None = None
) -> Array:
    """Fixed random block, (dimension, width), or on ranks this one's `local` rows of it.

    It is the same for any number of ranks, and for every sample: what a realization gives must
    not depend on what was computed before it.
    """
    generator = np.random.default_rng(dimension)
    if ranks is None or local is None:
        return generator.standard_normal((dimension, width))
    start = ranks.start(local)
    for skipped in range(0, start, PIECE):  # the numbers of other ranks, never all at once
        generator.standard_normal((min(PIECE, start - skipped), width))
    return generator.standard_normal((local, width))


PIECE = 4096  # rows


def total(part: Part, ranks: Ranks | None) -> Part:
    """The sum of every rank's part."""
    return part if ranks is None else ranks.total(part)


def tall_qr(image: Array, ranks: Ranks | None) -> tuple[Array, Array]:
    """Economic QR of a tall block, spread over ranks: the small factors are factorized again."""
    if ranks is None and not isinstance(image, np.ndarray):
        block, coupling = module_of(image).linalg.qr(image)
        return block, to_host(coupling)
    block, coupling = qr(image, mode="economic", check_finite=False)
    if ranks is None:
        return block, coupling
    parts = ranks.gathered(coupling)
    first = sum(len(part) for part in parts[: ranks.rank])
    inner, coupling = qr(np.vstack(parts), mode="economic", check_finite=False)
    return block @ inner[first : first + len(parts[ranks.rank])], coupling


def cholesky_qr(image: Array, ranks: Ranks | None) -> tuple[Array, Array] | None:
    """QR of a tall block by its Gram matrix, twice; None where its columns are nearly dependent.

    Many times faster than Householder's on a tall block, and as orthogonal: the second pass
    mends what the first loses to rounding (Yamamoto et al. 2015).
    """
    block, coupling = image, np.eye(image.shape[1])
    for _ in range(2):
        try:
            upper = cholesky(total(to_host(block.T @ block), ranks), check_finite=False)
        except LinAlgError:
            return None
        pivots = np.diag(upper)
        if not pivots.min() > 1e-3 * pivots.max():
            return None
        inverse = solve_triangular(upper, np.eye(len(upper)), check_finite=False)
        block = block @ beside(inverse, block)
        coupling = upper @ coupling
    return block, coupling


def _orthonormal(image: Array, basis: Array, ranks: Ranks | None) -> tuple[Array, Array]:
    """Orthonormal block Q and coupling R with image = Q R, of the rank of the image.

    A direction that is lost (an invariant subspace) is left out; when all are, a new random block
    takes their place, with no coupling.
    """
    if (found := cholesky_qr(image, ranks)) is not None:
        return found
    block, coupling = tall_qr(image, ranks)
    n = int(total(len(image), ranks))
    room = n - basis.shape[1]
    inner, small, columns = qr(coupling, mode="economic", pivoting=True, check_finite=False)
    pivots = np.abs(np.diag(small))
    rank = min(int((pivots > 1e-13 * max(pivots.max(), 1.0)).sum()), room)
    if rank:
        coupling = small[:rank, np.argsort(columns)]
        block = block @ beside(inner[:, :rank], block)
        for _ in range(2):  # rounding errors of the large directions fill the nearly lost ones
            block, change = tall_qr(_without(block, basis, ranks), ranks)
            coupling = change @ coupling
        return block, coupling
    fresh = random_block(n + 1, min(image.shape[1], room), ranks, len(image))[: len(image)]
    fresh = beside(fresh, basis)
    for _ in range(2):
        fresh = tall_qr(_without(fresh, basis, ranks), ranks)[0]
    return fresh, np.zeros((fresh.shape[1], image.shape[1]))


def _without(block: Array, basis: Array, ranks: Ranks | None) -> Array:
    """What of a block sticks out of an orthonormal basis."""
    return block - basis @ beside(total(to_host(basis.T @ block), ranks), basis)


def spectrum_edges(
    operator: Operator, start: Array, ranks: Ranks | None = None
) -> tuple[float, float]:
    """Lowest and highest level of a symmetric operator.

    `start` is a block of one vector. Lanczos without reorthogonalization: what rounding adds are
    copies of converged levels, which do no harm at the edges (Paige 1980), and each step costs one
    product. At a residual of 1e-8 a level is accurate to its square over the gap to the next one.

    Raises:
        NotConverged: after `MOST_STEPS` steps.
    """
    before, vector = 0 * start, start / np.sqrt(_dot(start, start, ranks))
    diagonal, beside = [], [0.0]
    check = min(int(total(len(start), ranks)), 30)
    for step in range(1, MOST_STEPS + 1):
        image = operator(vector) - beside[-1] * before
        diagonal.append(_dot(vector, image, ranks))
        image -= diagonal[-1] * vector
        beside.append(np.sqrt(_dot(image, image, ranks)))
        invariant = beside[-1] <= 1e-14 * max(map(abs, (*diagonal, *beside)))
        if invariant or step >= check:
            check = step + max(5, step // 10)
            levels, vectors = eigh_tridiagonal(diagonal, beside[1:-1])
            residual = beside[-1] * np.abs(vectors[-1, [0, -1]]).max()
            if invariant or residual <= 1e-8:
                return float(levels[0]), float(levels[-1])
        before, vector = vector, image / beside[-1]
    raise NotConverged(f"edges of the spectrum: residual {residual:.1e}")


MOST_STEPS = 2000


def _dot(a: Array, b: Array, ranks: Ranks | None) -> float:
    return float(total(float((a * b).sum()), ranks))
