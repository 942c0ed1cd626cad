"""On a GPU: the same levels as LAPACK and L D L^T find, L = 12 to 16. Minutes at most."""

import numpy as np
import pytest

from inclusions.disorder import draw
from inclusions.eigen import MissingSolver, choose
from inclusions.eigen.devices import gpu
from inclusions.hamiltonian import build
from inclusions.model import Model


def why_not() -> str:
    """Why there is nothing to test on; empty if there is."""
    try:
        gpu()
    except MissingSolver as missing:
        return str(missing)
    return ""


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

MODELS = [Model(12, 4.0), Model(12, 4.0, bubble=4), Model(13, 1.0, boundary="periodic"),
          Model(14, 4.0, bubble=4), Model(16, 4.0)]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)
def test_levels_and_states_are_those_of_a_factor(model):
    hamiltonian = build(draw(model, 1, 0))
    pairs = choose("filter:gpu", model.dimension)(hamiltonian, 50)
    expected = choose("shift-invert", model.dimension)(hamiltonian, 50)
    assert pairs.energies == pytest.approx(expected.energies, abs=1e-9)
    overlaps = np.abs(np.einsum("nk,nk->k", pairs.states, expected.states))
    apart = np.diff(expected.energies).min() > 1e-6
    assert not apart or overlaps == pytest.approx(1, abs=1e-5)
    assert pairs.residuals.max() <= 1e-9
    assert pairs.report.solver == "filter (gpu)"


def test_levels_are_counted_with_an_error():
    hamiltonian = build(draw(Model(14, 4.0), 1, 0))
    certificate = choose("filter:gpu", 3432)(hamiltonian, 50).certificate
    exact = choose("shift-invert", 3432)(hamiltonian, 50).certificate
    assert certificate.status.startswith("counted to ±")
    assert abs(certificate.levels - exact.levels) <= 4 * certificate.error + 0.5
