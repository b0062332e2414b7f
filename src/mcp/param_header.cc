#include "mcp/param_header.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "mcp/header_value.h"

namespace mcpgate::mcp {

namespace {

constexpr std::string_view kKeyword = "x-mcp-header";
constexpr std::string_view kPrefix = "Mcp-Param-";
constexpr std::size_t kNameBytesMax = 64;

/// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

/// Whether the keyword stands anywhere inside a value that is no chain of `properties`.
bool is_mentioned(json::Element element) {
  if (const auto object = json::as_object(element)) {
    return std::ranges::any_of(*object, [](const auto& member) {
      return member.key == kKeyword || is_mentioned(member.value);
    });
  }
  const auto array = json::as_array(element);
  return array && std::ranges::any_of(*array, is_mentioned);
}

/// Values, which may hold anything.
bool holds_values(std::string_view keyword) {
  constexpr std::array<std::string_view, 4> kKeywords{"default", "const", "enum", "examples"};
  return std::ranges::find(kKeywords, keyword) != kKeywords.end();
}

class Finder {
 public:
  /// Depth is bounded by the parser's.
  Expected<void> look_at(json::Object schema) {
    for (const auto& [key, value] : schema) {
      if (key == kKeyword) {
        TRY_VOID(add(schema, json::as_string(value).value_or("")));
      } else if (const auto properties = json::as_object(value);
                 key == "properties" && properties) {
        TRY_VOID(look_into(*properties));
      } else if (!holds_values(key) && is_mentioned(value)) {
        return fail(ErrorCode::kInvalidArgument,
                    "x-mcp-header: want it on a property that a chain of `properties` leads to");
      }
    }
    return {};
  }

  std::vector<ParamHeader> found;

 private:
  Expected<void> look_into(json::Object properties) {
    for (const auto& [name, value] : properties) {
      if (const auto schema = json::as_object(value)) {
        path_.emplace_back(name);
        TRY_VOID(look_at(*schema));
        path_.pop_back();
      }
    }
    return {};
  }

  Expected<void> add(json::Object schema, std::string_view name) {
    const auto type = json::string_at(schema, "type");
    if (path_.empty() || !is_token(name) ||
        (type != "string" && type != "integer" && type != "boolean")) {
      return fail(ErrorCode::kInvalidArgument,
                  "x-mcp-header: want a header's name, on a string, an integer or a boolean");
    }
    std::string header = std::string(kPrefix) + std::string(name);
    const bool twice = std::ranges::any_of(
        found, [&](const ParamHeader& other) { return http::iequals(other.header, header); });
    if (twice) {
      return fail(ErrorCode::kInvalidArgument, "x-mcp-header: {} is there twice", header);
    }
    found.push_back({.header = std::move(header), .path = path_});
    return {};
  }

  std::vector<std::string> path_;
};

/// The argument; nothing where it is missing or null.
std::optional<json::Element> argument_at(const std::vector<std::string>& path,
                                         std::optional<json::Object> object) {
  std::optional<json::Element> found;
  for (const std::string& name : path) {
    found = object ? json::find(*object, name) : std::nullopt;
    object = found ? json::as_object(*found) : std::nullopt;
  }
  return found && !found->is_null() ? found : std::nullopt;
}

bool agrees(json::Element argument, std::string_view text) {
  if (const auto string = json::as_string(argument)) {
    return *string == text;
  }
  bool yes = false;
  if (argument.get(yes) == simdjson::SUCCESS) {
    return text == (yes ? "true" : "false");
  }
  std::int64_t number = 0;
  if (argument.get(number) != simdjson::SUCCESS) {
    return true;  // No type that has a header: the schema refuses it.
  }
  std::int64_t read = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  return error == std::errc{} && end == text.data() + text.size() && read == number;
}

}  // namespace

Expected<std::vector<ParamHeader>> find_param_headers(json::Object input_schema) {
  Finder finder;
  TRY_VOID(finder.look_at(input_schema));
  return std::move(finder.found);
}

RpcExpected<void> check_param_headers(std::span<const ParamHeader> headers,
                                      std::optional<json::Object> arguments,
                                      const HeaderLookup& lookup) {
  for (const ParamHeader& expected : headers) {
    const auto argument = argument_at(expected.path, arguments);
    const auto value = lookup(expected.header);
    const auto mismatch = [&](std::string_view what) {
      return rpc_fail(RpcCode::kHeaderMismatch, expected.header + std::string(what), 400);
    };
    if (!value && argument) {
      return mismatch(" is missing, though the body has its argument");
    }
    if (value && !argument) {
      return mismatch(" has no argument in the body");
    }
    if (!value) {
      continue;
    }
    const auto decoded = decode_header_value(*value);
    if (!decoded) {
      return mismatch(" is not valid base64");
    }
    if (!agrees(*argument, *decoded)) {
      return mismatch(" does not agree with its argument in the body");
    }
  }
  return {};
}

http::Headers write_param_headers(std::span<const ParamHeader> headers,
                                  std::optional<json::Object> arguments) {
  http::Headers written;
  for (const ParamHeader& header : headers) {
    const auto argument = argument_at(header.path, arguments);
    if (!argument) {
      continue;
    }
    bool yes = false;
    std::int64_t number = 0;
    if (const auto string = json::as_string(*argument)) {
      written.emplace_back(header.header, encode_header_value(*string));
    } else if (argument->get(yes) == simdjson::SUCCESS) {
      written.emplace_back(header.header, yes ? "true" : "false");
    } else if (argument->get(number) == simdjson::SUCCESS) {
      written.emplace_back(header.header, std::to_string(number));
    }
  }
  return written;
}

}  // namespace mcpgate::mcp
