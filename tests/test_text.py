"""Numbers are shown to the digits that their errors allow, tables by their declared columns."""

import numpy as np
import pandas as pd
import pytest

from inclusions import text
from inclusions.text import Column

NAN = float("nan")
NARROW = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (2.3142, 0.0412, "2.31(4)"),
        (2.3142, 0.151, "2.31(15)"),
        (-0.0213, 0.0035, "−0.021(4)"),
        (9.97, 0.0996, "9.97(10)"),
        (123.4, 12.0, "123(12)"),
        (0.5307, NAN, "0.5307"),
        (-1.5e6, NAN, f"−1.5{NARROW}×{NARROW}10⁶"),
        (NAN, 0.1, text.UNKNOWN),
    ],
)
def test_numbers_show_as_many_digits_as_their_error_allows(value, error, shown):
    assert text.number(value, error) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(2.4e-15, "2 × 10⁻¹⁵"), (1e-9, "1 × 10⁻⁹"), (0.0, "0")]
)
def test_a_magnitude_is_one_digit_and_a_power_of_ten(value, shown):
    assert text.magnitude(value).replace(NARROW, " ") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.0234, "0.023"),
        (9.96, "10"),
        (13.4, "13"),
        (7614.2, "7600"),
        (4.2e8, "420000000"),
        (1.7e-5, "0.000017"),
        (np.nan, "–"),
    ],
)
def test_a_rounded_number_has_two_digits_and_no_exponent(value, shown):
    assert text.rounded(value) == shown


TABLE = pd.DataFrame(
    {"length": [8, 10, 8], "disorder": [4.0, 4.0, 5.2], "shift": [0.1, -0.2, 0.3],
     "error": [0.01, 0.01, 0.04]}
)  # fmt: skip


def test_columns_say_which_values_stand_under_which_heading_and_how():
    shown = text.readable(
        TABLE,
        [text.LENGTH, text.DISORDER, Column("shift", "rounded", ".1f"),
         Column("shift error", "in thousandths", text.times(1e3))],
    )  # fmt: skip
    assert list(shown) == ["$L$", "$W~(J)$", "rounded", "in thousandths"]
    assert list(shown["rounded"]) == ["0.1", "−0.2", "0.3"]
    assert list(shown["in thousandths"]) == ["100(10)", "−200(10)", "300(40)"]
    assert list(shown["$W~(J)$"]) == ["4", "4", "5.2"]


def test_a_crossed_table_has_a_dash_where_a_row_lacks():
    cell = Column("shift error", "", text.number)
    columns = text.Crossed([text.LENGTH], "disorder", "$W = {:g}$", cell)
    shown = text.readable(TABLE, columns)
    assert shown.to_dict("records") == [
        {"$L$": "8", "$W = 4$": "0.100(10)", "$W = 5.2$": "0.30(4)"},
        {"$L$": "10", "$W = 4$": "−0.200(10)", "$W = 5.2$": "–"},
    ]
    assert text.readable(TABLE[:0], columns).empty
    chosen = text.readable(TABLE, columns._replace(only=[5.2, 8.0]))
    assert list(chosen) == ["$L$", "$W = 5.2$"] and len(chosen) == 1, "other values are left out"


def test_two_columns_of_one_heading_are_refused_for_one_would_be_lost():
    columns = [text.LENGTH, Column("shift", "between"), Column("error", "between")]
    for table in (TABLE, TABLE[:0]):
        with pytest.raises(ValueError, match="heading of its own, got twice {'between'}"):
            text.readable(table, columns)


def test_a_table_for_download_says_what_its_columns_are_and_in_which_units():
    lines = text.legend(TABLE).splitlines()
    assert [line.split(":")[0] for line in lines] == ["# length", "# disorder", "# error"]
    assert "units of J" in lines[1]
    assert "isolated chain" in text.legend(pd.DataFrame(columns=["distance", "unheard"]))


def test_a_column_has_the_meaning_that_it_has_in_its_file():
    assert "xi_*" in text.meaning("ratio", "explore-purity-curves")
    assert "gap ratio" in text.meaning("ratio", "paired-closed")
    assert text.meaning("ratio_error", "paired-closed") == "one standard deviation of ratio"
    assert text.meaning("printed_error", "expansion-numbers").startswith("of the formula")


def test_columns_of_one_meaning_share_a_line():
    levels = pd.DataFrame(columns=[0, 1, 2, "field"])
    lines = text.legend(levels, "level-statistics-sweep-levels").splitlines()
    assert [line.split(":")[0] for line in lines] == ["# 0 … 2", "# field"]


def test_a_span_of_numbers_that_read_alike_is_one_number():
    assert text.span([0.654, 0.2, 0.3]) == "0.20 … 0.65"
    assert text.span([0.652, 0.648]) == "0.65"
    assert text.span([0.5, 0.12], ".1g") == "0.1 … 0.5"
