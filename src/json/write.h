#pragma once

// The one way to write JSON: appending to a string, without a document in between.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "json/number.h"
#include "json/parse.h"

namespace mcpgate::json {

/// Appends `text` as a JSON string, quotes included. The result is always valid: control
/// characters are escaped, and each byte that is not part of valid UTF-8 becomes U+FFFD.
void append_string(std::string& out, std::string_view text);

/// Appends a number as ECMAScript prints it (RFC 8785, 3.2.2.3): the shortest form that reads back
/// as the same double; `null` for NaN and the infinities, which JSON cannot say.
void append_number(std::string& out, double number);
void append_number(std::string& out, const Decimal& number);

/// How a document is laid out.
enum class Layout {
  kCompact,
  kPretty,  ///< two spaces a level, one member a line
};

/// Appends `element`; numbers keep their value, not their spelling.
void append(std::string& out, Element element, Layout layout = Layout::kCompact);

/// Writes one document, commas and colons by itself:
///
///     Writer(out).begin_object().field("jsonrpc", "2.0").raw_field("id", id)
///         .key("result").begin_object().field("ok", true).end_object().end_object();
///
/// The caller opens and closes in order; Writer does not check it.
class Writer {
 public:
  explicit Writer(std::string& out, Layout layout = Layout::kCompact)
      : out_(out), layout_(layout) {}

  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }

  /// Within an object, before its value.
  Writer& key(std::string_view name);

  Writer& value(std::string_view text);
  Writer& value(const char* text) { return value(std::string_view(text)); }
  Writer& value(const std::string& text) { return value(std::string_view(text)); }
  /// Stays a double for whoever reads it: 1.0 is written so.
  Writer& value(double number);
  Writer& value(Element element);
  Writer& value(std::same_as<bool> auto yes) { return raw(yes ? "true" : "false"); }
  Writer& value(std::signed_integral auto number) {
    return integer(static_cast<std::int64_t>(number));
  }
  Writer& value(std::unsigned_integral auto number)
    requires(!std::same_as<decltype(number), bool>)
  {
    return integer(static_cast<std::uint64_t>(number));
  }
  Writer& null() { return raw("null"); }
  /// Bytes that are one valid JSON value already, as they are.
  Writer& raw(std::string_view json);

  /// A key and its value.
  template <class T>
  Writer& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }
  Writer& raw_field(std::string_view name, std::string_view json) { return key(name).raw(json); }

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  Writer& integer(std::int64_t number);
  Writer& integer(std::uint64_t number);
  void separate();
  void break_line();

  std::string& out_;
  Layout layout_;
  int depth_ = 0;
  bool comma_due_ = false;
  bool after_key_ = false;
};

}  // namespace mcpgate::json
