// Resources, prompts and completion through the whole walk, in both eras.

#include "gateway/item_call.h"

#include "gateway/gateway_test_support.h"
#include "sandbox/call_tool_result.h"

namespace mcpgate::gateway {
namespace {

class ItemCalls : public TestGateway {
 protected:
  /// What the sandbox gives as the result of a resource or prompt.
  void give(std::string_view structured) {
    sandbox_.result = R"({"content":[],"structuredContent":)" + std::string(structured) + "}";
  }
  static std::string uri(std::string_view text) { return R"("uri":")" + std::string(text) + "\""; }
};

constexpr std::string_view kContents = R"({"contents":[{"uri":"demo://notes","text":"x"}]})";
constexpr std::string_view kMessages =
    R"({"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}]})";

TEST_F(ItemCalls, ListsHoldWhatThePrincipalMayRead) {
  const auto names = [this](std::string_view method, std::string_view who) {
    const std::string body = send(legacy(method), who).body;
    std::string found;
    for (const char* name : {"notes", "day", "sunday", "greet", "brief"}) {
      found +=
          body.contains(R"("name":")" + std::string(name) + "\"") ? name + std::string(" ") : "";
    }
    return found;
  };
  EXPECT_EQ(names("resources/list", alice_), "notes sunday ");
  EXPECT_EQ(names("resources/list", bob_), "notes ");
  EXPECT_EQ(names("resources/list", carol_), "");
  EXPECT_EQ(names("resources/templates/list", bob_), "day ");
  EXPECT_EQ(names("prompts/list", alice_), "greet brief ");
  EXPECT_EQ(names("prompts/list", bob_), "greet ");
  const std::string modern_list = send(modern("resources/list"), bob_).body;
  EXPECT_EQ(member(modern_list, "result.cacheScope"), "private");
  EXPECT_EQ(member(modern_list, "result.resultType"), "complete");
  EXPECT_FALSE(modern_list.contains("digest"));
  EXPECT_FALSE(modern_list.contains("completes"));
}

TEST_F(ItemCalls, AResourceIsReadInTheSandbox) {
  give(kContents);
  const auto response = send(modern("resources/read", uri("demo://notes")), bob_);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(member(response.body, "result.resultType"), "complete");
  EXPECT_EQ(member(response.body, "result.ttlMs"), "0");
  EXPECT_EQ(member(response.body, "result.contents"), R"([{"uri":"demo://notes","text":"x"}])");
  ASSERT_EQ(sandbox_.calls.size(), 1U);
  EXPECT_EQ(sandbox_.calls[0].kind, sandbox::ItemKind::kResource);
  EXPECT_EQ(sandbox_.calls[0].tool, "notes");
  EXPECT_EQ(sandbox_.calls[0].arguments, R"({"read":{"uri":"demo://notes","variables":{}}})");
  const std::string line = record();
  EXPECT_EQ(member(line, "method"), "resources/read");
  EXPECT_EQ(member(line, "tool"), "notes");
  EXPECT_EQ(member(line, "tool_set"), "demo");
  EXPECT_EQ(member(line, "decision"), "allow");
  EXPECT_EQ(member(line, "status"), "success");
  EXPECT_EQ(records("mcp_call_start").size(), 1U);

  EXPECT_EQ(member(send(legacy("resources/read", uri("demo://notes")), bob_).body, "result"),
            kContents);
}

// demo://notes/sunday is a resource of a set that bob may not use, and fits a template of one that
// he may: each principal reads the first that it may use.
TEST_F(ItemCalls, AUriMeansTheFirstThatThePrincipalMayUse) {
  give(kContents);
  for (const std::string& who : {alice_, bob_}) {
    EXPECT_EQ(send(modern("resources/read", uri("demo://notes/sunday")), who).status, 200);
  }
  ASSERT_EQ(sandbox_.calls.size(), 2U);
  EXPECT_EQ(sandbox_.calls[0].tool, "sunday");
  EXPECT_EQ(sandbox_.calls[1].tool, "day");
  EXPECT_EQ(sandbox_.calls[1].arguments,
            R"({"read":{"uri":"demo://notes/sunday","variables":{"day":"sunday"}}})");
}

TEST_F(ItemCalls, WhatIsMissingHiddenOrEmptyIsNotFoundInTheErasOwnWords) {
  give(R"({"contents":[]})");
  struct Case {
    std::string uri;
    std::string who;
    std::string status;
  };
  for (const Case& test : std::vector<Case>{{"demo://other", alice_, "invalid"},
                                            {"demo://notes/../x", alice_, "invalid"},
                                            {"demo://notes", carol_, "denied"},
                                            {"demo://notes/monday", alice_, "error"},
                                            {std::string(5000, 'x'), alice_, "invalid"}}) {
    const auto modern_answer = send(modern("resources/read", uri(test.uri)), test.who);
    EXPECT_EQ(modern_answer.status, 200);
    EXPECT_EQ(member(modern_answer.body, "error.code"), "-32602");
    EXPECT_EQ(member(modern_answer.body, "error.message"), "Resource not found");
    EXPECT_EQ(member(modern_answer.body, "error.data.uri"), test.uri);
    EXPECT_EQ(member(record(), "status"), test.status) << test.uri;
    const auto legacy_answer = send(legacy("resources/read", uri(test.uri)), test.who);
    EXPECT_EQ(legacy_answer.status, 200);
    EXPECT_EQ(member(legacy_answer.body, "error.code"), "-32002");
    EXPECT_EQ(member(legacy_answer.body, "error.data.uri"), test.uri);
    EXPECT_EQ(member(record(), "status"), test.status) << test.uri;
  }
}

TEST_F(ItemCalls, APromptIsGotWithItsArguments) {
  give(kMessages);
  const auto response = send(
      modern("prompts/get", R"("name":"greet","arguments":{"whom":"Ann","tone":"dry"})"), bob_);
  EXPECT_EQ(member(response.body, "result.messages"),
            R"([{"role":"user","content":{"type":"text","text":"Hi"}}])");
  EXPECT_EQ(member(response.body, "result.ttlMs"), "");
  ASSERT_EQ(sandbox_.calls.size(), 1U);
  EXPECT_EQ(sandbox_.calls[0].kind, sandbox::ItemKind::kPrompt);
  EXPECT_EQ(sandbox_.calls[0].arguments, R"({"get":{"whom":"Ann","tone":"dry"}})");
  EXPECT_EQ(
      member(send(legacy("prompts/get", R"("name":"greet","arguments":{"whom":"Ann"})"), bob_).body,
             "result"),
      kMessages);
}

TEST_F(ItemCalls, AResourceLinkInAPromptIsTextFor20250326) {
  give(R"({"messages":[{"role":"user","content":
      {"type":"resource_link","uri":"a://b","name":"n"}}]})");
  const Sent get = legacy("prompts/get", R"("name":"greet","arguments":{"whom":"Ann"})");
  EXPECT_EQ(member(send(get, bob_).body, "result.messages"),
            R"([{"role":"user","content":{"type":"text","text":"n: a://b"}}])");
  EXPECT_TRUE(
      send(with(get, "MCP-Protocol-Version", "2025-06-18"), bob_).body.contains("resource_link"));
}

TEST_F(ItemCalls, WrongPromptsAndArgumentsAreToldWithoutACall) {
  struct Case {
    std::string params;
    std::string who;
    std::string message;
    std::string status;
  };
  for (const Case& test :
       std::vector<Case>{{R"("name":"none")", alice_, "Unknown prompt: none", "invalid"},
                         {R"("name":"brief")", bob_, "Unknown prompt: brief", "denied"},
                         {R"("name":"greet")", bob_, "Missing argument: whom", "invalid"},
                         {R"("name":"greet","arguments":{"tone":"dry"})", bob_,
                          "Missing argument: whom", "invalid"},
                         {R"("name":"greet","arguments":{"whom":"a","x":"b"})", bob_,
                          "Unknown argument: x", "invalid"},
                         {R"("name":"greet","arguments":{"whom":1})", bob_,
                          "params.arguments: must be an object of strings", "invalid"},
                         {R"("name":"greet","arguments":{"whom":"a","whom":"b"})", bob_,
                          "params.arguments: must be an object of strings", "invalid"},
                         {R"("name":"greet","arguments":[])", bob_,
                          "params.arguments: must be an object of strings", "invalid"}}) {
    for (const bool is_modern : {true, false}) {
      const auto response =
          send(is_modern ? modern("prompts/get", test.params) : legacy("prompts/get", test.params),
               test.who);
      EXPECT_EQ(response.status, 200) << test.params;
      EXPECT_EQ(member(response.body, "error.code"), "-32602") << test.params;
      EXPECT_EQ(member(response.body, "error.message"), test.message);
      EXPECT_EQ(member(record(), "status"), test.status) << test.params;
    }
  }
  EXPECT_TRUE(sandbox_.calls.empty());
}

TEST_F(ItemCalls, CompletionAsksTheSandboxOnlyWhereSomethingCompletes) {
  const auto complete = [](std::string_view ref, std::string_view argument) {
    return R"("ref":)" + std::string(ref) + R"(,"argument":{"name":")" + std::string(argument) +
           R"(","value":"d"},"context":{"arguments":{"whom":"Ann"}})";
  };
  constexpr std::string_view kGreet = R"({"type":"ref/prompt","name":"greet"})";
  constexpr std::string_view kDay = R"({"type":"ref/resource","uri":"demo://notes/{day}"})";
  give(R"({"values":["dry"],"total":1,"hasMore":false})");
  const auto answer = [&](std::string_view ref, std::string_view argument, std::string_view who) {
    return send(modern("completion/complete", complete(ref, argument)), who).body;
  };
  EXPECT_EQ(member(answer(kGreet, "tone", bob_), "result.completion.values"), R"(["dry"])");
  ASSERT_EQ(sandbox_.calls.size(), 1U);
  EXPECT_EQ(sandbox_.calls[0].arguments,
            R"({"complete":{"argument":"tone","value":"d","arguments":{"whom":"Ann"}}})");
  EXPECT_EQ(member(answer(kDay, "day", bob_), "result.completion.values"), R"(["dry"])");
  EXPECT_EQ(sandbox_.calls[1].kind, sandbox::ItemKind::kResource);
  EXPECT_EQ(member(answer(kGreet, "whom", bob_), "result.completion"),
            R"({"values":[],"total":0,"hasMore":false})");
  EXPECT_EQ(sandbox_.calls.size(), 2U) << "nothing completes it";
  EXPECT_EQ(member(answer(kGreet, "other", bob_), "error.message"), "Unknown argument: other");
  EXPECT_EQ(member(answer(kGreet, "tone", carol_), "error.message"), "Unknown prompt: greet");
  EXPECT_EQ(member(answer(R"({"type":"ref/prompt","name":"x"})", "tone", bob_), "error.message"),
            "Unknown prompt: x");
  EXPECT_EQ(member(answer(R"({"type":"ref/resource","uri":"demo://notes"})", "day", bob_),
                   "error.message"),
            "Unknown resource template: demo://notes");
  for (const char* ref : {R"({"type":"ref/tool","name":"x"})", R"({"type":"ref/prompt"})", "1"}) {
    EXPECT_EQ(member(answer(ref, "tone", bob_), "error.code"), "-32602") << ref;
  }
}

TEST_F(ItemCalls, WhatGoesWrongInTheSandboxIsAnError) {
  struct Case {
    std::string result;
    std::string message;
    std::string reason;
  };
  for (const Case& test :
       std::vector<Case>{{R"({"content":[{"type":"text","text":"no notes today"}],"isError":true})",
                          "no notes today", ""},
                         {sandbox::write_ended_result(sandbox::Reason::kTimeout, "too late"),
                          "too late", "timeout"},
                         {R"({"content":[]})", "The result is not one that MCP knows.", ""},
                         {R"({"content":[],"structuredContent":{"contents":[{"uri":1}]}})",
                          "The result is not one that MCP knows.", ""},
                         {R"({"content":[],"structuredContent":{"messages":[]}})",
                          "The result is not one that MCP knows.", ""}}) {
    sandbox_.result = test.result;
    const auto response = send(modern("resources/read", uri("demo://notes")), bob_);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(member(response.body, "error.code"), "-32603");
    EXPECT_EQ(member(response.body, "error.message"), test.message);
    EXPECT_EQ(member(response.body, "error.data/io.mcpgate/reason"), test.reason);
    EXPECT_EQ(member(record(), "status"), "error");
  }
}

TEST_F(ItemCalls, WithoutRoomOrRecordNothingRuns) {
  settings_.calls_in_flight_max = 0;
  use_settings();
  auto response = send(modern("prompts/get", R"("name":"greet","arguments":{"whom":"a"})"), bob_);
  EXPECT_EQ(member(response.body, "error.code"), "-32603");
  EXPECT_EQ(member(record(), "reason"), "calls in flight");
  settings_.calls_in_flight_max = 1;
  use_settings();
  const FullDisk full(audit_file());
  response = send(modern("prompts/get", R"("name":"greet","arguments":{"whom":"a"})"), bob_);
  EXPECT_EQ(response.status, 503);
  EXPECT_TRUE(sandbox_.calls.empty());
}

TEST_F(TestGateway, AnArgumentAndItsHeaderAgree) {
  const auto call = [this](std::string_view arguments) {
    return modern("tools/call", R"("name":"write","arguments":)" + std::string(arguments));
  };
  EXPECT_EQ(send(with(call(R"({"region":"eu"})"), "Mcp-Param-Region", "eu")).status, 200);
  EXPECT_EQ(send(call("{}")).status, 200);
  const Sent mismatched = with(call(R"({"region":"eu"})"), "Mcp-Param-Region", "us");
  for (const Sent& sent :
       {mismatched, call(R"({"region":"eu"})"), with(mismatched, "mcp-param-region", "eu"),
        with(call("{}"), "Mcp-Param-Region", "eu")}) {
    const auto response = send(sent);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(member(response.body, "error.code"), "-32020");
    EXPECT_EQ(member(response.body, "id"), "7");
  }
  EXPECT_EQ(member(records().back(), "reason"), "headers");
  EXPECT_EQ(sandbox_.calls.size(), 2U);
  const Sent old = legacy("tools/call", R"("name":"write","arguments":{"region":"eu"})");
  EXPECT_EQ(send(old).status, 200) << "the legacy era has no such headers";
  // Of a hidden tool nothing is said.
  EXPECT_EQ(member(send(mismatched, carol_).body, "error.message"), "Unknown tool: write");
}

TEST_F(ItemCalls, ListsComeInPagesWithSealedCursors) {
  settings_.list_page_max = 1;
  use_settings();
  const auto page = [this](std::string_view cursor, std::string_view who,
                           std::string_view method = "tools/list") {
    return send(modern(method, R"("cursor":")" + std::string(cursor) + "\""), who).body;
  };
  const std::string first = page("", alice_);
  EXPECT_TRUE(first.contains(R"("name":"read")"));
  const std::string cursor = member(first, "result.nextCursor");
  const std::string second = page(cursor, alice_);
  EXPECT_TRUE(second.contains(R"("name":"write")"));
  const std::string third = page(member(second, "result.nextCursor"), alice_);
  EXPECT_TRUE(third.contains(R"("name":"launch")"));
  EXPECT_EQ(member(third, "result.nextCursor"), "");
  EXPECT_EQ(page(cursor, alice_).substr(0, 60), second.substr(0, 60)) << "it may be used again";

  const auto refused = [&](const std::string& body) {
    return member(body, "error.code") == "-32602" &&
           member(body, "error.message") ==
               "params.cursor: not a cursor of this list, or not any more; list again from the "
               "start";
  };
  EXPECT_TRUE(refused(page(cursor, bob_))) << "of another principal";
  EXPECT_TRUE(refused(page(cursor, alice_, "prompts/list"))) << "of another list";
  EXPECT_TRUE(refused(page(cursor + "A", alice_))) << "altered";
  EXPECT_TRUE(refused(page("1", alice_)));
  EXPECT_EQ(member(send(modern("tools/list", R"("cursor":1)")).body, "error.message"),
            "params.cursor: must be a string");
  settings_.tool_sets.erase(settings_.tool_sets.begin());
  use_settings();
  EXPECT_TRUE(refused(page(cursor, alice_))) << "its item is gone";
  clock_.advance(2h);
  EXPECT_TRUE(refused(page(member(second, "result.nextCursor"), alice_))) << "expired";
}

TEST_F(ItemCalls, ALegacySessionGetsLogsFromTheLevelThatItSet) {
  const std::string session = initialize(alice_);
  sandbox_.behaviour = &FakeSandbox::stream;
  sandbox_.events = {sandbox::write_log_event(R"({"level":"info","data":"said"})")};
  const Sent call = with(legacy("tools/call", R"("name":"write")"), "Mcp-Session-Id", session);
  EXPECT_FALSE(send(call).body.contains("said")) << "nobody asked";
  const auto set = [&](std::string_view level) {
    return send(with(legacy("logging/setLevel", R"("level":")" + std::string(level) + "\""),
                     "Mcp-Session-Id", session));
  };
  EXPECT_EQ(member(set("info").body, "result"), "{}");
  EXPECT_TRUE(send(call).body.contains("said"));
  EXPECT_FALSE(send(legacy("tools/call", R"("name":"write")")).body.contains("said"));
  EXPECT_EQ(member(set("error").body, "result"), "{}");
  EXPECT_FALSE(send(call).body.contains("said"));
  EXPECT_EQ(member(set("loud").body, "error.code"), "-32602");
  const auto sessionless = send(legacy("logging/setLevel", R"("level":"info")"));
  EXPECT_EQ(sessionless.status, 400);
  EXPECT_EQ(member(sessionless.body, "error.code"), "-32600");
  EXPECT_EQ(send(modern("logging/setLevel", R"("level":"info")")).status, 404);
}

}  // namespace
}  // namespace mcpgate::gateway
