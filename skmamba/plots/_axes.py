"""What the pictures share: axes, colours, the words of a title."""

# Okabe and Ito's palette tells apart for every kind of colour vision; blue is darker than grey.
BLUE, ORANGE, GREY, DARK = "#0072B2", "#D55E00", "#999999", "#222222"
TITLES = {"f1": "F1", "kappa": "Cohen's kappa", "roc_auc": "ROC AUC"}


def name_score(score):
    """Name of a score as one writes it."""
    return TITLES.get(score, score.replace("_", " "))


def draw_chance(ax, chance):
    """Draw a dashed line where guessing is."""
    line = ax.axvline(chance, color=DARK, linestyle="--", linewidth=1, zorder=0, label="chance")
    ax.annotate(
        "chance",
        (chance, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -3),
        textcoords="offset points",
        va="top",
        fontsize="small",
    )
    return line


def open_axes(ax, figsize, caller):
    """Figure and axes to draw on: those given, or new ones."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} draws with matplotlib, which is missing: pip install 'skmamba[plot]'."
        ) from error
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax.figure, ax


def clean(ax):
    """Take away the frame's upper and right side."""
    ax.spines[["top", "right"]].set_visible(False)


def tell_source(frame):
    """Name data set and protocol, where a table tells one of each."""
    parts = []
    for column in ("dataset", "protocol"):
        values = frame[column].unique() if column in frame else []
        if len(values) == 1 and values[0]:
            parts.append(str(values[0]).replace("_", "-") if column == "protocol" else values[0])
    return parts
