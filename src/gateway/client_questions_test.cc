// Tools that ask the client, in both eras.

#include "gateway/client_questions.h"

#include <gtest/gtest.h>

#include "gateway/gateway_test_support.h"

namespace mcpgate::gateway {
namespace {

using Kind = sandbox::Question::Kind;

constexpr std::string_view kName =
    R"({"inputRequests":{"name":{"method":"elicitation/create","params":{"message":"Name?",)"
    R"("requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},)"
    R"("required":["name"]}}}}})";
constexpr std::string_view kRoots =
    R"({"inputRequests":{"where":{"method":"roots/list","params":{}}}})";
constexpr std::string_view kAnn = R"({"action":"accept","content":{"name":"Ann"}})";
constexpr std::string_view kCall = R"("name":"write","arguments":{"region":"eu","n":1.0})";
constexpr std::string_view kAble = R"({"elicitation":{},"roots":{}})";

class ClientQuestionsTest : public TestGateway {
 protected:
  ClientQuestionsTest() {
    sandbox_.behaviour = &FakeSandbox::ask;
    sandbox_.asker = "write";
    sandbox_.questions = {{Kind::kAskClient, std::string(kName)}};
  }

  std::vector<std::string> replies_to(std::size_t call) {
    std::vector<std::string> replies;
    const auto [first, last] = sandbox_.replies.equal_range(sandbox_.calls[call].id);
    for (auto reply = first; reply != last; ++reply) {
      replies.push_back(reply->second);
    }
    return replies;
  }
};

// ---- The legacy revisions: on the stream of the call

class LegacyQuestions : public ClientQuestionsTest {
 protected:
  std::string open_session(std::string_view authorization, std::string_view capabilities) {
    const auto response = send(legacy("initialize", R"("protocolVersion":"2025-11-25",)"
                                                    R"("capabilities":)" +
                                                        std::string(capabilities)),
                               authorization);
    return header(response, "Mcp-Session-Id");
  }
  static Sent in_session(Sent sent, const std::string& session) {
    return with(std::move(sent), "Mcp-Session-Id", session);
  }
  static Sent response_to(std::string_view id, std::string_view members) {
    return {.body =
                R"({"jsonrpc":"2.0","id":)" + std::string(id) + "," + std::string(members) + "}"};
  }

  /// A call whose stream is read as it comes.
  struct Call {
    explicit Call(http::Client& client) : exchange(client) {}
    http::Exchange exchange;
    bool done = false;
    std::string body;
    /// The messages so far.
    [[nodiscard]] std::vector<std::string> messages() const {
      std::vector<std::string> found;
      for (std::size_t at = 0; (at = body.find("data: ", at)) != std::string::npos;) {
        const std::size_t end = body.find('\n', at);
        found.push_back(body.substr(at + 6, end - at - 6));
        at = end;
      }
      return found;
    }
  };
  static Task<void> read(std::shared_ptr<Call> call, Sent sent, std::string authorization) {
    const auto headers = headers_of(sent, authorization);
    auto head = co_await call->exchange.send(
        {.method = sent.method, .target = sent.target, .headers = headers, .body = sent.body});
    while (head) {
      auto piece = co_await call->exchange.read();
      if (!piece || piece->empty()) {
        break;
      }
      call->body += *piece;
    }
    call->done = true;
  }
  std::shared_ptr<Call> call(const std::string& session, std::string_view authorization) {
    auto call = std::make_shared<Call>(*client_);
    asio::co_spawn(
        loop_,
        read(call, in_session(legacy("tools/call", kCall), session), std::string(authorization)),
        asio::detached);
    return call;
  }
  /// The question of a call, once it has come.
  std::string question_of(const std::shared_ptr<Call>& call) {
    EXPECT_TRUE(run_until(loop_, [&] { return call->done || !call->messages().empty(); }));
    const auto messages = call->messages();
    return messages.empty() ? "" : messages.front();
  }
  static std::string id_of(const std::string& question) {
    return '"' + member(question, "id") + '"';
  }
};

TEST_F(LegacyQuestions, TheClientAnswersOnAnotherConnection) {
  const std::string session = open_session(alice_, kAble);
  const auto call = this->call(session, alice_);
  const std::string question = question_of(call);
  EXPECT_EQ(member(question, "method"), "elicitation/create");
  EXPECT_EQ(member(question, "params.message"), "Name?");
  const auto accepted =
      send(in_session(response_to(id_of(question), R"("result":)" + std::string(kAnn)), session),
           alice_);
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(accepted.body, "");
  ASSERT_TRUE(run_until(loop_, [&] { return call->done; }));
  EXPECT_EQ(member(call->messages().back(), "result.content"),
            R"([{"type":"text","text":"done"}])");
  EXPECT_EQ(member(replies_to(0)[0], "result.inputResponses.name.content.name"), "Ann");

  const auto again =
      send(in_session(response_to(id_of(question), R"("result":)" + std::string(kAnn)), session),
           alice_);
  EXPECT_EQ(again.status, 400) << "a second response to one question";
  EXPECT_EQ(member(again.body, "error.code"), "-32600");
  EXPECT_EQ(member(again.body, "error.message"), "a response to no request of this server");
}

TEST_F(LegacyQuestions, OnlyTheSessionThatWasAskedAnswers) {
  const std::string session = open_session(alice_, kAble);
  const std::string other = open_session(alice_, kAble);
  const std::string bobs = open_session(bob_, kAble);
  const auto call = this->call(session, alice_);
  const std::string id = id_of(question_of(call));
  const std::string result = R"("result":)" + std::string(kAnn);
  EXPECT_EQ(send(in_session(response_to(id, result), other), alice_).status, 400);
  EXPECT_EQ(send(in_session(response_to(id, result), bobs), bob_).status, 400);
  EXPECT_EQ(send(in_session(response_to(id, result), session), bob_).status, 404);
  EXPECT_EQ(send(response_to(id, result), alice_).status, 400);
  EXPECT_EQ(send(in_session(response_to("1", result), session), alice_).status, 400);
  EXPECT_FALSE(call->done);
  EXPECT_EQ(send(in_session(response_to(id, result), session), alice_).status, 202);
  EXPECT_TRUE(run_until(loop_, [&] { return call->done; }));
}

TEST_F(LegacyQuestions, AnErrorOrWhatIsNoAnswerIsTheToolsError) {
  const std::string session = open_session(alice_, kAble);
  for (const auto& [response, told] :
       {std::pair<std::string_view, std::string_view>{R"("error":{"code":-1,"message":"not now"})",
                                                      "name: not now"},
        {R"("result":{"action":"accept","content":{"name":1}})", "content.name"}}) {
    const auto call = this->call(session, alice_);
    const std::string id = id_of(question_of(call));
    EXPECT_EQ(send(in_session(response_to(id, response), session), alice_).status, 202);
    ASSERT_TRUE(run_until(loop_, [&] { return call->done; }));
    const std::string message = member(replies_to(sandbox_.calls.size() - 1)[0], "error.message");
    EXPECT_TRUE(message.contains(told)) << message;
  }
}

TEST_F(LegacyQuestions, WhoCannotBeAskedIsNot) {
  const auto told = [this](const Sent& sent) {
    EXPECT_EQ(send(sent, alice_).status, 200);
    return member(replies_to(sandbox_.calls.size() - 1)[0], "error.message");
  };
  EXPECT_TRUE(told(legacy("tools/call", kCall)).contains("having no session"));
  const std::string unable = open_session(alice_, R"({"sampling":{}})");
  EXPECT_TRUE(told(in_session(legacy("tools/call", kCall), unable))
                  .contains(R"(the capability {"elicitation":{"form":{}}})"));
  const std::string able = open_session(alice_, kAble);
  EXPECT_TRUE(
      told(with(in_session(legacy("tools/call", kCall), able), "Accept", "application/json"))
          .contains("takes no stream"));
}

TEST_F(LegacyQuestions, ACancelledCallWaitsNoLonger) {
  const std::string session = open_session(alice_, kAble);
  const auto call = this->call(session, alice_);
  const std::string id = id_of(question_of(call));
  EXPECT_EQ(send(in_session({.body = R"({"jsonrpc":"2.0","method":"notifications/cancelled",)"
                                     R"("params":{"requestId":7}})"},
                            session),
                 alice_)
                .status,
            202);
  ASSERT_TRUE(run_until(loop_, [&] { return call->done; }));
  EXPECT_EQ(call->messages().size(), 1U) << "nothing answers a cancelled call";
  EXPECT_EQ(
      send(in_session(response_to(id, R"("result":{"action":"cancel"})"), session), alice_).status,
      400);
}

// ---- 2026-07-28: by the answer to the request

class ModernQuestions : public ClientQuestionsTest {
 protected:
  [[nodiscard]] Sent call(std::string_view more = "", std::string_view able = kAble,
                          std::string_view members = kCall) const {
    Sent sent = modern("tools/call", std::string(members) + std::string(more));
    const std::string none = R"(clientCapabilities":{})";
    sent.body.replace(sent.body.find(none), none.size(),
                      R"(clientCapabilities":)" + std::string(able));
    return with(std::move(sent), "Mcp-Param-Region", "eu");
  }
  static std::string retry(const std::string& asked, std::string_view responses) {
    return R"(,"inputResponses":)" + std::string(responses) + R"(,"requestState":")" +
           member(asked, "result.requestState") + '"';
  }
  std::string ask() {
    const auto response = send(call(), alice_);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(member(response.body, "result.resultType"), "input_required") << response.body;
    return response.body;
  }
};

const std::string kNamed = R"({"name":)" + std::string(kAnn) + "}";

TEST_F(ModernQuestions, TheQuestionEndsTheRequestAndTheRetryIsTold) {
  const std::string asked = ask();
  EXPECT_EQ(member(asked, "result.inputRequests.name.method"), "elicitation/create");
  EXPECT_EQ(member(asked, "result.ttlMs"), "");
  EXPECT_TRUE(run_until(loop_, [this] { return sandbox_.disconnected == 1; }))
      << "the child is gone";
  EXPECT_EQ(member(records().back(), "status"), "success");
  EXPECT_EQ(member(records().back(), "reason"), "input required");

  for (int i = 0; i < 2; ++i) {  // The same state within its time is served again.
    const auto done = send(call(retry(asked, kNamed)), alice_);
    EXPECT_EQ(member(done.body, "result.resultType"), "complete") << done.body;
    EXPECT_EQ(
        member(replies_to(sandbox_.calls.size() - 1)[0], "result.inputResponses.name.content.name"),
        "Ann");
  }
}

TEST_F(ModernQuestions, EarlierAnswersAreReplayedInOrder) {
  sandbox_.questions.emplace_back(Kind::kAskClient, std::string(kRoots));
  const std::string first = ask();
  const auto second = send(call(retry(first, kNamed)), alice_).body;
  EXPECT_EQ(member(second, "result.inputRequests.where.method"), "roots/list") << second;
  EXPECT_NE(member(first, "result.requestState"), member(second, "result.requestState"));
  const auto done =
      send(call(retry(second, R"({"where":{"roots":[{"uri":"file:///x"}]}})")), alice_).body;
  EXPECT_EQ(member(done, "result.resultType"), "complete") << done;
  const auto replies = replies_to(2);
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(member(replies[0], "result.inputResponses.name.content.name"), "Ann");
  EXPECT_TRUE(replies[1].contains("file:///x"));
}

TEST_F(ModernQuestions, ResultsOfOtherToolsAreReplayed) {
  sandbox_.questions.insert(sandbox_.questions.begin(),
                            {Kind::kCallTool, R"({"name":"read","arguments":{"text":"a"}})"});
  sandbox_.result = R"({"content":[],"structuredContent":{"n":7}})";
  const std::string asked = ask();
  EXPECT_EQ(sandbox_.calls.size(), 2U);
  const auto done = send(call(retry(asked, kNamed)), alice_).body;
  EXPECT_EQ(member(done, "result.resultType"), "complete") << done;
  EXPECT_EQ(sandbox_.calls.size(), 3U) << "the other tool does not run again";
  EXPECT_EQ(member(replies_to(2)[0], "result.structuredContent.n"), "7");
}

TEST_F(ModernQuestions, WhatIsMissingOrWrongIsAskedAgain) {
  const std::string asked = ask();
  for (const std::string_view responses :
       {"{}", R"({"other":{"action":"accept"}})", R"({"name":12345})",
        R"({"name":{"action":"accept","content":{"name":5}}})"}) {
    const auto again = send(call(retry(asked, responses)), alice_);
    EXPECT_EQ(member(again.body, "result.resultType"), "input_required") << responses;
  }
  const std::string no_object = "200 -32602 params.inputResponses: must be an object";
  EXPECT_EQ(refusal(send(call(R"(,"inputResponses":null)"), alice_)), no_object);
  EXPECT_EQ(refusal(send(call(R"(,"inputResponses":[])"), alice_)), no_object);
  EXPECT_EQ(refusal(send(call(R"(,"requestState":7)"), alice_)),
            "200 -32602 params.requestState: must be a string");
}

// A server need not send a state, so a client may answer without one; what nobody asked is ignored.
TEST_F(ModernQuestions, ResponsesAreTakenWithoutAState) {
  const std::string more =
      R"({"other":{"action":"accept"},)" + std::string(kNamed).substr(1, std::string::npos);
  for (const std::string& responses : {std::string(kNamed), more}) {
    const auto done = send(call(R"(,"inputResponses":)" + responses), alice_);
    EXPECT_EQ(member(done.body, "result.resultType"), "complete") << done.body;
  }
  const auto wrong =
      send(call(R"(,"inputResponses":{"name":{"action":"accept","content":{"name":5}}})"), alice_);
  EXPECT_EQ(member(wrong.body, "result.resultType"), "input_required");
}

TEST_F(ModernQuestions, AStateIsOfItsCallAndPrincipalAndTime) {
  const std::string asked = ask();
  const auto refused = [this](const Sent& sent, std::string_view authorization) {
    const std::size_t before = sandbox_.calls.size();
    const auto response = send(sent, authorization);
    EXPECT_EQ(sandbox_.calls.size(), before) << "nothing ran";
    return refusal(response) == "200 -32602 params.requestState: not one of this call, or expired";
  };
  std::string altered = retry(asked, kNamed);
  altered[altered.size() - 20] = altered[altered.size() - 20] == 'A' ? 'B' : 'A';
  EXPECT_TRUE(refused(call(altered), alice_));
  EXPECT_TRUE(refused(call(R"(,"requestState":"")"), alice_));
  EXPECT_TRUE(refused(call(R"(,"requestState":"\u0041")"), alice_));
  const std::string state = retry(asked, kNamed);
  const std::string mallory = add_key("mallory", {"mcp-admin"});
  use_settings();
  EXPECT_TRUE(refused(call(state), mallory));
  EXPECT_TRUE(
      refused(call(state, kAble, R"("name":"write","arguments":{"region":"eu","n":2})"), alice_));
  EXPECT_EQ(
      member(send(call(state, kAble, R"("name":"write","arguments":{"n":1,"region":"eu"})"), alice_)
                 .body,
             "result.resultType"),
      "complete")
      << "the same arguments, spelt otherwise";
  clock_.advance(std::chrono::hours{1});
  EXPECT_TRUE(refused(call(state), alice_));
}

TEST_F(ModernQuestions, WhatTheClientCannotBeAskedIsNamed) {
  sandbox_.result = R"({"content":[{"type":"text","text":"no"}],"isError":true})";
  const auto response = send(call("", R"({"sampling":{}})"), alice_);
  EXPECT_EQ(refusal(response),
            "400 -32021 This needs a capability that the client did not declare.");
  EXPECT_EQ(member(response.body, "error.data.requiredCapabilities"),
            R"({"elicitation":{"form":{}}})");
  EXPECT_EQ(member(records().back(), "status"), "invalid");

  sandbox_.result = R"({"content":[]})";  // The tool takes another path.
  EXPECT_EQ(member(send(call("", "{}"), alice_).body, "result.resultType"), "complete");
}

TEST_F(ModernQuestions, RoundsAndStateAreBounded) {
  settings_.question_rounds_max = 1;
  use_settings();
  const std::string asked = ask();
  const auto message = [this] {
    return member(replies_to(sandbox_.calls.size() - 1).back(), "error.message");
  };
  EXPECT_EQ(send(call(retry(asked, "{}")), alice_).status, 200);
  EXPECT_TRUE(message().contains("asked 1 times")) << message();

  settings_.request_state_bytes_max = 8;
  use_settings();
  sandbox_.questions.insert(sandbox_.questions.begin(),
                            {Kind::kCallTool, R"({"name":"read","arguments":{"text":"a"}})"});
  sandbox_.result = R"({"content":[],"structuredContent":{"n":7}})";
  EXPECT_EQ(send(call(), alice_).status, 200);
  const auto replies = replies_to(sandbox_.calls.size() - 2);  // The last one is the other tool.
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_TRUE(member(replies[1], "error.message").contains("more than 8 bytes")) << replies[1];
}

TEST_F(ModernQuestions, AToolThatAsksSomethingElseIsToldNothing) {
  const std::string asked = ask();
  sandbox_.questions = {{Kind::kAskClient, std::string(kRoots)}};
  const auto second = send(call(retry(asked, kNamed)), alice_).body;
  EXPECT_EQ(member(second, "result.resultType"), "input_required") << "its question was not asked";

  sandbox_.questions = {{Kind::kAskClient, std::string(kName)},
                        {Kind::kAskClient, std::string(kRoots)}};
  const auto third = send(call(retry(asked, kNamed)), alice_).body;
  sandbox_.questions[0].second.replace(sandbox_.questions[0].second.find("Name?"), 5, "Nome?");
  EXPECT_EQ(send(call(retry(third, "{}")), alice_).status, 200);
  const auto replies = replies_to(sandbox_.calls.size() - 1);
  EXPECT_TRUE(member(replies[0], "error.message").contains("something else")) << replies[0];
}

}  // namespace
}  // namespace mcpgate::gateway
