// What it costs to find out who calls, by Google Benchmark: an API key among 10,000, an access
// token that was verified before and one that was not, garbage that claims to be one; and the first
// with 10,000 logouts to look through.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/api_key.h"
#include "auth/authenticator.h"
#include "auth/bad_tokens.h"
#include "auth/logouts.h"
#include "auth/token_testing.h"
#include "base/error.h"

namespace {

using namespace mcpgate;
using namespace std::chrono_literals;

constexpr WallTime kNow{1'800'000'000s};
constexpr std::size_t kKeys = 10'000;
constexpr std::size_t kLogouts = 10'000;
constexpr std::string_view kIssuer = "https://as.example/realms/r";

std::string claims(std::string_view subject) {
  return fmt::format(
      R"({{"iss":"{}","sub":"{}","sid":"s-{}","aud":["account","https://mcp.example/mcp"],)"
      R"("exp":1800000300,"iat":1800000000,"typ":"Bearer","preferred_username":"alice",)"
      R"("realm_access":{{"roles":["mcp-viewer","offline_access"]}}}})",
      kIssuer, subject, subject);
}

std::shared_ptr<const auth::IssuerTable> issuers_with(const auth::TestKey& key) {
  auto table = std::make_shared<auth::IssuerTable>();
  auto keys = auth::JwkSet::parse(auth::jwks_of({&key}));
  MCPGATE_ASSERT(keys);
  table->issuers.push_back(
      {.rules = {.issuer = std::string(kIssuer), .audiences = {"https://mcp.example/mcp"}},
       .keys = std::make_shared<const auth::JwkSet>(*std::move(keys))});
  return table;
}

/// Authenticates with `header` each time; `let_in` is what has to come of it.
void authenticate(benchmark::State& state, const auth::Authenticator::Options& options,
                  auth::AccessTokenVerifier& tokens, std::string_view token, bool let_in) {
  const auth::Authenticator authenticator(options);
  const std::string header = "Bearer " + std::string(token);
  const auth::Credentials credentials{
      .authorization = header, .authorization_count = 1, .target = "/mcp"};
  while (state.KeepRunning()) {
    if (authenticator.authenticate(credentials, kNow, tokens).has_value() != let_in) {
      state.SkipWithError("not what was expected");
    }
  }
}

void api_key(benchmark::State& state) {
  SystemRandom random;
  std::vector<auth::KeyRecord> records(kKeys);
  std::string text;
  for (auth::KeyRecord& record : records) {
    auth::NewApiKey key = auth::generate_api_key(random);
    record = {.id = key.id, .sha256 = key.sha256, .user = "alice", .roles = {"mcp-viewer"}};
    text = std::move(key.text);
  }
  auth::AccessTokenVerifier tokens;
  authenticate(state, {.keys = std::make_shared<const auth::KeyTable>(std::move(records))}, tokens,
               text, true);
}

void cached_token(benchmark::State& state, std::size_t logouts_known) {
  const auth::TestKey key("key", auth::JwsAlgorithm::kEs256);
  auth::Logouts logouts;
  for (std::size_t i = 0; i < logouts_known; ++i) {
    logouts.add({auth::session_digest(kIssuer, std::to_string(i)), kNow}, {}, kNow);
  }
  auth::AccessTokenVerifier tokens(1'000, &logouts);
  authenticate(state, {.issuers = issuers_with(key)}, tokens, key.token(claims("alice")), true);
}

/// Nothing is remembered.
void cold_token(benchmark::State& state, auth::JwsAlgorithm algorithm) {
  const auth::TestKey key("key", algorithm);
  auth::AccessTokenVerifier tokens(0);
  authenticate(state, {.issuers = issuers_with(key)}, tokens, key.token(claims("alice")), true);
}

/// It names the right key, and nobody has signed it; another one each time, since a bad token is
/// remembered.
void forged_token(benchmark::State& state, bool is_limited) {
  const auth::TestKey key("key", auth::JwsAlgorithm::kEs256);
  auth::BadTokens few;
  auth::AccessTokenVerifier tokens(1'000, nullptr, is_limited ? &few : nullptr);
  const auth::Authenticator authenticator({.issuers = issuers_with(key)});
  std::string header = "Bearer " + key.token(claims("alice"));
  constexpr std::size_t kDigits = 8;
  const std::size_t at = header.rfind('.') + 1;
  std::size_t number = 0;
  while (state.KeepRunning()) {
    header.replace(at, kDigits, fmt::format("{:08}", ++number));
    const auth::Credentials credentials{
        .authorization = header, .authorization_count = 1, .target = "/mcp", .peer = "192.0.2.1"};
    if (authenticator.authenticate(credentials, kNow, tokens)) {
      state.SkipWithError("not what was expected");
    }
  }
}

BENCHMARK(api_key);
BENCHMARK_CAPTURE(cached_token, alone, 0);
BENCHMARK_CAPTURE(cached_token, with_10000_logouts, kLogouts);
BENCHMARK_CAPTURE(cold_token, ES256, auth::JwsAlgorithm::kEs256);
BENCHMARK_CAPTURE(cold_token, RS256, auth::JwsAlgorithm::kRs256);
BENCHMARK_CAPTURE(forged_token, looked_at, false);
BENCHMARK_CAPTURE(forged_token, above_the_limit, true);

}  // namespace

BENCHMARK_MAIN();
