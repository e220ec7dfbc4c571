"""Who may be the same: normalised keys of accounts, and the pairs that share them."""

from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.access import Principal
from crm.models.accounts import Account
from crm.models.change_sets import ChangeSet
from crm.models.fields import UuidV7
from crm.models.people import User


class MatchKey(models.Model):
    """One normalised key of an account, of its own columns or of one of its contacts."""

    class Kind(models.TextChoices):
        NAME = "name", _("Name")
        DOMAIN = "domain", _("Domain")
        PHONE = "phone", _("Phone")
        TAX_ID = "tax_id", _("Tax number")
        EMAIL = "email", _("E-mail")

    # The unique constraint begins with the account: a second index on it alone would only cost writes.
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    key = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "key"], name="match_key_of_account")
        ]
        indexes = [models.Index("kind", "key", "account", name="match_key")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}"


class DuplicatePairQuerySet(models.QuerySet["DuplicatePair"]):
    def visible_to(self, principal: Principal) -> Self:
        """Return the pairs of which this person may see both."""
        seen = Account.objects.visible_to(principal)
        return self.filter(first__in=seen, second__in=seen)


class DuplicatePair(models.Model):
    """Two accounts that may be one. A pair that was kept apart is not proposed again."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("Proposed")
        KEPT_APART = "kept_apart", _("Kept apart")

    public_id = models.UUIDField(unique=True, editable=False, db_default=UuidV7())
    first = models.ForeignKey(Account, models.CASCADE, related_name="+")
    second = models.ForeignKey(Account, models.CASCADE, related_name="+")
    score = models.FloatField()  # 0..1: how likely they are one
    hits = models.JSONField()  # the kinds of keys that they share
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    found_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    objects = DuplicatePairQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="pair_proposed_once"),
            models.CheckConstraint(
                condition=models.Q(first__lt=models.F("second")), name="pair_is_in_the_order_of_ids"
            ),
            models.CheckConstraint(
                condition=models.Q(score__gte=0, score__lte=1), name="pair_score_is_a_share"
            ),
        ]
        indexes = [models.Index("state", models.F("score").desc(), "id", name="pairs_by_score")]

    def __str__(self) -> str:
        return f"{self.first_id} and {self.second_id}"


class MergedAccountQuerySet(models.QuerySet["MergedAccount"]):
    def visible_to(self, principal: Principal) -> Self:
        return self.filter(survivor__in=Account.objects.visible_to(principal))


class MergedAccount(models.Model):
    """What became of an account that was merged away: its address leads to the survivor."""

    public_id = models.UUIDField(unique=True)  # of the account that is gone
    survivor = models.ForeignKey(Account, models.CASCADE, related_name="+")
    change_set = models.OneToOneField(ChangeSet, models.CASCADE, related_name="+")

    objects = MergedAccountQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.public_id} into {self.survivor_id}"
