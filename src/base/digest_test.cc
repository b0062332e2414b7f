#include "base/digest.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace mcpgate {
namespace {

TEST(Digest, Sha256GivesTheVectorOfTheStandard) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 4231, test cases 2 and 6 (a key longer than the block).
TEST(Digest, HmacGivesTheVectorsOfTheRfc) {
  EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(hmac_sha256(std::string(131, '\xaa'),
                                   "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Digest, ConstantTimeComparisonTellsEqualFromDifferent) {
  EXPECT_TRUE(equal_in_constant_time(as_bytes("same"), as_bytes("same")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("same"), as_bytes("sane")));
  EXPECT_FALSE(equal_in_constant_time(as_bytes("same"), as_bytes("sam")));
}

}  // namespace
}  // namespace mcpgate
