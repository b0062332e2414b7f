"""Personal data: a table of what is found and what is not, and properties that always hold."""

import random
import re
import time
import unittest

import log_fixtures  # noqa: F401  sets the path
import privacy
from mcpgate import ToolError
from privacy import ALL, find, name_of, scrub

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
KEY_BLOCK = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc+/=\n-----END RSA PRIVATE KEY-----"
)
A36, A40 = "aB3" * 12, "aB3/" * 10

FOUND = {
    "email": ["a@example.com", "alice.smith+tag@mail.example.co.uk", "o'neil@example.ie",
              "x_y%z@sub-domain.example.museum", "jürgen@müller.example"],
    "phone": ["+1-202-555-0101", "+12025550101", "+1 (202) 555-0101", "(202) 555-0101",
              "202-555-0101", "202.555.0101", "1-800-555-0199", "+44 20 7946 0958", "+447700900123",
              "020 7946 0958", "07700 900123", "07700900123", "(0161) 496 0000", "01632 960001",
              "+49 30 123456", "+33 1 23 45 67 89", "01 23 45 67 89", "030/12345678",
              "0044 20 7946 0958", "+49 (89) 123456"],
    "card": ["4532015112830366", "4532 0151 1283 0366", "4532-0151-1283-0366", "378282246310005",
             "3782 822463 10005", "5555555555554444", "2223003122003222", "6011111111111117",
             "3530111333300000", "30569309025904", "6304000000000000", "4222222222222",
             "6200000000000005"],
    "ssn": ["123-45-6789", "123 45 6789", "001-01-0001", "899-99-9999"],
    "ip": ["203.0.113.66", "255.255.255.255", "10.0.0.1", "2001:db8::1", "fe80::1ff:fe23:4567:890a",
           "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "::ffff:203.0.113.66", "2001:db8::"],
    "iban": ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432",
             "NO9386011117947", "FR1420041010050500013M02606", "gb82 west 1234 5698 7654 32",
             "MT84MALT011000012345MTLCAST001S"],
    "jwt": [JWT],
    "api_key": ["AKIAIOSFODNN7EXAMPLE", f"ghp_{A36}", f"github_pat_{'a1' * 20}", f"glpat-{'a1' * 10}",
                "xoxb-123456789012-abcdefABCDEF", f"sk_live_{'a1' * 12}", f"rk_test_{'a1' * 12}",
                f"AIza{'a' * 35}", f"sk-ant-api03-{'aB3_-' * 10}", f"sk-proj-{'aB3' * 12}", f"sk-{'aB3' * 16}",
                f"mcpk_abcdefghij23_{'A' * 43}0123abcd", f"npm_{A36}", f"hf_{A36}", KEY_BLOCK,
                f"SG.{'a' * 22}.{'b' * 43}", f"whsec_{'a' * 32}"],
}  # fmt: skip

NOT_FOUND = [
    "1795176000", "1795176000.123", "1795176000123", "1795176000123456789",  # seconds, ms, ns
    "order 4155550101", "order 123456789", "ORD-424242", "invoice 20261120001",
    "4532015112830367",  # Luhn is wrong
    "9999999999999995", "1234567812345670",  # no such issuer
    "0000000000000000", "4444444444444444x", "a4532015112830366b", "45320151128303661234",
    "000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123-456-789",
    "1.2.3", "v1.2.3.4", "1.2.3.4.5", "256.1.1.1", "1.2.3.999", "Chrome/132.0.0.0", "01.02.03.04",
    "10:15:30", "00:1a:2b:3c:4d:5e", "std::vector", "a::b", "::", "::1", "12:34:56:78",
    "DE89370400440532013001", "XX89370400440532013000", "DE8937040044053201300",
    "2026-11-20 10:00:00,123", "2026-11-20T10:00:00.123+0100", "20/Nov/2026:10:00:00 +0000",
    "3b1f8a52-1111-4222-8333-944445555666", "d41d8cd98f00b204e9800998ecf8427e",
    "@example", "a@b", "user@localhost", "a@example.", "git log HEAD@{1}", "decorator @tool.x",
    "eyJ.not.jwt", "sk-short", "AKIA123", "task-management-and-more-words-here", "-----BEGIN CERTIFICATE-----",
    "0x7fff5fbff8a0", "1,234,567,890", "3.14159265358979", "-1234567890", "job 07 0900",
    "port 8080 to 9090", "100-200-300", "5 x 4 = 20", "http://x/4.5.6-7",
]  # fmt: skip


class Table(unittest.TestCase):
    def test_every_kind_is_found_whole(self):
        for kind, values in FOUND.items():
            for value in values:
                for frame in (
                    "%s",
                    "x %s y",
                    "(%s)",
                    "a=%s;",
                    "'%s',",
                    "to %s.",
                    "<%s>",
                    "%s\n%s",
                    "é %s",
                ):
                    text = frame.replace("%s", value)
                    with self.subTest(kind=kind, text=text):
                        spans = find(text, ALL)
                        self.assertEqual({span[2] for span in spans}, {kind})
                        self.assertEqual({text[b:e] for b, e, _, _ in spans}, {value})

    def test_what_only_looks_alike_stays(self):
        for text in NOT_FOUND:
            for framed in (text, f"x {text} y", f"{text}\n{text}"):
                with self.subTest(text=framed):
                    self.assertEqual(find(framed, ALL), [])

    def test_words_make_bare_digits_personal(self):
        for text, kind, value in (
            ("tel: 2025550101", "phone", "2025550101"), ("phone=2025550101", "phone", "2025550101"),
            ('"mobile": "7700900123"', "phone", "7700900123"), ("SSN: 123456789", "ssn", "123456789"),
            ("social security number 123456789", "ssn", "123456789"),
            ("Authorization: Bearer " + "aB3" * 10, "api_key", "aB3" * 10),
            ("Authorization: Bearer demo-token-12345", "api_key", "demo-token-12345"),
            ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "api_key", "dXNlcjpwYXNzd29yZA=="),
            (f"aws_secret_access_key = {A40}", "api_key", A40),
        ):  # fmt: skip
            with self.subTest(text=text):
                spans = find(text, ALL)
                self.assertEqual([(k, text[b:e]) for b, e, k, _ in spans], [(kind, value)])


class Precedence(unittest.TestCase):
    def test_card_is_never_eaten_by_a_phone_rule(self):
        for text in ("4532015112830366", "tel 4532015112830366", "card 4532 0151 1283 0366"):
            self.assertNotRegex(scrub(text, ALL)[0].replace("_1]", ""), r"\d")
            # … not even where only phones are asked for
            self.assertEqual(scrub(text, ["phone"]), (text, {}))

    def test_neighbours_stay_apart(self):
        text = "+1-202-555-0101 (202) 555-0188 2026-11-22 4532 0151 1283 0366 123-45-6789"
        self.assertEqual(scrub(text, ALL)[0], "[PHONE_1] [PHONE_2] 2026-11-22 [CARD_1] [SSN_1]")

    def test_iban_ends_where_its_country_says(self):
        self.assertEqual(scrub("DE89 3704 0044 0532 0130 00 AND MORE", ALL)[0], "[IBAN_1] AND MORE")

    def test_addresses_keep_port_prefix_and_brackets(self):
        text = "10.0.0.1:443 10.0.0.0/8 [2001:db8::1]:80 2001:db8::1: refused /10.0.0.1:5"
        self.assertEqual(
            scrub(text, ALL)[0], "[IP_1]:443 [IP_2]/8 [[IP_3]]:80 [IP_3]: refused /[IP_1]:5"
        )

    def test_key_in_a_private_key_block_goes_whole(self):
        self.assertEqual(scrub(f"a {KEY_BLOCK} b", ALL), ("a [API_KEY_1] b", {"api_key": 1}))
        self.assertEqual(
            scrub("-----BEGIN PRIVATE KEY-----\nMIIE\n(cut)", ALL)[0], "[API_KEY_1](cut)"
        )
        escaped = KEY_BLOCK.replace("\n", "\\n")
        self.assertEqual(scrub(f'"{escaped}"', ALL)[0], '"[API_KEY_1]"')


class Styles(unittest.TestCase):
    TEXT = "a@x.org A@X.ORG b@x.org 4532015112830366 4532-0151-1283-0366"

    def test_pseudonyms_are_the_same_for_the_same_value(self):
        self.assertEqual(
            scrub(self.TEXT, ALL)[0], "[EMAIL_1] [EMAIL_1] [EMAIL_2] [CARD_1] [CARD_1]"
        )

    def test_pseudonyms_go_on_after_those_in_the_text(self):
        self.assertEqual(scrub("[EMAIL_7] a@x.org", ALL)[0], "[EMAIL_7] [EMAIL_8]")

    def test_labels_masks_and_replacements(self):
        self.assertEqual(scrub("to a.b@x.org", ALL, "label")[0], "to [EMAIL_REDACTED]")
        self.assertEqual(scrub("to a.b@x.org", ALL, "mask")[0], "to *.*@*.***")
        self.assertEqual(scrub("4532-0151-1283-0366", ALL, "mask")[0], "****-****-****-****")
        self.assertEqual(
            scrub("to a.b@x.org", ALL, replacement="c@y.org"), ("to c@y.org", {"email": 1})
        )

    def test_only_the_kinds_asked_for(self):
        text = "a@x.org 10.0.0.1"
        self.assertEqual(scrub(text, ["ip"]), ("a@x.org [IP_1]", {"ip": 1}))
        self.assertEqual(scrub(text, []), (text, {}))


class Properties(unittest.TestCase):
    """Texts put together at random from values, near-values and separators."""

    PIECES = [v for values in FOUND.values() for v in values] + NOT_FOUND
    GLUE = [
        "",
        " ",
        " ",
        ",",
        "-",
        ".",
        ":",
        "\n",
        "+",
        "=",
        "/",
        "1",
        "a",
        "(",
        ")",
        "@",
        "\\n",
        "é",
    ]

    def texts(self):
        rng = random.Random(20261120)
        for _ in range(300):
            yield "".join(
                rng.choice(self.PIECES) + rng.choice(self.GLUE) for _ in range(rng.randrange(1, 12))
            )

    def test_scrubbing_again_changes_nothing(self):
        for text in self.texts():
            for style in ("pseudonym", "label", "mask"):
                with self.subTest(text=text, style=style):
                    once, _ = scrub(text, ALL, style)
                    self.assertEqual(scrub(once, ALL, style), (once, {}))

    def test_spans_are_in_order_and_apart(self):
        for text in self.texts():
            end = 0
            for begin, stop, kind, _ in find(text, ALL):
                self.assertLessEqual(end, begin)
                self.assertLess(begin, stop)
                end = stop

    def test_value_and_pseudonym_belong_to_each_other(self):
        for text in self.texts():
            replacer = privacy.Replacer(text, "pseudonym", None)
            given = {}
            for begin, end, kind, value in find(text, ALL):
                name = replacer.replace(kind, value, text[begin:end])
                self.assertEqual(given.setdefault((kind, value), name), name)
            self.assertEqual(len(set(given.values())), len(given))

    def test_no_digit_of_a_detected_card_remains(self):
        rng = random.Random(7)
        for _ in range(300):
            digits = [4] + [rng.randrange(10) for _ in range(14)]
            total = sum(
                (2 * d - 9 if d > 4 else 2 * d) if i % 2 == 0 else d for i, d in enumerate(digits)
            )
            number = "".join(map(str, digits)) + str(-total % 10)
            shape = rng.choice(["", " ", "-", "."])
            written = shape.join(number[i : i + 4] for i in range(0, 16, 4))
            for style in ("label", "mask"):
                self.assertNotRegex(scrub(f"pay {written} now", ALL, style)[0], r"\d", written)

    def test_report_never_holds_a_value(self):
        for text in self.texts():
            _, removed = scrub(text, ALL)
            self.assertLessEqual(set(removed), set(ALL))


class Time(unittest.TestCase):
    """A megabyte made to make expressions backtrack takes seconds at the most."""

    UNITS = [
        "a", "4", "4 ", ":", "a1:", "1.", "-", " ", "é", "\n", "a@", "a.", "eyJ", "eyJaaaaa.", "+1 ", "+1(", "DE89 ",
        "DE89", "sk-", "Bearer ", "4532015112830366 ", "4532 ", "tel ", "phone", "202-555-", "0100 ", "1111 ", "aws_secret",
        "AKIA", "xoxb-", "a@example.com", "202-555-0101", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-----END ",
        "ssn ", "ssn:1", "00 1", "(0", "::", "f:", "a@a.", "[EMAIL_1]", "SG.", "aB1.", "mcpk_", "Basic ", "+(", "07",
    ]  # fmt: skip

    def test_adversarial_megabytes(self):
        size = privacy.TEXT_CHARS_MAX
        for unit in self.UNITS:
            text = (unit * (size // len(unit)))[:size]
            begin = time.process_time()
            scrub(text, ALL)
            self.assertLess(time.process_time() - begin, 8, unit)


class Names(unittest.TestCase):
    def test_whole_words_only(self):
        answer = privacy.privacy(
            text="Alice met Alicea, alice and Alice's Bob. José-Ann", function="anonymize_names",
            name_map={"Alice": "User-A", "Bob": "", "José": ""},
        )  # fmt: skip
        self.assertEqual(answer["text"], "User-A met Alicea, alice and User-A's User-B. User-C-Ann")
        self.assertEqual(answer["name_map"], {"Alice": "User-A", "Bob": "User-B", "José": "User-C"})
        self.assertEqual(answer["removed"], {"name": 3 + 1})

    def test_longest_name_wins(self):
        text, _, _ = privacy.anonymize_names(
            "Ann Lee, Ann, Mary-Ann Lee", {"Ann": "X", "Ann Lee": "Y", "Mary Ann": "Z"}
        )
        self.assertEqual(text, "Y, X, Z Lee")

    def test_more_than_26_names(self):
        names = {f"Name{number}x": "" for number in range(800)}
        text, complete, count = privacy.anonymize_names(" ".join(names), names)
        self.assertEqual((count, len(set(complete.values()))), (800, 800))
        self.assertEqual([name_of(i) for i in (0, 25, 26, 51, 52, 701, 702)],
                         ["User-A", "User-Z", "User-AA", "User-AZ", "User-BA", "User-ZZ", "User-AAA"])  # fmt: skip

    def test_odd_maps(self):
        for names in ({}, {"": "x"}, {" ": ""}, {"!!": "x"}, {"(a+)+": "x"}):
            self.assertEqual(
                privacy.anonymize_names("text!! (a+)+", names)[0].replace("x", ""),
                "text!! (a+)+".replace("x", "") if "(a+)+" not in names else "tet!! (+)+",
            )
        big = {f"n{i}": "" for i in range(privacy.NAMES_MAX + 1)}
        with self.assertRaises(ToolError):
            privacy.privacy(text="x", function="anonymize_names", name_map=big)


class Earlier(unittest.TestCase):
    """The functions of the tool that was before, and where it was wrong."""

    def test_each_function_removes_its_kind(self):
        text = "a@x.org 202-555-0101 123-45-6789 4532015112830366 10.0.0.1"
        for function, label in (
            ("scrub_emails", "EMAIL"), ("scrub_phone_numbers", "PHONE"), ("scrub_ssn", "SSN"),
            ("scrub_credit_cards", "CARD"), ("scrub_ip_addresses", "IP"),
        ):  # fmt: skip
            answer = privacy.privacy(text=text, function=function)
            self.assertEqual(answer["total"], 1)
            self.assertEqual(re.findall(r"\[\w+\]", answer["text"]), [f"[{label}_REDACTED]"])
            answer = privacy.privacy(text=text, function=function, replacement="#")
            self.assertEqual(answer["text"].count("#"), 1)
        self.assertEqual(privacy.privacy(text=text, function="scrub_all_pii")["total"], 5)

    def test_its_mistakes_are_not_made(self):
        # It wrote `[PHONE_REDACTED]830366`, took seconds for a phone and an order for an SSN.
        answer = privacy.privacy(
            text="4532015112830366 1701590400 order 123456789", function="scrub_all_pii"
        )
        self.assertEqual(answer["text"], "[CARD_REDACTED] 1701590400 order 123456789")

    def test_report_tells_the_truth(self):
        original = "a@x.org b@x.org 10.0.0.1"
        report = privacy.privacy(
            function="create_privacy_report", original=original, scrubbed="[EMAIL_1] b@x.org [IP_1]"
        )["report"]
        self.assertEqual(report["removed"], {"email": 1, "ip": 1})
        self.assertEqual((report["emails_removed"], report["redaction_count"]), (1, 2))
        self.assertEqual((report["remaining"], report["safety_check"]), ({"email": 1}, False))
        clean = privacy.privacy(
            function="create_privacy_report", original=original, scrubbed=scrub(original, ALL)[0]
        )
        self.assertTrue(clean["report"]["safety_check"])

    def test_missing_arguments_are_named(self):
        with self.assertRaisesRegex(ToolError, "text"):
            privacy.privacy()
        with self.assertRaisesRegex(ToolError, "original"):
            privacy.privacy(text="x", function="create_privacy_report")


if __name__ == "__main__":
    unittest.main()
