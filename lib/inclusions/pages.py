"""What the book's pages call: load cached ensembles, show a figure, glue a number into the text.

A figure of a page is one cell and one directive:

    ```{code-cell} python
    :tags: [hide-input, remove-output]
    ensembles = pages.load("gap-ratios", bubble=4)
    ratios = tables.means(ensembles)
    pages.show(figures.means(ratios), "gap-ratios", ensembles, ratios=ratios)
    ```

    :::{glue:figure} gap-ratios
    ---
    name: fig-gap-ratios
    alt: >
      What one sees, for those who cannot see it.
    ---

    Caption. {glue:md}`gap-ratios-extent:myst`; what the error bars are.

    {glue:md}`gap-ratios-provenance:myst`
    :::

`load` takes the ensembles of a campaign file; what is not computed yet is left out. `show` also
writes the tables (here ratios) as CSV and the figure as SVG for download. The last line of the
directive says where the data come from, links the downloads, and says what is missing. The text
refers to the figure by {numref}`fig-gap-ratios`.

A figure with sliders is shown by `explore`. Its directive is named fig- and the name, and after it
stands what the book's script needs, which print and notebooks leave out:

    pages.explore(sliders.gap_ratios(table), "by-length", ensembles, means=table)

    ```{glue:} by-length-sliders
    ```

Any other number goes by

    pages.say(crossing=text.number(2.31, 0.04))        {glue:text}`crossing`

No key may hold a colon. A page defines no function and computes no physics.
"""

import base64
import io
import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pandas as pd
from matplotlib import style
from matplotlib.figure import Figure

from inclusions import tables, text
from inclusions.figures import STYLE, drawn
from inclusions.figures.dark import following, shortened
from inclusions.figures.sliders import Exploration
from inclusions.places import BUILDER, NoData, campaign_file, data_folder, published, root
from inclusions.store import Entry, read_manifest, write_atomically
from inclusions.tables import Ensembles
from inclusions.text import Column, Crossed

if TYPE_CHECKING:
    from inclusions.claims import Verdict


def load(campaign: str, **parameters: Any) -> Ensembles:
    """The cached ensembles of a campaign whose model has these parameters, as `tables.load`.

    Raises:
        FileNotFoundError: no campaign has this name, or there are no cached data (`places`).
        ValueError: no ensemble of the campaign is of this kind.
        DamagedFile: a file is not the one in the manifest.
    """
    found = tables.load(campaign_file(campaign), data_folder(), **parameters)
    _loaded.append(found)
    return found


_loaded: list[Ensembles] = []  # on this page


def _used(
    ensembles: Sequence[Ensembles], numbers: Iterable[pd.DataFrame], figure: Figure | None = None
) -> tuple[Sequence[Ensembles], set[str]]:
    """The ensembles behind some tables, and the names of those files that are shown.

    A figure knows what it draws (`figures.draws`), and a table of `tables` where its rows come
    from. Others are told by naming the ensembles.
    """
    carry = [table for table in numbers if "sources" in table]
    if not carry:
        return ensembles, {name for part in ensembles for name in part.sources}
    noted = set() if figure is None else drawn.get(figure, set())
    names = noted or tables.sources_of(*carry)
    known = ensembles or list({id(part.found): part for part in _loaded}.values())
    return [part for part in known if not names or names & part.sources.keys()], names


def _by_line(record: dict[str, Any]) -> str:
    """JSON with a line for each file."""

    def joined(entry: re.Match[str]) -> str:
        return re.sub(r"\n +", " ", entry[0]).replace("{ ", "{").replace(" }", "}")

    return re.sub(r'\{\s+"sha256"[^{}]*\}', joined, json.dumps(record, indent=1))


def show(
    figure: Figure,
    name: str,
    *ensembles: Ensembles,
    computed: str = "",
    **numbers: pd.DataFrame,
) -> None:
    """Display a figure, glue it as `name`, and save it with its numbers for download.

    `numbers` are the plotted tables, whose rows say which ensembles they come from; tables made
    elsewhere need these named. `computed` says how a figure without ensembles was made.
    Also glued: `name`-provenance (Markdown), `name`-extent, the sizes and statistics (text or
    Markdown), and `name`-realizations, how many a point (text).
    """
    svg = _drawn(figure, "svg")
    folder = root() / "_build" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    files = {"figure (SVG)": f"{name}.svg"}
    (folder / f"{name}.svg").write_bytes(svg)
    if published():  # who is sent a link to a page sees its first figure
        (folder / f"{name}.png").write_bytes(_drawn(figure, "png"))
    for title, table in numbers.items():
        file = f"{name}-{title}".replace("_", "-")
        files[f"{title.replace('_', ' ')} (CSV)"] = f"{file}.csv"
        values = table.to_csv(index=False, float_format="%.8g")
        (folder / f"{file}.csv").write_text(text.legend(table, file) + values, encoding="utf-8")
    used, names = _used(ensembles, numbers.values(), figure)
    shown = [part.only(names) for part in used]
    sources = {file: entry for part in shown for file, entry in part.sources.items()}
    if sources:
        files["sources (JSON)"] = f"{name}.json"
    missing = [f"{key}.nc" for part in used for key in part.missing]
    record = {"figure": name, "sources": sources, "missing": missing}
    (folder / f"{name}.json").write_text(_by_line(record) + "\n", encoding="utf-8")

    links = ", ".join(f"{{download}}`{title} </_build/figures/{f}>`" for title, f in files.items())
    made = _provenance(used, names, numbers.values())
    made = made or f"{computed or 'Drawn'} when this page was built."
    _glue(f"{name}-provenance", "text/markdown", f"{made} [Download: {links}.]{{.onscreen}}")
    counts = [entry["realizations"] for entry in sources.values()]
    say(**{f"{name}-realizations": text.spread(counts)})
    extent = tables.extent(*shown)
    formula = re.sub(r"^L = ", "$L =$ ", extent)
    _glue(f"{name}-extent", "text/plain", repr(extent), "text/markdown", formula)
    forms = ["image/svg+xml", svg.decode(), "text/plain", repr(figure)]
    if os.environ.get(BUILDER) == "latex":
        forms += ["application/pdf", base64.b64encode(_drawn(figure, "pdf")).decode()]
    _glue(name, *forms, visible=True)


def explore(
    exploration: Exploration,
    name: str,
    *ensembles: Ensembles,
    computed: str = "",
    **numbers: pd.DataFrame,
) -> None:
    """Show a figure with sliders: as `show` on paper and without JavaScript, and alive in the book.

    Also glued: `name`-sliders, the numbers for the script that redraws the figure fig-`name`.
    """
    show(exploration.draw(), name, *ensembles, computed=computed, **numbers)
    content = exploration.json().replace("</", "<\\/")
    opening = f'<script type="application/json" class="sliders" data-figure="fig-{name}">'
    html = f"{opening}{content}</script>" if content else ""
    _glue(f"{name}-sliders", "text/html", html, "text/markdown", "<!-- for the screen -->")


def _drawn(figure: Figure, kind: str) -> bytes:
    """The figure as a file that depends on the drawing alone, not on the date."""
    buffer = io.BytesIO()
    with style.context([STYLE]):
        date = {{"svg": "Date", "pdf": "CreationDate"}.get(kind, "Software"): None}
        figure.savefig(buffer, format=kind, metadata=date)
    drawn = buffer.getvalue()
    return shortened(following(drawn.decode())).encode() if kind == "svg" else drawn


def _provenance(
    ensembles: Sequence[Ensembles], names: Collection[str], numbers: Collection[pd.DataFrame]
) -> str:
    """How many ensembles, realizations and core-hours, which folds open to files with hashes.

    Of the files of these names; and what is missing, with the command that computes it. Where
    there are no errors among the numbers shown, as of seconds, nothing is said of plain means.
    """
    shown = _described({
        file: entry for part in ensembles for file, entry in part.sources.items() if file in names
    })  # fmt: skip
    means = not numbers or any("error" in str(name) for table in numbers for name in table)
    shown_by = [part.only(names) for part in ensembles if means]
    plain = {why for part in shown_by for why in part.why_plain()}
    if plain:
        command = "`inclusions controls CAMPAIGN.toml`"
        shown += f" Means of {len(plain)} of them are plain: {command} computes what sharpens them."
    if chosen := set().union(*(part.found.keys() & part.uncontrolled for part in shown_by)):
        shown += f" Means of {len(chosen)} are plain, as their campaign wants no controls."
    campaigns = dict.fromkeys(part.campaign for part in ensembles)
    lacking = (_lacking([p for p in ensembles if p.campaign == one]) for one in campaigns)
    return " ".join(filter(None, [shown, *lacking]))


def _described(sources: Mapping[str, Entry]) -> str:
    if not sources:
        return ""
    names = sorted(sources, key=by_numbers)
    listed = ", ".join(_hashed([*group], sources) for _, group in groupby(names, key=family))
    realizations = sum(entry["realizations"] for entry in sources.values())
    cost = text.rounded(sum(entry["core_hours"] for entry in sources.values()))
    versions = ", ".join(sorted({entry["inclusions"] for entry in sources.values()}))
    return (
        f"Data: {len(names)} ensemble{'s' * (len(names) > 1)}, {text.grouped(realizations)} "
        f"realizations, {cost} core-hours. "
        f'<i class="files">{listed}; inclusions {versions}.</i>'
    )


def _lacking(parts: Sequence[Ensembles]) -> str:
    """What one campaign asks for and does not have."""
    missing = [name for part in parts for name in part.missing]
    wanted, there = (sum(getattr(p, n) for p in parts) for n in ("wanted", "realizations"))
    command = f"`inclusions run book/runs/campaigns/{parts[0].campaign.name}`"
    if missing:
        total = len(missing) + sum(len(part.found) for part in parts)
        first = ", ".join(f"`{name}`" for name in missing[:3])
        more = ", …" if len(missing) > 3 else ""
        return (
            f"**Missing: {len(missing)} of {total} ensembles** ({first}{more});"
            f" {command} computes them."
        )
    if there < wanted:
        return f"The campaign asks for {wanted} realizations and has {there}; {command} goes on."
    return ""


def _hashed(names: Sequence[str], sources: Mapping[str, Entry]) -> str:
    """A family of files, linked to its list in the book, with the hash of its one or all."""
    hashes = [sources[name]["sha256"] for name in names]
    whole = hashes[0] if len(hashes) == 1 else sha256("".join(hashes).encode()).hexdigest()
    title = family(names[0])
    return f"{{ref}}`{title} <{family_label(title)}>` ({len(names)}, `{whole[:7]}`)"


def family(name: str) -> str:
    """Files of one system and length: what stands before the disorder in their names."""
    return name.split("-W")[0]


def family_label(title: str) -> str:
    """The label of a family in the book's list of all data."""
    return f"data-{title.lower()}"


def by_numbers(name: str) -> list[tuple[bool, float, str]]:
    """For sorting: L8 before L10."""
    pieces = re.split(r"(\d+(?:\.\d+)?)", name)
    return [(p[:1].isdigit(), float(p) if p[:1].isdigit() else 0.0, p) for p in pieces]


def say(**texts: Any) -> None:
    """Glue texts and numbers for the page: {glue:text}`name`. Underscores become hyphens."""
    for name, value in texts.items():
        _glue(name.replace("_", "-"), "text/plain", repr(str(value)))


def scorecard(*ids: str) -> list["Verdict"]:
    """The verdicts on all claims, or on these, as `claims.scorecard` gives them.

    What one page of a build has judged the others read from its folder _build, for as long as the
    manifest of the data and the code are the same. Pages run side by side share the work: each
    begins with another claim, and leaves out what it finds judged when its turn comes.
    """
    from inclusions import claims  # for the few pages that judge

    data, build = data_folder(), root() / "_build"
    wanted = ids or tuple(claim.id for claim in claims.CLAIMS)
    if not build.is_dir():
        return claims.scorecard(data, *wanted)
    kept = build / f"verdicts-{_state(data)}"
    known = {id: kept / f"{id}.json" for id in wanted}
    for id in sorted(wanted, key=lambda id: crc32(f"{os.getpid()} {id}".encode())):
        if not known[id].exists():
            (one,) = claims.scorecard(data, id)
            write_atomically(known[id], json.dumps(asdict(one)).encode())
    return [claims.Verdict(**json.loads(known[id].read_text(encoding="utf-8"))) for id in wanted]


def _state(data: Path) -> str:
    """A name of the data, by their manifest, and of the code that judges them."""
    manifest = data / "manifest.json"
    digest = sha256(manifest.read_bytes() if manifest.exists() else b"")
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def verdicts(*ids: str) -> None:
    """Glue what the scorecard says of these claims: c7-verdict and c7-paper, and c7-reason.

    The first two are texts, the last is Markdown. A page says no other yes or no.
    """
    from inclusions.claims import report  # for the few pages that judge

    for one in scorecard(*ids):
        say(**report.words(one))
        write(f"{one.id.lower()}-reason", report.escaped(one.reason))


def write(name: str, piece: str) -> None:
    """Glue a piece of Markdown for the directive glue:md, format myst; a notebook shows it."""
    from IPython.display import Markdown, display

    _glue(name, "text/markdown", piece)
    for role, instead in ROLES:
        piece = re.sub(role, instead, piece)
    display(Markdown(piece))


def pieces(named: Mapping[str, str]) -> None:
    """Glue several pieces of Markdown, each by its name."""
    for name, piece in named.items():
        write(name, piece)


ROLES = (
    (r"\{(su[bp])\}`([^`]*)`", r"<\1>\2</\1>"),
    (r"\{ref\}`([^<`]*) <[^`]*>`", r"`\1`"),
    (r"\[([^]]*)\]\{\.[^}]*\}", r"\1"),
)
"""Markup of the book in tables, and what a notebook that stands alone has for it."""


def tabulate(
    name: str, table: pd.DataFrame, columns: Sequence[Column] | Crossed = (), *ensembles: Ensembles
) -> None:
    """Glue a table as Markdown, for the directive glue:md, format myst.

    `columns` say how a table of numbers is shown; one of texts is shown as it is. Of a table that
    knows its ensembles, or whose ensembles are named, `name`-provenance is glued too.
    """
    used, names = _used(ensembles, [table])
    if names or used:
        _glue(f"{name}-provenance", "text/markdown", _provenance(used, names, [table]))
    if columns:
        table = text.readable(table, columns)
    if table.empty:
        table = pd.DataFrame({"data": [text.UNKNOWN]})
    write(name, text.markdown(table) + "\n")


def _glue(name: str, *bundle: str, visible: bool = False) -> None:
    """Put a bundle of (MIME type, content, ...) under a name, as myst_nb.glue does."""
    from IPython.display import display  # brought by the notebook that runs the page

    prefix = "" if visible else "application/papermill.record/"
    content = {prefix + kind: data for kind, data in zip(bundle[::2], bundle[1::2], strict=True)}
    display(content, raw=True, metadata={"scrapbook": {"name": name, "mime_prefix": prefix}})


def stale(build: Path, data: Path) -> list[str]:
    """Figures of a build (`_build`) whose data are no longer those of the manifest.

    Data that were missing and are there now count too.
    """
    listed = read_manifest(data)
    records = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((build / "figures").glob("*.json"))
    ]
    return [
        record["figure"]
        for record in records
        if any(name in listed for name in record["missing"])
        or any(
            listed.get(name, {}).get("sha256") != entry["sha256"]
            for name, entry in record["sources"].items()
        )
    ]


if __name__ == "__main__":  # the last step of `make book`
    try:
        old = stale(root() / "_build", data_folder())
    except NoData as error:
        sys.exit(f"{error}")
    if old:
        sys.exit(f"the data changed after these figures were drawn: {', '.join(old)}")
