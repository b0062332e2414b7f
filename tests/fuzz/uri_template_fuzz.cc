// A template on the first line, a URI on the second: what fits has every variable, and no value
// leads elsewhere.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "sandbox/uri_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mcpgate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const auto parsed = sandbox::UriTemplate::parse(text.substr(0, line));
  if (!parsed) {
    return 0;
  }
  MCPGATE_ASSERT(!parsed->variables().empty());
  const auto values = parsed->match(text.substr(std::min(line + 1, text.size())));
  if (!values) {
    return 0;
  }
  MCPGATE_ASSERT(values->size() == parsed->variables().size());
  for (const auto& [name, value] : *values) {
    MCPGATE_ASSERT(!value.empty() && value != "." && value != ".." && !value.starts_with("../") &&
                   !value.ends_with("/..") && !value.contains("/../") && !value.contains('\0'));
  }
  return 0;
}
