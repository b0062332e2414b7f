"""What a tool asks the client: the requests that leave, the answers as the tool gets them."""

import enum
import unittest
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypedDict

from mcpgate import Context, Field, Form, ListRoots, Page, Sample, ToolError
from mcpgate._schema import UnsupportedAnnotation

REQUEST = {"user": "u", "callId": "c", "timeLeftMs": 1000, "tmp": "/tmp"}


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Booking:
    name: Annotated[str, Field(description="Who comes.", max_length=20)]
    seats: int = 2
    color: Color = Color.RED
    extras: list[Literal["lunch", "wine"]] = field(default_factory=list)


class Address(TypedDict):
    street: str


class Asking:
    """A channel that answers what the test says, and keeps what it was asked."""

    def __init__(self, replies: list[dict]) -> None:
        self.replies = replies
        self.asked: list[tuple[str, dict]] = []

    def ask(self, method: str, params: dict) -> dict:
        self.asked.append((method, params))
        return self.replies.pop(0)


def responses(**by_key: dict) -> dict:
    return {"result": {"inputResponses": by_key}}


class Questions(unittest.TestCase):
    def context(self, *replies: dict) -> Context:
        self.channel = Asking(list(replies))
        return Context(self.channel, REQUEST)  # type: ignore[arg-type]

    def requests(self) -> dict:
        method, params = self.channel.asked[-1]
        self.assertEqual(method, "input_required")
        return params["inputRequests"]

    def test_a_form_from_a_dataclass_comes_back_as_one(self):
        answer = {"action": "accept", "content": {"name": "Ann", "color": "blue", "more": 1}}
        context = self.context(responses(who=answer))
        booked = context.elicit("Who?", Booking, key="who")
        self.assertTrue(booked.accepted)
        self.assertEqual(booked.data.name, "Ann")
        self.assertIs(booked.data.color, Color.BLUE)
        self.assertEqual(booked.data.seats, 2)
        request = self.requests()["who"]
        self.assertEqual(request["method"], "elicitation/create")
        schema = request["params"]["requestedSchema"]
        self.assertEqual(
            schema["properties"]["name"],
            {"type": "string", "maxLength": 20, "description": "Who comes."},
        )
        self.assertEqual(
            schema["properties"]["color"],
            {"type": "string", "enum": ["red", "blue"], "default": "red"},
        )
        self.assertEqual(schema["required"], ["name"])

    def test_a_form_from_a_typed_dict_or_a_schema(self):
        home = {"action": "accept", "content": {"street": "x"}}
        context = self.context(responses(a=home), responses(b=home))
        self.assertEqual(context.elicit("?", Address, key="a").data, {"street": "x"})
        schema = {"type": "object", "properties": {"street": {"type": "string"}}}
        self.assertEqual(context.elicit("?", schema, key="b").content, {"street": "x"})
        self.assertEqual(self.requests()["b"]["params"]["requestedSchema"], schema)

    def test_declined_is_no_error(self):
        context = self.context(responses(a={"action": "decline"}), responses(a={"action": "cancel"}))
        self.assertFalse(context.elicit("?", Booking, key="a").accepted)
        self.assertEqual(context.elicit("?", Booking, key="a").action, "cancel")

    def test_what_does_not_fit_the_type_is_the_tool_s_error(self):
        context = self.context(responses(a={"action": "accept", "content": {"name": 1}}))
        with self.assertRaisesRegex(ToolError, "name: expected a string"):
            context.elicit("?", Booking, key="a")

    def test_a_form_is_flat(self):
        @dataclass
        class Nested:
            inner: Address

        with self.assertRaisesRegex(UnsupportedAnnotation, "Nested.inner: a field of a form"):
            Form("?", Nested)
        with self.assertRaisesRegex(TypeError, "a form is a dataclass"):
            Form("?", int)

    def test_pages_models_and_roots(self):
        said = {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"}
        roots = {"roots": [{"uri": "file:///a", "name": "A"}, {"uri": "file:///b"}]}
        context = self.context(responses(page={"action": "accept"}, model=said, roots=roots))
        answers = context.ask(
            {
                "page": Page("Log in", "https://example.com/"),
                "model": Sample("Capital?", 100, options={"temperature": 0.5}),
                "roots": ListRoots(),
            }
        )
        self.assertTrue(answers["page"].accepted)
        self.assertEqual(answers["model"].text, "Paris")
        self.assertEqual([root.name for root in answers["roots"]], ["A", None])
        requests = self.requests()
        self.assertEqual(requests["page"]["params"]["mode"], "url")
        self.assertEqual(
            requests["model"]["params"],
            {
                "temperature": 0.5,
                "messages": [{"role": "user", "content": {"type": "text", "text": "Capital?"}}],
                "maxTokens": 100,
            },
        )
        self.assertEqual(requests["roots"], {"method": "roots/list", "params": {}})

    def test_questions_without_a_key_are_counted(self):
        decline = {"action": "decline"}
        context = self.context(
            {"result": {"inputResponses": {"question-1": decline}}},
            {"result": {"inputResponses": {"question-2": decline}}},
        )
        context.elicit_url("?", "https://example.com/")
        context.elicit("?", Address)
        self.assertEqual(list(self.requests()), ["question-2"])

    def test_who_cannot_be_asked_is_an_error(self):
        context = self.context({"error": {"message": "the client cannot be asked"}})
        with self.assertRaisesRegex(ToolError, "cannot be asked"):
            context.roots()


if __name__ == "__main__":
    unittest.main()
