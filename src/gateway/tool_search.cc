#include "gateway/tool_search.h"

#include <utility>
#include <vector>

#include "gateway/listing.h"
#include "gateway/tool_call.h"
#include "json/write.h"

namespace mcpgate::gateway {

namespace {

/// How many tools it finds unless `limit` says otherwise; at most 50, as its schema has it.
constexpr std::int64_t kFoundDefault = 10;

constexpr std::string_view kDefinition = R"({
  "name": "search_tools",
  "title": "Search tools",
  "description": "Finds tools that are not listed, by words of what they are called, what they are for and what they take. What it finds is called by its name, like any listed tool.",
  "inputSchema": {
    "type": "object",
    "properties": {
      "query": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "Words, such as: read error logs"},
      "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10, "description": "How many tools at most; the best come first"}
    },
    "required": ["query"],
    "additionalProperties": false
  },
  "outputSchema": {
    "type": "object",
    "properties": {"tools": {"type": "array", "items": {"type": "object"}}},
    "required": ["tools"]
  },
  "annotations": {"readOnlyHint": true}
})";

Tool make_search_tool() {
  json::Parser parser(kDefinition.size());
  auto definition = sandbox::parse_tool_definition(kDefinition);
  MCPGATE_ASSERT(definition);
  auto tool = compile_tool({}, *definition, parser);
  MCPGATE_ASSERT(tool);
  return *std::move(tool);
}

/// `{"tools":[…]}` with the definitions that fit best.
std::string found_tools(const Visit& visit, WallTime now, json::Object arguments) {
  const Catalogue& catalogue = *visit.snapshot->catalogue;
  MCPGATE_ASSERT(catalogue.index());  // There is no such tool otherwise.
  const Asker asker = asker_of(visit, now);
  std::vector<bool> visible;
  visible.reserve(catalogue.tools().size());
  for (const Tool* tool : catalogue.tools()) {
    visible.push_back(tool != &search_tool() && is_visible(*visit.snapshot, asker, *tool));
  }
  const auto limit = json::int_at(arguments, "limit").value_or(kFoundDefault);
  const auto found = catalogue.index()->search(json::string_at(arguments, "query").value_or(""),
                                               static_cast<std::size_t>(limit), visible);
  std::string text;
  json::Writer writer(text);
  writer.begin_object().key("tools").begin_array();
  for (const std::size_t tool : found) {
    writer.raw(catalogue.tools()[tool]->modern_definition);
  }
  writer.end_array().end_object();
  return text;
}

/// As text for models, and as structuredContent for programs.
std::string call_tool_result(std::string_view found) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .key("content")
      .begin_array()
      .begin_object()
      .field("type", "text")
      .field("text", found)
      .end_object()
      .end_array()
      .raw_field("structuredContent", found)
      .end_object();
  return body;
}

}  // namespace

const Tool& search_tool() {
  static const Tool kTool = make_search_tool();
  return kTool;
}

Task<Expected<sandbox::Event>> SearchExecution::next() {
  if (is_cancelled_) {
    co_return fail(ErrorCode::kCancelled, "the call was cancelled");
  }
  json::Parser parser(arguments_.size());
  const auto element = parser.parse(arguments_);
  const auto object = element ? json::as_object(*element) : std::nullopt;
  MCPGATE_ASSERT(object);  // Its schema admitted it.
  co_return own_result(call_tool_result(found_tools(visit_, now_, *object)), {.is_plain = false});
}

Task<Expected<void>> SearchExecution::reply(std::string /*reply*/) {
  co_return fail(ErrorCode::kFailedPrecondition, "a search asks nothing");
}

}  // namespace mcpgate::gateway
