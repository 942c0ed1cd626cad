"""What depends on the geometry alone is found once, and can be forgotten."""

import pytest
from hypothesis import given
from samples import models

from inclusions.eigen.ordering import elimination_order
from inclusions.geometry import forget_geometries
from inclusions.hamiltonian import chain_graph, pattern
from inclusions.model import Model


@given(models())
def test_a_geometry_says_what_a_model_says_of_its_space(model):
    geometry = model.geometry
    assert (geometry.dimension, geometry.block) == (model.dimension, model.block)
    assert (chain_graph(geometry) != chain_graph(model)).nnz == 0
    assert (chain_graph(geometry.graph) != chain_graph(model)).nnz == 0


def test_disorder_and_couplings_share_a_geometry_and_sectors_do_not():
    model = Model(8, 1.0, bubble=3)
    assert model.geometry == Model(8, 5.0, bubble=3, coupling=0.3, anisotropy=2.0).geometry
    others = [Model(8, 1.0), Model(8, 1.0, boundary="periodic"), Model(8, 1.0, magnetization=1)]
    assert len({model.geometry, *(other.geometry for other in others)}) == 4


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_kept_is_shared_until_it_is_forgotten(keep):
    geometry = Model(9, 2.0, bubble=2).geometry
    first = pattern(geometry, 0, geometry.dimension), elimination_order(geometry.graph)
    if not keep:
        forget_geometries()
    second = pattern(geometry, 0, geometry.dimension), elimination_order(geometry.graph)
    assert [one is other for one, other in zip(first, second, strict=True)] == [keep, keep]
