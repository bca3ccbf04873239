# make run    sets up, builds in release and answers the main scenario
# make test   sets up and runs all tests
# make verify executes every schedule on numbers, 200 shapes a family in 50 random orders (7 minutes of processor time, over all cores)
# make same   compares all answers with those of another checkout (OLD=path), byte for byte
# make lint   checks the formatting
# make bench  measures the warm library call and the cold command
# make docs   writes docs/schedules.md, devices.md and masks.md from what is declared
# make accuracy  writes docs/accuracy.md from the measured tables
# make docs-check   runs the commands of README.md and docs/guide and compares the figures that they quote
# make docs-update  writes the figures that come out into them, and the picture of the README

SWIFT ?= swift
PACKAGES := libsqlite3-dev libgraphviz-dev libc6-dev libstdc++-12-dev binutils libcurl4 libncurses6 libxml2 git tzdata python3

.PHONY: setup run test same verify lint bench docs accuracy docs-check docs-update build

# Installs what a bare Debian 12 with a Swift toolchain lacks. Asks nothing; says what it does.
setup:
	@missing=""; \
	for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q "install ok installed" || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null; then \
	  if [ -e /usr/include/sqlite3.h ] && [ -e /usr/include/graphviz/gvc.h ] && [ -e /usr/include/stdio.h ] && command -v python3 >/dev/null; then exit 0; fi; \
	  sudo=""; if [ "$$(id -u)" != 0 ]; then sudo=$$(command -v sudo) || { echo "setup: not root and no sudo; install:$$missing"; exit 1; }; fi; \
	  echo "setup: installing$$missing"; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing; \
	fi
	@command -v $(SWIFT) >/dev/null || { echo "setup: no Swift toolchain; see https://www.swift.org/install"; exit 1; }

build: setup
	$(SWIFT) build -c release --product attnsim

run: build
	$$($(SWIFT) build -c release --show-bin-path)/attnsim run scenarios/fa3-h100.yaml

# Tests run optimised, in a build of their own; CI tries the command of that build.
TESTBUILD := -c release -Xswiftc -enable-testing --scratch-path .build/testing

test: setup
	$(SWIFT) test $(TESTBUILD) --disable-xctest

# Asks another checkout and this one the same thousands of questions: make same OLD=../attnsim-before
same: build
	tools/same-answers.py $(OLD) .

verify: build
	$$($(SWIFT) build -c release --show-bin-path)/attnsim verify --shapes 200 --orders 50

lint:
	$(SWIFT) format lint --strict -r -p Sources Tests Benchmarks

bench: build
	@$(SWIFT) run -c release WarmCall
	@Benchmarks/cold-start.sh "$$($(SWIFT) build -c release --show-bin-path)/attnsim"

# The build that writes them is the one that is there, where ATTNSIM names it.
ATTNSIM ?= $$($(SWIFT) build -c release --show-bin-path)/attnsim

# Writes what the schedules, the device files and the grammar of masks declare.
docs: $(if $(filter command line environment,$(origin ATTNSIM)),,build)
	"$(ATTNSIM)" schedules --markdown > docs/schedules.md
	"$(ATTNSIM)" devices --markdown > docs/devices.md
	"$(ATTNSIM)" mask --markdown > docs/masks.md

# Writes docs/accuracy.md again from the measured tables, and the errors that CI holds later ones against.
accuracy: build
	docs/accuracy.sh "$$($(SWIFT) build -c release --show-bin-path)/attnsim" > docs/accuracy.md
	for table in h100 counters_h100 board_h100 a100 h200 board_h200 h100_serving; do \
	  "$$($(SWIFT) build -c release --show-bin-path)/attnsim" validate validation/$$table.csv --json > validation/recorded/$$table.json || exit 1; \
	done

docs-check: build
	tools/check-docs.py "$$($(SWIFT) build -c release --show-bin-path)/attnsim"

docs-update: build
	tools/check-docs.py --update "$$($(SWIFT) build -c release --show-bin-path)/attnsim"
	"$$($(SWIFT) build -c release --show-bin-path)/attnsim" run --device h100-sxm5 --schedule fa3 --batch 1 --heads 2 --seq 512 \
	  --head-dim 128 --trace docs/timeline.svg > /dev/null
