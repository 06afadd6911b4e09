"""Networks that MS-iMamba is compared with: windows in, logits out."""

from ._dlinear import DLinear
from ._informer import Informer
from ._itransformer import ITransformer
from ._nonstationary_transformer import NonstationaryTransformer
from ._timesnet import TimesNet

__all__ = ["DLinear", "ITransformer", "Informer", "NonstationaryTransformer", "TimesNet"]
