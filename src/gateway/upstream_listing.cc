#include "gateway/upstream_listing.h"

#include <algorithm>
#include <set>
#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/rpc.h"
#include "sandbox/uri_template.h"

namespace mcpgate::gateway {

namespace {

/// For all requests of one listing.
constexpr std::chrono::seconds kListTimeout{10};
constexpr std::string_view kListenMembers =
    R"("notifications":{"toolsListChanged":true,"promptsListChanged":true,)"
    R"("resourcesListChanged":true})";

/// The definition without what its server claims about it.
std::string without_annotations(std::string_view definition, json::Object tool) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  for (const json::Member& member : json::Members(tool, definition)) {
    const auto hints = member.key == "annotations" ? json::as_object(member.value) : std::nullopt;
    const auto title = hints ? json::string_at(*hints, "title") : std::nullopt;
    if (member.key != "annotations") {
      writer.raw_field(member.key, member.raw);
    } else if (title) {
      writer.key("annotations").begin_object().field("title", *title).end_object();
    }
  }
  writer.end_object();
  return out;
}

Expected<sandbox::ManifestTool> read_tool(const std::string& definition, bool trusts_annotations) {
  if (trusts_annotations) {
    return sandbox::parse_tool_definition(definition);
  }
  json::Parser parser(definition.size());
  const json::Element element = TRY(parser.parse(definition));
  const auto object = json::as_object(element);
  if (!object || json::duplicate_key(*object)) {
    return fail(ErrorCode::kInvalidArgument, "want an object without duplicate keys");
  }
  return sandbox::parse_tool_definition(without_annotations(definition, *object));
}

Expected<json::Element> read_item(const std::string& definition, json::Parser& parser) {
  const json::Element element = TRY(parser.parse(definition));
  if (json::find_duplicate_key(element)) {
    return fail(ErrorCode::kInvalidArgument, "duplicate key");
  }
  return element;
}

Expected<sandbox::ManifestResource> read_resource(const std::string& definition, bool completes) {
  json::Parser parser(definition.size());
  const json::Element element = TRY(read_item(definition, parser));
  auto resource = TRY(sandbox::read_foreign_resource(element));
  resource.completes.clear();
  if (resource.is_template && completes) {
    resource.completes = TRY(sandbox::UriTemplate::parse(resource.uri)).variables();
  }
  return resource;
}

Expected<sandbox::ManifestPrompt> read_prompt(const std::string& definition, bool completes) {
  json::Parser parser(definition.size());
  const json::Element element = TRY(read_item(definition, parser));
  auto prompt = TRY(sandbox::read_prompt(element));
  prompt.completes.clear();
  for (const auto& argument : prompt.arguments) {
    if (completes) {
      prompt.completes.push_back(argument.name);
    }
  }
  return prompt;
}

/// Collects items of one kind, each name once.
template <class T>
class Collector {
 public:
  Collector(std::string_view kind, std::vector<T>& items, std::vector<std::string>& withheld)
      : kind_(kind), items_(items), withheld_(withheld) {}

  void add(Expected<T> item) {
    ++seen_;
    auto digest =
        item ? sandbox::tool_digest(item->definition, {}, "") : std::unexpected(item.error());
    if (!digest) {
      withheld_.push_back(fmt::format("{} {}: {}", kind_, seen_, digest.error().message));
      return;
    }
    if (!names_.insert(item->name).second) {
      withheld_.push_back(fmt::format("{} {}: another one has its name", kind_, seen_));
      return;
    }
    item->digest = *std::move(digest);
    items_.push_back(*std::move(item));
  }

 private:
  std::string_view kind_;
  std::vector<T>& items_;
  std::vector<std::string>& withheld_;
  std::set<std::string, std::less<>> names_;
  std::size_t seen_ = 0;
};

/// One list, all pages. A server may offer a list's kind without this list of it: it is empty then.
Task<Expected<std::vector<std::string>>> list_all(std::shared_ptr<Upstream> upstream,
                                                  std::string_view method, std::string_view key,
                                                  SteadyTime deadline) {
  mcp::ListReader reader(key, sandbox::kManifestToolsMax);
  do {
    UpstreamRequest request(
        upstream,
        {.method = std::string(method), .members = reader.next_members(), .deadline = deadline});
    std::optional<UpstreamAnswer> answer;
    while (!answer) {
      auto message = co_await request.next();
      if (!message) {
        co_return fail(message.error().code, "{}: {}", method, message.error().message);
      }
      if (auto* said = std::get_if<UpstreamAnswer>(&*message)) {
        answer = std::move(*said);
      }
    }
    if (answer->error_code == static_cast<int>(mcp::RpcCode::kMethodNotFound)) {
      co_return std::vector<std::string>();
    }
    if (!answer->error.empty()) {
      co_return fail(ErrorCode::kUnavailable, "{}: it answered with an error", method);
    }
    if (const auto taken = reader.take(answer->result); !taken) {
      co_return fail(ErrorCode::kUnavailable, "{}: {}", method, taken.error().message);
    }
  } while (!reader.is_done());
  co_return std::move(reader.items);
}

Task<Expected<UpstreamLists>> list_everything(std::shared_ptr<Upstream> upstream) {
  const SteadyTime deadline = upstream->clock().steady_now() + kListTimeout;
  UpstreamSwitch off;
  const auto session = co_await upstream->open("", deadline, off);
  if (!session) {
    co_return std::unexpected(session.error());
  }
  const mcp::ServerOffer offer = (*session)->offer;
  UpstreamLists lists{.completes = offer.has_completions};
  struct List {
    bool is_there;
    std::string_view method;
    std::string_view key;
    std::vector<std::string>& items;
  };
  const List all[] = {
      {offer.has_tools, "tools/list", "tools", lists.tools},
      {offer.has_resources, "resources/list", "resources", lists.resources},
      {offer.has_resources, "resources/templates/list", "resourceTemplates", lists.templates},
      {offer.has_prompts, "prompts/list", "prompts", lists.prompts}};
  for (const List& list : all) {
    if (!list.is_there) {
      continue;
    }
    auto items = co_await list_all(upstream, list.method, list.key, deadline);
    if (!items) {
      co_return std::unexpected(std::move(items.error()));
    }
    list.items = *std::move(items);
  }
  co_return lists;
}

/// Returns when the upstream says that a list has changed, or at `until`.
Task<void> wait_for_change(std::shared_ptr<Upstream> upstream, SteadyTime until) {
  UpstreamSwitch off;
  const auto session = co_await upstream->open("", until, off);
  if (session && (*session)->offer.tells_changes) {
    UpstreamRequest request(upstream, {.members = std::string(kListenMembers), .deadline = until});
    for (;;) {
      const auto message = co_await request.next();
      const auto* notice = message ? std::get_if<UpstreamNotice>(&*message) : nullptr;
      if (notice == nullptr) {
        break;  // It has no such stream, or ended it.
      }
      if (notice->method.ends_with("/list_changed")) {
        co_return;
      }
    }
  }
  asio::steady_timer timer(co_await asio::this_coro::executor, until);
  co_await timer.async_wait(kAwait);
}

}  // namespace

sandbox::Manifest upstream_manifest(const UpstreamOptions& options, const UpstreamLists& lists,
                                    std::vector<std::string>& withheld) {
  sandbox::Manifest manifest{.tool_set = options.tool_set, .profile = "upstream"};
  Collector tools("tool", manifest.tools, withheld);
  for (const std::string& tool : lists.tools) {
    tools.add(read_tool(tool, options.trusts_annotations));
  }
  Collector resources("resource", manifest.resources, withheld);
  for (const std::string& resource : lists.resources) {
    resources.add(read_resource(resource, false));
  }
  for (const std::string& resource : lists.templates) {
    resources.add(read_resource(resource, lists.completes));
  }
  Collector prompts("prompt", manifest.prompts, withheld);
  for (const std::string& prompt : lists.prompts) {
    prompts.add(read_prompt(prompt, lists.completes));
  }
  manifest.digest = sandbox::manifest_digest(manifest);
  manifest.withheld = withheld.size();
  return manifest;
}

Task<Expected<std::optional<sandbox::Manifest>>> fetch_manifest(std::shared_ptr<Upstream> upstream,
                                                                std::string known,
                                                                std::chrono::seconds wait) {
  if (!known.empty()) {
    co_await wait_for_change(upstream, upstream->clock().steady_now() + wait);
  }
  upstream->look_again();
  const auto lists = co_await list_everything(upstream);
  if (!lists) {
    co_return std::unexpected(lists.error());
  }
  std::vector<std::string> withheld;
  auto manifest = upstream_manifest(upstream->options(), *lists, withheld);
  if (manifest.digest == known) {
    co_return std::nullopt;
  }
  for (const std::string& what : withheld) {
    log_warn("tool set {}: withheld of its upstream: {}", upstream->options().tool_set, what);
  }
  co_return manifest;
}

}  // namespace mcpgate::gateway
