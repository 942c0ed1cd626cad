"""Fill-reducing orderings of the graph of chain states, and the shape of the factor they give.

All of it depends on the sector and on whether the ring is closed, never on disorder: it is
computed once per geometry and shared by every realization.
"""

import ctypes
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
import pymetis
import scipy.sparse as sp
from numpy.typing import NDArray

from inclusions.eigen.types import MissingSolver
from inclusions.geometry import Geometry, once_per_geometry
from inclusions.hamiltonian import chain_graph, unknowns

LANES = 8  # columns of a block that the compiled loops are written for


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled `_ldl.c`, or None where no C compiler was found at installation."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name("_ldl" + suffix)
        if path.exists():
            return ctypes.CDLL(str(path))
    return None


def compiled() -> ctypes.CDLL:
    """The compiled `_ldl.c`.

    Raises:
        MissingSolver: it was not compiled.
    """
    if (found := library()) is None:
        raise MissingSolver(COMPILER)
    return found


COMPILER = "factorization ldl needs a C compiler when the package is installed: pip install -e ."


def pointer(array: NDArray) -> ctypes.c_void_p:
    """The address of an array, for C; the caller keeps the array."""
    return ctypes.c_void_p(array.ctypes.data)


@dataclass(frozen=True)
class Structure:
    """Supernodes of the factor of one model: which columns, which rows, in which order."""

    permutation: NDArray[np.int64]  # (dimension,): unknown at each position of the factor
    first: NDArray[np.int64]  # (supernodes + 1,): first column of each
    offset: NDArray[np.int64]  # (supernodes + 1,): start of its panel in the factor
    row_start: NDArray[np.int64]  # (supernodes + 1,): start of its rows
    rows: NDArray[np.int32]  # rows below the diagonal blocks
    owner: NDArray[np.int32]  # (dimension,): supernode of a column

    @cached_property
    def heights(self) -> NDArray[np.int64]:
        return np.diff(self.first) + np.diff(self.row_start)

    @property
    def entries(self) -> int:
        """Numbers stored in the factor, explicit zeros of merged supernodes among them."""
        return int(self.offset[-1])

    @cached_property
    def flops(self) -> int:
        """Multiplications and additions of the factorization."""
        p, below = np.diff(self.first).astype(float), np.diff(self.row_start).astype(float)
        # sum over a panel's columns of (entries under the diagonal)^2
        high, low = below + p - 1, below - 1
        sums = [x * (x + 1) * (2 * x + 1) / 6 for x in (high, low)]
        return int((sums[0] - sums[1]).sum())


def nested_dissection(graph: sp.csr_array, seed: int = 0) -> NDArray[np.int64]:
    """METIS's fill-reducing permutation of a graph: the vertex at each position."""
    if graph.shape[0] < 3 or not graph.nnz:
        return np.arange(graph.shape[0])
    adjacency = pymetis.CSRAdjacency(graph.indptr, graph.indices)
    order, _ = pymetis.nested_dissection(adjacency, options=pymetis.Options(seed=seed, niter=50))
    return np.asarray(order, dtype=np.int64)


def column_counts(graph: sp.csr_array, order: NDArray[np.integer]) -> NDArray[np.int64]:
    """Entries of each column of L, shape (n,), when a graph's vertices are eliminated in an order.

    `graph` is a symmetric pattern without diagonal, shape (n, n); `order` is the vertex at each
    position. The diagonal counts; no columns are merged. The sum is the size of the factor, that
    of (count - 1)^2 the operations. The elimination tree gives them without any number of the
    matrix: Liu, SIAM J. Matrix Anal. Appl. 11, 134 (1990). ValueError if `order` is no permutation;
    MissingSolver where it was not compiled.
    """
    n = graph.shape[0]
    if not np.array_equal(np.sort(order), np.arange(n)):
        raise ValueError(f"order must have each of the {n} vertices once")
    return _eliminate(graph, order)[1]


@once_per_geometry()
def elimination_order(geometry: Geometry) -> NDArray[np.int64]:
    """The order in which to eliminate the chain states, shape (states,): the one at each position.

    METIS's separators vary by a tenth in the work they leave: it is the best of a few draws.
    """
    graph = chain_graph(geometry)
    if library() is None:
        return nested_dissection(graph)
    draws = 4 if graph.shape[0] < 20_000 else 2
    orders = [nested_dissection(graph, seed) for seed in range(draws)]
    eliminated = [_eliminate(graph, order) for order in orders]
    best = min(range(draws), key=lambda draw: np.square(eliminated[draw][1]).sum())
    return orders[best][_postorder(eliminated[best][0])]


@once_per_geometry()
def structure(geometry: Geometry) -> Structure:
    """The factor's structure; needs the compiled part."""
    order = elimination_order(geometry.graph)
    parent, count, permuted = _eliminate(chain_graph(geometry), order)
    merged = _merge(parent, count, geometry.block)
    return _assemble(permuted, order, parent, merged, geometry.block)


def _eliminate(graph: sp.csr_array, order: NDArray) -> tuple[NDArray, NDArray, sp.csr_array]:
    """Elimination tree, column counts and the graph in this order."""
    n = graph.shape[0]
    permuted = sp.csr_array(graph[order][:, order])
    start, neighbour = permuted.indptr.astype(np.int64), permuted.indices.astype(np.int32)
    parent, count = np.empty(n, np.int32), np.empty(n, np.int64)
    given = ctypes.c_int64(n), pointer(start), pointer(neighbour), pointer(parent)
    if compiled().ldl_tree(*given) or compiled().ldl_counts(*given, pointer(count)):
        raise MemoryError(f"no memory for the elimination tree of {n} chain states")
    return parent, count, permuted


def _postorder(parent: NDArray) -> NDArray[np.int64]:
    """Children before their parent, and each subtree in one run."""
    n = parent.size
    children: list[list[int]] = [[] for _ in range(n)]
    roots: list[int] = []
    for node in range(n - 1, -1, -1):
        (children[parent[node]] if parent[node] >= 0 else roots).append(node)
    order, stack = [], list(roots)
    while stack:  # parents first, then reversed
        node = stack.pop()
        order.append(node)
        stack.extend(reversed(children[node]))
    return np.array(order[::-1], dtype=np.int64)


# A supernode takes in a child while the explicit zeros this stores stay below a share of the
# panel: any share for the narrowest, little for the wide, where zeros cost more than calls.
PANEL = 256  # most columns of one panel
SHARES = ((16, 0.7), (64, 0.2), (10**9, 0.05))


def _merge(parent: NDArray, count: NDArray, block: int) -> NDArray[np.int64]:
    """Supernode of every column, by its topmost column: merging children into parents."""
    n = parent.size
    top = np.arange(n)
    width = np.full(n, block, dtype=np.int64)  # unknowns, not chain states
    zeros = np.zeros(n, dtype=np.int64)
    height = (count - 1) * block  # rows under the topmost column
    children: list[list[int]] = [[] for _ in range(n)]
    for node in range(n):
        for child in sorted(children[node], key=lambda c: -count[c]):
            w, both = width[child], width[child] + width[node]
            added = zeros[child] + w * (width[node] + height[node] - height[child])
            total = zeros[node] + added
            stored = both * (both + 1) // 2 + both * height[node]
            share = next(share for limit, share in SHARES if both <= limit)
            if total <= share * stored:
                width[node], zeros[node] = both, total
                top[child] = node
                children[node].extend(children[child])
                children[child] = []
        if parent[node] >= 0:
            children[parent[node]].append(node)
    for node in range(n - 1, -1, -1):
        top[node] = top[top[node]]
    return top


def _assemble(
    graph: sp.csr_array, order: NDArray, parent: NDArray, top: NDArray, block: int
) -> Structure:
    """Number the supernodes in a postorder of their tree and gather their rows."""
    n = top.size
    heads, member = np.unique(top, return_inverse=True)
    above = np.where(parent[heads] >= 0, member[parent[heads]], -1)
    sequence = _postorder(above)
    place = np.empty(heads.size, np.int64)
    place[sequence] = np.arange(heads.size)
    supernode = place[member]
    columns = np.lexsort((np.arange(n), supernode))  # within one, children stay before parents
    position = np.empty(n, np.int64)
    position[columns] = np.arange(n)
    widths = np.bincount(supernode, minlength=heads.size)
    first = np.r_[0, np.cumsum(widths)]
    above = np.where(above[sequence] >= 0, place[above[sequence]], -1)

    adjacent = position[graph.indices]
    inherited: list[list[NDArray]] = [[] for _ in range(heads.size)]
    starts: list[int] = []
    rows: list[NDArray] = []
    for s in range(heads.size):
        start, end = first[s], first[s + 1]
        neighbours = [adjacent[graph.indptr[c] : graph.indptr[c + 1]] for c in columns[start:end]]
        gathered = np.unique(np.concatenate(neighbours + inherited[s]))
        gathered = gathered[np.searchsorted(gathered, end) :]
        inherited[s] = []
        if above[s] >= 0:
            inherited[above[s]].append(gathered)
        # Wide supernodes are stored as several panels: less of the unused upper triangle.
        panels = -(-(end - start) * block // PANEL)
        cuts = start + (end - start) * np.arange(panels + 1) // panels
        starts.extend(cuts[:-1])
        rows.extend(np.r_[cut:end, gathered] for cut in cuts[1:])
    widths = np.diff([*starts, n]) * block
    row_counts = np.array([r.size for r in rows]) * block
    return Structure(
        permutation=unknowns(order[columns], block),
        first=np.r_[0, np.cumsum(widths)],
        offset=np.r_[0, np.cumsum(widths * (widths + row_counts))],
        row_start=np.r_[0, np.cumsum(row_counts)],
        rows=unknowns(np.concatenate(rows), block).astype(np.int32),
        owner=np.repeat(np.arange(widths.size), widths).astype(np.int32),
    )
