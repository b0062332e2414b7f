#include "json/canonical.h"

#include <algorithm>
#include <vector>

#include "json/write.h"

namespace mcpgate::json {
namespace {

using simdjson::dom::element_type;

// UTF-8 sorts as code points; UTF-16 differs in one thing only: characters beyond U+FFFF, written
// with surrogates (D800-DFFF), come before U+E000-U+FFFF. As UTF-8 these start with F0-F4 and
// EE-EF.
bool utf16_less(std::string_view a, std::string_view b) {
  const auto [at_a, at_b] = std::ranges::mismatch(a, b);
  if (at_a == a.end() || at_b == b.end()) {
    return a.size() < b.size();
  }
  const auto rank = [](char byte) {
    const auto lead = static_cast<unsigned char>(byte);
    return lead == 0xEE || lead == 0xEF ? lead + 0x10 : lead;
  };
  return rank(*at_a) < rank(*at_b);
}

Expected<void> append_object(std::string& out, Object object) {
  std::vector<simdjson::dom::key_value_pair> fields;
  for (const auto field : object) {
    fields.push_back(field);
  }
  std::ranges::sort(fields, [](const auto& a, const auto& b) { return utf16_less(a.key, b.key); });
  char separator = '{';
  std::string_view previous;
  for (const auto& field : fields) {
    if (separator == ',' && field.key == previous) {
      return fail(ErrorCode::kInvalidArgument, "no canonical form: an object has a key twice");
    }
    out += separator;
    append_string(out, field.key);
    out += ':';
    TRY_VOID(append_canonical(out, field.value));
    separator = ',';
    previous = field.key;
  }
  out += fields.empty() ? "{}" : "}";
  return {};
}

Expected<void> append_array(std::string& out, Array array) {
  char separator = '[';
  for (const Element item : array) {
    out += separator;
    TRY_VOID(append_canonical(out, item));
    separator = ',';
  }
  out += separator == '[' ? "[]" : "]";
  return {};
}

}  // namespace

Expected<void> append_canonical(std::string& out, Element element) {
  switch (element.type()) {
    case element_type::OBJECT:
      return append_object(out, element.get_object().value_unsafe());
    case element_type::ARRAY:
      return append_array(out, element.get_array().value_unsafe());
    case element_type::INT64:
      append_number(out, static_cast<double>(element.get_int64().value_unsafe()));
      return {};
    case element_type::UINT64:
      append_number(out, static_cast<double>(element.get_uint64().value_unsafe()));
      return {};
    case element_type::DOUBLE:
      append_number(out, element.get_double().value_unsafe());
      return {};
    default:
      append(out, element);
      return {};
  }
}

Expected<std::string> canonical(Element element) {
  std::string out;
  TRY_VOID(append_canonical(out, element));
  return out;
}

}  // namespace mcpgate::json
