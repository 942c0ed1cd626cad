"""The manifest: what is gone, unreadable or not of the protocol is named, never passed over."""

import json
import os

import numpy as np
import pytest
from made_up import MODEL, record, save

from inclusions import places, store
from inclusions.model import Model
from inclusions.store import DamagedFile, Store, manifest


def test_a_folder_without_results_is_a_fault(tmp_path, command_line):
    assert store.verify(tmp_path) == (0, [f"{tmp_path}: no results there, neither shards nor "
                                          "consolidated files"])  # fmt: skip
    (tmp_path / "holiday.txt").write_text("a wrong folder")
    ended = command_line("verify", "--data", tmp_path)
    assert ended.code == 1 and "no results there" in ended.out


@pytest.mark.parametrize("which", ["shards", "shards/ensemble", "ensembles"])
def test_a_folder_that_may_not_be_read_is_a_fault(place, which, monkeypatch):
    save(place, 0)
    place.consolidate()
    store.write_manifest(place.data)
    closed = place.data / which.replace("ensemble", place.name, 1) if "/" in which else None
    closed = closed or place.data / which
    original = os.listdir

    def listdir(path="."):
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(os, "listdir", listdir)
    _, faults = store.verify(place.data)
    assert f"{closed}: cannot be read: Permission denied" in faults


def test_consolidating_does_not_pass_over_a_file_that_is_gone(place, command_line):
    save(place, 0, 1)
    gone = place.consolidate()
    store.write_manifest(place.data)
    for path in (gone, *place.folder.iterdir()):
        path.unlink()
    before = (place.data / "manifest.json").read_bytes()
    ended = command_line("consolidate", "--data", place.data)
    assert ended.code == 1 and str(gone) in ended.err and "in the manifest, not there" in ended.err
    assert (place.data / "manifest.json").read_bytes() == before


@pytest.fixture
def three(tmp_path):
    """Three ensembles by name, consolidated and listed, that have new shards since."""
    found = [Store(tmp_path / "data", MODEL, 7, states) for states in (50, 51, 52)]
    for one in found:
        save(one, 0, 1)
        one.consolidate()
    store.write_manifest(tmp_path / "data")
    for one in found:
        save(one, 2)
    return found


def realizations(data):
    return [entry["realizations"] for entry in store.read_manifest(data).values()]


@pytest.mark.parametrize("which", ["shard", "consolidated file"])
def test_a_fault_of_one_ensemble_stops_no_other_and_all_are_told(which, three, command_line):
    data = three[0].data
    faulty = [save(one, 3) if which == "shard" else one.consolidated for one in three[:2]]
    for path in faulty:
        path.write_bytes(path.read_bytes()[:-9])
    ended = command_line("consolidate", "--data", data)
    assert (ended.code, ended.out) == (1, f"1 ensembles in {data / 'ensembles'}\n")
    told = [line.split(": ")[:2] for line in ended.err.splitlines()]
    assert told == [["inclusions", str(path)] for path in faulty]
    assert realizations(data) == [2, 2, 3]
    assert not [fault for fault in store.verify(data)[1] if three[2].name in fault]


def test_a_file_is_listed_before_the_next_is_written(three, command_line, monkeypatch):
    data, whole = three[0].data, Store.consolidate

    def stopped(one):
        if one == three[1]:
            raise KeyboardInterrupt
        return whole(one)

    monkeypatch.setattr(Store, "consolidate", stopped)
    assert command_line("consolidate", "--data", data).code == 130
    assert realizations(data) == [3, 2, 2]
    assert store.verify(data)[1] == []
    places.check(data)


@pytest.mark.parametrize("section", manifest.SECTIONS)
def test_what_others_list_meanwhile_stays_listed(section, three, monkeypatch):
    """They begin when this has read the last file of a section, and has not written yet."""
    data, paths = three[0].data, {}
    for name in ("a.h5", "b.h5"):
        paths[name] = data / "controls" / name
        store.write_arrays(paths[name], {"x": np.zeros(3)}, {"seconds": 0.0})
    store.list_controls(data)
    name = "read_arrays" if section == "controls" else "parse"
    original = getattr(manifest, name)

    def reading(path, *content):
        found = original(path, *content)
        if path in (paths["b.h5"], three[2].consolidated):
            monkeypatch.setattr(manifest, name, original)
            store.write_arrays(paths["a.h5"], {"x": np.ones(3)}, {"seconds": 0.0})
            three[0].consolidate()
            store.write_manifest(data)
        return found

    monkeypatch.setattr(manifest, name, reading)
    store.list_controls(data) if section == "controls" else store.write_manifest(data)
    assert realizations(data) == [3, 2, 2]
    assert store.verify(data)[1] == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"files": 3}',
        '{"files": {"a.nc": {}}}',
        "\udcff",
        '{"files": {"a.nc": {"sha256": "", "realizations": "x", "states": 1, "core_hours": 0.0, '
        '"inclusions": "0"}}}',
    ],
)
@pytest.mark.parametrize("command", ["verify", "claims", "consolidate"])
def test_a_damaged_manifest_is_named(content, command, place, command_line):
    save(place, 0)
    path = place.data / "manifest.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DamagedFile, match="manifest.json: not a manifest"):
        store.read_manifest(place.data)
    ended = command_line(command, "--data", place.data)
    assert ended.code == 1 and str(path) in ended.out + ended.err
    assert "Traceback" not in ended.err


def test_results_do_not_wait_for_controls_that_are_damaged_or_gone(place):
    save(place, 0, 1)
    path = place.data / "controls" / "a.h5"
    for change in (lambda: path.write_bytes(path.read_bytes()[:-3]), path.unlink):
        store.write_arrays(path, {"x": np.zeros(3)}, {"seconds": 0.0})
        store.write_manifest(place.data)
        change()
        place.consolidate()
        store.write_manifest(place.data)
        assert any("a.h5" in fault for fault in store.verify(place.data)[1])


def listing(data, **files):
    """A manifest of files that need not be there."""
    entry = {"sha256": "", "states": 1, "core_hours": 0.0, "inclusions": "0"}
    data.mkdir(exist_ok=True)
    entries = {name: entry | {"realizations": number} for name, number in files.items()}
    (data / "manifest.json").write_text(json.dumps({"files": entries}))


def test_ensembles_of_the_protocol_are_chosen_and_the_others_named(tmp_path):
    model, small = Model(8, 4.4, bubble=4), Model(4, 1.0)
    names = {
        f"{model.key}-seed1-states50.nc": 100,
        f"{model.key}-seed2-states50.nc": 50,
        f"{model.key}-seed1-states3.nc": 9000,
        f"{small.key}-seed1-states6.nc": 100,
        f"{Model(8, 3.0).key}-seed1-states50.nc": 1,
        "ring4-L8-W4.4-seed1-states50.nc": 100,
        "notes.nc": 100,
    }
    listing(tmp_path, **names)
    chosen = store.select(tmp_path)
    assert {one.path.name for one in chosen.found.values()} == {
        f"{model.key}-seed1-states50.nc", f"{small.key}-seed1-states6.nc",
    }  # fmt: skip
    assert chosen.found[model].seed == 1 and chosen.found[model].entry["realizations"] == 100
    assert chosen.aside.keys() == names.keys() - {one.path.name for one in chosen.found.values()}
    assert "states in a sample than 50" in chosen.aside[f"{model.key}-seed1-states3.nc"]
    assert "than 2 realizations" in chosen.aside[f"{Model(8, 3.0).key}-seed1-states50.nc"]


def test_what_is_left_aside_is_told_in_a_line_for_each_reason(tmp_path):
    models = [Model(8, disorder) for disorder in (1.0, 2.0, 4.0)]
    few = [f"{Store(tmp_path, model, 1, 10).name}.nc" for model in models]
    listing(tmp_path, **dict.fromkeys(few, 20), **{"notes.nc": 1})
    assert sorted(store.select(tmp_path).left_aside()) == [
        "1 file with the name of no ensemble of this version: notes.nc",
        f"3 files with another number of states in a sample than 50: {few[0]}, …",
    ]


def test_what_is_found_has_the_default_of_every_parameter_that_is_not_given(tmp_path):
    models = [Model(6, 2.0, bubble=4), Model(6, 2.0, bubble=4, coupling=0.5), Model(8, 2.0)]
    models += [Model(8, 2.0, boundary="periodic"), Model(6, 2.0, bubble=4, bandwidth=0.3)]
    listing(tmp_path, **{Store(tmp_path, one, 1, 50).name + ".nc": 9 for one in models
                         if one.dimension >= 50})  # fmt: skip
    chosen = store.select(tmp_path)
    assert chosen.find(bubble=4) == [models[0]]
    assert chosen.find(bubble=4, coupling=0.5) == [models[1]]
    assert chosen.find(bandwidth=0.3) == [models[4]]
    assert chosen.find(bubble=0) == [models[2]]
    assert chosen.find(boundary="periodic") == [models[3]]


def test_one_ensemble_is_loaded_by_its_entry(place):
    place.write_shard({index: record(index) for index in range(4)})
    place.consolidate()
    store.write_manifest(place.data)
    (one,) = store.select(place.data).found.values()
    assert one.model == MODEL and one.load().sizes["realization"] == 4
