from analytics.models.models import ModelVersion
from analytics.models.monitoring import ModelCheck, ModelPolicy
from analytics.models.predictions import Prediction, Run

__all__ = ["ModelCheck", "ModelPolicy", "ModelVersion", "Prediction", "Run"]
