from campaigns.models.advertising import AdResult
from campaigns.models.campaigns import Campaign, Delivery, Enrolment, Offered, Response
from campaigns.models.reports import LiftReport

__all__ = ["AdResult", "Campaign", "Delivery", "Enrolment", "LiftReport", "Offered", "Response"]
