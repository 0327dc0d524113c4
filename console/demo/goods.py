"""What Fjord & Pine sells: families of home goods in sizes and colors, 1,204 SKUs in all.

The GTINs begin with 29: GS1 keeps 20 to 29 for restricted circulation, so no company outside a demo has them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SKUS = 1_204
COLORS = {
    "SND": "sand", "SLT": "slate", "GRN": "moss green", "BLU": "fjord blue", "WHT": "chalk white", "BLK": "charcoal",
    "RST": "rust", "OAT": "oat", "MUS": "mustard", "ROS": "dusty rose", "PET": "petrol", "CLY": "clay",
}  # fmt: skip
WOODS = {"OAK": "oak", "ASH": "ash", "WAL": "walnut", "PIN": "pine"}
SCENTS = {"CED": "cedar", "BIR": "birch smoke", "SEA": "sea salt", "LAV": "lavender", "FIG": "fig leaf", "AMB": "amber"}


@dataclass(frozen=True, slots=True)
class Family:
    """A product with its variants.

    Args:
        code, name, category: as in the SKU, the title, the catalog.
        sizes: code -> (words, factor on price, factor on weight).
        looks: code -> words; a color, a wood or a scent.
        count: how many of the looks it is made in.
        price: of the smallest size, in cents.
        grams: of the smallest size, packed.
        box: packed size of the smallest, millimeters.
    """

    code: str
    name: str
    category: str
    sizes: dict[str, tuple[str, float, float]]
    looks: dict[str, str]
    count: int
    price: int
    grams: int
    box: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """One sellable unit; `rank` 1 sells most."""

    sku: str
    title: str
    gtin: str
    price: str
    weight_g: int
    family: str
    category: str
    size: str
    look: str
    box_mm: tuple[int, int, int]
    rank: int


ONE = {"1": ("", 1.0, 1.0)}
SML = {"S": ("small", 1.0, 1.0), "M": ("medium", 1.4, 1.6), "L": ("large", 1.9, 2.4)}
CUPS = {"200": ("200 ml", 1.0, 1.0), "350": ("350 ml", 1.2, 1.3), "450": ("450 ml", 1.35, 1.5)}
PLATES = {"17": ("17 cm", 1.0, 1.0), "21": ("21 cm", 1.3, 1.5), "27": ("27 cm", 1.7, 2.3)}
THROWS = {"130": ("130 x 170 cm", 1.0, 1.0), "150": ("150 x 200 cm", 1.35, 1.4)}
PILLOWS = {"40": ("40 x 40 cm", 1.0, 1.0), "50": ("50 x 50 cm", 1.25, 1.35), "60": ("40 x 60 cm", 1.3, 1.4)}
SHEETS = {"090": ("90 x 200 cm", 1.0, 1.0), "140": ("140 x 200 cm", 1.3, 1.4), "160": ("160 x 200 cm", 1.45, 1.6),
          "180": ("180 x 200 cm", 1.6, 1.8)}  # fmt: skip
TOWELS = {"30": ("30 x 50 cm", 1.0, 1.0), "50": ("50 x 100 cm", 2.1, 2.8), "70": ("70 x 140 cm", 3.4, 5.0)}
RUGS = {"60": ("60 x 90 cm", 1.0, 1.0), "80": ("80 x 150 cm", 2.2, 2.4), "140": ("140 x 200 cm", 4.8, 5.2)}
TABLES = {"140": ("140 x 140 cm", 1.0, 1.0), "200": ("150 x 200 cm", 1.3, 1.4), "250": ("150 x 250 cm", 1.5, 1.7),
          "300": ("150 x 300 cm", 1.8, 2.0)}  # fmt: skip
FRAMES = {"A5": ("A5", 1.0, 1.0), "A4": ("A4", 1.4, 1.6), "A3": ("A3", 2.0, 2.6), "50": ("50 x 70 cm", 3.1, 4.5)}
JARS = {"05": ("0.5 l", 1.0, 1.0), "10": ("1 l", 1.3, 1.5), "20": ("2 l", 1.7, 2.2)}
FAMILIES = (
    Family("MUG", "Mug Brygge", "table", CUPS, COLORS, 12, 1290, 420, (120, 120, 110)),
    Family("BWL", "Bowl Vik", "table", PLATES, COLORS, 12, 1190, 480, (190, 190, 90)),
    Family("PLT", "Plate Strand", "table", PLATES, COLORS, 12, 990, 390, (190, 190, 40)),
    Family("CRF", "Carafe Elv", "table", JARS, COLORS, 6, 2490, 700, (120, 120, 280)),
    Family("GLS", "Tumbler Is", "table", CUPS, COLORS, 8, 790, 260, (90, 90, 110)),
    Family("TRY", "Tray Kai", "table", SML, WOODS, 4, 2990, 800, (360, 260, 50)),
    Family("BRD", "Board Skog", "kitchen", SML, WOODS, 4, 2490, 900, (320, 220, 30)),
    Family("APR", "Linen apron Holm", "kitchen", ONE, COLORS, 12, 3490, 280, (260, 200, 30)),
    Family("TTW", "Tea towel Rute", "kitchen", ONE, COLORS, 12, 990, 110, (220, 160, 15)),
    Family("JAR", "Storage jar Lager", "kitchen", JARS, COLORS, 8, 1490, 620, (120, 120, 170)),
    Family("PAN", "Cast pan Glo", "kitchen", SML, {"BLK": "charcoal", "GRN": "moss green"}, 2, 4490, 1900,
           (300, 220, 60)),
    Family("KNF", "Kitchen knife Kvass", "kitchen", SML, WOODS, 4, 3990, 240, (330, 70, 30)),
    Family("THR", "Wool throw Fjell", "textile", THROWS, COLORS, 12, 7990, 1150, (380, 280, 90)),
    Family("PIL", "Pillow Myr", "textile", PILLOWS, COLORS, 12, 2490, 520, (400, 400, 120)),
    Family("SHT", "Linen sheet Ro", "textile", SHEETS, COLORS, 12, 6990, 780, (320, 240, 50)),
    Family("DUV", "Duvet cover Ro", "textile", SHEETS, COLORS, 12, 8990, 1250, (340, 260, 80)),
    Family("TWL", "Towel Tind", "bath", TOWELS, COLORS, 12, 890, 130, (220, 160, 50)),
    Family("MAT", "Bath mat Tind", "bath", ONE, COLORS, 10, 2990, 820, (300, 220, 60)),
    Family("CRT", "Curtain Lys", "textile", {"140": ("140 x 250 cm", 1.0, 1.0), "140L": ("140 x 300 cm", 1.15, 1.2)},
           COLORS, 10, 5490, 950, (320, 240, 60)),
    Family("RUG", "Rug Eng", "textile", RUGS, COLORS, 8, 4990, 1600, (620, 150, 150)),
    Family("CND", "Candle Glod", "light", SML, SCENTS, 6, 1490, 380, (100, 100, 120)),
    Family("CNH", "Candle holder Stake", "light", SML, COLORS, 6, 1290, 340, (110, 110, 120)),
    Family("LMP", "Table lamp Skumring", "light", SML, COLORS, 8, 6990, 1700, (300, 300, 380)),
    Family("SHD", "Lampshade Skumring", "light", SML, COLORS, 8, 2990, 420, (320, 320, 240)),
    Family("PND", "Pendant Maane", "light", SML, COLORS, 8, 8990, 2100, (420, 420, 260)),
    Family("VAS", "Vase Dal", "decor", SML, COLORS, 12, 2290, 650, (150, 150, 230)),
    Family("POT", "Plant pot Rot", "decor", SML, COLORS, 12, 1690, 850, (160, 160, 150)),
    Family("FRM", "Frame Blikk", "decor", FRAMES, WOODS, 4, 1490, 420, (240, 180, 30)),
    Family("CLK", "Wall clock Tid", "decor", ONE, COLORS, 8, 4990, 780, (320, 320, 60)),
    Family("MIR", "Mirror Vann", "decor", SML, WOODS, 4, 5990, 2600, (460, 460, 60)),
    Family("BSK", "Basket Kurv", "storage", SML, COLORS, 8, 1990, 600, (300, 300, 220)),
    Family("BOX", "Box Orden", "storage", SML, COLORS, 10, 1290, 520, (260, 200, 160)),
    Family("HNG", "Coat hook Gren", "storage", SML, WOODS, 4, 1490, 260, (180, 90, 60)),
    Family("SHF", "Shelf Hylle", "storage", SML, WOODS, 4, 3990, 2400, (620, 220, 60)),
    Family("STL", "Stool Sete", "furniture", SML, WOODS, 4, 7990, 3800, (380, 380, 450)),
    Family("BNC", "Bench Sete", "furniture", SML, WOODS, 4, 14990, 8900, (1020, 360, 180)),
    Family("SDT", "Side table Bord", "furniture", SML, WOODS, 4, 11990, 6400, (520, 520, 160)),
    Family("NAP", "Linen napkin Rute", "table", ONE, COLORS, 12, 890, 80, (200, 200, 10)),
    Family("TCL", "Tablecloth Rute", "table", TABLES, COLORS, 12, 4990, 620, (300, 220, 50)),
    Family("ESP", "Espresso cup Brygge", "table", ONE, COLORS, 12, 890, 180, (80, 80, 70)),
    Family("PIT", "Pitcher Elv", "table", JARS, COLORS, 8, 2990, 820, (150, 150, 240)),
    Family("SRV", "Serving bowl Vik", "table", SML, COLORS, 12, 2290, 760, (240, 240, 110)),
    Family("BTR", "Butter dish Mild", "table", ONE, COLORS, 8, 1990, 540, (180, 120, 90)),
    Family("MIL", "Salt mill Korn", "kitchen", SML, WOODS, 4, 2490, 320, (70, 70, 220)),
    Family("KET", "Kettle Damp", "kitchen", ONE, COLORS, 6, 6490, 1350, (240, 220, 240)),
    Family("CUS", "Cushion cover Myr", "textile", PILLOWS, COLORS, 12, 1790, 160, (260, 200, 20)),
    Family("BLK", "Cotton blanket Bris", "textile", THROWS, COLORS, 12, 4990, 880, (340, 260, 80)),
    Family("BED", "Bedspread Ro", "textile", SHEETS, COLORS, 10, 9990, 1700, (400, 300, 120)),
    Family("ROB", "Bathrobe Tind", "bath", SML, COLORS, 12, 6990, 1050, (360, 280, 110)),
    Family("SLP", "Felt slippers Tass", "bath", SML, COLORS, 12, 3490, 360, (300, 200, 110)),
    Family("LTN", "Lantern Natt", "light", SML, COLORS, 8, 2990, 900, (180, 180, 280)),
    Family("DOR", "Doormat Trapp", "textile", RUGS, COLORS, 4, 2490, 1900, (620, 120, 120)),
    Family("LND", "Laundry bag Orden", "storage", ONE, COLORS, 10, 2990, 420, (320, 240, 40)),
    Family("POU", "Pouf Hvile", "furniture", ONE, COLORS, 12, 12990, 4800, (560, 560, 360)),
)  # fmt: skip


def check_digit(digits: str) -> int:
    """Return the check digit of a GTIN (GS1 General Specifications, 7.9): weights 3 and 1 from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def gtin_13(number: int) -> str:
    """Return the GTIN-13 of an article number, in the range for restricted circulation."""
    digits = f"29{number:010d}"
    return f"{digits}{check_digit(digits)}"


def variants() -> Iterator[tuple[Family, str, str]]:
    """Yield (family, size code, look code) of everything that is made."""
    for family in FAMILIES:
        for size in family.sizes:
            for look in list(family.looks)[: family.count]:
                yield family, size, look


def make_items(rng: random.Random) -> list[Item]:
    """Return the catalog, best seller first; chance only settles who sells how well."""
    made = list(variants())
    assert len(made) == SKUS, len(made)
    numbers = list(range(1, SKUS + 1))
    order = numbers.copy()
    rng.shuffle(order)
    ranks = dict(zip(numbers, order, strict=True))
    items = [_item(number, ranks[number], *variant) for number, variant in enumerate(made, 1)]
    return sorted(items, key=lambda item: item.rank)


def _item(number: int, rank: int, family: Family, size: str, look: str) -> Item:
    words, dearer, heavier = family.sizes[size]
    # Prices end in 90 cents.
    cents = max(round(family.price * dearer / 100) * 100 - 10, 290)
    grow = heavier ** (1 / 3)
    width, depth, height = (round(side * grow) for side in family.box)
    parts = [family.code, *([size] if family.sizes is not ONE else []), look]
    return Item(
        sku="FP-" + "-".join(parts),
        title=" ".join(part for part in (family.name, words) if part) + f", {family.looks[look]}",
        gtin=gtin_13(number),
        price=f"{cents // 100}.{cents % 100:02d}",
        weight_g=round(family.grams * heavier / 10) * 10,
        family=family.name,
        category=family.category,
        size=words or "one size",
        look=family.looks[look],
        box_mm=(width, depth, height),
        rank=rank,
    )
