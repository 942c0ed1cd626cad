"""Numbers with errors as text; columns of tables: which values, under what heading, how shown."""

import tomllib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

UNKNOWN = "(not computed)"  # what a number is called that the data do not give


# Columns


class Column(NamedTuple):
    """A column of a table for reading.

    `names` are columns of the table of numbers, separated by spaces; `format` is a format
    specification of the one value, or a function that gets them all and returns a text.
    """

    names: str
    heading: str
    format: str | Callable[..., str] = ""

    def shown(self, *values: Any) -> str:
        if callable(self.format):
            return self.format(*values)
        return format(values[0], self.format).replace("-", "−")


MEANINGS = tomllib.loads(Path(__file__).with_name("columns.toml").read_text(encoding="utf-8"))
"""Columns of tables for download, by patterns of the file's name and the column's."""


def meaning(column: str, file: str = "") -> str:
    """What a column of this file is, and its unit; "" if nobody has said.

    >>> meaning("purity_error")
    'one standard deviation of purity'
    """
    for pattern, columns in MEANINGS.items():
        if fnmatchcase(file, pattern):
            for name, said in columns.items():
                if fnmatchcase(column, name):
                    return said
    end = "_error"
    return f"one standard deviation of {column.removesuffix(end)}" if column.endswith(end) else ""


def legend(table: pd.DataFrame, file: str = "") -> str:
    """What the columns of a table are, in lines that `read_csv(file, comment="#")` skips.

    Neighbours of which the same is said share a line.
    """
    lines = []
    for said, group in groupby(map(str, table.columns), partial(meaning, file=file)):
        names = list(group)
        if said:
            lines.append(f"# {' … '.join(dict.fromkeys([names[0], names[-1]]))}: {said}\n")
    return "".join(lines)


class Crossed(NamedTuple):
    """A table for reading with a row for each combination of `rows`, and one column for each value.

    Of the values of `across`, those of `only` if there are any, with {:g} in `heading` for them; a
    dash stands where a row lacks.
    """

    rows: Sequence[Column]
    across: str
    heading: str
    cell: Column
    only: Sequence[float] = ()

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table of texts."""
        if self.only:
            table = table[table[self.across].isin(self.only)]
        across = list(table[self.across])
        texts = readable(table, self.rows).assign(across=across, cell=_shown(table, self.cell))
        names = [column.heading for column in self.rows]
        columns = {value: self.heading.format(value) for value in sorted(set(across))}
        lines = [
            dict(zip(names, key, strict=True))
            | dict.fromkeys(columns.values(), "–")
            | {columns[value]: shown for value, shown in zip(part.across, part.cell, strict=True)}
            for key, part in texts.groupby(names, sort=False)
        ]
        return pd.DataFrame(lines, columns=[*names, *columns.values()])


def readable(table: pd.DataFrame, columns: Sequence[Column] | Crossed) -> pd.DataFrame:
    """A table of numbers as one of texts: its rows, these columns.

    Raises:
        ValueError: two columns have one heading, so that one of them would be lost.
    """
    if isinstance(columns, Crossed):
        return columns.of(table)
    headings = [column.heading for column in columns]
    if twice := {heading for heading in headings if headings.count(heading) > 1}:
        raise ValueError(f"each column of a table needs a heading of its own, got twice {twice}")
    if table.empty:  # without data it may lack even its columns
        return pd.DataFrame(columns=headings)
    return pd.DataFrame({column.heading: _shown(table, column) for column in columns})


def markdown(table: pd.DataFrame) -> str:
    """A table of texts as Markdown."""
    rows = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _shown(table: pd.DataFrame, column: Column) -> list[str]:
    values = (table[name] for name in column.names.split())
    return [column.shown(*row) for row in zip(*values, strict=True)]


# Numbers


def number(value: float, error: float = float("nan"), digits: int = 4) -> str:
    """A value with its error in parentheses, 2.31(4), or to so many significant digits."""
    if not np.isfinite(value):
        return UNKNOWN
    if not np.isfinite(error) or error <= 0:
        mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
        return mantissa.replace("-", "−") + (_of_ten(exponent) if exponent else "")
    # two digits of an error that begins with 1, which one digit would blur
    sign, value = "−" if value < 0 else "", abs(value)
    places = int(-np.floor(np.log10(error)))
    places += round(error * 10**places, 1) < 2
    shown = f"{value:.{max(places, 0)}f}"
    sign = sign if float(shown) else ""
    last = f"{error:.0f}" if places <= 0 else round(error * 10**places)
    return f"{sign}{shown}({last})"


def times(factor: float) -> Callable[..., str]:
    """A format of a value and its error in another unit: `times(1e3)` in thousandths."""
    return lambda value, error: number(factor * value, factor * error)


def known(spec: str, unit: float = 1.0, instead: str = UNKNOWN) -> Callable[..., str]:
    """A format of a number in another unit, with a text for one that is not there."""
    return lambda value: instead if pd.isna(value) else format(value / unit, spec)


def unless(valid: bool, value: float, error: float) -> str:
    """A value with its error if it is valid, else a dash."""
    return number(value, error) if valid else "–"


def rounded(value: float, digits: int = 2) -> str:
    """A number to so many digits, without an exponent; a dash for one that is not there.

    >>> rounded(6712.3), rounded(17.04, 3), rounded(8.3e-5)
    ('6700', '17', '0.000083')
    """
    if not np.isfinite(value):
        return "–"
    return np.format_float_positional(float(f"{value:.{digits}g}"), trim="-")


def grouped(value: float) -> str:
    """A number without decimals, in groups of three digits."""
    return f"{value:,.0f}".replace(",", "\u202f")


def percent(share: float, form: str = ".3g") -> str:
    """A share in percent, to three digits or as a format specification says."""
    return f"{100 * share:{form}}\xa0%"


def magnitude(value: float) -> str:
    """A small number to one digit, as 2 × 10⁻¹⁵; lines do not break inside."""
    if value == 0:
        return "0"
    digit, exponent = f"{value:.0e}".split("e")
    return digit.replace("-", "−") + _of_ten(exponent)


def _of_ten(exponent: str) -> str:
    return f"\xa0×\xa010{str(int(exponent)).translate(SUPERSCRIPT)}"


SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(value: float, digits: int = 1, plain: int = 0) -> str:
    """A number as Markdown, digits and a power of ten; between 1 and 10^plain as it is."""
    if not np.isfinite(value):
        return UNKNOWN
    if value == 0 or 1 <= abs(value) < 10**plain:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"${mantissa} \\times 10^{{{int(exponent)}}}$"


def chi2(value: float, degrees: int) -> str:
    """chi2 over its degrees of freedom, 9.7/6; a dash where none is left to test anything."""
    return f"{value:.1f}/{degrees}" if np.isfinite(value) and degrees else "–"


def probability(p: float) -> str:
    """A probability to two digits or three places; what is below 0.001 says just that."""
    if not np.isfinite(p):
        return "–"
    return "<\xa00.001" if p < 1e-3 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def ranged(value: float, low: float, high: float) -> str:
    """A value with the ends of its interval."""
    return f"{value:.2f} ({low:.2f} … {high:.2f})"


def span(values: Sequence[float], form: str = ".2f") -> str:
    """Numbers from smallest to largest, as one where the two read alike."""
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} … {high}"


def listed(values: Sequence[float]) -> str:
    """Numbers in ascending order, once each."""
    return ", ".join(f"{value:g}" for value in sorted(set(values))) or UNKNOWN


def spread(counts: Sequence[int]) -> str:
    """Whole numbers as one, or as smallest to largest."""
    if not len(counts):
        return "no"
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def system(bubble: int, boundary: str) -> str:
    """What the text calls a system."""
    return f"bubble, n\xa0=\xa0{bubble}" if bubble else f"isolated, {boundary}"


SYSTEM = Column("bubble boundary", "system", system)
LENGTH = Column("length", "$L$")
DISORDER = Column("disorder", "$W~(J)$", "g")
QUOTED = (4.4, 5.2, 6.0, 8.0)  # disorders that the paper speaks of, J
