"""What the benchmarks rest on: counts that do not depend on the machine, and fair comparison."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from inclusions import bench
from inclusions.campaign import Ensemble
from inclusions.disorder import draw
from inclusions.eigen import REGISTRY, choose, ordering
from inclusions.eigen.ldl import LDL, slots
from inclusions.eigen.mumps import MumpsMatrix, Settings
from inclusions.ensemble import record
from inclusions.geometry import forget_geometries
from inclusions.hamiltonian import build, pattern
from inclusions.machine import Limit
from inclusions.model import Model


@pytest.mark.skipif(not REGISTRY["shift-invert:mumps"].here(), reason="PyMUMPS is not installed")
def test_our_order_leaves_less_work_than_pord():
    sample = build(draw(Model(14, 4.0, bubble=4), 1, 0))
    factors = {}
    for order in ("ours", "pord"):
        with (
            MumpsMatrix(Settings(order=order), sample) as matrix,
            matrix.factorize(0.1) as factor,
        ):
            factors[order] = factor.entries, factor.flops
    entries, flops = factors["ours"]
    assert entries < factors["pord"][0]
    assert flops < factors["pord"][1]


def test_an_ensemble_is_analysed_once():
    model = Model(10, 4.4, bubble=4)
    forget_geometries()
    whole = Ensemble(model, 0, 6, 50, 1, "shift-invert", 1.0, ranks=1)
    for index in range(6):
        record(whole, index)
    other_disorder = whole._replace(model=Model(10, 1.0, bubble=4))
    record(other_disorder, 0)
    for cached in (pattern, ordering.structure, slots):
        assert cached.cache_info().misses == 1


def test_a_wide_supernode_is_stored_without_its_upper_triangle():
    form = ordering.structure(Model(12, 4.0, bubble=4).geometry)
    widths = np.diff(form.first)
    assert widths.max() <= ordering.PANEL
    # Below the diagonal the panels hold what the factor has, above it at most half a panel each.
    lower = (widths * (widths + 1) // 2 + widths * np.diff(form.row_start)).sum()
    assert form.entries - lower <= (widths**2).sum() // 2


def test_memory_of_a_worker_is_flat_over_a_thousand_realizations():
    program = (
        "import psutil\n"
        "from inclusions.campaign import Ensemble\n"
        "from inclusions.ensemble import record\n"
        "from inclusions.model import Model\n"
        "whole = Ensemble(Model(8, 4.0, bubble=4), 0, 1000, 20, 1, 'shift-invert', 1.0, 1)\n"
        "for index in range(1000):\n"
        "    record(whole, index)\n"
        "    if index in (99, 999): print(psutil.Process().memory_info().rss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    early, late = map(int, done.stdout.split())
    assert late - early < 4 * 2**20


def test_a_factor_that_does_not_fit_says_what_to_do(monkeypatch):
    sample = build(draw(Model(12, 4.0, bubble=4), 1, 0))
    from inclusions.eigen import ldl

    ldl._spare.clear()
    monkeypatch.setattr(ldl, "memory_limit", lambda: Limit(1.0, "this machine"))
    with pytest.raises(MemoryError, match=r"dimension 3696 needs .* fewer workers.*more MPI ranks"):
        LDL(sample, 0.0)


def test_peers_find_the_same_levels():
    peers = ["inclusions", "inclusions-single", "scipy", "lapack"]
    peers += [p for p in ("slepc", "quimb") if importlib.util.find_spec("slepc4py")]
    peers += ["inclusions-mumps"] if REGISTRY["shift-invert:mumps"].here() else []
    rows = bench.compare(Model(8, 4.0, bubble=4), peers, 30, 1, 1, 300)
    assert [row["peer"] for row in rows] == peers
    assert not [row for row in rows if "failed" in row]
    reference = rows[0]["energies"]
    for row in rows:
        assert row["energies"] == pytest.approx(reference, abs=1e-8)
        assert row["threads"] == 1
        assert row["seconds"] > 0
        assert row["memory_peak_MB"] >= row["memory_before_MB"] > 0


def test_a_peer_that_fails_does_not_stop_the_others(monkeypatch):
    monkeypatch.setitem(bench.LARGEST, "lapack", 10**9)
    rows = bench.compare(Model(6, 4.0), ["scipy", "lapack"], 20, 1, 1, 300)
    assert "failed" in rows[0]  # SciPy cannot give all 20 levels of a sector of 20
    assert "failed" not in rows[1]


def test_single_precision_factors_give_levels_as_accurate():
    sample = build(draw(Model(12, 4.0, bubble=4), 1, 3))
    double = choose("shift-invert:ldl", sample.dimension)(sample, 50)
    single = choose("shift-invert:ldl-single", sample.dimension)(sample, 50)
    assert single.residuals.max() < 1e-9
    assert single.energies == pytest.approx(double.energies, abs=1e-11)
    assert json.dumps(single.report.counts)  # counts are plain numbers
