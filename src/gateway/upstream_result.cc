#include "gateway/upstream_result.h"

#include <algorithm>
#include <array>
#include <span>

#include "gateway/tool_call.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/rpc.h"
#include "sandbox/call_tool_result.h"
#include "sandbox/item_call.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kProfile = "upstream";
constexpr std::string_view kServerInfoKey = "io.modelcontextprotocol/serverInfo";

sandbox::Result result_of(std::string body, const sandbox::ResultFacts& facts) {
  sandbox::Result result = own_result(std::move(body), facts);
  result.profile = kProfile;
  return result;
}

sandbox::Result error_of(std::string_view text) {
  return result_of(mcp::error_result(text), {.is_error = true});
}

sandbox::Result broken(std::string_view what) {
  return error_of(fmt::format("The upstream's answer is not one that MCP knows: {}", what));
}

/// Without what is this gateway's to say.
void write_meta(json::Writer& writer, const json::Member& meta) {
  const auto object = json::as_object(meta.value);
  if (!object) {
    return;
  }
  writer.key("_meta").begin_object();
  for (const json::Member& member : json::Members(*object, meta.raw)) {
    if (!member.key.starts_with(sandbox::kReservedMetaPrefix) && member.key != kServerInfoKey) {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object();
}

sandbox::Result call_result(json::Object object, std::string_view text, json::Parser& parser) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  for (const json::Member& member : json::Members(object, text)) {
    if (member.key == "_meta") {
      write_meta(writer, member);
    } else if (member.key == "content" || member.key == "structuredContent" ||
               member.key == "isError") {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object();
  const auto element = parser.parse(body);
  const auto facts = element
                         ? sandbox::check_call_tool_result(*element, sandbox::ResultOrigin::kChild)
                         : std::unexpected(element.error());
  return facts ? result_of(std::move(body), *facts) : broken(facts.error().message);
}

/// Of a resource, a prompt or a completion: see sandbox/item_call.h. Their own checks follow where
/// it is passed on.
sandbox::Result item_result(json::Object object, std::string_view text,
                            std::span<const std::string_view> keys) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().key("content").begin_array().end_array();
  writer.key("structuredContent").begin_object();
  for (const json::Member& member : json::Members(object, text)) {
    if (std::ranges::find(keys, member.key) != keys.end()) {
      writer.raw_field(member.key, member.raw);
    }
  }
  writer.end_object().end_object();
  return result_of(std::move(body), {.is_plain = false});
}

/// Whether an error says that there is no such resource: -32002 before 2026-07-28, -32602 since.
bool says_not_found(const UpstreamAnswer& answer) {
  return answer.error_code == static_cast<int>(mcp::RpcCode::kLegacyResourceNotFound) ||
         answer.error_code == static_cast<int>(mcp::RpcCode::kInvalidParams);
}

}  // namespace

sandbox::Result upstream_result(UpstreamAsk ask, const UpstreamAnswer& answer) {
  static constexpr std::array<std::string_view, 1> kRead{"contents"};
  static constexpr std::array<std::string_view, 2> kGet{"description", "messages"};
  static constexpr std::array<std::string_view, 3> kComplete{"values", "total", "hasMore"};
  json::Parser parser(answer.result.size() + 1024);
  if (!answer.error.empty()) {
    if (ask != UpstreamAsk::kRead || !says_not_found(answer)) {
      return error_of(answer.error);
    }
    return result_of(R"({"content":[],"structuredContent":{"contents":[]}})", {.is_plain = false});
  }
  const auto element = parser.parse(answer.result);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  if (!object || json::duplicate_key(*object)) {
    return broken("it is no object without duplicate keys");
  }
  if (json::string_at(*object, "resultType").value_or("complete") != "complete") {
    return broken("it wants more of its client, or promises its result for later");
  }
  switch (ask) {
    case UpstreamAsk::kCall:
      return call_result(*object, answer.result, parser);
    case UpstreamAsk::kRead:
      return item_result(*object, answer.result, kRead);
    case UpstreamAsk::kGet:
      return item_result(*object, answer.result, kGet);
    case UpstreamAsk::kComplete: {
      const auto member = json::find_member(*object, answer.result, "completion");
      const auto completion = member ? json::as_object(member->value) : std::nullopt;
      return completion ? item_result(*completion, member->raw, kComplete)
                        : broken("there is no completion");
    }
  }
  return broken("");
}

sandbox::Result upstream_failure(const Error& error,
                                 std::optional<std::chrono::seconds> retry_after,
                                 std::string_view tool_set) {
  const auto ended = [&](sandbox::Reason reason, std::string_view text) {
    return result_of(sandbox::write_ended_result(
                         reason, fmt::format("The upstream of tool set {} {}", tool_set, text)),
                     {.is_error = true, .reason = reason});
  };
  const auto seconds = retry_after.value_or(std::chrono::seconds{1}).count();
  switch (error.code) {
    case ErrorCode::kDeadlineExceeded:
      return ended(sandbox::Reason::kTimeout, "did not answer in time.");
    case ErrorCode::kOutOfRange:
      return ended(sandbox::Reason::kOutput, "answered with more than may be passed on.");
    case ErrorCode::kUnauthenticated:
      return ended(sandbox::Reason::kSandboxUnavailable,
                   "does not accept this gateway's credential. Tell whoever runs this gateway.");
    case ErrorCode::kResourceExhausted:
      return ended(sandbox::Reason::kSandboxUnavailable,
                   fmt::format("is busy. Try again in {} s.", seconds));
    default:
      return ended(sandbox::Reason::kSandboxUnavailable,
                   fmt::format("is not available. Try again in {} s.", seconds));
  }
}

}  // namespace mcpgate::gateway
