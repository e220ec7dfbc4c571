"""The words for the codes that jobs carry, in the reader's language.

Tasks and phases of every app stand here by name, as data: nothing of them is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.models import Job, Schedule, Score, Value
from crm.selectors.quality_words import standing_words
from crm.templatetags.formats import grouped, percent, to_decimal

register = template.Library()

TASKS: Mapping[str, str | Promise] = {
    "analytics.evaluate": gettext_lazy("Evaluate a file"),
    "analytics.forget": gettext_lazy("Erase accounts from the files of analysis"),
    "analytics.measure_lift": gettext_lazy("Measure the lift of a campaign"),
    "analytics.monitor": gettext_lazy("Look after the models"),
    "analytics.nightly": gettext_lazy("Nightly scoring"),
    "analytics.prepare_demo": gettext_lazy("Score the demo books"),
    "analytics.recalibrate": gettext_lazy("Recalibrate a model"),
    "analytics.rescore_changed": gettext_lazy("Score changed accounts again"),
    "analytics.score_book": gettext_lazy("Score a book"),
    "analytics.score_range": gettext_lazy("Score some accounts of a book"),
    "analytics.train": gettext_lazy("Train models"),
    "analytics.train_all": gettext_lazy("Weekly training"),
    "crm.drop_old_events": gettext_lazy("Forget old events"),
    "campaigns.check_import": gettext_lazy("Check an imported file"),
    "campaigns.commit_import": gettext_lazy("Commit an imported file"),
    "crm.assign_accounts": gettext_lazy("Assign accounts"),
    "crm.check_import": gettext_lazy("Check an imported file"),
    "crm.check_quality": gettext_lazy("Check the data"),
    "crm.clean_rows": gettext_lazy("Clean rows that a rule caught"),
    "crm.commit_import": gettext_lazy("Commit an imported file"),
    "crm.read_import": gettext_lazy("Read an imported file"),
    "crm.undo_change_set": gettext_lazy("Undo a change set"),
    "crm.erase_account": gettext_lazy("Erase personal data"),
    "crm.export_accounts": gettext_lazy("Export accounts"),
    "crm.find_duplicates": gettext_lazy("Look for duplicates"),
    "crm.fetch_feed": gettext_lazy("Fetch a data feed"),
    "crm.fetch_feeds": gettext_lazy("Look which data feeds are due"),
    "crm.import_book": gettext_lazy("Import a book"),
    "crm.make_partitions": gettext_lazy("Prepare storage for the coming months"),
    "crm.sessionise": gettext_lazy("Put events together to sessions"),
    "crm.withdraw_scores": gettext_lazy("Take back scores"),
    "crm.simulate_people": gettext_lazy("Add the simulated people of the demo"),
}
PHASES: Mapping[str, str | Promise] = {
    "assigning": gettext_lazy("Assigning"),
    "checking": gettext_lazy("Checking"),
    "checks": gettext_lazy("Checking"),
    "cleaning": gettext_lazy("Cleaning"),
    "committing": gettext_lazy("Writing"),
    "erasing": gettext_lazy("Erasing"),
    "evaluating": gettext_lazy("Evaluating"),
    "evaluation": gettext_lazy("Evaluating"),
    "extract": gettext_lazy("Copying data for analysis"),
    "features": gettext_lazy("Computing features"),
    "fetching": gettext_lazy("Fetching the file"),
    "fitting": gettext_lazy("Fitting"),
    "forgetting": gettext_lazy("Forgetting what is past its days"),
    "gate": gettext_lazy("Comparing with the live model"),
    "hold": gettext_lazy("Holding predictions against outcomes"),
    "keys": gettext_lazy("Normalising names and numbers"),
    "lift": gettext_lazy("Measuring lift"),
    "pairs": gettext_lazy("Comparing accounts"),
    "partitions": gettext_lazy("Making partitions"),
    "people": gettext_lazy("Adding people and their work"),
    "predictions": gettext_lazy("Keeping predictions"),
    "products": gettext_lazy("Counting what is bought together"),
    "publishing": gettext_lazy("Publishing"),
    "reading": gettext_lazy("Reading the file"),
    "recommend": gettext_lazy("Choosing recommendations"),
    "recommendations": gettext_lazy("Choosing recommendations"),
    "replay": gettext_lazy("Scoring past weeks"),
    "scoring": gettext_lazy("Scoring"),
    "sessions": gettext_lazy("Putting sessions together"),
    "sources": gettext_lazy("Holding sources against their habits"),
    "searching": gettext_lazy("Looking through files"),
    "staging": gettext_lazy("Reading the file"),
    "train": gettext_lazy("Training"),
    "undoing": gettext_lazy("Taking back"),
    "training": gettext_lazy("Training"),
    "values": gettext_lazy("Estimating values"),
    "withdrawing": gettext_lazy("Taking back"),
    "writing": gettext_lazy("Writing"),
}
ERRORS: Mapping[str, str | Promise] = {
    "artifact_mismatch": gettext_lazy(
        "The stored model does not fit this version of the product. Train it again."
    ),
    "import_state": gettext_lazy("The import was not in a state in which this can be done."),
    "invalid_scores": gettext_lazy(
        "The model gave numbers that are no probabilities. Nothing was published."
    ),
    "missing_rate": gettext_lazy(
        "An exchange rate is missing for one of the dates. An administrator adds it under Settings,"
        " Exchange rates."
    ),
    "nothing_to_learn": gettext_lazy("There is not enough history to learn from yet."),
    "unexpected": gettext_lazy(
        "Something went wrong that nobody had foreseen. The log of this job says more."
    ),
    "worker_lost": gettext_lazy("Its worker vanished each time it was tried."),
}
SCOPES: Mapping[str, str | Promise] = {
    "account": gettext_lazy("An account"),
    "campaigns": gettext_lazy("Campaigns"),
    "change_set": gettext_lazy("A bulk change"),
    "contact": gettext_lazy("A contact"),
    "evaluation": gettext_lazy("A file to evaluate"),
    "feed": gettext_lazy("A data feed"),
    "import": gettext_lazy("An imported file"),
    "rule": gettext_lazy("A quality rule"),
}
TONES = {
    Job.State.RUNNING: "accent",
    Job.State.DONE: "good",
    Job.State.FAILED: "bad",
    Job.State.CANCELLED: "watch",
}
ICONS = {
    Job.State.QUEUED: "clock",
    Job.State.RUNNING: "loader",
    Job.State.DONE: "check",
    Job.State.FAILED: "circle-alert",
    Job.State.CANCELLED: "ban",
}


def _readable(code: str) -> str:
    return code.rpartition(".")[2].replace("_", " ").replace("-", " ").capitalize()


@register.filter
def task_words(task: str) -> str:
    return str(TASKS.get(task) or _readable(task))


@register.filter
def scope_words(scope: str, books: Mapping[str, str]) -> str:
    """What a job is about: {{ job.scope|scope_words:books }}"""
    kind, _colon, rest = scope.partition(":")
    if kind == "book":
        code, _colon, part = rest.partition(":")
        said = _("%(book)s book") % {"book": books.get(code, code)}
        return f"{said} · {_score_or_part(part)}" if part else said
    if kind == "books":
        return ", ".join(books.get(code, code) for code in rest.split(","))
    if kind == "rule":
        return str(standing_words(*rest.split(".", 1)).title) if "." in rest else scope
    return str(SCOPES.get(kind, scope))


def _score_or_part(part: str) -> str:
    if part.isdecimal():
        return _("from account %(n)s on") % {"n": _count(int(part))}
    return str(dict(Score.Kind.choices).get(part) or dict(Value.Kind.choices).get(part) or _readable(part))


@register.filter
def phase_words(phase: str) -> str:
    return str(PHASES.get(phase) or _readable(phase))


@register.filter
def error_words(error: Mapping[str, Any]) -> str:
    code = str(error.get("code", ""))
    return str(ERRORS.get(code) or _readable(code))


@register.filter
def job_tone(job: Job) -> str:
    return TONES.get(Job.State(job.state), "neutral")


@register.filter
def job_icon(job: Job) -> str:
    return ICONS[Job.State(job.state)]


@register.filter
def rate_words(job: Job) -> str:
    """Return how much of the phase was done in a second or a minute, once that says something."""
    lasted: timedelta | None = getattr(job, "phase_lasted", None)
    if not job.done or lasted is None or lasted < timedelta(seconds=1):
        return ""
    a_second = job.done / lasted.total_seconds()
    if a_second >= 1:
        return _("%(n)s a second") % {"n": _count(a_second)}
    return _("%(n)s a minute") % {"n": _count(a_second * 60)}


@register.filter
def done_share(job: Job) -> str:
    number = to_decimal(job.done)
    return "" if number is None or not job.total else percent(number / job.total, 0)


@register.filter
def remaining(job: Job) -> float | None:
    """Return how many seconds the phase will still take at its pace so far."""
    lasted: timedelta | None = getattr(job, "phase_lasted", None)
    if not (job.done and job.total and lasted) or job.state != Job.State.RUNNING:
        return None
    return max(0.0, (job.total - job.done) * lasted.total_seconds() / job.done)


@register.filter
def cadence(schedule: Schedule) -> str:
    if schedule.every_minutes:
        said = ngettext("every minute", "every %(n)s minutes", schedule.every_minutes)
        return said % {"n": schedule.every_minutes}
    at = f"{schedule.at_time:%H:%M}"
    if schedule.weekday is None:
        return _("daily at %(time)s") % {"time": at}
    return _("%(day)s at %(time)s") % {"day": WEEKDAYS[schedule.weekday], "time": at}


WEEKDAYS = (
    gettext_lazy("Mondays"),
    gettext_lazy("Tuesdays"),
    gettext_lazy("Wednesdays"),
    gettext_lazy("Thursdays"),
    gettext_lazy("Fridays"),
    gettext_lazy("Saturdays"),
    gettext_lazy("Sundays"),
)


def _count(value: float) -> str:
    number = to_decimal(value)
    return "" if number is None else grouped(number, 0 if value >= 10 else 1)
