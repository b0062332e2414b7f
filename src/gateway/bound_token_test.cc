#include "gateway/bound_token.h"

#include <gtest/gtest.h>

namespace mcpgate::gateway {
namespace {

using namespace std::chrono_literals;

class BoundToken : public testing::Test {
 protected:
  [[nodiscard]] std::string seal(std::string_view content) {
    return seal_bound(sealer_, "test", alice_, now_ + 1h, content, random_);
  }
  [[nodiscard]] std::optional<std::string> open(std::string_view token) const {
    return open_bound(sealer_, "test", token, alice_, now_);
  }

  SystemRandom random_;
  Sealer sealer_{{std::string(32, 'k')}};
  WallTime now_ = std::chrono::system_clock::now();
  Principal alice_{.user = "alice", .issuer = "i", .subject = "a"};
};

TEST_F(BoundToken, CarriesItsContent) {
  for (const std::string content : {"", "x", " 1 2", "a\0b"}) {
    EXPECT_EQ(open(seal(content)), content);
  }
}

TEST_F(BoundToken, OpensForNobodyAndNothingElse) {
  const std::string token = seal("x");
  Principal bob = alice_;
  bob.subject = "b";
  Principal renamed = alice_;
  renamed.user = "alice2";
  EXPECT_FALSE(open_bound(sealer_, "test", token, bob, now_));
  EXPECT_FALSE(open_bound(sealer_, "other", token, alice_, now_));
  EXPECT_FALSE(open_bound(sealer_, "test", token, alice_, now_ + 1h));
  EXPECT_TRUE(open_bound(sealer_, "test", token, alice_, now_ + 59min));
  EXPECT_TRUE(open_bound(sealer_, "test", token, renamed, now_)) << "a name is no identity";
}

TEST_F(BoundToken, AlteredByACharacterItDoesNotOpen) {
  const std::string token = seal("x");
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string altered = token;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open(altered)) << i;
  }
  EXPECT_FALSE(open(""));
  EXPECT_FALSE(open("1"));
}

}  // namespace
}  // namespace mcpgate::gateway
