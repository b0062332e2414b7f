#include "mcp/param_header.h"

#include <gtest/gtest.h>

#include <map>

namespace mcpgate::mcp {
namespace {

class ParamHeaders : public testing::Test {
 protected:
  /// `Mcp-Param-A=a,b …`, or `no`.
  std::string found(std::string_view schema) {
    json::Parser parser(1 << 20);
    const auto element = parser.parse(schema);
    EXPECT_TRUE(element) << schema;
    const auto headers = find_param_headers(*json::as_object(*element));
    std::string out;
    for (const ParamHeader& header : headers.value_or(std::vector<ParamHeader>{})) {
      out += header.header + "=";
      for (const std::string& name : header.path) {
        out += name + ",";
      }
    }
    return headers ? out : "no";
  }

  /// The message of the refusal; empty: it agrees.
  std::string checked(std::string_view arguments, std::map<std::string, std::string> sent) {
    json::Parser parser(1 << 20);
    const auto element = parser.parse(arguments);
    EXPECT_TRUE(element) << arguments;
    const ParamHeader headers[] = {{.header = "Mcp-Param-R", .path = {"r"}},
                                   {.header = "Mcp-Param-N", .path = {"o", "n"}}};
    const auto result = check_param_headers(
        headers, json::as_object(*element),
        [&](std::string_view name) -> std::optional<std::string_view> {
          const auto header = sent.find(std::string(name));
          return header == sent.end() ? std::nullopt
                                      : std::optional<std::string_view>(header->second);
        });
    if (!result) {
      EXPECT_EQ(result.error().code, RpcCode::kHeaderMismatch);
      EXPECT_EQ(result.error().http_status, 400);
    }
    return result ? "" : result.error().message;
  }
};

TEST_F(ParamHeaders, AreFoundAlongChainsOfProperties) {
  EXPECT_EQ(found(R"({"type":"object"})"), "");
  EXPECT_EQ(found(R"({"properties":{"a":{"type":"string","x-mcp-header":"Region"},
                      "o":{"properties":{"b":{"x-mcp-header":"B","type":"integer"}}}}})"),
            "Mcp-Param-Region=a,Mcp-Param-B=o,b,");
  EXPECT_EQ(found(R"({"properties":{"x-mcp-header":{"type":"string"}},
                      "default":{"x-mcp-header":1}})"),
            "")
      << "a property's name and a value are no annotation";
}

TEST_F(ParamHeaders, AnnotationsForWhichClientsDropAToolAreRefused) {
  for (const char* schema :
       {R"({"x-mcp-header":"A","type":"string"})",
        R"({"properties":{"a":{"x-mcp-header":"A","type":"number"}}})",
        R"({"properties":{"a":{"x-mcp-header":"A"}}})",
        R"({"properties":{"a":{"x-mcp-header":"A","type":["string","null"]}}})",
        R"({"properties":{"a":{"x-mcp-header":"","type":"string"}}})",
        R"({"properties":{"a":{"x-mcp-header":"A B","type":"string"}}})",
        R"({"properties":{"a":{"x-mcp-header":1,"type":"string"}}})",
        R"({"properties":{"a":{"x-mcp-header":"A","type":"string"},
                          "b":{"x-mcp-header":"a","type":"string"}}})",
        R"({"properties":{"a":{"items":{"x-mcp-header":"A","type":"string"}}}})",
        R"({"anyOf":[{"properties":{"a":{"x-mcp-header":"A","type":"string"}}}]})",
        R"({"$defs":{"a":{"x-mcp-header":"A","type":"string"}}})"}) {
    EXPECT_EQ(found(schema), "no") << schema;
  }
}

TEST_F(ParamHeaders, AHeaderSaysWhatItsArgumentSays) {
  EXPECT_EQ(checked("{}", {}), "");
  EXPECT_EQ(checked(R"({"r":null,"o":{}})", {}), "");
  EXPECT_EQ(checked(R"({"r":"eu"})", {{"Mcp-Param-R", "eu"}}), "");
  EXPECT_EQ(checked(R"({"r":"Hello"})", {{"Mcp-Param-R", "=?base64?SGVsbG8=?="}}), "");
  EXPECT_EQ(checked(R"({"r":"=?base64?SGVsbG8="})", {{"Mcp-Param-R", "=?base64?SGVsbG8="}}), "");
  EXPECT_EQ(checked(R"({"o":{"n":42}})", {{"Mcp-Param-N", "042"}}), "") << "as numbers";
  EXPECT_EQ(checked(R"({"o":{"n":true}})", {{"Mcp-Param-N", "true"}}), "");
  EXPECT_EQ(checked(R"({"o":{"n":1.5}})", {{"Mcp-Param-N", "2"}}), "") << "the schema's affair";
}

TEST_F(ParamHeaders, AHeaderThatDoesNotIsNamed) {
  constexpr const char* kOther = "Mcp-Param-R does not agree with its argument in the body";
  EXPECT_EQ(checked(R"({"r":"eu"})", {}),
            "Mcp-Param-R is missing, though the body has its argument");
  EXPECT_EQ(checked("{}", {{"Mcp-Param-R", "eu"}}), "Mcp-Param-R has no argument in the body");
  EXPECT_EQ(checked(R"({"r":"eu"})", {{"Mcp-Param-R", "EU"}}), kOther);
  EXPECT_EQ(checked(R"({"r":true})", {{"Mcp-Param-R", "True"}}), kOther);
  EXPECT_EQ(checked(R"({"r":1})", {{"Mcp-Param-R", "1x"}}), kOther);
  for (const char* bad : {"=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "=?base64?S?="}) {
    EXPECT_EQ(checked(R"({"r":"Hello"})", {{"Mcp-Param-R", bad}}),
              "Mcp-Param-R is not valid base64");
  }
}

}  // namespace
}  // namespace mcpgate::mcp
