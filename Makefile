# Each of these does all its set-up: make demo, make test, make engines, make lint, make bench.
#
# What they need at first is python3 (3.11 or later), git, make and, for what is missing, root on
# Debian or Ubuntu. What is set up stays in .venv; "make clean" takes it away.

PYTHON ?= python3
# Tests at the same time. Two guards on one machine, with one engine, is what people have, too.
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin

# The engine's address, where it is not the usual one, goes to the command that follows.
engine = settings=$$(PYTHON=$(BIN)/python scripts/engine) && eval "$$settings"

# "compat" puts this folder on the path; the usual way costs every push 19 ms for a finder.
pip = $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--config-settings editable_mode=compat

# Where another Docker than Debian 12's is here, that one is unpacked for the tests.
older = $(shell dockerd --version 2>/dev/null | grep -q ' 20\.10\.' || echo $(VENV)/older-docker)

.PHONY: demo test engines lint bench bench-build other-bytes oracle golden mutants walk chaos clean

demo: $(VENV)/package $(BIN)/docker-registry
	@$(engine) && $(BIN)/python -I -m guard demo

test: $(VENV)/extras $(BIN)/docker-registry $(VENV)/newer-docker $(older)
	@scripts/tools busybox:busybox-static git-lfs ssh-keygen:openssh-client
	@$(engine) && PATH="$(CURDIR)/$(BIN):$$PATH" python -m tests.alone \
		python -m pytest -n $(JOBS) $(ARGS)

# The same endings on more engines than CI has.
engines: $(VENV)/extras $(BIN)/docker-registry $(VENV)/newer-docker $(VENV)/docker-26 $(older) \
		$(VENV)/podman
	@scripts/tools busybox:busybox-static
	@$(engine) && PATH="$(CURDIR)/$(BIN):$$PATH" python -m tests.alone \
		python -m pytest -n $(JOBS) --more-engines tests/matrix tests/engine/on_podman.py $(ARGS)

lint: $(VENV)/extras
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/extras $(BIN)/docker-registry
	@scripts/tools git-lfs
	@$(BIN)/python -m bench.push $(ARGS)
	@$(BIN)/python -m bench.haskell
	@$(engine) && PATH="$(CURDIR)/$(BIN):$$PATH" python -m bench.recover
	@$(BIN)/python -m bench.growth
	@$(MAKE) --no-print-directory bench-build

# Against the docker CLI on the same engine with the same builder; takes ten minutes.
bench-build: $(VENV)/extras $(VENV)/newer-docker
	@$(engine) && $(BIN)/python -m tests.engine.bench_build

# Two hundred builds on each engine that try to get other bytes than a combination's into an image.
other-bytes: $(VENV)/extras $(VENV)/newer-docker
	@$(engine) && BUILDS=$${BUILDS:-200} PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest \
		-n $(JOBS) tests/matrix/test_other_bytes.py $(ARGS)

# Files and projects made by chance, read by guard and by the Haskell tools of today, which are
# brought first (root, Debian, 2 GB). COUNT=500 a tenth of them, ARGS="hpack projects" some kinds.
oracle: $(VENV)/extras $(VENV)/haskell
	@seed=$${SEED:-$$(date +%s)}; echo "make oracle SEED=$$seed"; \
	$(BIN)/python -m tests.haskell.differential $(VENV)/haskell $${COUNT:-5000} $$seed $(ARGS)

# The audits of clones of the public repositories, side by side in the folder REAL.
golden: $(VENV)/package
	@$(BIN)/python -m tests.audits.real $(REAL) $(ARGS)

# Breaks copies of guard, a line at a time: a test has to turn red each time. ARGS="WORDS" some.
mutants: $(VENV)/extras $(BIN)/docker-registry
	@$(engine) && $(BIN)/python -m tests.mutants --jobs $(JOBS) $(ARGS)

# Days of a team made by chance, each with a walk along "next:". DAYS=13 SEED=N those of a run again,
# DAY="aula their_aula bound" one day, step by step. No engine is asked.
walk: $(VENV)/extras
	@seed=$${SEED:-$$(date +%s)}; echo "make walk SEED=$$seed"; \
	SEED=$$seed DAYS=$${DAYS:-500} PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -n $(JOBS) \
		tests/walks/test_days.py $(if $(DAY),-n 0 -s -k one_day,-k every_day) $(ARGS)

chaos: $(VENV)/extras
	@seed=$${SEED:-$$(date +%s)}; echo "make chaos SEED=$$seed"; \
	SEED=$$seed KILLS=$${KILLS:-300} PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest \
		tests/chaos $(ARGS)

# A program only: the installed package would run as a service.
$(BIN)/docker-registry: scripts/registry $(VENV)/python
	@scripts/registry $(BIN)
	@touch $@

# Docker 28, which tests start beside the engine that is here; and others. A newer dockerd needs no
# newer C library. runc would, so the system's is taken.
$(VENV)/newer-docker: scripts/packages $(VENV)/python
	@scripts/packages $@ sid docker.io docker-cli containerd docker-buildx
	@touch $@

$(VENV)/older-docker: scripts/packages $(VENV)/python
	@scripts/packages $@ bookworm docker.io containerd runc
	@touch $@

$(VENV)/docker-26: scripts/packages $(VENV)/python
	@scripts/packages $@ trixie docker.io containerd docker-buildx
	@touch $@

# Podman's service, with what it needs.
$(VENV)/podman: scripts/podman $(VENV)/python
	@scripts/podman $@
	@touch $@

# GHC with its Cabal library, cabal-install, hpack and stack, in a system of their own.
$(VENV)/haskell: scripts/haskell $(VENV)/python
	@scripts/haskell $@
	@touch $@

clean:
	rm -rf $(VENV)

$(VENV)/python: scripts/venv
	@scripts/venv "$(PYTHON)" $(VENV)
	@touch $@

$(VENV)/package: $(VENV)/python setup.cfg pyproject.toml
	@$(pip) --editable .
	@touch $@

$(VENV)/extras: $(VENV)/python setup.cfg pyproject.toml
	@$(pip) --editable '.[test,lint]'
	@touch $(VENV)/package $@
