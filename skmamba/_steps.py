"""Steps of pipelines."""

from sklearn.pipeline import Pipeline


def list_steps(estimator):
    """Return the steps of a pipeline, with those of nested pipelines; the classifier is last.

    Searches are replaced by their best estimators, if they are fitted.
    """
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if not isinstance(estimator, Pipeline):
        return [estimator]
    steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [nested for step in steps for nested in list_steps(step)]
