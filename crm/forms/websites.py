"""Addresses of websites, as people write them: with or without https:// in front."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _

REFUSED = _("Write the address of a website, like example.com or https://example.com/shop.")
is_url = URLValidator(schemes=["http", "https"])


def check_website(value: str) -> None:
    """Refuse what is neither a host with a domain nor an http or https address.

    :raises ValidationError: saying what such an address looks like.
    """
    url = value if "://" in value else f"https://{value}"
    try:
        is_url(url)
    except ValidationError as error:
        raise ValidationError(REFUSED, code="not_a_website") from error
    if "@" in urlsplit(url).netloc:  # an e-mail address, or a name and a password
        raise ValidationError(REFUSED, code="not_a_website")


class WebsiteField(forms.CharField):
    """A host or an http(s) address, kept as it was written."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", "url")
        self.validators.append(check_website)
