# `make help` lists the targets. Each one sets up what it needs in .venv first.

# The interpreter that .venv is made from; by default the first of these that will do.
PYTHON ?=
CANDIDATES = python3 python3.14 python3.13 python3.12 python3.11
VENV = .venv
RUN = $(VENV)/bin/python

.PHONY: help demo test check dot clean distclean
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

demo: $(VENV)/installed-train dot  ## train a network on MNIST, with pictures in runs/
	$(RUN) -m nn train

test: $(VENV)/installed-test dot  ## run every test
	$(RUN) -m pytest -q -n auto --maxprocesses 8

check: $(VENV)/installed-dev  ## formatting, lint, types, and which package may import which
	$(RUN) -m ruff format --check
	$(RUN) -m ruff check
	$(RUN) -m pyright
	$(RUN) -m pytest -q tests/test_floors.py

clean:  ## remove caches and build outputs
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## the same, and .venv
	rm -rf $(VENV)

# One stamp per extra of pyproject.toml: installed again only when that file changes.
$(VENV)/installed-%: pyproject.toml | $(RUN)
	$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

$(RUN):
	@set -e; \
	why="$(or $(PYTHON),python3) was not found"; \
	for python in $(or $(PYTHON),$(CANDIDATES)); do \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	    if ! $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	        why="$$python is Python $$version"; \
	    elif ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	        why="$$python has no venv module (on Debian and Ubuntu: apt install python$$version-venv)"; \
	    else \
	        echo "making $(VENV) with $$python (Python $$version)"; \
	        exec $$python -m venv --clear $(VENV); \
	    fi; \
	done; \
	echo "autodiff needs Python 3.11 or newer with its venv module, but $$why;" \
	    "install one, or name yours: make PYTHON=/path/to/python3" >&2; \
	exit 1

# Graphs are drawn by Graphviz's `dot`. It is a convenience: nothing fails without it.
dot:
	@has() { command -v $$1 >/dev/null; }; \
	has dot && exit; \
	if [ "$$(id -u)" = 0 ] && has apt-get; then \
	    echo "installing Graphviz with apt-get"; \
	    install="DEBIAN_FRONTEND=noninteractive apt-get install -qq graphviz"; \
	    timeout 300 sh -c "$$install || { apt-get update -qq && $$install; }" >/dev/null 2>&1; \
	elif has brew; then \
	    echo "installing Graphviz with brew"; \
	    brew install --quiet graphviz >/dev/null 2>&1; \
	fi; \
	has dot || echo "the program dot is missing, so graphs are not drawn; Graphviz has it"
