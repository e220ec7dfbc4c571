"""What tickets say of an account, as a reason of its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def support_sentence(values: Mapping[str, Any]) -> str:
    """Say how many there were in a year, or of complaints how many, and how many are open."""
    if values.get("tickets") is None:
        return ""
    tickets, complaints, still_open = (int(values.get(name, 0)) for name in ("tickets", "complaints", "open"))
    if complaints:
        said = ngettext("%(count)s complaint in a year", "%(count)s complaints in a year", complaints)
    elif tickets:
        said = ngettext("%(count)s ticket in a year", "%(count)s tickets in a year", tickets)
    else:
        said = _("No ticket in a year")
    said %= {"count": complaints or tickets}
    if not still_open:
        return said
    with_open = ngettext(
        "%(said)s, %(count)s ticket still open", "%(said)s, %(count)s tickets still open", still_open
    )
    return with_open % {"said": said, "count": still_open}
