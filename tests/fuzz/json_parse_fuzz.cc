// What parses is sliced where the DOM says it ends, its duplicate keys are found, and it is written
// in ways that read back the same: compact, pretty and canonical.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/canonical.h"
#include "json/parse.h"
#include "json/raw.h"
#include "json/write.h"

namespace mcpgate::json {
namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 16;

std::string written(Element element) {
  std::string out;
  append(out, element);
  return out;
}

// Each raw slice, parsed by itself, is the value that the DOM has at that place.
void check_slices(Element element, std::string_view text) {
  Parser parser(kBytesMax);
  const auto reparsed = parser.parse(text);
  MCPGATE_ASSERT(reparsed && written(*reparsed) == written(element));
  if (const auto object = as_object(element)) {
    for (const Member& member : Members(*object, text)) {
      check_slices(member.value, member.raw);
    }
  } else if (const auto array = as_array(element)) {
    for (const Item& item : Items(*array, text)) {
      check_slices(item.value, item.raw);
    }
  }
}

bool has_duplicate(Element element) {
  if (const auto object = as_object(element)) {
    std::vector<std::string_view> keys;
    for (const auto field : *object) {
      keys.push_back(field.key);
      if (has_duplicate(field.value)) {
        return true;
      }
    }
    std::ranges::sort(keys);
    return std::ranges::adjacent_find(keys) != keys.end();
  }
  const auto array = as_array(element);
  return array && std::ranges::any_of(*array, has_duplicate);
}

// RFC 8785 writes doubles up to 10^21 as integers, which the parser refuses beyond 64 bits.
bool has_large_number(Element element) {
  if (const auto object = as_object(element)) {
    return std::ranges::any_of(*object,
                               [](const auto& field) { return has_large_number(field.value); });
  }
  if (const auto array = as_array(element)) {
    return std::ranges::any_of(*array, has_large_number);
  }
  double number = 0;
  return element.get(number) == simdjson::SUCCESS && std::fabs(number) >= 9.2e18;
}

void check(std::string_view text) {
  Parser parser(kBytesMax);
  const auto root = parser.parse(text);
  if (!root) {
    RawScanner scanner(text);  // not its contract, but it must stay within the text
    while (!scanner.next_key().empty() && !scanner.next_value().empty()) {
    }
    return;
  }
  check_slices(*root, text);
  MCPGATE_ASSERT(find_duplicate_key(*root).has_value() == has_duplicate(*root));

  std::string pretty;
  append(pretty, *root, Layout::kPretty);
  Parser other(4 * kBytesMax + (std::size_t{1} << 24));
  const auto again = other.parse(pretty);
  MCPGATE_ASSERT(again && written(*again) == written(*root));

  const auto form = canonical(*root);
  MCPGATE_ASSERT(form.has_value() == !has_duplicate(*root));
  if (form && !has_large_number(*root)) {
    const auto reparsed = other.parse(*form);
    MCPGATE_ASSERT(reparsed);
    MCPGATE_ASSERT(canonical(*reparsed).value() == *form);
  }
}

}  // namespace
}  // namespace mcpgate::json

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mcpgate::json::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
