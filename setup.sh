#!/usr/bin/env bash
# Set-up, called by the Makefile, which decides whether there is anything to do:
#   setup.sh deps PYTHON      everything the lock files name, into the environment
#   setup.sh package PYTHON   the editable package with its C extension
#   setup.sh latex              what `make pdf` needs beyond it
#   setup.sh lock PYTHON      the lock files from pyproject.toml
# PYTHON is .venv/bin/python (made here) or the Python of an active conda
# environment, which already holds the dependencies.
set -euo pipefail
cd "$(dirname "$0")"

step=$1 python=${2:-}

say() { printf 'setup: %s\n' "$*"; }

# libopenblas0: without it PETSc and MUMPS run on the slow reference BLAS.
# python3-petsc4py and -slepc4py put the -real builds on Python's path.
apt_packages="python3-venv python3-dev python3-mpi4py openmpi-bin
    python3-petsc4py python3-petsc4py-real libpetsc-real-dev
    python3-slepc4py python3-slepc4py-real slepc-dev
    libmumps-dev libopenblas0-pthread chromium slurm-wlm munge"
purpose="MPI and MUMPS" after=" && rm -rf .venv"

# The distribution's packages: MPI, PETSc, SLEPc, MUMPS, and the browser that
# the tests look at the book with. Failure is not the end: pip carries the rest.
system_packages() {
    command -v apt-get >/dev/null || return 0
    local package missing=() known=() unknown=() log
    for package in $apt_packages; do
        [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == *"ok installed" ]] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        say "for $purpose too: sudo apt-get install --no-install-recommends ${missing[*]}$after"
        return 0
    fi
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    apt-get update >"$log" 2>&1 </dev/null || true # a stale list may still do
    # A release may lack one of them (Ubuntu has no chromium): take the others.
    for package in "${missing[@]}"; do
        if [[ $(apt-cache policy "$package") == *"Candidate: "[!\(]* ]]; then
            known+=("$package")
        else
            unknown+=("$package")
        fi
    done
    [ ${#unknown[@]} = 0 ] || say "not in this release, going on without: ${unknown[*]}"
    [ ${#known[@]} -gt 0 ] || return 0
    say "apt-get install ${known[*]}"
    apt-get install -y --no-install-recommends "${known[@]}" >>"$log" 2>&1 </dev/null ||
        say "apt-get failed ($(tail -n 1 "$log")); going on with pip alone"
}

usable() { # Python 3.11 or later that can make a venv
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

make_venv() {
    "$python" -c '' 2>/dev/null && return 0
    # python3 on the path may be another than the distribution's, but only the
    # distribution's sees its petsc4py.
    local has_petsc='import importlib.util as u, sys; sys.exit(u.find_spec("petsc4py") is None)'
    if usable /usr/bin/python3 && /usr/bin/python3 -c "$has_petsc"; then
        /usr/bin/python3 -m venv --clear --system-site-packages .venv
        return 0
    fi
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if usable "$candidate"; then
            "$candidate" -m venv --clear .venv
            return 0
        fi
    done
    say "no Python 3.11 or later with its venv module found (Debian: apt-get install python3-venv)" >&2
    exit 1
}

pin() { grep -h "^$1==" requirements*.lock; } # with its markers, for pip -r

# uv installs in seconds what takes pip a minute; pip is there when it fails.
install() { "$python" -m uv pip install -q --python "$python" "$@" 2>/dev/null ||
    "$python" -m pip install -q "$@"; }

mumps() {
    # python-mumps, of earlier set-ups, is imported under the same name.
    "$python" -m pip uninstall -q -y python-mumps 2>/dev/null || true
    if ! "$python" -c 'import mpi4py' 2>/dev/null; then
        say "no mpi4py (Debian: apt-get install python3-mpi4py): the mumps engine is left out"
    elif ! echo '#include <dmumps_c.h>
            int main(void) { return 0; }' | ${CC:-cc} -x c - -ldmumps -o .venv/probe 2>/dev/null; then
        say "no MUMPS for MPI (Debian: apt-get install libmumps-dev): the mumps engine is left out"
    elif ! "$python" -c 'from mumps import DMumpsContext' 2>/dev/null; then
        "$python" -m pip install -q --no-deps --no-build-isolation \
            -r <(pin pymumps) >.venv/mumps.log 2>&1 ||
            say "pymumps does not build here (.venv/mumps.log): the mumps engine is left out"
    fi
}

# cmake, ninja, cython and mpirun's Python are looked up on the path.
export PATH="$PWD/.venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1

case $step in
deps)
    [ "$python" = .venv/bin/python ] || exit 0 # conda: environment.yml brought them
    system_packages
    make_venv
    say "installing requirements.lock into .venv"
    "$python" -m pip install -q -r <(pin uv) || say "no uv; going on with pip"
    install -r requirements.lock
    mumps
    # The first import prints to stderr while it lists the fonts, which would
    # count as an error in the book.
    "$python" -c 'import matplotlib.font_manager' 2>/dev/null
    ;;
package)
    "$python" -m pip install -q --no-deps --no-build-isolation --editable .
    # No library is better than one of an older source; while it builds, running jobs keep theirs.
    for source in lib/inclusions/*/*.c; do
        compiled=("${source%.c}"*.so)
        find "${compiled[@]}" ! -newer "$source" -delete 2>/dev/null || true
        compgen -G "${source%.c}*.so" >/dev/null ||
            say "$source does not compile here: going on without it"
    done
    ;;
latex)
    apt_packages="texlive-xetex texlive-latex-recommended texlive-latex-extra
        texlive-fonts-recommended latexmk fonts-freefont-otf xindy"
    purpose="the PDF" after=
    system_packages
    for tool in xelatex latexmk xindy; do
        command -v $tool >/dev/null && continue
        say "no $tool: install TeX Live ($(echo $apt_packages))" >&2
        exit 1
    done
    ;;
lock)
    compile() { "$python" -m uv pip compile -q --universal --python-version 3.11 \
        --no-emit-index-url --custom-compile-command "make lock" "$@"; }
    compile pyproject.toml --group build -o requirements.lock \
        --extra book --extra runs --extra test --extra bench
    # Apart, because it installs only where MUMPS is, and without mpi4py, which is the machine's.
    compile pyproject.toml --no-annotate -c requirements.lock --extra mumps \
        --no-emit-package mpi4py -o requirements-mumps.lock
    ;;
*)
    say "unknown step $step" >&2
    exit 2
    ;;
esac
