#include "sandbox/toolset_file.h"

#include <gtest/gtest.h>

namespace mcpgate::sandbox {
namespace {

constexpr const char* kFolder = "/srv/tools/log-analysis";

std::string problem_of(std::string_view yaml) {
  const auto file = parse_tool_set_file(yaml, kFolder);
  return file ? "" : file.error().message;
}

TEST(ToolSetFile, EveryKeyIsRead) {
  const auto file = parse_tool_set_file(R"(
description: Searches logs
requiredRole: mcp-log-analyst
limits: {memory: 512Mi, addressSpace: 4Gi, cpu: 5s, wall: 10s, output: 1Mi, tmp: 8Mi, inFlight: 3, queue: 7}
dataMounts:
  - {name: corpus, path: ../../build/log-corpus, code: true}
  - {name: system, path: /var/log}
codeMode: true
readyChildren: 2
recycle: {calls: 7, age: 2h}
detached: {calls: 5, bytes: 1Mi, ttl: 10m}
importable: [privacy]
preload: [numpy, numpy.random]
output: {scrub: false, maxBytes: 64Ki}
)",
                                        kFolder);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->name, "log-analysis");
  EXPECT_EQ(file->description, "Searches logs");
  EXPECT_EQ(file->required_role, "mcp-log-analyst");
  EXPECT_EQ(file->limits.memory_bytes, 512U << 20);
  EXPECT_EQ(file->limits.address_space_bytes, std::uint64_t{4} << 30);
  EXPECT_EQ(file->limits.cpu, std::chrono::seconds{5});
  EXPECT_EQ(file->limits.wall, std::chrono::seconds{10});
  EXPECT_EQ(file->limits.output_bytes, 1U << 20);
  EXPECT_EQ(file->limits.tmp_bytes, 8U << 20);
  EXPECT_EQ(file->limits.in_flight, 3U);
  EXPECT_EQ(file->limits.queue, 7U);
  ASSERT_EQ(file->data_mounts.size(), 2U);
  EXPECT_EQ(file->data_mounts[0].path, "/srv/build/log-corpus");
  EXPECT_TRUE(file->data_mounts[0].code);
  EXPECT_EQ(file->data_mounts[1].path, "/var/log");
  EXPECT_FALSE(file->data_mounts[1].code);
  EXPECT_TRUE(file->code_mode);
  EXPECT_EQ(file->ready_children, 2U);
  EXPECT_EQ(file->recycle.calls, 7U);
  EXPECT_EQ(file->recycle.age, std::chrono::hours{2});
  EXPECT_EQ(file->detached.calls, 5U);
  EXPECT_EQ(file->detached.bytes, 1U << 20);
  EXPECT_EQ(file->detached.ttl, std::chrono::minutes{10});
  EXPECT_EQ(file->importable, std::vector<std::string>{"privacy"});
  EXPECT_EQ(file->preload, (std::vector<std::string>{"numpy", "numpy.random"}));
  EXPECT_FALSE(file->output.scrub);
  EXPECT_EQ(file->output.bytes_max, 64U << 10);
}

TEST(ToolSetFile, AServerIsReadWithItsOwnDefaults) {
  const auto file = parse_tool_set_file(R"(
command: [node, "node_modules/x/index.js", --flag]
environment: {MODE: quiet, EMPTY: ""}
server: {processes: 3, idle: 90s, start: 5s, cancelGrace: 10ms}
limits: {memory: 1Gi}
tools: {slow: {limits: {wall: 60s, cpu: 50s, output: 1Mi, inFlight: 1, queue: 3}}}
)",
                                        kFolder);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->server.command,
            (std::vector<std::string>{"node", "node_modules/x/index.js", "--flag"}));
  EXPECT_EQ(file->server.environment, (std::vector<std::string>{"MODE=quiet", "EMPTY="}));
  EXPECT_EQ(file->server.limits, (ServerLimits{.processes = 3,
                                               .idle = std::chrono::seconds{90},
                                               .start = std::chrono::seconds{5},
                                               .cancel_grace = std::chrono::milliseconds{10}}));
  EXPECT_EQ(file->server.place, "/srv/tools/log-analysis/toolset.yaml:2:10: command");
  EXPECT_EQ(file->limits.address_space_bytes, std::uint64_t{64} << 30);
  EXPECT_EQ(file->limits.open_files, 1024U);
  EXPECT_FALSE(parse_tool_set_file("", kFolder)->server);
}

TEST(ToolSetFile, ConnectionsHaveNamesAndCaps) {
  const auto file = parse_tool_set_file(R"(
connections:
  warehouse: {type: postgresql, rows: 10, bytes: 2Ki, time: 250ms, cost: 7, processes: 3}
  other_1: {type: postgresql}
)",
                                        kFolder);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  const Connections expected{{"other_1", {}},
                             {"warehouse",
                              {.rows = 10,
                               .bytes = 2048,
                               .time = std::chrono::milliseconds{250},
                               .cost = 7,
                               .processes = 3}}};
  EXPECT_EQ(file->connections, expected);
  EXPECT_TRUE(parse_tool_set_file("", kFolder)->connections.empty());
}

TEST(ToolSetFile, MoreConnectionsThanThereMayBeAreRefused) {
  std::string yaml = "connections:\n";
  for (int i = 0; i < 17; ++i) {
    yaml += fmt::format("  c{}: {{type: postgresql}}\n", i);
  }
  EXPECT_NE(problem_of(yaml).find("toolset.yaml:18:8: connections.c16: more than 16 connections"),
            std::string::npos)
      << problem_of(yaml);
}

TEST(ToolSetFile, EmptyFileMeansDefaults) {
  const auto file = parse_tool_set_file("", kFolder);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->limits.wall, std::chrono::seconds{30});
  EXPECT_EQ(file->limits.memory_bytes, 256U << 20);
  EXPECT_TRUE(file->data_mounts.empty());
}

TEST(ToolSetFile, UnknownKeyIsNamedWithItsPlaceAndTheLikelyOne) {
  const std::string problem = problem_of("description: x\nlimits:\n  memroy: 1Gi\n");
  EXPECT_NE(problem.find("toolset.yaml:3:3"), std::string::npos) << problem;
  EXPECT_NE(problem.find("did you mean memory?"), std::string::npos) << problem;
}

TEST(ToolSetFile, ProblemsAreNamed) {
  for (const auto& [yaml, word] : std::initializer_list<std::pair<const char*, const char*>>{
           {"limits: {memory: 1}", "memory"},
           {"limits: {memory: -5Mi}", "memory"},
           {"limits: {wall: 30}", "wall"},
           {"limits: {wall: never}", "wall"},
           {"limits: {inFlight: 0}", "inFlight"},
           {"limits: {memory: 1Gi, addressSpace: 512Mi}", "addressSpace"},
           {"dataMounts: [{name: a}]", "path"},
           {"dataMounts: [{path: /var/log}]", "name"},
           {"dataMounts: [{name: a/b, path: /var/log}]", "name"},
           {"dataMounts: [{name: a, path: /}]", "whole file system"},
           {"dataMounts: [{name: a, path: /../../}]", "whole file system"},
           {"dataMounts: [{name: a, path: /x}, {name: a, path: /y}]", "another"},
           {"dataMounts: [{name: a, path: /x, mode: rw}]", "mode"},
           {"importable: [os.path]", "module"},
           {"preload: [numpy.]", "preload: want names of modules"},
           {"preload: [a-b]", "preload: want names of modules"},
           {"codeMode: yes", "codeMode"},
           {"readyChildren: 65", "readyChildren"},
           {"readyChildren: -1", "readyChildren"},
           {"output: {maxBytes: 1}", "maxBytes"},
           {"requirements: requirements.txt", "beside this file"},
           {"command: []", "want a program"},
           {"command: [[node]]", "command[0]"},
           {"command: node", "command"},
           {"environment: {A: b}", "toolset.yaml:1:14: environment: goes with command alone"},
           {"server: {idle: 1m}", "server: goes with command alone"},
           {"command: [a]\nserver: {idel: 1m}", "toolset.yaml:2:10: server.idel"},
           {"command: [a]\nserver: {processes: 0}", "processes"},
           {"command: [a]\nenvironment: {'A-B': c}", "variable's name"},
           {"command: [a]\nenvironment: {HOME: /root}", "are set already"},
           {"command: [a]\ncodeMode: true", "toolset.yaml:2:11: codeMode: goes with Python files"},
           {"command: [a]\nreadyChildren: 2", "goes with Python files"},
           {"command: [a]\nimportable: [x]", "goes with Python files"},
           {"command: [a]\npreload: [x]", "goes with Python files"},
           {"command: [a]\ntools: {x: {limits: {memory: 1Gi}}}", "are the whole server's"},
           {"connections: {w: {}}", "toolset.yaml:1:18: connections.w: type is missing"},
           {"connections: {w: {type: mysql}}", "toolset.yaml:1:25: connections.w.type"},
           {"connections: {w: {type: postgresql, row: 1}}", "did you mean rows?"},
           {"connections: {w: {type: postgresql, rows: 0}}", "connections.w.rows"},
           {"connections: {w: {type: postgresql, bytes: 9Mi}}", "connections.w.bytes"},
           {"connections: {w: {type: postgresql, time: 1ms}}", "connections.w.time"},
           {"connections: {w: {type: postgresql, cost: 0}}", "connections.w.cost"},
           {"connections: {w: {type: postgresql, processes: 65}}", "connections.w.processes"},
           {"connections: {w: {type: postgresql, password: x}}", "password: unknown key"},
           {"connections: {A=b: {type: postgresql}}", "a connection's name is 1 to 64"},
           {"connections: [w]", "toolset.yaml:1:14: connections"},
           {"command: [a]\nconnections: {w: {type: postgresql}}", "goes with Python files"},
           {"output: {scrub: true}", "not supported"},
           {"description: [", "toolset.yaml:1"},
           {"- a\n- b", "toolset.yaml:1"}}) {
    EXPECT_NE(problem_of(yaml).find(word), std::string::npos) << yaml << " → " << problem_of(yaml);
  }
}

TEST(ToolSetFile, AFolderThatIsNoNameIsRefused) {
  EXPECT_FALSE(parse_tool_set_file("", "/srv/tools/a b").has_value());
  EXPECT_EQ(parse_tool_set_file("", "/srv/tools/a/")->name, "a");
  EXPECT_EQ(load_tool_set_file("/nonexistent/x").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace mcpgate::sandbox
