"""Mails by which people get in."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from crm.models import User

log = structlog.get_logger(__name__)
# What these "send" stays on this machine, where nobody would look for it.
KEPT_HERE = ("filebased", "console", "dummy")


def mail_sign_in_link(*, person: User, link: str) -> bool:
    """Mail the link, in the person's language, and say whether a mail left.

    None does when the person has no address, when no mail server is configured, or when it refuses.
    """
    if not person.email or settings.EMAIL_BACKEND.split(".")[-2] in KEPT_HERE:
        return False
    with translation.override(person.language or settings.LANGUAGE_CODE):
        subject = _("Choose a password for Sextant")
        text = render_to_string("crm/sign_in_link.txt", {"person": person, "link": link})
    try:
        send_mail(subject, text, None, [person.email])
    except OSError:  # every failure of SMTP is one
        log.warning("sign_in_link_not_mailed", exc_info=True)
        return False
    return True
