// Real servers in real confinement: a Python program that speaks MCP over its streams and behaves
// as the tool that is called says.

#include "sandboxd/stdio_servers.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "json/parse.h"
#include "sandboxd/catalogue.h"
#include "sandboxd/daemon_metrics.h"
#include "sandboxd/namespaces_test_support.h"
#include "sandboxd/run_tool.h"
#include "sandboxd/task_testing.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kServer = R"PY(
import json, os, socket, sys, threading, time

def send(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()

def answer(id, text):
    send(id=id, result={"content": [{"type": "text", "text": str(text)}]})

def attempt(function):
    try:
        return function() or "done"
    except OSError as error:
        return type(error).__name__ + " " + str(error.errno)

def read():
    return json.loads(sys.stdin.readline())

def ask(method):
    send(id="question", method=method, params={})
    reply = read()
    assert reply["id"] == "question", reply
    return reply.get("result", reply.get("error", {}).get("code"))

calls = 0

def call(id, name, arguments, token):
    global calls
    calls += 1
    if name == "count":
        return answer(id, f"{calls} {os.getpid()}")
    if name == "progress":
        send(method="notifications/progress", params={"progressToken": 999, "progress": 9})
        send(method="notifications/progress",
             params={"progressToken": token, "progress": 1, "total": 2, "message": "half"})
        send(method="notifications/message", params={"level": "info", "data": {"a": 1}})
        return answer(id, token == id)
    if name == "fail":
        return send(id=id, error={"code": -32602, "message": "no such thing"})
    if name == "junk":
        print("hello, world")
        print('{"jsonrpc":"2.0","id":1,"id":2}')
        print('[{"jsonrpc":"2.0","id":%d,"result":{}}]' % id)
        print('{"jsonrpc":"2.0","id":%d,"result":{},"error":{}}' % id)
        print('{"jsonrpc":"2.0","id":[1],"method":"x"}')
        print("[" * 100000)
        print("\xff\x00", flush=True)
        send(id=id + 1000, result={"content": []})
        send(id=str(id), result={"content": []})
        send(method="notifications/unheard-of", params={"x": 1})
        return answer(id, "all the same")
    if name == "ask":
        return answer(id, [ask(m) for m in ("ping", "sampling/createMessage", "roots/list")])
    if name == "flood":
        while True:
            sys.stdout.write("x" * 1000 + "\n")
    if name == "line":
        while True:
            sys.stdout.write("x" * 100000)
    if name == "chatter":
        while True:
            send(method="n")
    if name == "pings":  # and never reads the answers
        while True:
            sys.stdout.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 10)
            time.sleep(0.01)
    if name == "complain":
        for number in range(1000):
            print(f"line {number} \x1b[31m", file=sys.stderr)
        return answer(id, "complained")
    if name == "die":
        os._exit(3)
    if name == "deaf":
        sys.stdout.close()
        os.close(1)
        time.sleep(60)
    if name == "hang":
        time.sleep(60)
    if name == "obey":
        message = read()
        assert message["method"] == "notifications/cancelled", message
        assert message["params"]["requestId"] == id, message
        return send(id=id, error={"code": -1, "message": "as you like"})
    if name == "memory":
        block = bytearray(600 << 20)
        time.sleep(60)
    if name == "threads":
        for _ in range(100):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        time.sleep(60)
    if name == "spin":
        while True:
            pass
    if name == "confined":
        folder = os.getcwd()
        return answer(id, json.dumps({
            "execute": attempt(lambda: os.execv("/bin/true", ["true"])),
            "execute itself": attempt(lambda: os.execv("/usr/bin/python3", ["python3", "-V"])),
            "fork": attempt(os.fork),
            "network": attempt(lambda: socket.socket().close()),
            "signal": attempt(lambda: os.kill(os.getppid() or 1, 0)),
            "passwords": attempt(lambda: open("/etc/passwd").close()),
            "write the set": attempt(lambda: open(folder + "/more.py", "w").close()),
            "change the set": attempt(lambda: open(folder + "/server.py", "a").close()),
            "write": attempt(lambda: open(os.environ["TMPDIR"] + "/file", "w").close()),
            "arguments": sys.argv[1:],
            "mode": os.environ.get("MODE"),
            "variables": sorted(os.environ)}))
    answer(id, "unknown " + name)

def main():
    send(method="notifications/tools/list_changed")
    for line in sys.stdin:
        message = json.loads(line)
        method, id, params = message["method"], message.get("id"), message.get("params", {})
        if method == "initialize":
            print("starting", file=sys.stderr, flush=True)
            send(id=id, result={"protocolVersion": params["protocolVersion"],
                                "capabilities": {"tools": {}},
                                "serverInfo": {"name": "t", "version": "1"}})
        elif method == "tools/list":
            page = int(params.get("cursor", 0))
            tools = [{"name": f"tool{page}", "inputSchema": {"type": "object"}, "extra": 1}]
            send(id=id, result={"tools": tools} | ({"nextCursor": str(page + 1)} if page < 2 else {}))
        elif method == "tools/call":
            token = params.get("_meta", {}).get("progressToken")
            call(id, params["name"], params["arguments"], token)

main()
)PY";

constexpr const char* kSettings =
    "command: [python3, server.py, --flag]\n"
    "environment: {MODE: quiet}\n";

class RecordingEvents final : public EventSink {
 public:
  void on_progress(std::string_view json) override { said.emplace_back(json); }
  void on_log(std::string_view json) override { said.emplace_back(json); }
  std::optional<std::string> on_question(std::uint64_t /*n*/, std::string_view /*json*/) override {
    return std::nullopt;
  }
  std::vector<std::string> said;
};

class StdioServersTest : public testing::Test {
 protected:
  ~StdioServersTest() override {
    if (version_) {
      wait<int>(end(std::move(version_)));
    }
    EXPECT_TRUE(fs::is_empty(root_ / "scratch")) << "a server's files were left behind";
    fs::remove_all(root_);
  }
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    if (!name.starts_with("InStrict")) {
      return;
    }
    if (!namespaces_are_allowed()) {
      GTEST_SKIP() << "no namespaces may be made here";
    }
    profile_ = Profile::kStrict;
  }
  StdioServersTest() {
    std::string name = (fs::path(testing::TempDir()) / "stdio-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "set");
    fs::create_directories(root_ / "scratch");
  }

  static Task<int> end(std::shared_ptr<Version> version) {
    co_await version->servers->finish();
    co_await version->zygote->wait_until_idle(std::chrono::steady_clock::now() + 20s);
    co_return 0;
  }
  template <class T>
  T wait(Task<T> task) {
    return sandboxd::wait_for(loop_, std::move(task));
  }

  Expected<std::shared_ptr<Version>> load(const std::string& settings, const std::string& server) {
    std::ofstream(root_ / "set" / "toolset.yaml") << settings;
    std::ofstream(root_ / "set" / "server.py") << server;
    CatalogueOptions options{.tool_set = root_ / "set", .instance = "test"};
    EXPECT_TRUE(locate_installed(options.zygote));
    options.zygote.scratch = root_ / "scratch";
    options.zygote.profile = profile_;
    options.on_list_changed = [this] { ++list_changes_; };
    options.server_counts = counts_;
    return wait(load_version(loop_, std::move(options)));
  }
  void start(const std::string& more = "", const std::string& server = kServer) {
    auto loaded = load(kSettings + more, server);
    ASSERT_TRUE(loaded) << loaded.error().message;
    version_ = *std::move(loaded);
  }
  /// Why a set is not served.
  std::string refusal(const std::string& settings, const std::string& server) {
    auto loaded = load(settings, server);
    if (loaded) {
      wait<int>(end(*std::move(loaded)));
      return "served";
    }
    return loaded.error().message;
  }

  CallSpec spec(const std::string& tool, const std::string& user = "ada") {
    CallSpec call{.call_id = "call-" + std::to_string(next_++),
                  .tool = tool,
                  .user = user,
                  .identity = user,
                  .deadline = std::chrono::steady_clock::now() + 60s,
                  .limits = version_->limits};
    call.progress_wanted = true;
    return call;
  }
  CallOutcome run(CallSpec call) {
    auto outcome = wait(version_->run(std::move(call), events_));
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *std::move(outcome) : CallOutcome{};
  }
  CallOutcome run(const std::string& tool, const std::string& user = "ada") {
    return run(spec(tool, user));
  }
  std::string text(const CallOutcome& outcome) {
    json::Parser parser(1 << 20);
    const auto parsed = parser.parse(outcome.result);
    return parsed ? std::string((*parsed)["content"].at(0)["text"].get_string().value_unsafe())
                  : "no result: " + outcome.text + outcome.diagnostics;
  }
  /// What the server tried, and how each ended: the strings of what `confined` reports.
  static std::map<std::string, std::string> attempts_of(const std::string& report) {
    std::map<std::string, std::string> attempts;
    json::Parser parser(1 << 20);
    const auto parsed = parser.parse(report);
    const auto object = parsed ? json::as_object(*parsed) : std::nullopt;
    EXPECT_TRUE(object) << report;
    if (object) {
      for (const auto [what, how] : *object) {
        attempts.emplace(what, json::as_string(how).value_or(""));
      }
    }
    return attempts;
  }
  /// How it ended: `crashed: …`.
  static std::string ending(const CallOutcome& outcome) {
    return std::string(to_string(outcome.reason)) + ": " + outcome.text;
  }

  asio::io_context loop_;
  fs::path root_;
  Profile profile_ = Profile::kPod;
  std::shared_ptr<Version> version_;
  RecordingEvents events_;
  int list_changes_ = 0;
  std::shared_ptr<ServerCounts> counts_ = std::make_shared<ServerCounts>();
  int next_ = 1;
};

TEST_F(StdioServersTest, TheManifestIsWhatTheServerListsOnAllPages) {
  start();
  ASSERT_EQ(version_->manifest.tools.size(), 3U);
  EXPECT_EQ(version_->manifest.tools[2].name, "tool2");
  EXPECT_EQ(version_->manifest.tools[0].definition.find("extra"), std::string::npos);
  EXPECT_EQ(version_->manifest.profile, "pod+stdio");
  EXPECT_EQ(version_->servers->size(), 0U) << "the process that lists serves nobody";
}

TEST_F(StdioServersTest, EachUserHasAProcessThatRemembersAndNobodyElses) {
  start();
  const std::string ada = text(run("count"));
  const std::string pid = ada.substr(ada.find(' '));
  EXPECT_EQ(ada.substr(0, 2), "1 ");
  EXPECT_EQ(text(run("count")), "2" + pid);
  const std::string bob = text(run("count", "bob"));
  EXPECT_EQ(bob.substr(0, 2), "1 ");
  EXPECT_NE(bob.substr(1), pid);
  EXPECT_EQ(text(run("count")), "3" + pid);
  EXPECT_EQ(version_->servers->size(), 2U);
}

TEST_F(StdioServersTest, ProgressLogsErrorsAndUsagePassThrough) {
  start();
  const CallOutcome outcome = run("progress");
  EXPECT_EQ(text(outcome), "True");
  EXPECT_EQ(events_.said, (std::vector<std::string>{R"({"progress":1,"total":2,"message":"half"})",
                                                    R"({"level":"info","message":{"a": 1}})"}));
  EXPECT_GT(outcome.usage.peak_rss_bytes, 1U << 20);
  EXPECT_GT(outcome.usage.output_bytes, 100U);
  const CallOutcome failed = run("fail");
  EXPECT_EQ(failed.reason, EndReason::kNone);
  EXPECT_EQ(text(failed), "no such thing (JSON-RPC error -32602)");
  EXPECT_NE(failed.result.find(R"("isError":true)"), std::string::npos);
}

TEST_F(StdioServersTest, ProcessesAreCountedFromStartToEnd) {
  start();
  EXPECT_EQ(counts_->started, 1U) << "the one that lists";
  run("count");
  run("count", "bob");
  EXPECT_EQ(counts_->living(), 2U);
  run("die", "bob");
  EXPECT_EQ(counts_->living(), 1U);
  EXPECT_EQ(counts_->started, 3U);
  const std::string text = DaemonMetrics().write({.servers = *counts_});
  EXPECT_NE(text.find("\nmcpgate_sandbox_servers 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("_servers_ended_total{reason=\"stopped\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("_servers_ended_total{reason=\"crashed\"} 1\n"), std::string::npos) << text;
}

TEST_F(StdioServersTest, WhatIsNoAnswerIsPassedOver) {
  start();
  EXPECT_EQ(text(run("junk")), "all the same");
  EXPECT_EQ(text(run("complain")), "complained");
  EXPECT_EQ(text(run("count")).substr(0, 2), "3 ");
}

TEST_F(StdioServersTest, WhatItComplainsOfIsLoggedUntilItGetsArguments) {
  testing::internal::CaptureStderr();
  start();
  EXPECT_EQ(text(run("complain")), "complained");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("its server: starting"), std::string::npos) << log;
  EXPECT_EQ(log.find("line 7"), std::string::npos) << log;
}

TEST_F(StdioServersTest, RequestsOfTheServerAreAnsweredPrecisely) {
  start();
  EXPECT_EQ(text(run("ask")), "[{}, -32601, -32601]");
}

TEST_F(StdioServersTest, AServerThatMisbehavesIsEndedWithItsReasonAndTheNextCallHasAnother) {
  start("limits: {memory: 200Mi, output: 512Ki, cpu: 1s, threads: 20}\n");
  for (const auto& [tool, ending_wanted] :
       std::initializer_list<std::pair<const char*, const char*>>{
           {"flood", "output: said more than 524288 bytes"},
           {"line", "output: said more than 524288 bytes"},
           {"chatter", "killed: sent more than 2000 messages in a second"},
           {"die", "crashed: ended without an answer: exited with 3"},
           {"deaf", "crashed: closed its standard output and did not exit"},
           {"memory", "memory: used more than 200 MiB of memory"},
           {"threads", "killed: started more than 20 threads"},
           {"spin", "cpu: used more than 1 s of CPU time"}}) {
    EXPECT_EQ(ending(run(tool)), ending_wanted);
    EXPECT_EQ(text(run("count")).substr(0, 2), "1 ") << "after " << tool;
  }
}

TEST_F(StdioServersTest, AServerThatDoesNotReadIsEnded) {
  start("limits: {output: 64Mi, wall: 3s}\n");
  const CallOutcome outcome = run("pings");
  EXPECT_TRUE(outcome.reason == EndReason::kKilled || outcome.reason == EndReason::kTimeout)
      << ending(outcome);
}

TEST_F(StdioServersTest, TheDeadlineEndsTheProcessUnlessItAnswersTheCancellation) {
  const auto run_shortly = [this](const std::string& tool) {
    CallSpec call = spec(tool);
    call.deadline = std::chrono::steady_clock::now() + 1s;
    return run(std::move(call));
  };
  start("server: {cancelGrace: 10s}\n");
  EXPECT_EQ(text(run("count")).substr(0, 2), "1 ");
  EXPECT_EQ(ending(run_shortly("obey")), "timeout: did not answer in time");
  EXPECT_EQ(text(run("count")).substr(0, 2), "3 ") << "it obeyed, so it lives";
  version_.reset();
  start("server: {cancelGrace: 10ms}\n");
  EXPECT_EQ(text(run("count")).substr(0, 2), "1 ");
  EXPECT_EQ(ending(run_shortly("hang")), "timeout: did not answer in time");
  EXPECT_EQ(text(run("count")).substr(0, 2), "1 ") << "it did not, so it is dead";
}

TEST_F(StdioServersTest, ACallIsCancelledWhetherItRunsOrWaitsForItsTurn) {
  start();
  CallSpec first = spec("hang");
  CallSpec second = spec("count");
  const std::string first_id = first.call_id;
  const std::string second_id = second.call_id;
  std::vector<std::string> endings;
  const auto note = [&](const std::exception_ptr& /*error*/, const Expected<CallOutcome>& outcome) {
    endings.push_back(outcome ? ending(*outcome) : outcome.error().message);
  };
  asio::co_spawn(loop_, version_->run(std::move(first), events_), note);
  asio::co_spawn(loop_, version_->run(std::move(second), events_), note);
  asio::steady_timer later(loop_, 300ms);
  later.async_wait([&](const boost::system::error_code& /*error*/) {
    version_->cancel("no such call");
    version_->cancel(second_id);
    version_->cancel(first_id);
  });
  loop_.restart();
  while (endings.size() < 2) {
    loop_.run_one();
  }
  EXPECT_EQ(endings, (std::vector<std::string>{"killed: cancelled", "killed: cancelled"}));
}

TEST_F(StdioServersTest, ACallThatIsCancelledAsItsTurnComesNeverRuns) {
  start();
  CallSpec second = spec("count");
  const std::string second_id = second.call_id;
  int ended = 0;
  std::string ending_of_second;
  asio::co_spawn(loop_, version_->run(spec("count"), events_),
                 [&](const std::exception_ptr& /*error*/, Expected<CallOutcome> /*outcome*/) {
                   ++ended;
                   version_->cancel(second_id);  // It has the turn, and does not know it yet.
                 });
  asio::co_spawn(loop_, version_->run(std::move(second), events_),
                 [&](const std::exception_ptr& /*error*/, Expected<CallOutcome> outcome) {
                   ++ended;
                   ending_of_second = outcome ? ending(*outcome) : outcome.error().message;
                 });
  loop_.restart();
  while (ended < 2) {
    loop_.run_one();
  }
  EXPECT_EQ(ending_of_second, "killed: cancelled");
  EXPECT_EQ(text(run("count")).substr(0, 2), "2 ");
}

TEST_F(StdioServersTest, AnIdleProcessIsEndedAndTheOldestGivesItsPlace) {
  start("server: {idle: 200ms, processes: 2}\n");
  EXPECT_EQ(text(run("count", "ada")).substr(0, 2), "1 ");
  EXPECT_EQ(text(run("count", "bob")).substr(0, 2), "1 ");
  EXPECT_EQ(text(run("count", "eve")).substr(0, 2), "1 ");
  EXPECT_LE(version_->servers->size(), 2U);
  const auto until = std::chrono::steady_clock::now() + 60s;
  loop_.restart();
  while (version_->servers->size() > 0 && std::chrono::steady_clock::now() < until) {
    loop_.run_one_for(100ms);
  }
  EXPECT_EQ(version_->servers->size(), 0U);
  EXPECT_EQ(text(run("count", "ada")).substr(0, 2), "1 ");
}

TEST_F(StdioServersTest, WhileAllProcessesWorkTheNextUserIsTurnedAway) {
  start("server: {processes: 1}\n");
  CallSpec first = spec("hang");
  const std::string id = first.call_id;
  bool over = false;
  asio::co_spawn(
      loop_, version_->run(std::move(first), events_),
      [&](const std::exception_ptr& /*e*/, const Expected<CallOutcome>& /*o*/) { over = true; });
  loop_.restart();
  loop_.run_for(10ms);
  const auto second = wait(version_->run(spec("count", "bob"), events_));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kResourceExhausted);
  version_->cancel(id);
  loop_.restart();
  while (!over) {
    loop_.run_one();
  }
}

TEST_F(StdioServersTest, TheProcessIsConfined) {
  start();
  const std::string report = text(run("confined"));
  auto attempts = attempts_of(report);
  for (const auto& [what, how] : std::initializer_list<std::pair<const char*, const char*>>{
           {"execute", "PermissionError 1"},
           {"execute itself", "PermissionError 1"},
           {"fork", "PermissionError 1"},
           {"network", "PermissionError 1"},
           {"signal", "PermissionError 1"},
           {"passwords", "PermissionError 13"},
           {"write the set", "PermissionError 13"},
           {"change the set", "PermissionError 13"},
           {"write", "done"},
           {"mode", "quiet"}}) {
    EXPECT_EQ(attempts[what], how) << what;
  }
  EXPECT_NE(report.find(R"("arguments": ["--flag"])"), std::string::npos) << report;
}

/// The same, but that no path of others is there at all, and that the process ends its namespace.
TEST_F(StdioServersTest, InStrictTheProcessIsConfinedAndServesAsEver) {
  start();
  EXPECT_EQ(version_->manifest.profile, "strict+stdio");
  auto attempts = attempts_of(text(run("confined")));
  for (const auto& [what, how] : std::initializer_list<std::pair<const char*, const char*>>{
           {"execute", "PermissionError 1"},
           {"execute itself", "PermissionError 1"},
           {"fork", "PermissionError 1"},
           {"network", "PermissionError 1"},
           {"passwords", "FileNotFoundError 2"},
           {"write", "done"}}) {
    EXPECT_EQ(attempts[what], how) << what;
  }
  for (const char* what : {"write the set", "change the set"}) {
    EXPECT_NE(attempts[what], "done") << what << ": Landlock and the mount refuse it";
  }
  EXPECT_EQ(text(run("count")), "2 1") << "the second call, in the first process of its namespace";
  EXPECT_EQ(text(run("count", "bob")), "1 1");
  run("die", "bob");
  EXPECT_EQ(text(run("count")), "3 1") << "a process ended its user's alone";
  EXPECT_EQ(counts_->living(), 1U);
}

TEST_F(StdioServersTest, AChangeOfTheToolsIsHeardButNotBeforeTheHandshake) {
  std::string server = kServer;
  server.replace(server.find("    answer(id, \"unknown \""), 0,
                 "    if name == 'change':\n"
                 "        send(method='notifications/tools/list_changed')\n"
                 "        return answer(id, 'changed')\n");
  start("", server);
  EXPECT_EQ(text(run("count")).substr(0, 2), "1 ");
  EXPECT_EQ(list_changes_, 0);
  EXPECT_EQ(text(run("change")), "changed");
  EXPECT_EQ(list_changes_, 1);
}

TEST_F(StdioServersTest, WhatCannotBeServedIsSaid) {
  const std::string answer_all =
      "import json, sys\n"
      "for line in sys.stdin:\n"
      "    m = json.loads(line)\n"
      "    if 'id' in m: print(json.dumps({'jsonrpc':'2.0','id':m['id'],**answer(m)}), "
      "flush=True)\n";
  const auto with = [&](const std::string& body) {
    return "def answer(m):\n    " + body + "\n" + answer_all;
  };
  const std::string good =
      "if m['method'] == 'initialize': return {'result': {'protocolVersion': '2025-06-18', "
      "'capabilities': {'tools': {}}}}\n    ";
  const std::string fast = std::string(kSettings) + "server: {start: 2s}\n";
  for (const auto& [settings, server, why] :
       std::initializer_list<std::tuple<std::string, std::string, const char*>>{
           {"command: [no-such-program]", "",
            "toolset.yaml:1:10: command: no-such-program: no such"},
           {"command: [./server.py]", "#!/usr/bin/python3\n", "is a script; name its interpreter"},
           {"command: [./server.py]", "x", "is not a program"},
           {kSettings, "import os; os._exit(4)", "exited with 4"},
           {kSettings, "raise SystemExit('my own words')", "my own words"},
           {fast, "import time; time.sleep(60)", "did not answer in time (at its start)"},
           {kSettings, with("return {'error': {'code': 1, 'message': 'never'}}"), "never"},
           {kSettings, with("return {'result': {}}"), "no protocolVersion"},
           {kSettings,
            with("return {'result': {'protocolVersion': '2026-07-28', 'capabilities': {}}}"),
            "revision of MCP that is not spoken"},
           {kSettings,
            with("return {'result': {'protocolVersion': '2025-06-18', 'capabilities': {}}}"),
            "has no tools"},
           {kSettings, with(good + "return {'result': {'tools': 1}}"), "no list of tools"},
           {kSettings, with(good + "return {'result': {'tools': [], 'nextCursor': 'x'}}"),
            "a page that comes again"},
           {kSettings, with(good + "return {'result': {'tools': [{'name': 'a b'}]}}"),
            "name: want"},
           {std::string(kSettings) + "tools: {x: {}}\n", kServer, "tools.x: no such tool"}}) {
    const std::string said = refusal(settings, server);
    EXPECT_NE(said.find(why), std::string::npos) << server << " → " << said;
  }
}

}  // namespace
}  // namespace mcpgate::sandboxd
