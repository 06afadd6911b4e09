"""What scores and protocols are called, and what they are."""

SCORES = {
    "accuracy": ("accuracy", "the share of trials answered rightly"),
    "balanced_accuracy": (
        "balanced accuracy",
        "the share of trials answered rightly, taken in each class and averaged over classes",
    ),
    "kappa": ("Cohen's kappa", "agreement beyond chance, where 0 is chance and 1 is perfect"),
    "f1": ("macro F1", "harmonic mean of precision and recall, averaged over classes"),
    "roc_auc": ("ROC AUC", "how often a trial of a class ranks above one of another class"),
}
PROTOCOLS = {
    "within_subject": (
        "within subject",
        "Training and test trials come from the same person. Nothing is said about new people.",
    ),
    "cross_subject": (
        "cross-subject",
        "The people tested are new to the model: it was trained on none of their trials.",
    ),
    "cross_session": (
        "cross-session",
        "The sessions tested are new to the model, the people are not: it was trained on their "
        "other sessions.",
    ),
    "cross_stimulus": (
        "cross-stimulus",
        "The stimuli tested are new to the model, the people are not: it was trained on what "
        "other stimuli did to them.",
    ),
    "first_trials": (
        "first trials train, later trials test",
        "The first trials of each person and session were trained on, the later ones tested. "
        "Nothing is said about new people.",
    ),
    "random_windows": (
        "random windows (leaky)",
        "Windows were shuffled before they were split, so that windows of one trial were both "
        "trained on and tested.",
    ),
}


def score_words(score):
    """Name of a score in words, and what it is, if known."""
    if score.endswith("_windows"):
        words, meaning = score_words(score.removesuffix("_windows"))
        return f"{words} over windows", meaning
    return SCORES.get(score, (score.replace("_", " "), ""))
