#include "sandbox/signature.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"

namespace mcpgate::sandbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

SigningKeys keys_of(std::string_view text) {
  auto keys = SigningKeys::parse(text, "test.key");
  EXPECT_TRUE(keys.has_value());
  return *keys;
}

// Bytes 0x00…0x1f and 0x20…0x3f.
constexpr std::string_view kOne = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";
constexpr std::string_view kTwo = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8\n";

class SignatureTest : public ::testing::Test {
 protected:
  SignedRequest request_{.method = "POST",
                         .path = "/execute",
                         .call_id = "c1",
                         .instance = "i1",
                         .body = R"({"tool":"t"})"};
  ManualClock clock_;
  SigningKeys keys_ = keys_of(kOne);
  Verifier verifier_{keys_, "i1", clock_};

  std::string signed_now() { return sign(keys_.signing(), request_, clock_.wall_now()); }
};

// The vector was made by Python's hmac module over the text that design.md gives, so that the wire
// cannot change by an accident that both sides share.
TEST_F(SignatureTest, VectorOfAnotherImplementation) {
  EXPECT_EQ(signed_now(),
            "v1;key=630dcd2966c43366;t=1800000000000;mac="
            "b97d44d05ba6e1133aada846110dbcc7a85f24dd14d36eae39bb99b25cfa837f");
}

TEST_F(SignatureTest, SignedRequestIsAdmittedOnce) {
  const std::string signature = signed_now();
  EXPECT_EQ(verifier_.check(signature, request_), std::nullopt);
  EXPECT_EQ(verifier_.check(signature, request_), Refusal::kReplayed);
}

TEST_F(SignatureTest, AHeaderThatIsThereTwiceIsUnsigned) {
  const std::string signature = signed_now();
  std::vector<http::Header> headers = {{kSignatureHeader, signature},
                                       {kInstanceHeader, request_.instance},
                                       {kCallHeader, request_.call_id}};
  const auto checked = [&] {
    return verifier_.check({.method = request_.method,
                            .target = request_.path,
                            .headers = headers,
                            .body = request_.body});
  };
  for (std::size_t i = 0; i < 3; ++i) {
    headers.push_back(headers[i]);
    EXPECT_EQ(checked(), Refusal::kUnsigned) << headers[i].name;
    headers.pop_back();
  }
  EXPECT_EQ(checked(), std::nullopt);
}

TEST_F(SignatureTest, EveryPartIsCovered) {
  const std::string signature = signed_now();
  const auto changed = [&](auto change) {
    SignedRequest other = request_;
    change(other);
    return verifier_.check(signature, other);
  };
  EXPECT_EQ(changed([](auto& r) { r.method = "DELETE"; }), Refusal::kWrongMac);
  EXPECT_EQ(changed([](auto& r) { r.path = "/execute?"; }), Refusal::kWrongMac);
  EXPECT_EQ(changed([](auto& r) { r.call_id = "c2"; }), Refusal::kWrongMac);
  EXPECT_EQ(changed([](auto& r) { r.instance = "i2"; }), Refusal::kWrongMac);
  EXPECT_EQ(changed([](auto& r) { r.body = R"({"tool":"u"})"; }), Refusal::kWrongMac);
  EXPECT_EQ(verifier_.check(signature, request_), std::nullopt);
}

TEST_F(SignatureTest, ClockSkewUpToThirtySecondsIsTolerated) {
  for (const auto& [skew, answer] :
       {std::pair{milliseconds{-30'000}, std::optional<Refusal>{}},
        std::pair{milliseconds{30'000}, std::optional<Refusal>{}},
        std::pair{milliseconds{-30'001}, std::optional{Refusal::kOld}},
        std::pair{milliseconds{30'001}, std::optional{Refusal::kOld}}}) {
    const std::string signature = sign(keys_.signing(), request_, clock_.wall_now() + skew);
    EXPECT_EQ(verifier_.check(signature, request_), answer) << skew.count();
  }
}

TEST_F(SignatureTest, AnotherInstanceIsToldApartFromAForgery) {
  request_.instance = "i0";
  EXPECT_EQ(verifier_.check(signed_now(), request_), Refusal::kOtherInstance);
  const std::string forged = sign(keys_of(kTwo).signing(), request_, clock_.wall_now());
  EXPECT_EQ(verifier_.check(forged, request_), Refusal::kUnknownKey);
}

TEST_F(SignatureTest, OnlyReadingRequestsMayLeaveTheInstanceOpen) {
  request_.instance = "";
  EXPECT_EQ(verifier_.check(signed_now(), request_), Refusal::kOtherInstance);
  request_.method = "GET";
  EXPECT_EQ(verifier_.check(signed_now(), request_), std::nullopt);
}

TEST_F(SignatureTest, MalformedHeadersAreUnsigned) {
  const std::string good = signed_now();
  for (const std::string& bad :
       {std::string(), std::string("v1"), "v2" + good.substr(2), good + ";", good + "0",
        good.substr(0, good.size() - 1), good.substr(0, good.size() - 1) + "g", good + ";x=1",
        std::string("v1;key=a;t=;mac=") + std::string(64, '0'),
        std::string("v1;key=a;t=-1;mac=") + std::string(64, '0'),
        std::string("v1;key=a;t=99999999999999999999;mac=") + std::string(64, '0'),
        std::string("v1;t=1;key=a;mac=") + std::string(64, '0'), std::string(100'000, ';')}) {
    EXPECT_EQ(verifier_.check(bad, request_), Refusal::kUnsigned) << bad.substr(0, 100);
  }
}

TEST_F(SignatureTest, WhileRotatingBothKeysVerifyAndTheFirstSigns) {
  const SigningKeys both =
      keys_of(std::string("# new\n") + std::string(kTwo) + "\n" + std::string(kOne));
  EXPECT_EQ(both.size(), 2U);
  EXPECT_EQ(both.signing().id, keys_of(kTwo).signing().id);
  const std::string by_old = signed_now();
  verifier_.replace_keys(both);
  EXPECT_EQ(verifier_.check(by_old, request_), std::nullopt);
  EXPECT_EQ(verifier_.check(sign(both.signing(), request_, clock_.wall_now()), request_),
            std::nullopt);
  EXPECT_EQ(verifier_.check(by_old, request_), Refusal::kReplayed);
}

TEST(ReplayGuard, ForgetsNothingThatCouldStillBeAccepted) {
  ManualClock clock;
  ReplayGuard guard(clock);
  const Sha256Digest mac = sha256("a");
  EXPECT_EQ(guard.admit(mac), std::nullopt);
  clock.advance(seconds{60});
  EXPECT_EQ(guard.admit(mac), Refusal::kReplayed);
  clock.advance(seconds{2});
  EXPECT_EQ(guard.admit(mac), std::nullopt);
  EXPECT_EQ(guard.size(), 1U);
}

TEST(ReplayGuard, RefusesWhenFullAndRecovers) {
  ManualClock clock;
  ReplayGuard guard(clock, 2);
  EXPECT_EQ(guard.admit(sha256("a")), std::nullopt);
  EXPECT_EQ(guard.admit(sha256("b")), std::nullopt);
  EXPECT_EQ(guard.admit(sha256("c")), Refusal::kReplayFull);
  EXPECT_EQ(guard.admit(sha256("a")), Refusal::kReplayed);
  clock.advance(seconds{62});
  EXPECT_EQ(guard.admit(sha256("c")), std::nullopt);
}

TEST(SigningKeys, MalformedFilesAreRefusedByLineWithoutTheirBytes) {
  for (const std::string& text : {std::string("c2VjcmV0\n"), std::string(kOne) + "secret!\n",
                                  std::string(43, '='), std::string("\0\0", 2)}) {
    const auto keys = SigningKeys::parse(text, "k");
    ASSERT_FALSE(keys.has_value());
    EXPECT_EQ(keys.error().message.find("secret!"), std::string::npos);
    EXPECT_EQ(keys.error().message.find("c2Vj"), std::string::npos);
  }
  EXPECT_EQ(SigningKeys::parse("", "k").error().message, "k: holds no signing key");
  EXPECT_TRUE(
      SigningKeys::parse(std::string(kOne) + "x\n", "k").error().message.starts_with("k:2:"));
}

TEST(SigningKeys, AFileThatOthersMayReadIsRefused) {
  const auto path = std::filesystem::temp_directory_path() / ("key-" + SystemRandom().hex(8));
  SystemRandom random;
  ASSERT_TRUE(write_file_atomically(path, SigningKeys::create_text(random), 0600).has_value());
  EXPECT_TRUE(SigningKeys::load(std::span(&path, 1)).has_value());
  ::chmod(path.c_str(), 0644);
  EXPECT_EQ(SigningKeys::load(std::span(&path, 1)).error().code, ErrorCode::kFailedPrecondition);
  std::filesystem::remove(path);
  EXPECT_FALSE(SigningKeys::load(std::span(&path, 1)).has_value());
  EXPECT_FALSE(SigningKeys::load({}).has_value());
}

}  // namespace
}  // namespace mcpgate::sandbox
