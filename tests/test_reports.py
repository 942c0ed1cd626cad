"""A campaign of a user's own, from TOML to report; and what a file of results holds."""

import re

import numpy as np
import pandas as pd
import pytest

from inclusions import account, campaign, ensemble, estimates, reports, store
from inclusions.model import Model
from inclusions.tables import runs

MINE = """
name = "mine [x] <b>"
seed = 3
states = 8
[[ensemble]]
length = [4, 5, 6]
bubble = 2
disorder = [1.0, 2.0, 4.0, 6.0, 8.0]
coupling = [0.5, 1.0]
realizations = 4
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A campaign file and its results."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.toml").write_text(MINE)
    plan = campaign.load(folder / "mine.toml")
    ensemble.run(plan, folder / "data")
    return plan, folder / "data"


def test_from_a_campaign_file_to_a_report_in_three_commands(command_line, tmp_path):
    (tmp_path / "my {chains}.toml").write_text(MINE)
    for command in ("run", "consolidate", "report"):
        given = [] if command == "consolidate" else ["my {chains}.toml"]
        ended = command_line(command, *given, "--data", "my data")
        assert (ended.code, ended.err) == (0, "")
    report = tmp_path / ended.out.strip()
    assert report == tmp_path / "my data" / "reports" / "my {chains}" / "report.html"
    page = report.read_text(encoding="utf-8")
    assert "<title>mine [x] &lt;b&gt;</title>" in page and "<b>" not in page
    assert "every realization that the campaign asks for is there" in page
    for quantity in ("gap-ratio", "purity", "far-correlation"):
        for parameter in ("length", "disorder", "coupling"):
            assert f'href="{quantity}-{parameter}.csv"' in page
    linked = re.findall(r'href="([^"]+)"', page)
    assert {"purity-distance.csv", "correlation-separation.csv", "quality.csv"} <= set(linked)
    assert [name for name in linked if not (report.parent / name).exists()] == []
    assert not re.search(r"<script|(src|href)=.https?:", page), "it needs nothing else"
    points = pd.read_csv(report.parent / "points.csv")
    assert len(points) == 30 and (points.realizations == 4).all()


def test_every_point_is_the_mean_of_its_records(mine):
    results = runs.results(*mine)
    table = runs.sweep(results).set_index(["length", "disorder", "coupling"])
    for one, records in results.found.items():
        row = table.loc[(one.model.length, one.model.disorder, one.model.coupling)]
        assert row.gap_ratio == pytest.approx(float(records.gap_ratio.mean()))
        middle = slice(1, -1) if one.model.length == 6 else slice(None)
        middle = slice(1, 4) if one.model.length == 5 else middle
        purity = 1 - float(records.linear_entropy[:, middle].mean())
        assert row.purity == pytest.approx(purity, abs=1e-6)
        assert row.gap_ratio_error > 0
    correlations = runs.correlations(results)
    assert correlations.correlation.between(-1, 1).all()


def test_controls_sharpen_a_report_and_where_there_are_none_it_says_plain(
    command_line, tmp_path, monkeypatch
):
    """The estimates of the book; what has no controls is shown plain, and said to be."""
    monkeypatch.setattr("inclusions.controls.means.POINTS", 256)  # integrals by few points
    text = MINE.replace("[4, 5, 6]", "6").replace("[0.5, 1.0]", "1.0").replace(" = 4", " = 30")
    text = text.replace("[1.0, 2.0, 4.0, 6.0, 8.0]", "[1.0, 4.0]")
    other = "[[ensemble]]\nlength = 6\ndisorder = 3.0\nrealizations = 30\ncontrols = false\n"
    (tmp_path / "mine.toml").write_text(text + other)
    for command in ("run", "controls"):
        assert command_line(command, "mine.toml", "--data", "data").code == 0
    results = runs.results(campaign.load(tmp_path / "mine.toml"), tmp_path / "data")
    table = runs.sweep(results).set_index("bubble")
    assert table.loc[2].sharpened.all() and not table.loc[0].sharpened
    for one, records in results.found.items():
        row = table[(table.disorder == one.model.disorder)].loc[one.model.bubble]
        for name in ("gap_ratio", "purity"):
            expected = getattr(estimates, name)(one.model, records)
            plain = getattr(estimates, name)(one.model, records, plain=True)
            assert row[name] == expected.value and row[f"{name}_error"] == expected.error
            assert (expected.value == plain.value) == (one.model.bubble == 0)
    ended = command_line("report", "mine.toml", "--data", "data")
    page = (tmp_path / ended.out.strip()).read_text(encoding="utf-8")
    assert "Means of 1 of 3 ensembles are plain, as their campaign wants no controls" in page
    assert "computes the controls that sharpen them" not in page


def test_records_that_grow_are_estimated_anew(tmp_path):
    """Estimates are remembered by the checksum of a file, and joined files are another."""
    (tmp_path / "mine.toml").write_text(MINE.replace("states = 8", "states = 8\nchunk = 2"))
    plan = campaign.load(tmp_path / "mine.toml")
    few = plan._replace(ensembles=[plan.ensembles[0]._replace(realizations=2)])
    ratios = []
    for part in (few, plan._replace(ensembles=plan.ensembles[:1])):
        ensemble.run(part, tmp_path)
        ratios.append(runs.sweep(runs.results(part, tmp_path)).gap_ratio[0])
    assert ratios[0] != ratios[1]


def test_what_follows_from_another_parameter_is_not_swept():
    models = [Model(6, 1.0, bubble=3), Model(7, 1.0, bubble=4)]
    assert models[0].bandwidth != models[1].bandwidth
    assert runs.swept(models) == ["length", "bubble"]
    assert runs.swept([*models, Model(6, 1.0, bubble=3, bandwidth=1.0)]) == [
        "length", "bubble", "bandwidth",
    ]  # fmt: skip
    assert runs.swept([Model(6, 1.0), Model(6, 1.0, boundary="periodic")]) == ["boundary"]


def test_what_is_missing_or_damaged_is_named_and_the_rest_is_shown(mine, tmp_path):
    plan, data = mine
    folder = tmp_path / "data"
    ensemble.run(plan._replace(ensembles=plan.ensembles[:2]), folder)
    (shard, *_) = folder.glob("shards/*/*.nc")
    shard.write_bytes(shard.read_bytes()[:-200])
    results = runs.results(plan, folder)
    table = runs.missing(results).set_index("ensemble")
    assert len(results.found) == 1 and len(table) == 29
    assert shard.name in table.loc[shard.parent.name].remark
    assert len(runs.sweep(results)) == len(runs.cost(results)) == len(runs.quality(results)) == 1
    assert account.total([]).wanted == 0  # as where no ensemble can be read


def test_one_realization_has_no_error_bar_and_is_said_to_be_missing(tmp_path):
    (tmp_path / "few.toml").write_text(MINE.replace("realizations = 4", "realizations = 1"))
    plan = campaign.load(tmp_path / "few.toml")
    plan = plan._replace(ensembles=plan.ensembles[:2])
    ensemble.run(plan, tmp_path)
    results = runs.results(plan, tmp_path)
    assert runs.sweep(results).empty
    table = runs.missing(results)
    assert len(table) == 2 and table.remark.str.contains("no error bar").all()


def test_a_page_that_fails_says_why(tmp_path):
    (tmp_path / "page.md").write_text("```{code-cell} python\nraise ValueError('no luck')\n```\n")
    text = "---\njupytext:\n  text_representation: {extension: .md, format_name: myst}\n"
    text += "kernelspec: {name: python3, display_name: Python 3, language: python}\n---\n\n"
    (tmp_path / "page.md").write_text(text + (tmp_path / "page.md").read_text())
    with pytest.raises(reports.FailedRun, match="no luck"):
        reports.execute(tmp_path / "page.md", tmp_path / "{out}.ipynb", {})
    assert "no luck" in (tmp_path / "{out}.ipynb").read_text()


def test_a_file_says_what_it_holds(mine, command_line):
    plan, data = mine
    one = plan.ensembles[7]
    (path,) = ensemble.place_of(one, data).folder.glob("*.nc")
    ended = command_line("show", path)
    assert (ended.code, ended.err) == (0, "")
    records = ensemble.place_of(one, data).load()
    assert f"ensemble          {ensemble.place_of(one, data).name}" in ended.out
    assert "realizations      4, numbers 0 to 3" in ended.out
    assert f"mean gap ratio    {float(records.gap_ratio.mean()):.4f} ± " in ended.out
    assert re.search(r"^energy_mean +realization 4 +J +mean energy", ended.out, re.MULTILINE)
    path.write_bytes(path.read_bytes()[:-9])
    broken = command_line("show", path)
    assert broken.code == 1 and broken.err.count("\n") == 1 and path.name in broken.err
    assert np.isfinite(records.gap_ratio).all()
    path.unlink()
    ensemble.run(plan, data)


def test_loaded_records_have_units_and_names():
    from inclusions import load

    ensembles = load("gap-ratios", bubble=4, length=8, disorder=2.0)
    (records,) = ensembles.found.values()
    assert records.energy_mean.attrs == {
        "units": "J",
        "long_name": "mean energy of the states found",
    }
    assert all({"units", "long_name"} <= field.attrs.keys() for field in records.data_vars.values())


def test_a_model_of_two_tables_is_one_row_of_a_report_with_all_that_is_saved(tmp_path):
    table = "[[ensemble]]\nlength = 6\ndisorder = 3.0\nrealizations = {}\nfirst = {}\n"
    head = 'name = "two"\nseed = 3\nstates = 5\n'
    (tmp_path / "two.toml").write_text(head + table.format(4, 0) + table.format(3, 10))
    plan = campaign.load(tmp_path / "two.toml")
    assert len(plan.ensembles) == 2
    ensemble.run(plan, tmp_path / "data")
    results = runs.results(plan, tmp_path / "data")
    assert list(runs.sweep(results).realizations) == [7]
    assert [row.done for row in results.progress] == [4, 3]


def test_a_campaign_of_gap_ratios_only_has_a_report_of_them(command_line, tmp_path):
    text = MINE.replace("states = 8", "states = 8\ngap_ratios_only = true")
    (tmp_path / "gaps.toml").write_text(text.replace("length = [4, 5, 6]", "length = 5"))
    for command in ("run", "consolidate", "report"):
        given = [] if command == "consolidate" else ["gaps.toml"]
        ended = command_line(command, *given, "--data", "data")
        assert (ended.code, ended.err) == (0, "")
    folder = (tmp_path / ended.out.strip()).parent
    points = pd.read_csv(folder / "points.csv")
    assert points.gap_ratio.notna().all() and points.purity.isna().all()
    (file, *_) = sorted((tmp_path / "data" / "ensembles").iterdir())
    ended = command_line("show", file)
    assert ended.code == 0 and "none: records have gap ratios only" in ended.out
    assert "\ngap_ratio " in ended.out and "linear_entropy" not in ended.out
    model, records = Model.from_key(file.name.split("-seed")[0]), store.read(file)
    assert 0 < estimates.gap_ratio(model, records).value < 1
    for quantity in (estimates.purity, estimates.magnetization_density):
        with pytest.raises(ValueError, match=f"{model.key} have gap ratios only: run a campaign"):
            quantity(model, records)
