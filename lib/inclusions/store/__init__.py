"""Records on disk: immutable shards, consolidated ensembles and their manifest.

A folder `data/` holds

    shards/<ensemble>/<first>-<count>-<seconds>s.nc   what runs write; whole or not there at all
    shards/<ensemble>/<first>-<count>.<owner>.part    a claim and its journal
    shards/<ensemble>/<index>.failed                  why a realization failed
    shards/<ensemble>/*.damaged                       shards found damaged, and computed again
    ensembles/<ensemble>.nc                           all realizations of a model, for the book
    controls/                                         what sharpens the means over them
    manifest.json                                     hashes of these two kinds of files

where <ensemble> is the model's key, the seed and the number of states. What a consolidated file
holds counts as done, so the shards behind it may go. A shard's name tells its cost too (older
ones lack it), so that nothing need be opened to add up what a campaign has taken; `-gaps` in it,
that its records have gap ratios only; and `+` what they have beside the usual fields.

Nothing is locked. A process claims realizations by creating its journal, whose name carries host
and process, and then looks who else claims some of them: whoever sees another living claim gives
way. So of two processes at least one gives way, and a realization is computed twice only if a
process stands still for longer than the others' patience, or the file system shows a file that
old to one host only. Even then nothing is wrong: a record depends on model, seed and index alone,
and a shard replaces another whole.

Its rooms, lowest first: `records`, `files`, `arrays`, `claims` on work, `manifest`, `archive`.
"""

from inclusions.store.archive import export, import_archive
from inclusions.store.arrays import read_arrays, write_arrays
from inclusions.store.claims import Journal
from inclusions.store.files import (
    DamagedFile,
    OtherVersion,
    Shard,
    Store,
    UnreadableFile,
    read,
    write_atomically,
    write_dataset,
)  # fmt: skip
from inclusions.store.manifest import (
    Entry,
    Listed,
    Selection,
    file_hash,
    gather,
    list_controls,
    read_listed,
    read_manifest,
    select,
    stores,
    verify,
    write_manifest,
)  # fmt: skip
from inclusions.store.records import (
    FIELDS,
    FULL,
    OBSERVABLES,
    ROUNDED,
    SCHEMA,
    YOUNGER,
    Indices,
    code_version,
    dimensions,
    ensemble_name,
    round_mantissa,
    to_dataset,
)  # fmt: skip

__all__ = [
    "FIELDS", "FULL", "OBSERVABLES", "ROUNDED", "SCHEMA", "YOUNGER", "DamagedFile", "Entry",
    "Indices", "Journal", "Listed", "OtherVersion", "Selection", "Shard", "Store", "UnreadableFile",
    "code_version", "dimensions", "ensemble_name", "export", "file_hash", "import_archive",
    "list_controls", "read", "read_arrays", "read_listed", "read_manifest", "round_mantissa",
    "select", "stores", "to_dataset", "verify", "write_arrays", "write_atomically", "write_dataset",
    "write_manifest", "gather",
]  # fmt: skip
