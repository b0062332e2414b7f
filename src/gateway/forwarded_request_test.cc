#include "gateway/forwarded_request.h"

#include <gtest/gtest.h>

#include <array>

namespace mcpgate::gateway {
namespace {

class ForwardedRequestTest : public testing::Test {
 protected:
  static http::Request request(std::span<const http::Header> headers, std::string_view body) {
    return {.method = "POST",
            .target = "/mcp?x=1",
            .path = "/mcp",
            .query = "x=1",
            .host = "mcp.example.com",
            .headers = headers,
            .body = body,
            .peer = "10.1.2.3"};
  }

  Sealer sealer_{{std::string(32, 'k')}};
  SystemRandom random_;
};

TEST_F(ForwardedRequestTest, IsTheSameButForItsFraming) {
  const std::array<http::Header, 6> headers = {{{"Host", "mcp.example.com"},
                                                {"Transfer-Encoding", "chunked"},
                                                {"Connection", "close"},
                                                {"Authorization", "Bearer secret"},
                                                {"Accept", "a"},
                                                {"Accept", "b"}}};
  const std::string body = std::string("\r\n\r\n{\"a\":\"\0\"}", 12);
  const std::string sealed = seal_forwarded(sealer_, request(headers, body), random_);
  EXPECT_EQ(sealed.find("secret"), std::string::npos);
  ForwardedRequest forwarded;
  ASSERT_TRUE(forwarded.open(sealer_, sealed));
  const http::Request& opened = forwarded.request();
  EXPECT_EQ(opened.method, "POST");
  EXPECT_EQ(opened.target, "/mcp?x=1");
  EXPECT_EQ(opened.path, "/mcp");
  EXPECT_EQ(opened.query, "x=1");
  EXPECT_EQ(opened.host, "mcp.example.com");
  EXPECT_EQ(opened.peer, "10.1.2.3");
  EXPECT_EQ(opened.body, body);
  EXPECT_EQ(opened.headers.size(), 4U);
  EXPECT_EQ(opened.header("authorization"), "Bearer secret");
  EXPECT_EQ(opened.header_count("accept"), 2U);
}

TEST_F(ForwardedRequestTest, TheLongestFits) {
  const std::string field(1000, 'h');
  const std::array<http::Header, 2> headers = {{{"Host", "h"}, {"X", field}}};
  const std::string body(100'000, 'b');
  const std::string sealed = seal_forwarded(sealer_, request(headers, body), random_);
  EXPECT_LE(sealed.size(), forwarded_bytes_max(field.size(), body.size()));
}

TEST_F(ForwardedRequestTest, NothingElseOpens) {
  const std::array<http::Header, 1> headers = {{{"Host", "h"}}};
  const std::string sealed = seal_forwarded(sealer_, request(headers, "{}"), random_);
  ForwardedRequest forwarded;
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string altered = sealed;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(forwarded.open(sealer_, altered)) << i;
  }
  EXPECT_FALSE(forwarded.open(Sealer({std::string(32, 'o')}), sealed));
  EXPECT_FALSE(forwarded.open(sealer_, ""));
  for (const char* const text : {"", "10.1.2.3", "10.1.2.3\r\n", "10.1.2.3\r\nGET / HTTP/1.1\r\n",
                                 "10.1.2.3\r\nGET / HTTP/1.1\r\n\r\n", "10.1.2.3\r\n\r\n\r\n"}) {
    EXPECT_FALSE(forwarded.open(sealer_, sealer_.seal("forwarded-request", text, random_))) << text;
  }
  EXPECT_FALSE(forwarded.open(sealer_, sealer_.seal("mcp-session", "x", random_)));
}

TEST(Home, IsWrittenAndRead) {
  const Home home{.instance = "i1", .address = "10.0.0.1:8081"};
  const Home read = Home::parse(home.to_string()).value_or(Home{});
  EXPECT_EQ(read.instance, home.instance);
  EXPECT_EQ(read.address, home.address);
  for (const char* const none : {"", "@", "i1", "i1@", "@10.0.0.1:8081"}) {
    EXPECT_FALSE(Home::parse(none)) << none;
  }
}

}  // namespace
}  // namespace mcpgate::gateway
