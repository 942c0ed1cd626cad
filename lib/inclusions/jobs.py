"""One ensemble as the page for papermill runs it: parameters checked, a run that may fail."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from inclusions import campaign as campaigns
from inclusions.campaign import Ensemble
from inclusions.model import PARAMETERS
from inclusions.store import Store

WANTED = (*PARAMETERS, "first", "realizations")
METHOD = ("seed", "states", "chunk", "solver", "certify", "gap_ratios_only", "observables")
START = ("workers", "ranks", "launcher", "data")
# Inputs and outputs as IPython numbers them, and what was there before.
OF_THE_PAGE = re.compile(r"_+|_i+|_i?\d+|_[iod]h|_exit_code|__\w+__|_before")


class FailedRun(RuntimeError):
    """A run that ended with an error; the message is the last line it printed."""


def given(namespace: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a page: what it holds now and did not hold before they were set.

    Papermill sets what it is told to, a misspelt name too, or that of what the page itself needs;
    so all that came or changed is looked at, but for what IPython keeps of each cell.
    """
    return {
        name: value
        for name, value in namespace.items()
        if not OF_THE_PAGE.fullmatch(name) and (name not in before or value is not before[name])
    }


class Job(NamedTuple):
    """A run of one ensemble."""

    text: str  # its campaign file
    ensemble: Ensemble
    data: Path
    command: list[str]  # without the campaign file

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Job":
        """The job with these parameters, which are all those of the page.

        Raises:
            ValueError: one is unknown or has a value that cannot be; the message says which.
        """
        known = [*WANTED, *METHOD, *START]
        for name in parameters:
            if name not in known:
                similar = get_close_matches(name, known, 1)
                advice = f"did you mean {similar[0]}?" if similar else f"known: {', '.join(known)}"
                raise ValueError(f"no parameter is called {name}; {advice}")
        data, workers, ranks = (parameters[name] for name in ("data", "workers", "ranks"))
        if not (isinstance(data, str) and data):
            raise ValueError(
                f"data must be the name of a folder, got {data!r}; papermill takes a name that "
                "looks like a number as text by -r data NAME"
            )
        for name, kind in (("workers", int), ("ranks", int), ("launcher", str)):
            if not isinstance(parameters[name], kind):
                what = "text" if kind is str else "a whole number"
                raise ValueError(f"{name} must be {what}, got {parameters[name]!r}")
            if kind is int and parameters[name] < 1:
                raise ValueError(f"{name} must be 1 or more, got {parameters[name]}")
        content = _campaign(parameters)
        (ensemble,) = campaigns.checked(content, "parameters").ensembles
        launch = parameters["launcher"].replace("{ranks}", str(ranks)) if ranks > 1 else ""
        try:
            launcher = shlex.split(launch)
        except ValueError as error:
            raise ValueError(f"launcher {launch!r}: {error}") from None
        command = [*launcher, sys.executable, "-m", "inclusions", "run"]
        return cls(_as_toml(content), ensemble, Path(data), [*command, "--workers", str(workers)])

    @property
    def results(self) -> Store:
        """Where the results go."""
        return Store(self.data, self.ensemble.model, self.ensemble.seed, self.ensemble.count)

    def run(self) -> None:
        """Run it in processes of its own, and print what it prints.

        Raises:
            FailedRun: it ends with an error; the message is its own last line, or the last line.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        plain = {"FORCE_COLOR": "", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}
        last = own = ""
        # in the folder of results, which every node sees
        with tempfile.NamedTemporaryFile(
            "w", dir=self.data, suffix=".toml", encoding="utf-8"
        ) as file:
            print(self.text, file=file, flush=True)
            with subprocess.Popen(
                [*self.command, "--data", str(self.data), "--", file.name],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | plain,
                encoding="utf-8", errors="replace",
            ) as process:  # fmt: skip
                for line in process.stdout or ():
                    print(line, end="", flush=True)
                    last = line.strip() or last
                    own = line.strip() if line.startswith("inclusions: ") else own
        if process.returncode < 0 or not last:
            own = f"the run was ended by signal or code {process.returncode}; last: {last!r}"
        if process.returncode:
            raise FailedRun(own or last)  # a launcher of ranks has words of its own after ours


def _campaign(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the content of a campaign file."""
    named = parameters["observables"]
    # A page of before may lack a parameter.
    method = {name: parameters[name] for name in METHOD if name in parameters}
    method["observables"] = [named] if isinstance(named, str) else named
    for name in (*WANTED, *METHOD[:-1]):
        if not isinstance(parameters.get(name), str | bool | int | float | None):
            raise ValueError(f"{name} must be one number or text, got {parameters[name]!r}")
    wanted = {name: parameters[name] for name in WANTED if parameters.get(name) is not None}
    return {"name": "one ensemble", **method, "ensemble": [wanted]}


def _as_toml(content: Mapping[str, Any]) -> str:
    """What `_campaign` gives, as a campaign file."""
    lines = [_line(*item) for item in content.items() if item[0] != "ensemble"]
    for table in content["ensemble"]:
        lines += ["[[ensemble]]", *(_line(*item) for item in table.items())]
    return "\n".join(lines)


def _line(name: str, value: str | bool | int | float | list[str]) -> str:
    text = repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
    return f"{name} = {text}"
