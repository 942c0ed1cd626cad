"""Block Lanczos on a polynomial of H: interior levels by products with H alone, no factor.

The polynomial is a delta at the target, expanded in Chebyshev's: the levels closest to the target
become its largest, and the farther a level the smaller. Sierant, Lewenstein and Zakrzewski, Phys.
Rev. Lett. 125, 156601 (2020), introduced it to this problem; the choices here are measured ones.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from inclusions.eigen import chebyshev
from inclusions.eigen.dense import Dense
from inclusions.eigen.devices import CPU, INSTEAD, Device, beside, gpu, to_host
from inclusions.eigen.lanczos import (
    Ritz,
    block_lanczos,
    random_block,
    spectrum_edges,
    tall_qr,
    total,
)
from inclusions.eigen.ordering import LANES
from inclusions.eigen.products import ArrayProducts, Products, products_of
from inclusions.eigen.ranks import Ranks
from inclusions.eigen.types import (
    NOT_CHECKED,
    Array,
    Certificate,
    Communicator,
    Eigenpairs,
    MissingLevels,
    NotConverged,
    Report,
    Solver,
    check_count,
    check_reach,
    closest,
)
from inclusions.hamiltonian import Hamiltonian

Energies = TypeVar("Energies", float, Array)


class _Sample(NamedTuple):
    """What all steps of one solve share."""

    products: Products
    start: Any  # (local rows, block), random
    ranks: Ranks | None
    dimension: int
    wanted: int
    target: float
    edges: tuple[float, float]
    report: Report

    def rescaled(self, energies: Energies) -> Energies:
        """Energies in units in which the spectrum lies in [-1, 1]."""
        return (energies - self.products.centre) / self.products.radius


class _Found(NamedTuple):
    """What one filter found, by ascending energy."""

    energies: Array
    states: Any  # (local rows, found), where the products are
    residuals: Array
    distance: Array  # from the target, J
    trusted: float  # distance within which no level can hide behind one farther off
    values: Array  # of the filter, as Lanczos has them: each is a level's
    expected: Array  # of the filter, at the energies: another where a state is spurious

    def explained(self, sure: NDArray[np.bool_], count: int) -> bool:
        """Whether the sure states account for every level as close as the `count` closest.

        A state that mixes levels on both sides of the target, which share a value of the filter,
        is no state of H; what matters is whether such levels are farther off than those wanted.
        """
        edge = np.sort(self.distance[sure])[count - 1]
        least = self.expected[sure & (self.distance <= edge)].min() * (1 + 1e-6)
        return bool((self.values > least).sum() <= (self.expected[sure] > least).sum())

    def kept(self, chosen: NDArray[np.bool_]) -> "_Found":
        """Some of them: True where one is kept."""
        states = self.states if chosen.all() else _columns(self.states, np.flatnonzero(chosen))
        return self._replace(
            energies=self.energies[chosen],
            states=states,
            residuals=self.residuals[chosen],
            distance=self.distance[chosen],
            expected=self.expected[chosen],
        )


@dataclass(frozen=True)
class PolynomialFilter(Solver):
    """The levels closest to the target energy, by products with H alone.

    In one process with threads, on the ranks of a communicator, or on a GPU. It holds the Krylov
    basis and a few blocks: memory grows as the dimension, and time as its square.
    """

    tolerance: float = 1e-9  # largest |H psi - E psi|, units of J
    block: int = 8  # vectors in a product
    device: str = "cpu"  # or "gpu"
    damping: str = "gaussian"  # of the delta's coefficients: one of chebyshev.DAMPINGS
    ratio: float = 0.5  # what is left of the filter at the edge of the wanted window
    certify: bool = True  # count the levels of the window, with an error: a tenth more products
    spare: int = 6  # states sought beyond `count`, so that the window's edge is known
    attempts: int = 3  # filters tried
    max_restarts: int = 2  # of Lanczos, for each of them
    degree: int | None = None  # of the filter; None is what the density of states asks for

    name = "filter"

    def __call__(
        self, hamiltonian: Hamiltonian, count: int, comm: Communicator | None = None
    ) -> Eigenpairs:
        """The `count` levels closest to the target, with residuals and a count of the levels.

        With a communicator every rank gets its own rows of the states.

        Raises:
            ValueError: count is not within the sector, or the target too near an edge for it.
            NotConverged: fewer states than asked for; carries those that did converge.
            MissingLevels: the count of the levels is beyond its error above those found.
            MemoryError: the device's memory does not hold the basis.
            MissingSolver: there is no such device.
        """
        n = hamiltonian.dimension
        ranks = None if comm is None else Ranks(comm)
        check_count(count, n)
        if 4 * (count + self.spare) > n:
            # The basis would span most of the space: the whole matrix is less work.
            return Dense()(hamiltonian, count)
        device = gpu() if self.device == "gpu" else CPU
        report = Report(self.name if device is CPU else f"{self.name} (gpu)")
        wanted = count + self.spare
        if device is CPU:
            products = products_of(hamiltonian, ranks)
        else:
            _check_memory(device, n, hamiltonian.model.length, wanted, self.block)
            products = ArrayProducts(hamiltonian, device)
        start = device.xp.asarray(random_block(n, self.block, ranks, products.local))
        report.lap("assembly")
        edges = spectrum_edges(products.apply, start[:, :1], ranks)
        target = hamiltonian.target_energy(edges)
        products.rescale(edges)
        report.lap("edges")
        sample = _Sample(products, start, ranks, n, wanted, target, edges, report)
        found, density = self._search(sample, count)
        pairs = self._pairs(sample, found, count)
        report.counts["products"] = products.applied
        report.lap("states")
        check_reach(pairs, hamiltonian)
        if not self.certify:
            return pairs
        certificate = _counted(sample, found, count, density, self.tolerance)
        pairs = pairs._replace(certificate=certificate)
        report.counts["products"] = products.applied
        report.lap("certificate")
        _check_levels(pairs)
        return pairs

    def uncounted(self) -> "PolynomialFilter":
        """The same without the products that count the levels of the window."""
        return replace(self, certify=False)

    def enlarged(self, count: int) -> "PolynomialFilter":
        """The same with more states sought beyond those wanted, and its levels counted."""
        return replace(self, spare=20 + count // 2, certify=True)

    def _search(self, sample: _Sample, count: int) -> tuple[_Found, chebyshev.Density]:
        """Filters, each mended by what the last one found, until `count` levels are sure.

        Raises:
            NotConverged: none of the attempts gave them; it says what was tried.
        """
        moments = sample.products.moments(sample.start, MOMENTS)
        density = chebyshev.density(moments, sample.dimension)
        half_width = density.half_width(sample.rescaled(sample.target), sample.wanted)
        sample.report.lap("density")
        tried = []
        for _ in range(self.attempts):
            found = self._filtered(sample, half_width)
            sure = (found.residuals <= self.tolerance) & (found.distance < found.trusted)
            if sure.sum() >= count and found.explained(sure, count):
                return found.kept(sure), density
            tried.append(
                f"degree {sample.report.counts['degree']}: {sure.sum()} levels converged within "
                f"{min(found.trusted, 99):.1e} J of the target"
            )
            if found.values.min() > self.ratio:  # more levels within the window than wanted
                half_width = min(found.distance.max() / sample.products.radius, 0.8 * half_width)
            else:
                half_width *= float(np.clip(sample.wanted / max(sure.sum(), 1), 1.3, 8))
        raise NotConverged(
            f"{min(sure.sum(), count)} of {count} states: the filter tried {'; '.join(tried)}; "
            "raise attempts, or take solver shift-invert",
            self._pairs(sample, found.kept(sure), count),
        )

    def _filtered(self, sample: _Sample, half_width: float) -> _Found:
        """The levels one filter finds, and how far from the target it can be trusted."""
        products, ranks, report = sample.products, sample.ranks, sample.report
        centre = sample.rescaled(sample.target)
        if self.degree is None:
            bell = chebyshev.filter_of(centre, half_width, self.damping, self.ratio)
        else:
            bell = chebyshev.delta(centre, self.degree, self.damping)
        ritz = self._lanczos(sample, bell)
        report.counts |= {
            "degree": bell.degree,
            "applications": report.counts.get("applications", 0) + ritz.applications,
            "vectors": ritz.basis,
            "restarts": ritz.restarts,
        }
        report.lap("lanczos")
        energies, errors = _separated(products, ritz.vectors, ranks)
        report.lap("states")
        return _Found(
            energies=energies,
            states=ritz.vectors,
            residuals=errors,
            distance=np.abs(energies - sample.target),
            trusted=products.radius * bell.lobe,
            values=ritz.values,
            expected=bell(sample.rescaled(energies)),
        )

    def _lanczos(self, sample: _Sample, bell: chebyshev.Filter) -> Ritz:
        """Block Lanczos on the filter, its residuals those of H."""
        products, target, ranks = sample.products, sample.target, sample.ranks

        def residuals(values: Array, coefficients: Array, following: Any) -> Array:
            # What sticks out of the basis is spread over the spectrum, where the filter is small:
            # the filter's residual over its value is the vector's error, and H acts on that.
            beyond = products.apply(following) - target * following
            return np.linalg.norm(tall_qr(beyond, ranks)[1] @ coefficients / values, axis=0)

        return block_lanczos(
            lambda block: products.polynomial(bell.coefficients, block),
            sample.start,
            wanted=sample.wanted,
            order=lambda values: np.argsort(-values),
            measure=residuals,
            tolerance=self.tolerance / 2,
            capacity=capacity(sample.wanted, self.block),
            max_restarts=self.max_restarts,
            first_check=int(1.5 * sample.wanted),
            ranks=ranks,
            check_each=True,
        )

    def _pairs(self, sample: _Sample, found: _Found, count: int) -> Eigenpairs:
        """The `count` levels closest to the target, of those found."""
        chosen = closest(found.energies, sample.target, count)
        return Eigenpairs(
            energies=found.energies[chosen],
            states=to_host(_columns(found.states, chosen)),
            residuals=found.residuals[chosen],
            edges=sample.edges,
            target=sample.target,
            certificate=NOT_CHECKED,
            report=sample.report,
        )


MOMENTS = 128  # of the density of states: its resolution is a fortieth of the spectrum's half
COUNTING = 4  # degree of the window whose levels are counted, over the filter's


def capacity(wanted: int, block: int) -> int:
    """Vectors that the basis may hold; measured, convergence takes three quarters of that."""
    return 3 * wanted + 8 * block


def vectors(wanted: int) -> float:
    """How large the basis grows until all converge, as measured at the default ratio."""
    return 2.6 * wanted + 40


def steps(dimension: int, count: int) -> float:
    """Steps of the recurrence on a block, all together: degree times applications, as measured.

    The degree is that of a window of `wanted` levels; their density is the dimension over a width
    that hardly depends on the length, at the disorder of the benchmarks.
    """
    wanted = count + PolynomialFilter.spare
    return 5.6 * dimension / wanted * vectors(wanted) / PolynomialFilter.block


def memory(dimension: int, count: int) -> float:
    """Bytes that the basis, the states and the blocks of a solve take."""
    wanted = count + PolynomialFilter.spare
    return 8.0 * dimension * (vectors(wanted) + wanted + 8 * PolynomialFilter.block)


def _check_memory(device: Device, dimension: int, length: int, wanted: int, block: int) -> None:
    """Refuse a sample that the device's memory does not hold."""
    entries = dimension * (length / 2 + 8)
    needed = 8.0 * dimension * (capacity(wanted, block) + wanted + 8 * block) + 12 * entries
    if needed > device.free:
        raise MemoryError(
            f"dimension {dimension} needs {needed / 1e9:.1f} GB of the memory of {device.name}, "
            f"{device.free / 1e9:.1f} GB are free; ask for fewer states; {INSTEAD}"
        )


def _columns(states: Any, positions: NDArray[np.intp]) -> Any:
    return states[:, beside(positions, states)]


def _separated(products: Products, states: Any, ranks: Ranks | None) -> tuple[Array, Array]:
    """Rayleigh-Ritz in place: energies and residuals of the states, which are turned to them.

    Levels on both sides of the target may share a value of the filter: H tells them apart.
    """
    parts = [slice(p, p + LANES) for p in range(0, states.shape[1], LANES)]
    images = [to_host(states.T @ products.apply(states[:, part])) for part in parts]
    projected = total(np.hstack(images), ranks)
    energies, turn = np.linalg.eigh((projected + projected.T) / 2)
    turn = beside(turn, states)
    for p in range(0, len(states), ROWS):  # no second copy of all
        states[p : p + ROWS] = states[p : p + ROWS] @ turn
    errors = []
    for part in parts:
        block = states[:, part]
        rest = products.apply(block) - block * beside(energies[part], block)
        errors.append(to_host((rest * rest).sum(axis=0)))
    return energies, np.sqrt(total(np.concatenate(errors), ranks))


ROWS = 1 << 15  # of states turned at once


def _counted(
    sample: _Sample, found: _Found, count: int, density: chebyshev.Density, tolerance: float
) -> Certificate:
    """Estimate the levels in the window of the `count` closest, by random vectors.

    The found levels are projected out first, so that what is left of random vectors in the window
    is what was missed, and what leaks in from beyond the levels found: its mean is known from the
    density of states. The error is that of the leak and of the squares of random numbers.
    """
    products, ranks, states = sample.products, sample.ranks, found.states
    distance = np.sort(found.distance)
    gaps = np.diff(distance[count - 1 :])
    if gaps.max(initial=0) < 10 * tolerance:
        return NOT_CHECKED  # one multiplet fills the window and all that is known beyond it
    inside = count + int(np.argmax(gaps))
    radius, outer = distance[inside - 1 : inside + 1].mean(), distance[-1]
    window = (float(sample.target - radius), float(sample.target + radius))
    centre, half_width = sample.rescaled(sample.target), (radius + outer) / 2 / products.radius
    degree = COUNTING * sample.report.counts["degree"]
    coefficients = chebyshev.window(centre, half_width, degree)
    # Not those that Lanczos began with: what they lack it does not find either.
    n = sample.dimension
    rest = random_block(n + 2, sample.start.shape[1], ranks, products.local)[: products.local]
    rest = beside(rest, sample.start)
    for _ in range(2):
        rest = rest - states @ beside(total(to_host(states.T @ rest), ranks), states)
    rest = products.polynomial(coefficients, rest)
    vectors = rest.shape[1]
    seen = total(float((rest * rest).sum()), ranks) / vectors
    beyond, weights = density.beyond(centre, outer / products.radius, coefficients)
    missed = seen - float(beyond @ weights**2)
    # Levels come in multiplets where there is a symmetry, and their number scatters with them.
    multiplet = distance.size / (1 + (np.diff(np.sort(found.energies)) > 1e-8).sum())
    variance = (multiplet + 2 / vectors) * float(beyond @ weights**4)
    error = float(np.sqrt(variance + 2 / vectors * max(missed, 0)))
    status = f"counted to ± {max(1, round(error))}"
    if missed > max(4 * np.sqrt(variance), 0.5):
        status = f"{round(missed)} missing"
    return Certificate(status, window, round(inside + missed), error, inside + missed)


def _check_levels(pairs: Eigenpairs) -> None:
    certificate = pairs.certificate
    if certificate.window is not None and certificate.status.endswith("missing"):
        low, high = certificate.window
        raise MissingLevels(
            f"random vectors count {certificate.levels} ± {certificate.error:.1f} levels between "
            f"{low:.6f} and {high:.6f} J, where {certificate.status}",
            pairs,
        )
