"""What pages get when they are read."""

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

from inclusions.site.fill import keep_together, with_named_defaults, without_raw_values


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (" = 1.44", True),
        (" = {3: 0.55, 4: 0.6}", True),
        ("property ", True),
        (" = PosixPath('/home/me')", False),
        (" = {'a': <function a>}", False),
        (" = ('" + "long " * 20 + "',)", False),
    ],
)
def test_the_reference_tells_values_of_constants_that_are_short_and_the_same_everywhere(
    value, told
):
    document = new_document("page")
    document += addnodes.desc_annotation("", value)
    without_raw_values(None, document)
    assert bool(document.astext()) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("(x, tell=<function <lambda>>)", "(x, tell=...)"),
        ("(tell=<function Workflow.<lambda>>)", "(tell=...)"),
        ("(value, form=<function number>)", "(value, form=number)"),
        (None, None),
    ],
)
def test_a_signature_has_no_addresses_of_functions(given, told):
    assert with_named_defaults(None, "", "", None, None, given, "int") == (told, "int")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("at W = 5.2 J, or r ≥ 3: 0.3(1) J", "at W~=~5.2~J, or r~≥~3: 0.3(1)~J"),
        ("Jordan has 2 Joules and x = y", "Jordan has 2 Joules and x = y"),
        ("E = −1", "E~=~−1"),
    ],
)
def test_no_line_ends_inside_a_quantity(written, shown):
    document = new_document("page")
    document += nodes.paragraph("", written)
    for kind in (nodes.literal_block, nodes.literal, nodes.math, nodes.math_block):
        document += kind("", "L = 8")
    keep_together(None, document, "page")
    paragraph, *verbatim = document.children
    assert paragraph.astext() == shown.replace("~", "\xa0")
    assert {one.astext() for one in verbatim} == {"L = 8"}
