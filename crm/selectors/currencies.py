"""How amounts name their currency, in tables, sentences and the partner API alike."""

THIN = "\u202f"  # narrow no-break space between a number and its unit
MINUS = "\u2212"
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "CNY": "CN¥", "JPY": "JP¥", "TWD": "NT$"}


def with_symbol(text: str, currency: str) -> str:
    """Put the symbol, or a code without one, before a number that is already in words."""
    symbol = SYMBOLS.get(currency, currency + THIN)
    return MINUS + symbol + text[1:] if text.startswith(MINUS) else symbol + text
