"""Base classes and layers that several networks share."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn


class SignalNetwork(nn.Module):
    """Base of networks with the signal arguments and the methods of braindecode's networks.

    Takes the ``locals()`` of the constructor; the last layer is the linear layer ``final_layer``.
    """

    if TYPE_CHECKING:  # TorchScript does not read these annotations
        n_chans: int
        n_outputs: int
        n_times: int
        sfreq: float | None
        input_window_seconds: float | None
        final_layer: nn.Linear

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__()
        self._params = {name: params[name] for name in params if name not in ("self", "__class__")}
        if params["n_outputs"] is None:
            raise ValueError("n_outputs must be given, got None.")
        self.n_outputs, self.chs_info = params["n_outputs"], params["chs_info"]
        self.n_chans = resolve_n_chans(params["n_chans"], self.chs_info)
        duration = params["n_times"], params["sfreq"], params["input_window_seconds"]
        self.n_times, self.sfreq, self.input_window_seconds = resolve_duration(*duration)
        check_sizes(vars(self), "n_outputs", "n_chans", "n_times")

    def get_output_shape(self) -> tuple[int, ...]:
        """Return the shape of the logits of one window.

        Returns
        -------
        shape : tuple of int
            ``(1, n_outputs)``.
        """
        return 1, self.n_outputs

    def reset_head(self, n_outputs: int) -> None:
        """Replace the last layer by a new one, with new weights.

        Parameters
        ----------
        n_outputs : int
            Number of classes, at least 1.
        """
        check_sizes(locals(), "n_outputs")
        old = self.final_layer
        self.final_layer = nn.Linear(old.in_features, n_outputs).to(old.weight)
        self.n_outputs = n_outputs

    def get_config(self) -> dict[str, Any]:
        """Return the parameters of the constructor in types of JSON.

        Returns
        -------
        config : dict
            Parameters by name; a class is its qualified name, as in braindecode.
        """
        return _to_json({**self._params, "n_outputs": self.n_outputs})

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Build a network with new weights from the result of :meth:`get_config`.

        Parameters
        ----------
        config : dict
            Parameters by name; the activation is a class, or the qualified name of one of
            ``torch.nn``.

        Returns
        -------
        network : SignalNetwork
            The network.
        """
        config = dict(config)
        name = config.get("activation")
        if isinstance(name, str) and name.startswith("torch.nn."):
            config["activation"] = getattr(nn, name.rpartition(".")[2], name)
        return cls(**config)


def resolve_n_chans(n_chans, chs_info):
    """Return the number of channels, given or that of ``chs_info``."""
    if chs_info is None:
        if n_chans is None:
            raise ValueError("n_chans or chs_info must be given, got None for both.")
        return n_chans
    if n_chans not in (None, len(chs_info)):
        raise ValueError(
            f"n_chans must be the number of channels in chs_info, {len(chs_info)}, got {n_chans}."
        )
    return len(chs_info)


def resolve_duration(n_times, sfreq, input_window_seconds):
    """Return the three arguments, of which two determine the third."""
    for name, value in (("sfreq", sfreq), ("input_window_seconds", input_window_seconds)):
        if value is not None:
            check_rate(name, value)
    if sfreq is not None and input_window_seconds is not None:
        expected = round(input_window_seconds * sfreq)
        if n_times not in (None, expected):
            raise ValueError(
                f"n_times must be input_window_seconds * sfreq, {input_window_seconds:g} * "
                f"{sfreq:g} = {expected}, got {n_times}."
            )
        return expected, sfreq, input_window_seconds
    if n_times is None:
        raise ValueError(
            "n_times, or sfreq and input_window_seconds, must be given, got n_times=None, "
            f"sfreq={sfreq} and input_window_seconds={input_window_seconds}."
        )
    if sfreq is not None:
        input_window_seconds = n_times / sfreq
    elif input_window_seconds is not None:
        sfreq = n_times / input_window_seconds
    return n_times, sfreq, input_window_seconds


def _to_json(value):
    """Return a value in types of JSON: classes by name, arrays as lists."""
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        return {key: _to_json(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(part) for part in value]
    return value.tolist() if hasattr(value, "tolist") else value


class EncoderClassifier(nn.Module):
    """Base of networks that encode windows and classify the encoding with ``final_layer``.

    Takes the ``locals()`` of the constructor, in which ``sfreq`` and ``drop_prob`` are numbers and
    all other parameters are sizes.
    """

    final_layer: nn.Module

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__()
        others = ("self", "__class__", "sfreq", "drop_prob")
        check_sizes(params, *(name for name in params if name not in others))
        if params["sfreq"] is not None:
            check_rate("sfreq", params["sfreq"])
        check_probability("drop_prob", params.get("drop_prob", 0))
        self.n_chans, self.n_outputs = params["n_chans"], params["n_outputs"]
        self.n_times, self.sfreq = params["n_times"], params["sfreq"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits of windows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows, scaled to about unit variance.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs)
            Logits; softmax is part of the loss.
        """
        check_windows(x, self.n_chans, self.n_times)
        return self.final_layer(self._encode(x))

    def _encode(self, x):  # (B, C, T) -> (B, ...), flattened by the last layer
        raise NotImplementedError


def check_windows(x, n_chans, n_times):
    """Raise ValueError unless windows have the shape that the network was built for."""
    if x.shape[1:] != (n_chans, n_times):
        raise ValueError(f"x must have shape (batch, {n_chans}, {n_times}), got {tuple(x.shape)}.")


def check_sizes(params, *names, minimum=1):
    """Raise ValueError unless the parameters of these names are integers."""
    for name in names:
        value = params[name]
        is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not is_integer or value < minimum:
            raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}.")


def check_rate(name, value):
    """Raise ValueError unless the value is a finite positive number."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, got {value!r}.")


def check_probability(name, value):
    """Raise ValueError unless the value is a number of at least 0 and below 1."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number of at least 0 and below 1, got {value!r}.")


def check_option(name, value, options):
    """Raise ValueError unless the value is one of the options."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}.")


def check_activation(activation):
    """Raise ValueError unless the activation is a class of modules."""
    if not (isinstance(activation, type) and issubclass(activation, nn.Module)):
        raise ValueError(f"activation must be a subclass of torch.nn.Module, got {activation!r}.")


def check_heads(d_model, n_heads):
    """Raise ValueError unless the number of heads divides the width of a token."""
    if d_model % n_heads:
        raise ValueError(f"n_heads must divide d_model={d_model}, got n_heads={n_heads}.")


def build_head(n_features, n_outputs, drop_prob):
    """Return GELU, dropout and a linear map: the classification head of Time-Series-Library."""
    return nn.Sequential(
        nn.GELU(), nn.Dropout(drop_prob), nn.Flatten(), nn.Linear(n_features, n_outputs)
    )


class SeriesEmbedding(nn.Module):
    """One token per sample: a circular convolution of three samples plus a positional encoding."""

    def __init__(self, n_chans, n_times, d_model, drop_prob):
        super().__init__()
        self.values = nn.Conv1d(
            n_chans, d_model, kernel_size=3, padding=1, padding_mode="circular", bias=False
        )
        nn.init.kaiming_normal_(self.values.weight, nonlinearity="leaky_relu")
        self.register_buffer("times", encode_times(n_times, d_model), persistent=False)
        self.drop = nn.Dropout(drop_prob)

    def forward(self, x):  # (B, C, T) -> (B, T, d_model)
        return self.drop(self.values(x).transpose(1, 2) + self.times)


def encode_times(n_times, d_model):
    """Return the sinusoidal positional encoding of shape (n_times, d_model)."""
    rates = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000) / d_model))
    angles = torch.arange(n_times)[:, None] * rates  # (T, d_model / 2, rounded up)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :d_model]


class EncoderLayer(nn.Module):
    """Transformer encoder layer with a given attention; LayerNorm after each residual.

    ``attend`` maps queries, keys and values ``(batch, n_heads, n_tokens, d_head)``, and the further
    arguments of ``forward``, to mixed values of that shape.
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

    def forward(self, tokens, *factors):  # (B, L, d_model) -> (B, L, d_model)
        heads = self.in_proj(tokens).unflatten(2, (3, self.n_heads, -1))  # (B, L, 3, H, d_head)
        mixed = self.attend(*heads.permute(2, 0, 3, 1, 4), *factors)  # (B, H, L, d_head)
        mixed = self.out_proj(mixed.transpose(1, 2).flatten(2))  # (B, L, d_model)
        tokens = self.norm_attention(tokens + self.drop(mixed))
        return self.norm_feed_forward(tokens + self.feed_forward(tokens))
