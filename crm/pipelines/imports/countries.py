"""Country names as Online Retail writes them, with their ISO 3166-1 codes.

A name that is no country has an empty code: "Channel Islands" may be Jersey or Guernsey, and the
West Indies are many.
"""

from psycopg.sql import SQL, Composable, Literal

CODES = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Bermuda": "BM",
    "Brazil": "BR", "Canada": "CA", "Channel Islands": "", "Cyprus": "CY", "Czech Republic": "CZ",
    "Denmark": "DK", "EIRE": "IE", "European Community": "", "Finland": "FI", "France": "FR",
    "Germany": "DE", "Greece": "GR", "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL",
    "Italy": "IT", "Japan": "JP", "Korea": "KR", "Lebanon": "LB", "Lithuania": "LT", "Malta": "MT",
    "Netherlands": "NL", "Nigeria": "NG", "Norway": "NO", "Poland": "PL", "Portugal": "PT",
    "RSA": "ZA", "Saudi Arabia": "SA", "Singapore": "SG", "Spain": "ES", "Sweden": "SE",
    "Switzerland": "CH", "Thailand": "TH", "USA": "US", "United Arab Emirates": "AE",
    "United Kingdom": "GB", "Unspecified": "", "West Indies": "",
}  # fmt: skip


def country_codes() -> Composable:
    """Return the table as a SQL query of name and code."""
    rows = [SQL("({}, {})").format(Literal(name), Literal(code)) for name, code in CODES.items()]
    return SQL("VALUES {}").format(SQL(", ").join(rows))
