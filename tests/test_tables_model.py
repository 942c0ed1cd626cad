import numpy as np
import pytest

from inclusions import experiments
from inclusions.disorder import draw
from inclusions.hamiltonian import build
from inclusions.model import Model
from inclusions.tables import model as tables
from inclusions.text import number


def test_closing_bonds_are_as_weak_and_as_strong_as_the_drawn_ones():
    texts = tables.closure_texts(bubble=4)
    one = np.array([draw(Model(4, 1.0, bubble=1), 1, i).bubble[2, 0, 0] for i in range(2000)])
    weak = np.mean(np.abs(2 * one) < 0.25)
    error = np.sqrt(weak * (1 - weak) / 2000)
    assert abs(float(texts["closure_weak"].removesuffix("\xa0%")) / 100 - weak) < 4 * error + 0.005
    four = np.array([draw(Model(4, 1.0, bubble=4), 1, i).bubble[2] for i in range(2000)])
    ratio = np.sqrt((four**2).sum(axis=2).mean() / (one**2).mean())
    assert float(texts["closure_ratio"]) == pytest.approx(ratio, abs=0.1)


def test_the_middle_between_the_edges_lies_below_the_mean_and_farther_in_longer_chains():
    texts = tables.offset_texts(experiments.offsets([6, 8], 1.0, realizations=8))
    shown = texts["offset_values"].split(", ")
    found = [float(text.split("(")[0].replace("−", "-")) for text in shown]
    expected = []
    for length in (6, 8):
        levels = [
            np.linalg.eigvalsh(build(draw(Model(length, 1.0), 1, i)).matrix.toarray())
            for i in range(8)
        ]
        expected.append(np.array([(e[0] + e[-1]) / 2 - e.mean() for e in levels]))
    errors = [one.std(ddof=1) / 8**0.5 for one in expected]
    wanted = [number(one.mean(), error) for one, error in zip(expected, errors, strict=True)]
    assert shown == wanted
    assert found[1] < found[0] < 0
