# Each target sets up what it needs by itself, and nothing twice (.ci/setup does that).
#   PYTHON=python3.12   the interpreter, else the newest one that works
#   VENV=.venv-3.12     another folder for the environment, to keep several
#   ARGS="-k engine"    more arguments for pytest (check, test), benchmarks/seed_job.py (bench), uv (lock), a notebook's
#                       name, or readers (fuzz)
VENV ?= .venv
FUZZ_SECONDS ?= 60
export PYTHON VENV
BIN = $(VENV)/bin
PYRIGHT = $(BIN)/pyright --pythonpath $(BIN)/python
PYTEST = $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: help setup demo lab check test keras-suite clients fuzz lint lint-fast format settings notebooks bench lock

help:
	@echo "make demo     train the notebook's network on Fashion-MNIST and write its report (sets up $(VENV) first)"
	@echo "make lab      open the notebooks in JupyterLab (sets up what they need first)"
	@echo "make check    run the linters and the tests that are not slow (three to four minutes on two cores)"
	@echo "make test     run the linters and all tests (12 to 15 minutes on two cores at first)"
	@echo "make keras-suite  run Keras's own tests with mlplab's training, and compare (about half an hour)"
	@echo "make clients      call the server with Triton's and KServe's clients, and test its OpenAPI (sets up .peers/clients first)"
	@echo "make fuzz     feed damaged and hostile files to every reader, FUZZ_SECONDS=60 each (Linux on x86-64)"
	@echo "make lint     run the linters only: ruff, pyright, the import contract"
	@echo "make format   put the code into ruff's form"
	@echo "make settings     write the types of all settings from src/mlplab/runs/settings.py"
	@echo "make notebooks    run the notebooks again and keep their outputs"
	@echo "make bench    compare with Keras, PyTorch, scikit-learn and NumPy (sets up .peers first, 4 GB)"
	@echo "make setup    set up $(VENV) for development, no more"
	@echo "make lock     bring requirements.lock and requirements-dev.lock up to pyproject.toml"
	@echo "PYTHON=python3.12 chooses the interpreter, VENV=.venv-3.12 the folder."

setup:
	@.ci/setup dev

demo:
	@.ci/setup core
	$(BIN)/mlplab train fashion-mnist --hidden 20 --epochs 10 --batch-size 32 --validation 0 --seed 0 --report

lab:
	@.ci/setup notebook
	$(BIN)/jupyter lab notebooks/01-mlp.ipynb

# Pyright keeps one core busy for half a minute, so it runs beside the tests.
check: lint-fast
	@.ci/beside "$(PYRIGHT)" $(PYTEST) -m "not slow" $(ARGS)

test: lint-fast
	@.ci/beside "$(PYRIGHT)" $(PYTEST) $(ARGS)

keras-suite: setup
	$(BIN)/python tests/keras_suite/run.py $(ARGS)

clients: setup
	@.ci/setup clients
	$(BIN)/python tests/clients/run.py $(ARGS)

fuzz: setup
	$(BIN)/python tests/fuzz/campaign.py --seconds $(FUZZ_SECONDS) $(ARGS)

lint: lint-fast
	$(PYRIGHT)

lint-fast: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

settings: setup
	$(BIN)/python -c "from mlplab.runs.settings_arguments import write_types; write_types()"

notebooks: setup
	$(BIN)/python notebooks/make.py $(ARGS)

bench:
	@.ci/setup core
	@.ci/setup peers
	$(BIN)/python benchmarks/seed_job.py $(ARGS)
	$(BIN)/python benchmarks/step_cost.py
	$(BIN)/python benchmarks/streams.py
	$(BIN)/python benchmarks/batch_callbacks.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/augmentation.py

# One resolution for every Python and system. Pins stay as they are where they can; ARGS=--upgrade renews them.
UV_COMPILE = .venv-lock/bin/uv pip compile pyproject.toml --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock" $(ARGS)
lock:
	@$${PYTHON:-$$(.ci/find-python)} -m venv .venv-lock && .venv-lock/bin/pip install -qq "uv>=0.9"
	$(UV_COMPILE) --group build -o requirements.lock
	$(UV_COMPILE) --extra labels --extra cluster --extra data --extra serve --group build --group dev --constraints requirements.lock -o requirements-dev.lock
	$(UV_COMPILE) --extra notebook --constraints requirements-dev.lock -o requirements-notebook.lock
	@rm -rf .venv-lock
	@! grep -nE '://|file:|^-|@ ' requirements.lock requirements-dev.lock requirements-notebook.lock
