"""Code lists: a partner's code on one side, the canonical code on the other, and never a default between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.domain.money import CURRENCIES
from core.errors import UnmappedCode
from mappings.faults import MapDocumentError, Unfit, kind_of, shorten

# ISO 3166-1: alpha-2 and alpha-3.
ALPHA_3: Mapping[str, str] = dict(
    pair.split(":")
    for pair in """
    AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM AT:AUT AU:AUS AW:ABW AX:ALA AZ:AZE
    BA:BIH BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR BH:BHR BI:BDI BJ:BEN BL:BLM BM:BMU BN:BRN BO:BOL BQ:BES BR:BRA BS:BHS
    BT:BTN BV:BVT BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK CD:COD CF:CAF CG:COG CH:CHE CI:CIV CK:COK CL:CHL CM:CMR CN:CHN
    CO:COL CR:CRI CU:CUB CV:CPV CW:CUW CX:CXR CY:CYP CZ:CZE DE:DEU DJ:DJI DK:DNK DM:DMA DO:DOM DZ:DZA EC:ECU EE:EST
    EG:EGY EH:ESH ER:ERI ES:ESP ET:ETH FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA GA:GAB GB:GBR GD:GRD GE:GEO GF:GUF
    GG:GGY GH:GHA GI:GIB GL:GRL GM:GMB GN:GIN GP:GLP GQ:GNQ GR:GRC GS:SGS GT:GTM GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD
    HN:HND HR:HRV HT:HTI HU:HUN ID:IDN IE:IRL IL:ISR IM:IMN IN:IND IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA JE:JEY JM:JAM
    JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM KI:KIR KM:COM KN:KNA KP:PRK KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA
    LI:LIE LK:LKA LR:LBR LS:LSO LT:LTU LU:LUX LV:LVA LY:LBY MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL MK:MKD
    ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ MR:MRT MS:MSR MT:MLT MU:MUS MV:MDV MW:MWI MX:MEX MY:MYS MZ:MOZ NA:NAM
    NC:NCL NE:NER NF:NFK NG:NGA NI:NIC NL:NLD NO:NOR NP:NPL NR:NRU NU:NIU NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG
    PH:PHL PK:PAK PL:POL PM:SPM PN:PCN PR:PRI PS:PSE PT:PRT PW:PLW PY:PRY QA:QAT RE:REU RO:ROU RS:SRB RU:RUS RW:RWA
    SA:SAU SB:SLB SC:SYC SD:SDN SE:SWE SG:SGP SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE SM:SMR SN:SEN SO:SOM SR:SUR SS:SSD
    ST:STP SV:SLV SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL TL:TLS TM:TKM TN:TUN TO:TON
    TR:TUR TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA UM:UMI US:USA UY:URY UZ:UZB VA:VAT VC:VCT VE:VEN VG:VGB VI:VIR
    VN:VNM VU:VUT WF:WLF WS:WSM YE:YEM YT:MYT ZA:ZAF ZM:ZMB ZW:ZWE
    """.split()
)
FROM_ALPHA_3 = {alpha_3: alpha_2 for alpha_2, alpha_3 in ALPHA_3.items()}

# UN/ECE Recommendation 20 and 21: the units that orders are counted, weighed and measured in.
UNITS = frozenset(
    """
    C62 H87 EA PR DZN GRO MIL NPR SET KT ZZ
    KGM GRM MGM TNE LBR ONZ STN DTN CGM
    MTR CMT MMT DMT KMT INH FOT YRD
    MTK CMK MMK FTK INK YDK
    MTQ CMQ MMQ DMQ FTQ INQ YDQ
    LTR MLT CLT DLT HLT GLL GLI OZA OZI PTL PTI QTL QTI
    HUR MIN SEC DAY WEE MON ANN LS E48 E49 KWH MWH
    XBX XCT XPK XPA XBG XBO XCA XCR XCS XDR XEN XPX XRO XSA XSH XTB XTU XBE XBA XJR XKG XPC XST XUN
    """.split()
)


@dataclass(frozen=True, slots=True)
class CodeList:
    """Codes of a partner and what they mean here.

    Args:
        name: as it is named in `codes:`.
        to_canonical: partner code -> canonical code.
        to_partner: canonical code -> the partner code that is written.
    """

    name: str
    to_canonical: Mapping[str, str] = field(repr=False)
    to_partner: Mapping[str, str] = field(repr=False)

    def read(self, code: Any) -> str:
        """Return the canonical code.

        Raises:
            UnmappedCode: the list does not have the partner's code.
        """
        return look_up(self.to_canonical, code, self.name)

    def write(self, code: Any) -> str:
        """Return the partner's code.

        Raises:
            UnmappedCode: the partner has no code for it.
        """
        return look_up(self.to_partner, code, self.name)


def look_up(codes: Mapping[str, str], code: Any, name: str) -> str:
    """Return what a code stands for."""
    if isinstance(code, bool) or not isinstance(code, str | int):
        raise Unfit(f"is {kind_of(code)}, not a code")
    try:
        return codes[code if isinstance(code, str) else str(code)]
    except (KeyError, ValueError):
        raise UnmappedCode(
            f"{shorten(code)} is not in code list {name}.", fix=f"Add it to code list {name}.", list=name
        ) from None


def identity(name: str, codes: Iterable[str]) -> CodeList:
    """Return a list whose partners use the canonical codes themselves."""
    same = {code: code for code in sorted(codes)}
    return CodeList(name, same, same)


def from_table(name: str, table: Mapping[Any, Any]) -> CodeList:
    """Return the list of a manifest's `codes:` entry.

    Args:
        table: either partner code -> canonical code, one to one; or `read:` and `write:` with one table each
            (`write` is canonical -> partner) where several partner codes mean the same, and perhaps `only_write:` of
            canonical codes that the partner has no word of his own for, and that come back as another one.

    Raises:
        MapDocumentError: the table is not made of codes, or the way back is ambiguous.
    """
    if set(table) <= {"read", "write", "only_write"} and all(isinstance(inner, Mapping) for inner in table.values()):
        read, write = texts(name, table.get("read", {})), texts(name, table.get("write", {}))
        for canonical, partner in write.items():
            if read.get(partner, canonical) != canonical:
                raise MapDocumentError(
                    f"Code list {name} writes {canonical} as {partner}, but reads {partner} as {read[partner]}.",
                    fix="Let read and write agree.",
                )
        alike = texts(name, table.get("only_write", {}))
        twice = sorted(alike.keys() & write.keys())
        if twice:
            raise MapDocumentError(
                f"Code list {name} has {', '.join(twice)} in both `write` and `only_write`.",
                fix="Take one of them away.",
            )
        return CodeList(name, read, {**alike, **write})
    read = texts(name, table)
    write = {}
    for partner, canonical in read.items():
        if canonical in write:
            raise MapDocumentError(
                f"Code list {name} has both {write[canonical]} and {partner} for {canonical}.",
                why="Then nobody can tell which of them to write.",
                fix="Give the list as `read:` and `write:` tables.",
            )
        write[canonical] = partner
    return CodeList(name, read, write)


def texts(name: str, table: Mapping[Any, Any]) -> dict[str, str]:
    """Return a table of codes with whole numbers turned into text."""
    found = {}
    for code, meaning in table.items():
        for each in (code, meaning):
            if isinstance(each, bool) or not isinstance(each, str | int) or each == "":
                raise MapDocumentError(
                    f"Code list {name} has {each!r} where a code is expected.", fix="Quote it to make it text."
                )
        found[str(code)] = str(meaning)
    return found


def read_country(value: Any) -> str:
    """Return the ISO 3166 alpha-2 code of an alpha-2 or alpha-3 code in any case."""
    code = word(value).upper()
    code = FROM_ALPHA_3.get(code, code)
    return ISO_COUNTRY.read(code)


def read_currency(value: Any) -> str:
    """Return the ISO 4217 code of a code in any case."""
    return ISO_CURRENCY.read(word(value).upper())


def word(value: Any) -> str:
    """Return trimmed text."""
    if not isinstance(value, str):
        raise Unfit(f"is {kind_of(value)}, not a code")
    return value.strip()


ISO_COUNTRY = identity("iso_country", ALPHA_3)
ISO_COUNTRY_3 = CodeList("iso_country_3", FROM_ALPHA_3, ALPHA_3)
ISO_CURRENCY = identity("iso_currency", CURRENCIES)
UNECE_UNIT = identity("unece_unit", UNITS)

# What EDIFACT's older directories call a piece.
EDIFACT_UNIT = CodeList("edifact_unit", {**UNECE_UNIT.to_canonical, "PCE": "C62"}, UNECE_UNIT.to_partner)

CODES: Mapping[str, CodeList] = {
    each.name: each for each in (ISO_COUNTRY, ISO_COUNTRY_3, ISO_CURRENCY, UNECE_UNIT, EDIFACT_UNIT)
}
