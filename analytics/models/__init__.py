from analytics.models.evaluations import Evaluation
from analytics.models.models import ModelVersion
from analytics.models.monitoring import ModelCheck, ModelPolicy
from analytics.models.predictions import Prediction, Run
from analytics.models.reasons import ReasonTotals

__all__ = [
    "Evaluation",
    "ModelCheck",
    "ModelPolicy",
    "ModelVersion",
    "Prediction",
    "ReasonTotals",
    "Run",
]
