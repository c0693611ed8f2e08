# Two commands: `make demo` shows the workbench at work on an invented province, `make test` checks everything.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SHELL  := bash
.SHELLFLAGS := -eu -o pipefail -c
export PYTHONUTF8 := 1

.PHONY: demo test lab lock clean
.DEFAULT_GOAL := demo

demo: $(READY)
	@$(BIN)/supervise demo

lab: $(READY)
	@sed -nE 's/^([A-Za-z0-9._-]+==[^ ]+)( *;.*[^\\ ])? *\\?$$/\1\2/p' requirements.lock > $(VENV)/constraints.txt
	@$(BIN)/python -m pip install --quiet --no-build-isolation -c $(VENV)/constraints.txt -e '.[lab]'
	@$(BIN)/jupyter lab notebooks

# Every check runs even if one before it failed; the last line is pytest's own closing line.
# pytest also checks that notebooks are clean and that exporting them leaves no difference.
test: $(READY)
	@set -o pipefail; failed=""; \
	echo "== ruff";      $(BIN)/ruff check supervise_lib tests $(wildcard bench) || failed="$$failed ruff"; \
	echo "== notebooks"; $(BIN)/nbdev-test || failed="$$failed notebooks"; \
	echo "== pytest";    $(BIN)/python -m pytest --color=no -n auto --dist loadfile 2>&1 | tee $(VENV)/pytest.log || failed="$$failed pytest"; \
	echo "== $${failed:+failed:}$${failed:-all checks passed}"; \
	tail -n 1 $(VENV)/pytest.log; \
	test -z "$$failed"

# Keeps the versions that still fit; `make lock UPGRADE=--upgrade` takes the newest. The index is the one your uv is set to;
# its address does not enter the file.
lock: $(READY)
	@$(BIN)/python -m pip install --quiet 'uv>=0.9'
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate $(UPGRADE) --quiet --output-file requirements.lock
	@git --no-pager diff --stat -- requirements.lock

# The stamp is written last, so a set-up that broke off is done again.
$(READY): requirements.lock pyproject.toml
	@rm -f $@
	@command -v "$(PYTHON)" > /dev/null || { echo "$(PYTHON) was not found; name an interpreter: make PYTHON=/path/to/python3.11 未找到 Python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$("$(PYTHON)" --version 2>&1) at $$(command -v "$(PYTHON)") is too old: \
	3.11 or newer is needed; name one: make PYTHON=python3.11 Python 版本过低" >&2; exit 1; }
	@$(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "setting up $(VENV) (once; a minute or two) 正在安装依赖"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) build dist _proc _docs .pytest_cache .ruff_cache .hypothesis
	find notebooks supervise_lib tests -name __pycache__ -prune -exec rm -rf {} +
