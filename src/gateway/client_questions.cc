#include "gateway/client_questions.h"

#include <algorithm>

#include "base/digest.h"
#include "json/canonical.h"
#include "json/raw.h"
#include "json/write.h"
#include "mcp/modern.h"
#include "mcp/rpc.h"
#include "sandbox/execute.h"

namespace mcpgate::gateway {

namespace {

constexpr std::size_t kElicitationIdBytes = 16;

/// The text of a JSON string that was written without escapes, as our tokens are.
std::string_view unquoted(std::string_view json) {
  return json.substr(1, json.size() - 2);
}

/// The params of the request as this era sends them: a page has an id in 2025-11-25.
std::string legacy_params(const mcp::InputRequest& request, Random& random) {
  std::string params(request.params_json);
  if (request.kind == mcp::InputKind::kUrl && !json::find(request.params, "elicitationId")) {
    params = R"({"elicitationId":")" + random.hex(kElicitationIdBytes) + "\"," +
             params.substr(params.find('{') + 1);
  }
  return params;
}

std::unexpected<Error> cancelled() {
  return fail(ErrorCode::kCancelled, "the call is over");
}

}  // namespace

mcp::RpcExpected<void> ClientQuestions::resume() {
  // Without a state they answer the first question: what the client says it says by itself.
  has_responses_ = !call_.asked.input_responses.empty();
  if (call_.asked.request_state.empty()) {
    return {};
  }
  auto opened =
      Transcript::open(*call_.visit.snapshot->settings->sealer, unquoted(call_.asked.request_state),
                       *call_.visit.principal, call_hash(), call_.parts.clock.wall_now());
  if (!opened) {
    return mcp::rpc_fail(mcp::RpcCode::kInvalidParams,
                         "params.requestState: " + opened.error().message);
  }
  transcript_ = *std::move(opened);
  return {};
}

Task<Expected<std::string>> ClientQuestions::ask(const std::string& place,
                                                 const std::string& params) {
  json::Parser parser(params.size());
  const auto document = parser.parse(params);
  const auto object = document ? json::as_object(*document) : std::nullopt;
  const auto member = object ? json::find_member(*object, params, "inputRequests") : std::nullopt;
  MCPGATE_ASSERT(member);  // The sandbox's client has checked it.
  const auto requests = mcp::read_input_requests(member->value, member->raw);
  MCPGATE_ASSERT(requests);
  if (auto able = check_client(*requests); !able) {
    co_return std::unexpected(std::move(able.error()));
  }
  if (era_of(call_.asked.revision) == mcp::Era::kModern) {
    co_return ask_by_answer(place, params, member->raw, *requests);
  }
  co_return co_await ask_on_stream(*requests);
}

/// Whether the client can be asked all of them.
Expected<void> ClientQuestions::check_client(const std::vector<mcp::InputRequest>& requests) {
  const bool modern = era_of(call_.asked.revision) == mcp::Era::kModern;
  if (!call_.asked.may_ask) {
    return fail(ErrorCode::kFailedPrecondition, "A completion cannot ask the client.");
  }
  mcp::ClientCapabilities missing;
  for (const mcp::InputRequest& request : requests) {
    if (!call_.asked.client.has(request.kind)) {
      missing.add(request.kind);
    }
  }
  if (!missing.empty()) {
    missing_ = modern ? missing : mcp::ClientCapabilities();
    return fail(ErrorCode::kFailedPrecondition,
                "The client cannot be asked: it did not declare the capability {}{}.",
                missing.to_json(),
                !modern && call_.asked.session.empty() ? ", having no session" : "");
  }
  if (!modern && call_.asked.asking_stream == nullptr) {
    return fail(ErrorCode::kFailedPrecondition,
                "The client cannot be asked: it takes no stream of events for this call.");
  }
  return {};
}

Task<Expected<std::string>> ClientQuestions::ask_on_stream(
    const std::vector<mcp::InputRequest>& requests) {
  std::vector<std::unique_ptr<PendingQuestions::Pending>> pending;
  pending.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    pending.push_back(std::make_unique<PendingQuestions::Pending>(
        call_.parts.pending_questions, call_.asked.session, new_question_id(call_.parts.random),
        call_.parts.loop));
  }
  const CallChain::Waiting waiting(call_.chain, [&pending] {
    for (const auto& question : pending) {
      question->give_up();
    }
  });
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto sent = co_await call_.asked.asking_stream->send(
        mcp::write_request(pending[i]->id(), mcp::method_of(requests[i].kind),
                           legacy_params(requests[i], call_.parts.random)));
    if (!sent) {
      co_return fail(ErrorCode::kUnavailable, "The client cannot be asked: it has gone.");
    }
  }
  std::vector<std::string> results;
  std::vector<mcp::InputResponse> responses;
  results.reserve(requests.size());  // It is pointed into.
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto response = co_await pending[i]->wait(call_.deadline);
    if (!response && !call_.chain.why_cancelled().empty()) {
      co_return cancelled();
    }
    if (!response) {
      co_return fail(ErrorCode::kDeadlineExceeded, "The client did not answer in time.");
    }
    if (response->result.empty()) {
      co_return fail(ErrorCode::kUnavailable, "{}: {}", requests[i].key, response->error);
    }
    json::Parser parser(response->result.size());
    const auto document = parser.parse(response->result);
    MCPGATE_ASSERT(document);  // It was part of a body.
    if (const auto fit = mcp::check_input_response(requests[i], *document); !fit) {
      co_return fail(ErrorCode::kInvalidArgument, "The client's answer is none: {}",
                     fit.error().message);
    }
    results.push_back(std::move(response->result));
    responses.push_back({.key = requests[i].key, .json = results.back()});
  }
  co_return mcp::write_input_responses(responses);
}

Expected<std::string> ClientQuestions::ask_by_answer(
    const std::string& place, const std::string& params, std::string_view requests_json,
    const std::vector<mcp::InputRequest>& requests) {
  const Settings& settings = *call_.visit.snapshot->settings;
  if (const std::string* const known = TRY(earlier(place, params))) {
    return *known;
  }
  if (!transcript_) {
    transcript_.emplace(call_hash());
  }
  // They answer the first question that has no answer yet, and no other.
  if (std::exchange(has_responses_, false)) {
    if (auto responses = responses_to(requests)) {
      transcript_->add(place, params, *responses);
      return *std::move(responses);
    }
  }
  if (call_.is_task) {
    return std::string();
  }
  if (is_too_long_ || transcript_->bytes() > settings.request_state_bytes_max) {
    return fail(ErrorCode::kResourceExhausted,
                "The client cannot be asked: it would have to carry more than {} bytes of what the "
                "tool was told before.",
                settings.request_state_bytes_max);
  }
  if (transcript_->rounds() >= settings.question_rounds_max) {
    return fail(ErrorCode::kResourceExhausted,
                "The client cannot be asked: it was asked {} times already.",
                transcript_->rounds());
  }
  transcript_->count_round();
  paused_requests_ = requests_json;
  call_.chain.cancel("input required");
  return cancelled();
}

/// The client's responses, if there is a fitting one to each.
std::optional<std::string> ClientQuestions::responses_to(
    const std::vector<mcp::InputRequest>& requests) const {
  const auto responses = mcp::fitting_responses(requests, call_.asked.input_responses);
  return responses.size() == requests.size() ? std::optional(mcp::write_input_responses(responses))
                                             : std::nullopt;
}

Expected<const std::string*> ClientQuestions::earlier(const std::string& place,
                                                      std::string_view params) const {
  return transcript_ ? transcript_->find(place, params) : nullptr;
}

void ClientQuestions::note(const std::string& place, std::string_view params,
                           std::string_view result) {
  if (is_too_long_ || call_.asked.client.empty() || !call_.asked.may_ask ||
      era_of(call_.asked.revision) != mcp::Era::kModern) {
    return;  // Nothing will ask for it.
  }
  if (!transcript_) {
    transcript_.emplace(call_hash());
  }
  const std::size_t bytes_max = call_.visit.snapshot->settings->request_state_bytes_max;
  is_too_long_ = transcript_->bytes() + result.size() > bytes_max;
  if (!is_too_long_) {
    transcript_->add(place, params, std::string(result));
  }
}

Answer ClientQuestions::answer() const {
  MCPGATE_ASSERT(transcript_);
  const Settings& settings = *call_.visit.snapshot->settings;
  return result_answer(
      call_.asked.id,
      mcp::modern::input_required_result(
          paused_requests_, transcript_->seal(*settings.sealer, *call_.visit.principal,
                                              call_.parts.clock.wall_now() + settings.question_time,
                                              call_.parts.random)));
}

/// The same for the same tool, code and arguments, however they are spelt.
std::string ClientQuestions::call_hash() const {
  json::Parser parser(call_.arguments.size());
  const auto document = parser.parse(call_.arguments);
  std::string text = call_.item.tool_set + '\n' + call_.item.name + '\n' + call_.item.digest + '\n';
  if (!document || !json::append_canonical(text, *document)) {
    text += call_.arguments;
  }
  return sha256_hex(text);
}

}  // namespace mcpgate::gateway
