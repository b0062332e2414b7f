#include "http/endpoint.h"

#include <gtest/gtest.h>

namespace mcpgate::http {
namespace {

TEST(Endpoint, UrlsAreTakenApart) {
  const auto plain = Endpoint::parse("http://127.0.0.1:8080");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->scheme, Endpoint::Scheme::kHttp);
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, 8080);
  EXPECT_EQ(plain->path, "/");
  EXPECT_EQ(plain->authority(), "127.0.0.1:8080");

  const auto secure = Endpoint::parse("https://mcp.example.com/a/mcp?x=1");
  ASSERT_TRUE(secure);
  EXPECT_EQ(secure->port, 443);
  EXPECT_EQ(secure->path, "/a/mcp?x=1");
  EXPECT_EQ(secure->authority(), "mcp.example.com");

  const auto v6 = Endpoint::parse("http://[::1]:81?q");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->path, "/?q");
  EXPECT_EQ(v6->authority(), "[::1]:81");

  const auto unix_path = Endpoint::parse("unix:/run/a.sock");
  ASSERT_TRUE(unix_path);
  EXPECT_EQ(unix_path->host, "/run/a.sock");
  EXPECT_EQ(unix_path->authority(), "localhost");
}

TEST(Endpoint, BadOnesAreRefused) {
  for (const char* text : {"", "unix:", "127.0.0.1:80", "ftp://a", "http://", "http://:80",
                           "http://a:0", "http://a:x", "http://a:65536", "http://a b",
                           "http://a/ b", "http://a/#f", "http://[::1", "http://a\r\n"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Endpoint, PasswordIsNotRepeated) {
  const auto parsed = Endpoint::parse("http://user:secret@host/");
  ASSERT_FALSE(parsed);
  EXPECT_FALSE(parsed.error().message.contains("secret"));
}

TEST(Endpoint, AHostAndAPortAreBothWritten) {
  const auto endpoint = Endpoint::parse_host_port("[::1]:6379");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "::1");
  EXPECT_EQ(endpoint->port, 6379);
  EXPECT_EQ(endpoint->scheme, Endpoint::Scheme::kHttp);
  EXPECT_TRUE(Endpoint::parse_host_port("name:80"));
  for (const char* wrong : {"", "name", "name:", ":1", "name:0", "name:1/", "name:1/x", "name:1?x",
                            "http://name:1", "u:p@name:1", "name:65536"}) {
    EXPECT_FALSE(Endpoint::parse_host_port(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace mcpgate::http
