// The Secrets of a Kubernetes API: any bytes as the events of a watch, cut anywhere, and as a page
// of a list give a table or an error.

#include <cstdint>
#include <string_view>

#include "auth/key_secrets.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auth::KeySecrets whole;
  const auto fed = whole.feed(text);
  auth::KeySecrets cut;
  auto rest = cut.feed(text.substr(0, size / 2));
  if (rest) {
    rest = cut.feed(text.substr(size / 2));
  }
  MCPGATE_ASSERT(fed.has_value() == rest.has_value());
  MCPGATE_ASSERT(whole.table()->records() == cut.table()->records());
  auth::KeySecrets listed;
  (void)listed.add_page(text);
  MCPGATE_ASSERT(listed.table() != nullptr);
  return 0;
}
