#include "gateway/origin.h"

#include <gtest/gtest.h>

#include <array>

namespace mcpgate::gateway {
namespace {

Settings local() {
  return {.allowed_hosts = {"127.0.0.1", "localhost", "::1"}};
}
Settings exposed() {
  return {.allowed_hosts = {"mcp.example.com"}, .allowed_origins = {"https://app.example.com"}};
}

bool takes_host(const Settings& settings, std::string_view host) {
  return is_host_allowed(settings, {.host = host});
}
bool takes_origin(const Settings& settings, std::string_view origin) {
  const http::Header header{"Origin", origin};
  return is_origin_allowed(settings, {.headers = {&header, 1}});
}

TEST(Origin, HostsAreComparedWithoutPortAndCase) {
  for (const char* host : {"127.0.0.1", "127.0.0.1:8080", "LOCALHOST:1", "[::1]", "[::1]:8080"}) {
    EXPECT_TRUE(takes_host(local(), host)) << host;
  }
  for (const char* host :
       {"", "evil.example.com", "127.0.0.1.evil.com", "localhost.", "[::2]:80", "[", "[]", ":",
        "127.0.0.11", "[::1", "localhost:x", "localhost:1@evil.com"}) {
    EXPECT_FALSE(takes_host(local(), host)) << host;
  }
  EXPECT_TRUE(takes_host(exposed(), "mcp.example.com:443"));
  EXPECT_FALSE(takes_host(exposed(), "localhost"));
}

TEST(Origin, OnLoopbackItMayBeOnLoopback) {
  for (const char* origin :
       {"http://localhost", "http://localhost:3000", "https://127.0.0.1:1", "http://[::1]:8080"}) {
    EXPECT_TRUE(takes_origin(local(), origin)) << origin;
    EXPECT_FALSE(takes_origin(exposed(), origin)) << origin;
  }
}

TEST(Origin, AnythingElseMustBeListedAsItIs) {
  EXPECT_TRUE(takes_origin(exposed(), "https://app.example.com"));
  for (const char* origin :
       {"null", "", "http://app.example.com", "https://app.example.com:8443",
        "https://app.example.com.evil.com", "https://mcp.example.com", "file://localhost",
        "localhost", "http://", "http://[", "http://localhost.evil.com",
        "http://localhost:x@evil.com", "http://localhost:1@evil.com", "http://localhost/",
        "http://[::1]@evil.com", "http://[::1", "http://[::1]x:1", "http://127.evil.com"}) {
    EXPECT_FALSE(takes_origin(exposed(), origin)) << origin;
    EXPECT_FALSE(takes_origin(local(), origin)) << origin;
  }
}

TEST(Origin, NoneIsNoBrowserAndTwoAreAnAttack) {
  EXPECT_TRUE(is_origin_allowed(exposed(), {}));
  const std::array<http::Header, 2> two{
      {{"Origin", "https://app.example.com"}, {"origin", "https://evil.example.com"}}};
  EXPECT_FALSE(is_origin_allowed(exposed(), {.headers = two}));
}

TEST(Origin, LoopbackIsThePeerAndNobodyInBetween) {
  for (const char* peer : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_from_loopback({.peer = peer})) << peer;
  }
  for (const char* peer :
       {"", "unix", "10.0.0.1", "128.127.0.1", "127.evil.com", "::ffff:10.0.0.1", "::11"}) {
    EXPECT_FALSE(is_from_loopback({.peer = peer})) << peer;
  }
  for (const char* name : {"Forwarded", "X-Forwarded-For", "X-Real-IP"}) {
    const http::Header header{name, ""};
    EXPECT_FALSE(is_from_loopback({.headers = {&header, 1}, .peer = "127.0.0.1"})) << name;
  }
}

}  // namespace
}  // namespace mcpgate::gateway
