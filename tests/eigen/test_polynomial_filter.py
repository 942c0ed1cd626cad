"""The polynomial filter beyond what all solvers promise: what it counts, tries and refuses."""

import sys
from types import SimpleNamespace

import device
import numpy as np
import pytest

from inclusions.disorder import draw
from inclusions.eigen import MissingLevels, MissingSolver, NotConverged, choose, polynomial_filter
from inclusions.eigen.chebyshev import DAMPINGS
from inclusions.eigen.dense import Dense
from inclusions.eigen.devices import gpu
from inclusions.eigen.polynomial_filter import PolynomialFilter
from inclusions.hamiltonian import build
from inclusions.model import Model

MODELS = [Model(10, 3.0), Model(8, 2.0, bubble=4), Model(10, 0.0, boundary="periodic")]
by_key = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("ratio", [0.3, 0.7])
def test_every_damping_finds_the_same_levels(damping, ratio):
    hamiltonian = build(draw(Model(11, 3.0), 1, 0))
    pairs = PolynomialFilter(damping=damping, ratio=ratio)(hamiltonian, 15)
    assert pairs.energies == pytest.approx(Dense()(hamiltonian, 15).energies, abs=1e-9)


@pytest.mark.parametrize("target", [0.3, 0.8, "mean"])
def test_it_centres_on_the_models_target(target):
    hamiltonian = build(draw(Model(11, 3.0, target=target), 1, 0))
    pairs, expected = PolynomialFilter()(hamiltonian, 12), Dense()(hamiltonian, 12)
    assert pairs.target == pytest.approx(expected.target, abs=1e-9)
    assert pairs.energies == pytest.approx(expected.energies, abs=1e-9)


# The same code on arrays that are not NumPy's


@by_key
def test_what_runs_on_numpy_runs_on_a_device(model, monkeypatch):
    monkeypatch.setattr(polynomial_filter, "gpu", lambda: device.DEVICE)
    hamiltonian = build(draw(model, 1, 0))
    pairs = PolynomialFilter(device="gpu")(hamiltonian, 10)
    assert isinstance(pairs.states, np.ndarray)
    assert pairs.report.solver == "filter (gpu)"
    assert pairs.energies == pytest.approx(Dense()(hamiltonian, 10).energies, abs=1e-9)
    assert pairs.states.T @ pairs.states == pytest.approx(np.eye(10), abs=1e-12)


def test_a_device_gets_the_matrix_and_gives_the_states_and_little_else(monkeypatch):
    monkeypatch.setattr(polynomial_filter, "gpu", lambda: device.DEVICE)
    hamiltonian = build(draw(Model(13, 3.0), 1, 0))
    n, count, block = hamiltonian.dimension, 5, 8
    device.crossings.update({"in": 0, "out": 0})
    report = PolynomialFilter(device="gpu", certify=False)(hamiltonian, count).report
    # H twice, before and after its edges are known, and the random block; then the states. What
    # Lanczos takes from a step are its coefficients: as many as the basis has vectors, thrice.
    small = 4 * report.counts["vectors"] * report.counts["vectors"] + 2000
    assert device.crossings["in"] <= 2 * hamiltonian.matrix.nnz + block * n + small
    assert device.crossings["out"] <= count * n + small
    assert small < count * n * 10


def test_lanczos_on_a_device_survives_directions_it_loses(monkeypatch):
    # All levels are the target, or nearly: blocks lose rank, and random ones follow.
    monkeypatch.setattr(polynomial_filter, "gpu", lambda: device.DEVICE)
    hamiltonian = build(draw(Model(12, 0.0, anisotropy=0.0, boundary="periodic"), 1, 0))
    pairs = PolynomialFilter(device="gpu")(hamiltonian, 20)
    assert pairs.energies == pytest.approx(np.zeros(20), abs=1e-9)


# The count of the levels


@by_key
def test_the_count_names_its_error_and_is_never_called_complete(model):
    hamiltonian = build(draw(model, 1, 0))
    spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    certificate = PolynomialFilter()(hamiltonian, 10).certificate
    low, high = certificate.window
    inside = ((spectrum > low) & (spectrum < high)).sum()
    assert not certificate.complete
    assert certificate.status == f"counted to ± {max(1, round(certificate.error))}"
    assert 0 < certificate.error < 2
    assert abs(certificate.levels - inside) <= 4 * certificate.error + 0.5


def test_the_count_scatters_as_its_error_says():
    deviations = []
    for index in range(60):
        hamiltonian = build(draw(Model(10, 3.0), 1, index))
        spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
        certificate = PolynomialFilter()(hamiltonian, 20).certificate
        low, high = certificate.window
        inside = ((spectrum > low) & (spectrum < high)).sum()
        deviations.append((certificate.estimate - inside) / certificate.error)
    assert np.std(deviations) < 1.5
    assert abs(np.mean(deviations)) < 0.6


def losing(number: int):
    """Lanczos that loses some levels, as a Krylov space may that has hardly any of them."""
    whole = polynomial_filter.block_lanczos

    def lossy(*arguments, **knobs):
        found = whole(*arguments, **knobs)
        kept = np.arange(number, found.values.size)
        return found._replace(values=found.values[kept], vectors=found.vectors[:, kept])

    return lossy


@pytest.mark.parametrize("model", MODELS[:2], ids=lambda model: model.key)
def test_lost_levels_are_noticed(model, monkeypatch):
    monkeypatch.setattr(polynomial_filter, "block_lanczos", losing(4))
    hamiltonian = build(draw(model, 1, 0))
    with pytest.raises(MissingLevels, match=r"random vectors count .* ± .* missing") as noticed:
        PolynomialFilter(spare=10)(hamiltonian, 10)
    assert noticed.value.partial.energies.size == 10
    assert noticed.value.partial.certificate.levels == pytest.approx(
        noticed.value.partial.energies.size + 4, abs=4
    )


def test_of_multiplets_wider_than_the_block_nothing_is_claimed():
    # Every level elevenfold: blocks of eight random vectors reach eight states of each.
    hamiltonian = build(draw(Model(8, 0.0, bubble=11, bandwidth=0.0), 1, 0))
    assert PolynomialFilter()(hamiltonian, 25).certificate.status == "not checked"


def test_without_a_count_nothing_is_claimed():
    hamiltonian = build(draw(Model(10, 3.0), 1, 0))
    pairs = PolynomialFilter().uncounted()(hamiltonian, 10)
    assert pairs.certificate.status == "not checked"


# A window that was misjudged


@pytest.mark.parametrize("factor", [0.2, 0.5, 3.0])
def test_a_window_that_was_misjudged_is_mended(factor, monkeypatch):
    hamiltonian = build(draw(Model(12, 3.0), 1, 0))
    judge = polynomial_filter.chebyshev.Density.half_width
    monkeypatch.setattr(
        polynomial_filter.chebyshev.Density,
        "half_width",
        lambda self, target, wanted: factor * judge(self, target, wanted),
    )
    pairs = PolynomialFilter(attempts=6)(hamiltonian, 20)
    assert pairs.energies == pytest.approx(Dense()(hamiltonian, 20).energies, abs=1e-9)


def test_a_window_that_cannot_be_mended_is_told_and_what_converged_is_kept(monkeypatch):
    hamiltonian = build(draw(Model(12, 3.0), 1, 0))
    spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    judge = polynomial_filter.chebyshev.Density.half_width
    monkeypatch.setattr(
        polynomial_filter.chebyshev.Density,
        "half_width",
        lambda self, target, wanted: 0.1 * judge(self, target, wanted),
    )
    with pytest.raises(NotConverged) as stopped:
        PolynomialFilter(attempts=1)(hamiltonian, 20)
    partial, message = stopped.value.partial, str(stopped.value)
    number = partial.energies.size
    assert f"{number} of 20 states: the filter tried degree" in message
    assert f"{number} levels converged within" in message
    assert "shift-invert" in message
    assert "\n" not in message
    assert 0 < number < 20
    assert partial.states.shape == (924, number)
    assert np.abs(spectrum - partial.energies[:, None]).min(axis=1).max() < 1e-9


def test_spurious_states_are_refused(monkeypatch):
    # Mixtures of a wanted level with others are no states of H, whatever the filter says.
    whole = polynomial_filter.block_lanczos

    def mixed(*arguments, **knobs):
        found = whole(*arguments, **knobs)
        vectors = found.vectors.copy()
        noise = np.random.default_rng(0).standard_normal(len(vectors))
        noise -= vectors @ (vectors.T @ noise)
        vectors[:, 2] += 1e-3 * noise / np.linalg.norm(noise)
        return found._replace(vectors=np.linalg.qr(vectors)[0])

    monkeypatch.setattr(polynomial_filter, "block_lanczos", mixed)
    hamiltonian = build(draw(Model(12, 3.0), 1, 0))
    with pytest.raises(NotConverged) as stopped:
        PolynomialFilter()(hamiltonian, 20)
    partial = stopped.value.partial
    errors = np.linalg.norm(
        hamiltonian.matrix @ partial.states - partial.states * partial.energies, axis=0
    )
    assert errors.max(initial=0) <= PolynomialFilter().tolerance


# No GPU, no CuPy, another GPU, too little of its memory


def cupy_with(monkeypatch, **runtime) -> None:
    """A CuPy whose runtime answers so, instead of the one that is or is not installed."""

    def answer(result):
        if isinstance(result, Exception):
            raise result
        return result

    calls = {name: lambda result=result: answer(result) for name, result in runtime.items()}
    cuda = SimpleNamespace(runtime=SimpleNamespace(**calls))
    sparse = SimpleNamespace(csr_matrix=lambda matrix: answer(RuntimeError("no kernel image")))
    fake = SimpleNamespace(cuda=cuda, __version__="13.0", eye=lambda n: None)
    scipy = SimpleNamespace(sparse=sparse)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(scipy=scipy))
    monkeypatch.setitem(sys.modules, "cupyx.scipy", scipy)
    monkeypatch.setitem(sys.modules, "cupyx.scipy.sparse", sparse)


def refused() -> str:
    with pytest.raises(MissingSolver) as stopped:
        gpu()
    message = str(stopped.value)
    assert "\n" not in message
    assert "solvers filter and shift-invert need no GPU" in message
    return message


def test_without_cupy_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert "needs CuPy and an NVIDIA GPU: pip install cupy-cuda12x" in refused()
    with pytest.raises(MissingSolver, match="needs CuPy"):
        choose("filter:gpu", 1000)


def test_without_a_device_it_is_said(monkeypatch):
    cupy_with(monkeypatch, getDeviceCount=RuntimeError("driver version is insufficient\nmore"))
    assert "CuPy finds no GPU (driver version is insufficient)" in refused()
    cupy_with(monkeypatch, getDeviceCount=0)
    assert "CuPy finds no GPU" in refused()


def test_a_device_that_cupys_kernels_do_not_run_on_is_said(monkeypatch):
    cupy_with(monkeypatch, getDeviceCount=1)
    assert "CuPy 13.0 does not run on this GPU (no kernel image)" in refused()


def test_too_little_memory_of_the_device_is_said_before_it_is_used(monkeypatch):
    small = device.DEVICE._replace(free=1e6)
    monkeypatch.setattr(polynomial_filter, "gpu", lambda: small)
    hamiltonian = build(draw(Model(12, 3.0), 1, 0))
    needed = r"needs 0\.0 GB of the memory of a device that is none, 0\.0 GB are free"
    with pytest.raises(MemoryError, match=needed) as stopped:
        PolynomialFilter(device="gpu")(hamiltonian, 10)
    assert "solvers filter and shift-invert need no GPU" in str(stopped.value)
