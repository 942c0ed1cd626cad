"""papermill as the jobs call it: what is on its command line is given to it.

A kernel's ports are chosen before they are taken. Where many kernels start at once, on a node or
beside other programs, a port may be taken in between, and papermill then waits for ever for an
answer (jupyter_client's issue 487). Here kernels are talked to through files of their own.
"""

from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from papermill.cli import papermill
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

# Letters of the folder for temporary files, for the whole name of a socket has 107 at most.
LONGEST = 80


class ThroughFiles(NBClientEngine):
    """Papermill's own engine, for a kernel without ports."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        with TemporaryDirectory(dir=None if len(gettempdir()) <= LONGEST else "/tmp") as own:
            sockets = Config(KernelManager={"transport": "ipc", "ip": f"{own}/kernel"})
            super().execute_managed_notebook(nb_man, kernel_name, config=sockets, **options)


if __name__ == "__main__":
    papermill_engines.register(None, ThroughFiles)
    papermill()
