// What crosses between gateway and daemon on /execute, either way. The first byte chooses the
// parser. What is accepted must be fit to be spliced: valid JSON on one line.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/parse.h"
#include "sandbox/execute.h"

namespace {

void expect_one_line_of_json(std::string_view json) {
  mcpgate::json::Parser parser(std::size_t{1} << 24);
  if (json.find('\n') != std::string_view::npos || !parser.parse(json)) {
    std::abort();
  }
}

void request(std::string_view body, mcpgate::json::Parser& parser) {
  const auto request = mcpgate::sandbox::parse_execute_request(body, parser);
  if (request) {
    const std::string written = mcpgate::sandbox::write_execute_request(*request);
    mcpgate::json::Parser again(std::size_t{1} << 24);
    if (!mcpgate::sandbox::parse_execute_request(written, again)) {
      std::abort();
    }
  }
}

void answer(std::string_view body, mcpgate::json::Parser& parser) {
  if (const auto result = mcpgate::sandbox::parse_answer(std::string(body), parser)) {
    expect_one_line_of_json(result->call_tool_result());
  }
}

void event(std::string_view line, mcpgate::json::Parser& parser) {
  namespace sandbox = mcpgate::sandbox;
  const auto event = sandbox::parse_event(std::string(line), parser);
  if (!event) {
    return;
  }
  if (const auto* const progress = std::get_if<sandbox::Progress>(&*event)) {
    expect_one_line_of_json(progress->params);
  } else if (const auto* const log = std::get_if<sandbox::Log>(&*event)) {
    expect_one_line_of_json(log->params);
  } else if (const auto* const question = std::get_if<sandbox::Question>(&*event)) {
    expect_one_line_of_json(question->params);
  } else {
    expect_one_line_of_json(std::get<sandbox::Result>(*event).call_tool_result());
  }
}

void reply(std::string_view body, mcpgate::json::Parser& parser) {
  namespace sandbox = mcpgate::sandbox;
  const auto reply = sandbox::parse_reply(body, parser);
  if (!reply) {
    return;
  }
  mcpgate::json::Parser again(std::size_t{1} << 24);
  if (!sandbox::parse_reply(sandbox::write_reply(*reply), again)) {
    std::abort();
  }
}

void state(std::string_view body, mcpgate::json::Parser& parser) {
  namespace sandbox = mcpgate::sandbox;
  const auto state = sandbox::parse_detached_state(body, parser);
  if (!state) {
    return;
  }
  mcpgate::json::Parser again(std::size_t{1} << 20);
  if (sandbox::parse_detached_state(sandbox::write_detached_state(*state), again) != *state) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  mcpgate::json::Parser parser(std::size_t{1} << 20);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (static_cast<unsigned char>(data[0] - '0') % 5) {
    case 0:
      request(bytes, parser);
      break;
    case 1:
      answer(bytes, parser);
      break;
    case 2:
      event(bytes, parser);
      break;
    case 3:
      reply(bytes, parser);
      break;
    default:
      state(bytes, parser);
  }
  return 0;
}
