// Real tools in real children: each test writes Python, calls it, and looks at how it ended.

#include "sandboxd/zygote.h"

#include <dirent.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "json/parse.h"
#include "sandbox/execute.h"
#include "sandboxd/namespaces_test_support.h"
#include "sandboxd/task_testing.h"
#include "sandboxd/workspaces.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class RecordingSink final : public EventSink {
 public:
  void on_progress(std::string_view json) override { progress.emplace_back(json); }
  void on_log(std::string_view json) override { logs.emplace_back(json); }
  std::optional<std::string> on_question(std::uint64_t number, std::string_view json) override {
    questions.emplace_back(std::to_string(number) + " " + std::string(json));
    if (ask) {
      ask(number);
      return std::nullopt;
    }
    return NoEvents().on_question(number, json);
  }
  std::vector<std::string> progress;
  std::vector<std::string> logs;
  std::vector<std::string> questions;
  /// Answers later; without it nobody can be asked.
  std::function<void(std::uint64_t)> ask;
};

constexpr const char* kPrelude = "from mcpgate import *\nimport os, sys, time\n";

/// A tool set of one file, `t.py`, and a zygote that serves it.
class ZygoteTest : public testing::Test {
 protected:
  ~ZygoteTest() override {
    if (root_.empty()) {
      return;  // skipped
    }
    if (zygote_) {
      idle();
      zygote_.reset();
    }
    workspaces_.reset();
    loop_.restart();
    loop_.poll();
    EXPECT_TRUE(fs::is_empty(root_ / "scratch")) << "a call's files were left behind";
    fs::remove_all(root_);
  }

  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    if (name.starts_with("InStrict") && !namespaces_are_allowed()) {
      GTEST_SKIP() << "no namespaces may be made here";
    }
  }
  void start(const std::string& source, Profile profile = Profile::kPod) {
    start_with({{"t.py", kPrelude + source}}, profile);
  }
  void start_with(std::map<std::string, std::string> sources, Profile profile = Profile::kPod) {
    std::string name = (fs::path(testing::TempDir()) / "zygote-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(root_ / "set");
    fs::create_directories(root_ / "scratch");
    fs::permissions(root_ / "scratch", fs::perms::owner_all);
    ZygoteOptions options;
    const auto located = locate_installed(options);
    ASSERT_TRUE(located) << located.error().message;
    options.profile = profile;
    options.allow_missing = allow_missing_;
    options.landlock_abi_max = landlock_abi_max_;
    options.memory_bytes = memory_bytes_;
    options.recycle = recycle_;
    options.ping_interval = ping_interval_;
    options.tasks = tasks_;
    options.mounts = {root_ / "data"};
    fs::create_directories(root_ / "data");
    options.tool_set = root_ / "set";
    options.scratch = root_ / "scratch";
    auto opened = Workspaces::open(loop_, root_ / "workspaces", "demo", workspace_limits_);
    ASSERT_TRUE(opened) << opened.error().message;
    workspaces_ = *std::move(opened);
    options.workspaces = workspaces_->path();
    options.sources = std::move(sources);
    auto started = wait_for(loop_, Zygote::start(loop_, std::move(options)));
    if (refusal_wanted_) {
      ASSERT_FALSE(started);
      EXPECT_EQ(started.error().code, ErrorCode::kFailedPrecondition);
      refusal_ = started.error().message;
      return;
    }
    ASSERT_TRUE(started) << started.error().message;
    zygote_ = std::move(*started);
  }

  /// Until what answered is gone, too.
  void idle() {
    bool done = false;
    asio::co_spawn(loop_, zygote_->wait_until_idle(std::chrono::steady_clock::now() + 10s),
                   [&done](const std::exception_ptr& /*error*/) { done = true; });
    loop_.restart();
    while (!done) {
      loop_.run_one();
    }
  }

  CallSpec spec(const std::string& tool, const std::string& arguments = "{}") {
    return {.call_id = "call-" + std::to_string(next_++),
            .tool = tool,
            .file = "t.py",
            .arguments = arguments,
            .user = "ada",
            .deadline = std::chrono::steady_clock::now() + 60s,
            .limits = limits_};
  }
  std::shared_ptr<const Workspace> workspace_of(const std::string& user) {
    auto entered = wait_for(loop_, workspaces_->enter("mcpgate:keys", user));
    EXPECT_TRUE(entered) << entered.error().message;
    return entered.value_or(nullptr);
  }
  /// A call in the workspace of `user`.
  CallOutcome run_for(const std::string& user, const std::string& tool,
                      const std::string& arguments = "{}") {
    CallSpec call = spec(tool, arguments);
    call.workspace = workspace_of(user);
    return run(std::move(call));
  }
  CallOutcome run(CallSpec call) {
    auto outcome = wait_for(loop_, zygote_->run(std::move(call), sink_));
    idle();
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? std::move(*outcome) : CallOutcome{};
  }
  CallOutcome run(const std::string& tool, const std::string& arguments = "{}") {
    return run(spec(tool, arguments));
  }
  void expect_workspaces_to_work(bool private_tree);
  /// The same where others are in flight, for which it does not wait.
  CallOutcome run_alone(const std::string& tool) {
    auto outcome = wait_for(loop_, zygote_->run(spec(tool), sink_));
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? std::move(*outcome) : CallOutcome{};
  }
  /// The text of the first content block.
  static std::string text(const CallOutcome& outcome) {
    json::Parser parser(1 << 26);
    const auto parsed = parser.parse(outcome.result);
    if (!parsed) {
      return "no result: " + outcome.text + outcome.diagnostics;
    }
    return std::string((*parsed)["content"].at(0)["text"].get_string().value_unsafe());
  }

  asio::io_context loop_;
  fs::path root_;
  std::unique_ptr<Zygote> zygote_;
  RecordingSink sink_;
  Limits limits_;
  LayerBits allow_missing_ = 0;
  std::uint64_t memory_bytes_ = std::uint64_t{4} << 30;
  sandbox::RecycleLimits recycle_;
  std::chrono::milliseconds ping_interval_{5000};
  std::uint64_t tasks_ = 4096;
  int landlock_abi_max_ = kLandlockAbiAny;
  sandbox::WorkspaceLimits workspace_limits_{.bytes = 1 << 20, .files = 10};
  std::shared_ptr<Workspaces> workspaces_;
  /// start() is to be refused; the reason it gives.
  bool refusal_wanted_ = false;
  std::string refusal_;
  int next_ = 1;
};

// ---- What a call gets and gives

TEST_F(ZygoteTest, ATypedFunctionAnswers) {
  start("@tool\ndef add(a: int, b: int = 2) -> int:\n    return a + b\n");
  EXPECT_EQ(run("add", R"({"a":40})").result,
            R"({"content":[{"type":"text","text":"42"}],"structuredContent":{"result":42}})");
}

TEST_F(ZygoteTest, UsageIsCounted) {
  start(
      "@tool\ndef spin() -> str:\n    e = time.process_time() + 0.05\n"
      "    while time.process_time() < e: pass\n    return 'x'\n");
  const CallOutcome outcome = run("spin");
  EXPECT_EQ(outcome.reason, EndReason::kNone);
  EXPECT_GE(outcome.usage.cpu_ms, 50U);
  EXPECT_GE(outcome.usage.wall_ms, 50U);
  EXPECT_GT(outcome.usage.peak_rss_bytes, 4U << 20);
  EXPECT_GT(outcome.usage.output_bytes, outcome.result.size());
}

TEST_F(ZygoteTest, ContextKnowsTheCallAndReports) {
  start(
      "@tool\ndef f(ctx: Context) -> dict:\n"
      "    ctx.progress(1, 2, 'half'); ctx.info('hello')\n"
      "    return {'user': ctx.user, 'id': ctx.call_id, 'left': 5 < ctx.time_left <= 30,\n"
      "            'data': (ctx.mounts['data'] / 'x').read_text(), 'n': len(ctx.mounts)}\n");
  fs::create_directories(root_ / "data");
  std::ofstream(root_ / "data/x") << "mounted";
  CallSpec call = spec("f");
  call.progress_wanted = true;
  call.mounts = {{"data", root_ / "data"}, {"missing", root_ / "nothing"}};
  const CallOutcome outcome = run(std::move(call));
  EXPECT_EQ(text(outcome), R"({"user":"ada","id":"call-1","left":true,"data":"mounted","n":1})");
  EXPECT_EQ(sink_.progress,
            std::vector<std::string>{R"({"progress":1,"total":2,"message":"half"})"});
  EXPECT_EQ(sink_.logs, std::vector<std::string>{R"({"level":"info","message":"hello"})"});
}

TEST_F(ZygoteTest, PrintsAreDiagnosticsAndNeverResults) {
  start("@tool\ndef f() -> str:\n    print('out'); print('err', file=sys.stderr); return 'r'\n");
  const CallOutcome outcome = run("f");
  EXPECT_EQ(text(outcome), "r");
  EXPECT_EQ(outcome.diagnostics, "out\nerr\n");
}

TEST_F(ZygoteTest, AsyncToolsRun) {
  start(
      "import asyncio\n@tool\nasync def f(ctx: Context) -> str:\n"
      "    await asyncio.sleep(0.001); await ctx.info('x'); return 'awaited'\n");
  EXPECT_EQ(text(run("f")), "awaited");
}

TEST_F(ZygoteTest, ThreadsRunAndMayBeLeft) {
  start(
      "import threading\n@tool\ndef f() -> str:\n"
      "    threading.Thread(target=lambda: time.sleep(100), daemon=False).start()\n"
      "    return str(threading.active_count())\n");
  const CallOutcome outcome = run("f");
  EXPECT_EQ(text(outcome), "2");
  EXPECT_LT(outcome.usage.wall_ms, 50'000U) << "nobody waits for the thread";
}

TEST_F(ZygoteTest, ModulesOfTheSetImportEachOtherFromTheHashedBytes) {
  start_with({{"t.py",
               "from mcpgate import tool\nfrom helpers.deep import word\nimport side\n"
               "@tool\ndef f() -> str:\n    return word() + side.W\n"},
              {"side.py", "W = '!'\n"},
              {"helpers/deep.py", "from .more import W\ndef word(): return W\n"},
              {"helpers/more.py", "W = 'deep'\n"}});
  std::ofstream(root_ / "set/side.py") << "W = 'changed on disk'\n";
  EXPECT_EQ(text(run("f")), "deep!");
}

TEST_F(ZygoteTest, DescribeListsToolsInOrderAndReportsBrokenFilesBesideThem) {
  start_with({{"b.py",
               "from mcpgate import tool\n@tool\ndef z(): 'Z.'\n@tool(timeout=2)\ndef a(): 'A.'\n"},
              {"a.py", "def broken(:\n"},
              {"c.py", "from mcpgate import tool\n@tool\ndef w(x: complex): pass\n"},
              {"d.py", "1/0\n"},
              {"e.py", "from mcpgate import tool\n@tool\ndef a(): pass\n"},
              {"json.py", "pass\n"},
              {"_helper.py", "1/0\n"}});
  const auto outcome = wait_for(loop_, zygote_->describe(limits_));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(
      outcome->result,
      R"j({"tools":[{"file":"b.py","definition":{"name":"z","description":"Z.","inputSchema":)j"
      R"j({"type":"object","properties":{},"additionalProperties":false}}},)j"
      R"j({"file":"b.py","definition":{"name":"a","description":"A.","inputSchema":)j"
      R"j({"type":"object","properties":{},"additionalProperties":false}},"timeoutMs":2000}],)j"
      R"j("resources":[],"prompts":[],)j"
      R"j("errors":[{"file":"a.py","error":"SyntaxError: invalid syntax (line 1)"},)j"
      R"j({"file":"c.py","error":"c.py: w(): parameter 'x': builtins.complex has no JSON form; )j"
      R"j(use a dataclass, a TypedDict or one of JSON's own types"},)j"
      R"j({"file":"d.py","error":"ZeroDivisionError: division by zero"},)j"
      R"j({"file":"e.py","error":"tool 'a' is declared in b.py already"},)j"
      R"j({"file":"json.py","error":"json.py has the name of one of Python's own modules; )j"
      R"j(rename it"}]})j");
}

// ---- Workspaces

constexpr const char* kKeeper = R"(
@tool(workspace=True)
def keep(name: str, size: int, ctx: Context) -> str:
    with open(ctx.workspace / name, 'wb') as file: file.write(b'x' * size)
    return str(ctx.workspace)
@tool(workspace=True)
def fill(ctx: Context) -> str:
    for n in range(10000):
        with open(ctx.workspace / str(n % 8), 'ab') as file: file.write(b'x' * 50000)
        time.sleep(0.01)
    return 'never'
@tool(workspace=True)
def names(ctx: Context) -> str:
    return ' '.join(sorted(os.listdir(ctx.workspace)))
@tool(workspace=True)
def remove(name: str, ctx: Context) -> str:
    os.unlink(ctx.workspace / name)
    return 'removed'
@tool
def without(ctx: Context) -> str:
    return str(ctx.workspace)
@tool
def try_path(path: str) -> str:
    answers = []
    for attempt in (os.listdir, os.stat, lambda p: open(p + '/note').close(),
                    lambda p: open(p + '/new', 'w').close()):
        try: attempt(path); answers.append('done')
        except OSError as error: answers.append(type(error).__name__)
    return ' '.join(answers)
)";

void ZygoteTest::expect_workspaces_to_work(bool private_tree) {
  EXPECT_NE(text(run_for("ada", "keep", R"({"name":"note","size":3})")), "");
  EXPECT_EQ(text(run_for("ada", "names")), "note");
  EXPECT_EQ(text(run_for("bob", "names")), "");
  EXPECT_EQ(text(run("without")),
            "this tool has no workspace: declare it with @tool(workspace=True)");
  const std::string name = workspace_of("ada")->name();
  const auto expect_tried = [&](const std::string& path, const std::string& expected) {
    const std::string arguments = R"({"path":")" + path + "\"}";
    EXPECT_EQ(text(run("try_path", arguments)), expected);
    EXPECT_EQ(text(run_for("bob", "try_path", arguments)), expected);
  };
  const std::string denied = "PermissionError PermissionError PermissionError PermissionError";
  const std::string unknown =
      "FileNotFoundError FileNotFoundError FileNotFoundError FileNotFoundError";
  // In pod nothing hides a path that is known from stat(2).
  expect_tried(workspaces_->path() / name,
               private_tree ? unknown : "PermissionError done PermissionError PermissionError");
  expect_tried(std::string(kHiddenWorkspacesPath) + "/" + name, private_tree ? denied : unknown);
}

TEST_F(ZygoteTest, AWorkspaceIsItsUsersAlone) {
  start(kKeeper);
  expect_workspaces_to_work(false);
}

TEST_F(ZygoteTest, InStrictAWorkspaceIsItsUsersAlone) {
  start(kKeeper, Profile::kStrict);
  EXPECT_EQ(text(run_for("ada", "keep", R"({"name":"x","size":1})")), kPrivateWorkspacePath);
  EXPECT_EQ(text(run_for("ada", "remove", R"({"name":"x"})")), "removed");
  expect_workspaces_to_work(true);
}

TEST_F(ZygoteTest, AboveItsLimitsAWorkspaceCanBeReadAndEmptied) {
  start(kKeeper);
  EXPECT_EQ(run_for("ada", "keep", R"({"name":"a","size":400000})").reason, EndReason::kNone);
  const CallOutcome over = run_for("ada", "keep", R"({"name":"b","size":900000})");
  EXPECT_EQ(over.reason, EndReason::kOutput);
  EXPECT_EQ(over.text, "left more than 1Mi in its workspace");
  EXPECT_EQ(over.result, "");
  EXPECT_EQ(text(run_for("ada", "names")), "a b");
  for (const char* write : {R"({"name":"c","size":1})", R"({"name":"a","size":1})"}) {
    const CallOutcome refused = run_for("ada", "keep", write);
    EXPECT_EQ(refused.reason, EndReason::kNone);
    EXPECT_NE(text(refused).find("PermissionError"), std::string::npos) << text(refused);
  }
  EXPECT_EQ(text(run_for("ada", "remove", R"({"name":"b"})")), "removed");
  EXPECT_EQ(run_for("ada", "keep", R"({"name":"c","size":1})").reason, EndReason::kNone);
}

TEST_F(ZygoteTest, AWorkspaceIsWatchedWhileACallFillsIt) {
  start(kKeeper);
  const CallOutcome outcome = run_for("ada", "fill");
  EXPECT_EQ(outcome.reason, EndReason::kOutput);
  EXPECT_EQ(outcome.text, "left more than 1Mi in its workspace");
  EXPECT_LT(outcome.usage.wall_ms, 50'000U) << "long before it would have ended";
}

TEST_F(ZygoteTest, FilesOfAWorkspaceAreCounted) {
  start(kKeeper);
  for (int n = 0; n < 10; ++n) {
    EXPECT_EQ(run_for("ada", "keep", R"({"size":0,"name":"f)" + std::to_string(n) + "\"}").reason,
              EndReason::kNone);
  }
  const CallOutcome outcome = run_for("ada", "keep", R"({"size":0,"name":"more"})");
  EXPECT_EQ(outcome.reason, EndReason::kOutput);
  EXPECT_EQ(outcome.text, "left more than 10 files and folders in its workspace");
}

TEST_F(ZygoteTest, WithoutLandlockAFullWorkspaceGetsNoCall) {
  landlock_abi_max_ = 0;
  allow_missing_ = layer_bit(Layer::kLandlock);
  start(kKeeper);
  EXPECT_EQ(run_for("ada", "keep", R"({"name":"a","size":2000000})").reason, EndReason::kOutput);
  const CallOutcome outcome = run_for("ada", "names");
  EXPECT_EQ(outcome.reason, EndReason::kOutput);
  EXPECT_EQ(outcome.text, "its workspace holds more than it may");
}

// Between the daemon's look and the child's, somebody put another folder in its place.
TEST_F(ZygoteTest, AnotherFolderInAWorkspacesPlaceEndsTheCall) {
  start(kKeeper);
  CallSpec call = spec("names");
  call.workspace = workspace_of("ada");
  const fs::path path = call.workspace->path();
  fs::rename(path, root_ / "moved");
  fs::create_directory(path);
  const CallOutcome outcome = run(std::move(call));
  EXPECT_EQ(outcome.reason, EndReason::kKilled);
  EXPECT_NE(outcome.text.find("landlock"), std::string::npos) << outcome.text;
}

TEST_F(ZygoteTest, AChildThatWaitsIsNotForACallWithAWorkspace) {
  start(kKeeper);
  zygote_->keep_ready(1, limits_, {});
  EXPECT_EQ(text(run_for("ada", "names")), "");
  EXPECT_EQ(zygote_->ready_children(), 1U);
}

// ---- Questions

TEST_F(ZygoteTest, ACallAsksOneAfterTheOtherAndGetsItsAnswers) {
  start(
      "@tool\ndef f(ctx: Context) -> dict:\n"
      "    a = ctx.call_tool('other', {'n': 1})\n"
      "    b = ctx.elicit('sure?', {'type': 'object'})\n"
      "    c = ctx.sample('say')\n"
      "    return {'a': a.data, 'b': b.accepted, 'c': c.text}\n");
  const auto reply = [this](std::uint64_t number, std::string_view result) {
    const auto given = zygote_->reply("call-1", number,
                                      sandbox::write_reply({.number = number, .result = result}));
    EXPECT_TRUE(given) << given.error().message;
  };
  sink_.ask = [&](std::uint64_t number) {
    EXPECT_EQ(zygote_->reply("call-1", number + 1, "{}").error().code,
              ErrorCode::kFailedPrecondition);
    EXPECT_EQ(zygote_->reply("call-7", number, "{}").error().code, ErrorCode::kNotFound);
    reply(number, number == 1 ? R"({"content":[],"structuredContent":{"result":42}})"
                  : number == 2
                      ? R"({"inputResponses":{"question-1":{"action":"accept","content":{}}}})"
                      : R"({"inputResponses":{"question-2":)"
                        R"({"role":"assistant","content":{"type":"text","text":"ok"}}}})");
    EXPECT_EQ(zygote_->reply("call-1", number, "{}").error().code, ErrorCode::kFailedPrecondition)
        << "answered already";
  };
  EXPECT_EQ(text(run("f")), R"({"a":42,"b":true,"c":"ok"})");
  ASSERT_EQ(sink_.questions.size(), 3U);
  EXPECT_EQ(sink_.questions[0],
            R"(1 {"method":"tools/call","params":{"name":"other","arguments":{"n":1}}})");
}

TEST_F(ZygoteTest, WhereNobodyCanBeAskedTheToolIsTold) {
  start("@tool\ndef f(ctx: Context) -> str:\n    return ctx.call_tool('other').text\n");
  EXPECT_EQ(text(run("f")), "nobody can be asked during this call");
}

TEST_F(ZygoteTest, ACallThatWaitsForAnAnswerEndsAtItsDeadline) {
  start("@tool\ndef f(ctx: Context) -> str:\n    return ctx.call_tool('other').text\n");
  sink_.ask = [](std::uint64_t /*number*/) {};
  limits_.wall = 300ms;
  EXPECT_EQ(run("f").reason, EndReason::kTimeout);
}

// Bytes that are still on their way to a child that does not read must not mix with a reply.
TEST_F(ZygoteTest, AReplyWaitsForTheRequestBeforeIt) {
  start(
      "@tool\ndef f(text: str, ctx: Context) -> str:\n"
      "    return str(len(text)) + ctx.call_tool('other').text\n");
  sink_.ask = [&](std::uint64_t number) {
    (void)zygote_->reply("call-1", number,
                         sandbox::write_reply({.number = number,
                                               .result = R"({"content":[{"type":"text","text":")" +
                                                         std::string(3 << 20, 'x') + R"("}]})"}));
  };
  EXPECT_EQ(text(run("f", R"({"text":")" + std::string(2 << 20, 'y') + "\"}")),
            std::to_string(2 << 20) + std::string(3 << 20, 'x'));
}

// ---- Confinement

TEST_F(ZygoteTest, TheChildHasFourDescriptorsAndNoEnvironment) {
  start(
      "@tool\ndef f() -> dict:\n    fds = []\n    for fd in range(0, 4096):\n"
      "        try: os.fstat(fd); fds.append(fd)\n        except OSError: pass\n"
      "    return {'fds': fds, 'env': dict(os.environ), 'cwd': os.getcwd() == "
      "os.path.dirname(os.path.abspath('x'))}\n");
  ASSERT_EQ(::setenv("MCPGATE_SECRET", "s", 1), 0);
  EXPECT_EQ(text(run("f")), R"({"fds":[0,1,2,3],"env":{},"cwd":true})");
}

TEST_F(ZygoteTest, EveryLayerOfTheSelfTestHolds) {
  start("");
  ASSERT_FALSE(zygote_->confinement().layers.empty());
  for (const LayerReport& report : zygote_->confinement().layers) {
    EXPECT_TRUE(report.in_force || report.wanted == Demand::kOptional)
        << layer_name(report.layer) << ": " << report.proof;
  }
  EXPECT_EQ(zygote_->confinement().label(), "pod");
}

// ---- Layers that are missing

TEST_F(ZygoteTest, WithoutLandlockItRefusesAndNamesIt) {
  landlock_abi_max_ = 0;
  refusal_wanted_ = true;
  for (const Profile profile : {Profile::kPod, Profile::kStrict}) {
    start("", profile);
    EXPECT_EQ(refusal_, fmt::format("profile {}: the layer landlock is missing: it cannot be had "
                                    "here: Function not implemented",
                                    to_string(profile)));
    fs::remove_all(root_);
  }
  allow_missing_ = layer_bit(Layer::kSeccomp);
  start("");
  EXPECT_NE(refusal_.find("landlock"), std::string::npos) << "leave for another is none for this";
}

TEST_F(ZygoteTest, WithLeaveItServesAndTheLabelNamesTheGap) {
  landlock_abi_max_ = 0;
  allow_missing_ = layer_bit(Layer::kLandlock);
  start("@tool\ndef f() -> str: return open('/etc/hostname').read() and 'read'\n");
  EXPECT_EQ(zygote_->confinement().label(), "pod-landlock");
  EXPECT_EQ(text(run("f")), "read") << "the layer is in force after all";
}

TEST_F(ZygoteTest, AnOldLandlockIsEnough) {
  for (const int abi : {3, 5}) {
    landlock_abi_max_ = abi;
    start("@tool\ndef f() -> str: return open('/etc/hostname').read()\n");
    EXPECT_EQ(zygote_->confinement().label(), "pod");
    for (const LayerReport& report : zygote_->confinement().layers) {
      if (report.layer == Layer::kMemoryGroup || report.layer == Layer::kTaskGroup) {
        continue;
      }
      const bool expected = report.layer == Layer::kLandlockScope ? false
                            : report.layer == Layer::kLandlockNet ? abi >= 4
                                                                  : true;
      EXPECT_EQ(report.in_force, expected) << abi << ' ' << layer_name(report.layer);
    }
    EXPECT_NE(text(run("f")).find("PermissionError"), std::string::npos);
    zygote_.reset();
    loop_.restart();
    loop_.poll();
    fs::remove_all(root_);
  }
  start("");  // for the fixture's end
}

TEST_F(ZygoteTest, DevServesWithWhatThereIs) {
  landlock_abi_max_ = 0;
  start("@tool\ndef f() -> str: return 'served'\n", Profile::kDev);
  EXPECT_NE(zygote_->confinement().label().find("-landlock"), std::string::npos);
  EXPECT_EQ(text(run("f")), "served");
}

// The filter ignores modes, times and extended attributes: what copies, unpacks and touches files
// has to go on.
TEST_F(ZygoteTest, TheLibrarysFileFunctionsWork) {
  start(
      "import pathlib, shutil, sqlite3, tarfile, zipfile\n@tool\ndef f() -> list[str]:\n"
      "    with open('a', 'w') as a: a.write('x')\n"
      "    shutil.copy('a', 'copy'); shutil.copy2('a', 'copy2')\n"
      "    for name in ('touched', 'touched'): pathlib.Path(name).touch()\n"
      "    with zipfile.ZipFile('z', 'w') as z: z.write('a')\n"
      "    with zipfile.ZipFile('z') as z: z.extractall('unzipped')\n"
      "    with tarfile.open('t', 'w') as t: t.add('a')\n"
      "    with tarfile.open('t') as t: t.extractall('untarred')\n"
      "    sqlite3.connect('db').execute('create table t (a)')\n"
      "    return sorted(str(p) for p in pathlib.Path().rglob('*'))\n");
  EXPECT_EQ(text(run("f")),
            R"(["a","copy","copy2","db","t","touched","untarred","untarred/a","unzipped",)"
            R"("unzipped/a","z"])");
}

TEST_F(ZygoteTest, TwoCallsShareNothing) {
  start(
      "import random, tempfile\nN = []\n@tool\ndef f() -> dict:\n    N.append(1)\n"
      "    os.environ['X'] = 'x'\n    left = os.listdir('.')\n    open('left', 'w').write('x')\n"
      "    with tempfile.NamedTemporaryFile(delete=False) as t: pass\n"
      "    return {'n': len(N), 'env': len(os.environ), 'left': left, 'r': random.random(),\n"
      "            'pid': os.getpid(), 'tmp': os.getcwd()}\n");
  const std::string first = text(run("f"));
  const std::string second = text(run("f"));
  for (const std::string& answer : {first, second}) {
    EXPECT_TRUE(answer.starts_with(R"({"n":1,"env":1,"left":[],)")) << answer;
  }
  json::Parser a(1 << 16);
  json::Parser b(1 << 16);
  const auto one = a.parse(first);
  const auto two = b.parse(second);
  for (const char* key : {"r", "pid", "tmp"}) {
    EXPECT_NE(simdjson::to_string((*one)[key].value_unsafe()),
              simdjson::to_string((*two)[key].value_unsafe()))
        << key;
  }
}

// ---- Tools that go wrong: the tool failed

TEST_F(ZygoteTest, AnExceptionIsAnErrorResultAndItsTracebackADiagnostic) {
  start(
      "@tool\ndef f() -> str:\n    return deeper()\ndef deeper():\n    raise ValueError('bad "
      "value')\n");
  const CallOutcome outcome = run("f");
  EXPECT_EQ(outcome.result,
            R"({"content":[{"type":"text","text":"ValueError: bad value"}],"isError":true})");
  EXPECT_NE(outcome.diagnostics.find("in deeper\n    raise ValueError('bad value')"),
            std::string::npos)
      << outcome.diagnostics;
  EXPECT_EQ(outcome.diagnostics.find("_child.py"), std::string::npos) << outcome.diagnostics;
}

TEST_F(ZygoteTest, ToolErrorSysExitAndWrongResultsAreErrorResults) {
  start(
      "import datetime\n@tool\ndef a() -> str: raise ToolError('in my words')\n"
      "@tool\ndef b() -> str: sys.exit(3)\n"
      "@tool\ndef c() -> dict: return {'a': [1, object()]}\n"
      "@tool\ndef d() -> dict: return {'a': b'bytes'}\n"
      "@tool\ndef e() -> int: return 'text'\n"
      "@tool\ndef g() -> float: return float('nan')\n"
      "@tool\ndef h(n: int) -> str: return ''\n"
      "@tool\ndef i() -> int: return 2**65 - 1\n"
      "@tool\ndef j() -> dict: return {'a': [1, {'b': -2**63 - 1}]}\n"
      "@tool\ndef k() -> list[int]: return [2**64 - 1, -2**63]\n");
  EXPECT_EQ(text(run("a")), "in my words");
  EXPECT_EQ(text(run("b")), "the tool called sys.exit(3)");
  EXPECT_EQ(text(run("c")),
            "The tool c returned something that cannot be a result: the result.a[1] is of "
            "type object, which has no JSON form");
  EXPECT_NE(text(run("d")).find("the result.a is bytes"), std::string::npos);
  EXPECT_EQ(text(run("e")),
            "The tool e returned something else than it declares: the result: "
            "expected an integer, got a string");
  EXPECT_NE(text(run("g")).find("nan, which JSON cannot say"), std::string::npos);
  EXPECT_EQ(
      text(run("i")),
      "The tool i returned something that cannot be a result: the result is an integer beyond "
      "64 bits (−2⁶³ to 2⁶⁴ − 1): return it as a string");
  EXPECT_NE(text(run("j")).find("the result.a[1].b is an integer beyond"), std::string::npos);
  EXPECT_EQ(text(run("k")), "[18446744073709551615,-9223372036854775808]");
  EXPECT_EQ(text(run("h", R"({"n":"1"})")),
            "Invalid argument n: expected an integer, got a string");
  EXPECT_EQ(text(run("h", R"({"n":1,"m":1})")), "Invalid argument m: there is no such argument");
}

// ---- Tools that go wrong: the sandbox stopped it

struct BadTool {
  const char* name;
  const char* body;
  EndReason reason;
  const char* text;
  /// Not so in profile strict, where the kernel answers it at once: see below.
  bool is_pods_own = false;
};

void PrintTo(const BadTool& tool, std::ostream* out) {
  *out << tool.name;
}

class BadToolTest : public ZygoteTest,
                    public testing::WithParamInterface<std::tuple<Profile, BadTool>> {};

TEST_P(BadToolTest, EndsWithItsReasonAndLeavesNothing) {
  const auto& [profile, tool] = GetParam();
  if (profile == Profile::kStrict && !namespaces_are_allowed()) {
    GTEST_SKIP() << "no namespaces may be made here";
  }
  start(std::string("import threading, json\n@tool\ndef bad() -> str:\n    ") + tool.body +
            "\n@tool\ndef good() -> str: return 'fine'\n",
        profile);
  // A busy machine may take long over anything but waiting.
  sink_.ask = [](std::uint64_t /*number*/) {};
  limits_.wall = tool.reason == EndReason::kTimeout ? 1500ms : 60s;
  limits_.cpu = tool.reason == EndReason::kCpu ? 1s : 60s;
  limits_.memory_bytes = 100U << 20;
  limits_.tmp_bytes = 8U << 20;
  const CallOutcome outcome = run("bad");
  EXPECT_EQ(to_string(outcome.reason), to_string(tool.reason)) << outcome.text << outcome.result;
  EXPECT_EQ(outcome.text, tool.text);
  EXPECT_EQ(outcome.result, "");
  EXPECT_EQ(zygote_->in_flight(), 0U);
  EXPECT_EQ(text(run("good")), "fine");
}

std::vector<BadTool> bad_tools(Profile profile) {
  std::vector<BadTool> tools{
      BadTool{"Sleeps", "time.sleep(1000)", EndReason::kTimeout, "did not end within 1.5 s"},
      BadTool{"IgnoresSigterm",
              "import signal\n    for s in range(1, 64):\n        try: signal.signal(s, "
              "signal.SIG_IGN)\n        except (OSError, ValueError): pass\n    time.sleep(1000)",
              EndReason::kTimeout, "did not end within 1.5 s"},
      BadTool{"Loops", "while True: pass", EndReason::kCpu, "used more than 1 s of CPU time"},
      BadTool{"Allocates", "x = []\n    while True: x.append(bytearray(1 << 20))",
              EndReason::kMemory, "used more than 100 MiB of memory"},
      BadTool{"MapsTooMuch", "bytearray(64 << 30)", EndReason::kMemory, "ran out of address space"},
      BadTool{"PrintsWithoutEnd", "for i in range(100): print('x' * (1 << 20))", EndReason::kOutput,
              "printed more than 16 MiB"},
      BadTool{"ReturnsTooMuch", "return 'x' * (50 << 20)", EndReason::kOutput,
              "the result has 52428800 bytes; the limit is 4194304"},
      BadTool{"ReturnsTooMuchList", "return [1] * (3 << 20)", EndReason::kOutput,
              "the result has 6291457 bytes; the limit is 4194304"},
      BadTool{"ExitsAtOnce", "os._exit(7)", EndReason::kCrashed,
              "ended without an answer: exited with 7"},
      BadTool{"Segfaults", "import ctypes; ctypes.string_at(0)", EndReason::kCrashed,
              "ended without an answer: killed by signal 11 (Segmentation fault)"},
      BadTool{"KillsItself", "os.kill(os.getpid(), 6)", EndReason::kCrashed,
              "ended without an answer: killed by signal 6 (Aborted)", true},
      BadTool{"ClosesItsSocket", "os.close(3); os._exit(0)", EndReason::kCrashed,
              "ended without an answer: exited with 0"},
      BadTool{"AnnouncesAHugeFrame", "os.write(3, b'\\xff\\xff\\xff\\xff\\x02'); time.sleep(100)",
              EndReason::kKilled,
              "broke the protocol: a frame of 4294967295 bytes; at most 4194304 are allowed"},
      BadTool{"SendsAForeignFrame", "os.write(3, b'\\0\\0\\0\\0\\x09'); time.sleep(100)",
              EndReason::kKilled, "broke the protocol: a frame of type 9, which no child sends"},
      BadTool{"AnswersTwice", "os.write(3, b'\\2\\0\\0\\0\\2{}' * 2); time.sleep(100)",
              EndReason::kKilled, "broke the protocol: a frame after its answer"},
      BadTool{
          "AsksTwiceAtOnce", "f = b'\\2\\0\\0\\0\\6{}'\n    os.write(3, f * 2); time.sleep(100)",
          EndReason::kKilled, "broke the protocol: a question while another waits for its answer"},
      BadTool{"SendsAReply", "os.write(3, b'\\2\\0\\0\\0\\7{}'); time.sleep(100)",
              EndReason::kKilled, "broke the protocol: a frame of type 7, which no child sends"},
      BadTool{"FloodsEvents", "f = b'\\2\\0\\0\\0\\4{}' * 1000\n    while True: os.write(3, f)",
              EndReason::kKilled, "sent more than 2000 events in a second"},
      BadTool{"FillsItsTmp",
              "for i in range(1000):\n        open(f'f{i}', 'wb').write(b'x' * (1 << 20)); "
              "time.sleep(0.01)",
              EndReason::kOutput, "wrote more than 8 MiB of temporary files", true},
      BadTool{"MakesManyFiles",
              "for i in range(5000): open(f'f{i}', 'w').close()\n    time.sleep(100)",
              EndReason::kOutput, "made more than 4096 temporary files", true},
      BadTool{"LeavesWithoutExit", "os.write(3, b'\\6\\0\\0\\0\\3cpu\\nhi'); time.sleep(100)",
              EndReason::kCrashed, "hi"}};
  std::erase_if(
      tools, [&](const BadTool& tool) { return profile == Profile::kStrict && tool.is_pods_own; });
  return tools;
}

std::string name_of(const testing::TestParamInfo<std::tuple<Profile, BadTool>>& test) {
  return std::get<1>(test.param).name;
}

INSTANTIATE_TEST_SUITE_P(Pod, BadToolTest,
                         testing::Combine(testing::Values(Profile::kPod),
                                          testing::ValuesIn(bad_tools(Profile::kPod))),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Strict, BadToolTest,
                         testing::Combine(testing::Values(Profile::kStrict),
                                          testing::ValuesIn(bad_tools(Profile::kStrict))),
                         name_of);

// ---- Profile strict: what is otherwise there

TEST_F(ZygoteTest, InStrictEveryLayerHoldsAndToolsWorkAsEver) {
  start_with(
      {{"t.py", std::string(kPrelude) +
                    "import helper, tempfile, threading, socket, asyncio\n"
                    "@tool\nasync def f(ctx: Context) -> dict:\n"
                    "    with tempfile.TemporaryFile() as t: t.write(b'x')\n"
                    "    await asyncio.sleep(0)\n"
                    "    thread = threading.Thread(target=helper.g); thread.start(); "
                    "thread.join()\n"
                    "    return {'pid': os.getpid(), 'cwd': os.getcwd(), 'host': "
                    "socket.gethostname(),\n"
                    "            'root': os.path.exists('/etc/passwd'), 'left': os.listdir('.'),\n"
                    "            'data': (ctx.mounts['data'] / 'x').read_text()}\n"},
       {"helper.py", "def g(): return 1\n"}},
      Profile::kStrict);
  for (const LayerReport& report : zygote_->confinement().layers) {
    EXPECT_TRUE(report.in_force || report.wanted == Demand::kOptional)
        << layer_name(report.layer) << ": " << report.proof;
  }
  EXPECT_EQ(zygote_->confinement().label(), "strict");
  std::ofstream(root_ / "data/x") << "mounted";
  CallSpec call = spec("f");
  call.mounts = {{"data", root_ / "data"}};
  EXPECT_EQ(text(run(std::move(call))),
            R"({"pid":1,"cwd":"/mcpgate-tmp","host":"sandbox","root":false,"left":[],)"
            R"("data":"mounted"})");
}

TEST_F(ZygoteTest, InStrictTheKernelRefusesWhatIsTooMuchForTmp) {
  start(
      "@tool\ndef f() -> str:\n    for i in range(64): open(f'f{i}', 'wb').write(b'x' * (1 << "
      "20))\n@tool\ndef g() -> str:\n    for i in range(9000): open(f'f{i}', 'w').close()\n"
      "@tool\ndef h() -> list[str]: return os.listdir('.')\n",
      Profile::kStrict);
  limits_.tmp_bytes = 8U << 20;
  for (const char* tool : {"f", "g"}) {
    const CallOutcome outcome = run(tool);
    EXPECT_EQ(outcome.reason, EndReason::kOutput);
    EXPECT_EQ(outcome.text, "wrote more than it may: No space left on device");
  }
  EXPECT_NE(run("h").result.find(R"("result":[])"), std::string::npos) << "the next call sees it";
}

TEST_F(ZygoteTest, InStrictHundredsOfCallsLeaveNothing) {
  start("@tool\ndef f() -> str:\n    open('x', 'w').write('y')\n    return 'x'\n",
        Profile::kStrict);
  EXPECT_EQ(text(run("f")), "x");
  const auto mounts = [] {
    std::ifstream file("/proc/self/mountinfo");
    return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
  };
  const auto before = mounts();
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(text(run("f")), "x");
  }
  EXPECT_EQ(mounts(), before);
  EXPECT_TRUE(fs::is_empty(root_ / "scratch"));
}

TEST_F(ZygoteTest, AllCallsTogetherStayBelowTheMemoryOfTheSet) {
  memory_bytes_ = 96U << 20;
  start(
      "@tool\ndef f() -> int: return len(bytearray(200 << 20))\n"
      "@tool\ndef g() -> int: return len(bytearray(20 << 20))\n");
  const auto& layers = zygote_->confinement().layers;
  const auto group = std::ranges::find(layers, Layer::kMemoryGroup, &LayerReport::layer);
  ASSERT_NE(group, layers.end());
  if (!group->in_force) {
    GTEST_SKIP() << group->proof;
  }
  limits_.memory_bytes = 1U << 30;
  const CallOutcome outcome = run("f");
  EXPECT_EQ(outcome.reason, EndReason::kMemory) << outcome.text;
  EXPECT_EQ(outcome.text, "with the calls beside it used more than 100663296 bytes of memory");
  EXPECT_EQ(text(run("g")), "20971520") << "the zygote lives on";
}

TEST_F(ZygoteTest, AllCallsTogetherStartNoMoreThreadsThanTheSetMay) {
  tasks_ = 12;
  start(
      "import threading\nE = threading.Event()\n@tool\ndef f(n: int) -> int:\n"
      "    for i in range(n): threading.Thread(target=E.wait, daemon=True).start()\n"
      "    return threading.active_count()\n");
  const auto& layers = zygote_->confinement().layers;
  const auto group = std::ranges::find(layers, Layer::kTaskGroup, &LayerReport::layer);
  ASSERT_NE(group, layers.end());
  if (!group->in_force) {
    GTEST_SKIP() << group->proof;
  }
  EXPECT_EQ(text(run("f", R"({"n":50})")), "RuntimeError: can't start new thread");
  idle();
  EXPECT_EQ(text(run("f", R"({"n":5})")), "6") << "the zygote lives on";
}

TEST_F(ZygoteTest, CpuTimeEndsBeforeTheSecondIsFull) {
  start("@tool\ndef f() -> str:\n    while True: pass\n");
  limits_.cpu = 200ms;
  const CallOutcome outcome = run("f");
  EXPECT_EQ(outcome.reason, EndReason::kCpu);
  EXPECT_EQ(outcome.text, "used more than 0.2 s of CPU time");
  EXPECT_LT(outcome.usage.cpu_ms, 900U);
}

TEST_F(ZygoteTest, ForkIsRefusedInsideTheTool) {
  start("@tool\ndef f() -> str:\n    return str(os.fork())\n");
  EXPECT_EQ(text(run("f")), "PermissionError: [Errno 1] Operation not permitted");
}

TEST_F(ZygoteTest, ALogInALoopIsCutNotKilled) {
  start(
      "@tool\ndef f(ctx: Context) -> str:\n    for i in range(1500): ctx.info(str(i))\n    return "
      "'done'\n");
  CallSpec call = spec("f");
  call.progress_wanted = true;
  const CallOutcome outcome = run(std::move(call));
  EXPECT_EQ(text(outcome), "done");
  EXPECT_GE(sink_.logs.size(), 1000U);
  if (const std::size_t dropped = 1500 - sink_.logs.size(); dropped != 0) {  // A second passed.
    EXPECT_NE(outcome.diagnostics.find(fmt::format("{} log messages and progress", dropped)),
              std::string::npos)
        << outcome.diagnostics;
  }
}

TEST_F(ZygoteTest, NothingIsReportedWhereNobodyListens) {
  start(
      "@tool\ndef f(ctx: Context) -> str:\n    ctx.info('x'); ctx.progress(1)\n    return "
      "'done'\n");
  EXPECT_EQ(text(run("f")), "done");
  EXPECT_TRUE(sink_.logs.empty());
  EXPECT_TRUE(sink_.progress.empty());
}

TEST_F(ZygoteTest, ADeadlineAlreadyPastIsATimeout) {
  start("@tool\ndef f() -> str:\n    time.sleep(10)\n    return ''\n");
  CallSpec call = spec("f");
  call.deadline = std::chrono::steady_clock::now() - 1s;
  EXPECT_EQ(run(std::move(call)).reason, EndReason::kTimeout);
}

TEST_F(ZygoteTest, CancelEndsACallAtOnce) {
  start("@tool\ndef f() -> str:\n    time.sleep(1000)\n    return ''\n");
  asio::steady_timer timer(loop_, 200ms);
  timer.async_wait([this](auto) { zygote_->cancel("call-1"); });
  const CallOutcome outcome = run("f");
  EXPECT_EQ(outcome.reason, EndReason::kKilled);
  EXPECT_EQ(outcome.text, "cancelled");
  EXPECT_LT(outcome.usage.wall_ms, 30'000U) << "long before its deadline";
}

TEST_F(ZygoteTest, OneCallIdRunsOnce) {
  start("@tool\ndef f() -> str:\n    time.sleep(0.2)\n    return 'x'\n");
  CallSpec first = spec("f");
  CallSpec second = first;
  std::optional<Expected<CallOutcome>> result;
  asio::co_spawn(
      loop_, zygote_->run(std::move(first), sink_),
      [&](const std::exception_ptr&, Expected<CallOutcome> o) { result = std::move(o); });
  const auto refused = wait_for(loop_, zygote_->run(std::move(second), sink_));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  while (!result) {
    loop_.run_one();
  }
  EXPECT_EQ(text(**result), "x");
}

// ---- Children kept ready

class ReadyChildren : public ZygoteTest {
 protected:
  /// Lets things go on for a while.
  void settle() {
    asio::steady_timer timer(loop_, 100ms);
    loop_.restart();
    timer.async_wait([this](auto) { loop_.stop(); });
    loop_.run();
    loop_.restart();
  }
  std::vector<std::string> children() const {
    const std::string pid = std::to_string(zygote_->pid());
    std::ifstream list("/proc/" + pid + "/task/" + pid + "/children");
    return {std::istream_iterator<std::string>(list), {}};
  }
  template <class Condition>
  void settle_until(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + 60s;
    bool holds = false;
    while (!holds && std::chrono::steady_clock::now() < until) {
      settle();
      holds = condition();
    }
    EXPECT_TRUE(holds);
  }
  /// The same, once there are as many.
  std::vector<std::string> children(std::size_t count) {
    settle_until([&] { return children().size() == count; });
    return children();
  }
};

TEST_F(ReadyChildren, ACallFindsOneThatWasThereBefore) {
  start("@tool\ndef pid() -> str: return str(os.getpid())\n");
  zygote_->keep_ready(2, limits_, {});
  const std::vector<std::string> waiting = children(2);
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(zygote_->in_flight(), 0U);
  const std::string first = text(run("pid"));
  EXPECT_EQ(first, waiting.at(0)) << "the oldest";
  EXPECT_EQ(zygote_->ready_children(), 2U);
  const std::vector<std::string> then = children(2);
  const std::string second = text(run("pid"));
  EXPECT_NE(second, first) << "each serves once";
  EXPECT_TRUE(std::ranges::find(then, second) != then.end());
}

TEST_F(ReadyChildren, ACallOfOtherLimitsGetsAChildOfItsOwn) {
  start("@tool\ndef pid() -> str: return str(os.getpid())\n");
  zygote_->keep_ready(1, limits_, {});
  const std::vector<std::string> waiting = children(1);
  CallSpec call = spec("pid");
  call.limits.open_files = 32;
  EXPECT_NE(text(run(std::move(call))), waiting.at(0));
  EXPECT_EQ(text(run("pid")), waiting.at(0));
}

TEST_F(ReadyChildren, OneThatWasKilledIsNotUsed) {
  start("@tool\ndef pid() -> str: return str(os.getpid())\n");
  zygote_->keep_ready(1, limits_, {});
  const std::vector<std::string> killed = children(1);
  ::kill(std::stoi(killed.at(0)), SIGKILL);
  settle_until([&] { return children() != killed; });
  const CallOutcome outcome = run("pid");
  EXPECT_EQ(outcome.reason, EndReason::kNone) << outcome.text;
  EXPECT_NE(text(outcome), killed.at(0));
}

TEST_F(ReadyChildren, ThoseOfAKilledZygoteAreReplaced) {
  start("@tool\ndef pid() -> str: return str(os.getpid())\n");
  zygote_->keep_ready(2, limits_, {});
  children(2);
  ::kill(zygote_->pid(), SIGKILL);
  settle_until([this] { return zygote_->ready_children() == 0; });
  const CallOutcome outcome = run("pid");
  EXPECT_EQ(outcome.reason, EndReason::kNone) << outcome.text;
  EXPECT_EQ(zygote_->ready_children(), 2U);
}

TEST_F(ReadyChildren, NoneIsLeftWhenNoneIsWanted) {
  start("@tool\ndef f() -> str: return 'x'\n");
  zygote_->keep_ready(3, limits_, {});
  children(3);
  zygote_->keep_ready(0, limits_, {});
  EXPECT_TRUE(children(0).empty());
}

TEST_F(ReadyChildren, OneLoadsWhatWasCalledLastAndServesThatAlone) {
  start_with({{"t.py", kPrelude + std::string("LOADED = time.monotonic()\n@tool\n"
                                              "def loaded_before(when: float) -> str:\n"
                                              "    return str(LOADED < when)\n")},
              {"u.py", kPrelude + std::string("@tool\ndef others() -> str:\n"
                                              "    return str('t' in sys.modules)\n")}});
  zygote_->keep_ready(1, limits_, {});
  const auto loaded_before_the_call = [&] {
    const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
    return text(run("loaded_before", fmt::format(R"({{"when":{}}})", now.count()))) == "True";
  };
  EXPECT_FALSE(loaded_before_the_call()) << "nobody could know";
  settle_until(loaded_before_the_call);
  settle();
  CallSpec other = spec("others");
  other.file = "u.py";
  EXPECT_EQ(text(run(std::move(other))), "False");
  EXPECT_EQ(zygote_->ready_children(), 1U);
}

TEST_F(ReadyChildren, WhatOneDoesWhileItLoadsIsLimited) {
  start(
      "import threading\n"
      "def grow():\n    time.sleep(6)\n    global much\n    much = b'x' * (300 << 20)\n"
      "    open(TMP + '/left', 'w').close()\n    time.sleep(60)\n"
      "import tempfile\nTMP = tempfile.gettempdir()\n"
      "threading.Thread(target=grow, daemon=True).start()\n"
      "@tool\ndef f() -> str: return 'x'\n");
  zygote_->keep_ready(1, limits_, {});
  EXPECT_EQ(text(run("f")), "x");
  EXPECT_EQ(zygote_->ready_children(), 1U);
  EXPECT_TRUE(children(0).empty());
  EXPECT_EQ(text(run("f")), "x");
}

TEST_F(ReadyChildren, AHundredCallsShareNothing) {
  start(
      "import random\nseen = []\n@tool\ndef f() -> str:\n    seen.append(1)\n"
      "    return f'{len(seen)} {random.random()}'\n");
  zygote_->keep_ready(2, limits_, {});
  std::set<std::string> answers;
  for (int i = 0; i < 100; ++i) {
    const std::string answer = text(run("f"));
    EXPECT_TRUE(answer.starts_with("1 ")) << answer;
    EXPECT_TRUE(answers.insert(answer).second) << "the same random numbers twice";
  }
  EXPECT_EQ(children(2).size(), 2U);
}

// ---- The zygote goes wrong

TEST_F(ZygoteTest, AZygoteKilledMidCallEndsTheCallAndComesBack) {
  start(
      "@tool\ndef slow() -> str:\n    time.sleep(1000)\n    return ''\n"
      "@tool\ndef pid() -> str: return str(os.getpid())\n");
  const int pid = zygote_->pid();
  asio::steady_timer timer(loop_, 200ms);
  timer.async_wait([pid](auto) { ::kill(pid, SIGKILL); });
  const CallOutcome outcome = run("slow");
  EXPECT_EQ(outcome.reason, EndReason::kKilled);
  EXPECT_EQ(outcome.text, "the sandbox's interpreter ended while it ran");
  const int child = std::stoi(text(run("pid")));
  EXPECT_GT(child, 0);
  EXPECT_NE(zygote_->pid(), pid);
}

TEST_F(ZygoteTest, AZygoteKilledBetweenCallsIsReplacedUnnoticed) {
  start("@tool\ndef f() -> str: return 'x'\n");
  EXPECT_EQ(text(run("f")), "x");
  const int pid = zygote_->pid();
  ::kill(pid, SIGKILL);
  siginfo_t ended{};  // Its end is left for the daemon to see.
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(text(run("f")), "x");
}

// As when all processes of a service are asked to end: the daemon ends its own.
TEST_F(ZygoteTest, AZygoteIsEndedByItsDaemonAlone) {
  start("@tool\ndef f() -> str: return 'x'\n");
  const int pid = zygote_->pid();
  testing::internal::CaptureStderr();
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    ::kill(pid, number);
  }
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(text(run("f")), "x");
  EXPECT_EQ(zygote_->pid(), pid);
  zygote_.reset();
  loop_.restart();
  loop_.poll();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

/// A call that runs beside what the test does.
class BesideZygote : public ZygoteTest {
 protected:
  static constexpr const char* kTools =
      "@tool\ndef f() -> str: return 'x'\n"
      "@tool\ndef wait(ctx: Context) -> str:\n"
      "    ctx.call_tool('other')\n    return 'waited'\n";

  /// Returns when it runs and waits for its answer, which let_go() gives.
  void begin_waiting() {
    sink_.ask = [this](std::uint64_t /*number*/) { asked_ = true; };
    CallSpec call = spec("wait");
    waiting_id_ = call.call_id;
    asio::co_spawn(loop_, zygote_->run(std::move(call), sink_),
                   [this](const std::exception_ptr& /*error*/, Expected<CallOutcome> outcome) {
                     waited_.emplace(std::move(outcome));
                   });
    run_until([this] { return asked_; });
  }
  CallOutcome let_go() {
    EXPECT_TRUE(zygote_->reply(waiting_id_, 1,
                               sandbox::write_reply({.number = 1, .result = R"({"content":[]})"})));
    run_until([this] { return waited_.has_value(); });
    return waited_ && *waited_ ? **waited_ : CallOutcome{.reason = EndReason::kCrashed};
  }
  template <class Condition>
  void run_until(Condition condition) {
    loop_.restart();
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      loop_.run_one_for(10ms);
    }
    EXPECT_TRUE(condition());
  }
  static bool lives(int pid) { return ::kill(pid, 0) == 0; }

  bool asked_ = false;
  std::string waiting_id_;
  std::optional<Expected<CallOutcome>> waited_;
};

TEST_F(BesideZygote, AHangingZygoteIsReplacedAndTheCallsInItFinish) {
  start(kTools);
  begin_waiting();
  const int old = zygote_->pid();
  ::kill(old, SIGSTOP);
  EXPECT_EQ(run_alone("f").reason, EndReason::kKilled) << "it was never forked";
  EXPECT_EQ(text(run_alone("f")), "x") << "another one serves";
  EXPECT_NE(zygote_->pid(), old);
  EXPECT_TRUE(lives(old));
  run_until([this] { return zygote_->in_flight() == 1; });
  EXPECT_EQ(text(let_go()), "waited");
  run_until([&] { return !lives(old); });
  EXPECT_EQ(zygote_->in_flight(), 0U);
}

TEST_F(BesideZygote, ACallInAHangingZygoteIsCancelledAsEver) {
  start(kTools);
  begin_waiting();
  const int old = zygote_->pid();
  ::kill(old, SIGSTOP);
  EXPECT_EQ(run_alone("f").reason, EndReason::kKilled);
  zygote_->cancel(waiting_id_);
  run_until([this] { return waited_.has_value(); });
  ASSERT_TRUE(waited_ && *waited_);
  EXPECT_EQ((*waited_)->reason, EndReason::kKilled);
  run_until([&] { return !lives(old); });
}

TEST_F(BesideZygote, AZygoteThatIsBehindGetsNoMoreCallsAndThoseInItFinish) {
  start(kTools);
  begin_waiting();
  const int pid = zygote_->pid();
  ::kill(pid, SIGSTOP);
  constexpr int kCalls = 40;  // Their paths are more than a socket holds.
  int ended = 0;
  int refused = 0;
  for (int i = 0; i < kCalls; ++i) {
    CallSpec call = spec("f");
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
      call.mounts[name] = root_ / std::string(4000, *name);
    }
    asio::co_spawn(loop_, zygote_->run(std::move(call), sink_),
                   [&](const std::exception_ptr& /*error*/, Expected<CallOutcome> outcome) {
                     ++ended;
                     refused += outcome ? 0 : 1;
                     EXPECT_TRUE(outcome || outcome.error().code == ErrorCode::kUnavailable);
                   });
  }
  run_until([&] { return refused > 0; });
  ::kill(pid, SIGCONT);
  EXPECT_EQ(text(let_go()), "waited");
  run_until([&] { return ended == kCalls; });
  EXPECT_EQ(text(run("f")), "x");
}

TEST_F(BesideZygote, ACallThatIsCancelledWhileAZygoteStartsNeverRuns) {
  start(kTools);
  ::kill(zygote_->pid(), SIGKILL);
  run_until([this] { return zygote_->pid() < 0; });
  CallSpec call = spec("f");
  const std::string id = call.call_id;
  asio::co_spawn(loop_, zygote_->run(std::move(call), sink_),
                 [this](const std::exception_ptr& /*error*/, Expected<CallOutcome> outcome) {
                   waited_.emplace(std::move(outcome));
                 });
  loop_.restart();
  loop_.poll();
  ASSERT_FALSE(waited_) << "it waits for a zygote";
  zygote_->cancel(id);
  run_until([this] { return waited_.has_value(); });
  ASSERT_TRUE(waited_ && *waited_);
  EXPECT_EQ((*waited_)->reason, EndReason::kKilled);
  EXPECT_EQ((*waited_)->text, "cancelled");
  EXPECT_EQ(text(run("f")), "x");
}

TEST_F(BesideZygote, AZygoteThatHangsBetweenCallsIsFoundByItsPing) {
  ping_interval_ = 50ms;
  start(kTools);
  const int old = zygote_->pid();
  ::kill(old, SIGSTOP);
  run_until([&] { return zygote_->pid() != old; });
  EXPECT_EQ(text(run("f")), "x") << "no call had to find out";
  run_until([&] { return !lives(old); });
}

TEST_F(BesideZygote, AfterItsNumberOfCallsAnotherOneServes) {
  recycle_.calls = 30;
  start(kTools);
  begin_waiting();
  const int old = zygote_->pid();
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(text(run_alone("f")), "x");
  }
  run_until([&] { return zygote_->pid() != old; });
  EXPECT_TRUE(lives(old)) << "a call runs in it";
  EXPECT_EQ(text(let_go()), "waited");
  run_until([&] { return !lives(old); });
  EXPECT_EQ(text(run("f")), "x");
}

TEST_F(BesideZygote, AfterItsTimeAnotherOneServesIfItServedAnyCall) {
  recycle_.age = 1s;
  ping_interval_ = 50ms;
  start(kTools);
  const int first = zygote_->pid();
  const auto until = std::chrono::steady_clock::now() + 1500ms;
  while (std::chrono::steady_clock::now() < until) {
    loop_.run_one_for(20ms);
  }
  EXPECT_EQ(zygote_->pid(), first);
  EXPECT_EQ(text(run("f")), "x");
  run_until([&] { return zygote_->pid() != first; });
  run_until([&] { return !lives(first); });
}

TEST_F(ZygoteTest, HundredsOfCallsLeaveNothing) {
  start("@tool\ndef f() -> str: return 'x'\n");
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  run("f");
  const auto before = descriptors();
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(run("f").reason, EndReason::kNone);
  }
  EXPECT_EQ(descriptors(), before);
  const std::string children = "/proc/" + std::to_string(zygote_->pid()) + "/task/" +
                               std::to_string(zygote_->pid()) + "/children";
  std::ifstream list(children);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(list), {}), "");
}

}  // namespace
}  // namespace mcpgate::sandboxd
