// A login in its file, and how it stays fresh, against a token endpoint of the test's own.

#include "cli/login.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/run_to_end.h"
#include "http/testing.h"

namespace mcpgate::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class LoginTest : public testing::Test {
 protected:
  LoginTest() : folder_(fs::temp_directory_path() / ("login-" + random_.hex(8))) {
    issuer_.handler.on_request = [this](const http::Request& request, http::Responder& responder) {
      forms_.push_back(http::form_decode(request.body));
      return answer(answer_, status_, responder);
    };
    issuer_.start();
    login_ = {.url = "https://gw/mcp",
              .issuer = "http://as",
              .token_endpoint = "http://" + issuer_.address + "/token",
              .client_id = "mcp-client",
              .access_token = "old",
              .refresh_token = "r1",
              .expires = clock_.wall_now() + 300s};
    file_ = login_file(folder_, login_.url);
    EXPECT_TRUE(save_login(file_, login_));
  }
  ~LoginTest() override { fs::remove_all(folder_); }

  static Task<void> answer(std::string body, int status, http::Responder& responder) {
    responder.send({.status = status, .body = std::move(body), .content_type = "application/json"});
    co_return;
  }
  /// The token for a request now, or why there is none.
  std::string ask() {
    asio::io_context loop;
    const auto token = run_to_end(loop, current_token(loop, file_, nullptr, clock_));
    return token ? *token : token.error().message;
  }

  SystemRandom random_;
  ManualClock clock_;
  fs::path folder_;
  fs::path file_;
  std::string answer_ = R"({"access_token":"new","refresh_token":"r2","expires_in":300})";
  int status_ = 200;
  std::vector<http::FormFields> forms_;
  http::TestServer issuer_;
  Login login_;
};

TEST_F(LoginTest, IsKeptForItsOwnerAlone) {
  EXPECT_EQ(*load_login(file_), login_);
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(file_.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  fs::permissions(file_, fs::perms{0640});
  EXPECT_EQ(load_login(file_).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(login_file(folder_, "https://gw/"), file_) << "another URL, another login";
}

TEST_F(LoginTest, ATokenThatLivesIsUsedAsItIs) {
  EXPECT_EQ(ask(), "old");
  clock_.advance(269s);
  EXPECT_EQ(ask(), "old");
  EXPECT_TRUE(forms_.empty());
}

TEST_F(LoginTest, OneThatIsAboutToEndIsRefreshedOnce) {
  clock_.advance(271s);
  EXPECT_EQ(ask(), "new");
  EXPECT_EQ(ask(), "new");
  ASSERT_EQ(forms_.size(), 1U);
  EXPECT_EQ(forms_[0], (http::FormFields{{"grant_type", "refresh_token"},
                                         {"refresh_token", "r1"},
                                         {"client_id", "mcp-client"},
                                         {"resource", "https://gw/mcp"}}));
  const auto kept = load_login(file_);
  EXPECT_EQ(kept->refresh_token, "r2");
  EXPECT_EQ(kept->expires, clock_.wall_now() + 300s);
}

TEST_F(LoginTest, WithoutANewRefreshTokenTheOldOneStays) {
  answer_ = R"({"access_token":"new","expires_in":60})";
  clock_.advance(400s);
  EXPECT_EQ(ask(), "new");
  EXPECT_EQ(load_login(file_)->refresh_token, "r1");
}

TEST_F(LoginTest, WhereItCannotBeRefreshedThePersonIsAsked) {
  clock_.advance(400s);
  status_ = 400;
  answer_ = R"({"error":"invalid_grant"})";
  EXPECT_EQ(ask(), "the login at https://gw/mcp has ended: mcpgate login --url https://gw/mcp");
  EXPECT_EQ(*load_login(file_), login_) << "nothing is lost";
  login_.refresh_token = "";
  EXPECT_TRUE(save_login(file_, login_));
  EXPECT_TRUE(ask().contains("mcpgate login"));
  EXPECT_EQ(forms_.size(), 1U);
}

TEST_F(LoginTest, AnAnswerThatIsNoneIsNoToken) {
  clock_.advance(400s);
  for (const char* bad : {"", "[]", "{}", R"({"access_token":""})",
                          R"({"access_token":"a\r\nX-Evil: 1"})", R"({"access_token":7})"}) {
    answer_ = bad;
    EXPECT_TRUE(ask().contains("/token")) << bad;
  }
}

TEST_F(LoginTest, AFileThatIsNoLoginIsNamed) {
  std::ofstream(file_) << "{}";
  EXPECT_TRUE(ask().contains("not a login"));
}

TEST(Pkce, TheChallengeIsTheVerifiersDigest) {
  CountingRandom random;
  const Pkce pkce = make_pkce(random);
  EXPECT_EQ(pkce.verifier.size(), 43U);
  EXPECT_EQ(pkce.challenge, base64url_encode(sha256(pkce.verifier)));
  EXPECT_NE(make_pkce(random).verifier, pkce.verifier);
}

}  // namespace
}  // namespace mcpgate::cli
