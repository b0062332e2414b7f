#include "cli/tools_command.h"

#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "base/run_to_end.h"
#include "cli/mcp_client.h"
#include "cli/terminal.h"
#include "gateway/tool_index.h"
#include "gateway/tool_search.h"
#include "json/parse.h"
#include "json/raw.h"
#include "json/write.h"

namespace mcpgate::cli {

namespace {

/// As many as search_tools finds at once.
constexpr std::size_t kFoundMax = 50;
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

/// The tools of a list that a server sent.
std::optional<json::Array> tools_of(std::string_view list, json::Parser& parser) {
  const auto element = parser.parse(list);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  return object ? json::array_at(*object, "tools") : std::nullopt;
}

/// A name and what it is for, one tool a line.
void print_table(std::ostream& out, std::string_view list, std::string_view if_none) {
  json::Parser parser(kResultBytesMax);
  const auto tools = tools_of(list, parser);
  if (!tools || tools->size() == 0) {
    out << if_none;
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

/// As the user wants them.
void print_tools(const Arguments& arguments, const World& world, std::string_view list,
                 std::string_view if_none) {
  if (arguments.get("output") == "json") {
    print_json(world.out, list);
  } else {
    print_table(world.out, list, if_none);
  }
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
  print_tools(arguments, world, *result, "No tool is open to you here.\n");
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

/// Its definitions, best first, as `{"tools":[…]}`: of a gateway without search_tools by the list.
std::string search_list(std::string_view list, std::string_view words) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(list);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto tools = object ? json::find_member(*object, list, "tools") : std::nullopt;
  const auto array = tools ? json::as_array(tools->value) : std::nullopt;
  std::vector<std::string_view> definitions;
  if (array) {
    for (const json::Item& tool : json::Items(*array, tools->raw)) {
      definitions.push_back(tool.raw);
    }
  }
  std::string found;
  json::Writer writer(found);
  writer.begin_object().key("tools").begin_array();
  const std::vector<bool> all(definitions.size(), true);
  for (const std::size_t tool : gateway::ToolIndex(definitions).search(words, kFoundMax, all)) {
    writer.raw(definitions[tool]);
  }
  writer.end_array().end_object();
  return found;
}

bool has_tool(std::string_view list, std::string_view name) {
  json::Parser parser(kResultBytesMax);
  const auto tools = tools_of(list, parser);
  return tools && std::ranges::any_of(
                      *tools, [&](json::Element tool) { return text_at(tool, "name") == name; });
}

/// What search_tools has found, as its result says it.
std::string found_of(std::string_view result) {
  json::Parser parser(kResultBytesMax);
  const auto element = parser.parse(result);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  const auto found =
      object ? json::find_member(*object, result, "structuredContent") : std::nullopt;
  return std::string(found ? found->raw : "{}");
}

Task<Expected<std::string>> find_tools(McpClient& client, std::string words) {
  auto list = co_await client.list_tools();
  if (!list) {
    co_return list;
  }
  if (!has_tool(*list, gateway::kSearchTools)) {
    co_return search_list(*list, words);
  }
  std::string asked;
  json::Writer(asked).begin_object().field("query", words).field("limit", kFoundMax).end_object();
  auto result = co_await client.call_tool(std::string(gateway::kSearchTools), std::move(asked));
  if (!result) {
    co_return result;
  }
  if (is_error(*result)) {
    co_return fail(ErrorCode::kUnavailable, "{}", readable_result(*result));
  }
  co_return found_of(*result);
}

int search(const Arguments& arguments, const World& world) {
  auto target = target_of(arguments, world);
  if (!target) {
    (void)complain(world, target.error());
    return kWrongUsage;
  }
  const std::string words = fmt::format("{}", fmt::join(arguments.all("words"), " "));
  asio::io_context loop;
  McpClient client(loop, *std::move(target));
  const auto found = run_to_end(loop, find_tools(client, words));
  if (!found) {
    return complain(world, found.error());
  }
  print_tools(arguments, world, *found, "No tool that is open to you is found by these words.\n");
  return kDone;
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
          {.name = "tools search",
           .help = "Find tools by what they are called, are for and take; the best come first",
           .flags = flags,
           .positionals = {{.name = "words", .help = "such as: read error logs", .is_many = true}},
           .run = &search},
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
