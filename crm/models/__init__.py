from crm.models.accounts import (
    Account,
    AttributeDefinition,
    AttributeValue,
    Contact,
    ExternalId,
    Outcome,
)
from crm.models.base import DeletedKey
from crm.models.baskets import Basket
from crm.models.billing import Invoice, Payment
from crm.models.change_sets import ChangedRows, ChangeSet
from crm.models.collecting import EventRetention, TrackedSite, Visitor, WebSession
from crm.models.data_feeds import DataFeed, DataFeedFile
from crm.models.erasure import Erasure
from crm.models.events import Event, EventKey
from crm.models.feed import Bin, Change, FeedCursor
from crm.models.feedback import OfferAnswer, ScoreFeedback
from crm.models.identity import DuplicatePair, MatchKey, MergedAccount
from crm.models.imports import Import, QuarantinedRow, RememberedMapping, RuleCount, RuleHit
from crm.models.jobs import Job, Schedule, WorkerHeartbeat
from crm.models.notifications import JobWatch, Notification
from crm.models.orders import Order, OrderLine, Product, Subscription
from crm.models.organisation import Book, ExchangeRate, Organisation
from crm.models.partners import ApiKey, ApiPrincipal, IdempotencyKey, Partner, PartnerAccount
from crm.models.people import Team, User
from crm.models.product_figures import ProductFigures, ProductPair
from crm.models.quality import QualityCount, QualityRule, SourceAlert, SourceDay
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
    "Basket",
    "Bin",
    "Book",
    "Change",
    "ChangeSet",
    "ChangedRows",
    "Contact",
    "DataFeed",
    "DataFeedFile",
    "DeletedKey",
    "DuplicatePair",
    "Erasure",
    "Event",
    "EventKey",
    "EventRetention",
    "ExchangeRate",
    "ExternalId",
    "FeedCursor",
    "IdempotencyKey",
    "Import",
    "Invoice",
    "Job",
    "JobWatch",
    "MatchKey",
    "MergedAccount",
    "Notification",
    "OfferAnswer",
    "Order",
    "OrderLine",
    "Organisation",
    "Outcome",
    "Partner",
    "PartnerAccount",
    "Payment",
    "Product",
    "ProductFigures",
    "ProductPair",
    "QualityCount",
    "QualityRule",
    "QuarantinedRow",
    "Recommendation",
    "Reliability",
    "RememberedMapping",
    "RuleCount",
    "RuleHit",
    "SavedView",
    "Schedule",
    "Score",
    "ScoreFeedback",
    "SourceAlert",
    "SourceDay",
    "Subscription",
    "Task",
    "Team",
    "Ticket",
    "TrackedSite",
    "User",
    "Value",
    "Visitor",
    "WebSession",
    "WorkerHeartbeat",
]
