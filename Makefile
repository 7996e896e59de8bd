# make setup   everything into .venv, the command included (.venv/bin/emotrack);
#              HASHED=1 takes only files whose hash is in hashes.txt (Linux x86-64, Python 3.11)
# make demo    a real recording, replayed in real time: terminal, web page, run folder
# make test    the tests
# make explore the tests again, the property tests among them with examples drawn anew
# make check   style, types and layer rules
# make test-packages  what the tests of devices need from Debian or Ubuntu: a compiler, a sound server, a display (as root)
# make bench   speed and memory on this machine
# make fuzz    hostile bytes against everything that reads bytes of others, FUZZ_S seconds for each target
# make audit   known vulnerabilities of the pinned packages; says so where no list can be reached
# make reliability  what breaks live trackers elsewhere: every test of docs/reliability.md, a line for each row
# make soak    ten minutes of live speech: lag and memory over time, as figures and as a picture in runs/
# make golden  write the golden files of the tests anew; look at the difference before you commit it

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.emotrack-setup
TEST_PACKAGES := g++ pulseaudio pulseaudio-utils libportaudio2 libasound2-plugins xvfb \
    libegl1 libgl1 libfontconfig1 libdbus-1-3 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 \
    libxkbcommon-x11-0 xdotool fonts-dejavu-core trayer

.PHONY: setup demo test explore test-packages check bench soak fuzz fuzz-short audit reliability golden clean
.DELETE_ON_ERROR:

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "emotrack needs Python 3.11 or newer, and $(PYTHON) is not: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	    echo "Python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV): a few minutes the first time."
	$(BIN)/python -m pip install --quiet --upgrade pip
	@test -z "$(HASHED)" || $(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement hashes.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/emotrack models pull
	$(BIN)/emotrack demo --out runs/demo

test: setup
	$(BIN)/python -m pytest

explore: setup
	$(BIN)/python -m pytest --hypothesis-profile=explore

test-packages:
	@dpkg --status $(TEST_PACKAGES) >/dev/null 2>&1 || { \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES); }

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: setup
	$(BIN)/emotrack bench replay

FUZZ_S ?= 60

fuzz: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fuzz]'
	$(BIN)/python tests/fuzz/run.py --seconds $(FUZZ_S)

fuzz-short: setup
	$(BIN)/python tests/fuzz/run.py --seconds 3

audit: setup
	$(BIN)/python tests/audit.py

reliability: setup
	$(BIN)/python tests/reliability.py

soak: setup
	mkdir -p runs
	$(BIN)/emotrack bench live --soak 10 --picture runs/soak.png --out runs/soak.json

golden: setup
	EMOTRACK_GOLDEN=write $(BIN)/python -m pytest tests/golden tests/contracts

clean:
	rm -rf $(VENV) dist runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
