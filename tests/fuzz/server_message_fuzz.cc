// What a server says whose client we are. The first byte chooses the reader: a line, or what is
// inside of one. What is passed on to the client must be fit to be spliced: valid JSON on one line.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "json/parse.h"
#include "mcp/server_message.h"

namespace {

using namespace mcpgate::mcp;  // NOLINT: what is tested

constexpr std::size_t kItemsMax = 1000;

void expect_one_line_of_json(std::string_view json) {
  mcpgate::json::Parser parser(std::size_t{1} << 20);
  if (json.find('\n') != std::string_view::npos || !parser.parse(json)) {
    std::abort();
  }
}

void line(std::string_view bytes, mcpgate::json::Parser& parser) {
  const auto message = read_server_message(bytes, parser);
  if (!message) {
    return;
  }
  if (const auto* const response = std::get_if<ServerResponse>(&*message)) {
    if (response->result.empty() == response->error.empty()) {
      std::abort();  // One of them, never both.
    }
    expect_one_line_of_json(response->error.empty() ? response->result
                                                    : error_result(response->error));
  } else if (const auto* const request = std::get_if<ServerRequest>(&*message)) {
    std::string answer = answer_server_request(*request);
    answer.pop_back();
    expect_one_line_of_json(answer);
  }
}

void note(std::string_view params, mcpgate::json::Parser& parser) {
  for (const std::string& event : {progress_of(params, 7, parser), log_of(params, parser)}) {
    if (!event.empty()) {
      expect_one_line_of_json(event);
    }
  }
}

void page(std::string_view bytes) {
  ListReader list("tools", kItemsMax);
  if (!list.take(bytes)) {
    return;
  }
  for (const std::string& tool : list.items) {
    expect_one_line_of_json(tool);
  }
  expect_one_line_of_json("{" + list.next_members() + "}");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  mcpgate::json::Parser parser(std::size_t{1} << 20);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bytes = bytes.substr(0, bytes.find('\n'));  // All of it comes from one line.
  switch (static_cast<unsigned char>(data[0] - '0') % 4) {
    case 0:
      line(bytes, parser);
      break;
    case 1:
      note(bytes, parser);
      break;
    case 2:
      (void)read_initialize_result(bytes);
      (void)read_discover_result(bytes);
      break;
    default:
      page(bytes);
  }
  return 0;
}
