#include "sandbox/declared.h"

#include <gtest/gtest.h>

namespace mcpgate::sandbox {
namespace {

template <class T>
Expected<T> read(Expected<T> (*reader)(json::Element), std::string_view text) {
  json::Parser parser(1 << 20);
  const auto element = parser.parse(text);
  EXPECT_TRUE(element) << text;
  return reader(*element);
}

TEST(DeclaredResource, IsRebuiltOfItsKnownMembers) {
  auto resource = read(&read_resource, R"({"x":1,"name":"n","uri":"a://b","mimeType":"text/plain",
      "title":"T","icons":[{"src":"data:,"},{"src":"http://x"},1],"_meta":{"k":1},
      "digest":"d"})");
  ASSERT_TRUE(resource) << resource.error().message;
  EXPECT_EQ(resource->definition,
            R"({"uri":"a://b","name":"n","title":"T","mimeType":"text/plain",)"
            R"("icons":[{"src":"data:,"}],"_meta":{"k":1}})");
  EXPECT_FALSE(resource->is_template);
  resource->digest = "sha256:0";
  EXPECT_TRUE(write_listed(*resource).ends_with(R"(,"digest":"sha256:0"})"));
}

TEST(DeclaredResource, ATemplateSaysWhatCanBeCompleted) {
  auto resource = read(&read_resource, R"({"name":"n","uriTemplate":"a://{b}","completes":["b"]})");
  ASSERT_TRUE(resource) << resource.error().message;
  EXPECT_TRUE(resource->is_template);
  EXPECT_EQ(resource->definition, R"({"uriTemplate":"a://{b}","name":"n"})");
  EXPECT_EQ(write_listed(*resource),
            R"({"uriTemplate":"a://{b}","name":"n","completes":["b"],"digest":""})");
}

TEST(DeclaredResource, HostileOnesAreRefusedWithTheMember) {
  for (const auto& [text, member] : std::vector<std::pair<const char*, const char*>>{
           {"[]", "object"},
           {R"({"uri":"a://b"})", "name"},
           {R"({"name":"a b","uri":"a://b"})", "name"},
           {R"({"name":"n"})", "uri"},
           {R"({"name":"n","uri":"no scheme"})", "uri"},
           {R"({"name":"n","uri":"a://b","completes":["b"]})", "complete"},
           {R"({"name":"n","uriTemplate":"a://b"})", "uriTemplate"},
           {R"({"name":"n","uriTemplate":"a://{b}","completes":["c"]})", "completes"},
           {R"({"name":"n","uri":"a://b","icons":{}})", "icons"},
           {R"({"name":"n","uri":"a://b","mimeType":1})", "mimeType"},
           {R"({"name":"n","uri":"a://b","annotations":[]})", "annotations"}}) {
    const auto resource = read(&read_resource, text);
    ASSERT_FALSE(resource) << text;
    EXPECT_NE(resource.error().message.find(member), std::string::npos)
        << text << " → " << resource.error().message;
  }
}

TEST(DeclaredPrompt, IsRebuiltOfItsKnownMembers) {
  const auto prompt = read(&read_prompt, R"({"name":"p","description":"D","arguments":[
      {"name":"a","required":true,"x":1},{"name":"b","description":"B"}],"completes":["b"]})");
  ASSERT_TRUE(prompt) << prompt.error().message;
  EXPECT_EQ(prompt->definition,
            R"({"name":"p","description":"D","arguments":[{"name":"a","required":true},)"
            R"({"name":"b","description":"B"}]})");
  ASSERT_EQ(prompt->arguments.size(), 2U);
  EXPECT_TRUE(prompt->arguments[0].required);
  EXPECT_FALSE(prompt->arguments[1].required);
}

TEST(DeclaredPrompt, HostileOnesAreRefusedWithTheMember) {
  for (const auto& [text, member] : std::vector<std::pair<const char*, const char*>>{
           {"1", "object"},
           {R"({"name":""})", "name"},
           {R"({"name":"p","arguments":{}})", "arguments"},
           {R"({"name":"p","arguments":[1]})", "arguments[0]"},
           {R"({"name":"p","arguments":[{"name":"a"},{"name":"a"}]})", "arguments[1]"},
           {R"({"name":"p","completes":["a"]})", "completes"},
           {R"({"name":"p","completes":"a"})", "completes"}}) {
    const auto prompt = read(&read_prompt, text);
    ASSERT_FALSE(prompt) << text;
    EXPECT_NE(prompt.error().message.find(member), std::string::npos)
        << text << " → " << prompt.error().message;
  }
}

}  // namespace
}  // namespace mcpgate::sandbox
