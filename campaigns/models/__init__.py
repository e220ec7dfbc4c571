from campaigns.models.campaigns import Campaign, Delivery, Enrolment, Offered, Response
from campaigns.models.reports import LiftReport

__all__ = ["Campaign", "Delivery", "Enrolment", "LiftReport", "Offered", "Response"]
