// The input is an array of a schema and an instance. Whatever they are, compiling and validating
// end, and say the same each time; a valid instance stays valid when it is written anew.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "json/parse.h"
#include "json/schema.h"
#include "json/write.h"

namespace mcpgate::json {
namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 16;

void check(std::string_view text) {
  Parser parser(kBytesMax);
  const auto root = parser.parse(text);
  const auto pair = root ? as_array(*root) : std::nullopt;
  if (!pair || pair->size() != 2) {
    return;
  }
  const Element instance = pair->at(1).value_unsafe();
  const auto schema = Schema::compile(pair->at(0).value_unsafe());
  if (!schema) {
    MCPGATE_ASSERT(!schema.error().message.empty());
    return;
  }
  const auto violations = schema->validate(instance);
  if (!violations) {
    MCPGATE_ASSERT(violations.error().code == ErrorCode::kResourceExhausted);
    return;
  }
  MCPGATE_ASSERT(violations->size() <= kViolationsMax);
  for (const Violation& violation : *violations) {
    MCPGATE_ASSERT(!violation.keyword.empty() && !violation.message.empty());
  }
  std::string anew;
  append(anew, instance);
  Parser other(16 * kBytesMax);
  const auto rewritten = other.parse(anew);
  MCPGATE_ASSERT(rewritten);
  const auto again = schema->validate(*rewritten);
  MCPGATE_ASSERT(again && again->empty() == violations->empty());
}

}  // namespace
}  // namespace mcpgate::json

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mcpgate::json::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
