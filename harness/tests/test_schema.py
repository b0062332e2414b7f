"""Type hints and docstrings → schemas and conversions. Run from the repository:
    /usr/bin/python3 -m unittest discover -s harness/tests -t harness
"""

import dataclasses
import datetime
import enum
import json
import pathlib
import unittest
import uuid
from typing import Annotated, Any, Literal, Optional, TypedDict, Union

from mcpgate import Audio, Context, EmbeddedResource, Field, Image, ResourceLink, Text
from mcpgate import ToolError, tool
from mcpgate import _declared, _docstring
from mcpgate._result import TooMuchOutput, UnfitResult, to_result
from mcpgate._schema import ArgumentError, UnsupportedAnnotation
from mcpgate._signature import Output, Signature


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


@dataclasses.dataclass
class Tree:
    """A tree.

    More about it.
    """

    name: str
    children: "list[Tree]" = dataclasses.field(default_factory=list)


class Options(TypedDict, total=False):
    depth: int
    when: datetime.date


def declare(function: Any, **options: Any) -> Signature:
    tool(**options)(function) if options else tool(function)
    return Signature(_declared.declared.pop())


def properties(function: Any) -> dict[str, Any]:
    return declare(function).input_schema()["properties"]


class InputSchema(unittest.TestCase):
    def test_plain_types(self):
        def f(a: str, b: int, c: float, d: bool, e: None, f: Any, g, h: bytes): ...

        self.assertEqual(
            properties(f),
            {
                "a": {"type": "string"},
                "b": {"type": "integer"},
                "c": {"type": "number"},
                "d": {"type": "boolean"},
                "e": {"type": "null"},
                "f": {},
                "g": {},
                "h": {"type": "string", "contentEncoding": "base64"},
            },
        )

    def test_defaults_are_not_required(self):
        def f(a: str, b: int = 3, *, c: Optional[str] = None, d: int): ...

        schema = declare(f).input_schema()
        self.assertEqual(schema["required"], ["a", "d"])
        self.assertEqual(schema["properties"]["b"], {"type": "integer", "default": 3})
        self.assertEqual(
            schema["properties"]["c"],
            {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        )
        self.assertIs(schema["additionalProperties"], False)

    def test_containers(self):
        def f(
            a: list[int], b: dict[str, float], c: tuple[int, str], d: set[str],
            e: tuple[int, ...], f: list, g: dict, h: int | str,
        ): ...  # fmt: skip

        got = properties(f)
        self.assertEqual(got["a"], {"type": "array", "items": {"type": "integer"}})
        self.assertEqual(
            got["b"], {"type": "object", "additionalProperties": {"type": "number"}}
        )
        self.assertEqual(
            got["c"],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        )
        self.assertEqual(
            got["d"], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
        )
        self.assertEqual(got["e"], {"type": "array", "items": {"type": "integer"}})
        self.assertEqual(got["f"], {"type": "array", "items": {}})
        self.assertEqual(got["g"], {"type": "object"})
        self.assertEqual(got["h"], {"anyOf": [{"type": "integer"}, {"type": "string"}]})

    def test_choices(self):
        def f(a: Literal["x", "y"], b: Level = Level.LOW, c: Literal[1, "z"] = 1): ...

        got = properties(f)
        self.assertEqual(got["a"], {"type": "string", "enum": ["x", "y"]})
        self.assertEqual(got["b"], {"type": "string", "enum": ["low", "high"], "default": "low"})
        self.assertEqual(got["c"], {"enum": [1, "z"], "default": 1})

    def test_records_are_definitions_and_may_recurse(self):
        def f(tree: Tree, options: Options): ...

        schema = declare(f).input_schema()
        self.assertEqual(schema["properties"]["tree"], {"$ref": "#/$defs/Tree"})
        tree = schema["$defs"]["Tree"]
        self.assertEqual(tree["description"], "A tree.")
        self.assertEqual(tree["required"], ["name"])
        self.assertEqual(
            tree["properties"]["children"],
            {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "default": []},
        )
        self.assertNotIn("required", schema["$defs"]["Options"])
        json.dumps(schema)

    def test_fields(self):
        def f(
            a: Annotated[int, Field(description="A.", ge=1, le=9)],
            b: Annotated[str, "B."],
            c: Annotated[Optional[str], Field(pattern="^x", min_length=2)] = None,
            d: list[int] = Field([1], description="D.", max_length=3),
        ): ...

        got = properties(f)
        self.assertEqual(
            got["a"], {"type": "integer", "minimum": 1, "maximum": 9, "description": "A."}
        )
        self.assertEqual(got["b"], {"type": "string", "description": "B."})
        self.assertEqual(
            got["c"]["anyOf"][0], {"type": "string", "minLength": 2, "pattern": "^x"}
        )
        self.assertEqual(got["d"]["maxItems"], 3)
        self.assertEqual(got["d"]["default"], [1])

    def test_context_is_no_argument(self):
        def f(a: int, ctx: Context, other: Optional[Context] = None): ...

        self.assertEqual(list(properties(f)), ["a"])

    def test_what_has_no_schema_is_named(self):
        def f(a: int, bad: complex): ...

        def g(*values: int): ...

        def h(a: dict[int, str]): ...

        def i(a: Annotated[bool, Field(ge=1)]): ...

        def j(a: "Missing"): ...  # noqa: F821

        for function, words in (
            (f, "test_schema.py: f(): parameter 'bad': builtins.complex has no JSON form"),
            (g, "parameter '*values'"),
            (h, "the keys of JSON objects are strings"),
            (i, "Field(ge=…) does not apply"),
            (j, "name 'Missing' is not defined"),
        ):
            with self.subTest(function.__name__), self.assertRaises(UnsupportedAnnotation) as got:
                declare(function)
            self.assertIn(words, str(got.exception))


class OutputSchema(unittest.TestCase):
    def test_text_content_and_nothing_have_none(self):
        def a() -> str: ...
        def b() -> None: ...
        def c(): ...
        def d() -> Image: ...
        def e() -> list[Union[Text, Image]]: ...
        def f() -> Any: ...

        for function in (a, b, c, d, e, f):
            self.assertIsNone(declare(function).output_schema(), function.__name__)

    def test_objects_stand_by_themselves_others_are_wrapped(self):
        def a() -> Tree: ...
        def b() -> list[int]: ...
        def c() -> dict[str, int]: ...

        schema = declare(a).output_schema()
        self.assertEqual(schema["type"], "object")
        self.assertIn("Tree", schema["$defs"])
        self.assertEqual(
            declare(b).output_schema(),
            {
                "type": "object",
                "properties": {"result": {"type": "array", "items": {"type": "integer"}}},
                "required": ["result"],
            },
        )
        self.assertEqual(declare(c).output_schema()["type"], "object")


class Arguments(unittest.TestCase):
    def bind(self, function, **arguments):
        return declare(function).bind(arguments, "context")

    def test_become_what_the_hints_say(self):
        def f(a: Tree, b: Level, c: datetime.datetime, d: pathlib.Path, e: set[int], f: bytes,
              g: float, h: uuid.UUID, i: Options, j: int): ...  # fmt: skip

        _, got = self.bind(
            f, a={"name": "r", "children": [{"name": "c"}]}, b="high", c="2026-01-02T03:04:05+00:00",
            d="x/y", e=[1, 1], f="YQ==", g=1, h="12345678123456781234567812345678",
            i={"depth": 1, "other": 2}, j=3.0,
        )  # fmt: skip
        self.assertEqual(got["a"], Tree("r", [Tree("c")]))
        self.assertIs(got["b"], Level.HIGH)
        self.assertEqual(got["c"].year, 2026)
        self.assertEqual(got["d"], pathlib.Path("x/y"))
        self.assertEqual((got["e"], got["f"]), ({1}, b"a"))
        self.assertIsInstance(got["g"], float)
        self.assertIsInstance(got["h"], uuid.UUID)
        self.assertEqual(got["i"], {"depth": 1, "other": 2})
        self.assertIsInstance(got["j"], int)

    def test_context_and_positional_only(self):
        def f(a: int, /, b: int = Field(7, le=8), *, ctx: Context): ...

        self.assertEqual(self.bind(f, a=1), ([1], {"b": 7, "ctx": "context"}))

    def test_unions_take_the_narrowest(self):
        def f(a: str | int | None, b: float | int, c: str | datetime.date): ...

        _, got = self.bind(f, a=1, b=1, c="2026-01-02")
        self.assertEqual(got["a"], 1)
        self.assertIsInstance(got["b"], int)
        self.assertEqual(got["c"], datetime.date(2026, 1, 2))

    def test_what_does_not_fit_is_named(self):
        def f(a: int = 0, b: list[Tree] = [], c: Annotated[str, Field(pattern="^x")] = "x",
              d: Annotated[int, Field(ge=3)] = 3, e: Level = Level.LOW, g: bool = True,
              h: datetime.date = None): ...  # fmt: skip

        for arguments, words in (
            ({"a": "1"}, "a: expected an integer, got a string"),
            ({"a": True}, "a: expected an integer, got a boolean"),
            ({"a": 1.5}, "a: expected an integer, got a number"),
            ({"b": [{"name": "x"}, {"name": 3}]}, "b[1].name: expected a string, got a number"),
            ({"b": [{}]}, "b[0].name: is required"),
            ({"b": [{"name": "x", "more": 1}]}, "b[0].more: there is no such argument"),
            ({"c": "yx"}, "c: must match ^x"),
            ({"d": 2}, "d: must be at least 3"),
            ({"e": "LOW"}, "e: expected one of 'low', 'high'"),
            ({"g": 1}, "g: expected a boolean, got a number"),
            ({"h": "2026-13-01"}, "h: expected a date as YYYY-MM-DD"),
            ({"z": 1}, "z: there is no such argument"),
        ):
            with self.subTest(words), self.assertRaises(ArgumentError) as got:
                self.bind(f, **arguments)
            self.assertEqual(str(got.exception), words)


class Results(unittest.TestCase):
    def result(self, value, output=Output(None)):
        return to_result(value, output, 1000)

    def test_text_nothing_and_content(self):
        self.assertEqual(self.result("x"), {"content": [{"type": "text", "text": "x"}]})
        self.assertEqual(self.result(None), {"content": []})
        self.assertEqual(
            self.result([Image(b"a"), "b", Audio(b"c")])["content"],
            [
                {"type": "image", "data": "YQ==", "mimeType": "image/png"},
                {"type": "text", "text": "b"},
                {"type": "audio", "data": "Yw==", "mimeType": "audio/wav"},
            ],
        )
        self.assertEqual(
            self.result(EmbeddedResource("a:b", text="t"))["content"][0]["resource"],
            {"uri": "a:b", "text": "t"},
        )
        self.assertEqual(
            self.result(ResourceLink("a:b", "n"))["content"][0],
            {"type": "resource_link", "uri": "a:b", "name": "n"},
        )
        with self.assertRaises(ValueError):
            self.result(EmbeddedResource("a:b"))
        with self.assertRaises(TypeError):
            self.result(Image("text"))

    def test_values_are_structured_and_told_as_text(self):
        def f() -> list[Tree]: ...

        got = self.result([Tree("r")], declare(f).output())
        data = [{"name": "r", "children": []}]
        self.assertEqual(got["structuredContent"], {"result": data})
        self.assertEqual(json.loads(got["content"][0]["text"]), data)
        self.assertNotIn("structuredContent", self.result([1]))
        self.assertEqual(self.result({1: Level.LOW})["structuredContent"], {"1": "low"})

    def test_what_is_not_json_is_named(self):
        loop: list = []
        loop.append(loop)
        for value, words in (
            ({"a": [1, object()]}, "the result.a[1] is of type object"),
            (b"x", "the result is bytes"),
            (float("inf"), "the result is inf"),
            ({(1, 2): 3}, "the result has a key of type tuple"),
            (loop, "or holds itself"),
        ):
            with self.subTest(words), self.assertRaises(UnfitResult) as got:
                self.result(value)
            self.assertIn(words, str(got.exception))
        with self.assertRaises(TooMuchOutput):
            self.result(["x" * 2000])

    def test_a_result_must_fit_its_annotation(self):
        def f() -> Tree: ...

        with self.assertRaises(ArgumentError):
            self.result({"name": 1}, declare(f).output())


class Docstrings(unittest.TestCase):
    def test_google_and_rest(self):
        google = """Does it.

            More.

            Args:
                a: First
                    continued: here.
                b (int, optional): Second.

            Returns:
                Something.
            """
        text, names = _docstring.parse(google)
        self.assertEqual(text, "Does it.\n\nMore.\n\nReturns:\n    Something.")
        self.assertEqual(names, {"a": "First continued: here.", "b": "Second."})
        text, names = _docstring.parse(
            ":param a: First\n    more.\n:type a: int\n:param int b: Second"
        )
        self.assertEqual((text, names), ("", {"a": "First more.", "b": "Second"}))
        self.assertEqual(_docstring.parse(None), ("", {}))

    def test_go_into_the_schema(self):
        def f(a: int, b: Annotated[int, Field(description="mine")] = 1):
            """Text.

            Args:
                a: The a.
                b: The b.
            """

        definition = declare(f, name="n", title="T", read_only=True, open_world=False).definition()
        self.assertEqual(definition["description"], "Text.")
        self.assertEqual(definition["title"], "T")
        self.assertEqual(definition["name"], "n")
        self.assertEqual(
            definition["annotations"], {"readOnlyHint": True, "openWorldHint": False}
        )
        got = definition["inputSchema"]["properties"]
        self.assertEqual(got["a"]["description"], "The a.")
        self.assertEqual(got["b"]["description"], "mine")


class Decorator(unittest.TestCase):
    def test_leaves_the_function_as_it_is(self):
        def f(a: int) -> int:
            return a

        self.assertIs(tool(f), f)
        self.assertIs(tool(title="x")(f), f)
        self.assertIs(tool()(f), f)
        del _declared.declared[-3:]

    def test_refuses_what_is_no_function(self):
        with self.assertRaises(TypeError):
            tool("name")
        with self.assertRaises(ValueError):
            tool(timeout=0)
        self.assertTrue(issubclass(ToolError, Exception))


if __name__ == "__main__":
    unittest.main()
