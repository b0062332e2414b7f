#include "gateway/listing.h"

#include <algorithm>
#include <vector>

#include "auth/challenge.h"
#include "gateway/bound_token.h"
#include "gateway/origin.h"
#include "gateway/tool_search.h"
#include "mcp/legacy.h"
#include "mcp/modern.h"

namespace mcpgate::gateway {

namespace {

constexpr std::chrono::hours kCursorLifetime{1};

/// An item of a list: what names it for good, and what the client sees.
struct Entry {
  std::string_view key;
  std::string_view definition;
};

std::vector<Entry> entries_of(const Visit& visit, mcp::List::Kind kind, mcp::Era era,
                              WallTime now) {
  const Catalogue& catalogue = *visit.snapshot->catalogue;
  std::vector<Entry> entries;
  const Snapshot& snapshot = *visit.snapshot;
  const Asker asker = asker_of(visit, now);
  const auto add = [&](std::string_view key, std::string_view definition) {
    entries.push_back({.key = key, .definition = definition});
  };
  switch (kind) {
    case mcp::List::Kind::kTools:
      for (const Tool* tool : catalogue.tools()) {
        if (is_listed(snapshot, asker, *tool)) {
          add(tool->name,
              era == mcp::Era::kModern ? tool->modern_definition : tool->legacy_definition);
        }
      }
      break;
    case mcp::List::Kind::kResources:
    case mcp::List::Kind::kResourceTemplates:
      for (const Resource* resource : catalogue.resources()) {
        const bool is_template = resource->uri_template.has_value();
        if (is_template == (kind == mcp::List::Kind::kResourceTemplates) &&
            is_visible(snapshot, asker, *resource)) {
          add(resource->uri, resource->definition);
        }
      }
      break;
    case mcp::List::Kind::kPrompts:
      for (const Prompt* prompt : catalogue.prompts()) {
        if (is_visible(snapshot, asker, *prompt)) {
          add(prompt->name, prompt->definition);
        }
      }
      break;
  }
  return entries;
}

/// Each list has cursors of its own.
std::string purpose_of(mcp::List::Kind kind) {
  return "mcp-cursor-" + std::to_string(static_cast<int>(kind));
}

/// Where the page begins; nothing for a cursor that is none.
std::optional<std::size_t> begin_of(const GatewayParts& parts, const Visit& visit,
                                    const mcp::List& list, const std::vector<Entry>& entries) {
  if (list.cursor.empty()) {
    return 0;
  }
  const auto last = open_bound(*visit.snapshot->settings->sealer, purpose_of(list.kind),
                               list.cursor, *visit.principal, parts.clock.wall_now());
  for (std::size_t i = 0; last && i < entries.size(); ++i) {
    if (entries[i].key == *last) {
      return i + 1;
    }
  }
  return std::nullopt;
}

/// `next` is empty for the last page.
std::string page_result(const PreparedLists::Key& page, std::string_view next) {
  return page.era == mcp::Era::kModern
             ? mcp::modern::list_result(page.kind, page.definitions, next)
             : mcp::legacy::list_result(page.kind, page.definitions, next);
}

std::string last_page(const PreparedLists::Key& page) {
  return page_result(page, "");
}

/// Whether it is not listed for that principal.
bool is_searched(const Tool& tool, const Principal& principal) {
  return std::ranges::any_of(tool.searched_by, [&principal](const std::string& role) {
    return role == "*" || std::ranges::find(principal.roles, role) != principal.roles.end();
  });
}

/// Whoever may use a tool that is not listed may search for it.
Decision decide_on_search(const Snapshot& snapshot, const Asker& asker) {
  const bool finds = std::ranges::any_of(snapshot.catalogue->tools(), [&](const Tool* tool) {
    return is_searched(*tool, asker.principal) && is_visible(snapshot, asker, *tool);
  });
  return {.allowed = finds, .reason = finds ? "a tool to search for" : "no tool to search for"};
}

/// What is not there takes the decisions that a hidden item takes, about another one, so that
/// nobody can tell the two apart by how long they take.
void decide_on_another(const Visit& visit, const Asker& asker, const policy::Arguments& arguments) {
  const auto& tools = visit.snapshot->catalogue->tools();
  if (!tools.empty()) {
    (void)decide_on(*visit.snapshot, asker, *tools.front(), arguments);
    (void)is_visible(*visit.snapshot, asker, *tools.front());
  }
}

}  // namespace

Asker asker_of(const Visit& visit, WallTime now) {
  return {.principal = *visit.principal, .address = visit.client_ip, .now = now};
}

Decision decide_on(const Snapshot& snapshot, const Asker& asker, const Item& item,
                   const policy::Arguments& arguments) {
  if (&item == &search_tool()) {
    return decide_on_search(snapshot, asker);
  }
  return snapshot.settings->policy.decide(
      asker.principal, item.action(),
      {.arguments = arguments, .address = asker.address, .now = asker.now});
}

bool is_visible(const Snapshot& snapshot, const Asker& asker, const Item& item) {
  // A resource is asked for without arguments.
  const bool takes_arguments = item.kind != sandbox::ItemKind::kResource;
  const Decision decision = decide_on(snapshot, asker, item, {.any = takes_arguments});
  return decision.allowed || decision.scopes != nullptr;
}

bool is_listed(const Snapshot& snapshot, const Asker& asker, const Tool& tool) {
  return !is_searched(tool, asker.principal) && is_visible(snapshot, asker, tool);
}

Use may_use(const Visit& visit, const Item* item, const policy::Arguments& arguments,
            audit::Record& record) {
  if (item == nullptr) {
    record.status = audit::Status::kInvalid;
    record.reason = record.method == "tools/call" ? "unknown tool" : "unknown";
    decide_on_another(visit, asker_of(visit, record.timestamp), arguments);
    return Use::kHidden;
  }
  record.tool = item->name;
  record.tool_set = item->tool_set;
  const Asker asker = asker_of(visit, record.timestamp);
  const Decision decision = decide_on(*visit.snapshot, asker, *item, arguments);
  record.decision = decision.allowed ? "allow" : "deny";
  record.reason = decision.reason;
  if (decision.allowed) {
    // Of a refused one it would say nothing, and make its record, and so its refusal, more work
    // than that of a tool that is not there.
    record.tool_sha256 = item->digest;
    return Use::kAllowed;
  }
  record.status = audit::Status::kDenied;
  if (decision.scopes != nullptr) {
    return Use::kNeedsScopes;
  }
  return is_visible(*visit.snapshot, asker, *item) ? Use::kNotLikeThis : Use::kHidden;
}

bool needs_confirmation(const Visit& visit, const Item& item, WallTime now) {
  return !visit.is_confirmed && visit.principal->auth_type == AuthType::kAccessToken &&
         visit.snapshot->settings->confirmed_sets.contains(item.tool_set) &&
         is_visible(*visit.snapshot, asker_of(visit, now), item);
}

Answer step_up_answer(const Visit& visit, std::string_view id, const Item& item) {
  const Settings& settings = *visit.snapshot->settings;
  auth::AuthFailure failure{.reason = auth::AuthFailureReason::kMissingScope};
  if (const auto sent = auth::sent_token(visit.request.header("authorization").value_or(""))) {
    failure.scheme = sent->scheme;
  }
  if (const auto& issuers = visit.snapshot->authenticator->issuers()) {
    const auth::Issuer* const issuer = issuers->find(visit.principal->issuer);
    failure.scopes = issuer == nullptr ? std::vector<std::string>() : issuer->rules.scopes;
  }
  for (const std::string& scope : settings.policy.scopes_of(item.action())) {
    if (std::ranges::find(failure.scopes, scope) == failure.scopes.end()) {
      failure.scopes.push_back(scope);
    }
  }
  const std::string metadata =
      auth::resource_metadata_url(resource_url(settings, visit.request.path).to_string());
  auth::Challenge challenge = auth::challenge_for(
      failure, {.resource_metadata_url = metadata, .scopes = failure.scopes, .takes_tokens = true});
  Answer answer = error_answer(id, {.code = mcp::RpcCode::kInsufficientScope,
                                    .message = std::string(challenge.message),
                                    .http_status = challenge.status});
  answer.headers.emplace_back("WWW-Authenticate", std::move(challenge.www_authenticate));
  return answer;
}

Answer list_answer(const GatewayParts& parts, const Visit& visit, const mcp::Incoming& incoming,
                   PreparedLists& prepared) {
  const auto& list = std::get<mcp::List>(incoming.message->operation);
  const mcp::Era era = incoming.message->era();
  const std::vector<Entry> entries = entries_of(visit, list.kind, era, parts.clock.wall_now());
  const auto begin = begin_of(parts, visit, list, entries);
  if (!begin) {
    return error_answer(incoming.id, {.code = mcp::RpcCode::kInvalidParams,
                                      .message = "params.cursor: not a cursor of this list, or not "
                                                 "any more; list again from the start"});
  }
  const std::size_t end =
      std::min(entries.size(), *begin + visit.snapshot->settings->list_page_max);
  PreparedLists::Key page{.kind = list.kind, .era = era, .definitions = {}};
  page.definitions.reserve(end - *begin);
  for (std::size_t i = *begin; i < end; ++i) {
    page.definitions.push_back(entries[i].definition);
  }
  if (end == entries.size()) {
    return result_answer(incoming.id,
                         prepared.get(*visit.snapshot->catalogue, std::move(page), last_page));
  }
  const std::string next =
      seal_bound(*visit.snapshot->settings->sealer, purpose_of(list.kind), *visit.principal,
                 parts.clock.wall_now() + kCursorLifetime, entries[end - 1].key, parts.random);
  return result_answer(incoming.id, page_result(page, next));
}

}  // namespace mcpgate::gateway
