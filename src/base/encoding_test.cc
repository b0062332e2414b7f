#include "base/encoding.h"

#include <gtest/gtest.h>

namespace mcpgate {
namespace {

std::string text_of(const std::optional<std::vector<std::uint8_t>>& bytes) {
  return bytes ? std::string(bytes->begin(), bytes->end()) : "<refused>";
}

TEST(Encoding, HexGoesBothWays) {
  EXPECT_EQ(hex_encode(as_bytes("\x01\xfe")), "01fe");
  EXPECT_EQ(text_of(hex_decode("4a4B")), "JK");
  EXPECT_FALSE(hex_decode("4"));
  EXPECT_FALSE(hex_decode("4g"));
}

// RFC 4648, section 10.
TEST(Encoding, Base64UrlGivesTheVectorsOfTheRfc) {
  EXPECT_EQ(base64url_encode(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(base64url_encode(as_bytes("fooba")), "Zm9vYmE");
  EXPECT_EQ(base64url_encode(as_bytes("foob")), "Zm9vYg");
  EXPECT_EQ(text_of(base64url_decode("Zm9vYg")), "foob");
}

// Two texts for the same bytes would be two keys for one lock.
TEST(Encoding, Base64RefusesWhatIsNotCanonical) {
  EXPECT_FALSE(base64url_decode("Zm9vYh"));
  EXPECT_FALSE(base64url_decode("Zm9vYg=="));
  EXPECT_FALSE(base64url_decode("Zm9v+g"));
  EXPECT_FALSE(base64url_decode("Zm9vY"));
  EXPECT_FALSE(base64_decode("SGVsbG8"));
  EXPECT_FALSE(base64_decode("SGVsbG8=="));
  EXPECT_FALSE(base64_decode("SGVs!G8="));
  EXPECT_EQ(text_of(base64_decode("SGVsbG8=")), "Hello");
  EXPECT_EQ(base64_encode(as_bytes("Hello")), "SGVsbG8=");
}

TEST(Encoding, Base32IsLowerCaseWithoutPadding) {
  EXPECT_EQ(base32_encode(as_bytes("foobar")), "mzxw6ytboi");
}

TEST(Encoding, Crc32GivesItsCheckValue) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xCBF43926U);
}

TEST(Encoding, Utf8IsToldFromOtherBytes) {
  for (const char* good :
       {"", "a", "\u00e9", "\u20ac", "\U0001F600", "\U0010FFFF", "\uD7FF", "\uE000"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF", "a\xE2\x28\xA1"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Encoding, ControlCharactersAreFound) {
  EXPECT_FALSE(has_control_character("Zo\u00eb ~"));
  EXPECT_TRUE(has_control_character("a\nb"));
  EXPECT_TRUE(has_control_character("\x7f"));
  EXPECT_TRUE(has_control_character(std::string_view("\0", 1)));
}

}  // namespace
}  // namespace mcpgate
