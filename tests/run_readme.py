"""Run the code of the README and the quickstart with the installed package.

``--small`` uses small simulated data. Run it outside a checkout, so that the installed package is
imported. It needs no pytest, which an environment with the wheel alone lacks.
"""

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def read_readme(small):
    """Return the README's Python as one program."""
    text = (ROOT / "README.md").read_text("utf8")
    source = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    if small:  # the same lines on simulated trials with the channels of EEGMAT
        trials = "simulate_trials(n_subjects=4, n_trials=4, n_channels=19)"
        source = source.replace("load_eegmat()", trials).replace(", n_jobs=-1", "")
        source = "from skmamba.datasets import simulate_trials\n" + source
        network = "MSiMambaClassifier("
        source = source.replace(network, f"{network}max_epochs=2, ")
        source = source.replace(", trials)\nresults", ", trials, max_epochs=2)\nresults")
        source = source.replace('"EEGNet", ', "")
    return source


def run_quickstart(small):
    path = ROOT / "examples/quickstart.py"
    if not small:
        sys.argv = [str(path), "--folds", "2"]
        runpy.run_path(str(path), run_name="__main__")
        return
    from skmamba import make_models
    from skmamba.datasets import simulate_trials

    trials = simulate_trials(n_subjects=4, n_trials=4, n_times=512)
    models = make_models(["MS-iMamba", "band-power-LDA"], trials, max_epochs=1)
    table, _ = runpy.run_path(str(path))["run"](trials, models, n_folds=2)
    print(table)


if __name__ == "__main__":
    import skmamba

    print(skmamba.__version__, "in", Path(skmamba.__file__).parent)
    small = "--small" in sys.argv
    exec(compile(read_readme(small), "README.md", "exec"), {"__name__": "readme"})
    run_quickstart(small)
