"""Networks: windows in, logits out.

Examples
--------
>>> import torch
>>> from skmamba import models
>>> for name in models.__all__:
...     network = getattr(models, name)(n_chans=4, n_outputs=2, n_times=128).eval()
...     assert network(torch.randn(3, 4, 128)).shape == (3, 2)
"""

from .dlinear import DLinear
from .informer import Informer
from .itransformer import ITransformer
from .msimamba import MSiMamba, MSiMambaEnsemble
from .nonstationary_transformer import NonstationaryTransformer
from .timesnet import TimesNet

__all__ = [
    "DLinear",
    "ITransformer",
    "Informer",
    "MSiMamba",
    "MSiMambaEnsemble",
    "NonstationaryTransformer",
    "TimesNet",
]
