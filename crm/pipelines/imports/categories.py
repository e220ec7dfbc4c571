"""Product categories, derived from words of the descriptions: the set has none."""

from psycopg.sql import SQL, Composable, Literal

# The first entry that matches decides. `\y` is a word's edge; line breaks and spaces mean nothing.
CATEGORIES = {
    "Christmas": r"""CHRISTMAS|XMAS|ADVENT|SANTA|REINDEER|SNOWFLAKE|SNOWMAN|BAUBLE|\yHOLLY\y|NATIVITY|
        YULETIDE""",
    "Candles and lights": r"CANDLE|T-?LIGHT|LANTERN|\yLIGHTS?\y|\yLAMPS?\y|INCENSE|OIL\sBURNER|TORCH",
    "Bags and purses": r"\yBAGS?\y|WASHBAG|HANDBAG|PURSE|WALLET|RUCKSACK|\yTOTE\y|LUGGAGE|SHOPPER|PASSPORT",
    "Jewellery and accessories": r"""NECKLACE|BRACELET|EARRINGS?|BROOCH|PENDANT|\yRINGS?\y|BANGLE|JEWEL|
        CHOKER|HAIR\s?(CLIP|SLIDE|BAND)|SCARF|UMBRELLA|PARASOL|CHARM|\yCHAIN|\yFAN\y""",
    "Cards, wrap and paper": r"""\yCARDS?\y|WRAP|PAPER|RIBBON|TISSUES?|STICKERS?|NOTEBOOK|JOURNAL|MEMO|
        ENVELOPE|PENCIL|\yPENS?\y|STAMP|CALENDAR|\yBOOK|ALBUM|RULER|WRITING|TATTOO|SCISSOR""",
    "Mugs, cups and tableware": r"""\yMUGS?\y|\yCUPS?\y|SAUCER|TEAPOT|TEA\sSET|COFFEE|PLATES?\y|PLATTER|
        \yBOWLS?\y|GLASS(ES)?\y|GOBLET|COASTER|PLACEMAT|NAPKIN|TUMBLER|CUTLERY|SPOON|\yJUGS?\y|\yTRAYS?\y""",
    "Kitchen and baking": r"""BAKING|CAKE|COOK|KITCHEN|\yJAM\y|LUNCH|\yTEA\y|OVEN|APRON|CUTTER|RECIPE|BREAD|
        BISCUIT|\yTINS?\y|BOTTLE|STORAGE\sJAR|MEASURING|\yEGGS?\y|SPICE|POPCORN|\yPAN\y|TOAST|SQUEEZER|
        CHOPSTICKS|CANNISTER|PUDDING|LAUNDRY|PEGS""",
    "Toys and games": r"""\yTOYS?\y|\yGAMES?\y|DOLL|PUZZLE|JIGSAW|TEDDY|SKITTLES|PLAY|CHILD|\yBABY\y|\yKIDS\y|
        SPINNING|BALLOON|PARTY|BUNTING|RABBIT|DINOSAUR|SOLDIER|DOMINOES|RACING|PULL\sBACK|SPACE\s?(BOY|CADET)""",
    "Garden and outdoors": r"""GARDEN|FLOWER\s?POT|PLANTER|WATERING|\yBIRDS?\y|PICNIC|HERB|SEEDS?|BEACH|
        DECKCHAIR|WINDMILL|GNOME|WINDCHIME|TOADSTOOL""",
    "Bathroom and wellness": r"""\ySOAP\y|\yBATH|TOWEL|SPONGE|LIP\sBALM|COSMETIC|MAKE\s?UP|HOT\sWATER|
        HAND\sWARMER|SEWING|FIRST\sAID""",
    "Signs, frames and clocks": r"""\ySIGNS?\y|FRAMES?\y|CLOCK|MIRROR|\yBLOCK\y|LETTERS?\y|PLAQUE|BOARD\y|
        \yART\y|DOOR\s?MAT|MAGNETS?|PICTURE|\yPRINT\y|CANVAS""",
    "Home decoration": r"""CUSHION|C/COVER|HEARTS?\y|DECORATION|GARLAND|WREATH|HOOKS?\y|HANGER|HANGING|DRAWER|
        KNOB|CABINET|\yBOX(ES)?\y|BASKET|HOLDER|VASE|CURTAIN|FLOWER|ORNAMENT|ROSE|CHAIR|STOOL|TABLE|THROW|
        QUILT|SHELF|POUFFE|DOORSTOP|SHELL|DUCKS?\y|FELTCRAFT""",
}
OTHER = "Other"


def category_of(description: str) -> Composable:
    """Return the SQL of a product's category, given the SQL of its description."""
    text = SQL("upper({})").format(SQL(description))
    cases = [
        SQL("WHEN {} ~ {} THEN {}").format(text, Literal(f"(?x){words}"), Literal(name))
        for name, words in CATEGORIES.items()
    ]
    return SQL("CASE {} ELSE {} END").format(SQL(" ").join(cases), Literal(OTHER))
