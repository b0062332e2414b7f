#include "audit/record.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include "base/encoding.h"
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

void append_key(std::string& out, std::string_view key) {
  out += ",\"";
  out += key;
  out += "\":";
}

void append_or_null(std::string& out, std::string_view key, std::string_view value) {
  append_key(out, key);
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

void append_principal(std::string& out, const Principal& principal) {
  append_if_any(out, "iss", principal.issuer);
  append_if_any(out, "sub", principal.subject);
  append_if_any(out, "auth_type", to_string(principal.auth_type));
  append_if_any(out, "key_id", principal.key_id);
}

void append_call(std::string& out, const Record& record) {
  append_if_any(out, "tool_set", record.tool_set);
  append_if_any(out, "decision", record.decision);
  append_if_any(out, "reason", record.reason);
  if (record.arguments_sha256) {
    append_if_any(out, "arguments_sha256", hex_encode(*record.arguments_sha256));
  }
  append_if_any(out, "tool_sha256", record.tool_sha256);
  append_if_any(out, "profile", record.profile);
  if (record.result_bytes) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"result_bytes\":{}"),
                   *record.result_bytes);
  }
  append_if_any(out, "trace_id", record.trace_id);
}

}  // namespace

std::string_view to_string(RecordType type) {
  switch (type) {
    case RecordType::kMcpRequest:
      return "mcp_request";
    case RecordType::kMcpCallStart:
      return "mcp_call_start";
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
  fmt::format_to(std::back_inserter(out),
                 FMT_COMPILE("{{\"type\":\"{}\",\"timestamp\":\"{}\",\"seq\":{},\"prev\":\"{}\""),
                 to_string(type), format_rfc3339(record.timestamp), seq, prev);
  if (type == RecordType::kMcpRequest || type == RecordType::kMcpCallStart) {
    append_or_null(out, "user", record.principal ? record.principal->user : std::string_view{});
    append_or_null(out, "method", record.method);
    append_or_null(out, "tool", record.tool);
    append_or_null(out, "client_ip", record.client_ip);
    if (record.status && type != RecordType::kMcpCallStart) {
      append_or_null(out, "status", to_string(*record.status));
    }
    if (record.duration) {
      const auto us = std::chrono::duration_cast<std::chrono::microseconds>(*record.duration);
      fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"duration_ms\":{}.{:03}"),
                     us.count() / 1000, us.count() % 1000);
    }
    append_if_any(out, "request_id", record.request_id);
    if (record.principal) {
      append_principal(out, *record.principal);
    } else {
      append_if_any(out, "key_id", record.tried_key_id);
    }
    append_call(out, record);
  } else {
    append_if_any(out, "writer", record.writer);
    append_if_any(out, "reason", record.reason);
  }
  out += '}';
}

}  // namespace mcpgate::audit
