"""Signing in without the sign-in page, as allauth would leave the session."""

import time

from allauth.account.internal.flows.login import _AUTHENTICATION_METHODS_USER_SESSION_KEY as METHODS_OF
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY as METHODS
from django.test import Client

from crm.models import User


def signed_in_client(user: User) -> Client:
    """Return a client whose user has given the password just now, so that nothing asks for it again.

    A page that fails answers 500 instead of raising, as in a browser.
    """
    client = Client(raise_request_exception=False)
    client.force_login(user)
    session = client.session
    session[METHODS] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session[METHODS_OF] = str(user.pk)
    session.save()
    return client
