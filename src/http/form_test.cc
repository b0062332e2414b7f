#include "http/form.h"

#include <gtest/gtest.h>

namespace mcpgate::http {
namespace {

TEST(Form, WhatIsWrittenIsReadBack) {
  const FormFields fields{{"redirect_uri", "http://127.0.0.1:7/callback?x=1"},
                          {"scope", "openid mcp:tools"},
                          {"empty", ""},
                          {"odd", "a&b=c%+ü\n"}};
  EXPECT_EQ(form_encode(fields),
            "redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcallback%3Fx%3D1&scope=openid%20mcp%3Atools&"
            "empty=&odd=a%26b%3Dc%25%2B%C3%BC%0A");
  EXPECT_EQ(form_decode(form_encode(fields)), fields);
}

TEST(Form, WhatIsNoEscapeStays) {
  EXPECT_EQ(form_decode("a=%zz+%4&b&=c&%"),
            (FormFields{{"a", "%zz %4"}, {"b", ""}, {"", "c"}, {"%", ""}}));
  EXPECT_TRUE(form_decode("").empty());
}

}  // namespace
}  // namespace mcpgate::http
