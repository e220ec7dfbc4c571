from analytics.models.models import ModelVersion
from analytics.models.predictions import Prediction, Run

__all__ = ["ModelVersion", "Prediction", "Run"]
