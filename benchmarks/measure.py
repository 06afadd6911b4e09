"""Measurement of time, memory and the limits of the machine."""

import ctypes
import gc
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import pandas as pd
import torch
import torch.nn.functional as F


def interleave(runs, repeats):
    """Return the median seconds of each run after one warm-up.

    Runs alternate, so that other load on the machine slows all of them alike.
    """
    seconds = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = perf_counter()
            run()
            if turn:
                seconds[name].append(perf_counter() - start)
    return {name: median(times) for name, times in seconds.items()}


def can_measure_memory():
    return sys.platform == "linux" and os.access("/proc/self/clear_refs", os.W_OK)


def in_fresh_process(function, *args):
    """Call in a process that has allocated nothing before."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def peak_bytes(run, repeats=3):
    """Return the median increase of the peak resident memory by a run (Linux only)."""
    run()
    peaks = []
    for _ in range(repeats):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
        before = resident_bytes()
        run()
        peaks.append(resident_bytes("VmHWM") - before)
    return median(peaks)


def resident_bytes(key="VmRSS"):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def machine_limits():
    """Measure the rates of matrix products, of convolutions with full vectors, and of memory."""
    a = torch.randn(1024, 1024)
    product = interleave({"": lambda: a @ a}, 9)[""]
    x = torch.randn(16, 64, 32, 32).to(memory_format=torch.channels_last)
    kernel = torch.randn(64, 64, 3, 3).to(memory_format=torch.channels_last)
    convolution = interleave({"": lambda: F.conv2d(x, kernel)}, 9)[""]
    source, target = torch.randn(16 << 20), torch.empty(16 << 20)
    copy = interleave({"": lambda: target.copy_(source)}, 9)[""]
    return {
        "matrix product, GFLOP/s": 2e-9 * 1024**3 / product,
        "convolution, GFLOP/s": 2e-9 * 16 * 30**2 * 64 * 64 * 9 / convolution,
        "memory, GB/s": 2e-9 * source.nbytes / copy,
    }


def to_markdown(rows):
    """Return a Markdown table of the rows; floats have three digits."""
    table = pd.DataFrame(rows).map(lambda v: v if isinstance(v, str | int) else f"{v:.3g}")
    lines = [table.columns, ["---"] * len(table.columns), *table.to_numpy()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def save_svg(figure, path):
    """Write a figure so that equal numbers give equal files."""
    from matplotlib import rc_context  # measurements do not require it

    with rc_context({"svg.hashsalt": "skmamba"}):
        figure.savefig(path, metadata={"Date": None})


def describe_machine():
    names = [platform.processor() or platform.machine()]
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {os.cpu_count()} cores, torch {torch.__version__}"
