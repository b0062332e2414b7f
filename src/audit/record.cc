#include "audit/record.h"

#include <array>
#include <charconv>
#include <limits>

#include "json/write.h"

namespace mcpgate::audit {

namespace {

/// The longest prefix of at most kNameBytesMax bytes that does not split a UTF-8 character.
std::string_view cut(std::string_view name) {
  if (name.size() <= kNameBytesMax) {
    return name;
  }
  std::size_t end = kNameBytesMax;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) {
    --end;
  }
  return name.substr(0, end);
}

// The helpers below take a key as it stands in the line, comma, quotes and colon included, so that
// it is one piece to copy.

/// A value that anybody may have chosen.
void append_or_null(std::string& out, std::string_view key, std::string_view value) {
  out += key;
  if (value.empty()) {
    out += "null";
  } else {
    json::append_string(out, cut(value));
  }
}

void append_if_any(std::string& out, std::string_view key, std::string_view value) {
  if (!value.empty()) {
    append_or_null(out, key, value);
  }
}

/// One of our own words, which needs no escape.
void append_word(std::string& out, std::string_view key, std::string_view word) {
  out += key;
  out += '"';
  out += word;
  out += '"';
}

void append_count(std::string& out, std::string_view key, std::uint64_t count) {
  std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), count).ptr;
  out += key;
  out.append(digits.data(), end);
}

void append_principal(std::string& out, const Principal& principal) {
  append_if_any(out, R"(,"iss":)", principal.issuer);
  append_if_any(out, R"(,"sub":)", principal.subject);
  append_word(out, R"(,"auth_type":)", to_string(principal.auth_type));
  append_if_any(out, R"(,"key_id":)", principal.key_id);
}

void append_call(std::string& out, const Record& record) {
  append_if_any(out, R"(,"tool_set":)", record.tool_set);
  if (!record.decision.empty()) {
    append_word(out, R"(,"decision":)", record.decision);
  }
  append_if_any(out, R"(,"reason":)", record.reason);
  if (record.arguments_sha256) {
    append_word(out, R"(,"arguments_sha256":)", HexDigest(*record.arguments_sha256).view());
  }
  append_if_any(out, R"(,"tool_sha256":)", record.tool_sha256);
  append_if_any(out, R"(,"profile":)", record.profile);
  if (record.result_bytes) {
    append_count(out, R"(,"result_bytes":)", *record.result_bytes);
  }
  append_if_any(out, R"(,"trace_id":)", record.trace_id);
}

void append_request(std::string& out, const Record& record, RecordType type) {
  append_or_null(out, R"(,"user":)",
                 record.principal ? record.principal->user : std::string_view{});
  append_or_null(out, R"(,"method":)", record.method);
  append_or_null(out, R"(,"tool":)", record.tool);
  append_or_null(out, R"(,"client_ip":)", record.client_ip);
  if (record.status && type != RecordType::kMcpCallStart) {
    append_word(out, R"(,"status":)", to_string(*record.status));
  }
  if (record.duration) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(*record.duration);
    append_count(out, R"(,"duration_ms":)", static_cast<std::uint64_t>(us.count() / 1000));
    const auto digit = [](auto number) { return static_cast<char>('0' + number % 10); };
    out.append({'.', digit(us.count() / 100), digit(us.count() / 10), digit(us.count())});
  }
  append_if_any(out, R"(,"request_id":)", record.request_id);
  append_if_any(out, R"(,"parent":)", record.parent);
  if (record.principal) {
    append_principal(out, *record.principal);
  } else {
    append_if_any(out, R"(,"key_id":)", record.tried_key_id);
  }
  append_call(out, record);
}

}  // namespace

std::string_view to_string(RecordType type) {
  switch (type) {
    case RecordType::kMcpRequest:
      return "mcp_request";
    case RecordType::kMcpCallStart:
      return "mcp_call_start";
    case RecordType::kMcpCallEnd:
      return "mcp_call_end";
    case RecordType::kMcpAdmin:
      return "mcp_admin";
    case RecordType::kChainStart:
      return "chain_start";
    case RecordType::kChainEnd:
      return "chain_end";
  }
  return "unknown";
}

std::string_view to_string(Status status) {
  switch (status) {
    case Status::kSuccess:
      return "success";
    case Status::kError:
      return "error";
    case Status::kDenied:
      return "denied";
    case Status::kUnauthenticated:
      return "unauthenticated";
    case Status::kInvalid:
      return "invalid";
    case Status::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

void append_json(std::string& out, const Record& record, RecordType type, std::uint64_t seq,
                 std::string_view prev) {
  append_word(out, R"({"type":)", to_string(type));
  append_word(out, R"(,"timestamp":)", format_rfc3339(record.timestamp));
  append_count(out, R"(,"seq":)", seq);
  append_word(out, R"(,"prev":)", prev);
  if (type == RecordType::kChainStart || type == RecordType::kChainEnd) {
    append_if_any(out, R"(,"writer":)", record.writer);
    append_if_any(out, R"(,"reason":)", record.reason);
  } else {
    append_request(out, record, type);
  }
  out += '}';
}

}  // namespace mcpgate::audit
