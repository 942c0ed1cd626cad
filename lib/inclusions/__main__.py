"""The command line: `inclusions`, also `python -m inclusions`; what goes wrong is one line."""

import errno
import os
import shlex
import signal
import sys
import tempfile
import traceback
from typing import NoReturn

STOPPED = 130

try:
    import typer

    from inclusions import store
    from inclusions.commands import app
    from inclusions.commands.launch import let_the_first_speak
    from inclusions.commands.terminal import accept_any_letter, complain
    from inclusions.eigen import MissingLevels, MissingSolver, NotConverged
    from inclusions.jobs import FailedRun
    from inclusions.workflow import FailedWorkflow
except KeyboardInterrupt:  # the libraries take a second to load
    print("inclusions: stopped", file=sys.stderr)
    sys.exit(STOPPED)

UsageError = typer.BadParameter.__bases__[0]  # of whichever click typer brings


def main() -> NoReturn:
    """Run the command line; an error is one line on stderr, exit code 2 for wrong input."""
    accept_any_letter()
    arguments = sys.argv[1:] or ["--help"]
    debug = "--debug" in arguments
    try:
        code = app([word for word in arguments if word != "--debug"], standalone_mode=False)
    except (typer.Exit, SystemExit) as ended:
        code = ended.exit_code if isinstance(ended, typer.Exit) else ended.code
    except (typer.Abort, KeyboardInterrupt):
        code = STOPPED
        complain("stopped")
    except Exception as error:
        if debug:
            traceback.print_exc()
        code, message = _one_line(error, arguments)
        let_the_first_speak()
        complain(message)
    code = code if isinstance(code, int) else 0
    if code == STOPPED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends already
    mpi = sys.modules.get("mpi4py.MPI")
    if code and mpi and mpi.COMM_WORLD.size > 1:
        sys.stderr.flush()
        mpi.COMM_WORLD.Abort(code)  # the other ranks may wait for this one
    sys.exit(code)


def _one_line(error: Exception, arguments: list[str]) -> tuple[int, str]:
    """Exit code and message for what a command raised."""
    if isinstance(error, UsageError) and hasattr(error, "format_message"):
        return 2, error.format_message()
    if isinstance(error, ValueError | MissingSolver):
        return 2, str(error)
    if isinstance(error, OSError):
        return 1, _inaccessible(error)
    ended = (FailedRun, FailedWorkflow, NotConverged, MissingLevels)
    expected = (*ended, MemoryError, store.DamagedFile)
    if isinstance(error, expected) or type(error) is RuntimeError:
        return 1, str(error) or type(error).__name__
    return 1, (
        f"{type(error).__name__}: {error} in: inclusions {shlex.join(arguments)}; this is a fault "
        f"of the program; {_log(error)}"
    )


def _inaccessible(error: OSError) -> str:
    """What could not be done with which file."""
    full, forbidden = (errno.ENOSPC, errno.EDQUOT, errno.EROFS), (errno.EACCES, errno.EPERM)
    path = error.filename
    if error.errno not in full + forbidden:
        return str(error) if path is None else f"{path}: {error.strerror}"
    if error.errno in forbidden and path is not None and not os.access(path, os.R_OK):
        # Path.exists() raises for what is in a folder that may not be searched.
        if os.path.exists(path) or not os.access(os.path.dirname(path) or ".", os.X_OK):
            return f"cannot read {path}: {error.strerror}"
    what = "the output" if path is None else path
    return (
        f"cannot write {what}: {error.strerror}; what is saved stays whole, the same command goes "
        "on once this is mended"
    )


def _log(error: Exception) -> str:
    """Where the traceback is to be found."""
    text = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="inclusions-", suffix=".log", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError:
        return "--debug shows where"
    return f"{file.name} says where"


if __name__ == "__main__":
    main()
