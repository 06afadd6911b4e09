# `make demo` and `make test` create .venv and install what they need.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint bench gpu results docs wheel clean

demo: $(VENV)/.demo ## cross-validate MS-iMamba on the bundled EEG
	$(PY) examples/quickstart.py

test: lint ## lint and the whole suite
	$(PY) -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: $(VENV)/.test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: $(VENV)/.demo ## speed, as ratios
	$(PY) benchmarks/speed.py --write docs/research/speed.md

gpu: $(VENV)/.test ## tests that need a CUDA device, and speed on it
	$(PY) -m pytest -m gpu
	$(PY) benchmarks/gpu.py

results: $(VENV)/.test ## scores of docs/research/results.md; with DATA=folder, of all data sets
	$(PY) benchmarks/results.py --write docs/research/results.md --scores docs/research/scores $(if $(DATA),--data $(DATA))

docs: $(VENV)/.docs ## runs the examples; the pages are in docs/_build/html
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html

wheel: ## build the wheel, install it in an empty environment, run the README
	rm -rf dist $(VENV)-wheel
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/python -m pip install --quiet -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(VENV)-wheel/bin/python -m pip install --quiet -c constraints.txt "$$(ls dist/*.whl)[braindecode,plot,persistence]"
	$(VENV)-wheel/bin/python -c "$$REMOVE_CUDA_TORCHAUDIO"
	cd dist && ../$(VENV)-wheel/bin/python -P ../tests/run_readme.py

clean:
	rm -rf $(VENV) $(VENV)-wheel dist docs/_build docs/generated docs/auto_examples

# torch is installed first and pinned. PyPI's torch for Linux is a CUDA build of several GB; for the CPU
# build, set PIP_INDEX_URL=https://download.pytorch.org/whl/cpu for this step: make .venv/.torch
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) "$$(grep '^torch==' constraints.txt)"
	@touch $@

# PyPI's torchaudio for Linux is a CUDA build whose compiled file cannot be loaded with a CPU build of
# torch. braindecode does not need that file.
define REMOVE_CUDA_TORCHAUDIO
import importlib.util, pathlib, torch
spec = importlib.util.find_spec("torchaudio")
if spec and torch.version.cuda is None:
    for file in pathlib.Path(spec.origin).parent.glob("lib/_torchaudio*.so"):
        file.unlink()
endef
export REMOVE_CUDA_TORCHAUDIO

$(VENV)/.demo $(VENV)/.test $(VENV)/.docs: $(VENV)/.torch pyproject.toml
	$(PIP) -e ".[$(EXTRAS)]"
	$(PY) -c "$$REMOVE_CUDA_TORCHAUDIO"
	@touch $@
$(VENV)/.demo: EXTRAS := braindecode,plot
$(VENV)/.test: EXTRAS := test
$(VENV)/.docs: EXTRAS := docs
