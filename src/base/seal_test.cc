#include "base/seal.h"

#include <gtest/gtest.h>

namespace mcpgate {
namespace {

const std::string kOneKey(32, 'a');
const std::string kOtherKey(32, 'b');

TEST(Sealer, OpensWhatItSealed) {
  SystemRandom random;
  const Sealer sealer({kOneKey});
  const std::string token = sealer.seal("session", "payload", random);
  EXPECT_EQ(sealer.open("session", token), "payload");
  EXPECT_NE(token, sealer.seal("session", "payload", random)) << "nonces repeat";
}

TEST(Sealer, OpensForNoOtherPurpose) {
  SystemRandom random;
  const Sealer sealer({kOneKey});
  EXPECT_FALSE(sealer.open("cursor", sealer.seal("session", "payload", random)));
}

TEST(Sealer, RefusesEverySingleChange) {
  SystemRandom random;
  const Sealer sealer({kOneKey});
  const std::string token = sealer.seal("session", "payload", random);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string altered = token;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(sealer.open("session", altered)) << i;
  }
  EXPECT_FALSE(sealer.open("session", ""));
  EXPECT_FALSE(sealer.open("session", token.substr(0, 20)));
}

TEST(Sealer, ARetiredKeyStillOpens) {
  SystemRandom random;
  const std::string token = Sealer({kOneKey}).seal("session", "payload", random);
  EXPECT_EQ(Sealer({kOtherKey, kOneKey}).open("session", token), "payload");
  EXPECT_FALSE(Sealer({kOtherKey}).open("session", token));
}

}  // namespace
}  // namespace mcpgate
