"""What the simulated staff wrote. Every text is dull on purpose: nothing in it is meant to be learnt."""

TICKETS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "wholesale": (
        ("question", "When does the new catalogue come out?", "Asks for it on paper, two copies."),
        ("question", "Is there a minimum for free carriage?", "Would like the terms by e-mail."),
        ("question", "Can two orders be sent together?", "Both are small and go to the same shop."),
        ("fault", "Three mugs arrived broken", "Outer box was fine, the inner packing was not."),
        ("fault", "Wrong colour in the parcel", "Ordered red, received blue."),
        ("fault", "Two packs short", "The delivery note says twelve, ten were in the box."),
        ("fault", "Lights do not work", "Four of twenty-four stay dark with new batteries."),
        ("complaint", "Delivery a week late", "The window display had to wait."),
        ("complaint", "Invoice does not match the order", "Carriage was charged twice."),
        ("complaint", "Nobody answered two e-mails", "Asks for a call back."),
        ("request", "Please send price tags", "For the whole last order."),
        ("request", "Change of delivery address", "New shop opens next month."),
        ("request", "Copy invoices for the accountant", "The last six months."),
    ),
    "bank": (
        ("question", "How is the minimum payment worked out?", "Read the leaflet, still unsure."),
        ("question", "When does a payment show?", "Paid at a counter yesterday."),
        ("fault", "Statement did not arrive", "Last month's did."),
        ("fault", "Amount booked twice", "Same shop, same minute."),
        ("complaint", "Late fee although paid on time", "Has the receipt."),
        ("complaint", "Waited long on the telephone", "Three calls in one week."),
        ("request", "Please raise the credit limit", "A larger purchase is planned."),
        ("request", "Change of address", "Moved at the beginning of the month."),
        ("request", "Payment by instalments", "Asks for three months."),
    ),
}
ACTIVITIES: dict[str, tuple[tuple[str, str], ...]] = {
    "wholesale": (
        ("call", "Rang about the last order. Content, asks for the spring range."),
        ("call", "No answer, left a message."),
        ("call", "Buyer is away until Monday; will ring again."),
        ("call", "Talked through the price list. Carriage is the sticking point."),
        ("email", "Sent the catalogue and the terms."),
        ("email", "Sent photographs of the new candle holders."),
        ("email", "Answered a question about pack sizes."),
        ("meeting", "Met at the trade fair. Wants samples of the tins."),
        ("meeting", "Visited the shop. Window is full of our lanterns."),
        ("note", "Prefers deliveries before ten."),
        ("note", "A second shop opens in the autumn, says the owner."),
        ("note", "Pays by bank transfer, always on a Friday."),
        ("note", "Orders are placed by the assistant, the owner decides."),
    ),
    "bank": (
        ("call", "Reminded of the open statement. Will pay after payday."),
        ("call", "No answer, left a message."),
        ("call", "Explained how the minimum payment is worked out."),
        ("email", "Sent a copy of the last statement."),
        ("email", "Confirmed the new address."),
        ("meeting", "Came to the branch about instalments."),
        ("note", "Asks to be rung in the evening only."),
        ("note", "Prefers letters to e-mail."),
    ),
}
TASKS: dict[str, tuple[str, ...]] = {
    "wholesale": (
        "Ring about the next order",
        "Send the new price list",
        "Ask whether the last delivery was complete",
        "Offer samples of the new range",
        "Agree on a date for a visit",
        "Find out who orders now",
        "Follow up on the open complaint",
    ),
    "bank": (
        "Ring about the open statement",
        "Check the request for a higher limit",
        "Send the instalment agreement",
        "Confirm the new address",
    ),
}
