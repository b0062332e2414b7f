#include "gateway/admin.h"

#include <fmt/format.h>

#include "gateway/answer.h"
#include "json/write.h"

namespace mcpgate::gateway {

namespace {

std::string_view to_string(Discovery::State state) {
  switch (state) {
    case Discovery::State::kPending:
      return "pending";
    case Discovery::State::kReady:
      return "ready";
    case Discovery::State::kFailed:
      return "failed";
  }
  return "pending";
}

}  // namespace

Task<void> AdminHandler::handle(const http::Request& request, http::Responder& responder) {
  responder.send(page(request));
  co_return;
}

http::Response AdminHandler::page(const http::Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    http::Response refused = to_response(refusal_answer(405, "Only GET is served here."));
    refused.headers.emplace_back("Allow", "GET, HEAD");
    return refused;
  }
  if (request.path == "/health") {
    return health_page();
  }
  if (request.path == "/ready") {
    return ready_page(service_.not_ready());
  }
  if (request.path == "/status") {
    return status();
  }
  if (request.path == "/metrics") {
    return metrics();
  }
  return to_response(
      refusal_answer(404, "Not found. Here are /health, /ready, /status and /metrics."));
}

http::Response AdminHandler::metrics() const {
  const Service::Reloads& reloads = service_.reloads();
  http::Response page{
      .body = fmt::format("# TYPE mcpgate_configuration_reloads_total counter\n"
                          "mcpgate_configuration_reloads_total{{outcome=\"applied\"}} {}\n"
                          "mcpgate_configuration_reloads_total{{outcome=\"refused\"}} {}\n",
                          reloads.applied, reloads.refused),
      .content_type = "text/plain; version=0.0.4"};
  const auto refusals = service_.settings()->rates.refusals();
  page.body += refusals.empty() ? "" : "# TYPE mcpgate_rate_refusals_total counter\n";
  for (const auto& [rate, count] : refusals) {
    page.body += fmt::format("mcpgate_rate_refusals_total{{rate=\"{}\"}} {}\n", rate, count);
  }
  if (const auto leases = service_.settings()->rates.store_counts()) {
    page.body += fmt::format(
        "# TYPE mcpgate_rate_store_up gauge\n"
        "mcpgate_rate_store_up {}\n"
        "# TYPE mcpgate_rate_leases_total counter\n"
        "mcpgate_rate_leases_total{{outcome=\"granted\"}} {}\n"
        "mcpgate_rate_leases_total{{outcome=\"exhausted\"}} {}\n"
        "mcpgate_rate_leases_total{{outcome=\"failed\"}} {}\n",
        leases->is_connected ? 1 : 0, leases->granted, leases->exhausted, leases->failed);
  }
  page.body +=
      fmt::format("# TYPE mcpgate_logouts gauge\nmcpgate_logouts {}\n", service_.logouts());
  const auto uses = service_.authenticator().key_uses();
  page.body += uses.empty() ? "" : "# TYPE mcpgate_api_key_last_used_timestamp_seconds gauge\n";
  for (const auto& [key_id, last] : uses) {
    page.body += fmt::format("mcpgate_api_key_last_used_timestamp_seconds{{key_id=\"{}\"}} {}\n",
                             key_id, last);
  }
  page.body += fmt::format(
      "# TYPE mcpgate_bad_tokens_total counter\nmcpgate_bad_tokens_total {}\n"
      "# TYPE mcpgate_bad_token_refusals_total counter\nmcpgate_bad_token_refusals_total {}\n",
      service_.bad_tokens(), service_.tokens_not_looked_at());
  page.body += "# TYPE mcpgate_unapproved_tools gauge\n";
  for (const auto& [name, found] : service_.tool_sets()) {
    if (found.tools) {
      page.body += fmt::format("mcpgate_unapproved_tools{{tool_set=\"{}\"}} {}\n", name,
                               found.tools->unapproved.size());
    }
  }
  return page;
}

/// What runs here, for an operator: tool sets with their state, profile and number of tools, and
/// how many signing keys each issuer of access tokens has.
http::Response AdminHandler::status() const {
  http::Response response{.content_type = "application/json"};
  json::Writer writer(response.body, json::Layout::kPretty);
  writer.begin_object()
      .field("version", MCPGATE_VERSION)
      .field("address", service_.address())
      .field("ready", service_.not_ready().empty())
      .key("toolSets")
      .begin_array();
  for (const auto& [name, found] : service_.tool_sets()) {
    writer.begin_object().field("name", name).field("state", to_string(found.state));
    if (found.tools) {
      writer.field("profile", found.tools->profile).field("tools", found.tools->tools.size());
      writer.field("withheld", found.tools->withheld + service_.catalogue().withheld_of(name));
      writer.field("unapproved", found.tools->unapproved.size());
    }
    writer.end_object();
  }
  writer.end_array();
  if (const auto& issuers = service_.authenticator().issuers()) {
    writer.key("issuers").begin_array();
    for (const auth::Issuer& issuer : issuers->issuers) {
      writer.begin_object()
          .field("issuer", issuer.rules.issuer)
          .field("signingKeys", issuer.keys ? issuer.keys->size() : 0)
          .end_object();
    }
    writer.end_array();
  }
  writer.end_object();
  response.body += '\n';
  return response;
}

}  // namespace mcpgate::gateway
