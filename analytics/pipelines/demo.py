"""The past of a demo book, replayed: what would have been known, predicted and done each week.

Nothing looks ahead. The wholesale book is trained thirteen weeks before its end and scored every
week from then on, so that the first predictions can be held against what happened. The bank book
has one cut-off date only; its past predictions are out of sample by five-fold cross-fitting.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction
from sklearn.model_selection import StratifiedKFold

from analytics.lake import Lake, open_lake, refresh
from analytics.ml.classifier import OutcomeClassifier
from analytics.models import ModelVersion, Prediction
from analytics.pipelines import lift, monitoring
from analytics.pipelines.drivers import Explained
from analytics.pipelines.editions import edition_of, live_version
from analytics.pipelines.matrices import Matrix, load_matrix
from analytics.pipelines.offers import KIND as RECOMMENDATION
from analytics.pipelines.reasons import values_with_names
from analytics.pipelines.scoring import explain, new_scores, publish_losses, score_book
from analytics.pipelines.specs import SPECS, ScoreSpec, specs_of
from analytics.pipelines.training import SEED, train_kind
from analytics.pipelines.value import KIND as CUSTOMER_VALUE
from analytics.services.predictions import keep_weekly
from campaigns.services.simulation import simulate_past_campaign
from crm.models import Book, Score
from crm.services.job_runs import RunningJob
from crm.services.publish import publish_scores

WEEKS = 13
TRAINING_WEEKS = (13, 6, 0)  # before the end
CAMPAIGN_WEEK = 6
FOLDS = 5


def run(job: RunningJob) -> dict[str, Any]:
    """Replay book `params["book"]`. A rerun goes on where the last one stopped."""
    book = Book.objects.get(code=job.params["book"])
    job.progress("extract")
    refresh(progress=job.progress)
    with open_lake() as lake:
        if Score.Kind.PAYMENT_RISK in book.score_kinds:
            _replay_cutoff(lake, book, job)
        else:
            _replay_weeks(lake, book, job)
        for spec in specs_of(book):
            monitoring.look_after(lake, book, spec, _end(book))
    return {"book": book.code}


def _replay_weeks(lake: Lake, book: Book, job: RunningJob) -> None:
    for week in range(WEEKS, -1, -1):
        job.progress("replay", done=WEEKS - week, total=WEEKS + 1)
        as_of = _end(book) - timedelta(weeks=week)
        if week in TRAINING_WEEKS:
            _train_once(lake, book, as_of)
        if week and _is_scored(book, as_of):
            continue
        score_book(lake, book, as_of, with_offers=week in {CAMPAIGN_WEEK, 0})
        if week == CAMPAIGN_WEEK:
            campaign = simulate_past_campaign(book=book, at=as_of)
            lift.measure(campaign, as_of=campaign.ends_at)


def _replay_cutoff(lake: Lake, book: Book, job: RunningJob) -> None:
    spec = SPECS[Score.Kind.PAYMENT_RISK]
    cutoff = spec.cutoffs(book, _end(book))[0]
    job.progress("train")
    _train_once(lake, book, _end(book))
    version = live_version(book, spec.kind)
    if version is None:
        return
    if not _is_scored(book, cutoff):
        job.progress("replay")
        _publish_cross_fitted(lake, book, spec, version, cutoff)
        campaign = simulate_past_campaign(book=book, at=cutoff)
        lift.measure(campaign, as_of=campaign.ends_at)
    score_book(lake, book, _end(book), job=job)


def _publish_cross_fitted(
    lake: Lake, book: Book, spec: ScoreSpec, version: ModelVersion, cutoff: datetime
) -> None:
    """Publish, as of the cut-off, what models say that had not seen the account's outcome."""
    ids, happened = spec.label(lake, book, cutoff, _end(book))
    matrix = load_matrix(lake, book=book, as_of=cutoff, names=version.feature_names).rows_of(ids)
    X = matrix.columns(version.feature_names)
    edition = edition_of(version, cutoff, is_weekly=True)
    probability = np.empty(len(ids))
    values = values_with_names()
    parts: list[tuple[Explained, Matrix]] = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for fitted, held_out in folds.split(X, happened):
        model = OutcomeClassifier(n_folds=3, random_state=SEED).fit(X[fitted], happened[fitted])
        part = matrix.rows_of(ids[held_out])
        probability[held_out] = model.predict_proba(X[held_out])[:, 1]
        parts.append((explain(model, version.feature_names, part), part))
    # Explained before rows are copied: the connection can't be asked anything meanwhile.
    scores = (score for explained, part in parts for score in new_scores(explained, part, values))

    with transaction.atomic():
        publish_scores(kind=spec.kind, scores=scores, edition=edition)
        publish_losses(matrix, probability, edition)
        keep_weekly(kind=spec.kind, edition=edition, account_ids=ids.tolist())


def _train_once(lake: Lake, book: Book, as_of: datetime) -> None:
    kinds = [spec.kind.value for spec in specs_of(book)]
    for kind in [*kinds, CUSTOMER_VALUE.value, RECOMMENDATION.value]:
        if not ModelVersion.objects.filter(book=book, kind=kind, as_of=as_of).exists():
            train_kind(lake, book, kind, as_of)


def _is_scored(book: Book, as_of: datetime) -> bool:
    return Prediction.objects.filter(book=book, as_of=as_of).exists()


def _end(book: Book) -> datetime:
    if book.ends_at is None:
        raise ValueError(f"{book.code} has no end, so it is no demo book: there is no past to replay.")
    return book.ends_at
