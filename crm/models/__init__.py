from crm.models.accounts import (
    Account,
    AttributeDefinition,
    AttributeValue,
    Contact,
    ExternalId,
    Outcome,
)
from crm.models.base import DeletedKey
from crm.models.billing import Invoice, Payment
from crm.models.events import Event, EventKey
from crm.models.feed import Bin, Change, FeedCursor
from crm.models.imports import Import, RuleCount, RuleHit
from crm.models.jobs import Job, Schedule, WorkerHeartbeat
from crm.models.orders import Order, OrderLine, Product, Subscription
from crm.models.organisation import Book, ExchangeRate, Organisation
from crm.models.partners import ApiKey, ApiPrincipal, IdempotencyKey, Partner, PartnerAccount
from crm.models.people import Team, User
from crm.models.scores import Recommendation, Reliability, Score, Value
from crm.models.views import SavedView
from crm.models.work import Activity, Task, Ticket

__all__ = [
    "Account",
    "Activity",
    "ApiKey",
    "ApiPrincipal",
    "AttributeDefinition",
    "AttributeValue",
    "Bin",
    "Book",
    "Change",
    "Contact",
    "DeletedKey",
    "Event",
    "EventKey",
    "ExchangeRate",
    "ExternalId",
    "FeedCursor",
    "IdempotencyKey",
    "Import",
    "Invoice",
    "Job",
    "Order",
    "OrderLine",
    "Organisation",
    "Outcome",
    "Partner",
    "PartnerAccount",
    "Payment",
    "Product",
    "Recommendation",
    "Reliability",
    "RuleCount",
    "RuleHit",
    "SavedView",
    "Schedule",
    "Score",
    "Subscription",
    "Task",
    "Team",
    "Ticket",
    "User",
    "Value",
    "WorkerHeartbeat",
]
