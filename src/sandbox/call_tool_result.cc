#include "sandbox/call_tool_result.h"

#include "json/write.h"

namespace mcpgate::sandbox {

namespace {

std::unexpected<Error> invalid(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "not a CallToolResult: {}", what);
}

bool is_string(json::Object object, std::string_view key) {
  return json::string_at(object, key).has_value();
}

Expected<void> check_content(json::Element element, ResultFacts& facts) {
  const auto content = json::as_array(element);
  if (!content) {
    return invalid("content must be an array");
  }
  std::size_t index = 0;
  for (const json::Element block : *content) {
    if (!is_content_block(block)) {
      return invalid(
          fmt::format("content[{}] must be a text, image, audio, resource_link or "
                      "resource block with its members",
                      index));
    }
    const auto object = json::as_object(block);
    if (object && json::string_at(*object, "type") == "resource_link") {
      facts.is_plain = false;
    }
    ++index;
  }
  return {};
}

Expected<void> check_meta(json::Element element, ResultOrigin origin, ResultFacts& facts) {
  const auto meta = json::as_object(element);
  if (!meta || json::duplicate_key(*meta)) {
    return invalid("_meta must be an object without duplicate keys");
  }
  for (const auto& [key, value] : *meta) {
    if (!key.starts_with(kReservedMetaPrefix)) {
      continue;
    }
    if (origin == ResultOrigin::kChild) {
      return invalid("_meta keys that start with io.mcpgate/ are the sandbox's own");
    }
    if (key == kReasonMetaKey) {
      const auto word = json::as_string(value);
      facts.reason = word ? parse_reason(*word) : std::nullopt;
      if (!facts.reason) {
        return invalid("unknown io.mcpgate/reason");
      }
    } else if (key == kUsageMetaKey) {
      TRY_VOID(parse_usage(value));
    }
  }
  return {};
}

}  // namespace

bool is_resource_contents(json::Element element) {
  const auto resource = json::as_object(element);
  return resource && !json::duplicate_key(*resource) && is_string(*resource, "uri") &&
         is_string(*resource, "text") != is_string(*resource, "blob");
}

bool is_content_block(json::Element element) {
  const auto block = json::as_object(element);
  if (!block || json::duplicate_key(*block)) {
    return false;
  }
  const auto type = json::string_at(*block, "type");
  if (!type) {
    return false;
  }
  if (*type == "text") {
    return is_string(*block, "text");
  }
  if (*type == "image" || *type == "audio") {
    return is_string(*block, "data") && is_string(*block, "mimeType");
  }
  if (*type == "resource_link") {
    return is_string(*block, "uri") && is_string(*block, "name");
  }
  const auto resource = json::find(*block, "resource");
  return *type == "resource" && resource && is_resource_contents(*resource);
}

Expected<ResultFacts> check_call_tool_result(json::Element result, ResultOrigin origin) {
  const auto object = json::as_object(result);
  if (!object || json::duplicate_key(*object)) {
    return invalid("must be an object without duplicate keys");
  }
  ResultFacts facts;
  bool has_content = false;
  for (const auto& [key, value] : *object) {
    if (key == "content") {
      has_content = true;
      TRY_VOID(check_content(value, facts));
    } else if (key == "isError") {
      if (value.get(facts.is_error) != simdjson::SUCCESS) {
        return invalid("isError must be a boolean");
      }
    } else if (key == "_meta") {
      TRY_VOID(check_meta(value, origin, facts));
    } else if (key == "structuredContent") {
      facts.is_plain = false;
    } else {
      return invalid("it has a member that is none of content, structuredContent, isError, _meta");
    }
  }
  if (!has_content) {
    return invalid("content is missing");
  }
  if (facts.reason && !facts.is_error) {
    return invalid("io.mcpgate/reason without isError");
  }
  return facts;
}

std::string write_ended_result(Reason reason, std::string_view text,
                               const std::optional<Usage>& usage) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("content").begin_array();
  writer.begin_object().field("type", "text").field("text", text).end_object();
  writer.end_array().field("isError", true).key("_meta");
  writer.begin_object().field(kReasonMetaKey, to_string(reason));
  if (usage) {
    write_usage(writer.key(kUsageMetaKey), *usage);
  }
  writer.end_object().end_object();
  return out;
}

}  // namespace mcpgate::sandbox
