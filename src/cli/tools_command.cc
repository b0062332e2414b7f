#include "cli/tools_command.h"

#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "base/run_to_end.h"
#include "cli/mcp_client.h"
#include "cli/terminal.h"
#include "json/parse.h"
#include "json/write.h"

namespace mcpgate::cli {

namespace {

constexpr std::size_t kResultBytesMax = std::size_t{64} << 20;

int complain(const World& world, const Error& error) {
  world.err << "mcpgate: " << error.message << '\n';
  const bool is_ours =
      error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kOutOfRange;
  return is_ours ? kWrongUsage : kAnswerIsNo;
}

void print_json(std::ostream& out, std::string_view json) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(json);
  std::string text;
  if (element) {
    json::append(text, *element, json::Layout::kPretty);
  }
  out << for_descriptor(STDOUT_FILENO, text) << '\n';
}

/// A string of an object that a server sent; empty where either is something else.
std::string_view text_at(json::Element element, std::string_view key) {
  const auto object = json::as_object(element);
  return object ? json::string_at(*object, key).value_or("") : "";
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

/// A name and what it is for, one tool a line.
void print_table(std::ostream& out, std::string_view list) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(list);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto tools = object ? json::array_at(*object, "tools") : std::nullopt;
  if (!tools || tools->size() == 0) {
    out << "No tool is open to you here.\n";
    return;
  }
  std::size_t width = 0;
  for (const json::Element tool : *tools) {
    width = std::max(width, text_at(tool, "name").size());
  }
  for (const json::Element tool : *tools) {
    out << for_descriptor(STDOUT_FILENO, fmt::format("{:<{}}  {}\n", text_at(tool, "name"), width,
                                                     first_line(text_at(tool, "description"))));
  }
}

bool is_error(std::string_view result) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(result);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  return object && json::bool_at(*object, "isError").value_or(false);
}

bool is_json_object(std::string_view text) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(text);
  return element && element->is_object();
}

int list(const Arguments& arguments, const World& world) {
  auto target = target_of(arguments, world);
  if (!target) {
    (void)complain(world, target.error());
    return kWrongUsage;
  }
  asio::io_context loop;
  McpClient client(loop, *std::move(target));
  const auto result = run_to_end(loop, client.list_tools());
  if (!result) {
    return complain(world, result.error());
  }
  if (arguments.get("output") == "json") {
    print_json(world.out, *result);
  } else {
    print_table(world.out, *result);
  }
  return kDone;
}

int call(const Arguments& arguments, const World& world) {
  if (arguments.get("name").empty()) {
    world.err << "mcpgate: which tool? `mcpgate tools list` names those that are open to you\n";
    return kWrongUsage;
  }
  const std::string json = arguments.get("arguments", "{}");
  if (!is_json_object(json)) {
    world.err
        << "mcpgate: the arguments must be one JSON object, such as '{\"action\":\"tail\"}'\n";
    return kWrongUsage;
  }
  auto target = target_of(arguments, world);
  if (!target) {
    (void)complain(world, target.error());
    return kWrongUsage;
  }
  asio::io_context loop;
  McpClient client(loop, *std::move(target));
  const auto result = run_to_end(loop, client.call_tool(arguments.get("name"), json));
  if (!result) {
    return complain(world, result.error());
  }
  const bool failed = is_error(*result);
  if (arguments.get("output") == "json") {
    print_json(world.out, *result);
  } else {
    (failed ? world.err : world.out)
        << for_descriptor(failed ? STDERR_FILENO : STDOUT_FILENO, readable_result(*result)) << '\n';
  }
  return failed ? kAnswerIsNo : kDone;
}

Flag output_flag() {
  return {.name = "output",
          .value = "FORM",
          .help = "text or json [default: text]",
          .choices = {"text", "json"}};
}

/// JSON in a text block is for models; a person reads it with its structure shown.
std::string readable_text(std::string_view text) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(text);
  if (!element || !(element->is_object() || element->is_array())) {
    return std::string(text);
  }
  std::string out;
  json::append(out, *element, json::Layout::kPretty);
  return out;
}

}  // namespace

std::string readable_result(std::string_view result) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(result);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto content = object ? json::array_at(*object, "content") : std::nullopt;
  std::string text;
  if (!content) {
    return text;
  }
  for (const json::Element block : *content) {
    const std::string_view type = text_at(block, "type");
    text += text.empty() ? "" : "\n";
    if (type == "text") {
      text += readable_text(text_at(block, "text"));
    } else {
      const std::string_view kind = text_at(block, "mimeType");
      text += fmt::format("[{} {}]", type, kind.empty() ? text_at(block, "uri") : kind);
    }
  }
  return text;
}

std::vector<Command> tools_commands() {
  std::vector<Flag> flags = target_flags();
  flags.push_back(output_flag());
  return {{.name = "tools", .help = "A gateway's tools from the command line"},
          {.name = "tools list",
           .help = "List the tools that are open to you",
           .flags = flags,
           .run = &list},
          {.name = "tools call",
           .help = "Call a tool and print its answer",
           .flags = flags,
           .positionals = {{.name = "name", .help = "the tool's name"},
                           {.name = "arguments",
                            .help = "a JSON object [default: {}]",
                            .is_required = false}},
           .run = &call}};
}

}  // namespace mcpgate::cli
