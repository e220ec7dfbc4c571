"""Names of countries by ISO 3166-1 code, for those that customers are likely to come from."""

from django.utils.translation import gettext_lazy as _

COUNTRIES = {
    "AE": _("United Arab Emirates"), "AR": _("Argentina"), "AT": _("Austria"), "AU": _("Australia"),
    "BD": _("Bangladesh"), "BE": _("Belgium"), "BG": _("Bulgaria"), "BH": _("Bahrain"),
    "BM": _("Bermuda"), "BR": _("Brazil"), "CA": _("Canada"), "CH": _("Switzerland"),
    "CL": _("Chile"), "CN": _("China"), "CO": _("Colombia"), "CY": _("Cyprus"),
    "CZ": _("Czechia"), "DE": _("Germany"), "DK": _("Denmark"), "EE": _("Estonia"),
    "EG": _("Egypt"), "ES": _("Spain"), "FI": _("Finland"), "FR": _("France"),
    "GB": _("United Kingdom"), "GR": _("Greece"), "HK": _("Hong Kong"), "HR": _("Croatia"),
    "HU": _("Hungary"), "ID": _("Indonesia"), "IE": _("Ireland"), "IL": _("Israel"),
    "IN": _("India"), "IS": _("Iceland"), "IT": _("Italy"), "JE": _("Jersey"), "JP": _("Japan"),
    "KE": _("Kenya"), "KR": _("South Korea"), "LB": _("Lebanon"), "LT": _("Lithuania"),
    "LU": _("Luxembourg"), "LV": _("Latvia"), "MA": _("Morocco"), "MT": _("Malta"),
    "MX": _("Mexico"), "MY": _("Malaysia"), "NG": _("Nigeria"), "NL": _("Netherlands"),
    "NO": _("Norway"), "NZ": _("New Zealand"), "PE": _("Peru"), "PH": _("Philippines"),
    "PK": _("Pakistan"), "PL": _("Poland"), "PT": _("Portugal"), "RO": _("Romania"),
    "RS": _("Serbia"), "SA": _("Saudi Arabia"), "SE": _("Sweden"), "SG": _("Singapore"),
    "SI": _("Slovenia"), "SK": _("Slovakia"), "TH": _("Thailand"), "TR": _("Türkiye"),
    "TW": _("Taiwan"), "UA": _("Ukraine"), "US": _("United States"), "VN": _("Vietnam"),
    "ZA": _("South Africa"),
}  # fmt: skip


def country_name(code: str) -> str:
    """Return the name in the reader's language, or the code itself."""
    return str(COUNTRIES.get(code, code))
