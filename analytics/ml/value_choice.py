"""Which model of repeat buying a book gets: the one that foresaw the later part of its own past."""

from typing import NamedTuple

import numpy as np

from analytics.ml.value_histories import FloatArray, History
from analytics.ml.value_pareto import ParetoNBD
from analytics.ml.value_purchases import BetaGeoNBD, ModifiedBetaGeoNBD, PurchaseModel

MODELS: tuple[type[PurchaseModel], ...] = (ParetoNBD, ModifiedBetaGeoNBD, BetaGeoNBD)
LEAST_GAIN = 2.0  # standard errors by which another model must beat the first
LEAST_CUSTOMERS = 50  # in the past that is held out, to choose by it


class Choice(NamedTuple):
    """The model that was chosen, and why.

    Attributes
    ----------
    name : str
        As in `PurchaseModel.name`.
    held_out : bool
        Whether later purchases chose, or only the fit for want of customers.
    log_likelihoods : dict
        Of the later purchases, or of all, by name; nats.
    gains : dict
        Over the Pareto/NBD, in standard errors of the paired difference, by name.
    """

    name: str
    held_out: bool
    log_likelihoods: dict[str, float]
    gains: dict[str, float]


def choose_model(before: History, after: History, *, whole: History) -> Choice:
    r"""Choose by the likelihood of what customers did between two moments of the past.

    Each model is fitted to `before`, and what it then gives the later purchases is
    :math:`\log L(\text{after}) - \log L(\text{before})`, exactly. The Pareto/NBD, in which people
    may leave at any moment, stays unless another is better by two standard errors of the paired
    difference: choosing by less would be choosing by noise.

    Parameters
    ----------
    before, after : History
        The same customers, row by row, at the earlier and at the later moment.
    whole : History
        Everybody's; chooses where fewer than 50 customers were there before.
    """
    held_out = before.T.size >= LEAST_CUSTOMERS and float(before.T.max(initial=0.0)) > 0.0
    each = {}
    for kind in MODELS:
        if held_out:
            model = kind().fit(*before)
            each[kind.name] = model.log_likelihoods(*after) - model.log_likelihoods(*before)
        else:
            each[kind.name] = kind().fit(*whole).log_likelihoods(*whole)
    gains = {name: _gain(values, each[ParetoNBD.name]) for name, values in each.items()}
    totals = {name: float(values.sum()) for name, values in each.items()}
    better = [name for name in totals if gains[name] > LEAST_GAIN]
    name = max(better, key=lambda name: totals[name], default=ParetoNBD.name)
    return Choice(name, held_out, totals, gains)


def _gain(values: FloatArray, first: FloatArray) -> float:
    """Return the gain over the first model in standard errors of the paired difference."""
    difference = values - first
    error = float(difference.std() * np.sqrt(difference.size))
    return float(difference.sum()) / error if error > 1e-9 else 0.0


def model_named(name: str) -> PurchaseModel:
    """Return a new, unfitted model."""
    return {kind.name: kind for kind in MODELS}[name]()
