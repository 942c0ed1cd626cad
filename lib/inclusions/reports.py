"""The report of a campaign of one's own: what its page shows, and that page as one HTML file."""

import base64
import html
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markdown_it import MarkdownIt
from matplotlib import style
from matplotlib.figure import Figure

from inclusions import account, campaign, places
from inclusions.figures import STYLE
from inclusions.figures import runs as figures
from inclusions.jobs import FailedRun
from inclusions.machine import last_words
from inclusions.tables import runs as tables
from inclusions.tables.runs import Results


class Report(NamedTuple):
    """What the cells of book/runs/report.md call; each shows something and saves its numbers."""

    results: Results
    folder: Path  # of the files that the page links

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Report":
        """The report with the page's parameters `campaign`, `data` and `folder`.

        Raises:
            ValueError: the campaign file or a parameter is wrong.
        """
        if unknown := parameters.keys() - {"campaign", "data", "folder"}:
            raise ValueError(f"no parameter is called {', '.join(sorted(unknown))}")
        plan = campaign.load(parameters["campaign"])
        data = Path(parameters["data"] or plan.data)
        folder = Path(parameters["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        return cls(tables.results(plan, data), folder)

    def heading(self) -> None:
        """Say which campaign, and how far it is."""
        all_of = account.total(self.results.progress)
        _markdown(
            f"# {self.results.campaign.name}\n\n{all_of.done} of {all_of.wanted} realizations in "
            f"`{self.results.data}`, {all_of.core_hours_spent:.3g} core-hours. Error bars are one "
            "standard error, resampled over realizations."
        )

    def points(self) -> None:
        """All means of all ensembles with their errors; which of them controls sharpen."""
        table = tables.sweep(self.results)
        self._table("points", table, tables.readable(table, self._swept()))
        asked = np.array([one.controls for one in self.results.found], dtype=bool)
        plain = ~table.sharpened.to_numpy(dtype=bool)
        if number := (plain & asked).sum():
            _markdown(
                f"Means of {number} of {len(table)} ensembles are plain: "
                "`inclusions controls CAMPAIGN.toml` computes the controls that sharpen them."
            )
        if number := (plain & ~asked).sum():
            _markdown(
                f"Means of {number} of {len(table)} ensembles are plain, as their campaign wants "
                "no controls."
            )
        if len(table) and not plain.any():
            _markdown("All means are sharpened by controls.")

    def against(self, quantity: str) -> None:
        """One of `tables.QUANTITIES` against every parameter that is swept."""
        table, label = tables.sweep(self.results), tables.QUANTITIES[quantity]
        names = self._swept()
        if len(table) and table[quantity].isna().all():
            return _absent(label)
        if not names:
            _markdown("Nothing is swept in this campaign: its numbers are in the table above.")
        for name in names:
            others = [other for other in names if other != name]
            drawn = figures.curves(table, name, quantity, f"{quantity}_error", others, label)
            self._figure(f"{quantity}-{name}".replace("_", "-"), drawn, table, label, name)

    def profiles(self) -> None:
        """Purity against distance."""
        self._by_distance("purity", tables.profiles(self.results), "purity γ", "distance")

    def correlations(self) -> None:
        """C(r) against r."""
        table = tables.correlations(self.results)
        self._by_distance("correlation", table, "correlation C(r)", "separation")

    def quality(self) -> None:
        """How good the ensembles are."""
        self._table("quality", tables.quality(self.results))

    def cost(self) -> None:
        """What they took."""
        self._table("cost", tables.cost(self.results))

    def missing(self) -> None:
        """What is not there, and the command that computes it."""
        table = tables.missing(self.results)
        if table.empty:
            _markdown("Nothing: every realization that the campaign asks for is there.")
            return
        self._table("missing", table)
        _markdown("The same run or workflow as before computes them, and keeps what is there.")

    def _swept(self) -> list[str]:
        return tables.swept(one.model for one in self.results.found)

    def _by_distance(self, quantity: str, table: pd.DataFrame, label: str, x: str) -> None:
        if self.results.found and table.empty:
            return _absent(label)
        names = sorted(self._swept(), key=lambda name: name != "disorder")  # it has the colours
        drawn = figures.curves(table, x, quantity, "error", names, label)
        self._figure(f"{quantity}-{x}", drawn, table, label, x)

    def _figure(self, name: str, figure: Figure, table: pd.DataFrame, label: str, x: str) -> None:
        """Show a figure and save it with its numbers."""
        content = io.BytesIO()
        with style.context([STYLE]):
            figure.savefig(content, format="svg", metadata={"Date": None})
        (self.folder / f"{name}.svg").write_bytes(content.getvalue())
        self._save(name, table)
        title = f"{label} against {figures.spoken(x)}"
        image = base64.b64encode(content.getvalue()).decode()
        cut = figures.left_out(table, self._swept(), x)
        note = f" {cut} more panels are in the numbers alone." if cut else ""
        _html(
            f'<figure><img alt="{html.escape(title)}, {len(table)} points; the numbers are in '
            f'{name}.csv" src="data:image/svg+xml;base64,{image}"><figcaption>{html.escape(title)}.'
            f'{note} <a href="{name}.csv">numbers (CSV)</a>, <a href="{name}.svg">figure (SVG)</a>'
            "</figcaption></figure>"
        )

    def _table(self, name: str, table: pd.DataFrame, shown: pd.DataFrame | None = None) -> None:
        self._save(name, table)
        shown = table.dropna(axis="columns", how="all") if shown is None else shown
        rows = shown.to_html(index=False, border=0, na_rep="–", float_format="{:.3g}".format)
        _html(f'<div class="wide">{rows}</div><p><a href="{name}.csv">numbers (CSV)</a></p>')

    def _save(self, name: str, table: pd.DataFrame) -> None:
        table.to_csv(self.folder / f"{name}.csv", index=False, float_format="%.10g")


def _absent(label: str) -> None:
    _markdown(f"No record has the {label}: the campaign keeps gap ratios only.")


def _markdown(text: str) -> None:
    _display({"text/markdown": text})


def _html(text: str) -> None:
    _display({"text/html": text})


def _display(content: dict[str, str]) -> None:
    from IPython.display import display  # brought by the notebook that runs the page

    display(content, raw=True)


# The page as a file


def write(path: Path, data: Path, folder: Path) -> Path:
    """Run the page on a campaign file, and leave it in a folder as report.html; where that is.

    Beside it are the executed notebook and the numbers of every figure.

    Raises:
        ValueError: the campaign file is wrong.
        FailedRun: the page stopped with an error; the message is that error.
    """
    title = campaign.load(path).name
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.ipynb"
    parameters = {"campaign": path.resolve(), "data": data.resolve(), "folder": folder.resolve()}
    execute(places.runs_file("report.md"), page, {k: str(v) for k, v in parameters.items()})
    report = folder / "report.html"
    report.write_text(as_html(json.loads(page.read_text(encoding="utf-8")), title), "utf-8")
    return report


def execute(page: Path, output: Path, parameters: Mapping[str, Any]) -> None:
    """Run a page with papermill.

    Raises:
        FailedRun: it stopped with an error; the message is that error.
    """
    with tempfile.TemporaryDirectory() as own:
        # Kernels keep nothing in HOME, which may not be writable.
        folders = ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")
        environment = os.environ | dict.fromkeys(folders, own)
        # Papermill reads braces in the names of files: it is given none of the user's.
        source, executed = Path(own) / "page.ipynb", Path(own) / "executed.ipynb"
        for tool, *given in (
            ("jupytext", "-m", "jupytext", "--quiet", "--to", "ipynb", "--output", source, page),
            ("papermill", places.runs_file("execute.py"), "--no-progress-bar", "--start-timeout",
             "600", "-y", json.dumps(parameters), source, executed),
        ):  # fmt: skip
            done = subprocess.run(
                [sys.executable, *map(str, given)],
                env=environment, capture_output=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
            if executed.exists():
                shutil.copyfile(executed, output)
            if done.returncode:
                raise FailedRun(last_words(done.stderr, f"{tool} ended with {done.returncode}"))


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff }}
h1, h2 {{ line-height: 1.2 }}
figure {{ margin: 1.5rem 0 }} img {{ max-width: 100% }} figcaption {{ color: #444 }}
.wide {{ overflow-x: auto }} table {{ border-collapse: collapse; font-size: 0.85rem }}
th, td {{ padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd }}
th:first-child, td:first-child {{ text-align: left }}
</style></head><body>
{body}
</body></html>
"""


def as_html(notebook: Mapping[str, Any], title: str) -> str:
    """An executed notebook as one file that needs no other: its text and what its cells show.

    The code stays in the notebook beside it. Written here because what converts notebooks links
    to scripts on other machines.
    """
    body = "\n".join(_pieces(notebook))
    return PAGE.format(title=html.escape(title), body=body)


def _pieces(notebook: Mapping[str, Any]) -> Iterator[str]:
    # Names of ensembles and campaigns are text, not HTML.
    render = MarkdownIt("commonmark", {"html": False}).render
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            yield render("".join(cell["source"]))
        for output in cell.get("outputs", ()):
            shown = output.get("data", {})
            if "text/html" in shown:
                yield "".join(shown["text/html"])
            elif "text/markdown" in shown:
                yield render("".join(shown["text/markdown"]))
