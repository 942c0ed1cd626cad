# Targets for people: `make help`. Set-up runs by itself when it is needed.

# The active conda environment where it holds petsc4py (environment.yml), else .venv.
CONDA_PYTHON := $(if $(CONDA_PREFIX),$(shell "$(CONDA_PREFIX)/bin/python" -c \
  'import importlib.util as u, sys; u.find_spec("petsc4py") and print(sys.executable)' 2>/dev/null))
ifneq ($(CONDA_PYTHON),)
PYTHON := $(CONDA_PYTHON)
STAMP := .setup-conda-$(notdir $(CONDA_PREFIX))
else
PYTHON := .venv/bin/python
STAMP := .venv/stamp
export PATH := $(CURDIR)/.venv/bin:$(PATH)
endif

# One thread each: the work is in many small processes. Override as usual.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
# Packages of the user's home must not shadow the locked ones.
export PYTHONNOUSERSITE := 1
# As in many containers: each of hundreds of processes would compile what it imports, 3 s each.
unexport PYTHONDONTWRITEBYTECODE
# Open MPI refuses to run as root (as in a container) unless told twice.
ifeq ($(shell id -u),0)
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
endif

.PHONY: help setup data book kit pdf student test campaign lock clean
.DEFAULT_GOAL := help

help:  ## print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)-package  ## install what is missing (done by the others when needed)

# Pages run under a configuration of their own, not the user's. It keeps kernels from warning of
# unencrypted connections, which never leave this machine.
KERNELS := _build/ipython/profile_default/ipython_kernel_config.py
book kit pdf student: export IPYTHONDIR := $(CURDIR)/_build/ipython
$(KERNELS):
	@mkdir -p $(@D)
	@echo 'c.IPKernelApp.log_level = "ERROR"' > $@

data: setup # every build begins by seeing whether its data are there
	@$(PYTHON) -m inclusions.places

book: setup data $(KERNELS)  ## build the book, _build/html/index.html; a warning is an error
	@$(PYTHON) -c 'import matplotlib.font_manager' 2>/dev/null # its first import prints to stderr
	$(dir $(PYTHON))jupyter-book build --all -W -n --keep-going .
	@test -f _build/html/index.html
	@$(PYTHON) -m inclusions.pages # fails if data changed while the book was built

kit: book  ## package, notebooks and data as one zip, for machines with Python alone; the book has it too
	@cp _build/html/inclusions-kit.zip _build/
	@echo "The kits are _build/inclusions-kit.zip and, without solutions, _build/inclusions-student-kit.zip"

pdf: setup data $(KERNELS)  ## build the book as _build/inclusions.pdf; installs LaTeX when run as root
	./setup.sh latex
	@rm -rf _build/latex
	$(dir $(PYTHON))jupyter-book build --all --builder pdflatex .
	@cp _build/latex/inclusions.pdf _build/
	@echo "The book is _build/inclusions.pdf; make book links it on its first page"

student: setup data $(KERNELS)  ## build the edition without solutions: _build/student, as HTML and notebooks
	$(PYTHON) -m inclusions.student _build/student
	$(dir $(PYTHON))jupyter-book build --all -W -n --keep-going _build/student
	@mkdir _build/student/notebooks
	@cp $(patsubst %,_build/student/_build/html/_sources/book/course/%.ipynb,$(filter-out \
	  index teachers-notes,$(notdir $(basename $(wildcard book/course/*.md))))) _build/student/notebooks
	@cp _build/student/_build/inclusions-student-kit.zip _build/
	@$(PYTHON) -m inclusions.student --handouts _build/student
	@echo "Hand out _build/student/_build/html and its notebooks in _build/student/notebooks, or"
	@echo "_build/inclusions-student-kit.zip, which has the package and the data too"

# Three side by side on two cores, for many tests wait: for a queue, a kernel, another process.
test: setup  ## ruff, import-linter, mypy, pytest
	$(PYTHON) -m ruff check .
	$(dir $(PYTHON))lint-imports --no-logo
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# A name under book/runs/profiles, or the path of a profile of your own. By the environment, so that
# names may have spaces and quotes.
export CAMPAIGN DATA
export PROFILE ?= laptop

campaign: setup  ## compute CAMPAIGN=file.toml here; PROFILE=slurm submits it; DATA=folder
	@test -n "$$CAMPAIGN" || { \
	  echo "campaign: which one? CAMPAIGN=book/runs/campaigns/laptop.toml" >&2; exit 2; }
	@$(PYTHON) -m inclusions workflow --profile "$$PROFILE" $${DATA:+--data "$$DATA"} \
	  -- "$$CAMPAIGN"

lock: $(STAMP)-deps  ## bring requirements*.lock in line with pyproject.toml, keeping pins that fit
	./setup.sh lock $(PYTHON)

clean:  ## remove build products; never data, never .venv
	rm -rf _build build lib/*.egg-info .pytest_cache .ruff_cache .import_linter_cache .mypy_cache .hypothesis
	find lib tests book -name __pycache__ -prune -exec rm -rf {} +

# The stamps: nothing of set-up runs again until one of these files changes.
$(STAMP)-deps: setup.sh requirements.lock requirements-mumps.lock
	./setup.sh deps $(PYTHON)
	@touch $@

$(STAMP)-package: $(STAMP)-deps pyproject.toml setup.py $(wildcard lib/inclusions/*/*.c)
	./setup.sh package $(PYTHON)
	@touch $@
