"""Numbers and lists as words."""

import pandas as pd

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def number(value, decimals=2):
    """Round, with a true minus and no negative zero."""
    if pd.isna(value):
        return NOTHING
    return f"{value:z.{decimals}f}".replace("-", MINUS)


def signed(value, decimals=2):
    """Round, with a plus where what is left is above zero."""
    text = number(value, decimals)
    return f"+{text}" if not pd.isna(value) and float(f"{value:z.{decimals}f}") > 0 else text


def p_value(value):
    """Three decimals, which is enough; below them, that it is below."""
    if pd.isna(value):
        return NOTHING
    return "<\xa00.001" if value < 0.001 else f"{value:.3f}"


def p_words(value):
    """Say it in a sentence, without a line break in it."""
    return ("p " if value < 0.001 else "p = ").replace(" ", "\xa0") + p_value(value)


def span(values):
    """Lowest and highest of whole numbers."""
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def listed(names, join="and"):
    """Names as a sentence lists them."""
    return f" {join} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def ends(values):
    """All of a few, or both ends of many."""
    if len(values) <= 5:
        return ", ".join(map(str, values))
    return f"{values[0]}, {values[1]}, … {values[-1]} ({len(values)} in all)"


def capital(text):
    return text[:1].upper() + text[1:]
