"""What pages get when they are read."""

import pytest
from docutils.utils import new_document
from sphinx import addnodes

from inclusions.site.fill import with_named_defaults, without_raw_values


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
