#include "json/schema_message.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "json/pointer.h"
#include "json/utf8.h"
#include "json/write.h"

namespace mcpgate::json {
namespace {

using simdjson::dom::element_type;

// How many bytes a message shows of names and patterns, and of values.
constexpr std::size_t kQuotedMax = 128;
constexpr std::size_t kShownMax = 64;

std::string_view name_of(TypeSet type) {
  switch (type) {
    case kNullType:
      return "null";
    case kBooleanType:
      return "boolean";
    case kObjectType:
      return "object";
    case kArrayType:
      return "array";
    case kStringType:
      return "string";
    case kIntegerType:
      return "integer";
    default:
      return "number";
  }
}

// Levenshtein's, of short names; for suggestions.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string quote(std::string_view text) {
  const std::string_view shown = cut_utf8(text, kQuotedMax);
  std::string out;
  append_string(out, shown);
  return shown.size() < text.size() ? out + "…" : out;
}

std::string names_of(TypeSet types) {
  if ((types & kNumberType) != 0) {
    types &= static_cast<TypeSet>(~kIntegerType);
  }
  std::string names;
  for (const TypeSet type :
       {kStringType, kIntegerType, kNumberType, kBooleanType, kObjectType, kArrayType, kNullType}) {
    if ((types & type) != 0) {
      names.append(names.empty() ? "" : " or ").append(name_of(type));
    }
  }
  return names;
}

TypeSet types_of(Element instance) {
  switch (instance.type()) {
    case element_type::OBJECT:
      return kObjectType;
    case element_type::ARRAY:
      return kArrayType;
    case element_type::STRING:
      return kStringType;
    case element_type::INT64:
    case element_type::UINT64:
      return kIntegerType | kNumberType;
    case element_type::DOUBLE:
      return is_integer(to_decimal(instance).value_or(Decimal{})) ? kIntegerType | kNumberType
                                                                  : kNumberType;
    case element_type::BOOL:
      return kBooleanType;
    default:
      return kNullType;
  }
}

std::string_view type_name(Element instance) {
  const TypeSet types = types_of(instance);
  return name_of((types & kIntegerType) != 0 ? kIntegerType : types);
}

std::string shown(Element value) {
  std::string text;
  append(text, value);
  const std::string_view start = cut_utf8(text, kShownMax);
  return start.size() < text.size() ? std::string(start) + "…" : text;
}

std::string shown(const Decimal& number) {
  std::string text;
  append_number(text, number);
  return text;
}

std::string_view nearest_name(std::span<const Property> properties, std::string_view name) {
  std::string_view nearest;
  std::size_t distance = 1 + name.size() / 3;
  for (const Property& property : properties) {
    if (property.name.size() <= kNameBytesMax && name.size() <= kNameBytesMax) {
      const std::size_t edits = edit_distance(name, property.name);
      if (edits <= distance) {
        nearest = property.name;
        distance = edits;
      }
    }
  }
  return nearest;
}

std::string to_string(const Violation& violation, std::string_view root) {
  std::string text(root);
  std::string_view pointer = violation.pointer;
  while (const auto token = take_pointer_token(pointer)) {
    text.append(text.empty() ? "" : ".").append(*token);
  }
  return text.append(text.empty() ? "" : ": ").append(violation.message);
}

}  // namespace mcpgate::json
