from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from crm.forms.settings import ZoneSelect, zone_choices
from crm.models import Team, User
from crm.selectors.organisation import organisation_zone


class PersonForm(forms.ModelForm):  # type: ignore[type-arg] # the generic parameter is for type checkers only
    """What an administrator says about somebody. The user name is chosen once."""

    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        help_text=_("Of mails. On pages everybody chooses for themselves."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False, widget=ZoneSelect)

    class Meta:
        model = User
        fields = (
            "username", "first_name", "last_name", "email", "role", "team", "language", "time_zone",
            "is_active",
        )  # fmt: skip
        labels = {
            "username": _("User name"),
            "first_name": _("First name"),
            "last_name": _("Last name"),
            "email": _("E-mail"),
            "is_active": _("May sign in"),
        }
        help_texts = {
            "username": _("Letters, digits and @ . + - _"),
            "email": _("Without one nobody can be sent a link when the password is forgotten."),
            "is_active": _("Who is switched off is signed out everywhere at once."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [("", "–"), *settings.LANGUAGES]  # type: ignore[attr-defined] # known by its name only
        default = format_lazy(_("The organisation's ({zone})"), zone=organisation_zone())
        self.fields["time_zone"].choices = [("", default), *zone_choices(self.instance.time_zone)]  # type: ignore[attr-defined] # the same
        self.fields["team"].queryset = Team.objects.order_by("name")  # type: ignore[attr-defined] # the same
        self.fields["team"].empty_label = "–"  # type: ignore[attr-defined] # the same
        del self.fields["username" if self.instance.pk else "is_active"]

    def clean_username(self) -> str:
        """Refuse a name that differs from another by capitals only: the sign-in takes them for one."""
        username = str(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("Somebody has this user name already."))
        return username

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if email and User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Somebody signs in with this address already."))
        return email

    def _save_m2m(self) -> None:
        raise NotImplementedError("crm.services.people saves")


class TeamForm(forms.ModelForm):  # type: ignore[type-arg] # the generic parameter is for type checkers only
    class Meta:
        model = Team
        fields = ("name",)
        labels = {"name": _("Name")}

    def clean_name(self) -> str:
        """Refuse a name that differs from another by capitals only: nobody could tell the two apart."""
        name = str(self.cleaned_data["name"])
        if Team.objects.filter(name__iexact=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("There is a team of this name already."))
        return name

    def _save_m2m(self) -> None:
        raise NotImplementedError("crm.services.people saves")
