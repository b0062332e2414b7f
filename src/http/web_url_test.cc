#include "http/web_url.h"

#include <gtest/gtest.h>

namespace mcpgate::http {
namespace {

TEST(WebUrl, IsWrittenInOneWay) {
  const std::pair<std::string_view, std::string_view> same[] = {
      {"https://h/mcp", "https://h/mcp"},
      {"HTTPS://H/mcp", "https://h/mcp"},
      {"https://h/MCP", "https://h/MCP"},
      {"https://h", "https://h/"},
      {"https://h?x=1", "https://h/"},
      {"https://h/mcp?x=/../#/y", "https://h/mcp"},
      {"https://h/mcp#x?y", "https://h/mcp"},
      {"https://h:443/mcp", "https://h/mcp"},
      {"https://h:0443/mcp", "https://h/mcp"},
      {"https://h:/mcp", "https://h/mcp"},
      {"https://h:80/mcp", "https://h:80/mcp"},
      {"http://h:80/mcp", "http://h/mcp"},
      {"http://h:8080", "http://h:8080/"},
      {"http://[::1]:8080/", "http://[::1]:8080/"},
      {"http://[2001:DB8::1]", "http://[2001:db8::1]/"},
      {"https://h/%6dcp", "https://h/mcp"},
      {"https://%48/mcp", "https://h/mcp"},
      {"https://h/a%2fb%c3%bc", "https://h/a%2Fb%C3%BC"},
      {"https://h/a/./b/../mcp", "https://h/a/mcp"},
      {"https://h/%2e%2e/mcp", "https://h/mcp"},
      {"https://h/../../mcp", "https://h/mcp"},
      {"https://h/a/..", "https://h/"},
      {"https://h/a/.", "https://h/a/"},
      {"https://h/mcp/", "https://h/mcp/"},
      {"https://h//mcp", "https://h//mcp"},
  };
  for (const auto& [url, normal] : same) {
    EXPECT_EQ(normalize_web_url(url), normal) << url;
    EXPECT_EQ(normalize_web_url(normal), normal) << "once is enough";
  }
}

TEST(WebUrl, OtherTextIsNone) {
  for (const std::string_view text : {"",
                                      "h",
                                      "/mcp",
                                      "https:/h/mcp",
                                      "https:h",
                                      "ftp://h/",
                                      "ws://h/",
                                      "://h",
                                      "https://",
                                      "https:///mcp",
                                      "https://?x",
                                      "https://:443/",
                                      "https://user@h/",
                                      "https://u:p@h/",
                                      "https://u%40h@h/",
                                      "https://h:x/",
                                      "https://h:65536/",
                                      "https://h:-1/",
                                      "https://h:4 4/",
                                      "https://a:b:1/",
                                      "https://a::/",
                                      "https://[::1/",
                                      "https://::1]/",
                                      "https://[]/",
                                      "https://[::1]x/",
                                      "https://x[::1]/",
                                      "https://[[::1]]/",
                                      "https://[/",
                                      "https://h/a b",
                                      "https://h/\\mcp",
                                      "https://h/\"",
                                      "https://h/\x7f",
                                      "https://h/\xc3\xbc",
                                      "https://h/%",
                                      "https://h/%4",
                                      "https://h/%zz",
                                      " https://h/",
                                      "https://h/\n"}) {
    EXPECT_EQ(normalize_web_url(text), std::nullopt) << text;
  }
  EXPECT_EQ(normalize_web_url(std::string_view("https://h/\0", 11)), std::nullopt);
}

}  // namespace
}  // namespace mcpgate::http
