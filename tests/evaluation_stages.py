"""An evaluation at each stage that its page knows, as its jobs would have left it."""

from collections.abc import Callable
from typing import Any

from analytics.models import Evaluation
from analytics.services.evaluations import FILES, path_of
from crm.models import User
from tests.factories import JobFactory
from tests.world import Say, World, plain

STAGES = ("reading", "read", "running", "done", "failed", "broken")
FIGURES = {
    "rows": 7043, "rows_dropped": 12, "protocol": "5 folds", "auc": 0.8502, "auc_std": 0.0149,
    "average_precision": 0.6719, "log_loss": 0.4102, "brier": 0.133, "auc_pooled": 0.8501, "ece": 0.0104,
    "ece_floor": 0.0102, "ece_floor_p95": 0.0142, "lift_at_10": 2.85, "base_rate": 0.2654, "accuracy": 0.7767,
    "majority_accuracy": 0.7346, "precision": 0.56, "recall": 0.73, "f1": 0.64, "threshold": 0.32,
    "fit_seconds": 5.03, "rows_per_second": 18588.2,
}  # fmt: skip
PEERS = ("majority", "logistic", "hgb_default", "random_forest", "neural_network")


def evaluation_stage(stage: str) -> Callable[[World], str]:
    """Return what makes the evaluation of a stage, or finds it, and says its public id."""

    def address(world: World) -> str:
        name = world.say(f"customers {stage}.csv")
        found = Evaluation.objects.filter(file_name=name).first()
        return str((found or make_evaluation(stage, world.people["administrator"], world.say)).public_id)

    return address


def make_evaluation(stage: str, owner: User, say: Say = plain) -> Evaluation:
    columns = [say(name) for name in ("Number", "Region", "Months", "Left")]
    made = Evaluation(
        owner=owner, kind="outcome", file_name=say(f"customers {stage}.csv"), stored_name=f"{stage}/c.csv",
        size_bytes=48_213, state="running" if stage == "broken" else stage, columns=columns,
    )  # fmt: skip
    if stage in ("reading", "running", "broken"):
        state = "cancelled" if stage == "broken" else "running"
        made.job = JobFactory(owner=owner, task="analytics.evaluate", state=state, phase="evaluating")
    if stage == "failed":
        made.problem = {"code": "no_positive", "data": {"column": columns[3], "value": "1", "values": ["0"]}}
    if stage == "done":
        made.result = result(columns)
    made.save()
    return made


def made_with_files(owner: User) -> Evaluation:
    made = make_evaluation("done", owner)
    made.stored_name = f"{made.public_id}/c.csv"
    made.save()
    path_of(made).parent.mkdir(parents=True)
    for what in FILES:
        path_of(made, what).write_text("{}")
    return made


def result(columns: list[str]) -> dict[str, Any]:
    names = ("auc", "log_loss", "ece", "fit_seconds")
    bins = [
        {
            "n": 700,
            "mean_predicted": x / 10,
            "share": x / 10 + 0.02,
            "ci_low": x / 10,
            "ci_high": x / 10 + 0.05,
        }
        for x in range(9)
    ]
    rows = {"column": columns[3], "rows": 12}
    return {
        **FIGURES,
        "baselines": {peer: dict.fromkeys(names, 0.5) for peer in PEERS},
        "findings": [
            {"code": "blank_target", "column": columns[3], "severity": "warn", "data": rows, "sentence": ""}
        ],
        "warnings": [""],
        "top_features": [
            {"column": columns[2], "points": 0.59, "direction": "down"},
            {"column": columns[1], "points": 0.2, "direction": "levels", "highest": "1", "lowest": "2"},
        ],
        "curves": {"reliability": bins, "roc": [[x / 10, (x / 10) ** 0.4] for x in range(11)]},
    }
