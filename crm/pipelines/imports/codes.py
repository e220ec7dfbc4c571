"""Texts, yes and no, choices, countries, currencies, addresses."""

import re
from collections.abc import Mapping
from functools import lru_cache

from django.utils import translation

from crm.pipelines.imports.cells import FAILED, CellError, Parser, as_text, ascii_form, stripped
from crm.pipelines.imports.countries import CODES as NAMES_OF_RETAIL
from crm.pipelines.imports.reading.rows import Cell
from crm.selectors.countries import COUNTRIES
from crm.selectors.currencies import CURRENCIES

YES_WORDS = "yes y true t 1 x on ja oui si sí sim 是 有 对 真 ✓ ✔"
NO_WORDS = "no n false f 0 off nein non não 否 无 不是 假 ✗"
YES, NO = frozenset(YES_WORDS.split()), frozenset(NO_WORDS.split())
ISO_3166 = (  # of three letters, then of two
    "ABWAW AFGAF AGOAO AIAAI ALAAX ALBAL ANDAD AREAE ARGAR ARMAM ASMAS ATAAQ ATFTF ATGAG AUSAU AUTAT"
    " AZEAZ BDIBI BELBE BENBJ BESBQ BFABF BGDBD BGRBG BHRBH BHSBS BIHBA BLMBL BLRBY BLZBZ BMUBM BOLBO"
    " BRABR BRBBB BRNBN BTNBT BVTBV BWABW CAFCF CANCA CCKCC CHECH CHLCL CHNCN CIVCI CMRCM CODCD COGCG"
    " COKCK COLCO COMKM CPVCV CRICR CUBCU CUWCW CXRCX CYMKY CYPCY CZECZ DEUDE DJIDJ DMADM DNKDK DOMDO"
    " DZADZ ECUEC EGYEG ERIER ESHEH ESPES ESTEE ETHET FINFI FJIFJ FLKFK FRAFR FROFO FSMFM GABGA GBRGB"
    " GEOGE GGYGG GHAGH GIBGI GINGN GLPGP GMBGM GNBGW GNQGQ GRCGR GRDGD GRLGL GTMGT GUFGF GUMGU GUYGY"
    " HKGHK HMDHM HNDHN HRVHR HTIHT HUNHU IDNID IMNIM INDIN IOTIO IRLIE IRNIR IRQIQ ISLIS ISRIL ITAIT"
    " JAMJM JEYJE JORJO JPNJP KAZKZ KENKE KGZKG KHMKH KIRKI KNAKN KORKR KWTKW LAOLA LBNLB LBRLR LBYLY"
    " LCALC LIELI LKALK LSOLS LTULT LUXLU LVALV MACMO MAFMF MARMA MCOMC MDAMD MDGMG MDVMV MEXMX MHLMH"
    " MKDMK MLIML MLTMT MMRMM MNEME MNGMN MNPMP MOZMZ MRTMR MSRMS MTQMQ MUSMU MWIMW MYSMY MYTYT NAMNA"
    " NCLNC NERNE NFKNF NGANG NICNI NIUNU NLDNL NORNO NPLNP NRUNR NZLNZ OMNOM PAKPK PANPA PCNPN PERPE"
    " PHLPH PLWPW PNGPG POLPL PRIPR PRKKP PRTPT PRYPY PSEPS PYFPF QATQA REURE ROURO RUSRU RWARW SAUSA"
    " SDNSD SENSN SGPSG SGSGS SHNSH SJMSJ SLBSB SLESL SLVSV SMRSM SOMSO SPMPM SRBRS SSDSS STPST SURSR"
    " SVKSK SVNSI SWESE SWZSZ SXMSX SYCSC SYRSY TCATC TCDTD TGOTG THATH TJKTJ TKLTK TKMTM TLSTL TONTO"
    " TTOTT TUNTN TURTR TUVTV TWNTW TZATZ UGAUG UKRUA UMIUM URYUY USAUS UZBUZ VATVA VCTVC VENVE VGBVG"
    " VIRVI VNMVN VUTVU WLFWF WSMWS YEMYE ZAFZA ZMBZM ZWEZW"
)
COUNTRY_OF = {code[:3]: code[3:] for code in ISO_3166.split()}
OTHER_NAMES = {
    "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "u.k.": "GB",
    "u.s.": "US", "u.s.a.": "US", "united states of america": "US", "czech republic": "CZ", "el": "GR",
    "deutschland": "DE", "österreich": "AT", "schweiz": "CH", "suisse": "CH", "svizzera": "CH",
    "españa": "ES", "italia": "IT", "brasil": "BR", "méxico": "MX", "nederland": "NL", "holland": "NL",
    "the netherlands": "NL", "belgië": "BE", "belgique": "BE", "danmark": "DK", "sverige": "SE",
    "norge": "NO", "suomi": "FI", "polska": "PL", "turkey": "TR", "russia": "RU", "俄罗斯": "RU",
    "korea": "KR", "republic of korea": "KR", "prc": "CN", "p.r. china": "CN", "中华人民共和国": "CN",
    "viet nam": "VN", "uae": "AE", "中国大陆": "CN", "香港": "HK", "台湾": "TW", "美国": "US", "英国": "GB",
}  # fmt: skip
# Only what means one currency: a dollar or ¥ sign alone could be several.
CURRENCY_SIGNS = {
    "€": "EUR", "£": "GBP", "US$": "USD", "HK$": "HKD", "A$": "AUD", "C$": "CAD", "R$": "BRL",
    "₹": "INR", "₩": "KRW", "₪": "ILS", "₺": "TRY", "₴": "UAH", "₫": "VND", "RMB": "CNY", "CNH": "CNY",
    "人民币": "CNY", "元": "CNY", "EURO": "EUR",
}  # fmt: skip
EMAIL = re.compile(
    r"[^\s@\"(),:;<>\[\\\]]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]"
)
# Our exports put an apostrophe before what a spreadsheet would calculate.
NEUTRALISED = re.compile(r"'[=+\-@\t\r\n＝＋－＠]")


def parse_text(max_length: int) -> Parser[str]:
    """Parse a text, without the blanks around it: too long a one is refused, not cut."""

    def parse(cell: Cell) -> str | None:
        text = cell.strip() if isinstance(cell, str) else as_text(cell)
        if not text or text == "\\N":
            return None
        if text[0] == "'" and NEUTRALISED.match(text):
            text = text[1:].strip()
        if text[0] == "#" and text in FAILED:
            raise CellError("failed_formula")
        if "\0" in text:
            raise CellError("nul_byte")
        if len(text) > max_length:
            raise CellError("too_long", length=len(text), limit=max_length)
        return text

    return parse


def parse_bool() -> Parser[bool]:
    """Parse yes and no, in words of several languages, as 1 and 0, or as a cross."""

    def parse(cell: Cell) -> bool | None:
        if isinstance(cell, bool):
            return cell
        text = ascii_form(stripped(cell)).casefold()
        if not text:
            return None
        if text in YES:
            return True
        if text in NO:
            return False
        raise CellError("not_yes_or_no")

    return parse


def parse_choice(choices: Mapping[str, str]) -> Parser[str]:
    """Parse one of several codes, given as it is or by its label in any language of the product."""
    known: dict[str, str] = {}
    for language in ("en", "zh-hans"):
        with translation.override(language):
            known |= {str(label).casefold(): code for code, label in choices.items()}
    known |= {code.casefold(): code for code in choices}
    known |= {code.replace("_", " ").casefold(): code for code in choices}

    def parse(cell: Cell) -> str | None:
        text = stripped(cell)
        if not text:
            return None
        code = known.get(text.casefold())
        if code is None:
            raise CellError("unknown_choice", allowed=list(choices))
        return code

    return parse


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    known = {name.casefold(): code for name, code in NAMES_OF_RETAIL.items() if code}
    for language in ("zh-hans", "en"):
        with translation.override(language):
            known |= {str(name).casefold(): code for code, name in COUNTRIES.items()}
    known |= OTHER_NAMES
    known |= {code.casefold(): code for code in COUNTRY_OF.values()}
    return known | {three.casefold(): two for three, two in COUNTRY_OF.items()}


def parse_country() -> Parser[str]:
    """Parse a country, by ISO 3166-1 code of two or three letters or by its name."""
    known = _countries()

    def parse(cell: Cell) -> str | None:
        text = stripped(cell)
        code = known.get(text.casefold(), "")
        if text and not code:
            raise CellError("unknown_country")
        return code or None

    return parse


def parse_currency() -> Parser[str]:
    """Parse a currency, by ISO 4217 code or by a sign that means one currency only."""

    def parse(cell: Cell) -> str | None:
        text = ascii_form(stripped(cell)).upper()
        if not text:
            return None
        code = CURRENCY_SIGNS.get(text, text)
        if code not in CURRENCIES:
            raise CellError("unknown_currency")
        return code

    return parse


def parse_email() -> Parser[str]:
    """Parse one e-mail address."""

    def parse(cell: Cell) -> str | None:
        text = ascii_form(stripped(cell)).removeprefix("mailto:")
        if not text:
            return None
        if len(text) > 254 or not EMAIL.fullmatch(text):
            raise CellError("not_an_email")
        return text

    return parse
