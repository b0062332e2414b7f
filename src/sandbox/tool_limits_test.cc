#include "sandbox/tool_limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "base/file.h"
#include "sandbox/toolset_file.h"

namespace mcpgate::sandbox {
namespace {

constexpr const char* kReferencePage = MCPGATE_LIMITS_PAGE;

Expected<ToolSetFile> parse(std::string_view yaml) {
  return parse_tool_set_file(yaml, "/srv/tools/demo");
}

TEST(ToolLimits, AToolHasItsSetsWhereItSaysNothing) {
  const auto file = parse(R"(
limits: {memory: 2Gi, wall: 10s, inFlight: 4, queue: 9}
tools:
  slow: {limits: {wall: 60s, cpu: 50s, inFlight: 1}}
  plain: {}
)");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->limits.address_space_bytes, std::size_t{8} << 30);
  ASSERT_EQ(file->tool_limits.size(), 2U);
  const ToolLimits& slow = file->tool_limits.at("slow");
  EXPECT_EQ(slow.wall, std::chrono::seconds{60});
  EXPECT_EQ(slow.cpu, std::chrono::seconds{50});
  EXPECT_EQ(slow.memory_bytes, std::size_t{2} << 30);
  EXPECT_EQ(slow.in_flight, 1U);
  EXPECT_EQ(slow.queue, 9U);
  EXPECT_EQ(file->tool_limits.at("plain").in_flight, 0U);
  EXPECT_EQ(file->tool_limits.at("plain").wall, std::chrono::seconds{10});
}

TEST(ToolLimits, ProblemsNameTheirPlace) {
  for (const auto& [yaml, problem] : std::initializer_list<std::pair<const char*, const char*>>{
           {"tools: {slow: {limits: {memroy: 1Gi}}}", "did you mean memory?"},
           {"tools: {slow: {limit: {memory: 1Gi}}}", "did you mean limits?"},
           {"tools: {slow: {limits: {openFiles: 3}}}", "tools.slow.limits.openFiles"},
           {"tools: {'a b': {}}", "want a tool's name"},
           {"tools: [slow]", "tools"},
           {"limits: {inFlight: 2}\ntools: {slow: {limits: {inFlight: 3}}}",
            "2:35: tools.slow.limits.inFlight: more than the set's 2"},
           {"tools: {slow: {limits: {queue: 65}}}", "more than the set's 64"},
           {"limits: {memory: 1Gi, addressSpace: 512Mi}", "less than memory"},
           {"limits: {files: 0}", "files"},
           {"detached: {ttl: 25h}", "detached.ttl"},
           {"recycle: {calls: 0}", "recycle.calls"},
           {"detached: {call: 3}", "did you mean calls?"}}) {
    const auto file = parse(yaml);
    ASSERT_FALSE(file) << yaml;
    EXPECT_NE(file.error().message.find(problem), std::string::npos) << file.error().message;
  }
}

TEST(WorkspaceLimits, AreReadWhereTheSetHasWorkspaces) {
  EXPECT_FALSE(parse("")->workspace);
  EXPECT_EQ(parse("workspace: {}")->workspace, WorkspaceLimits{});
  const auto file = parse("workspace: {size: 1Mi, files: 20, expires: 7d, users: 3}");
  ASSERT_TRUE(file) << file.error().message;
  const WorkspaceLimits expected{
      .bytes = 1U << 20, .files = 20, .expires = std::chrono::hours{24 * 7}, .users = 3};
  EXPECT_EQ(file->workspace, expected);
}

TEST(WorkspaceLimits, ProblemsNameTheirPlace) {
  for (const auto& [yaml, problem] : std::initializer_list<std::pair<const char*, const char*>>{
           {"workspace: {sise: 1Mi}", "1:13: workspace.sise: unknown key; did you mean size?"},
           {"workspace: {size: 1Ki}", "workspace.size"},
           {"workspace: {expires: 1s}", "workspace.expires"},
           {"workspace: {users: 0}", "workspace.users"},
           {"workspace: true", "workspace"}}) {
    const auto file = parse(yaml);
    ASSERT_FALSE(file) << yaml;
    EXPECT_NE(file.error().message.find(problem), std::string::npos) << file.error().message;
  }
}

// The page has the same rows as the code, word for word.
TEST(ToolLimits, TheReferencePageHasThem) {
  const std::string text = read_file(kReferencePage).value_or("");
  ASSERT_FALSE(text.empty());
  std::vector<LimitInfo> limits = tool_limits();
  std::ranges::copy(detached_limits(), std::back_inserter(limits));
  std::ranges::copy(workspace_limits(), std::back_inserter(limits));
  std::ranges::copy(recycle_limits(), std::back_inserter(limits));
  std::ranges::copy(server_limits(), std::back_inserter(limits));
  std::ranges::copy(connection_limits(), std::back_inserter(limits));
  for (const LimitInfo& limit : limits) {
    const std::string row =
        fmt::format("| `{}` | `{}` | {} |", limit.key, limit.default_value, limit.reason);
    EXPECT_NE(text.find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace mcpgate::sandbox
