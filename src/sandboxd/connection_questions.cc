#include "sandboxd/connection_questions.h"

#include "json/raw.h"
#include "sandbox/execute.h"
#include "sandboxd/frame.h"

namespace mcpgate::sandboxd {

namespace {

constexpr std::string_view kMethod = "connection/query";

}  // namespace

std::optional<Expected<Brokers::Order>> ConnectionQuestions::read(std::string_view json) {
  // Questions are parsed by whoever answers them; one that spells the method differently is refused
  // there.
  if (json.find(kMethod) == std::string_view::npos) {
    return std::nullopt;
  }
  json::Parser parser(kRequestBytesMax);
  const auto document = parser.parse(json);
  const auto question = document ? json::as_object(*document) : std::nullopt;
  if (!question || json::string_at(*question, "method") != kMethod) {
    return std::nullopt;
  }
  const auto params = json::find_member(*question, json, "params");
  const auto object = params ? json::as_object(params->value) : std::nullopt;
  const auto values = object ? json::find_member(*object, params->raw, "params") : std::nullopt;
  const auto connection = object ? json::string_at(*object, "connection") : std::nullopt;
  const auto sql = object ? json::string_at(*object, "sql") : std::nullopt;
  if (!connection || !sql || !values || !json::as_array(values->value)) {
    return fail(ErrorCode::kInvalidArgument,
                "connection/query wants the texts connection and sql, and the list params");
  }
  return Brokers::Order{.connection = std::string(*connection),
                        .sql = std::string(*sql),
                        .params = std::string(values->raw)};
}

std::optional<std::string> ConnectionQuestions::on_question(std::uint64_t number,
                                                            std::string_view json) {
  auto order = read(json);
  if (!order) {
    return next_.on_question(number, json);
  }
  const auto refused = [number](std::string_view why) {
    return sandbox::write_reply({.number = number, .error = why});
  };
  if (!*order) {
    return refused(order->error().message);
  }
  if (call_.runs_code || !call_.brokers) {
    return refused("connections are for the tools of a set, not for code that a model wrote");
  }
  auto query = call_.brokers->start(**std::move(order), [zygote = call_.zygote, id = call_.id,
                                                         number](Expected<std::string> answer) {
    const std::string reply =
        answer ? sandbox::write_reply({.number = number, .result = *answer})
               : sandbox::write_reply({.number = number, .error = answer.error().message});
    (void)zygote->reply(id, number, reply);  // A call that is gone needs none.
  });
  if (!query) {
    return refused(query.error().message);
  }
  query_ = *std::move(query);
  return std::nullopt;
}

}  // namespace mcpgate::sandboxd
