# demo · serve · test · check · bench: people, hooks and CI call these and nothing else. All they need is Python 3.11 and make.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

export HF_HUB_DISABLE_TELEMETRY = 1

.PHONY: demo serve test check bench clean help

help:
	@echo "make demo    install into $(VENV), run the mini suite, print the board (5 to 8 minutes)"
	@echo "make serve   install into $(VENV), open the leaderboard page at http://127.0.0.1:8501"
	@echo "make test    install into $(VENV), run the tests"
	@echo "make check   ruff, mypy --strict, import floors"
	@echo "make bench   measure against peers, side by side, and write docs/benchmarks/"
	@echo "make clean   remove $(VENV) and caches of the tools"

demo: $(VENV)/run
	@$(BIN)/xbench run --suite mini
	@echo
	@echo "Look again:   $(BIN)/xbench board"
	@echo "Read on:      docs/mini-suite.md says what these languages are, README.md how to run your own encoder"

serve: $(VENV)/page
	$(BIN)/xbench serve

# Threads that wait by spinning slow each other down where several tests' processes share the cores.
test: $(VENV)/test
	OMP_WAIT_POLICY=$${OMP_WAIT_POLICY:-PASSIVE} HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

check: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/test
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks

# The stamps are made anew when what is installed changes. --use-pep517: seqeval comes as a source whose old way of
# building fails with recent releases of setuptools_scm.
$(VENV)/run: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --editable ".[run]"
	@touch $@

$(VENV)/page: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --editable ".[page]"
	@touch $@

$(VENV)/test: pyproject.toml $(wildcard tests/plugin/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --editable ".[run,test]" ./tests/plugin
	@touch $@ $(VENV)/run $(VENV)/page

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
