"""The transformer's encoder layer, for attentions that torch's own layer does not know."""

from torch import nn

from ._rival import check_heads


class EncoderLayer(nn.Module):
    """Attention and a feed-forward net, each with a residual and a LayerNorm after it.

    Parameters
    ----------
    d_model, n_heads, d_hidden : int
        Width of a token, heads of the attention, width inside the feed-forward net.
    drop_prob : float
        Dropout after the attention and inside the feed-forward net.
    attend : callable
        From queries, keys and values ``(batch, n_heads, n_tokens, d_head)``, and whatever else
        ``forward`` is given, to mixed values of that shape.
    """

    def __init__(self, d_model, n_heads, d_hidden, drop_prob, attend):
        super().__init__()
        check_heads(d_model, n_heads)
        self.n_heads, self.attend = n_heads, attend
        self.in_proj = nn.Linear(d_model, 3 * d_model)
        self.out_proj = nn.Linear(d_model, d_model)
        self.norm_attention = nn.LayerNorm(d_model)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, d_hidden),
            nn.GELU(),
            nn.Dropout(drop_prob),
            nn.Linear(d_hidden, d_model),
            nn.Dropout(drop_prob),
        )
        self.norm_feed_forward = nn.LayerNorm(d_model)
        self.drop = nn.Dropout(drop_prob)

    def forward(self, tokens, *factors):  # (B, L, d_model) in and out
        heads = self.in_proj(tokens).unflatten(2, (3, self.n_heads, -1))  # (B, L, 3, H, d_head)
        mixed = self.attend(*heads.permute(2, 0, 3, 1, 4), *factors)  # (B, H, L, d_head)
        mixed = self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, L, d_model)
        tokens = self.norm_attention(tokens + self.drop(mixed))
        return self.norm_feed_forward(tokens + self.feed_forward(tokens))
