// Against an issuer that is a server of the test's own, and that answers when the test says so.

#include "auth/introspector.h"

#include <mutex>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "auth/token_testing.h"
#include "http/form.h"
#include "http/testing.h"

namespace mcpgate::auth {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kIssuer = "https://as.example/realms/r";
constexpr std::string_view kActive =
    R"({"active":true,"sub":"7","aud":"mcp","exp":7000000000,"typ":"Bearer"})";

class IntrospectorTest : public ::testing::Test {
 protected:
  IntrospectorTest() {
    server_.handler.on_request = [this](const http::Request& request,
                                        http::Responder& responder) -> Task<void> {
      return answer(*this, request, responder);
    };
    server_.start();
    use("http://" + server_.address + "/introspect");
  }
  ~IntrospectorTest() override { release(); }

  void use(const std::string& url) {
    auto table = std::make_shared<IssuerTable>();
    table->issuers.push_back(
        {.rules = {.issuer = std::string(kIssuer), .audiences = {"mcp"}},
         .keys = std::make_shared<const JwkSet>(*JwkSet::parse(jwks_of({&key_}))),
         .introspection = std::make_shared<const IntrospectionEndpoint>(IntrospectionEndpoint{
             .url = url, .client = {.id = "the gateway", .secret = "a:b"}, .tls = nullptr})});
    table->introspections_max = 4;
    table->introspection_timeout = 20s;
    table_ = table;
    introspector_.use(table_);
  }
  /// A JSON Web Token that is good as far as can be told here.
  [[nodiscard]] std::string token(int number) const {
    return key_.token(claims_of({{"iss", '"' + std::string(kIssuer) + '"'},
                                 {"sub", '"' + std::to_string(number) + '"'},
                                 {"aud", R"("mcp")"},
                                 {"exp", "7000000000"}}));
  }
  void ask(const std::string& token) {
    ++asking_;
    asio::co_spawn(loop_, introspector_.ask(std::string(kIssuer), token),
                   [this](const std::exception_ptr&) { --asking_; });
  }
  /// Until all questions but `left` are over.
  bool wait(int left = 0) {
    return wait_until([this, left] { return asking_ <= left; });
  }
  bool wait_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    loop_.restart();
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      loop_.run_one_for(5ms);
    }
    return condition();
  }
  /// `ok`, or why it is refused.
  std::string state_of(const std::string& token) {
    const auto who = verifier_.verify(table_, token, clock_.wall_now());
    return who ? "ok" : std::string(to_string(who.error().reason));
  }
  std::size_t asked() {
    const std::scoped_lock lock(mutex_);
    return asked_.size();
  }
  /// From now on each question waits for release().
  void hold() {
    server_.loop.call([this] {
      held_ = std::make_shared<asio::steady_timer>(server_.loop.context(),
                                                   asio::steady_timer::time_point::max());
    });
  }
  void release() {
    server_.loop.call([this] {
      if (const auto held = std::exchange(held_, nullptr)) {
        held->cancel();
      }
    });
  }

  std::string text_{kActive};
  int status_ = 200;

  static Task<void> answer(IntrospectorTest& self, const http::Request& request,
                           http::Responder& responder) {
    http::Response response{.content_type = "application/json"};
    {
      const std::scoped_lock lock(self.mutex_);
      self.asked_.push_back(http::form_decode(request.body).front().second);
      self.authorization_ = request.header("authorization").value_or("");
      response.status = self.status_;
      response.body = self.text_;
    }
    if (const auto held = self.held_) {
      (void)co_await held->async_wait(kAwait);
    }
    responder.send(std::move(response));
  }

  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::string authorization_;
  std::shared_ptr<asio::steady_timer> held_;
  http::TestServer server_;
  /// Its signatures are the same each time.
  TestKey key_{"key-1", JwsAlgorithm::kEdDsa};
  asio::io_context loop_{1};
  ManualClock clock_;
  AccessTokenVerifier verifier_;
  Introspector introspector_{loop_, clock_, verifier_};
  std::shared_ptr<const IssuerTable> table_;
  int asking_ = 0;
};

TEST_F(IntrospectorTest, AsksAsTheClientAndTellsTheVerifier) {
  EXPECT_EQ(state_of(token(1)), "not_asked");
  ask(token(1));
  ASSERT_TRUE(wait());
  EXPECT_EQ(asked_, std::vector<std::string>{token(1)});
  EXPECT_EQ(authorization_, "Basic " + base64_encode(as_bytes("the%20gateway:a%3Ab")));
  EXPECT_EQ(state_of(token(1)), "ok");
  EXPECT_EQ(state_of(token(2)), "not_asked");
}

TEST_F(IntrospectorTest, TwoWhoAskAboutOneTokenWaitForOneAnswer) {
  hold();
  ask(token(1));
  ask(token(1));
  ASSERT_TRUE(wait_until([this] { return asked() == 1; }));
  release();
  ASSERT_TRUE(wait());
  EXPECT_EQ(asked(), 1U);
  EXPECT_EQ(state_of(token(1)), "ok");
}

TEST_F(IntrospectorTest, OpaqueTokensTakeHalfOfThePlacesAtMost) {
  hold();
  for (const char* opaque : {"a", "b", "c"}) {
    ask(opaque);
  }
  ASSERT_TRUE(wait_until([this] { return asked() == 2; }));
  ASSERT_TRUE(wait(2)) << "the third one was turned away at once";
  ask(token(1));
  ask(token(2));
  ASSERT_TRUE(wait_until([this] { return asked() == 4; }));
  ask(token(3));
  ASSERT_TRUE(wait(4)) << "all places are taken";
  release();
  ASSERT_TRUE(wait());
  EXPECT_EQ(state_of("a"), "ok");
  EXPECT_EQ(state_of("c"), "not_asked");
  EXPECT_EQ(state_of(token(2)), "ok");
  EXPECT_EQ(state_of(token(3)), "not_asked");
  ask(token(3));
  ASSERT_TRUE(wait());
  EXPECT_EQ(state_of(token(3)), "ok") << "there is room again";
}

TEST_F(IntrospectorTest, WhatIsNoAnswerLetsNobodyIn) {
  int number = 0;
  const auto ask_anew = [&] {
    ask(token(++number));
    EXPECT_TRUE(wait());
    return state_of(token(number));
  };
  EXPECT_EQ(ask_anew(), "ok");
  status_ = 401;
  EXPECT_EQ(ask_anew(), "issuer_unavailable");
  status_ = 200;
  for (const char* text : {"", "{", "[]", "{}", R"({"active":"true"})", R"({"active":null})",
                           R"({"active":false,"active":true})"}) {
    text_ = text;
    EXPECT_EQ(ask_anew(), "issuer_unavailable") << text;
  }
  text_ = std::string(kActive) + std::string(kIntrospectionBytesMax, ' ');
  EXPECT_EQ(ask_anew(), "issuer_unavailable") << "too long";
  text_ = R"({"active":false})";
  EXPECT_EQ(ask_anew(), "inactive");
  text_ = kActive;
  EXPECT_EQ(ask_anew(), "ok");
  use("http://127.0.0.1:1/");
  EXPECT_EQ(ask_anew(), "issuer_unavailable") << "nobody is there";
  use("");
  EXPECT_EQ(state_of(token(1)), "issuer_unavailable") << "it is not known where to ask";
}

}  // namespace
}  // namespace mcpgate::auth
