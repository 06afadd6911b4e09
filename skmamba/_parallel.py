"""Parallel calls that survive a killed worker process, in workers that end with their parent."""

import functools
import multiprocessing
import os
import threading
import time

from joblib import effective_n_jobs
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.utils import parallel
from sklearn.utils.parallel import Parallel

# Random state, number of threads and warning filters belong to the process: fits and predictions
# in threads run one at a time.
PROCESS_LOCK = threading.RLock()


def delayed(function):
    """Return scikit-learn's ``delayed`` of a function, for workers that end with this process."""
    return parallel.delayed(functools.partial(_call, os.getpid(), function))


def _call(main, function, /, *args, **kwargs):
    if os.getpid() != main:
        _exit_with_parent(main)
    return function(*args, **kwargs)


def run_parallel(make_call, indices, n_jobs):
    """Yield each index with the result of its call, or with the error if it killed its worker.

    A killed worker loses all unfinished calls. They are repeated in smaller groups, so that a call
    that kills its worker ends up alone.
    """
    groups = [list(indices)]
    while groups:
        group = groups.pop()
        left = dict.fromkeys(group)
        finished = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(map(make_call, group))
        try:
            for index, result in finished:
                del left[index]
                yield index, result
        except TerminatedWorkerError as error:
            if len(group) == 1 and left:
                yield group[0], error
                continue
            # Calls run in order, so the one that killed its worker is among the first.
            n_first = min(effective_n_jobs(n_jobs), (len(left) + 1) // 2)
            groups += [list(left)[n_first:], list(left)[:n_first]]


@functools.cache
def _exit_with_parent(pid):
    """Make a worker exit once the process ``pid`` that started it has ended; cached by worker."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid == pid:
        threading.Thread(target=_wait_and_exit, args=(parent,), daemon=True).start()


def _wait_and_exit(parent):
    if os.name == "nt":
        parent.join()
    while os.name != "nt" and os.getppid() == parent.pid:
        time.sleep(1)
    os._exit(1)
