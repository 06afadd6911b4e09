"""Networks: windows in, logits out."""

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
