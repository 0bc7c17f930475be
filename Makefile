# Every command of the project. `make` alone explains itself; the first target that needs it sets .venv up.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3

BIN := .venv/bin
STAMP := .venv/.installed

# $(call quote,TEXT) is TEXT as one word for the shell, whatever is in it.
quote = '$(subst ','\'',$(1))'
# $(call option,DATA,data) is --data 'VALUE' where DATA=VALUE was given to make. The environment does not count: names
# as common as OUT and DATA may be set there for other programs. HEMOSWEEP_OUT and HEMOSWEEP_DATA are hemosweep's own: it
# reads them itself where an option is not given.
given = $(if $(filter command,$(origin $(1))),$($(1)))
option = $(if $(call given,$(1)),--$(2) $(call quoted,$(1)))
quoted = $(if $(call given,$(1)),$(call quote,$(call given,$(1))))

OUT_OPTION = $(call option,OUT,out)
SWEEP_OPTIONS = $(call option,DATA,data) $(call option,PROFILE,profile) $(OUT_OPTION) $(call option,SEEDS,seeds) \
	$(call option,REPEATS,repeats) \
	$(call option,ARMS,arms) $(call option,FOLDS,folds) $(call option,ONLY_FOLDS,only-folds) \
	$(call option,TRIALS,trials) $(call option,AT_ONCE,at-once)
# By the environment: a command line, which make prints and everybody can read, must not have a password.
ifneq ($(call given,TRACKING),)
export MLFLOW_TRACKING_URI := $(call given,TRACKING)
endif
TRAINING_OPTIONS = $(call option,EXECUTOR,executor) $(call option,BUDGET,budget)

.PHONY: help setup test test-browser test-slow mutants lint format format-check types imports check \
	quickstart study score bench readme report status sync ui dashboard runs clean-runs phantom preview data-check describe preprocess clean distclean lock FORCE

# Lists for 80 columns: a head, and its text in lines below each other.
define LIST
function put(head, text,  number, words, line, i) {
	number = split(text, words, " ")
	line = head
	for (i = 1; i <= number; i++) {
		if (length(line) + 1 + length(words[i]) > 80) { print line; line = sprintf("%*s", length(head), "") }
		line = line " " words[i]
	}
	print line
}
/^[a-z][a-z%-]*:.*## / && !variables {
	target = $$0; sub(/:.*/, "", target); sub(/%/, "NAME", target)
	text = $$0; sub(/.*:.*## /, "", text)
	put(sprintf("  %-19s", target), text)
}
variables && sub(/^## /, "") {
	if ($$1 ~ /=$$/ && name) { put(sprintf("  %-12s", name), text); text = "" }
	if ($$1 ~ /=$$/) { name = $$1; $$1 = "" }
	text = text " " $$0
}
END { if (variables) put(sprintf("  %-12s", name), text) }
endef

help: export PROGRAM = $(LIST)
help: ## Show this text
	@awk "$$PROGRAM" Makefile
	@names=$$($(BIN)/hemosweep sweeps --names 2>/dev/null | tr '\n' ' '); \
		printf '\nNAME is one of: %s\n' "$${names:-those of .venv/bin/hemosweep sweeps, after make setup}" | fold -s -w 80 | sed 's/ $$//'
	@printf '\nVariables, as in make sweep-patchsize DATA=/path/to/dataset SEEDS=3:\n'
	@awk -v variables=1 "$$PROGRAM" Makefile

# One list for `make help` and for the check below: in brackets, the targets that take the variable.
## DATA=        the data set's folder (sweep: without it a phantom is made, and the profile is demo)
##              [quickstart sweep plan study report clean-runs phantom preview data-check describe preprocess]
## PROFILE=     demo or paper (sweep: paper where DATA is given) [sweep plan study preprocess]
## OUT=         where runs and results go (default runs)
##              [quickstart sweep plan study score report runs status sync clean-runs ui dashboard readme preview
##              describe preprocess]
## SEEDS=       how many seeds an arm is trained with; auto: more where a comparison is open [sweep plan study]
## BUDGET=      with SEEDS=auto, the hours of training of the sweep, such as 12h [sweep study]
## REPEATS=     how often the folds are drawn, each time with a seed of its own [sweep plan study]
## ARMS=        only these arms, separated by commas [sweep plan study]
## TRIALS=      sweep-search-...: how many arms are tried (default 20) [sweep plan study]
## FOLDS=       number of folds (default the profile's) [sweep plan study]
## ONLY_FOLDS=  only these folds of the split, such as 0,2 (for trying) [sweep plan study]
## EXECUTOR=    where fold runs are trained (default local) [sweep study]
## AT_ONCE=     fold runs at a time without a GPU (demo: one a processor; else 1) [sweep plan study]
## TRACKING=    another MLflow server to record at, too, such as http://HOST:5000 (none for none) [sweep study sync]
## CASES=       phantom: how many cases; preview: at most so many [phantom preview]
## JOBS=        cases worked on at once (default one a processor) [data-check describe preprocess score mutants]
## MUTANTS=     how many (default 320) [mutants]
## AREAS=       only these areas, such as stats,scores [mutants]
## SIZE=        demo or paper [phantom]
## SEED=        seed of the random numbers [phantom]
## ARGS=        further options for hemosweep (test, test-slow: for pytest), passed on as they are
##              [quickstart sweep plan study score report bench readme runs status sync clean-runs ui dashboard phantom
##              preview data-check describe preprocess mutants check test test-browser test-slow]
## PYTHON=      the Python that .venv is made with, 3.11 to 3.13 (default python3) [every target]

# A variable that nothing would read is refused: SEED=3 for SEEDS=3 would train for hours, and not what was asked for.
define REFUSED_VARIABLE
function distance(a, b,  i, j, old, row) {
	for (j = 0; j <= length(b); j++) row[0, j] = j
	for (i = 1; i <= length(a); i++) {
		row[i, 0] = i
		for (j = 1; j <= length(b); j++) {
			old = row[i - 1, j - 1] + (substr(a, i, 1) != substr(b, j, 1))
			if (row[i - 1, j] + 1 < old) old = row[i - 1, j] + 1
			if (row[i, j - 1] + 1 < old) old = row[i, j - 1] + 1
			row[i, j] = old
		}
	}
	return row[length(a), length(b)]
}
/^## / {
	if ($$2 ~ /^[A-Z_]+=$$/) { name = substr($$2, 1, length($$2) - 1); known[name] }
	for (i = 2; i <= NF; i++) {
		word = $$i
		if (sub(/^\[/, "", word)) listing = 1
		last = sub(/\]$$/, "", word)
		if (listing) takes[word, name]
		if (last) listing = 0
	}
}
END {
	num_goals = split(goals, goal, " ")
	for (name in known) {
		if (num_goals == 0 || ("every", name) in takes) read[name]
		for (g in goal) {
			target = goal[g]
			sub(/^sweep-.*/, "sweep", target)
			sub(/^plan-.*/, "plan", target)
			if ((target, name) in takes) read[name]
		}
	}
	num_given = split(given, names, " ")
	for (i = 1; i <= num_given; i++) {
		if (names[i] in read) continue
		least = 3
		for (name in read) if (distance(toupper(names[i]), name) < least) {
			least = distance(toupper(names[i]), name)
			nearest = "; give " name "="
		}
		where = num_goals ? goals " does not take " names[i] "=" : "there is no variable " names[i] "="
		print where nearest " (make help lists the variables, and the targets that take each)"
		exit
	}
}
endef
GIVEN := $(strip $(filter-out MAKE% MFLAGS SHELL V .% -%,\
	$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))))
ifneq ($(GIVEN),)
REFUSAL := $(shell awk -v given=$(call quote,$(GIVEN)) -v goals=$(call quote,$(MAKECMDGOALS)) \
	$(call quote,$(REFUSED_VARIABLE)) Makefile)
$(if $(REFUSAL),$(error $(REFUSAL)))
endif

# A .venv keeps the Python that it was made with, so another one is refused, not ignored.
ifneq ($(if $(filter clean distclean help,$(MAKECMDGOALS)),,$(and $(call given,PYTHON),$(wildcard $(STAMP)))),)
version = $(shell $(call quote,$(1)) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifneq ($(call version,$(PYTHON)),$(call version,$(BIN)/python))
$(error .venv has Python $(call version,$(BIN)/python), and PYTHON=$(PYTHON) $(if $(call version,$(PYTHON)),is \
	Python $(call version,$(PYTHON)),cannot be run); make distclean, then make setup PYTHON=..., makes .venv anew)
endif
endif

# Every target that is not in this file, and no file either.
.DEFAULT:
	@echo "error: there is no target $@;$(if $(filter sweep plan,$@), give the sweep's name: make $@-NAME;) make help lists them" >&2; \
		exit 2

# --- Environment ------------------------------------------------------------------------------------------------------

setup: $(STAMP) ## Install hemosweep and its tools into .venv (the other targets do so when needed)
	@echo "setup: .venv is ready ($$($(BIN)/python --version))"

# The stamp is taken away before anything changes and comes back last, so an interrupted set-up starts from nothing.
# uv keeps the uv and pip that it finds in a .venv made by Python itself.
$(STAMP): requirements.lock pyproject.toml
	@set -e; \
	uv=$$(command -v uv || echo $(BIN)/uv); \
	if [ -f $@ ] && $(BIN)/python -c '' 2>/dev/null && "$$uv" --version >/dev/null 2>&1; then \
		rm $@; echo "setup: bringing .venv up to date with requirements.lock"; \
	else \
		version=$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version=missing; \
		case $$version in \
			3.11|3.12|3.13) ;; \
			missing) echo "setup: cannot run $(PYTHON); give Python 3.11 to 3.13: make setup PYTHON=/path/to/python3" >&2; exit 1 ;; \
			*) echo "setup: $(PYTHON) is Python $$version; give 3.11 to 3.13: make setup PYTHON=/path/to/python3" >&2; exit 1 ;; \
		esac; \
		rm -rf .venv; \
		if command -v uv >/dev/null; then \
			echo "setup: making .venv for Python $$version with uv ($$uv)"; \
			uv venv --quiet --python "$$("$(PYTHON)" -c 'import sys; print(sys.executable)')" .venv; \
		else \
			echo "setup: no uv on PATH: making .venv for Python $$version and installing uv into it with pip"; \
			"$(PYTHON)" -m venv .venv || \
				{ echo "setup: $(PYTHON) -m venv failed; install your system's python3-venv package, or uv" >&2; exit 1; }; \
			$(BIN)/python -m pip install -qq --disable-pip-version-check uv; \
		fi; \
		echo "setup: installing the packages of requirements.lock (PyTorch alone is gigabytes the first time)"; \
	fi; \
	quiet=--quiet; if [ -t 2 ]; then quiet=; fi; \
	"$$uv" pip sync $$quiet --python $(BIN)/python --require-hashes requirements.lock; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	touch $@

lock: $(STAMP) ## Write requirements.lock anew from pyproject.toml
	uv=$$(command -v uv || echo $(BIN)/uv); "$$uv" pip compile --quiet --universal --generate-hashes --no-header \
		--no-emit-index-url --no-annotate --python-version 3.11 --extra dev pyproject.toml -o requirements.lock

clean: ## Remove caches and build leftovers
	rm -rf build dist *.egg-info .hypothesis .import_linter_cache .mutants .mypy_cache .pytest_cache .ruff_cache
	find hemosweep sweeps tracking tests -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## Remove .venv too (results in runs/ always stay)
	rm -rf .venv

# --- Checks -----------------------------------------------------------------------------------------------------------

test: $(STAMP) ## Run the fast tests on all processors (ARGS=-n0: in one process)
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow and not browser" $(call given,ARGS)

test-browser: $(STAMP) ## Run the tests in a browser (Debian's chromium and chromium-driver)
	$(BIN)/pytest -m browser $(call given,ARGS)

# One after the other: these measure times, kill clusters that have a time to notice it, or fill disks and memory.
test-slow: $(STAMP) ## Run the slow tests and those in a browser (Debian's chromium and chromium-driver)
	$(BIN)/pytest -m "slow or browser" $(call given,ARGS)

mutants: $(STAMP) ## Put small faults into the code and count how many the tests notice (goes on where it was stopped)
	$(BIN)/python -m tests.mutants $(call option,MUTANTS,mutants) $(call option,AREAS,areas) $(call option,JOBS,jobs) \
		$(call given,ARGS)

lint: $(STAMP) ## Look for mistakes with ruff
	$(BIN)/ruff check .

format: $(STAMP) ## Format the code, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

format-check: $(STAMP) ## Check the format without changing it
	$(BIN)/ruff format --check .

types: $(STAMP) ## Check the types with mypy
	$(BIN)/mypy

imports: $(STAMP) ## Check which package may import which
	$(BIN)/lint-imports

check: test lint format-check types imports ## Run all that CI runs but the tests in a browser

NETWORK_SWEEPS := architecture published

# $(call each-sweep,NAMES,TARGET) runs these sweeps one after the other; one that fails does not stop the others.
each-sweep = @failed=; for name in $(1); do \
		echo "== sweep-$$name"; $(BIN)/hemosweep sweep "$$name" $(SWEEP_OPTIONS) $(TRAINING_OPTIONS) \
			$(call given,ARGS) || failed="$$failed $$name"; \
	done; \
	if [ -n "$$failed" ]; then echo "$(2): not complete:$$failed; the same command goes on from here" >&2; exit 1; fi

# --- Work -------------------------------------------------------------------------------------------------------------

quickstart: $(STAMP) ## Go from the data set DATA, or a phantom, to the report of a small sweep: ten minutes on two cores
	$(BIN)/hemosweep quickstart $(call quoted,DATA) $(OUT_OPTION) $(call given,ARGS)

sweep-architecture: $(STAMP) FORCE ## Train every network alone, then every method as it was published: two tables
	$(call each-sweep,$(NETWORK_SWEEPS),sweep-architecture)

sweep-%: $(STAMP) FORCE ## Train every arm of the sweep NAME and show its table
	$(BIN)/hemosweep sweep $(call quote,$*) $(SWEEP_OPTIONS) $(TRAINING_OPTIONS) $(call given,ARGS)

study: $(STAMP) ## Run every sweep but those of sweep-architecture; what two of them need is trained once
	$(call each-sweep,$$($(BIN)/hemosweep sweeps --names --ablations | grep -vxF $(NETWORK_SWEEPS:%=-e %)),study)

score: $(STAMP) ## Score kept predictions by every metric that is new or has changed; train nothing
	$(BIN)/hemosweep score --all $(OUT_OPTION) $(call option,JOBS,jobs) $(call given,ARGS)

report: $(STAMP) ## Put the study beside the paper: page, Markdown, LaTeX in OUT/report (ARGS='patchsize --to FOLDER')
	$(BIN)/hemosweep report $(OUT_OPTION) $(call option,DATA,data) $(call given,ARGS)

plan-%: $(STAMP) FORCE ## Forecast what the sweep NAME would train here; train nothing
	$(BIN)/hemosweep plan $(call quote,$*) $(SWEEP_OPTIONS) $(call given,ARGS)

bench: $(STAMP) ## Measure the speed on this machine, beside MONAI and plain PyTorch (ARGS='gpu', ARGS=--quick)
	$(BIN)/hemosweep bench --to tests/benchmarks/results $(call given,ARGS)
	$(BIN)/python tests/benchmarks/speed_table.py

readme: $(STAMP) ## Renew the README's picture and the printed outputs from OUT, a finished sweep-patchsize and sweep-noise
	$(BIN)/python -m tests.benchmarks.readme $(OUT_OPTION) $(call given,ARGS)

runs: $(STAMP) ## List the runs
	$(BIN)/hemosweep runs $(OUT_OPTION) $(call given,ARGS)

status: $(STAMP) ## Show which fold runs are running, failed, waiting and done (ARGS=--watch redraws it)
	$(BIN)/hemosweep status $(OUT_OPTION) $(call given,ARGS)

sync: $(STAMP) ## Copy the record of OUT to the MLflow server TRACKING (default MLFLOW_TRACKING_URI, or the last one)
	$(BIN)/hemosweep sync $(OUT_OPTION) $(call given,ARGS)

clean-runs: $(STAMP) ## List what nothing in OUT (and DATA) needs any more (ARGS=--yes deletes it)
	$(BIN)/hemosweep clean $(OUT_OPTION) $(call option,DATA,data) $(call given,ARGS)

ui: $(STAMP) ## Open the runs in MLflow's pages
	$(BIN)/hemosweep ui $(OUT_OPTION) $(call given,ARGS)

dashboard: $(STAMP) ## Open the trials in optuna-dashboard
	$(BIN)/hemosweep dashboard $(OUT_OPTION) $(call given,ARGS)

ifneq ($(filter phantom preview data-check describe preprocess,$(MAKECMDGOALS)),)
$(if $(call given,DATA),,$(error give the data set's folder: make $(MAKECMDGOALS) DATA=/path/to/dataset))
endif

phantom: $(STAMP) ## Make a phantom data set in the folder DATA
	$(BIN)/hemosweep data phantom $(call quote,$(DATA)) \
		$(call option,CASES,cases) $(call option,SIZE,size) $(call option,SEED,seed) $(call given,ARGS)

preview: $(STAMP) ## Draw the cases of the data set DATA
	$(BIN)/hemosweep data preview $(call quote,$(DATA)) $(call option,CASES,cases) $(OUT_OPTION) $(call given,ARGS)

data-check: $(STAMP) ## Report every problem of the data set DATA
	$(BIN)/hemosweep data check $(call quote,$(DATA)) $(call option,JOBS,jobs) $(call given,ARGS)

describe: $(STAMP) ## Print and draw the cohort of the data set DATA
	$(BIN)/hemosweep data describe $(call quote,$(DATA)) $(OUT_OPTION) $(call option,JOBS,jobs) $(call given,ARGS)

preprocess: $(STAMP) ## Prepare every case of the data set DATA, draw it as in the paper's Fig. 1, and write a page of all
	$(BIN)/hemosweep preprocess $(call quote,$(DATA)) --preview \
		$(call option,PROFILE,profile) $(OUT_OPTION) $(call option,JOBS,jobs) $(call given,ARGS)

FORCE:
