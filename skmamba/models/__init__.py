"""Networks: windows in, logits out."""

from ._dlinear import DLinear
from ._ensemble import MSiMambaEnsemble
from ._informer import Informer
from ._itransformer import ITransformer
from ._nonstationary_transformer import NonstationaryTransformer
from ._timesnet import TimesNet
from .msimamba import MSiMamba

__all__ = [
    "DLinear",
    "ITransformer",
    "Informer",
    "MSiMamba",
    "MSiMambaEnsemble",
    "NonstationaryTransformer",
    "TimesNet",
]
