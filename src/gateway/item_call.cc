#include "gateway/item_call.h"

#include <algorithm>

#include "base/log.h"
#include "gateway/listing.h"
#include "gateway/tool_call.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/legacy.h"
#include "mcp/modern.h"
#include "sandbox/item_call.h"

namespace mcpgate::gateway {

namespace {

bool is_modern(mcp::Revision revision) {
  return era_of(revision) == mcp::Era::kModern;
}

mcp::RpcError invalid_params(std::string_view what, std::string_view name) {
  return {.code = mcp::RpcCode::kInvalidParams,
          .message = std::string(what) + ": " + std::string(name)};
}

void find(const Visit& visit, const mcp::ReadResource& read, WallTime now, ItemOrder& order) {
  order.what = ItemOrder::What::kRead;
  order.unknown = is_modern(order.revision) ? mcp::modern::resource_not_found(read.uri)
                                            : mcp::legacy::resource_not_found(read.uri);
  if (read.uri.size() > sandbox::kUriBytesMax) {
    return;
  }
  for (const auto& [resource, variables] : visit.snapshot->catalogue->find_resources(read.uri)) {
    const bool allowed = is_visible(*visit.snapshot, asker_of(visit, now), *resource);
    if (order.item == nullptr || allowed) {
      order.item = resource;
      order.arguments = sandbox::write_read_order(read.uri, variables);
    }
    if (allowed) {
      return;
    }
  }
}

/// What is wrong with the arguments of a prompt, or nothing.
std::optional<mcp::RpcError> check_arguments(const Prompt& prompt, const mcp::GetPrompt& get) {
  for (const auto& argument : prompt.arguments) {
    if (argument.required && !(get.arguments && json::find(*get.arguments, argument.name))) {
      return invalid_params("Missing argument", argument.name);
    }
  }
  if (!get.arguments) {
    return std::nullopt;
  }
  for (const auto& [key, value] : *get.arguments) {
    const bool known = std::ranges::any_of(
        prompt.arguments, [&](const auto& argument) { return argument.name == key; });
    if (!known) {
      return invalid_params("Unknown argument", key);
    }
  }
  return std::nullopt;
}

void find(const Visit& visit, const mcp::GetPrompt& get, ItemOrder& order) {
  order.what = ItemOrder::What::kGet;
  order.unknown = invalid_params("Unknown prompt", get.name);
  const Prompt* const prompt = visit.snapshot->catalogue->find_prompt(get.name);
  order.item = prompt;
  if (prompt != nullptr) {
    order.refusal = check_arguments(*prompt, get);
    order.arguments = sandbox::write_get_order(get.arguments_json);
  }
}

void find(const Visit& visit, const mcp::Complete& complete, ItemOrder& order) {
  order.what = ItemOrder::What::kComplete;
  const bool of_prompt = complete.of == mcp::Complete::Of::kPrompt;
  order.unknown =
      invalid_params(of_prompt ? "Unknown prompt" : "Unknown resource template", complete.ref);
  const Catalogue& catalogue = *visit.snapshot->catalogue;
  const Prompt* const prompt = of_prompt ? catalogue.find_prompt(complete.ref) : nullptr;
  const Resource* const resource = of_prompt ? nullptr : catalogue.find_template(complete.ref);
  bool known = false;
  std::vector<std::string> completes;
  if (prompt != nullptr) {
    order.item = prompt;
    completes = prompt->completes;
    known = std::ranges::any_of(prompt->arguments, [&](const auto& argument) {
      return argument.name == complete.argument;
    });
  } else if (resource != nullptr && resource->uri_template) {
    order.item = resource;
    completes = resource->completes;
    const auto& variables = resource->uri_template->variables();
    known = std::ranges::find(variables, complete.argument) != variables.end();
  }
  if (!known) {
    order.refusal = invalid_params("Unknown argument", complete.argument);
  } else if (std::ranges::find(completes, complete.argument) != completes.end()) {
    order.arguments =
        sandbox::write_complete_order(complete.argument, complete.value, complete.arguments_json);
  }
}

Expected<void> check(ItemOrder::What what, json::Element given) {
  switch (what) {
    case ItemOrder::What::kRead:
      return sandbox::check_read_result(given);
    case ItemOrder::What::kGet:
      return sandbox::check_get_result(given);
    case ItemOrder::What::kComplete:
      return sandbox::check_complete_result(given);
  }
  return {};
}

/// In the form of the revision that asked; `given` is what `text` holds.
std::string converted(const ItemOrder& order, json::Object given, std::string_view text) {
  const bool modern = is_modern(order.revision);
  if (order.what == ItemOrder::What::kComplete) {
    std::string members;
    json::Writer(members).begin_object().raw_field("completion", text).end_object();
    return modern ? mcp::modern::item_result(members, mcp::modern::Caching::kUnsaid) : members;
  }
  if (!modern) {
    return order.what == ItemOrder::What::kGet
               ? mcp::legacy::get_prompt_result(given, text, order.revision)
               : std::string(text);
  }
  return mcp::modern::item_result(text, order.what == ItemOrder::What::kRead
                                            ? mcp::modern::Caching::kNotKept
                                            : mcp::modern::Caching::kUnsaid);
}

}  // namespace

bool is_item_call(const mcp::Operation& operation) {
  return std::holds_alternative<mcp::ReadResource>(operation) ||
         std::holds_alternative<mcp::GetPrompt>(operation) ||
         std::holds_alternative<mcp::Complete>(operation);
}

ItemOrder find_item(const Visit& visit, const mcp::Message& message, WallTime now) {
  ItemOrder order{.revision = message.revision};
  if (const auto* read = std::get_if<mcp::ReadResource>(&message.operation)) {
    find(visit, *read, now, order);
  } else if (const auto* subscribe = std::get_if<mcp::Subscribe>(&message.operation)) {
    find(visit, mcp::ReadResource{subscribe->uri}, now, order);
  } else if (const auto* get = std::get_if<mcp::GetPrompt>(&message.operation)) {
    find(visit, *get, order);
  } else if (const auto* complete = std::get_if<mcp::Complete>(&message.operation)) {
    find(visit, *complete, order);
  }
  return order;
}

policy::Arguments arguments_of(const mcp::Operation& operation) {
  if (const auto* get = std::get_if<mcp::GetPrompt>(&operation)) {
    return {.these = get->arguments};
  }
  const auto* complete = std::get_if<mcp::Complete>(&operation);
  return {.any = complete != nullptr && complete->of == mcp::Complete::Of::kPrompt};
}

mcp::RpcExpected<std::string> item_result(const ItemOrder& order, const sandbox::Result& result,
                                          json::Parser& parser) {
  const std::string_view text = result.call_tool_result();
  const auto element = parser.parse(text);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // The sandbox's client has checked it.
  if (result.is_error) {
    return std::unexpected(result_error(*object, result));
  }
  const auto given = json::find_member(*object, text, "structuredContent");
  const auto members = given ? json::as_object(given->value) : std::nullopt;
  const auto checked = members ? check(order.what, given->value)
                               : fail(ErrorCode::kInvalidArgument, "it gave nothing");
  if (!given || !members || !checked) {
    log_error("{} of {}: {}", order.item->name, order.item->tool_set, checked.error().message);
    return mcp::rpc_fail(mcp::RpcCode::kInternalError, "The result is not one that MCP knows.");
  }
  const auto contents = json::array_at(*members, "contents");
  if (order.what == ItemOrder::What::kRead && contents && contents->size() == 0) {
    return std::unexpected(order.unknown);
  }
  return converted(order, *members, given->raw);
}

std::string empty_completion(mcp::Revision revision) {
  constexpr std::string_view kEmpty = R"({"completion":{"values":[],"total":0,"hasMore":false}})";
  return is_modern(revision) ? mcp::modern::item_result(kEmpty, mcp::modern::Caching::kUnsaid)
                             : std::string(kEmpty);
}

}  // namespace mcpgate::gateway
