#pragma once

// JSON text to a document: simdjson's DOM, which validates every byte.
//
// simdjson's On-Demand front end does not validate what it skips, so it is not used: whatever is
// spliced or forwarded has been through Parser::parse first.

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace mcpgate::json {

/// Any JSON value. Elements, objects, arrays and the strings in them are views into their Parser:
/// they live until its next parse().
using Element = simdjson::dom::element;
using Object = simdjson::dom::object;
using Array = simdjson::dom::array;

/// How many objects and arrays may stand inside each other.
inline constexpr std::size_t kDepthMax = 64;

/// Parses one document at a time; keep one a loop, since its buffers are reused.
class Parser {
 public:
  /// Refuses documents of more than `document_bytes_max` bytes.
  explicit Parser(std::size_t document_bytes_max);

  /// The whole of `text` as one value. `text` need not outlive the call.
  ///
  /// Strict RFC 8259: refuses invalid UTF-8, a byte order mark, text after the value, nesting
  /// beyond kDepthMax; and numbers that neither 64 bits nor a double hold (RFC 7493, 2.2).
  /// Duplicate keys pass: see duplicate_key().
  ///
  /// Errors: kInvalidArgument (not JSON: says what, and at which byte where known), kOutOfRange
  /// (JSON with a number that cannot be held, at which byte), kResourceExhausted (too long). No
  /// error holds bytes of the document.
  [[nodiscard]] Expected<Element> parse(std::string_view text);

  /// Gives back the buffers, and with them the last document.
  void release();

 private:
  simdjson::error_code allocate(std::size_t document_bytes);

  simdjson::dom::parser parser_;
  simdjson::dom::document document_;
  std::string padded_;
  std::size_t capacity_ = 0;
  std::size_t document_bytes_max_;
};

/// The value of a member; the first where the key is there twice. Keys are compared decoded, so
/// `"na\u006de"` is `name`.
[[nodiscard]] std::optional<Element> find(Object object, std::string_view key);

/// A member of that type; nothing where it is missing or of another type.
[[nodiscard]] std::optional<std::string_view> string_at(Object object, std::string_view key);
[[nodiscard]] std::optional<Object> object_at(Object object, std::string_view key);
[[nodiscard]] std::optional<Array> array_at(Object object, std::string_view key);
[[nodiscard]] std::optional<std::int64_t> int_at(Object object, std::string_view key);
[[nodiscard]] std::optional<bool> bool_at(Object object, std::string_view key);

/// The same for an element that may be of any type.
[[nodiscard]] std::optional<Object> as_object(Element element);
[[nodiscard]] std::optional<Array> as_array(Element element);
[[nodiscard]] std::optional<std::string_view> as_string(Element element);

/// A key that `object` itself holds twice, decoded; nested objects are not looked at.
///
/// Two readers of one document may take different ones of the two values, so whoever decides on one
/// reading and forwards the bytes refuses such objects.
[[nodiscard]] std::optional<std::string_view> duplicate_key(Object object);

/// The JSON pointer (RFC 6901) of a duplicate member at any depth, as `/arguments/query`.
[[nodiscard]] std::optional<std::string> find_duplicate_key(Element element);

}  // namespace mcpgate::json
