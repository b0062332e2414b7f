#include "sandboxd/stdio_servers.h"

#include <algorithm>
#include <optional>

#include <boost/asio/steady_timer.hpp>

#include "json/write.h"
#include "sandbox/manifest.h"
#include "sandboxd/call_queue.h"

namespace mcpgate::sandboxd {

namespace {

using std::chrono::steady_clock;

CallOutcome outcome_of(ServerAnswer answer) {
  CallOutcome outcome{.result = std::move(answer.result),
                      .reason = answer.reason,
                      .text = std::move(answer.text),
                      .usage = answer.usage,
                      .diagnostics = std::move(answer.diagnostics)};
  outcome.printed_bytes = outcome.diagnostics.size();
  if (!answer.error.empty()) {
    outcome.result = mcp::error_result(answer.error);
  }
  return outcome;
}

CallOutcome ended(EndReason reason, std::string_view text) {
  return {.reason = reason, .text = std::string(text)};
}

/// As a describing child writes it.
std::string write_description(const std::vector<std::string>& tools, std::string_view file) {
  std::string json;
  json::Writer writer(json);
  writer.begin_object().key("tools").begin_array();
  for (const std::string& tool : tools) {
    writer.begin_object().field("file", file).raw_field("definition", tool).end_object();
  }
  writer.end_array().end_object();
  return json;
}

/// All pages. An answer that is none of them is the outcome, as a reason.
Task<Expected<std::vector<std::string>>> list_tools(StdioServer& server, Limits limits,
                                                    SteadyTime until) {
  mcp::ListReader reader("tools", sandbox::kManifestToolsMax);
  do {
    ServerAnswer answer = co_await server.ask(
        {.method = "tools/list",
         .params = mcp::request_params(mcp::Era::kLegacy, reader.next_members()),
         .deadline = until,
         .output_bytes_max = sandbox::kManifestBytesMax,
         .cpu = limits.cpu});
    if (answer.reason != EndReason::kNone || !answer.error.empty()) {
      co_return fail(ErrorCode::kFailedPrecondition, "tools/list: {}{}", answer.text, answer.error);
    }
    if (const auto taken = reader.take(answer.result); !taken) {
      co_return fail(ErrorCode::kFailedPrecondition, "tools/list: {}", taken.error().message);
    }
  } while (!reader.is_done());
  co_return std::move(reader.items);
}

}  // namespace

/// One user.
struct StdioServers::Slot {
  Slot(asio::io_context& loop, std::size_t waiting_max)
      : turns(std::make_shared<CallQueue>(
            loop, CallQueue::Bounds{.in_flight_max = 1, .waiting_max = waiting_max})),
        idle(loop) {}

  std::shared_ptr<CallQueue> turns;
  std::shared_ptr<StdioServer> server;
  /// Calls that run or wait, by id; whether they were cancelled.
  std::map<std::string, bool, std::less<>> calls;
  /// The call whose turn it is.
  std::string call_id;
  SteadyTime last_used;
  asio::steady_timer idle;
};

StdioServers::StdioServers(asio::io_context& loop, StdioServerOptions options,
                           std::function<void()> on_list_changed)
    : loop_(loop), options_(std::move(options)), on_list_changed_(std::move(on_list_changed)) {}

StdioServers::~StdioServers() {
  for (const auto& [identity, slot] : slots_) {
    if (slot->server) {
      slot->server->stop();
    }
  }
}

Task<Expected<CallOutcome>> StdioServers::describe(std::string_view file) {
  const SteadyTime until = steady_clock::now() + options_.server.start;
  const auto server = StdioServer::start(loop_, options_, {}, {});
  ServerAnswer greeting = co_await server->shake_hands(until);
  if (greeting.reason != EndReason::kNone) {
    co_await server->finish();
    co_return outcome_of(std::move(greeting));
  }
  auto tools = co_await list_tools(*server, options_.limits, until);
  co_await server->finish();
  if (!tools) {
    co_return ended(EndReason::kCrashed, tools.error().message);
  }
  co_return CallOutcome{.result = write_description(*tools, file)};
}

/// The one who has called nothing for longest.
bool StdioServers::evict_idle() {
  auto oldest = slots_.end();
  for (auto slot = slots_.begin(); slot != slots_.end(); ++slot) {
    if (slot->second->calls.empty() &&
        (oldest == slots_.end() || slot->second->last_used < oldest->second->last_used)) {
      oldest = slot;
    }
  }
  if (oldest == slots_.end()) {
    return false;
  }
  drop(std::string(oldest->first), std::chrono::milliseconds{0});
  return true;
}

Expected<std::shared_ptr<StdioServers::Slot>> StdioServers::find_slot(const std::string& identity) {
  if (const auto found = slots_.find(identity); found != slots_.end()) {
    return found->second;
  }
  if (slots_.size() >= options_.server.processes && !evict_idle()) {
    return fail(ErrorCode::kResourceExhausted, "all {} processes of the server are at work",
                options_.server.processes);
  }
  auto slot = std::make_shared<Slot>(loop_, options_.limits.queue);
  slots_.emplace(identity, slot);
  return slot;
}

void StdioServers::drop(const std::string& identity, std::chrono::milliseconds grace) {
  const auto found = slots_.find(identity);
  if (found == slots_.end() || !found->second->calls.empty()) {
    return;  // Its next call starts another process.
  }
  if (found->second->server) {
    found->second->server->stop(grace);
  }
  slots_.erase(found);
}

Task<> StdioServers::finish() {
  for (const auto& [identity, slot] : std::exchange(slots_, {})) {
    if (slot->server) {
      co_await slot->server->finish();
    }
  }
}

/// Until `server.idle` has passed; a call that comes before sets it anew.
void StdioServers::keep_idle(const std::shared_ptr<Slot>& slot) {
  slot->last_used = steady_clock::now();
  slot->idle.expires_after(options_.server.idle);
  slot->idle.async_wait([this, weak = std::weak_ptr(slot)](const boost::system::error_code& error) {
    const auto same = weak.lock();
    if (error || !same) {
      return;  // This object may be gone, and the slot with it.
    }
    for (const auto& [identity, each] : slots_) {
      if (each == same) {
        drop(std::string(identity));
        return;
      }
    }
  });
}

Task<Expected<CallOutcome>> StdioServers::run(CallSpec spec, EventSink& sink) {
  auto found = find_slot(spec.identity);
  if (!found) {
    co_return std::unexpected(std::move(found.error()));
  }
  const std::shared_ptr<Slot> slot = *found;
  slot->calls.emplace(spec.call_id, false);
  slot->idle.cancel();
  Expected<CallOutcome> outcome = CallOutcome{};
  {
    const auto place =
        co_await slot->turns->enter({.call_id = spec.call_id, .deadline = spec.deadline});
    if (place) {
      outcome = co_await run_in_turn(*slot, spec, sink);
    } else if (place.error().code == ErrorCode::kDeadlineExceeded) {
      outcome = ended(EndReason::kTimeout, "another call of its user ran until its deadline");
    } else if (place.error().code == ErrorCode::kCancelled) {
      outcome = ended(EndReason::kKilled, "cancelled");
    } else {
      outcome = std::unexpected(place.error());
    }
  }
  slot->calls.erase(spec.call_id);
  if (slot->calls.empty()) {
    if (slot->server && !slot->server->is_over()) {
      keep_idle(slot);
    } else {
      drop(spec.identity);
    }
  }
  co_return outcome;
}

Task<CallOutcome> StdioServers::run_in_turn(Slot& slot, const CallSpec& spec, EventSink& sink) {
  const bool& cancelled = slot.calls.find(spec.call_id)->second;
  if (cancelled) {  // Between its admission and this moment.
    co_return ended(EndReason::kKilled, "cancelled");
  }
  slot.call_id = spec.call_id;
  const SteadyTime until = std::min(spec.deadline, steady_clock::now() + spec.limits.wall);
  if (!slot.server || slot.server->is_over()) {
    slot.server = StdioServer::start(loop_, options_, on_list_changed_,
                                     [this, identity = spec.identity] { drop(identity); });
  }
  const std::shared_ptr<StdioServer> server = slot.server;
  ServerAnswer answer = co_await server->shake_hands(until);
  if (answer.reason == EndReason::kNone && !cancelled) {
    const auto progress_token =
        spec.progress_wanted ? std::optional(server->next_id()) : std::nullopt;
    answer =
        co_await server->ask({.method = "tools/call",
                              .params = mcp::request_params(
                                  mcp::Era::kLegacy, mcp::call_members(spec.tool, spec.arguments),
                                  {.progress_token = progress_token}),
                              .deadline = until,
                              .output_bytes_max = spec.limits.output_bytes,
                              .cpu = spec.limits.cpu,
                              .sink = &sink});
  } else if (cancelled) {
    answer.reason = EndReason::kKilled;
    answer.text = "cancelled";
  }
  slot.call_id.clear();
  co_return outcome_of(std::move(answer));
}

void StdioServers::cancel(std::string_view call_id) {
  for (const auto& [identity, slot] : slots_) {
    const auto call = slot->calls.find(call_id);
    if (call == slot->calls.end()) {
      continue;
    }
    call->second = true;
    slot->turns->cancel(call_id);
    if (slot->call_id == call_id && slot->server) {
      slot->server->cancel();
    }
  }
}

}  // namespace mcpgate::sandboxd
