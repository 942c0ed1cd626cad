import math
import re
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import TARGETS, models

from inclusions.model import PARAMETERS, SAMPLES, Model, tuned_bandwidth


@pytest.mark.parametrize(
    ("bubble", "beta"), [(3, 0.55), (4, 0.60), (5, 0.58), (6, 0.55), (8, 0.50)]
)
def test_bandwidth_is_the_tuned_value_of_the_paper(bubble, beta):
    assert Model(8, 1.0, bubble=bubble).bandwidth == beta


def test_bandwidth_of_sizes_the_paper_does_not_tune_lies_between_its_neighbours():
    assert tuned_bandwidth(7) == pytest.approx(0.525)
    assert tuned_bandwidth(1) == 0.55
    assert tuned_bandwidth(20) == 0.50


@pytest.mark.parametrize(("length", "total"), [(2, 0), (3, 0.5), (12, 0), (13, 0.5)])
def test_sector_is_zero_for_even_and_one_half_for_odd_length(length, total):
    assert Model(length, 1.0).magnetization == total


@pytest.mark.parametrize("bubble", [0, 1, 4])
@pytest.mark.parametrize("length", [2, 5, 8, 16])
def test_dimension_is_that_of_the_paper(length, bubble):
    expected = max(bubble, 1) * math.comb(length, length // 2)
    assert Model(length, 1.0, bubble=bubble).dimension == expected


@given(models())
def test_sectors_fill_the_whole_space(model):
    totals = [k - model.length / 2 for k in range(model.length + 1)]
    dimensions = [replace(model, magnetization=total).dimension for total in totals]
    assert sum(dimensions) == model.block * 2**model.length


@given(models(targets=TARGETS))
def test_parameters_written_out_give_the_same_model(model):
    again = Model(**model.as_dict())
    assert again == model
    assert again.key == model.key


@given(models(targets=TARGETS))
def test_key_is_fit_for_a_file_name(model):
    assert re.fullmatch(r"[A-Za-z0-9.+-]+", model.key)
    assert len(model.key) < 200


def test_key_of_the_papers_model_is_short():
    assert Model(12, 4.4, bubble=4).key == "bubble4-L12-W4.4"
    assert Model(12, 4.4, bubble=4, bandwidth=0.6, magnetization=0).key == "bubble4-L12-W4.4"
    assert Model(12, 4.4, bubble=4, target=0.5, sample="own").key == "bubble4-L12-W4.4"


def test_key_names_target_shared_disorder_and_fixed_bond():
    model = Model(12, 4.4, target="mean", sample="paired")
    assert model.key == "chain-open-L12-W4.4-epsmean-samplepaired"
    assert Model(8, 2.0, bubble=1, bond=1.9, target=0.25).key == "bubble1-L8-W2.0-bond1.9-eps0.25"


CHANGES = {
    "length": st.just(7),
    "disorder": st.floats(0, 1e8),
    "bubble": st.integers(1, 9),
    "coupling": st.floats(-1e8, 1e8),
    "bandwidth": st.floats(0, 1e8),
    "anisotropy": st.floats(-1e8, 1e8),
    "magnetization": st.sampled_from([-2.5, -1.5, 0.5, 2.5]),
    "target": TARGETS,
    "sample": st.sampled_from(SAMPLES),
}


@pytest.mark.parametrize("name", CHANGES)
@given(data=st.data())
def test_key_tells_models_apart_that_differ_in_one_parameter(name, data):
    model = Model(5, 2.0, bubble=2, magnetization=-0.5)
    value = data.draw(CHANGES[name])
    other = replace(model, **{name: value})
    assert (other == model) == (other.key == model.key)


@pytest.mark.parametrize("name", ["disorder", "coupling", "bandwidth", "anisotropy"])
@given(value=st.floats(0, 1e8))
def test_key_tells_neighbouring_numbers_apart(name, value):
    model = Model(5, 2.0, bubble=2)
    one, other = (replace(model, **{name: x}) for x in (value, math.nextafter(value, math.inf)))
    assert one.key != other.key


@given(st.none() | st.floats(-1e8, 1e8), st.none() | st.floats(-1e8, 1e8))
def test_key_tells_bonds_apart(bond, other):
    one, two = (Model(5, 2.0, bubble=1, bond=value) for value in (bond, other))
    assert (one == two) == (one.key == two.key)


def test_key_tells_boundaries_apart():
    assert Model(5, 2.0).key != Model(5, 2.0, boundary="periodic").key


@pytest.mark.parametrize("name", ["disorder", "coupling", "bandwidth", "anisotropy"])
def test_key_knows_one_zero_only(name):
    given = {"length": 4, "disorder": 1.0, "bubble": 2}
    assert Model(**given | {name: -0.0}).key == Model(**given | {name: 0.0}).key


@given(models(bubbles=st.just(0)), st.floats(-5, 5))
def test_key_leaves_out_a_coupling_to_no_bubble(model, coupling):
    assert replace(model, coupling=coupling).key == model.key


@given(models(targets=TARGETS))
def test_a_key_names_its_model(model):
    again = Model.from_key(model.key)
    assert again.key == model.key
    assert again == model or (not model.bubble and replace(again, coupling=model.coupling) == model)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "readme",
        "chain-ring-L6-W1.0",
        "bubble4-L8-W2",
        "bubble4-L8-W2.0-g1.0",
        "bubble4-L8-W2.0-x3",
        "bubble4-L8-W2.0-epsmedian",
        "bubble4-L8-W2.0-eps0.5",
    ],
)
def test_a_name_that_no_model_has_is_refused(key):
    with pytest.raises(ValueError, match="no model|boundary"):
        Model.from_key(key)


def test_model_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Model(4, 1.0).length = 6


@pytest.mark.parametrize("number", [np.int64(4), np.uint8(4)])
def test_numpy_numbers_are_taken(number):
    model = Model(number, np.float64(2.0), bubble=number)
    assert model == Model(4, 2.0, bubble=4)
    assert type(model.length) is int
    assert type(model.disorder) is float


WRONG = {
    "length": [1, 0, -4, 4.0, "4", None, True, 63, math.nan, [4]],
    "disorder": [-1.0, math.nan, math.inf, "1", None, True, 1j, 10**400],
    "bubble": [-1, -3, 2.0, "2", None, True],
    "coupling": [math.nan, math.inf, "1", None, True],
    "bandwidth": [-0.1, math.nan, math.inf, "1", True],
    "anisotropy": [math.nan, -math.inf, "1", None, True],
    "boundary": ["ring", "", None, 1, "Open", "periodic"],
    "magnetization": [0.5, 3.0, -3.0, math.nan, math.inf, "0", True],
    "target": [
        0, 1, 0.0, 1.0, -0.2, 1.5, math.nan, math.inf, "median", "", "0.2", None, True, 0.2j,
        [0.2], [0.2, 0.4], ["mean"],
    ],
    "sample": ["common", "", None, 1, True, ["own"]],
    "bond": [1.0, math.nan, math.inf, "1", True],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_wrong_parameter_is_refused_in_one_line_that_names_it_and_shows_it(name, value):
    with pytest.raises(ValueError) as refused:
        Model(**{"length": 4, "disorder": 1.0, "bubble": 2} | {name: value})
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(name)
    assert ("periodic" if name == "boundary" and value == "periodic" else "got") in message
    if isinstance(value, str | int) and not isinstance(value, bool):
        assert str(value) in message


def test_every_parameter_has_wrong_values_here():
    assert set(WRONG) == set(PARAMETERS)


@pytest.mark.parametrize(
    "given",
    [
        {"length": 2, "boundary": "periodic"},  # its two bonds would be one
        {"length": 4, "bandwidth": 0.6},  # of which bubble?
        {"length": 4, "bubble": 1, "bond": 1.0, "bandwidth": 0.6},  # nothing is drawn
        {"length": 4, "bond": 1.0},  # of which ring?
    ],
)
def test_parameters_that_do_not_go_together_are_refused(given):
    with pytest.raises(ValueError, match="length|bandwidth|bond"):
        Model(**{"disorder": 1.0} | given)
