#include "mcp/input.h"

#include <gtest/gtest.h>

namespace mcpgate::mcp {
namespace {

class InputTest : public testing::Test {
 protected:
  Expected<std::vector<InputRequest>> read(std::string_view text) {
    const auto element = parser_.parse(text);
    EXPECT_TRUE(element) << text;
    return read_input_requests(*element, text);
  }
  /// What is wrong with a response to the one request of `requests`; empty where nothing is.
  std::string refuse(std::string_view requests, std::string_view response) {
    const auto read_back = read(requests);
    EXPECT_TRUE(read_back) << requests;
    json::Parser parser(1 << 20);
    const auto element = parser.parse(response);
    EXPECT_TRUE(element) << response;
    const auto checked = check_input_response(read_back->front(), *element);
    return checked ? "" : checked.error().message;
  }
  static ClientCapabilities declared(std::string_view text) {
    json::Parser parser(1 << 20);
    return ClientCapabilities::read(*json::as_object(*parser.parse(text)));
  }

  json::Parser parser_{1 << 20};
};

constexpr std::string_view kForm =
    R"({"q":{"method":"elicitation/create","params":{"message":"m","requestedSchema":)"
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":5},)"
    R"("kinds":{"type":"array","items":{"type":"string","enum":["a","b"]}}},)"
    R"("required":["name"]}}}})";
constexpr std::string_view kPage =
    R"({"q":{"method":"elicitation/create","params":)"
    R"({"mode":"url","message":"m","url":"https://example.com/x"}}})";
constexpr std::string_view kSampling =
    R"({"q":{"method":"sampling/createMessage","params":{"messages":[{"role":"user"}],)"
    R"("maxTokens":5}}})";
constexpr std::string_view kRoots = R"({"q":{"method":"roots/list","params":{}}})";

TEST_F(InputTest, EveryKindIsRead) {
  for (const auto& [text, kind] :
       {std::pair{kForm, InputKind::kForm}, std::pair{kPage, InputKind::kUrl},
        std::pair{kSampling, InputKind::kSampling}, std::pair{kRoots, InputKind::kRoots}}) {
    const auto requests = read(text);
    ASSERT_TRUE(requests) << requests.error().message;
    ASSERT_EQ(requests->size(), 1U);
    EXPECT_EQ(requests->front().key, "q");
    EXPECT_EQ(requests->front().kind, kind);
    EXPECT_TRUE(text.contains(requests->front().params_json));
    EXPECT_TRUE(text.contains(method_of(kind)));
  }
}

TEST_F(InputTest, WhatIsNoRequestIsNamed) {
  const auto form = [](std::string_view params) {
    return R"({"q":{"method":"elicitation/create","params":)" + std::string(params) + "}}";
  };
  std::string many;
  for (std::size_t i = 0; i <= kInputRequestsMax; ++i) {
    many +=
        (i == 0 ? "{\"" : ",\"") + std::to_string(i) + R"(":{"method":"roots/list","params":{}})";
  }
  const std::vector<std::pair<std::string, std::string_view>> cases = {
      {"[]", "1 to 16 requests"},
      {"{}", "1 to 16 requests"},
      {many + "}", "1 to 16 requests"},
      {R"({"":{"method":"roots/list","params":{}}})", "1 to 64 bytes"},
      {R"({"q":{"method":"roots/list","params":{}},"q":{"method":"roots/list","params":{}}})",
       "stands twice"},
      {R"({"q":1})", "wants method"},
      {R"({"q":{"method":"roots/list"}})", "object as params"},
      {R"({"q":{"method":"tools/call","params":{"name":"x"}}})", "a client can be asked by"},
      {form(R"({"message":"m"})"), "a form wants message"},
      {form(R"({"requestedSchema":{"type":"object","properties":{}}})"), "a form wants message"},
      {form(R"({"message":"m","requestedSchema":{"type":"array","properties":{}}})"),
       "a form wants message"},
      {form(R"({"message":"m","requestedSchema":{"type":"object","properties":)"
            R"({"a":{"type":"object","properties":{}}}}})"),
       "a: a field of a form"},
      {form(R"({"message":"m","requestedSchema":{"type":"object","properties":)"
            R"({"a":{"type":"string","minLength":-1}}}})"),
       "minLength"},
      {form(R"({"mode":"url","message":"m","url":"http://example.com/"})"), "https://"},
      {form(R"({"mode":"url","message":"m","url":"javascript:alert"})"), "https://"},
      {form(R"({"mode":"url","message":"m","url":"https://a/\n"})"), "https://"},
      {form(R"({"mode":"url","url":"https://a/"})"), "wants message"},
      {R"({"q":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}})",
       "sampling wants"},
      {R"({"q":{"method":"sampling/createMessage","params":{"messages":[{}]}}})", "maxTokens"},
  };
  for (const auto& [text, why] : cases) {
    const auto requests = read(text);
    ASSERT_FALSE(requests) << text;
    EXPECT_TRUE(requests.error().message.contains(why)) << text << ": " << requests.error().message;
  }
}

TEST_F(InputTest, ResponsesAreCheckedByTheirKind) {
  EXPECT_EQ(refuse(kForm, R"({"action":"accept","content":{"name":"Ann","kinds":["a"]}})"), "");
  EXPECT_EQ(refuse(kForm, R"({"action":"decline"})"), "");
  EXPECT_EQ(refuse(kForm, R"({"action":"cancel","content":null})"), "");
  EXPECT_EQ(refuse(kPage, R"({"action":"accept"})"), "");
  EXPECT_EQ(refuse(kSampling, R"({"role":"assistant","content":{},"model":"m"})"), "");
  EXPECT_EQ(refuse(kSampling, R"({"role":"assistant","content":[],"model":"m"})"), "");
  EXPECT_EQ(refuse(kRoots, R"({"roots":[{"uri":"file:///x"}]})"), "");
  EXPECT_EQ(refuse(kRoots, R"({"roots":[]})"), "");

  EXPECT_NE(refuse(kForm, "12345"), "");
  EXPECT_NE(refuse(kForm, R"({"action":"accept"})"), "");
  EXPECT_NE(refuse(kForm, R"({"action":"yes","content":{"name":"Ann"}})"), "");
  EXPECT_NE(refuse(kForm, R"({"action":"accept","content":{}})"), "");
  EXPECT_NE(refuse(kForm, R"({"action":"accept","content":{"name":"Josephine"}})"), "");
  EXPECT_NE(refuse(kForm, R"({"action":"accept","content":{"name":"Ann","kinds":["c"]}})"), "");
  EXPECT_NE(refuse(kForm, R"({"action":"accept","action":"decline","content":{"name":"A"}})"), "");
  EXPECT_NE(refuse(kPage, R"({"action":1})"), "");
  EXPECT_NE(refuse(kSampling, R"({"role":"assistant","content":"text","model":"m"})"), "");
  EXPECT_NE(refuse(kSampling, R"({"role":"assistant","content":{}})"), "");
  EXPECT_NE(refuse(kRoots, R"({"roots":[{"name":"x"}]})"), "");
  EXPECT_NE(refuse(kRoots, R"({"roots":{}})"), "");
}

TEST_F(InputTest, CapabilitiesAreReadAndSaid) {
  EXPECT_TRUE(declared("{}").empty());
  EXPECT_TRUE(declared(R"({"elicitation":null,"sampling":true,"roots":[]})").empty());
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {R"({"elicitation":{}})", R"({"elicitation":{"form":{}}})"},
      {R"({"elicitation":{"form":{}}})", R"({"elicitation":{"form":{}}})"},
      {R"({"elicitation":{"url":{}}})", R"({"elicitation":{"url":{}}})"},
      {R"({"elicitation":{"url":{},"form":{}}})", R"({"elicitation":{"form":{},"url":{}}})"},
      {R"({"sampling":{"tools":{}},"experimental":{}})", R"({"sampling":{}})"},
      {R"({"roots":{"listChanged":true},"sampling":{}})", R"({"sampling":{},"roots":{}})"},
  };
  for (const auto& [text, said] : cases) {
    const ClientCapabilities read_back = declared(text);
    EXPECT_EQ(read_back.to_json(), said) << text;
    EXPECT_EQ(ClientCapabilities::from_word(read_back.to_word()), read_back) << text;
  }
  EXPECT_TRUE(declared(R"({"sampling":{}})").has(InputKind::kSampling));
  EXPECT_FALSE(declared(R"({"sampling":{}})").has(InputKind::kForm));
}

}  // namespace
}  // namespace mcpgate::mcp
