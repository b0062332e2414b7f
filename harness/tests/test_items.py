"""Resources, prompts and completions as the child describes and serves them."""

import unittest
from typing import Any, Literal

from mcpgate import (
    EmbeddedResource,
    Icon,
    Image,
    Message,
    ToolError,
    _declared,
    _items,
    completion,
    prompt,
    resource,
)
from mcpgate._schema import ArgumentError, UnsupportedAnnotation
from mcpgate._signature import Signature


class Items(unittest.TestCase):
    def setUp(self) -> None:
        _declared.declared.clear()
        self.addCleanup(_declared.declared.clear)

    def definition(self) -> dict[str, Any]:
        return _items.definition(_declared.declared[0])

    def serve(self, order: dict[str, Any]) -> Any:
        item = _declared.declared[0]
        return _items.serve(item, Signature(item), order, None)  # type: ignore[arg-type]

    def read(self, uri: str = "a://b", **variables: str) -> Any:
        return self.serve({"read": {"uri": uri, "variables": variables}})["contents"]

    def complete(self, argument: str, value: str, **known: str) -> list[str]:
        order = {"argument": argument, "value": value, "arguments": known}
        return self.serve({"complete": order})["values"]

    # Resources

    def test_a_resource_is_described_as_lists_show_it(self) -> None:
        @resource("a://b", title="T", mime_type="text/plain", icons=[Icon("data:,")], meta={"k": 1})
        def notes() -> str:
            """What was noted."""
            return "x"

        self.assertEqual(
            self.definition(),
            {"uri": "a://b", "name": "notes", "title": "T", "description": "What was noted.",
             "mimeType": "text/plain", "icons": [{"src": "data:,"}], "_meta": {"k": 1}},
        )  # fmt: skip
        self.assertEqual(
            self.read(), [{"uri": "a://b", "mimeType": "text/plain", "text": "x"}]
        )

    def test_what_a_resource_returns_says_what_it_is(self) -> None:
        given: Any = None

        @resource("a://b")
        def any_of_them() -> Any:
            return given

        for given, expected in (
            (b"\0", [{"uri": "a://b", "mimeType": "application/octet-stream", "blob": "AA=="}]),
            ({"x": 1}, [{"uri": "a://b", "mimeType": "application/json", "text": '{"x":1}'}]),
            (None, []),
            (EmbeddedResource("c://d", text="y"), [{"uri": "c://d", "text": "y"}]),
            ([EmbeddedResource("c://d", text="y")] * 2, [{"uri": "c://d", "text": "y"}] * 2),
        ):
            with self.subTest(given=given):
                self.assertEqual(self.read(), expected)

    def test_a_template_gets_its_variables_as_they_are_hinted(self) -> None:
        @resource("a://{day}/{+path}")
        def part(day: int, path: str, width: int = 3) -> str:
            return f"{day + 1} {path} {width}"

        self.assertEqual(self.definition()["uriTemplate"], "a://{day}/{+path}")
        self.assertEqual(self.read("a://1/x/y", day="1", path="x/y")[0]["text"], "2 x/y 3")
        with self.assertRaises(ArgumentError):
            self.read("a://x/y", day="x", path="y")

    def test_variables_and_parameters_are_the_same(self) -> None:
        for uri in ("a://b", "a://{day}", "a://{day}/{other}"):
            with self.subTest(uri=uri):
                _declared.declared.clear()

                @resource(uri)
                def two(day: str, part: str) -> str:
                    return day + part

                with self.assertRaises(UnsupportedAnnotation):
                    self.definition()

    # Prompts

    def test_a_prompt_shows_its_arguments(self) -> None:
        @prompt
        def greet(whom: str, times: int = 1) -> str:
            """Greets.

            Args:
                whom: Whom to greet.
            """
            return f"Hello {whom}! " * times

        self.assertEqual(
            self.definition(),
            {"name": "greet", "description": "Greets.", "arguments": [
                {"name": "whom", "required": True, "description": "Whom to greet."},
                {"name": "times", "required": False}]},
        )  # fmt: skip
        self.assertEqual(
            self.serve({"get": {"whom": "Ann", "times": "2"}}),
            {"description": "Greets.", "messages": [
                {"role": "user", "content": {"type": "text", "text": "Hello Ann! Hello Ann! "}}]},
        )  # fmt: skip

    def test_a_text_stays_one_where_text_is_wanted(self) -> None:
        @prompt
        def say(what: str) -> str:
            return what

        for text in ("1", "null", '"x"', "{"):
            messages = self.serve({"get": {"what": text}})["messages"]
            self.assertEqual(messages[0]["content"]["text"], text)

    def test_a_prompt_returns_messages_and_blocks(self) -> None:
        @prompt
        def talk() -> Any:
            return [Image(b"\0"), Message("I see.", role="assistant"), "Go on."]

        messages = self.serve({"get": {}})["messages"]
        self.assertEqual([m["role"] for m in messages], ["user", "assistant", "user"])
        self.assertEqual([m["content"]["type"] for m in messages], ["image", "text", "text"])

    def test_what_is_no_message_is_named(self) -> None:
        @prompt
        def talk() -> Any:
            return ["fine", 3]

        with self.assertRaisesRegex(Exception, "message 1 is int"):
            self.serve({"get": {}})

    def test_what_a_prompt_raises_comes_through(self) -> None:
        @prompt
        def talk() -> str:
            raise ToolError("not today")

        with self.assertRaisesRegex(ToolError, "not today"):
            self.serve({"get": {}})

    # Completions

    def test_choices_complete_by_themselves(self) -> None:
        @prompt
        def greet(tone: Literal["dry", "warm", "dreary"], whom: str) -> str:
            return tone + whom

        self.assertEqual(self.definition()["completes"], ["tone"])
        self.assertEqual(self.complete("tone", "D"), ["dry", "dreary"])
        self.assertEqual(self.complete("whom", "x"), [])

    def test_a_completion_may_look_at_other_arguments(self) -> None:
        @resource("a://{country}/{city}")
        def weather(country: str, city: str) -> str:
            return country + city

        @completion(weather, "city")
        def cities(value: str, country: str = "fr") -> list[str]:
            return {"fr": ["Paris", "Pau"], "de": ["Passau"]}[country]

        self.assertEqual(self.definition()["completes"], ["city"])
        self.assertEqual(self.complete("city", "pa"), ["Paris", "Pau"])
        self.assertEqual(self.complete("city", "pa", country="de", other="x"), ["Passau"])

    def test_a_completion_shows_a_hundred(self) -> None:
        @prompt
        def count(number: str) -> str:
            return number

        @completion(count, "number")
        def numbers(value: str) -> list[str]:
            return [str(number) for number in range(300)]

        result = self.serve({"complete": {"argument": "number", "value": "", "arguments": {}}})
        self.assertEqual(len(result["values"]), 100)
        self.assertEqual((result["total"], result["hasMore"]), (300, True))

    def test_a_completion_of_nothing_is_an_error_of_its_author(self) -> None:
        @prompt
        def greet(whom: str) -> str:
            return whom

        def other() -> None:
            pass

        for of, argument in ((greet, "who"), (other, "whom")):
            with self.subTest(of=of.__name__):
                completion(of, argument)(lambda value: [])
                with self.assertRaises(UnsupportedAnnotation):
                    _items.check_completions(_declared.declared)
                _declared.declared.pop()


if __name__ == "__main__":
    unittest.main()
