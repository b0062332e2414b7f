"""Instants: what a caller asks for ("2h", "2026-11-21T10:00"), and how an answer prints them.

An instant is a float, seconds since 1970 in UTC.
"""

import re
import time
from functools import lru_cache

MONTHS = {
    name: number + 1
    for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
}
# Zone names that logs carry and that mean one offset. "IST", "CST" in China and the like are left
# out where two meanings are common; such a time is read as if it had no zone.
ZONES = {
    b"Z": 0, b"UTC": 0, b"GMT": 0, b"WET": 0, b"WEST": 60, b"CET": 60, b"CEST": 120,
    b"EET": 120, b"EEST": 180, b"MSK": 180, b"JST": 540, b"EST": -300, b"EDT": -240,
    b"CDT": -300, b"MST": -420, b"MDT": -360, b"PST": -480, b"PDT": -420,
}  # fmt: skip

# 10000-01-01T00:00:00Z; what a log says lies before it and not before 1970.
INSTANT_END = 253402300800
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_RELATIVE = re.compile(r"-?((?:\d{1,6}\s?[smhdw]\s?){1,5})(?:ago)?", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d{1,6})?", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?"
    r"\s?(Z|UTC|[+-]\d\d:?\d\d)?",
    re.ASCII,
)


@lru_cache(maxsize=4096)
def day_start(year: int, month: int, day: int) -> int:
    """Seconds at 00:00 UTC of a date. ValueError if there is no such date."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= month <= 12 and 1 <= day <= lengths[month - 1]):
        raise ValueError(f"no such date: {year:04}-{month:02}-{day:02}")
    # Days from the civil calendar, years counted from March (H. Hinnant, "chrono-compatible
    # low-level date algorithms").
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return (era * 146097 + day_of_era - 719468) * 86400


def offset_minutes(zone: bytes | str) -> int | None:
    """Minutes east of UTC of "+02:00", "-0500", "Z" or a known name; None if it is neither."""
    name = zone.encode() if isinstance(zone, str) else zone
    if name in ZONES:
        return ZONES[name]
    match = re.fullmatch(rb"([+-])(\d\d):?(\d\d)", name)
    if not match or int(match[2]) > 14 or int(match[3]) > 59:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    return -minutes if match[1] == b"-" else minutes


def parse_instant(text: str, now: float, default_offset: int = 0) -> float:
    """The instant that a caller means. ValueError says which forms there are.

    Relative ("90s", "2h", "1d12h", "3 d ago", "now": before `now`) or absolute (a date, a date and
    time with or without zone, seconds since 1970). A time without zone lies `default_offset`
    minutes east of UTC.
    """
    text = text.strip()
    if text.lower() == "now":
        return now
    if match := _RELATIVE.fullmatch(text.lower()):
        parts = re.findall(r"(\d+)\s?([smhdw])", match[1])
        return now - sum(int(count) * _UNITS[unit] for count, unit in parts)
    if _EPOCH.fullmatch(text):
        return float(text)
    if match := _DATE_TIME.fullmatch(text):
        return _absolute(match, default_offset)
    raise ValueError(
        f"{text[:60]!r} is no time; write 90s, 2h, 7d or 1d12h for an age, or a date such as "
        "2026-11-21, 2026-11-21T10:00 or 2026-11-21T10:00:00+01:00"
    )


def _absolute(match: re.Match, default_offset: int) -> float:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    if int(hour or 0) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:
        raise ValueError(f"no such time of day: {match[0]!r}")
    offset = default_offset if zone is None else offset_minutes(zone)
    if offset is None:
        raise ValueError(f"no such offset from UTC: {match[0]!r}")
    seconds = day_start(int(year), int(month), int(day))
    seconds += int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0) - offset * 60
    return seconds + (float("0." + fraction) if fraction else 0.0)


def iso(instant: float | None) -> str | None:
    """`2026-11-21T10:00:00.123Z`; without the fraction if that is zero."""
    if instant is None:
        return None
    milliseconds = round(instant * 1000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    fraction = milliseconds % 1000
    return f"{text}.{fraction:03}Z" if fraction else f"{text}Z"
