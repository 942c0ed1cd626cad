import sys
from itertools import product
from pathlib import Path

import pytest

from inclusions.campaign import load
from inclusions.model import Model

HEAD = 'name = "trial"\nseed = 7\n'
TABLE = "[[ensemble]]\nlength = 4\ndisorder = 1.0\nrealizations = 3\n"


@pytest.fixture
def campaign(tmp_path):
    """Loads a campaign of the given text."""

    def read(text: str):
        path = tmp_path / "campaign.toml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return read


def test_parameters_left_out_take_the_defaults_of_the_model(campaign):
    plan = campaign(HEAD + TABLE)
    (one,) = plan.ensembles
    assert plan.name == "trial"
    assert one.model == Model(4, 1.0)
    assert (one.realizations, one.seed, one.solver) == (3, 7, "auto")
    assert list(one.indices) == [0, 1, 2]


def test_lists_are_swept_in_all_combinations(campaign):
    plan = campaign(
        HEAD + "[[ensemble]]\nlength = [4, 6]\nbubble = [2, 3]\ndisorder = [1, 2.5]\n"
        "coupling = 0.5\nrealizations = 2\n"
    )
    expected = {
        Model(length, disorder, bubble=bubble, coupling=0.5)
        for length, bubble, disorder in product([4, 6], [2, 3], [1.0, 2.5])
    }
    assert {one.model for one in plan.ensembles} == expected
    assert len(plan.ensembles) == 8


def test_every_parameter_of_a_model_can_be_given(campaign):
    model = Model(5, 2.0, 3, 0.5, 0.7, 0.8, "open", -0.5, "mean", "paired")
    table = "\n".join(
        f"{k} = {v!r}".replace("'", '"') for k, v in model.as_dict().items() if v is not None
    )
    (one,) = campaign(f"{HEAD}[[ensemble]]\n{table}\nrealizations = 1\n").ensembles
    assert one.model == model


def test_a_mobility_edge_is_one_table(campaign):
    text = "[[ensemble]]\nlength = 8\ndisorder = [2, 4]\nrealizations = 3\n"
    plan = campaign(f'{HEAD}{text}target = [0.1, 0.5, 0.9, "mean"]\n')
    targets = [(one.model.disorder, one.model.target) for one in plan.ensembles]
    assert targets == list(product([2.0, 4.0], [0.1, 0.5, 0.9, "mean"]))


@pytest.mark.parametrize("target", ["0", "1", "-0.1", "2", "nan", '"median"', "[[0.2]]", "true"])
def test_a_wrong_target_is_refused_in_one_line(campaign, target):
    with pytest.raises(ValueError, match="target must be one number between 0 and 1") as refused:
        campaign(f"{HEAD}{TABLE}target = {target}\n")
    assert "\n" not in str(refused.value)


def test_boundaries_are_swept_like_numbers(campaign):
    text = TABLE + 'boundary = ["open", "periodic"]\n'
    boundaries = [one.model.boundary for one in campaign(HEAD + text).ensembles]
    assert boundaries == ["open", "periodic"]


def test_a_model_named_twice_is_one_ensemble_of_the_larger_number(campaign):
    more = TABLE.replace("= 3", "= 5")
    for text in (TABLE + more, more + TABLE):
        (one,) = campaign(HEAD + text).ensembles
        assert one.realizations == 5


def test_ranges_of_realizations_that_overlap_are_one_and_others_stay_apart(campaign):
    def table(first, count):
        return TABLE.replace("= 3", f"= {count}") + f"first = {first}\n"

    text = table(10, 20) + table(0, 15) + table(3, 2) + table(30, 5)
    assert [one.indices for one in campaign(HEAD + text).ensembles] == [range(30), range(30, 35)]


def test_a_default_written_out_names_the_same_model(campaign):
    one, other = (
        f"[[ensemble]]\nlength = 4\nbubble = 4\ndisorder = {w}\nrealizations = 3\n{extra}"
        for w, extra in (("1", ""), ("1.0", "bandwidth = 0.6\ncoupling = 1\nmagnetization = 0\n"))
    )
    assert len(campaign(HEAD + one + other).ensembles) == 1


def test_two_tables_that_ask_for_all_of_a_small_sector_are_one_ensemble(campaign):
    # Their results would go to one folder, each computed twice.
    text = HEAD + TABLE + "states = 50\n" + TABLE + "states = 60\n"
    assert len(campaign(text).ensembles) == 1


def test_a_sector_smaller_than_the_states_wanted_gives_all_it_has(campaign):
    (small,) = campaign(HEAD + TABLE).ensembles
    assert (small.states, small.count) == (50, 6)
    (large,) = campaign(HEAD + TABLE.replace("length = 4", "length = 8")).ensembles
    assert (large.states, large.count) == (50, 50)


def test_a_table_overrides_states_and_certify_of_the_file(campaign):
    head = HEAD + "states = 20\ncertify = 0.5\n"
    one, other = campaign(
        head + TABLE + TABLE.replace("1.0", "2.0") + "states = 4\ncertify = 0\n"
    ).ensembles
    assert (one.states, one.certify) == (20, 0.5)
    assert (other.states, other.certify) == (4, 0)


def test_results_go_where_the_file_says(campaign):
    assert campaign(HEAD + TABLE).data == Path("data")
    assert campaign(HEAD + 'data = "elsewhere"\n' + TABLE).data == Path("elsewhere")


def test_campaigns_of_the_book_are_read():
    folder = Path(__file__).resolve().parents[1] / "book" / "runs" / "campaigns"
    files = sorted(folder.glob("*.toml"))
    assert files
    for path in files:
        assert load(path).ensembles


def changed(line: str, text: str) -> str:
    """The valid file with one line exchanged."""
    assert line in HEAD + TABLE
    return (HEAD + TABLE).replace(line, text)


# What is wrong: the text, and what the complaint must say.
WRONG = {
    "unknown key": (HEAD + "stats = 50\n" + TABLE, ["stats", "allowed", "states"]),
    "unknown key of a table": (HEAD + TABLE + "lenght = 4\n", ["lenght", "allowed", "length"]),
    "no name": (changed('name = "trial"\n', ""), ["name", "missing"]),
    "no seed": (changed("seed = 7\n", ""), ["seed", "missing"]),
    "no ensemble": (HEAD, ["ensemble", "missing"]),
    "one table instead of several": (changed("[[ensemble]]", "[ensemble]"), ["ensemble"]),
    "no tables": (HEAD + "ensemble = []\n", ["ensemble"]),
    "no length": (changed("length = 4\n", ""), ["length", "missing"]),
    "no disorder": (changed("disorder = 1.0\n", ""), ["disorder", "missing"]),
    "no realizations": (changed("realizations = 3\n", ""), ["realizations", "missing"]),
    "seed is a text": (changed("seed = 7", 'seed = "7"'), ["seed", "integer", "'7'"]),
    "seed is no integer": (changed("seed = 7", "seed = 7.0"), ["seed", "integer", "7.0"]),
    "seed is negative": (changed("seed = 7", "seed = -7"), ["seed", "0", "-7"]),
    "name is a number": (changed('"trial"', "1"), ["name", "string"]),
    "states is zero": (HEAD + "states = 0\n" + TABLE, ["states", "3", "0"]),
    "states are too few for a gap ratio": (HEAD + "states = 2\n" + TABLE, ["states", "3", "2"]),
    "states are beyond what is stored": (HEAD + "states = 40000\n" + TABLE, ["states", "32767"]),
    "states of a table are too few": (HEAD + TABLE + "states = 1\n", ["states", "3", "1"]),
    "seed is beyond what is stored": (changed("= 7", f"= {2**64}"), ["seed", str(2**63 - 1)]),
    "first is beyond what is stored": (HEAD + TABLE + f"first = {2**63}\n", ["first"]),
    "the last is beyond what is stored": (
        HEAD + TABLE + f"first = {2**63 - 2}\n", ["first + realizations", str(2**63 - 1)],
    ),
    "chunk is beyond all memory": (HEAD + f"chunk = {10**9}\n" + TABLE, ["chunk", "100000"]),
    "disorder is beyond all rounding": (changed("1.0", "1e300"), ["disorder", "1e+09", "1e+300"]),
    "coupling is beyond all rounding": (
        HEAD + TABLE + "bubble = 2\ncoupling = -1e12\n", ["coupling", "1e+09", "-1e+12"],
    ),
    "the sector has too few states": (
        HEAD + TABLE + "magnetization = 2\n", ["sector of 1", "3 states"],
    ),
    "the sector is beyond all numbers": (
        changed("length = 4", f"length = 62\nbubble = {10**12}"), ["sector", "beyond"],
    ),
    "no such observable": (
        HEAD + 'observables = ["purity"]\n' + TABLE, ["observables", "entanglement", "purity"],
    ),
    "certify is above one": (HEAD + "certify = 2\n" + TABLE, ["certify", "1", "2"]),
    "chunk is negative": (HEAD + "chunk = -1\n" + TABLE, ["chunk", "1", "-1"]),
    "realizations is zero": (changed("= 3", "= 0"), ["realizations", "1", "0"]),
    "realizations is a list": (changed("= 3", "= [3]"), ["realizations", "integer"]),
    "length is a text": (changed("= 4", '= "four"'), ["length", "integer", "four"]),
    "length is no integer": (changed("= 4", "= 4.5"), ["length", "integer", "4.5"]),
    "length is negative": (changed("= 4", "= [4, -4]"), ["length", "at least 2", "-4"]),
    "length is a list of lists": (changed("= 4", "= [[4]]"), ["length", "integer"]),
    "disorder is negative": (changed("1.0", "-1.0"), ["disorder", "at least 0", "-1.0"]),
    "disorder is not a number": (changed("1.0", "nan"), ["disorder", "finite", "nan"]),
    "disorder is infinite": (changed("1.0", "inf"), ["disorder", "finite", "inf"]),
    "disorder is a truth value": (changed("1.0", "true"), ["disorder", "number", "True"]),
    "bubble is negative": (HEAD + TABLE + "bubble = -3\n", ["bubble", "at least 1", "-3"]),
    "boundary is unknown": (
        HEAD + TABLE + 'boundary = "ring"\n', ["boundary", "open or periodic", "ring"],
    ),
    "periodic with a bubble": (
        HEAD + TABLE + 'bubble = 2\nboundary = "periodic"\n', ["boundary", "bubble"],
    ),
    "bandwidth without a bubble": (HEAD + TABLE + "bandwidth = 0.6\n", ["bandwidth", "bubble"]),
    "magnetization is none of the sectors": (
        HEAD + TABLE + "magnetization = 0.5\n", ["magnetization", "-2", "2", "0.5"],
    ),
    "no TOML": ("name = \n", ["TOML", "line 1"]),
    "a key twice": (HEAD + HEAD + TABLE, ["TOML", "line 3"]),
    "a number too long to read": (HEAD + TABLE + f"first = 1{'0' * 5000}\n", ["TOML", "digits"]),
    "a name that moves the cursor": (
        'name = "a\\u001b[2J"\nseed = 1\n' + TABLE, ["name", "printed", "x1b"],
    ),
}  # fmt: skip

# What could be read, but not run.
UNRUNNABLE = {
    "a sweep over nothing": (changed("1.0", "[]"), ["disorder"]),
    "unknown solver": (HEAD + 'solver = "magic"\n' + TABLE, ["solver", "auto", "magic"]),
    "one table, and how to write it": (changed("[[ensemble]]", "[ensemble]"), ["[[ensemble]]"]),
}


def complaint_about(campaign, text: str) -> str:
    with pytest.raises(ValueError) as refused:
        campaign(text)
    message = str(refused.value)
    assert "\n" not in message
    assert "campaign.toml" in message
    return message


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_refused_in_one_line_that_says_what_and_what_is_allowed(campaign, what):
    text, words = WRONG[what]
    message = complaint_about(campaign, text)
    assert [word for word in words if word.lower() not in message.lower()] == []


@pytest.mark.parametrize("what", UNRUNNABLE)
def test_a_file_that_cannot_be_run_is_refused_when_it_is_read(campaign, what):
    text, words = UNRUNNABLE[what]
    message = complaint_about(campaign, text)
    assert [word for word in words if word not in message] == []


def test_the_complaint_says_which_ensemble_is_wrong(campaign):
    wrong = TABLE.replace("disorder = 1.0", "disorder = -1.0")
    assert "ensemble 2" in complaint_about(campaign, HEAD + TABLE + wrong)
    unknown = TABLE + "lenght = 4\n"
    assert "ensemble.2" in complaint_about(campaign, HEAD + TABLE + unknown)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.toml: No such file or directory"):
        load(tmp_path / "nowhere.toml")


def test_a_folder_is_no_campaign(tmp_path):
    with pytest.raises(ValueError, match="Is a directory"):
        load(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "campaign.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not TOML") as refused:
        load(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["slepc", "shift-invert:mumps"])
def test_a_solver_that_is_not_installed_here_is_no_fault_of_the_file(name, campaign, monkeypatch):
    for module in ("petsc4py", "slepc4py", "mumps"):
        monkeypatch.setitem(sys.modules, module, None)  # as if not installed
    (one,) = campaign(HEAD + f'solver = "{name}"\n' + TABLE).ensembles
    assert one.solver == name


def test_observables_of_a_table_and_of_the_file_are_asked_for(campaign):
    other = TABLE.replace("1.0", "2.0") + "observables = []\n"
    plan = campaign(HEAD + 'observables = ["entanglement"]\n' + TABLE + other)
    assert [one.observables for one in plan.ensembles] == [("entanglement",), ()]


def test_a_model_named_twice_has_the_observables_of_both(campaign):
    more = TABLE.replace("= 3", "= 5")
    (one,) = campaign(HEAD + TABLE + 'observables = ["entanglement"]\n' + more).ensembles
    assert (one.realizations, one.observables) == (5, ("entanglement",))
