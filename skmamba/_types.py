"""Type aliases and protocols of public signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

StrPath: TypeAlias = str | PathLike[str]
Seed: TypeAlias = int | np.random.RandomState | None
Groups: TypeAlias = pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike
Epochs: TypeAlias = Any  # mne.Epochs: MNE has no types
Raw: TypeAlias = Any  # mne.io.Raw


class Splitter(Protocol):
    """A cross-validation splitter as in scikit-learn."""

    # Iterable of pairs: else any str, which has a method split, would match.
    def split(self, *args: Any, **kwargs: Any) -> Iterable[tuple[Any, Any]]: ...


class HasChannels(Protocol):
    """An object with a sampling rate and channel names, such as Trials."""

    @property
    def sfreq(self) -> float: ...

    @property
    def ch_names(self) -> Sequence[str]: ...
