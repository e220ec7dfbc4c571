"""What staff say came of a recommendation."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST

from crm.models import Account, OfferAnswer
from crm.services.offer_answers import NoSuchOfferError, answer_offer
from crm.views.access import HtmxRequest, get_visible
from crm.views.fragments import back

SAID = {
    OfferAnswer.Answer.OFFERED: gettext_noop("Noted as offered."),
    OfferAnswer.Answer.ACCEPTED: gettext_noop("Noted as accepted."),
    OfferAnswer.Answer.NOT_INTERESTED: gettext_noop("It will not be shown for 90 days."),
}


@require_POST
def offer_answer(request: HtmxRequest, public_id: UUID) -> HttpResponse:
    """Log that a product was offered, taken or not wanted."""
    account = get_visible(Account.objects.visible_to(request.user), public_id=public_id)
    try:
        product_id = UUID(request.POST.get("product", ""))
        logged = answer_offer(
            account=account, product_id=product_id, user=request.user, answer=request.POST.get("answer", "")
        )
    except (NoSuchOfferError, ValueError):
        messages.error(request, _("This list has changed. Here it is as it is now."))
    else:
        messages.success(request, _(SAID[OfferAnswer.Answer(logged.answer)]))
    return back(request, account.get_absolute_url())
