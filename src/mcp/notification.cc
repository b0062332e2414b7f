#include "mcp/notification.h"

#include "json/write.h"
#include "mcp/server_info.h"

namespace mcpgate::mcp {

namespace {

constexpr std::string_view kSubscriptionIdKey = "io.modelcontextprotocol/subscriptionId";

void write_meta(json::Writer& writer, std::string_view subscription_id) {
  if (!subscription_id.empty()) {
    writer.key("_meta").begin_object().raw_field(kSubscriptionIdKey, subscription_id).end_object();
  }
}

std::string_view method_of(List::Kind kind) {
  switch (kind) {
    case List::Kind::kTools:
      return "notifications/tools/list_changed";
    case List::Kind::kResources:
    case List::Kind::kResourceTemplates:
      return "notifications/resources/list_changed";
    case List::Kind::kPrompts:
      return "notifications/prompts/list_changed";
  }
  return {};
}

}  // namespace

std::string list_changed(List::Kind kind, std::string_view subscription_id) {
  std::string params;
  json::Writer writer(params);
  writer.begin_object();
  write_meta(writer, subscription_id);
  writer.end_object();
  return write_notification(method_of(kind), params);
}

std::string resource_updated(std::string_view uri, std::string_view subscription_id) {
  std::string params;
  json::Writer writer(params);
  writer.begin_object();
  write_meta(writer, subscription_id);
  writer.field("uri", uri).end_object();
  return write_notification("notifications/resources/updated", params);
}

std::string subscription_acknowledged(const Honoured& honoured, std::string_view subscription_id) {
  std::string params;
  json::Writer writer(params);
  writer.begin_object();
  write_meta(writer, subscription_id);
  writer.key("notifications").begin_object();
  if (honoured.tools) {
    writer.field("toolsListChanged", true);
  }
  if (honoured.prompts) {
    writer.field("promptsListChanged", true);
  }
  if (honoured.resources) {
    writer.field("resourcesListChanged", true);
  }
  if (honoured.any_uris) {
    writer.key("resourceSubscriptions").begin_array();
    for (const std::string& uri : honoured.uris) {
      writer.value(uri);
    }
    writer.end_array();
  }
  writer.end_object().end_object();
  return write_notification("notifications/subscriptions/acknowledged", params);
}

std::string subscription_ended(std::string_view subscription_id) {
  std::string result;
  json::Writer(result)
      .begin_object()
      .field("resultType", "complete")
      .key("_meta")
      .begin_object()
      .raw_field("io.modelcontextprotocol/serverInfo", kServerInfo)
      .raw_field(kSubscriptionIdKey, subscription_id)
      .end_object()
      .end_object();
  return write_result(subscription_id, result);
}

}  // namespace mcpgate::mcp
