"""Names that nobody bears: made up from lists and the number of a row, the same in every load.

A number below the product of the lists' lengths has a name of its own: it is first multiplied by
a prime, so that neighbours don't look alike.
"""

from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Literal

FIRST_WORDS = (
    "Harrow", "Juniper", "Willow", "Copper", "Marlowe", "Bramble", "Foxglove", "Hazel", "Linden",
    "Primrose", "Thistle", "Wren", "Alder", "Barley", "Clover", "Damson", "Elder", "Fern", "Gorse",
    "Heather", "Ivy", "Kestrel", "Larch", "Meadow", "Nettle", "Orchard", "Pebble", "Quince",
    "Rowan", "Sorrel", "Tansy", "Umber", "Violet", "Wicker", "Yarrow", "Amber", "Birch", "Cobalt",
    "Dove", "Ember", "Finch",
)  # fmt: skip
SECOND_WORDS = (
    "Pine", "Lane", "Finch", "Stone", "Mill", "Hollow", "Bridge", "Lark", "Moss", "Reed", "Tide",
    "Vale", "Wick", "Brook", "Crane", "Dell", "Field", "Gate", "Harbour", "Island", "Knoll", "Loft",
    "March", "North", "Oak", "Parade", "Quay", "Ridge", "Spring", "Thorn", "Cross",
)  # fmt: skip
TRADES = (
    "Gifts", "Trading", "Home", "Interiors", "Emporium", "Supplies", "Stores", "Collective",
    "Wholesale", "Living", "Curios",
)  # fmt: skip
INDUSTRIES = (
    "Gift shop", "Garden centre", "Department store", "Online shop", "Homeware shop",
    "Museum shop", "Florist", "Stationery shop", "Toy shop", "Café",
)  # fmt: skip
SURNAMES = (
    "Chen", "Lin", "Huang", "Chang", "Li", "Wang", "Wu", "Liu", "Tsai", "Yang", "Hsu", "Cheng",
    "Hsieh", "Kuo", "Hung", "Chiu", "Tseng", "Liao", "Lai", "Chou", "Yeh", "Su", "Chuang", "Lu",
    "Chiang", "Ho", "Hsiao", "Lo", "Kao", "Pan", "Chien",
)  # fmt: skip
SYLLABLES = (
    "Wei", "Ting", "Yu", "Hsin", "Chia", "Ming", "Shu", "Fen", "Li", "Hua", "Jen", "Chih", "Hao",
    "Ying", "Pei", "Shan", "Tzu", "Han", "Kai", "Lun", "Mei", "Ling", "Jung", "Yen", "Po", "An",
    "Ching", "Hui", "I", "Ju", "Kuan", "Yi", "Sheng",
)  # fmt: skip
FORENAMES = (
    "Alice", "Ben", "Clara", "Daniel", "Ellen", "Felix", "Grace", "Harry", "Irene", "Jack", "Kate",
    "Leo", "Maria", "Noah", "Olive", "Peter", "Rosa", "Simon", "Tessa", "Victor", "Wendy", "Zoe",
    "Adam", "Bella", "Colin",
)  # fmt: skip
FAMILY_NAMES = (
    "Ashdown", "Barlow", "Calder", "Denby", "Easton", "Farrow", "Garside", "Holt", "Ingham",
    "Jessop", "Kirby", "Lomax", "Marsden", "Norris", "Oakes", "Pell", "Quayle", "Rudd", "Selby",
    "Tarrant", "Unwin", "Verity", "Whitlow", "Yates", "Ackroyd", "Birtle", "Croft",
)  # fmt: skip
JOB_TITLES = ("Owner", "Buyer", "Shop manager", "Accounts", "Managing director", "Assistant buyer")


def pick(words: Sequence[str], number: str) -> Composable:
    """Return the SQL of the word at that number, counted round the list."""
    return SQL("({}::text[])[1 + ({})::bigint % {}]").format(
        Literal(list(words)), SQL(number), Literal(len(words))
    )


def company_name(number: str = "number") -> Composable:
    """Return the SQL of a company's name: 41 x 31 x 11 different ones."""
    mixed = f"({number} * 7919 % 13981)"
    return SQL("{} || ' & ' || {} || ' ' || {}").format(
        pick(FIRST_WORDS, mixed),
        pick(SECOND_WORDS, f"{mixed} / 41"),
        pick(TRADES, f"{mixed} / 1271"),
    )


def industry(number: str = "number") -> Composable:
    return pick(INDUSTRIES, spread(number, "industry"))


def romanised_name(number: str = "number") -> Composable:
    """Return the SQL of a person's name as it is romanised in Taiwan: 31 x 33 x 33 of them."""
    mixed = f"({number} * 7919 % 33759)"
    return SQL("{} || ' ' || {} || '-' || lower({})").format(
        pick(SURNAMES, mixed), pick(SYLLABLES, f"{mixed} / 31"), pick(SYLLABLES, f"{mixed} / 1023")
    )


def spread(number: str, purpose: str) -> str:
    """Return the SQL of a large number that depends on both and on nothing else."""
    return f"(hashint8extended(({number})::bigint, hashtext('{purpose}')) & 9223372036854775807)"
