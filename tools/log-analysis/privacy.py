"""Takes personal data and credentials out of text.

What is found: e-mail addresses, phone numbers, payment cards (issuer, length and Luhn digit), US
social security numbers (ranges that exist), IPv4 and IPv6 addresses, IBANs (length by country,
mod 97), JSON Web Tokens, and the shapes of common API keys and private keys. What is not: names
(give them to anonymize_names), postal addresses, dates of birth, passwords in prose.

Each finder yields spans; where spans of two kinds overlap, the kind that is listed first in ALL
keeps its span, so a card is never eaten by a phone rule. A finder begins with a cheap test, since
its expression is compiled in each call's fresh process, and takes time linear in the text.
"""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Literal, Optional, TypedDict

from mcpgate import Field, ToolError, tool

Kind = Literal["api_key", "jwt", "email", "iban", "card", "ssn", "ip", "phone"]
Style = Literal["pseudonym", "label", "mask"]
Function = Literal[
    "scrub_emails", "scrub_phone_numbers", "scrub_ssn", "scrub_credit_cards", "scrub_ip_addresses",
    "scrub_all_pii", "anonymize_names", "create_privacy_report",
]  # fmt: skip
Span = tuple[int, int, str]  # begin, end, and the value in its normal form

# 4 bytes of UTF-8 each, they fit the largest request body of a gateway, 4 MiB, with its envelope.
TEXT_CHARS_MAX = 1_000_000
# An answer holds the text twice, as JSON and as a string of JSON: 13 bytes for a control character.
# Pseudonyms and replacements may make it longer. toolset.yaml: output 15Mi.
ANSWER_BYTES_MAX = 14 << 20
NAMES_MAX = 2000
DIGITS_MIN = 7
# A value next to another one may be recognised only once that is gone.
PASSES_MAX = 8


# --- finders: text -> spans ------------------------------------------------------------------

_KEY_SHAPES = (
    # prefix that must be in the text, expression; a group, where there is one, is the secret
    ("AKIA", r"\bAKIA[A-Z0-9]{16}\b"),
    ("ASIA", r"\bASIA[A-Z0-9]{16}\b"),
    (
        "aws_secret",
        r"aws_secret\w{0,20}[\"']?\s{0,3}[:=]\s{0,3}[\"']?([A-Za-z0-9/+]{40})(?![\w/+])",
    ),
    (
        "AWS_SECRET",
        r"AWS_SECRET\w{0,20}[\"']?\s{0,3}[:=]\s{0,3}[\"']?([A-Za-z0-9/+]{40})(?![\w/+])",
    ),
    ("gh", r"\bgh[pousr]_[A-Za-z0-9]{36,255}(?!\w)"),
    ("github_pat_", r"\bgithub_pat_\w{22,255}(?!\w)"),
    ("glpat-", r"\bglpat-[\w-]{20,255}"),
    ("xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}"),
    ("xapp-", r"\bxapp-[A-Za-z0-9-]{10,255}"),
    ("hooks.slack.com", r"hooks\.slack\.com/services/([A-Za-z0-9/]{20,255})"),
    ("_live_", r"\b[sprw]k_live_[A-Za-z0-9]{10,255}"),
    ("_test_", r"\b[sprw]k_test_[A-Za-z0-9]{10,255}"),
    ("whsec_", r"\bwhsec_[A-Za-z0-9+/=]{16,255}"),
    ("AIza", r"\bAIza[\w-]{35}(?![\w-])"),
    ("ya29.", r"\bya29\.[\w-]{20,2048}"),
    ("GOCSPX-", r"\bGOCSPX-[\w-]{20,64}"),
    ("sk-", r"\bsk-[A-Za-z0-9_-]{20,255}"),
    ("mcpk_", r"\bmcpk_[a-z2-7]{12}_[\w-]{20,255}"),
    ("npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("pypi-", r"\bpypi-[\w-]{40,512}"),
    ("hf_", r"\bhf_[A-Za-z0-9]{30,64}\b"),
    ("SG.", r"\bSG\.[\w-]{16,32}\.[\w-]{32,64}"),
    ("earer ", r"\b[Bb]earer ([A-Za-z0-9._~+/-]{16,4096}={0,2})"),
    ("asic ", r"\b[Bb]asic ([A-Za-z0-9+/]{12,1024}={0,2})(?![\w+/])"),
)
_KEY_BEGIN = r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BODY = r"(?:[A-Za-z0-9+/=\s]|\\[nr])*+"


def _find_api_keys(text: str) -> Iterator[Span]:
    yield from _find_private_keys(text)
    for prefix, shape in _KEY_SHAPES:
        if prefix in text:
            for match in re.finditer(shape, text, re.ASCII):
                group = match.lastindex or 0
                yield match.start(group), match.end(group), match[group]


def _find_private_keys(text: str) -> Iterator[Span]:
    position = text.find("-----BEGIN ")
    while position >= 0:
        begin = re.compile(_KEY_BEGIN).match(text, position)
        if not begin:
            position = text.find("-----BEGIN ", position + 11)
            continue
        # Walk the key's own alphabet, not to the next END: many BEGINs must not cost many scans.
        stop = re.compile(_KEY_BODY).match(text, begin.end()).end()
        if text.startswith("-----END ", stop):
            line_end = text.find("-----", stop + 9, stop + 80)
            stop = line_end + 5 if line_end >= 0 else stop + 9
        yield position, stop, text[position:stop]
        position = text.find("-----BEGIN ", stop)


# Signed (three parts), encrypted (five), or with an empty signature.
_JWT = r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]{4,}+(?:(?:\.[\w-]++){1,3}|\.)"


def _find_jwts(text: str) -> Iterator[Span]:
    if "eyJ" in text:
        for match in re.finditer(_JWT, text, re.ASCII):
            yield match.start(), match.end(), match[0]


_EMAIL = (
    r"(?<![\w.+%-])[\w.+%-][\w.+%'-]{0,63}+@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,63}"
    r"(?![^\W_])"
)


def _find_emails(text: str) -> Iterator[Span]:
    if "@" in text:
        for match in re.finditer(_EMAIL, text):
            yield match.start(), match.end(), match[0].lower()


# Country → length, from the SWIFT IBAN registry, release 99.
_IBAN_LENGTHS = dict(
    pair.split(":")
    for pair in (
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 "
        "CZ:24 DE:22 DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 "
        "GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 "
        "LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 "
        "NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 "
        "SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
    ).split()
)
_IBAN = r"(?<![0-9A-Za-z])(?=([A-Za-z]{2})\d\d(?:[ -]?[0-9A-Za-z]){11})"
_IBAN_CHARS = r"[A-Za-z]{2}\d\d(?:[ -]?[0-9A-Za-z]){%d}(?![0-9A-Za-z])"


def _find_ibans(text: str) -> Iterator[Span]:
    if not _has_digits(text):
        return
    for begin in re.finditer(_IBAN, text, re.ASCII):
        length = _IBAN_LENGTHS.get(begin[1].upper())
        match = length and re.compile(_IBAN_CHARS % (int(length) - 4), re.ASCII).match(
            text, begin.start()
        )
        if match:
            compact = re.sub("[ -]", "", match[0]).upper()
            digits = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
            if int(digits) % 97 == 1:
                yield match.start(), match.end(), compact


# At each place, not one after the other: a date before the number must not hide it.
_CARD = (
    r"(?<![0-9A-Za-z])(?=(\d{4}([ .\-\u00a0])\d{4}\2\d{4}\2\d{4}(?:\2\d{3})?(?![0-9A-Za-z])"
    r"|\d{4}([ .\-\u00a0])\d{6}\3\d{4,5}(?![0-9A-Za-z])"
    r"|\d{13,19}(?![0-9A-Za-z])))"
)
# (first digits, last of the range, lengths), ISO/IEC 7812 issuer ranges of the networks
_ISSUERS = (
    ("4", "4", (13, 16, 19)), ("51", "55", (16,)), ("2221", "2720", (16,)),  # Visa, Mastercard
    ("34", "34", (15,)), ("37", "37", (15,)),  # American Express
    ("300", "305", (14, 16)), ("36", "36", (14, 16)), ("38", "39", (14, 16)),  # Diners Club
    ("6011", "6011", (16, 19)), ("644", "649", (16, 19)), ("65", "65", (16, 19)),  # Discover
    ("3528", "3589", (16, 17, 18, 19)), ("62", "62", (16, 17, 18, 19)),  # JCB, UnionPay
    ("5018", "5018", (13, 14, 15, 16, 17, 18, 19)), ("5020", "5020", (13, 15, 16, 18, 19)),
    ("5038", "5038", (13, 15, 16, 18, 19)), ("5893", "5893", (13, 15, 16, 18, 19)),
    ("6304", "6304", (13, 15, 16, 18, 19)), ("6759", "6763", (13, 15, 16, 18, 19)),  # Maestro
    ("2200", "2204", (16, 19)), ("9792", "9792", (16,)), ("60", "60", (16,)),  # Mir, Troy, RuPay
    ("81", "82", (16,)),
)  # fmt: skip


def _is_card(digits: str) -> bool:
    issued = any(
        low <= digits[: len(low)] <= high and len(digits) in lengths
        for low, high, lengths in _ISSUERS
    )
    if not issued or len(set(digits)) == 1:
        return False
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    total = sum(map(int, digits[-1::-2])) + sum(
        value - 9 if value > 9 else value for value in doubled
    )
    return total % 10 == 0


def _find_cards(text: str) -> Iterator[Span]:
    if _has_digits(text):
        for match in re.finditer(_CARD, text, re.ASCII):
            written = match[1]
            # A fifth group may be the next number's first.
            for candidate in (written, written[:-4]) if len(written) == 23 else (written,):
                digits = _digits(candidate)
                if _is_card(digits):
                    yield match.start(1), match.start(1) + len(candidate), digits
                    break


# Numbers that were issued: no area 000, 666 or 9xx, no group 00, no serial 0000.
_SSN = r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\w-])"
_SSN_NAMED = (
    r"(?i:\bssn\b|social security (?:number|no\.?))[\"']?\s{0,2}[:=#]?\s{0,2}[\"']?"
    r"((?!000|666|9)\d{3}(?!00)\d\d(?!0000)\d{4})(?!\w)"
)


def _find_ssns(text: str) -> Iterator[Span]:
    if not _has_digits(text):
        return
    for pattern, group in ((_SSN, 0), (_SSN_NAMED, 1)):
        for match in re.finditer(pattern, text, re.ASCII):
            yield match.start(group), match.end(group), _digits(match[group])


_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# Four numbers after a browser's name are its version.
_IPV4 = (
    r"(?<![\w.])(?<!Chrome/)(?<!Chromium/)(?<!Edg/)(?<!OPR/)(?<!Safari/)(?<!Version/)(?<!ersion )"
    rf"(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.\d)"
)
_IPV6 = r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,39}(?:\.\d{1,3}){0,3}(?!\w)"


def _find_ips(text: str) -> Iterator[Span]:
    if "." in text:
        for match in re.finditer(_IPV4, text, re.ASCII):
            yield match.start(), match.end(), match[0]
    if text.count(":") < 2:
        return
    for match in re.finditer(_IPV6, text, re.ASCII):
        value = match[0]
        if value.endswith(":") and not value.endswith("::"):
            value = value[:-1]  # the colon of the sentence
        # "::" and "::1" name nobody; letters alone, as in a::b, are code.
        if value.count(":") < 2 or value in ("::", "::1") or not re.search(r"\d", value):
            continue
        if normal := _ipv6(value):
            yield match.start(), match.start() + len(value), normal


def _ipv6(value: str) -> str | None:
    import ipaddress

    try:
        return str(ipaddress.IPv6Address(value))
    except ValueError:
        return None


_PHONES = (
    # International: + and 8 to 15 digits (E.164); +1 in its own groups, so that it does not run on
    # into the next number; 00 only where it is written in groups.
    r"(?<![\w+])(\+1[ .-]?\(?[2-9]\d\d\)?[ .-]?\d{3}[ .-]?\d{4})(?!\d)",
    r"(?<![\w+])(\+[1-9]\d{7,14})(?!\d)",
    r"(?<![\w+])(\+[2-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ ./-]?\d){5,11})(?!\d)",
    r"(?<![\w.+-])(00[1-9]\d{0,2}[ ./-](?:[ .()/-]{0,2}\d){7,12})(?!\w)",
    # North America, in groups; area and exchange begin with 2 to 9.
    r"(?<![\w.-])((?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4})(?![\w-]|\.\d)",
    # National with trunk 0, in groups: 020 7946 0958, (0161) 496 0000, 01632 960001, 030/1234567.
    r"(?<![\w.+:-])((?:\(0[1-9]\d{1,3}\)|0[1-9]\d{1,3})[ /-]\d{3,4}[ -]\d{3,4})(?![\w-]|\.\d)",
    r"(?<![\w.+:-])((?:\(0[1-9]\d{1,3}\)|0[1-9]\d{1,3})[ /-]\d{6,8})(?![\w-]|\.\d)",
    r"(?<![\w.+:-])(0[1-9](?:[ .]\d\d){4})(?!\w|\.\d)",
    r"(?<![\w.+:-])(07[1-9]\d{8})(?!\w)",
    # Digits alone (they may be seconds or an order) only where the text says what they are.
    r"(?i:\b(?:tel|phone|mobile|cell|fax|sms|call|msisdn)\w{0,8})[\"']?\.?\s{0,2}[:=]?\s{0,2}[\"']?"
    r"(\(?\d{3,5}\)?[ .-]?\d{3,4}[ .-]?\d{3,4})(?!\w)",
)


def _find_phones(text: str) -> Iterator[Span]:
    if _has_digits(text):
        for pattern in _PHONES:
            for match in re.finditer(pattern, text, re.ASCII):
                yield match.start(1), match.end(1), _digits(match[1])


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _has_digits(text: str) -> bool:
    """Whether there are as many digits as the shortest number of any kind has."""
    return len(re.findall(r"[0-9]", text[:4096])) >= DIGITS_MIN or len(text) > 4096


# Most specific first: this is the order in which overlaps are decided.
_FINDERS = {
    "api_key": _find_api_keys,
    "jwt": _find_jwts,
    "email": _find_emails,
    "iban": _find_ibans,
    "card": _find_cards,
    "ssn": _find_ssns,
    "ip": _find_ips,
    "phone": _find_phones,
}
ALL: list[Kind] = list(_FINDERS)  # type: ignore[arg-type]


def find(text: str, kinds: list[Kind]) -> list[tuple[int, int, str, str]]:
    """What is there, as (begin, end, kind, normal form), in order and without overlaps."""
    taken = bytearray(len(text))
    found = []
    for kind, finder in _FINDERS.items():
        # A card hides the phone number in it even where only phones are asked for.
        spans = sorted(finder(text), key=lambda span: (span[0], -span[1]))
        for begin, end, value in spans:
            if taken.find(1, begin, end) < 0:
                taken[begin:end] = b"\1" * (end - begin)
                if kind in kinds:
                    found.append((begin, end, kind, value))
    return sorted(found)


# --- replacing -------------------------------------------------------------------------------


class Replacer:
    """Chooses what stands in a value's place; the same value gets the same pseudonym."""

    def __init__(self, text: str, style: Style, replacement: str | None):
        self._style = style
        self._replacement = replacement
        self._pseudonyms: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        if style == "pseudonym":  # go on after pseudonyms of an earlier call
            for kind, number in re.findall(r"\[([A-Z_]{2,7})_(\d{1,9})\]", text):
                kind = kind.lower()
                self._counts[kind] = max(self._counts.get(kind, 0), int(number))

    def replace(self, kind: str, value: str, written: str) -> str:
        if self._replacement is not None:
            return self._replacement
        if self._style == "label":
            return f"[{kind.upper()}_REDACTED]"
        if self._style == "mask":
            return re.sub(r"[^\W_]", "*", written)
        key = (kind, value)
        if key not in self._pseudonyms:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._pseudonyms[key] = f"[{kind.upper()}_{self._counts[kind]}]"
        return self._pseudonyms[key]


def scrub(
    text: str, kinds: list[Kind], style: Style = "pseudonym", replacement: str | None = None
) -> tuple[str, dict[str, int]]:
    """The text without what was found, and how many of each kind were replaced."""
    replacer = Replacer(text, style, replacement)
    removed: dict[str, int] = {}
    for _ in range(1 if replacement is not None else PASSES_MAX):
        found = find(text, kinds)
        if not found:
            break
        pieces, position = [], 0
        for begin, end, kind, value in found:
            pieces += [text[position:begin], replacer.replace(kind, value, text[begin:end])]
            position = end
            removed[kind] = removed.get(kind, 0) + 1
        text = "".join(pieces) + text[position:]
    return text, {kind: removed[kind] for kind in ALL if kind in removed}


def name_of(index: int) -> str:
    """User-A … User-Z, User-AA, …"""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return f"User-{letters}"


def anonymize_names(text: str, name_map: dict[str, str]) -> tuple[str, dict[str, str], int]:
    """Replaces whole words only, the longest name first; an empty pseudonym is made up."""
    names = [name for name in name_map if name.strip()]
    used = {name_map[name] for name in names}
    made_up = (candidate for index in range(2 * len(names) + 1)
               if (candidate := name_of(index)) not in used)  # fmt: skip
    complete = {name: name_map[name] or next(made_up) for name in names}
    if not complete:
        return text, {}, 0
    # One word at a time through a table: an alternation of thousands of names would be slow.
    tokens = re.split(r"(\w+)", text)
    table = {tuple(re.findall(r"\w+", name)): pseudonym for name, pseudonym in complete.items()}
    words_max = max(len(key) for key in table)
    pieces, count, index = [tokens[0]], 0, 1
    while index < len(tokens):
        for words in range(min(words_max, (len(tokens) - index) // 2), 0, -1):
            pseudonym = table.get(tuple(tokens[index : index + 2 * words : 2]))
            gaps = tokens[index + 1 : index + 2 * words - 2 : 2]
            if pseudonym is not None and all(gap in (" ", "-", "'", ". ") for gap in gaps):
                pieces += [pseudonym, tokens[index + 2 * words - 1]]
                count += 1
                index += 2 * words
                break
        else:
            pieces += tokens[index : index + 2]
            index += 2
    return "".join(pieces), complete, count


# --- the tool --------------------------------------------------------------------------------

_FUNCTION_KINDS: dict[str, list[Kind]] = {
    "scrub_emails": ["email"],
    "scrub_phone_numbers": ["phone"],
    "scrub_ssn": ["ssn"],
    "scrub_credit_cards": ["card"],
    "scrub_ip_addresses": ["ip"],
    "scrub_all_pii": ALL,
}


class PrivacyReport(TypedDict):
    """`safety_check`: nothing that this tool recognises is left; `remaining` counts what is."""

    original_length: int
    scrubbed_length: int
    emails_removed: int
    redaction_count: int
    removed: dict[str, int]
    remaining: dict[str, int]
    safety_check: bool


class Scrubbed(TypedDict, total=False):
    """`removed` counts what was replaced, by kind; the values themselves are told nowhere."""

    text: str
    removed: dict[str, int]
    total: int
    name_map: dict[str, str]
    report: PrivacyReport


@tool(read_only=True, title="Remove personal data from text")
def privacy(
    text: Annotated[
        Optional[str], Field(max_length=TEXT_CHARS_MAX, description="The text to scrub.")
    ] = None,
    kinds: Annotated[list[Kind], Field(description="What to remove; everything by default.")] = ALL,
    style: Annotated[
        Style,
        Field(
            description="pseudonym: [EMAIL_1], the same for the same value. label: "
            "[EMAIL_REDACTED]. mask: letters and digits become *."
        ),
    ] = "pseudonym",
    function: Annotated[
        Optional[Function], Field(description="A function by its earlier name.")
    ] = None,
    replacement: Annotated[
        Optional[str], Field(max_length=200, description="Stands in every value's place.")
    ] = None,
    name_map: Annotated[
        Optional[dict[str, str]],
        Field(description="anonymize_names: name to pseudonym; an empty one is made up."),
    ] = None,
    original: Annotated[
        Optional[str], Field(max_length=TEXT_CHARS_MAX, description="For create_privacy_report.")
    ] = None,
    scrubbed: Annotated[
        Optional[str], Field(max_length=TEXT_CHARS_MAX, description="For create_privacy_report.")
    ] = None,
) -> Scrubbed:
    """Replaces personal data and credentials in a text, and counts what was replaced.

    Finds e-mail addresses, phone numbers, payment cards, US social security numbers, IP addresses,
    IBANs, JSON Web Tokens, API keys and private keys; checks digits and ranges, so that order
    numbers, times and versions stay. Names are replaced only by anonymize_names with a name_map.
    """
    if function == "create_privacy_report":
        if original is None or scrubbed is None:
            raise ToolError("create_privacy_report takes original and scrubbed")
        return {"report": _report(original, scrubbed)}
    if text is None:
        raise ToolError("text: is required")
    if function == "anonymize_names":
        if len(name_map or {}) > NAMES_MAX:
            raise ToolError(f"name_map: at most {NAMES_MAX} names")
        new, names, count = anonymize_names(text, name_map or {})
        removed = {"name": count}
        return _fitting({"text": new, "removed": removed, "total": count, "name_map": names})
    if function:
        kinds, style = _FUNCTION_KINDS[function], "label"
    new, removed = scrub(text, kinds, style, replacement)
    return _fitting({"text": new, "removed": removed, "total": sum(removed.values())})


def _fitting(answer: Scrubbed) -> Scrubbed:
    """ToolError where the answer is larger than one may be."""
    as_json = json.dumps(answer, ensure_ascii=False)
    escapes = as_json.count('"') + as_json.count("\\")  # in the string of JSON
    size = 2 * len(as_json.encode("utf-8", "replace")) + escapes
    if size > ANSWER_BYTES_MAX:
        raise ToolError(
            f"text: what stands in the values' places makes an answer of {size} bytes, and "
            f"{ANSWER_BYTES_MAX} is the limit; give the text in parts"
        )
    return answer


def _report(original: str, scrubbed: str) -> PrivacyReport:
    before, after = _counts(original), _counts(scrubbed)
    removed = {kind: before[kind] - after.get(kind, 0) for kind in before}
    removed = {kind: count for kind, count in removed.items() if count > 0}
    return {
        "original_length": len(original),
        "scrubbed_length": len(scrubbed),
        "emails_removed": removed.get("email", 0),
        "redaction_count": sum(removed.values()),
        "removed": removed,
        "remaining": after,
        "safety_check": not after,
    }


def _counts(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for _, _, kind, _ in find(text, ALL):
        counts[kind] = counts.get(kind, 0) + 1
    return counts
