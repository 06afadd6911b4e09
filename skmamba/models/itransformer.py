"""iTransformer."""

from __future__ import annotations

from torch import nn

from ._base import EncoderClassifier, build_head, check_heads


class ITransformer(EncoderClassifier):
    """Classify windows by attention between channels, one token per channel.

    Parameters
    ----------
    n_chans, n_outputs, n_times, sfreq
        See :class:`MSiMamba`.
    d_model : int, default=64
        Width of a token.
    n_layers, n_heads, d_hidden : int, default=2, 4, 128
        See :class:`NonstationaryTransformer`.
    drop_prob : float, default=0.1
        Dropout probability after the embedding, in the layers and before the head.

    Notes
    -----
    The layers are :class:`torch.nn.TransformerEncoderLayer`. The encoding is equivariant to the
    order of the channels; the head, which is that of Time-Series-Library, is not. Widths and depth
    are ours, chosen for a few EEG channels.

    References
    ----------
    .. [1] Liu et al., "iTransformer: Inverted Transformers Are Effective for Time Series
       Forecasting", arXiv 2310.06625.
    """

    def __init__(
        self,
        n_chans: int,
        n_outputs: int,
        n_times: int,
        sfreq: float | None = None,
        *,
        d_model: int = 64,
        n_layers: int = 2,
        n_heads: int = 4,
        d_hidden: int = 128,
        drop_prob: float = 0.1,
    ) -> None:
        super().__init__(locals())
        check_heads(d_model, n_heads)
        self.embed = nn.Sequential(nn.Linear(n_times, d_model), nn.Dropout(drop_prob))
        # nn.TransformerEncoder would initialise all layers with the same weights.
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    d_model, n_heads, d_hidden, drop_prob, activation="gelu", batch_first=True
                )
                for _ in range(n_layers)
            )
        )
        self.norm = nn.LayerNorm(d_model)
        self.final_layer = build_head(n_chans * d_model, n_outputs, drop_prob)

    def _encode(self, x):
        return self.norm(self.layers(self.embed(x)))  # (B, C, d_model)
