#include "json/parse.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "json/pointer.h"
#include "json/scan.h"
#include "json/utf8.h"

namespace mcpgate::json {
namespace {

// A parser's buffers take some 15 times its largest document; they are given back after one that
// was larger than this.
constexpr std::size_t kKeptBytes = std::size_t{256} << 10;
constexpr std::size_t kFirstBytes = 4096;

// Objects up to this many members are compared pair by pair, which needs no memory.
constexpr std::size_t kPairwiseMax = 12;

// Error path only: simdjson does not say where, so the text is read once more.
std::size_t first_too_deep(std::string_view text) {
  const char* end = text.data() + text.size();
  std::size_t depth = 0;
  const char* at = text.data();
  while ((at = find_first<QuoteOrBracket>(at, end)) != end) {
    if (*at == '"') {
      at = skip_string(at, end);
      continue;
    }
    if (*at == '}' || *at == ']') {
      depth -= depth > 0 ? 1 : 0;
    } else if (++depth > kDepthMax) {
      break;
    }
    ++at;
  }
  return static_cast<std::size_t>(at - text.data());
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// RFC 8259, section 6.
bool is_number(std::string_view token) {
  std::size_t at = token.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < token.size() && is_digit(token[at])) {
      ++at;
    }
    return at - begin;
  };
  const std::size_t whole = at;
  if (const std::size_t count = digits(); count == 0 || (count > 1 && token[whole] == '0')) {
    return false;
  }
  if (at < token.size() && token[at] == '.') {
    ++at;
    if (digits() == 0) {
      return false;
    }
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    at += at < token.size() && (token[at] == '+' || token[at] == '-') ? 1 : 0;
    if (digits() == 0) {
      return false;
    }
  }
  return at == token.size();
}

template <class Integer>
bool holds(std::string_view token) {
  Integer value;
  const char* end = token.data() + token.size();
  return std::from_chars(token.data(), end, value) == std::from_chars_result{end, std::errc{}};
}

bool is_held(const std::string& number) {
  if (number.find_first_of(".eE") == std::string::npos) {
    return holds<std::int64_t>(number) || holds<std::uint64_t>(number);
  }
  return std::isfinite(std::strtod(number.c_str(), nullptr));
}

// Where the first number is that is malformed or too large. Error path only: simdjson tells neither
// the place nor the one from the other.
struct BadNumber {
  std::size_t at;
  bool is_json;
};
BadNumber first_bad_number(std::string_view text) {
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    if (*at == '"') {
      at = skip_string(at, end);
    } else if (*at == '-' || is_digit(*at)) {
      const char* stop = std::find_if_not(at, end, [](char c) {
        return is_digit(c) || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
      });
      const std::string token(at, stop);
      if (const bool is_json = is_number(token); !is_json || !is_held(token)) {
        return {static_cast<std::size_t>(at - text.data()), is_json};
      }
      at = stop;
    } else {
      ++at;
    }
  }
  return {text.size(), false};
}

std::unexpected<Error> refuse_number(std::string_view text) {
  const BadNumber bad = first_bad_number(text);
  if (bad.is_json) {
    return fail(ErrorCode::kOutOfRange,
                "a number out of range at byte {}: neither 64 bits nor a double hold it", bad.at);
  }
  return fail(ErrorCode::kInvalidArgument, "not JSON: a malformed number at byte {}", bad.at);
}

std::unexpected<Error> refuse(simdjson::error_code code, std::string_view text) {
  const auto invalid = [](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, "not JSON: {}", why);
  };
  switch (code) {
    case simdjson::UTF8_ERROR:
      return fail(ErrorCode::kInvalidArgument, "not JSON: invalid UTF-8 at byte {}",
                  valid_utf8_size(text));
    case simdjson::DEPTH_ERROR:
      return fail(ErrorCode::kInvalidArgument,
                  "nested deeper than {} objects and arrays at byte {}", kDepthMax,
                  first_too_deep(text));
    case simdjson::EMPTY:
      return invalid("empty");
    case simdjson::UNESCAPED_CHARS:
      return invalid("a control character within a string");
    case simdjson::UNCLOSED_STRING:
      return invalid("a string without its closing quote");
    case simdjson::STRING_ERROR:
      return invalid("a malformed string or escape");
    case simdjson::NUMBER_ERROR:
      return refuse_number(text);
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
      return invalid("a malformed true, false or null");
    case simdjson::MEMALLOC:
    case simdjson::CAPACITY:
      return fail(ErrorCode::kResourceExhausted, "no memory for a document of {} bytes",
                  text.size());
    default:
      return invalid("a bracket, comma or colon is missing, or text follows the value");
  }
}

}  // namespace

Parser::Parser(std::size_t document_bytes_max) : document_bytes_max_(document_bytes_max) {}

Expected<Element> Parser::parse(std::string_view text) {
  if (text.size() > document_bytes_max_) {
    return fail(ErrorCode::kResourceExhausted, "document of {} bytes; the limit is {}", text.size(),
                document_bytes_max_);
  }
  if (capacity_ < text.size() || (capacity_ > kKeptBytes && text.size() <= kKeptBytes)) {
    if (auto error = allocate(text.size()); error != simdjson::SUCCESS) {
      return refuse(error, text);
    }
  }
  // simdjson reads up to SIMDJSON_PADDING bytes beyond the text.
  padded_.assign(text);
  padded_.append(simdjson::SIMDJSON_PADDING, ' ');
  Element root;
  const auto error =
      parser_.parse_into_document(document_, padded_.data(), text.size(), false).get(root);
  if (error != simdjson::SUCCESS) {
    return refuse(error, text);
  }
  return root;
}

void Parser::release() {
  capacity_ = 0;
  padded_ = std::string();
  parser_ = simdjson::dom::parser();
  document_ = simdjson::dom::document();
}

simdjson::error_code Parser::allocate(std::size_t document_bytes) {
  release();
  const std::size_t capacity = std::max(kFirstBytes, std::bit_ceil(document_bytes));
  if (auto error = parser_.allocate(capacity, kDepthMax); error != simdjson::SUCCESS) {
    return error;
  }
  if (auto error = document_.allocate(capacity); error != simdjson::SUCCESS) {
    return error;
  }
  capacity_ = capacity;
  return simdjson::SUCCESS;
}

std::optional<Element> find(Object object, std::string_view key) {
  for (const auto field : object) {
    if (field.key == key) {
      return field.value;
    }
  }
  return std::nullopt;
}

namespace {

template <class T>
std::optional<T> as(std::optional<Element> element) {
  T value;
  if (!element || element->get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<std::string_view> string_at(Object object, std::string_view key) {
  return as<std::string_view>(find(object, key));
}

std::optional<Object> object_at(Object object, std::string_view key) {
  return as<Object>(find(object, key));
}

std::optional<Array> array_at(Object object, std::string_view key) {
  return as<Array>(find(object, key));
}

std::optional<std::int64_t> int_at(Object object, std::string_view key) {
  return as<std::int64_t>(find(object, key));
}

std::optional<bool> bool_at(Object object, std::string_view key) {
  return as<bool>(find(object, key));
}

std::optional<Object> as_object(Element element) {
  return as<Object>(element);
}

std::optional<Array> as_array(Element element) {
  return as<Array>(element);
}

std::optional<std::string_view> as_string(Element element) {
  return as<std::string_view>(element);
}

std::optional<std::string_view> duplicate_key(Object object) {
  std::array<std::string_view, kPairwiseMax> seen;
  std::size_t count = 0;
  for (const auto field : object) {
    if (count == kPairwiseMax) {
      break;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (seen[i] == field.key) {
        return field.key;
      }
    }
    seen[count++] = field.key;
  }
  if (count < kPairwiseMax) {
    return std::nullopt;
  }
  std::vector<std::string_view> keys;
  for (const auto field : object) {
    keys.push_back(field.key);
  }
  // By length first: most comparisons are then of two integers.
  std::ranges::sort(keys, [](std::string_view a, std::string_view b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  const auto twin = std::ranges::adjacent_find(keys);
  return twin == keys.end() ? std::nullopt : std::optional(*twin);
}

namespace {

// Fills `pointer` from its end: tokens are collected innermost first, on success of the search
// only.
bool find_duplicate(Element element, std::vector<std::string>& reversed_tokens) {
  if (const auto object = as_object(element)) {
    if (const auto key = duplicate_key(*object)) {
      reversed_tokens.emplace_back(*key);
      return true;
    }
    for (const auto field : *object) {
      if (find_duplicate(field.value, reversed_tokens)) {
        reversed_tokens.emplace_back(field.key);
        return true;
      }
    }
  } else if (const auto array = as_array(element)) {
    std::size_t index = 0;
    for (const Element item : *array) {
      if (find_duplicate(item, reversed_tokens)) {
        reversed_tokens.push_back(std::to_string(index));
        return true;
      }
      ++index;
    }
  }
  return false;
}

}  // namespace

std::optional<std::string> find_duplicate_key(Element element) {
  std::vector<std::string> reversed_tokens;
  if (!find_duplicate(element, reversed_tokens)) {
    return std::nullopt;
  }
  std::string pointer;
  for (auto token = reversed_tokens.rbegin(); token != reversed_tokens.rend(); ++token) {
    append_pointer_token(pointer, *token);
  }
  return pointer;
}

}  // namespace mcpgate::json
