"""Controls on disk: computed once, bound to what they belong to, listed in the manifest.

    controls/means/<environment>.h5        means over disorder, by kind of window
    controls/<model>-seed<seed>.h5         predictions for the realizations of an ensemble

Both are files of `store.arrays`, whole or not there at all; an interrupted run goes on after the
last one.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inclusions import store
from inclusions.controls.means import mean_over_disorder
from inclusions.controls.predictions import Predictions, expected, kinds, predict
from inclusions.controls.windows import FAR, Window
from inclusions.disorder import draw
from inclusions.model import Model

CHUNK = 250
"""Realizations predicted between two signs of progress."""

KEPT_BITS = {"windows": 9, "products": 6}
"""Of a prediction's mantissa: a part in a thousand, far below what it cannot know."""


class NoControls(LookupError):
    """There are no controls of an ensemble; the message names the command that computes them."""


def load(data: Path, model: Model, seed: int, indices: ArrayLike) -> Predictions:
    """The predictions for these realizations of an ensemble, in their order.

    Args:
        data: folder of results, whose manifest lists the file.
        model: of the ensemble; its target does not matter, windows hold all states.
        seed: of the ensemble's disorder.
        indices: numbers of the realizations, shape (R,).

    Raises:
        NoControls: they have not been computed, or not for all of the realizations.
        DamagedFile: the file is not the one that the manifest lists.
    """
    path = path_of(data, model, seed)
    listed = store.read_manifest(data, "controls").get(name_of(data, path))
    if listed is None:
        raise NoControls(
            f"no controls of {path.stem} in {data}: inclusions controls CAMPAIGN.toml computes them"
        )
    found = _read(path, model, seed, listed["sha256"])
    try:
        return found.at(indices)
    except KeyError as error:
        raise NoControls(
            f"no controls of realization {error.args[0]} of {path.stem} in {data}: inclusions "
            "controls CAMPAIGN.toml computes what is missing"
        ) from None


def compute(
    data: Path,
    model: Model,
    seed: int,
    indices: Iterable[int],
    tell: Callable[[], None] = lambda: None,
) -> Path:
    """Predict what is not predicted yet of an ensemble's realizations, and save all of it.

    `tell` is called after each of them. A damaged file is computed again. Returns the file's path.

    Raises:
        OSError: no space, no permission; nothing is left half-written.
    """
    path = path_of(data, model, seed)
    before = saved(data, model, seed)
    missing = sorted(set(indices) - set([] if before is None else before.indices.tolist()))
    if not missing:
        return path
    started = time.process_time()
    means = known_means(data, model)
    parts = [] if before is None else [before]
    for first in range(0, len(missing), CHUNK):
        some = missing[first : first + CHUNK]
        found = predict(model, [draw(model, seed, index) for index in some], means)
        parts.append(Predictions(model, seed, np.array(some), *found, expected(model, means)))
        for _ in some:
            tell()
    _write(path, parts, time.process_time() - started)
    store.list_controls(data, path)
    return path


def known_means(data: Path, model: Model) -> dict[Window, NDArray[np.float64]]:
    """Means over disorder of the model's windows, from their files; what is not there is computed.

    By kind of window, shape (SCRAMBLINGS, w + 1, w), as `mean_over_disorder` gives them.

    Raises:
        OSError: no space, no permission.
    """
    found = {}
    for kind in sorted(kinds(model)):
        path = data / "controls" / "means" / f"{environment(kind, model)}.h5"
        try:
            arrays, attributes = store.read_arrays(path)
        except (FileNotFoundError, store.DamagedFile):
            arrays, attributes = {}, {"seconds": 0.0}
        if kind.name not in arrays:
            started = time.process_time()
            arrays[kind.name] = mean_over_disorder(kind, model)
            seconds = float(attributes["seconds"]) + time.process_time() - started
            store.write_arrays(path, arrays, {"seconds": seconds})
            store.list_controls(data, path)
        found[kind] = arrays[kind.name]
    return found


def environment(kind: Window, model: Model) -> str:
    """Name of all that the disorder of a window depends on: the file of its mean is called so."""
    parts = [f"W{model.disorder!r}", f"Delta{model.anisotropy!r}"]
    if kind.bubble:
        strength = f"beta{model.bandwidth!r}" if model.bond is None else f"bond{model.bond!r}"
        parts = [f"bubble{model.bubble}", *parts, f"g{model.coupling!r}", strength]
    return "-".join(parts)


def path_of(data: Path, model: Model, seed: int) -> Path:
    """Where the predictions of an ensemble are: those of its samples, whatever its target."""
    return data / "controls" / f"{model.untargeted.key}-seed{seed}.h5"


def name_of(data: Path, path: Path) -> str:
    """What the manifest calls a file of controls."""
    return path.relative_to(data / "controls").as_posix()


def saved(data: Path, model: Model, seed: int) -> Predictions | None:
    """What is predicted of an ensemble, of whatever realizations; None if nothing, or damaged."""
    try:
        return _read(path_of(data, model, seed), model, seed)
    except (FileNotFoundError, store.DamagedFile):
        return None


def _read(path: Path, model: Model, seed: int, sha256: str | None = None) -> Predictions:
    arrays, attributes = store.read_arrays(path, sha256)
    if attributes.get("model") != model.untargeted.key or attributes.get("seed") != seed:
        raise store.DamagedFile(f"{path}: holds controls of another ensemble")
    if len(np.unique(arrays["realization"])) < len(arrays["realization"]):
        raise store.DamagedFile(f"{path}: has realizations twice")
    products = np.pad(arrays["products"].astype(float), ((0, 0), (FAR, 0)))
    products = products[:, : model.length // 2 + 1]
    windows = arrays["windows"].astype(float)
    return Predictions(model, seed, arrays["realization"], windows, products, arrays["expected"])


def _write(path: Path, parts: list[Predictions], seconds: float) -> None:
    first = parts[-1]
    indices = np.concatenate([part.indices for part in parts])
    order = np.argsort(indices)
    arrays = {
        "realization": indices[order].astype(np.int64),
        "windows": np.concatenate([part.windows for part in parts])[order],
        "products": np.concatenate([part.products for part in parts])[order, FAR:],
    }
    for name, bits in KEPT_BITS.items():
        arrays[name] = store.round_mantissa(arrays[name].astype(np.float32), bits)
    store.write_arrays(
        path,
        arrays | {"expected": first.expected},
        {"model": first.model.untargeted.key, "seed": first.seed, "seconds": seconds},
    )
