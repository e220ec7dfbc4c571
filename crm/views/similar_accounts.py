from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from crm.selectors.similar_accounts import list_similar
from crm.views.access import HtmxRequest, get_visible
from crm.views.account_detail import visible_accounts
from crm.views.fragments import render_part, wants_fragment


@require_safe
def account_similar(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Show who buys alike: as a page, or as the panel that the account's page fetches when it is seen."""
    account = get_visible(visible_accounts(request), public_id=public_id)
    context = {
        "account": account,
        "similar": list_similar(account, request.user),
        "is_panel": wants_fragment(request),
    }
    return render_part(request, "crm/account_similar.html", "panel", context)
