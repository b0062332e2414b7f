// What the standard's own suite (tests/schema) does not cover: messages, limits, hostile schemas
// and instances, what happens where something is unknown.

#include "json/schema.h"

#include <gtest/gtest.h>

#include <string>

#include "json/metaschema.h"

namespace mcpgate::json {
namespace {

constexpr std::size_t kBytesMax = std::size_t{8} << 20;

Expected<Schema> compile(std::string_view text, const CompileOptions& options = {}) {
  Parser parser(kBytesMax);
  const auto element = parser.parse(text);
  EXPECT_TRUE(element) << element.error().message;
  return Schema::compile(*element, options);
}

std::string compile_error(std::string_view text, const CompileOptions& options = {}) {
  const auto schema = compile(text, options);
  return schema ? "no error"
                : std::string(to_string(schema.error().code)) + ": " + schema.error().message;
}

// The violations, one a line, with `arguments` as root; the error where it gave up.
std::string check(std::string_view schema_text, std::string_view instance_text) {
  const auto schema = compile(schema_text);
  if (!schema) {
    return schema.error().message;
  }
  Parser parser(kBytesMax);
  const auto instance = parser.parse(instance_text);
  EXPECT_TRUE(instance);
  const auto violations = schema->validate(*instance);
  if (!violations) {
    return to_string(violations.error().code);
  }
  std::string lines;
  for (const Violation& violation : *violations) {
    lines += (lines.empty() ? "" : "\n") + to_string(violation, "arguments");
  }
  return lines;
}

constexpr std::string_view kLogStore = R"({
  "type": "object",
  "properties": {
    "action": {"enum": ["search", "summary", "tail"]},
    "query": {"type": "string", "minLength": 1, "maxLength": 10},
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    "levels": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": true},
    "since": {"anyOf": [{"type": "string", "pattern": "^\\d+[smhd]$"}, {"type": "null"}]}
  },
  "required": ["action"],
  "additionalProperties": false
})";

TEST(Schema, ValidArgumentsHaveNoViolations) {
  EXPECT_EQ(check(kLogStore, R"({"action":"search","query":"x","limit":5,"since":"1h"})"), "");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","limit":5.0,"since":null})"), "");
}

TEST(Schema, MessagesSayWhatToChange) {
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","limit":"5"})"),
            "arguments.limit: expected integer, got string");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","limit":0})"),
            "arguments.limit: expected at least 1");
  EXPECT_EQ(check(kLogStore, R"({"action":"delete"})"),
            R"(arguments.action: expected one of "search", "summary", "tail")");
  EXPECT_EQ(check(kLogStore, R"({"limit":1})"), R"(arguments: missing required property "action")");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","limt":1})"),
            R"(arguments.limt: unexpected property; did you mean "limit"?)");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","zzzzzz":1})"),
            "arguments.zzzzzz: unexpected property");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","query":""})"),
            "arguments.query: expected at least 1 characters, got 0");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","levels":["a","b",3]})"),
            "arguments.levels.2: expected string, got integer\n"
            "arguments.levels: expected at most 2 items, got 3");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","levels":["a","a"]})"),
            "arguments.levels: items 0 and 1 are equal");
  EXPECT_EQ(check(kLogStore, "[]"), "arguments: expected object, got array");
}

TEST(Schema, AlternativesAreExplained) {
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","since":4})"),
            "arguments.since: expected string or null, got integer");
  EXPECT_EQ(check(kLogStore, R"({"action":"tail","since":"soon"})"),
            R"(arguments.since: expected a string that matches "^\\d+[smhd]$")");
  EXPECT_EQ(check(R"({"oneOf":[{"minimum":5},{"maximum":1}]})", "3"),
            "arguments: fits no alternative: expected at least 5; or expected at most 1");
  EXPECT_EQ(check(R"({"oneOf":[{"minimum":5},{"minimum":1}]})", "7"),
            "arguments: fits 2 of 2 alternatives, expected exactly one");
  EXPECT_EQ(check(R"({"$defs":{"a":{"type":"array"}},"anyOf":[{"$ref":"#/$defs/a"},
                      {"type":["number","string"]}]})",
                  "true"),
            "arguments: expected string or number or array, got boolean");
}

TEST(Schema, ViolationsAreBounded) {
  const auto schema = compile(R"({"items":{"type":"string"}})");
  std::string text = "[0";
  for (int i = 0; i < 1000; ++i) {
    text += ",0";
  }
  Parser parser(kBytesMax);
  const auto violations = schema->validate(*parser.parse(text + "]"));
  ASSERT_TRUE(violations);
  EXPECT_EQ(violations->size(), kViolationsMax);
  EXPECT_EQ(violations->back().pointer, "/15");
  EXPECT_EQ(violations->back().keyword, "type");
}

TEST(Schema, ViolationsHoldNoValuesAndShortNames) {
  const std::string name(1000, 'n');
  const std::string message =
      check(R"({"additionalProperties":{"type":"integer"}})", "{\"" + name + "\":\"secret\"}");
  EXPECT_EQ(message, "arguments." + name.substr(0, 64) + ": expected integer, got string");
}

TEST(Schema, DuplicateKeysAreViolationsEverywhere) {
  EXPECT_EQ(check("true", R"({"a":[{"b":1,"\u0062":2}]})"),
            "arguments.a.0.b: this property is there twice");
  EXPECT_EQ(check(R"({"properties":{"a":{"const":1}}})", R"({"a":1,"a":2})"),
            "arguments.a: this property is there twice");
}

TEST(Schema, OutlivesItsDocument) {
  auto schema = [] {
    Parser parser(kBytesMax);
    return Schema::compile(*parser.parse(kLogStore));
  }();
  ASSERT_TRUE(schema);
  const Schema moved = *std::move(schema);
  Parser parser(kBytesMax);
  EXPECT_TRUE(moved.validate(*parser.parse(R"({"action":"tail"})"))->empty());
  EXPECT_EQ(moved.validate(*parser.parse(R"({"action":"tale"})"))->size(), 1U);
}

TEST(Schema, NumbersAreExact) {
  EXPECT_EQ(check(R"({"maximum":9007199254740992})", "9007199254740993"),
            "arguments: expected at most 9007199254740992");
  EXPECT_EQ(check(R"({"maximum":1e20})", "1e20"), "");
  EXPECT_EQ(check(R"({"multipleOf":0.01})", "4.02"), "");
  EXPECT_EQ(check(R"({"multipleOf":0.01})", "4.021"), "arguments: expected a multiple of 0.01");
  EXPECT_EQ(check(R"({"type":"integer"})", "1.0"), "");
  EXPECT_EQ(check(R"({"const":1})", "1.0"), "");
  EXPECT_EQ(check(R"({"enum":[{"a":1,"b":[2]}]})", R"({"b":[2.0],"a":1})"), "");
  EXPECT_EQ(check(R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2,"a":1.0}])"),
            "arguments: items 0 and 1 are equal");
}

TEST(Schema, LengthIsInCharacters) {
  EXPECT_EQ(check(R"({"maxLength":2})", "\"\U0001F600\U0001F600\""), "");
  EXPECT_EQ(check(R"({"minLength":3})", "\"\U0001F600\U0001F600\""),
            "arguments: expected at least 3 characters, got 2");
}

// Whatever a pattern would decide that RE2 cannot run is let through, under negation too.
TEST(Schema, UnsupportedPatternsRefuseNothing) {
  const std::string_view look_ahead = R"({"type":"string","pattern":"^(?=a)x"})";
  const auto schema = compile(look_ahead);
  ASSERT_TRUE(schema);
  ASSERT_EQ(schema->unsupported_patterns().size(), 1U);
  EXPECT_EQ(schema->unsupported_patterns()[0], "^(?=a)x");
  EXPECT_EQ(check(look_ahead, "\"b\""), "");
  EXPECT_EQ(check(look_ahead, "1"), "arguments: expected string, got integer");
  for (const std::string_view text : {R"({"not":{"pattern":"(?=a)x"}
  })",
                                      R"({"oneOf":[{"pattern":"(?=a)x"},{"pattern":"(?=b)x"}]})",
                                      R"({"anyOf":[{"pattern":"(?=a)x"
  },{"type":"null"}]
  })",
                                      R"({"oneOf":[{"type":"string"},{"pattern":"(?=b)x"
  }]
  })",
                                      R"({"if":{"pattern":"(?=a)x"
  }
  , "then" : false
  })",
                                      R"({"if":{"pattern":"(?=a)x"},"else":false})",
                                      R"({"not":{"not":{"pattern":"(?=a)x"
  }
  }
  })"}) {
    EXPECT_EQ(check(text, "\"x\""), "") << text;
  }
  EXPECT_EQ(check(R"({"contains":{"pattern":"(?=a)x"
  }
  , "maxContains" : 1
  })",
                  R"(["x","y"])"),
            "");
  EXPECT_EQ(check(R"({"patternProperties":{"(?=a)x":{"type":"null"}
  }
  , "additionalProperties" : false
  })",
                  R"({"x":1})"),
            "");
  EXPECT_EQ(check(R"({"patternProperties":{"(?=a)x":true
  }
  , "unevaluatedProperties" : false
  })",
                  R"({"x":1})"),
            "");
  EXPECT_EQ(check(R"({"anyOf":[{"pattern":"(?=a)x"
  },{"type":"null"}]
  })",
                  "\"x\""),
            "");
}

TEST(Schema, PropertyNamesAreChecked) {
  EXPECT_EQ(check(R"({"propertyNames":{"maxLength":2}})", R"({"ab":1,"a\"c":2})"),
            "arguments.a\"c: the property's name: expected at most 2 characters, got 3");
}

TEST(Schema, MalformedSchemasNameThePlace) {
  const std::string prefix = "invalid_argument: schema ";
  EXPECT_EQ(compile_error("1"), prefix + ": expected an object, true or false");
  EXPECT_EQ(compile_error(R"({"properties":{"a":{"type":"int"}}})"),
            prefix + "/properties/a/type: expected the name of a type, or several");
  EXPECT_EQ(compile_error(R"({"properties":{"a":{"type":7}}})"),
            prefix + "/properties/a/type: expected an array of strings");
  for (const std::string_view text : {R"({"properties":[]})",
                                      R"({"required":"a"})",
                                      R"({"required":[1]})",
                                      R"({"minLength":-1})",
                                      R"({"maxItems":1.5})",
                                      R"({"minimum":"1"})",
                                      R"({"multipleOf":0})",
                                      R"({"multipleOf":-1})",
                                      R"({"enum":1})",
                                      R"({"pattern":1})",
                                      R"({"allOf":[]})",
                                      R"({"anyOf":{}})",
                                      R"({"not":1})",
                                      R"({"items":[{}]})",
                                      R"({"uniqueItems":1})",
                                      R"({"$ref":1})",
                                      R"({"$id":1})",
                                      R"({"$anchor":{}})",
                                      R"({"$ref":"#/nope"})",
                                      R"({"$ref":"#nope"})",
                                      R"({"$ref":"#/~2"})",
                                      R"({"$id":"a#b"})",
                                      R"({"$defs":{"x":7}})",
                                      R"({"dependentRequired":{"a":1}})",
                                      R"({"additionalProperties":3})",
                                      R"({"a":1,"a":2})",
                                      R"({"allOf":[{"$anchor":"x"},{"$anchor":"x"}]})"}) {
    EXPECT_TRUE(compile_error(text).starts_with(prefix)) << text << ": " << compile_error(text);
  }
}

TEST(Schema, NothingIsFetched) {
  EXPECT_EQ(compile_error(R"({"properties":{"a":{"$ref":"https://example.com/s.json"}}})"),
            "invalid_argument: schema /properties/a/$ref: schema refers to "
            "\"https://example.com/s.json\", which is not part of it; nothing is fetched");
}

TEST(Schema, OtherDialectsAreRefused) {
  EXPECT_TRUE(compile_error(R"({"$schema":"http://json-schema.org/draft-04/schema#"})")
                  .starts_with("failed_precondition: "));
  EXPECT_EQ(compile_error(R"({"$schema":"https://json-schema.org/draft/2020-12/schema"})"),
            "no error");
}

// As npm servers write their schemas; what 2020-12 reads otherwise is refused, with its place.
TEST(Schema, Draft7IsTakenWhereItSaysTheSame) {
  const std::string start = R"({"$schema":"http://json-schema.org/draft-07/schema#",)";
  const std::string good =
      start + R"("definitions":{"d":{"type":"integer","exclusiveMinimum":0}},"type":"object",)"
              R"("properties":{"n":{"$ref":"#/definitions/d","description":"x"},)"
              R"("l":{"items":{"type":"string"}}},"required":["n"]})";
  EXPECT_EQ(check(good, R"({"n":1,"l":["a"]})"), "");
  EXPECT_NE(check(good, R"({"n":0})"), "");
  for (const char* rest : {R"("items":[{}]})", R"("properties":{"a":{"additionalItems":false}}})",
                           R"("dependencies":{"a":["b"]}})", R"("unevaluatedProperties":false})",
                           R"("properties":{"a":{"$ref":"#/definitions/d","minimum":1}}})"}) {
    EXPECT_NE(compile_error(start + rest).find("means something else in draft-07"),
              std::string::npos)
        << rest;
  }
}

TEST(Schema, SizeOfTheSchemaIsLimited) {
  EXPECT_TRUE(
      compile_error(R"({"allOf":[{},{},{},{}]})",
                    {.resolver = {}, .base_uri = "", .schema_bytes_max = 1000, .subschemas_max = 4})
          .starts_with("resource_exhausted: "));
  EXPECT_TRUE(compile_error("{\"title\":\"" + std::string(2 << 20, 'x') + "\"}")
                  .starts_with("resource_exhausted: "));
}

TEST(Schema, EndlessReferencesEnd) {
  EXPECT_EQ(check(R"({"$ref":"#"})", "1"), "resource_exhausted");
  EXPECT_EQ(check(R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},
                      "anyOf":[{"$ref":"#/$defs/a"},true]})",
                  "1"),
            "resource_exhausted");
  EXPECT_EQ(check(R"({"$dynamicAnchor":"x","not":{"$dynamicRef":"#x"}})", "1"),
            "resource_exhausted");
}

// Each level asks twice for the next: 2^40 evaluations without the limit of steps.
TEST(Schema, ExponentialSchemasEnd) {
  std::string text = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "{\"$ref\":\"#/$defs/d" + std::to_string(i + 1) + "\"}";
    text += "\"d" + std::to_string(i) + "\":{\"allOf\":[" + next + "," + next + "]},";
  }
  EXPECT_EQ(check(text + "\"d40\":true}}", "1"), "resource_exhausted");
}

TEST(Schema, LongReferenceChainsCompile) {
  std::string text = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 5000; ++i) {
    text += "\"d" + std::to_string(i) + "\":{\"$ref\":\"#/$defs/d" + std::to_string(i + 1) + "\"},";
  }
  EXPECT_EQ(check(text + "\"d5000\":true}}", "1"), "resource_exhausted");
}

// Quadratic ways to compare would take minutes here.
TEST(Schema, LargeInstancesAreFast) {
  std::string numbers = "[0";
  std::string members = "{\"k\":0";
  for (int i = 1; i < 100'000; ++i) {
    numbers += "," + std::to_string(i);
    members += ",\"k" + std::to_string(i) + "\":0";
  }
  EXPECT_EQ(check(R"({"uniqueItems":true,"items":{"type":"integer"}})", numbers + "]"), "");
  EXPECT_EQ(check(R"({"additionalProperties":{"type":"integer"},"propertyNames":{"pattern":"k"}})",
                  members + "}"),
            "");
  EXPECT_EQ(check(R"({"uniqueItems":true})", "[" + members + "}," + members + "}]"),
            "arguments: items 0 and 1 are equal");
}

TEST(Schema, DeepInstancesOfRecursiveSchemasFit) {
  const std::string_view tree =
      R"({"$dynamicAnchor":"node","type":"array","allOf":[{"$ref":"#/$defs/items"}],
          "$defs":{"items":{"items":{"$dynamicRef":"#node"}}}})";
  EXPECT_EQ(check(tree, std::string(kDepthMax, '[') + std::string(kDepthMax, ']')), "");
}

TEST(Schema, MetaschemaAcceptsItself) {
  const auto text = find_metaschema(kDialect2020);
  ASSERT_TRUE(text);
  EXPECT_EQ(check(*text, *text), "");
  EXPECT_EQ(check(*text, R"({"properties":{"a":{"type":"int"}}})").empty(), false);
}

}  // namespace
}  // namespace mcpgate::json
