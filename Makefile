# Every target sets itself up: a venv in .venv, made from requirements.lock.

PROMPT      ?= Once upon a time
TOKENS      ?= 200
SEED        ?= 1
TEMPERATURE ?= 0
MODEL       ?= models/stories-1m5
BOARD       ?= virtual
PRESET      ?= virtual
# What is built when no BOARD is named; of `make generate`, BOARD is where the model runs.
SYNTH_BOARD  = $(if $(filter virtual,$(BOARD)),ulx3s-85f,$(BOARD))
VENDOR_BOARD = $(if $(filter virtual,$(BOARD)),kcu116,$(BOARD))
NAMED_PRESET = $(if $(filter command line,$(origin PRESET)),--preset "$(PRESET)")
VENDOR       = $(PY) -m tritone.boards.vendor "$(VENDOR_BOARD)" $(NAMED_PRESET)
CORPUS      ?= ../shared/corpora
WORKERS     ?= 2
PYTHON      ?= python3

PY    := .venv/bin/python
READY := .venv/ready
# A stray PYTHONPATH would come before the venv.
unexport PYTHONPATH

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help generate selftest selftest-mutants record-selftest test test-train test-sdram \
        test-pcie results roofline real-size sim verilog synth-xilinx synth synth-all \
        synth-smallest synth-again synth-report program measure bench-cpu formal netlist lint \
        mutants train lock clean prerequisites power

help:  ## this list
	@echo "make TARGET [PRESET=$(PRESET) PROMPT=... TOKENS=$(TOKENS) SEED=$(SEED) TEMPERATURE=$(TEMPERATURE) MODEL=$(MODEL) BOARD=virtual|golden|pcie-sim|PORT]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

generate: $(READY)  ## write a story on the virtual board
	@$(PY) host/generate.py --board "$(BOARD)" --preset "$(PRESET)" --model "$(MODEL)" \
	    --prompt '$(subst ','\'',$(PROMPT))' --tokens "$(TOKENS)" --seed "$(SEED)" \
	    --temperature "$(TEMPERATURE)" --stop

measure: $(READY)  ## tokens/s of BOARD, and watts with METER=visa:...|hwmon:...|ppk2:...|csv:...
	@$(PY) host/measure.py --board "$(BOARD)" --preset "$(PRESET)" --model "$(MODEL)" \
	    --prompt '$(subst ','\'',$(PROMPT))' --tokens "$(TOKENS)" --seed "$(SEED)" \
	    --temperature "$(TEMPERATURE)" $(if $(REPEATS),--repeats "$(REPEATS)") \
	    $(if $(METER),--meter '$(subst ','\'',$(METER))')

selftest: $(READY)  ## test BOARD: link, memory, every block, a text
	@$(PY) host/selftest.py --board "$(BOARD)" --preset "$(PRESET)"

test: $(READY)  ## run all tests (more: make test-sdram, test-pcie, test-train)
	@OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) tests -m "not other_width" \
	    --ignore=tests/train --ignore=tests/sdram --ignore=tests/pcie

test-train: .venv/train  ## run the tests of training, which need PyTorch
	@$(PY) -m pytest tests/train

test-sdram: $(READY)  ## run the SDRAM controller on every part, and with each time too short
	@$(PY) -m pytest -n $(WORKERS) tests/sdram

test-pcie: $(READY)  ## run DMA up to 16 MiB at every place, and all PCIe boxes at other widths, 20 minutes
	@$(PY) -m pytest -n $(WORKERS) tests/pcie
	@$(PY) -m pytest -n $(WORKERS) -m other_width tests/sim

sim: $(READY)  ## run the cocotb regressions on the emitted Verilog
	@$(PY) -m pytest -n $(WORKERS) tests/sim -m "not other_width"

verilog: $(READY)  ## the machine's Verilog (PRESET=virtual), or a project for Vivado (BOARD=kcu116)
	@$(if $(filter virtual,$(BOARD)),$(PY) -m tritone.rtl.emit --preset "$(PRESET)" -o build/verilog,$(VENDOR))

synth-xilinx: $(READY)  ## what the Verilog of BOARD=kcu116 takes of its FPGA, by Yosys
	@$(VENDOR) --synthesise

synth: $(READY)  ## build/BOARD/BOARD.bit and its report (BOARD=ulx3s-85f, SEEDS=8)
	@$(PY) -m tritone.boards.build "$(SYNTH_BOARD)" $(if $(SEEDS),--seeds $(SEEDS)) $(NAMED_PRESET)

synth-all: $(READY)  ## the bitstreams of all boards, many minutes each, then synth-report
	@status=0; for board in $$($(PY) -m tritone.boards.summary --list); do \
	    $(PY) -m tritone.boards.build $$board || status=1; done; \
	    $(MAKE) --no-print-directory synth-report && exit $$status

synth-smallest: $(READY)  ## synthesise and place the smallest preset, as in continuous integration
	@$(PY) -m tritone.boards.build ulx3s-45f --preset tiny --place

synth-again: $(READY)  ## build what build/BOARD holds once more; the bitstreams must be equal
	@$(PY) -m tritone.boards.build "$(SYNTH_BOARD)" --again

synth-report: $(READY)  ## collect the reports of build/ into docs/data and all tables
	@$(PY) -m tritone.boards.summary
	@$(PY) -m tritone.power.command estimate --keep > /dev/null
	@$(PY) docs/comparison.py

program: $(READY)  ## load build/BOARD/BOARD.bit into a board with openFPGALoader
	@$(PY) -m tritone.boards.program "$(SYNTH_BOARD)"

formal: $(READY)  ## prove properties of the boxes (docs/formal.md; PROOFS="--mutants" plants faults)
	@$(PY) -m tritone.formal $(PROOFS)

netlist: $(READY)  ## run the small model on the netlist after synth_ecp5: the golden model's tokens
	@$(PY) -m tritone.sim.check_netlist

power: $(READY)  ## estimate what BOARD=ulx3s-85f draws and a token takes (docs/power.md)
	@$(PY) -m tritone.host.cli power estimate "$(SYNTH_BOARD)"

lint: $(READY)  ## check the style of the Python code
	@$(PY) -m ruff check .

mutants: $(READY)  ## plant faults in the gateware and name the test that catches each
	@$(PY) tests/mutants.py

selftest-mutants: $(READY)  ## plant a fault in each box: does the self-test name it?
	@$(PY) tests/selftest_mutants.py

record-selftest: $(READY)  ## record the self-test's signatures anew from the golden model
	@$(PY) -m tritone.compiler.selftest

train: .venv/train  ## train MODEL again from the texts in CORPUS into build/train; resumes
	@test -r "$(CORPUS)/tinystories_train.txt" || { \
	  echo "no tinystories_train.txt in $(CORPUS): name its folder with make train CORPUS=DIR" >&2; exit 1; }
	@$(PY) -m tritone.train.train --preset "$(notdir $(MODEL))" --out "build/train/$(notdir $(MODEL))" \
	    --corpus "$(CORPUS)" \
	    $(if $(wildcard build/train/$(notdir $(MODEL))/work/checkpoint.pt),--resume)

roofline: $(READY)  ## simulate all models on all machines against their bounds; rewrites docs and README's table
	@$(PY) docs/roofline.py
	@$(PY) docs/comparison.py

results: $(READY)  ## run both models and write README's results and figures anew
	@$(PY) docs/results.py $(if $(wildcard $(CORPUS)/tinystories_val.txt),--text "$(CORPUS)/tinystories_val.txt")

real-size: $(READY)  ## run a random model of the released 370M shape on the virtual board
	@$(PY) docs/real_size.py

bench-cpu: $(READY)  ## measure the models on this processor (SIZE=370M: a random one); rewrites README's table
	@$(PY) -m tritone.cpu.bench --out docs/data/cpu $(if $(SIZE),--random "$(SIZE)") \
	    $(if $(filter command line,$(origin MODEL)),--model "$(MODEL)")
	@$(PY) -m tritone.cpu.page
	@$(PY) docs/comparison.py

lock: | prerequisites  ## resolve pyproject.toml again and write requirements.lock
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --disable-pip-version-check "setuptools>=75" -e ".[test,formal,synth,measure]"
	{ echo "# Every package that make installs, resolved from pyproject.toml by: make lock"; \
	  build/lock/bin/python -m pip freeze --all --exclude-editable | grep -v '^pip='; } > requirements.lock
	rm -rf build/lock

clean:  ## remove what was built, but not the venv
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

prerequisites:
	@command -v $(PYTHON) > /dev/null || { \
	  echo "python3 is missing; install it with: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) -V) is too old; Python 3.11 or newer is needed: sudo apt-get install python3.11 python3.11-venv, then make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
	  echo "Python's venv is missing; install it with: sudo apt-get install python3-venv" >&2; exit 1; }
	@command -v g++ > /dev/null || { \
	  echo "g++ is missing; install it with: sudo apt-get install g++" >&2; exit 1; }

$(READY): pyproject.toml requirements.lock | prerequisites
	@echo "Setting up .venv: about 500 MB of Python packages, once"
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --disable-pip-version-check -r requirements.lock
	@$(PY) -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/train: $(READY)
	@echo "Adding PyTorch to .venv: several GB, once"
	@$(PY) -m pip install --disable-pip-version-check -c requirements.lock -e ".[train]"
	@touch $@
