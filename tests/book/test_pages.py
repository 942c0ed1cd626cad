"""The pages run, show what the data say, and keep the rules of pages."""

import ast
import json
import re
import shutil
import subprocess
import sys

import jupytext
import nbformat
import pandas as pd
import pytest
import yaml
from jupyter_client import KernelManager
from nbclient import NotebookClient
from sources import ROOT, contents, copy_sources, environment, figures_of

from inclusions import campaign, ensemble, pages, store, tables
from inclusions.figures.model import setup as draw_setup
from inclusions.model import Model
from inclusions.store import Store

PAGES = sorted((ROOT / "book").rglob("*.md"))
NOTEBOOKS = [page for page in PAGES if "```{code-cell}" in page.read_text(encoding="utf-8")]
CHAPTERS = [page for page in NOTEBOOKS if page.parent == ROOT / "book"]
TEMPLATE = ROOT / "book" / "runs" / "ensemble.md"
REPORT = TEMPLATE.with_name("report.md")
NAMES = {"argvalues": NOTEBOOKS, "ids": lambda page: page.stem}

TINY = """
name = "gap-ratios"
seed = 3
states = 20

[[ensemble]]
length = [4, 6]
bubble = 4
disorder = [1.0, 3.0, 9.0]
realizations = 6

[[ensemble]]
length = [6, 8]
boundary = ["open", "periodic"]
disorder = [1.0, 3.0, 9.0]
realizations = 6
"""


def gather(campaign_file, data):
    """Compute and consolidate a campaign."""
    ensemble.run(campaign.load(campaign_file), data)
    for place in store.stores(data):
        place.consolidate()
    store.write_manifest(data)


def execute(page, data):
    """The page of a copied book as an executed notebook."""
    notebook = jupytext.read(page)
    resources = {"metadata": {"path": str(page.parent)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCLUSIONS_DATA", str(data))
        return NotebookClient(notebook, timeout=300, resources=resources).execute()


def glued(notebook):
    """All that a page glued, by name."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    bundles = {
        output.metadata["scrapbook"]["name"]: output.data
        for output in outputs
        if "scrapbook" in output.get("metadata", {})
    }
    return {
        name: {kind.removeprefix("application/papermill.record/"): v for kind, v in data.items()}
        for name, data in bundles.items()
    }


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The book's sources with a tiny campaign, and its data."""
    folder = copy_sources(tmp_path_factory.mktemp("tiny"))
    file = folder / "book" / "runs" / "campaigns" / "gap-ratios.toml"
    file.write_text(TINY)
    gather(file, folder / "data")
    return folder


@pytest.fixture(scope="module")
def executed(tiny):
    """The first chapters executed with the tiny data, by name."""
    names = ("model", "gap-ratios")
    return {name: execute(tiny / "book" / f"{name}.md", tiny / "data") for name in names}


# Chapters


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_captions_of_data_say_sizes_statistics_and_what_the_error_bars_are(page):
    captions = {name: caption for name, _, caption in figures_of(page)}
    code = [cell.source for cell in jupytext.read(page).cells if cell.cell_type == "code"]
    for call in ast.walk(ast.parse("\n".join(code))):
        shows = isinstance(call, ast.Call) and ast.unparse(call.func) in (
            "pages.show", "pages.explore"
        )  # fmt: skip
        if shows and len(call.args) > 2:  # after figure and name come ensembles
            name = call.args[1].value
            assert re.search(rf"{{glue:(text|md)}}`{name}-extent[:`]", captions[name])
            assert re.search(r"[Ee]rror\s+bars", captions[name]), name


def missing_names(chapter, notebook):
    """What the text of a chapter refers to and its cells have not glued."""
    text = chapter.read_text(encoding="utf-8")
    used = set(re.findall(r"\{glue:(?:text|md)\}[` ]([\w-]+)", text))
    used |= set(re.findall(r"\{glue:figure\} (\S+)", text))
    return used - set(glued(notebook))


@pytest.mark.parametrize("name", ["model", "gap-ratios"])
def test_a_chapter_runs_with_tiny_data_and_says_what_it_glues(name, executed):
    assert missing_names(ROOT / "book" / f"{name}.md", executed[name]) == set()


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The book's sources without data, and one kernel for all of them: most of a run is imports."""
    folder = copy_sources(tmp_path_factory.mktemp("bare"))
    kernel = KernelManager(transport="ipc", ip=f"{folder}/kernel")
    kernel.start_kernel(env=environment(INCLUSIONS_DATA=folder), cwd=folder / "book")
    yield folder, kernel
    kernel.shutdown_kernel(now=True)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_without_data_runs_and_says_how_to_get_them(chapter, bare):
    folder, kernel = bare
    notebook = jupytext.read(folder / "book" / chapter.name)
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    notebook = NotebookClient(notebook, km=kernel, timeout=300).execute()
    assert missing_names(chapter, notebook) == set()
    lines = [v["text/markdown"] for name, v in glued(notebook).items() if "provenance" in name]
    for name in re.findall(r'pages\.load\("([\w-]+)"', chapter.read_text(encoding="utf-8")):
        command = f"inclusions run book/runs/campaigns/{name}.toml"
        assert any("Missing" in line and command in line for line in lines)


def test_downloads_hold_the_numbers_of_the_data(tiny, executed):
    means = pd.read_csv(tiny / "_build" / "figures" / "gap-ratios-means.csv", comment="#")
    assert len(means) == 18
    for row in means.itertuples():
        model = Model(row.length, row.disorder, bubble=row.bubble, boundary=row.boundary)
        data = Store(tiny / "data", model, 3, min(20, model.dimension)).load()
        assert row.gap_ratio == pytest.approx(float(data.gap_ratio.mean()))


def test_provenance_counts_realizations_and_names_the_version(executed):
    line = glued(executed["gap-ratios"])["gap-ratios-provenance"]["text/markdown"]
    assert "108 realizations" in line
    assert f"inclusions {store.code_version()}" in line
    assert "Missing" not in line
    assert line.index("bubble4-L4") < line.index("bubble4-L6") < line.index("chain-open-L6")


def test_of_plain_means_is_spoken_where_there_are_means(tiny, monkeypatch):
    plan = tiny / "book" / "runs" / "campaigns" / "gap-ratios.toml"
    ensembles = tables.load(plan, tiny / "data", bubble=4)
    monkeypatch.setattr(type(ensembles), "why_plain", lambda part: ["no controls"])
    names = set(ensembles.sources)
    seconds, means = pd.DataFrame({"seconds": [1.0]}), pd.DataFrame({"error": [0.1]})
    counted = pd.DataFrame([[1.0, 2.0]])  # its columns have numbers for names
    told = {"seconds": [seconds, counted], "means": [seconds, means], "a drawing alone": []}
    said = {what: "plain" in pages._provenance([ensembles], names, numbers)
            for what, numbers in told.items()}  # fmt: skip
    assert said == {"seconds": False, "means": True, "a drawing alone": True}


def test_an_empty_table_still_is_a_table(monkeypatch):
    shown = []
    monkeypatch.setattr(pages, "_glue", lambda name, kind, text: shown.append(text))
    pages.tabulate("nothing", pd.DataFrame())
    assert [line.count("|") for line in shown[0].splitlines()] == [2, 2, 2]


# Stale figures


@pytest.fixture
def shown(tiny, tmp_path, monkeypatch):
    """A figure made from the tiny data; returns the build and a copy of the data's manifest."""
    (tmp_path / "_toc.yml").touch()
    shutil.copytree(tiny / "book", tmp_path / "book")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INCLUSIONS_DATA", str(tiny / "data"))
    pages.show(draw_setup(), "some-figure", pages.load("gap-ratios", bubble=4))
    shutil.copy(tiny / "data" / "manifest.json", tmp_path)
    return tmp_path / "_build", tmp_path


def test_a_figure_drawn_from_the_present_data_is_not_stale(shown):
    build, data = shown
    assert pages.stale(build, data) == []


def edit(manifest, change):
    content = json.loads(manifest.read_text())
    change(content["files"])
    manifest.write_text(json.dumps(content))


USED = "bubble4-L6-W3.0-seed3-states20.nc"
UNUSED = "chain-open-L6-W3.0-seed3-states20.nc"


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (lambda files: files[USED].update(sha256="0" * 64), ["some-figure"]),
        (lambda files: files.pop(USED), ["some-figure"]),
        (lambda files: files[UNUSED].update(sha256="0" * 64), []),
    ],
    ids=["changed", "removed", "other data"],
)
def test_a_figure_is_stale_when_its_own_data_change(shown, change, stale):
    build, data = shown
    edit(data / "manifest.json", change)
    assert pages.stale(build, data) == stale


def test_a_figure_is_stale_when_data_it_missed_have_come(tiny, shown, monkeypatch):
    build, data = shown
    entry = json.loads((data / "manifest.json").read_text())["files"][USED]
    edit(data / "manifest.json", lambda files: files.pop(USED))
    shutil.copytree(tiny / "data" / "ensembles", data / "ensembles")
    monkeypatch.setenv("INCLUSIONS_DATA", str(data))
    pages.show(draw_setup(), "some-figure", pages.load("gap-ratios", bubble=4))
    assert pages.stale(build, data) == []
    edit(data / "manifest.json", lambda files: files.update({USED: entry}))
    assert pages.stale(build, data) == ["some-figure"]


def test_the_last_step_of_a_build_fails_on_a_stale_figure(shown):
    build, data = shown
    check = [sys.executable, "-m", "inclusions.pages"]
    surroundings = {"cwd": build.parent, "env": environment(INCLUSIONS_DATA=data)}
    assert subprocess.run(check, **surroundings).returncode == 0
    edit(data / "manifest.json", lambda files: files.pop(USED))
    failed = subprocess.run(check, capture_output=True, text=True, **surroundings)
    assert failed.returncode == 1
    assert "some-figure" in failed.stderr


def test_the_same_drawing_gives_the_same_file(shown):
    build, _ = shown
    first = (build / "figures" / "some-figure.svg").read_bytes()
    pages.show(draw_setup(), "some-figure", pages.load("gap-ratios", bubble=4))
    assert (build / "figures" / "some-figure.svg").read_bytes() == first


@pytest.mark.parametrize(
    ("builder", "form"), [("html", "image/svg+xml"), ("latex", "application/pdf")]
)
def test_a_figure_comes_in_the_form_that_its_book_takes(shown, monkeypatch, builder, form):
    given = []
    monkeypatch.setattr("IPython.display.display", lambda content, **_: given.append(content))
    monkeypatch.setenv("INCLUSIONS_BUILDER", builder)
    pages.show(draw_setup(), "some-figure")
    figure = given[-1]
    assert figure[form]
    assert ("application/pdf" in figure) == (builder == "latex")


# The papermill template


def papermill(folder, **parameters):
    """Run the template as its own text says; the finished process and the log."""
    line = re.search(r"^jupytext .*$", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)[0]
    options = "".join(f" -p {name} '{value}'" for name, value in parameters.items())
    line = re.sub(r" -p .*$", options, line)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    return done, nbformat.read(folder / "log.ipynb", as_version=4)


SMALL = {"length": 6, "disorder": 3.0, "bubble": 2, "realizations": 4, "states": 8, "chunk": 2}


def template_in(folder):
    shutil.copytree(ROOT / "book" / "runs", folder / "book" / "runs")
    return folder


def logged(notebook):
    return "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )


def results_of(folder):
    place = Store(folder / "data", Model(6, 3.0, bubble=2), 20230823, 8)
    return place.load().drop_vars(["seconds", "peak_memory"])


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """A folder in which the template ran with one worker; and what it logged."""
    folder = template_in(tmp_path_factory.mktemp("serial"))
    done, log = papermill(folder, **SMALL)
    assert done.returncode == 0, done.stderr
    return folder, logged(log)


def test_the_template_runs_under_papermill_and_sums_up(serial):
    folder, log = serial
    assert "4 computed, 0 failed" in log
    assert re.search(r"realizations +4\b", log)
    assert results_of(folder).sizes["realization"] == 4
    assert [path.name for path in (folder / "data").iterdir()] == ["shards"]


def test_two_workers_leave_the_same_results_as_one(serial, tmp_path):
    done, _ = papermill(template_in(tmp_path), **SMALL, workers=2)
    assert done.returncode == 0, done.stderr
    assert results_of(serial[0]).drop_attrs().identical(results_of(tmp_path).drop_attrs())


def test_the_template_computes_only_what_is_missing_from_its_range(serial, tmp_path):
    shutil.copytree(serial[0], tmp_path, dirs_exist_ok=True)
    done, log = papermill(tmp_path, **SMALL | {"first": 2, "realizations": 4})
    assert done.returncode == 0, done.stderr
    assert "2 computed, 0 failed" in logged(log)
    assert results_of(tmp_path).realization.values.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.skipif(shutil.which("mpiexec") is None, reason="no mpiexec here")
def test_the_template_launches_ranks(tmp_path):
    pytest.importorskip("slepc4py")
    template_in(tmp_path)
    done, log = papermill(tmp_path, **SMALL, ranks=2)
    assert done.returncode == 0, done.stderr
    assert "4 computed on 2 ranks" in logged(log)
    assert results_of(tmp_path).sizes["realization"] == 4


@pytest.mark.parametrize("temporary", ["t", "t" * 100], ids=["here", "a long way down"])
def test_kernels_of_jobs_take_no_ports_which_others_might_take_before_them(tmp_path, temporary):
    page, executed = tmp_path / "page.ipynb", tmp_path / "executed.ipynb"
    asks = "import json, ipykernel as k; print(json.loads(k.get_connection_info())['transport'])"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(asks)]), page)
    (tmp_path / temporary).mkdir()
    done = subprocess.run(
        [sys.executable, ROOT / "book/runs/execute.py", "-k", "python3", page, executed],
        env=environment() | {"TMPDIR": str(tmp_path / temporary)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert logged(nbformat.read(executed, as_version=4)).split() == ["ipc"]
    assert not list((tmp_path / temporary).iterdir())


def test_a_run_that_cannot_be_done_fails_as_a_process(tmp_path):
    template_in(tmp_path)
    done, _ = papermill(tmp_path, **SMALL | {"boundary": "twisted"})
    assert done.returncode != 0
    assert "boundary must be open or periodic" in done.stderr
    assert not list(tmp_path.rglob("data/*.toml"))


def test_a_misspelt_parameter_is_no_default_in_silence(tmp_path):
    template_in(tmp_path)
    done, _ = papermill(tmp_path, lenght=6, realizations=2)
    assert done.returncode != 0
    assert "no parameter is called lenght; did you mean length?" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_run_that_fails_makes_the_page_fail_with_its_own_last_line(serial, tmp_path):
    shutil.copytree(serial[0], tmp_path, dirs_exist_ok=True)
    place = Store(tmp_path / "data", Model(6, 3.0, bubble=2), 20230823, 8)
    path = place.consolidate()
    path.write_bytes(path.read_bytes()[:2000])
    done, log = papermill(tmp_path, **SMALL | {"realizations": 6})
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("FailedRun: ")]
    assert line.startswith("FailedRun: inclusions: ") and path.name in line
    assert "Summary" in log.cells[-2].source and not log.cells[-1].outputs


# Rules of pages


def cells(page, kind):
    return [cell for cell in jupytext.read(page).cells if cell.cell_type == kind]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_has_one_title(page):
    if page == REPORT:
        return  # its title is the campaign's, set when it runs
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    assert len(re.findall(r"^# \S", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_line_is_lost_as_a_comment(page):
    """MyST takes a line that begins with % for a comment, and ends the paragraph there."""
    text = re.sub(r"^```\{code-cell.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    assert re.findall(r"^%.*", text, re.MULTILINE) == []


@pytest.mark.parametrize("page", **NAMES)
def test_no_page_defines_functions_or_looks_for_the_package(page):
    code = "\n".join(cell.source for cell in cells(page, "code"))
    forbidden = r"\bdef |\bclass |\blambda\b|sys\.path|%run|^[!%]"
    assert not re.findall(forbidden, code, re.MULTILINE)


@pytest.mark.parametrize("page", **NAMES)
def test_every_page_names_the_language_of_its_kernel(page):
    kernel = yaml.safe_load(page.read_text(encoding="utf-8").split("---")[1])["kernelspec"]
    assert (kernel["name"], kernel["language"]) == ("python3", "python")


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_every_figure_has_a_label_a_text_for_the_blind_a_caption_and_its_source(page):
    for name, options, body in figures_of(page):
        caption, *_, source = body.split("\n\n")
        assert options["name"].startswith("fig-"), name
        assert len(options["alt"].split()) >= 10, name
        assert len(caption.split()) >= 5, name
        assert source == f"{{glue:md}}`{name}-provenance:myst`", name


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_every_figure_that_is_drawn_is_placed_and_has_its_own_name(page):
    code = ast.parse("\n".join(cell.source for cell in cells(page, "code")))
    calls = [node for node in ast.walk(code) if isinstance(node, ast.Call)]
    shown = [call for call in calls if ast.unparse(call.func) in ("pages.show", "pages.explore")]
    drawn = [call.args[1].value for call in shown]
    assert sorted(drawn) == sorted(name for name, _, _ in figures_of(page))


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_every_figure_with_sliders_has_its_numbers_right_after_it(page):
    text = page.read_text(encoding="utf-8")
    labels = {name: options["name"] for name, options, _ in figures_of(page)}
    for name in re.findall(r'pages\.explore\([^"]*"([\w-]+)"', text):
        assert labels[name] == f"fig-{name}"
        closing = f"{{glue:md}}`{name}-provenance:myst`\n:::\n"
        assert f"{closing}\n```{{glue:}} {name}-sliders\n```\n" in text
    assert text.count("pages.explore(") == text.count("{glue:}")


def test_no_two_figures_of_the_book_have_the_same_name():
    names = [name for page in CHAPTERS for name, _, _ in figures_of(page)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_code_is_folded_away(page):
    for cell in cells(page, "code"):
        assert {"hide-input", "remove-input", "hide-cell"} & set(cell.metadata.get("tags", []))


@pytest.mark.parametrize("page", **NAMES)
def test_cells_are_short(page):
    longest = max(len(cell.source.splitlines()) for cell in cells(page, "code"))
    assert longest <= 24


@pytest.mark.parametrize("page", **NAMES)
def test_code_fits_its_column(page):
    full, boxed = 87, 80
    columns = full
    for cell in jupytext.read(page).cells:
        if cell.cell_type == "code":
            assert [line for line in cell.source.splitlines() if len(line) > columns] == []
        elif "{solution-start}" in cell.source:
            columns = boxed
        elif "{solution-end}" in cell.source:
            columns = full


def test_every_chapter_is_in_the_table_of_contents():
    names = {page: page.relative_to(ROOT).with_suffix("").as_posix() for page in PAGES}
    assert [
        names[page]
        for page in PAGES
        if names[page] not in contents() and page not in (TEMPLATE, REPORT)
    ] == []
