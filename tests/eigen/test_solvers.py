"""One list of promises for all solvers, against LAPACK and known spectra."""

import functools
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from samples import models

import inclusions.eigen.shift_invert as shift_invert
from inclusions import ensemble
from inclusions.disorder import draw
from inclusions.eigen import (
    REGISTRY,
    MissingLevels,
    MissingSolver,
    NotConverged,
    ShiftInvert,
    choose,
    solvers_found,
)
from inclusions.eigen.types import closest
from inclusions.hamiltonian import build
from inclusions.model import Model

SOLVERS = list(REGISTRY)
SHIFT_INVERT = [name for name in SOLVERS if name.startswith("shift-invert")]
CERTIFYING = [name for name in SHIFT_INVERT if REGISTRY[name].counts_levels]


def solver_named(names):
    """Parametrizes by solver; those whose library is missing are skipped."""
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(
                name,
                marks=pytest.mark.skipif(not REGISTRY[name].here(), reason=REGISTRY[name].lacks()),
            )
            for name in names
        ],
    )


def solver_called(name: str, **knobs):
    return choose(name, 10**6, **knobs)


# The model, and how many levels of it.
CASES = {
    "open chain": (Model(10, 3.0), 12),
    "odd chain": (Model(9, 3.0), 10),
    "periodic chain": (Model(10, 3.0, boundary="periodic"), 12),
    "other sector": (Model(10, 3.0, magnetization=-2), 10),
    "one bubble state": (Model(9, 2.0, bubble=1), 10),
    "two bubble states": (Model(8, 2.0, bubble=2), 10),
    "eight bubble states": (Model(7, 2.0, bubble=8), 10),
    "uncoupled bubble": (Model(8, 2.0, bubble=4, coupling=0.0), 10),
    "no disorder with a bubble": (Model(8, 0.0, bubble=4), 10),
    "clean open chain": (Model(10, 0.0), 10),
    "clean periodic chain": (Model(10, 0.0, boundary="periodic"), 20),
    "copies of a clean chain": (Model(8, 0.0, bubble=3, bandwidth=0.0), 10),
    "strong disorder": (Model(10, 100.0), 10),
    "strong disorder with a bubble": (Model(8, 100.0, bubble=4), 10),
    "strong anisotropy": (Model(10, 2.0, anisotropy=50.0), 10),
    "one level": (Model(10, 3.0), 1),
    "one level of a bubble": (Model(8, 3.0, bubble=4), 1),
    "all levels": (Model(8, 3.0), 70),
    "all levels but one": (Model(8, 3.0), 69),
    "more levels than Lanczos may hold": (Model(8, 3.0), 40),
    "two sites": (Model(2, 1.0), 1),
    "two sites, all levels": (Model(2, 1.0), 2),
    "two sites in a ring": (Model(2, 1.0, bubble=2), 4),
    "two sites, a large bubble": (Model(2, 1.0, bubble=8), 5),
    "polarized, with a bubble": (Model(4, 1.0, bubble=3, magnetization=2), 3),
    "one spin up": (Model(12, 3.0, magnetization=-5), 12),
    "one state": (Model(4, 1.0, magnetization=2), 1),
    "one state with a bubble": (Model(4, 1.0, bubble=1, magnetization=-2), 1),
}


@functools.cache
def problem(case: str):
    """The Hamiltonian of a case, its whole spectrum, and the wanted part."""
    model, count = CASES[case] if case in CASES else MIDDLE_IS_A_LEVEL[case]
    hamiltonian = build(draw(model, 1, 0))
    spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    return hamiltonian, spectrum, wanted(spectrum, count)


def wanted(spectrum: np.ndarray, count: int) -> np.ndarray:
    """The `count` levels closest to the middle; of two equally close ones the lower."""
    distance = np.abs(spectrum - (spectrum[0] + spectrum[-1]) / 2)
    return np.sort(spectrum[np.lexsort((spectrum, np.round(distance, 8)))[:count]])


def check(name: str, case: str) -> None:
    """Energies, states, residuals, edges and certificate are what they are said to be."""
    hamiltonian, spectrum, expected = problem(case)
    count, scale = expected.size, 1 + np.abs(spectrum).max()
    pairs = solver_called(name)(hamiltonian, count)
    if case in CASES:
        assert pairs.energies == pytest.approx(expected, abs=1e-9)
    else:  # a multiplet may reach beyond the window: any part of it will do
        middle = (spectrum[0] + spectrum[-1]) / 2
        distances = np.sort(np.abs(pairs.energies - middle))
        assert distances == pytest.approx(np.sort(np.abs(expected - middle)), abs=1e-9)
        assert np.abs(spectrum - pairs.energies[:, None]).min(axis=1).max() < 1e-9
    assert (np.diff(pairs.energies) >= 0).all()
    assert pairs.states.shape == (hamiltonian.dimension, count)
    overlaps = pairs.states.T @ pairs.states
    tolerance = 1e-10 if name == "slepc" else 1e-12
    assert overlaps == pytest.approx(np.eye(count), abs=tolerance)
    errors = np.linalg.norm(
        hamiltonian.matrix @ pairs.states - pairs.states * pairs.energies, axis=0
    )
    assert pairs.residuals == pytest.approx(errors, abs=1e-13 * scale)
    assert errors.max() < 1e-9
    assert pairs.edges == pytest.approx(spectrum[[0, -1]], abs=1e-11 * scale)
    certificate = pairs.certificate
    counted = certificate.status.startswith("counted to")
    assert counted or certificate.status in ("complete", "not checked")
    if certificate.complete and name != "dense":
        low, high = certificate.window
        inside = (spectrum > low - 1e-9) & (spectrum < high + 1e-9)
        assert certificate.levels == inside.sum() >= count


@pytest.mark.parametrize("case", CASES)
@solver_named(SOLVERS)
def test_levels_are_those_closest_to_the_middle(name, case):
    check(name, case)


# Delta = 0, no field: levels come in pairs of opposite sign, and the middle is one of them, of
# many states. Of the spin waves at L = 60 two have the energy of the middle.
MIDDLE_IS_A_LEVEL = {
    "XX chain": (Model(10, 0.0, anisotropy=0.0), 8),
    "XX chain, one level": (Model(10, 0.0, anisotropy=0.0), 1),
    "XX ring": (Model(10, 0.0, anisotropy=0.0, boundary="periodic"), 10),
    "XX ring of an odd number": (Model(9, 0.0, anisotropy=0.0, boundary="periodic"), 10),
    "XX chain, many levels": (Model(12, 0.0, anisotropy=0.0), 20),
    "XX ring, a multiplet larger than asked": (
        Model(12, 0.0, anisotropy=0.0, boundary="periodic"), 20,
    ),
    "spin waves": (Model(60, 0.0, boundary="periodic", magnetization=-29), 8),
}  # fmt: skip


@pytest.mark.parametrize("case", MIDDLE_IS_A_LEVEL)
@solver_named(SOLVERS)
def test_levels_are_found_where_the_middle_is_one_of_them(name, case):
    try:
        check(name, case)
    except NotConverged:
        if name != "slepc":  # under PETSc, MUMPS may lack workspace for pivots it delays
            raise


@pytest.mark.parametrize("case", ["open chain", "eight bubble states", "clean periodic chain"])
@solver_named(["dense", *CERTIFYING])
def test_certificate_says_that_no_level_is_missing(name, case):
    hamiltonian, _, expected = problem(case)
    pairs = solver_called(name)(hamiltonian, expected.size)
    assert pairs.certificate.status == "complete"


@solver_named(SOLVERS)
def test_spin_waves_of_a_long_clean_ring_have_the_known_energies(name):
    # One spin up of 62: E = L/4 - 1 + cos k, twofold but at k = 0 and pi, and equally far from
    # the middle above and below it.
    length = 62
    model = Model(length, 0.0, boundary="periodic", magnetization=1 - length / 2)
    known = np.sort(length / 4 - 1 + np.cos(2 * np.pi * np.arange(length) / length))
    pairs = solver_called(name)(build(draw(model, 1, 0)), 8)
    assert pairs.energies == pytest.approx(wanted(known, 8), abs=1e-9)
    assert pairs.edges == pytest.approx(known[[0, -1]], abs=1e-10)


@solver_named(SOLVERS)
@given(data=st.data())
@settings(max_examples=15)
def test_any_model_gives_the_levels_closest_to_the_middle(name, data):
    model = data.draw(models(lengths=st.integers(5, 8)))
    count = data.draw(st.integers(1, min(model.dimension, 12)))
    hamiltonian = build(draw(model, data.draw(st.integers(0, 2**32)), 0))
    spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    distance = np.sort(np.abs(spectrum - (spectrum[0] + spectrum[-1]) / 2))
    # Where the middle is a level or the window's edge a tie: the tests above.
    assume(distance[0] > 1e-7)
    assume(count == model.dimension or distance[count] - distance[count - 1] > 1e-7)
    pairs = solver_called(name)(hamiltonian, count)
    assert pairs.energies == pytest.approx(wanted(spectrum, count), abs=1e-9)


TARGETED = [
    Model(10, 3.0, target="mean"), Model(10, 3.0, target=0.2), Model(10, 3.0, target=0.8),
    Model(8, 3.0, bubble=4, target="mean"), Model(8, 3.0, bubble=4, target=0.2),
    Model(10, 3.0, boundary="periodic", magnetization=1, target="mean"),
    Model(9, 2.0, bubble=1, bond=1.9, target=0.3),
]  # fmt: skip


@pytest.mark.parametrize("model", TARGETED, ids=lambda model: model.key)
@solver_named(SOLVERS)
def test_levels_are_those_closest_to_the_target(name, model):
    hamiltonian = build(draw(model, 1, 0))
    spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    low, high = spectrum[[0, -1]]
    aim = spectrum.mean() if model.target == "mean" else low + model.target * (high - low)
    expected = np.sort(spectrum[np.argsort(np.abs(spectrum - aim))[:12]])
    pairs = solver_called(name)(hamiltonian, 12)
    assert pairs.energies == pytest.approx(expected, abs=1e-9)
    assert pairs.target == pytest.approx(aim, abs=1e-10)
    if name in CERTIFYING:
        assert pairs.certificate.complete
        assert (
            pairs.certificate.window[0] < expected[0] < expected[-1] < pairs.certificate.window[1]
        )


@pytest.mark.parametrize(("target", "side"), [(0.03, "lower"), (0.97, "upper")])
@solver_named(SOLVERS)
def test_a_target_too_near_an_edge_for_the_states_asked_for_is_refused(name, target, side):
    hamiltonian = build(draw(Model(10, 3.0, target=target), 1, 0))
    spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    low, high = spectrum[[0, -1]]
    reach = 0.03 * (high - low)
    near = int((np.abs(spectrum - low - target * (high - low)) <= reach + 1e-9).sum())
    assert solver_called(name)(hamiltonian, near).energies.size == near
    with pytest.raises(ValueError, match=f"target {target} .* too near the {side}") as refused:
        solver_called(name)(hamiltonian, near + 3)
    assert f"for {near + 3} states around it, {near} exist" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_all_levels_may_be_asked_for_at_any_target():
    hamiltonian = build(draw(Model(6, 3.0, target=0.01), 1, 0))
    assert choose("dense", 20)(hamiltonian, 20).energies.size == 20


@solver_named(SOLVERS)
@pytest.mark.parametrize("count", [0, -1, 7])
def test_more_states_than_the_sector_has_are_refused(name, count):
    hamiltonian = build(draw(Model(4, 1.0), 1, 0))
    with pytest.raises(ValueError, match=rf"count must be in 1 \.\.\. 6 .*, got {count}$"):
        solver_called(name)(hamiltonian, count)


@solver_named(SOLVERS)
def test_a_realization_is_solved_alike_whatever_was_solved_before(name):
    hamiltonian, _, _ = problem("open chain")
    solver = solver_called(name)
    first = solver(hamiltonian, 8)
    solver(build(draw(Model(8, 1.0, bubble=4), 1, 1)), 5)
    again = solver(hamiltonian, 8)
    assert again.energies == pytest.approx(first.energies, abs=1e-13)


def test_of_two_equally_close_levels_the_lower_is_taken():
    for noise in (0.0, 1e-13, -1e-13):
        assert closest(np.array([-2.0, -1.0, 1.0 + noise, 2.0]), 0.0, 1).tolist() == [1]
        assert closest(np.array([-2.0, -1.0, 1.0 + noise, 2.0]), 0.0, 3).tolist() == [0, 1, 2]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.floats(-100, 100), st.data())
def test_closest_are_no_farther_than_any_other(energies, target, data):
    energies = np.sort(energies)
    count = data.draw(st.integers(1, energies.size))
    chosen = closest(energies, target, count)
    others = np.setdiff1d(np.arange(energies.size), chosen)
    assert np.unique(chosen).size == count
    assert (np.diff(energies[chosen]) >= 0).all()
    distance = np.abs(energies - target)
    assert distance[chosen].max() <= distance[others].min(initial=np.inf) + 1e-9


# What goes wrong is said, with what there is


def dropping(number: int, of: int | None = None):
    """Lanczos that loses one level, as a Krylov space may that has hardly any of it."""
    whole = shift_invert.block_lanczos

    def lossy(*arguments, wanted, **more):
        found = whole(*arguments, wanted=wanted, **more)
        if of not in (None, wanted):
            return found
        kept = np.delete(np.arange(found.values.size), number)
        return found._replace(
            values=found.values[kept],
            vectors=found.vectors[:, kept],
            residuals=found.residuals[kept],
        )

    return lossy


@solver_named(CERTIFYING)
@pytest.mark.parametrize("lost", [0, 3, 7])
@pytest.mark.parametrize("model", [Model(10, 3.0), Model(8, 3.0, bubble=4)], ids=lambda m: m.key)
def test_a_lost_level_is_noticed_and_counted(name, lost, model, monkeypatch):
    monkeypatch.setattr(shift_invert, "block_lanczos", dropping(lost))
    hamiltonian = build(draw(model, 1, 0))
    with pytest.raises(MissingLevels) as noticed:
        solver_called(name)(hamiltonian, 8)
    spectrum = np.linalg.eigvalsh(hamiltonian.matrix.toarray())
    partial = noticed.value.partial
    certificate = partial.certificate
    assert certificate.status == "1 missing"
    low, high = certificate.window
    assert certificate.levels == ((spectrum > low) & (spectrum < high)).sum()
    message = str(noticed.value)
    assert f"counts {certificate.levels} levels" in message
    assert "1 missing" in message
    assert partial.energies.size == 8
    assert np.abs(spectrum - partial.energies[:, None]).min(axis=1).max() < 1e-9


@solver_named(["shift-invert:ldl", "shift-invert:mumps"])
def test_an_ensemble_recovers_a_lost_level_with_a_larger_subspace(name, monkeypatch):
    model = Model(10, 3.0)
    expected = ensemble.solve(model, 8, 1, 0, "dense").pairs
    monkeypatch.setattr(shift_invert, "block_lanczos", dropping(3, of=8 + ShiftInvert().spare))
    found = ensemble.solve(model, 8, 1, 0, name).pairs
    assert found.energies == pytest.approx(expected.energies, abs=1e-9)
    assert found.certificate.complete


def test_without_a_certificate_nothing_is_claimed():
    hamiltonian, _, expected = problem("open chain")
    pairs = ShiftInvert(certify=False)(hamiltonian, expected.size)
    assert pairs.certificate.status == "not checked"
    assert not pairs.certificate.complete


def limited(**limits):
    """Lanczos on a basis of few vectors; the least it takes is the wanted ones and three blocks."""
    whole = shift_invert.block_lanczos
    return lambda *arguments, **knobs: whole(*arguments, **knobs | {"capacity": 0} | limits)


@solver_named(SHIFT_INVERT)
@pytest.mark.parametrize("case", ["open chain", "eight bubble states", "clean periodic chain"])
@pytest.mark.parametrize("block", [3, 8])
def test_restarts_find_the_same_levels(name, case, block, monkeypatch):
    hamiltonian, spectrum, _ = problem(case)
    monkeypatch.setattr(shift_invert, "block_lanczos", limited())
    solver = ShiftInvert(factorization=name.partition(":")[2], block=block, max_restarts=100)
    pairs = solver(hamiltonian, 8)
    assert pairs.report.counts["restarts"] > 0
    assert pairs.report.counts["vectors"] <= 8 + solver.spare + 3 * block
    assert pairs.energies == pytest.approx(wanted(spectrum, 8), abs=1e-9)
    assert pairs.states.T @ pairs.states == pytest.approx(np.eye(8), abs=1e-12)


def test_what_converged_is_handed_over_when_the_rest_does_not(monkeypatch):
    hamiltonian, spectrum, expected = problem("open chain")
    # Before the first restart only the levels next to the middle are there.
    monkeypatch.setattr(shift_invert, "block_lanczos", limited())
    with pytest.raises(NotConverged) as stopped:
        ShiftInvert(block=3, max_restarts=0)(hamiltonian, expected.size)
    partial = stopped.value.partial
    number = partial.energies.size
    assert 0 < number < expected.size
    assert partial.states.shape == (hamiltonian.dimension, number)
    assert partial.residuals.max() <= ShiftInvert().tolerance
    assert np.abs(spectrum - partial.energies[:, None]).min(axis=1).max() < 1e-9
    assert f"{number} of {expected.size} states after 0 restarts" in str(stopped.value)
    assert "try another solver" in str(stopped.value)


def test_an_accuracy_that_cannot_be_had_is_not_claimed():
    hamiltonian, _, expected = problem("open chain")
    with pytest.raises(NotConverged) as stopped:
        ShiftInvert(tolerance=1e-30, max_restarts=2)(hamiltonian, expected.size)
    assert stopped.value.partial.energies.size == 0
    assert f"0 of {expected.size} states" in str(stopped.value)


# Choosing a solver


@pytest.mark.parametrize("name", ["magic", "", "dense:mumps", "slepc:ldl", "Dense"])
def test_unknown_solver_is_refused_with_the_list_of_those_there_are(name):
    with pytest.raises(
        ValueError, match="auto, dense, shift-invert, filter, slepc, got"
    ) as refused:
        choose(name, 100)
    assert repr(name) in str(refused.value)


def test_unknown_factorization_is_refused_with_the_list_of_those_there_are():
    with pytest.raises(ValueError, match="ldl, .*mumps, .*superlu, got 'magic'"):
        choose("shift-invert:magic", 100)


def hidden(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)  # as if not installed


@pytest.mark.parametrize("module", ["petsc4py", "slepc4py"])
def test_missing_slepc_says_how_to_install_it(module, monkeypatch):
    hidden(monkeypatch, module)
    with pytest.raises(MissingSolver, match="install .*python3-slepc4py-real.*conda-forge"):
        choose("slepc", 100)


def test_missing_mumps_says_how_to_install_it(monkeypatch):
    hidden(monkeypatch, "mumps")
    with pytest.raises(MissingSolver, match="libmumps-dev.*pip install pymumps"):
        choose("shift-invert:mumps", 100)


@pytest.fixture
def built_for_another(tmp_path, monkeypatch):
    """A function: modules by these names are there, and raise this when they are imported."""

    def build_for_another(error, *modules):
        for module in modules:
            (tmp_path / f"{module}.py").write_text(
                f"import sys\nprint('pages of advice', file=sys.stderr)\nraise {error}\n"
            )
            for name in [n for n in sys.modules if n.partition(".")[0] == module]:
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(tmp_path)

    return build_for_another


OF_ANOTHER_NUMPY = [
    "ValueError('numpy.dtype size changed, may indicate binary incompatibility.')",
    "ImportError('A module compiled using NumPy 1.x cannot be run in\\nNumPy 2.1.0')",
    "RuntimeError('module compiled against API version 0x10 but this is 0xe')",
]


@pytest.mark.parametrize("error", OF_ANOTHER_NUMPY)
def test_libraries_built_for_another_numpy_are_as_good_as_missing(error, built_for_another, capfd):
    built_for_another(error, "mumps", "petsc4py", "cupy")
    told = {name: (here, remark) for name, here, remark in solvers_found()}
    for name, needed in (("shift-invert:mumps", "pip install pymumps"), ("slepc", "petsc4py"),
                         ("slepc:shell", "petsc4py"), ("filter:gpu", "CuPy")):  # fmt: skip
        here, remark = told[name]
        assert not here and needed in remark and "\n" not in remark
        assert f"does not load ({error.partition('(')[0]}: " in remark
        assert "install it anew, built for this NumPy" in remark
        with pytest.raises(MissingSolver, match="does not load"):
            choose(name, 10**6)
    assert choose("auto", 10**6).factorization in ("ldl", "superlu")
    assert "pages of advice" not in capfd.readouterr().err


def test_missing_compiled_part_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("inclusions.eigen.ldl.library", lambda: None)
    with pytest.raises(MissingSolver, match="C compiler.*pip install"):
        choose("shift-invert:ldl", 100)


@pytest.mark.parametrize("mumps", [True, False])
def test_without_the_compiled_part_the_levels_are_the_same(mumps, monkeypatch):
    if mumps and (why := REGISTRY["shift-invert:mumps"].lacks()):
        pytest.skip(why)
    monkeypatch.setattr("inclusions.eigen.ldl.library", lambda: None)
    if not mumps:
        hidden(monkeypatch, "mumps")
    hamiltonian, _, expected = problem("open chain")
    pairs = choose("shift-invert", hamiltonian.dimension)(hamiltonian, expected.size)
    assert pairs.energies == pytest.approx(expected, abs=1e-9)
    assert pairs.report.solver == f"shift-invert ({'mumps' if mumps else 'superlu'})"


def test_every_solver_that_is_listed_can_be_chosen():
    for name, found, _ in solvers_found():
        if found:
            choose(name, 100)
