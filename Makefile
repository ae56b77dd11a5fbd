# The front door. Every step of CI is one of these targets; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test test-linux lint host-test target-test witness firmware build docs size bench soak deps newer-qemu clean
BOARDS ?= microbit mps2-an386 blackpill-f411
# One configuration for tools and tests, so that nothing is compiled twice.
SWIFT_BUILD = swift build --build-system native -c release -Xswiftc -enable-testing
BIN = .build/release

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

deps: ## install what is missing (NO_INSTALL=1: only say what)
	@Tools/install-dependencies
	@Tools/same-place

build: deps ## build the command line tool, as bin/lightnode
	@$(SWIFT_BUILD) --product lightnode
	@$(SWIFT_BUILD) --product QEMUProbe
	@mkdir -p bin && ln -sf ../$(BIN)/lightnode bin/lightnode
	@Tools/note-commit $(BIN)/lightnode

firmware: build ## build the light-node image of every board
	@for board in $(BOARDS); do bin/lightnode build --board $$board || exit 1; done

run: firmware ## from nothing to the owner's signed $('led').on() on an emulated board
	@$(SWIFT_BUILD) --product first-light
	@$(BIN)/first-light

test: deps ## lint, unit tests, on-target tests and end-to-end tests
	@Tools/test

test-linux: firmware ## a node on USB in the real Linux kernel: a virtual machine, about a minute
	@Tools/install-dependencies linux-guest
	@Tools/test-linux

host-test: deps witness newer-qemu ## unit tests and end-to-end tests on this computer
	@$(SWIFT_BUILD) --build-tests
	@Tools/host-tests

newer-qemu: ## fetch a QEMU into build/ for boards that the installed one is too old for; without one they are skipped
	@Tools/install-newer-qemu || true

target-test: build newer-qemu ## on-target tests of every board under QEMU
	@bin/lightnode test
	@Tools/test-codecs
	@Tools/test-ed25519
	@Tools/test-constant-time
	@Tools/test-skeletons

witness: deps ## the independent Python programs that check our encodings, kept inside build/
	@Tools/witness-environment

lint: ## check format and structure
	@Tools/lint

docs: build ## the pages of the modules ControlNode and FlashStore, in build/docs
	@Tools/docs

size: firmware ## flash and RAM per board, module and driver; fails over budget
	@bin/lightnode size $(addprefix --board ,$(BOARDS))
	@Tools/driver-sizes
	@[ -n "$$DRIVERS" ] || Tools/usb-size

bench: firmware ## measure under QEMU; writes build/bench.json
	@$(SWIFT_BUILD) --product dfu-bench
	@$(SWIFT_BUILD) --product chain-bench
	@Tools/bench

soak: deps ## the long randomised and fuzzing runs
	@Tools/soak

clean: ## remove everything that was built
	@rm -rf .build* build bin
