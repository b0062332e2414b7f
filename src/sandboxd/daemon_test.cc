// The whole daemon: a real zygote, real Python tools, a temporary unix socket, and the gateway's
// own client; beside it a client that attacks.

#include "sandboxd/daemon.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <optional>
#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/file.h"
#include "http/client.h"
#include "sandbox/client.h"

namespace mcpgate::sandboxd {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kTools = R"(
from mcpgate import tool, Context
import os, time

@tool(read_only=True)
def echo(text: str) -> str:
    """Gives it back."""
    return text

@tool()
def nap(seconds: float) -> str:
    time.sleep(seconds)
    return "rested"

@tool()
def spin() -> str:
    while True:
        pass

@tool()
def report(ctx: Context) -> str:
    for i in range(3):
        ctx.progress(i, 3, "step")
        ctx.log("info", "at " + str(i))
    return "reported"

@tool()
def relay(ctx: Context) -> str:
    return "got " + ctx.call_tool("echo", {"text": "inner"}).text

@tool()
def big(megabytes: int) -> str:
    return "x" * (megabytes << 20)

@tool()
def fail() -> str:
    raise ValueError("no such thing")

@tool()
def leave() -> str:
    os._exit(3)

@tool()
def tell(text: str, crash: bool) -> str:
    print(text, flush=True)
    if crash:
        os._exit(3)
    raise ValueError(text)
)";

class DaemonTest : public testing::Test {
 protected:
  DaemonTest() {
    std::string name = (fs::path(testing::TempDir()) / "daemon-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directories(set());
    fs::create_directories(root_ / "scratch");
    SystemRandom random;
    EXPECT_TRUE(write_file_atomically(key_file(), sandbox::SigningKeys::create_text(random), 0600));
    write("t.py", kTools);
    write("toolset.yaml", "limits: {wall: 10s, inFlight: 1, queue: 1}\nreadyChildren: 0\n");
  }
  ~DaemonTest() override {
    client_.reset();
    if (daemon_) {
      wait_for(drain(*daemon_));
      daemon_.reset();
    }
    loop_.restart();
    loop_.poll();
    EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "scratch"), fs::directory_iterator()),
              0);
    fs::remove_all(root_);
  }

  [[nodiscard]] fs::path set() const { return root_ / "demo"; }
  [[nodiscard]] fs::path key_file() const { return root_ / "set.key"; }
  void write(const std::string& path, std::string_view bytes) const {
    EXPECT_TRUE(write_file_atomically(set() / path, bytes, 0644));
  }

  /// Runs the loop until the coroutine has ended; what it returned.
  template <class T>
  T wait_for(Task<T> task) {
    std::optional<T> result;
    asio::co_spawn(loop_, std::move(task), [&result](const std::exception_ptr& error, T value) {
      EXPECT_FALSE(error);
      result.emplace(std::move(value));
    });
    loop_.restart();
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    while (!result && std::chrono::steady_clock::now() < give_up) {
      loop_.run_one_for(1s);
    }
    EXPECT_TRUE(result) << "did not end";
    return std::move(*result);
  }
  /// Lets the daemon go on until that is so.
  template <class Condition>
  void until(Condition condition) {
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    bool holds = condition();
    while (!holds && std::chrono::steady_clock::now() < give_up) {
      wait_for(sleep(loop_, 10ms));
      holds = condition();
    }
    EXPECT_TRUE(holds);
  }
  static Task<bool> idle(Daemon& daemon) {
    co_await daemon.catalogue().current()->zygote->wait_until_idle(
        std::chrono::steady_clock::now() + 10s);
    co_return true;
  }
  static Task<bool> drain(Daemon& daemon) {
    co_await daemon.drain(std::chrono::steady_clock::now() + 10s);
    co_return true;
  }
  static Task<bool> drain_at_once(Daemon& daemon) {
    co_await daemon.drain(std::chrono::steady_clock::now());
    co_return true;
  }
  static Task<bool> sleep(asio::io_context& loop, std::chrono::milliseconds time) {
    asio::steady_timer timer(loop, time);
    co_await timer.async_wait(kAwait);
    co_return true;
  }

  [[nodiscard]] DaemonOptions options() const {
    DaemonOptions options{.tool_set = set(),
                          .listen = "unix:" + (root_ / "s.sock").string(),
                          .key_files = {key_file()},
                          .admin_listen = "127.0.0.1:0",
                          .calls = root_ / "calls"};
    EXPECT_TRUE(locate_installed(options.zygote));
    options.zygote.scratch = root_ / "scratch";
    options.workspaces_root = root_ / "workspaces";
    return options;
  }

  void start() {
    auto started = wait_for(Daemon::start(loop_, options()));
    ASSERT_TRUE(started) << started.error().message;
    daemon_ = *std::move(started);
    const fs::path file = key_file();
    keys_ = std::make_shared<const sandbox::SigningKeys>(
        *sandbox::SigningKeys::load(std::span(&file, 1)));
    client_ = make_client();
    if (const auto manifest = fetch(); manifest && *manifest) {
      manifest_ = **manifest;
    }
  }
  std::unique_ptr<sandbox::ToolSetClient> make_client() {
    return std::make_unique<sandbox::ToolSetClient>(
        loop_, *http::Endpoint::parse(daemon_->address()), keys_, clock_);
  }
  Expected<std::optional<sandbox::Manifest>> fetch(std::string known = "",
                                                   std::chrono::seconds wait = 0s) {
    return wait_for(client_->fetch(std::move(known), wait));
  }

  [[nodiscard]] std::string digest_of(std::string_view tool) const {
    for (const auto& each : manifest_.tools) {
      if (each.name == tool) {
        return each.digest;
      }
    }
    return "sha256:" + std::string(64, '0');
  }
  Expected<std::chrono::milliseconds> detach(std::string_view tool, std::string_view arguments,
                                             const std::string& id,
                                             std::chrono::milliseconds ttl = 60s,
                                             std::chrono::milliseconds deadline = 10s) {
    const std::string digest = digest_of(tool);
    return wait_for(client_->start_detached({.tool = tool,
                                             .arguments = arguments,
                                             .call_id = id,
                                             .user = "ada",
                                             .deadline = deadline,
                                             .tool_sha256 = digest,
                                             .ttl = ttl}));
  }
  sandbox::DetachedState state_of(const std::string& id) {
    const auto state = wait_for(client_->detached_state(id));
    EXPECT_TRUE(state) << state.error().message;
    return state.value_or(sandbox::DetachedState{});
  }
  /// All events of a call from a number on; `result` is set.
  std::vector<sandbox::Event> follow(const std::string& id, std::uint64_t from,
                                     sandbox::Result& result) {
    const auto execution = client_->follow(id, from, 20s);
    std::vector<sandbox::Event> events;
    for (;;) {
      auto event = wait_for(execution->next());
      EXPECT_TRUE(event) << event.error().message;
      if (!event) {
        return events;
      }
      if (auto* const last = std::get_if<sandbox::Result>(&*event)) {
        result = std::move(*last);
        return events;
      }
      events.push_back(*std::move(event));
    }
  }
  void restart() {
    wait_for(drain(*daemon_));
    daemon_.reset();
    auto again = wait_for(Daemon::start(loop_, options()));
    ASSERT_TRUE(again) << again.error().message;
    daemon_ = *std::move(again);
  }
  std::unique_ptr<sandbox::Execution> begin(std::string_view tool, std::string_view arguments,
                                            sandbox::Streaming streaming = sandbox::Streaming::kNo,
                                            std::chrono::milliseconds deadline = 10s,
                                            std::string_view parent = "") {
    const std::string id = "call-" + std::to_string(next_call_++);
    const std::string digest = digest_of(tool);
    return client_->execute({.tool = tool,
                             .arguments = arguments,
                             .call_id = id,
                             .user = "ada",
                             .deadline = deadline,
                             .tool_sha256 = digest,
                             .parent = parent},
                            streaming);
  }
  Expected<sandbox::Result> call(std::string_view tool, std::string_view arguments,
                                 std::chrono::milliseconds deadline = 10s) {
    const auto execution = begin(tool, arguments, sandbox::Streaming::kNo, deadline);
    auto event = TRY(wait_for(execution->next()));
    return std::get<sandbox::Result>(std::move(event));
  }

  /// A request of any shape, for attacks.
  struct Raw {
    std::string method = "POST";
    std::string target = "/execute";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
  };
  static Task<Expected<http::ClientResponse>> send_raw(asio::io_context& loop, std::string address,
                                                       Raw raw) {
    http::Client pool(loop, *http::Endpoint::parse(address), {});
    std::vector<http::Header> headers;
    for (const auto& [name, value] : raw.headers) {
      headers.push_back({name, value});
    }
    const http::ClientRequest request{.method = raw.method,
                                      .target = raw.target,
                                      .headers = headers,
                                      .body = raw.body,
                                      .deadline = std::chrono::steady_clock::now() + 20s};
    co_return co_await pool.fetch(request, 1 << 20);
  }
  int status_of(Raw raw) {
    const auto response = wait_for(send_raw(loop_, daemon_->address(), std::move(raw)));
    EXPECT_TRUE(response) << (response ? "" : response.error().message);
    return response ? response->status : 0;
  }
  /// A rightly signed call of `tool`, to be spoiled.
  Raw signed_call(std::string_view tool, std::string_view arguments = "{}",
                  std::chrono::seconds skew = 0s, std::string instance = "") {
    const std::string id = "raw-" + std::to_string(next_call_++);
    const std::string digest = digest_of(tool);
    Raw raw{.body = sandbox::write_execute_request({.tool = tool,
                                                    .arguments = arguments,
                                                    .call_id = id,
                                                    .user = "ada",
                                                    .deadline = 10s,
                                                    .tool_sha256 = digest}),
            .headers = {}};
    sign(raw, id, skew, instance.empty() ? manifest_.instance : instance);
    return raw;
  }
  void sign(Raw& raw, const std::string& id, std::chrono::seconds skew,
            const std::string& instance) const {
    raw.headers = {
        {std::string(sandbox::kSignatureHeader), sandbox::sign(keys_->signing(),
                                                               {.method = raw.method,
                                                                .path = raw.target,
                                                                .call_id = id,
                                                                .instance = instance,
                                                                .body = raw.body},
                                                               clock_.wall_now() + skew)},
        {std::string(sandbox::kInstanceHeader), instance},
        {std::string(sandbox::kCallHeader), id}};
  }

  std::string metrics() {
    const auto text = wait_for(client_->get("/metrics"));
    EXPECT_TRUE(text) << (text ? "" : text.error().message);
    return text.value_or("");
  }
  std::uint64_t metric(const std::string& name) {
    const std::string text = metrics();
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? 999'999 : std::stoull(text.substr(at + 2 + name.size()));
  }
  /// Children of the zygote: how many calls really run.
  [[nodiscard]] std::size_t children() const {
    const int pid = daemon_->catalogue().current()->zygote->pid();
    const auto text =
        read_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
    return text ? static_cast<std::size_t>(std::ranges::count(*text, ' ')) : 0;
  }

  SystemClock clock_;
  fs::path root_;
  asio::io_context loop_{1};
  std::unique_ptr<Daemon> daemon_;
  std::shared_ptr<const sandbox::SigningKeys> keys_;
  std::unique_ptr<sandbox::ToolSetClient> client_;
  sandbox::Manifest manifest_;
  int next_call_ = 0;
};

constexpr const char* kKeeper = R"(
from mcpgate import tool, Context

@tool(workspace=True)
def keep(text: str, ctx: Context) -> list[str]:
    (ctx.workspace / text).touch()
    return sorted(path.name for path in ctx.workspace.iterdir())
)";

TEST_F(DaemonTest, AWorkspaceBelongsToAnIdentityNotToAName) {
  write("keeper.py", kKeeper);
  write("toolset.yaml", "workspace: {users: 2}\n");
  start();
  const auto kept = [&](std::string_view text, std::string_view issuer, std::string_view subject) {
    const std::string digest = digest_of("keep");
    const std::string id = "call-" + std::to_string(next_call_++);
    const std::string arguments = R"({"text":")" + std::string(text) + "\"}";
    const auto execution = client_->execute({.tool = "keep",
                                             .arguments = arguments,
                                             .call_id = id,
                                             .user = "ada",
                                             .issuer = issuer,
                                             .subject = subject,
                                             .tool_sha256 = digest},
                                            sandbox::Streaming::kNo);
    auto event = wait_for(execution->next());
    EXPECT_TRUE(event) << event.error().message;
    return std::string(std::get<sandbox::Result>(*event).call_tool_result());
  };
  EXPECT_NE(kept("one", "mcpgate:keys", "ada").find(R"(["one"])"), std::string::npos);
  EXPECT_NE(kept("two", "mcpgate:keys", "ada").find(R"(["one","two"])"), std::string::npos);
  EXPECT_NE(kept("three", "https://idp.example", "ada").find(R"(["three"])"), std::string::npos);
  const std::string refused = kept("four", "mcpgate:keys", "eve");
  EXPECT_NE(refused.find("all 2 workspaces of the tool set are taken"), std::string::npos);
  EXPECT_NE(refused.find("sandbox_unavailable"), std::string::npos);
  EXPECT_EQ(status_of(signed_call("keep", R"({"text":"a"})")), 400) << "nobody's workspace";
}

TEST_F(DaemonTest, WorkspacesAreWhereTheSetSaysThatThereAreAny) {
  write("keeper.py", kKeeper);
  auto loaded = options();
  auto described = wait_for(describe_tool_set(
      loop_,
      {.zygote = loaded.zygote, .tool_set = set(), .workspaces_root = root_ / "workspaces"}));
  ASSERT_FALSE(described);
  EXPECT_NE(described.error().message.find(
                "keeper.py: tool keep: its workspace wants `workspace:` in toolset.yaml"),
            std::string::npos)
      << described.error().message;
  EXPECT_FALSE(fs::exists(root_ / "workspaces"));

  write("toolset.yaml", "workspace: {}\ndataMounts: [{name: all, path: ..}]\n");
  described = wait_for(describe_tool_set(
      loop_,
      {.zygote = loaded.zygote, .tool_set = set(), .workspaces_root = root_ / "workspaces"}));
  ASSERT_FALSE(described);
  EXPECT_NE(described.error().message.find("would be read by every call"), std::string::npos);
}

constexpr const char* kStdioServer = R"(
import json, sys

for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        tools = [{"name": "tell", "inputSchema": {"type": "object"}}]
        result = {
            "initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                           "serverInfo": {"name": "s", "version": "1"}},
            "tools/list": {"tools": tools},
        }.get(message["method"], {"content": []})
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
)";

TEST_F(DaemonTest, AServersProcessIsNobodysWithoutAnIdentity) {
  for (const auto& entry : fs::directory_iterator(set())) {
    fs::remove_all(entry.path());
  }
  write("server.py", kStdioServer);
  write("toolset.yaml", "command: [python3, server.py]\n");
  start();
  EXPECT_EQ(status_of(signed_call("tell")), 400) << "all of them would share a process";
}

TEST_F(DaemonTest, WhatWasMissingAtTheStartIsTriedAgain) {
  // Not the set's fault: no child can have a temporary folder.
  ASSERT_TRUE(write_file_atomically(root_ / "in the way", "", 0600));
  auto daemon_options = options();
  daemon_options.zygote.scratch = root_ / "in the way";
  daemon_ = *wait_for(Daemon::start(loop_, std::move(daemon_options)));
  EXPECT_FALSE(daemon_->catalogue().current());
  EXPECT_NE(daemon_->catalogue().problem(), "");
  fs::remove(root_ / "in the way");
  fs::create_directory(root_ / "in the way");
  until([&] { return daemon_->catalogue().current() != nullptr; });
  EXPECT_EQ(daemon_->catalogue().problem(), "");
  wait_for(drain(*daemon_));
  daemon_.reset();
  fs::remove_all(root_ / "in the way");
}

TEST_F(DaemonTest, NoDataMountShowsDetachedCalls) {
  for (const char* path : {"..", "../calls", "../calls/inner"}) {
    fs::create_directories(root_ / "calls" / "inner");
    write("toolset.yaml", fmt::format("dataMounts: [{{name: all, path: {}}}]\n", path));
    auto daemon_options = options();
    daemon_options.calls = root_ / "calls";
    daemon_ = *wait_for(Daemon::start(loop_, std::move(daemon_options)));
    EXPECT_NE(
        daemon_->catalogue().problem().find("the detached calls in " + (root_ / "calls").string() +
                                            " would be read by every call"),
        std::string::npos)
        << daemon_->catalogue().problem();
    wait_for(drain(*daemon_));
    daemon_.reset();
  }
  fs::remove_all(root_ / "calls");
}

TEST_F(DaemonTest, ToolsAreLearntAndCalled) {
  start();
  EXPECT_EQ(manifest_.tool_set, "demo");
  EXPECT_EQ(manifest_.profile, "pod");
  ASSERT_EQ(manifest_.tools.size(), 9U);
  EXPECT_EQ(manifest_.tools[0].name, "echo");
  EXPECT_TRUE(manifest_.tools[0].read_only);
  const auto result = call("echo", R"({"text":"\u00e9\n"})");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->is_error);
  EXPECT_NE(result->call_tool_result().find("é"), std::string_view::npos)
      << result->call_tool_result();
  EXPECT_EQ(result->profile, "pod");
  EXPECT_GT(result->usage.peak_rss_bytes, 0);
  EXPECT_EQ(metric("mcpgate_sandbox_calls_total{outcome=\"success\"}"), 1U);
}

TEST_F(DaemonTest, ToolFailureAndSandboxFailureNeverLookAlike) {
  start();
  const auto failed = call("fail", "{}");
  ASSERT_TRUE(failed) << failed.error().message;
  EXPECT_TRUE(failed->is_error);
  EXPECT_FALSE(failed->reason);
  const auto left = call("leave", "{}");
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_TRUE(left->is_error);
  EXPECT_EQ(left->reason, sandbox::Reason::kCrashed);
}

// A tool prints what it was given; the log is no place for the values of arguments.
TEST_F(DaemonTest, WhatAToolPrintsIsNotLogged) {
  start();
  testing::internal::CaptureStderr();
  EXPECT_TRUE(call("tell", R"({"text":"canary-value","crash":true})"));
  EXPECT_TRUE(call("tell", R"({"text":"canary-value","crash":false})"));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(log.contains("of tell: crashed; it printed 13 bytes")) << log;
  EXPECT_FALSE(log.contains("canary")) << log;
}

// It says nothing of the call, so it is neither 404 nor 409, whatever the machine lacks.
TEST_F(DaemonTest, ACallThatCannotStartMayBeTriedAgain) {
  start();
  wait_for(idle(*daemon_));  // It has described the set.
  fs::remove_all(root_ / "scratch");
  const auto execution = begin("echo", R"({"text":"a"})");
  const auto refused = wait_for(execution->next());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(execution->retry_after(), 1s);
  fs::create_directory(root_ / "scratch");
  EXPECT_TRUE(call("echo", R"({"text":"a"})"));
}

TEST_F(DaemonTest, DeadlineEndsTheCallAndTheChild) {
  start();
  const auto started = std::chrono::steady_clock::now();
  const auto result = call("spin", "{}", 1s);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->reason, sandbox::Reason::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 9s) << "before the set's own limit";
  until([&] { return children() == 0; });
}

TEST_F(DaemonTest, HundredMegabytesAreNamedAsTooMuchOutput) {
  start();
  const auto result = call("big", R"({"megabytes":100})");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->is_error);
  EXPECT_TRUE(result->reason == sandbox::Reason::kOutput ||
              result->reason == sandbox::Reason::kMemory);
  EXPECT_TRUE(call("echo", R"({"text":"next"})"));
}

// Each of these is refused before anything starts: no child, no count of a call.
TEST_F(DaemonTest, WhatIsNotRightlySignedStartsNothing) {
  start();
  Raw unsigned_call = signed_call("echo", R"({"text":"x"})");
  unsigned_call.headers.clear();
  EXPECT_EQ(status_of(unsigned_call), 401);

  Raw changed = signed_call("echo", R"({"text":"x"})");
  changed.body.replace(changed.body.find("\"x\""), 3, "\"y\"");
  EXPECT_EQ(status_of(changed), 401);

  EXPECT_EQ(status_of(signed_call("echo", R"({"text":"x"})", -31s)), 401);
  EXPECT_EQ(status_of(signed_call("echo", R"({"text":"x"})", 31s)), 401);
  EXPECT_EQ(status_of(signed_call("echo", R"({"text":"x"})", 0s, "another")), 409);

  Raw twice = signed_call("echo", R"({"text":"x"})");
  twice.headers.push_back(twice.headers[0]);
  EXPECT_EQ(status_of(twice), 401);

  Raw unsigned_get{.method = "GET", .target = "/tools", .headers = {}};
  EXPECT_EQ(status_of(unsigned_get), 401);
  unsigned_get.target = "/metrics";
  EXPECT_EQ(status_of(unsigned_get), 401);

  EXPECT_EQ(metric("mcpgate_sandbox_call_duration_seconds_count"), 0U);
  EXPECT_EQ(metric("mcpgate_sandbox_refusals_total{reason=\"old\"}"), 2U);
  EXPECT_EQ(metric("mcpgate_sandbox_refusals_total{reason=\"wrong_mac\"}"), 1U);
  EXPECT_EQ(metric("mcpgate_sandbox_refusals_total{reason=\"other_instance\"}"), 1U);

  const Raw replayed = signed_call("echo", R"({"text":"x"})");
  EXPECT_EQ(status_of(replayed), 200);
  EXPECT_EQ(status_of(replayed), 409);
  EXPECT_EQ(metric("mcpgate_sandbox_call_duration_seconds_count"), 1U);
}

TEST_F(DaemonTest, MalformedAndMistakenCallsGetTheirStatus) {
  start();
  const auto spoilt = [&](std::string body, const std::string& id) {
    Raw raw{.body = std::move(body), .headers = {}};
    sign(raw, id, 0s, manifest_.instance);
    return status_of(raw);
  };
  EXPECT_EQ(spoilt("", "a"), 400);
  EXPECT_EQ(spoilt("{", "b"), 400);
  EXPECT_EQ(spoilt("[]", "c"), 400);
  EXPECT_EQ(spoilt(std::string(10'000, '['), "d"), 400);
  // Signed for one call id, asking for another.
  EXPECT_EQ(spoilt(signed_call("echo", R"({"text":"x"})").body, "e"), 400);
  EXPECT_EQ(status_of(signed_call("unknown")), 404);
  manifest_.tools[0].digest = "sha256:" + std::string(64, '1');
  EXPECT_EQ(status_of(signed_call("echo", R"({"text":"x"})")), 409);
  Raw other{.method = "PUT", .target = "/execute", .headers = {}};
  sign(other, "", 0s, manifest_.instance);
  EXPECT_EQ(status_of(other), 405);
  other.target = "/other";
  sign(other, "", 0s, manifest_.instance);
  EXPECT_EQ(status_of(other), 404);
  EXPECT_EQ(metric("mcpgate_sandbox_call_duration_seconds_count"), 0U);
}

TEST_F(DaemonTest, ProgressAndLogArriveBeforeTheResult) {
  start();
  const auto execution = begin("report", "{}", sandbox::Streaming::kYes);
  std::size_t progress = 0;
  std::size_t logs = 0;
  for (;;) {
    const auto event = wait_for(execution->next());
    ASSERT_TRUE(event) << event.error().message;
    if (const auto* const result = std::get_if<sandbox::Result>(&*event)) {
      EXPECT_NE(result->call_tool_result().find("reported"), std::string_view::npos);
      break;
    }
    if (const auto* const log = std::get_if<sandbox::Log>(&*event)) {
      EXPECT_EQ(log->params, R"({"level":"info","data":"at )" + std::to_string(logs) + "\"}");
      ++logs;
    } else {
      ++progress;
    }
  }
  EXPECT_EQ(progress, 3U);
  EXPECT_EQ(logs, 3U);
}

Task<void> run_into(sandbox::Execution& execution,
                    std::optional<Expected<sandbox::Event>>& answer) {
  answer = co_await execution.next();
}

TEST_F(DaemonTest, AFullQueueTurnsAwayAndSaysWhenToRetry) {
  start();
  const auto running = begin("relay", "{}");
  const auto waiting = begin("echo", R"({"text":"second"})");
  const auto refused = begin("echo", R"({"text":"third"})");
  ASSERT_TRUE(wait_for(running->next())) << "it asks, and waits for the answer";
  std::optional<Expected<sandbox::Event>> second;
  asio::co_spawn(loop_, run_into(*waiting, second), asio::detached);
  until([&] { return metric("mcpgate_sandbox_calls_waiting") == 1; });
  const auto third = wait_for(refused->next());
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused->retry_after(), 1s);
  EXPECT_TRUE(wait_for(running->reply(sandbox::write_reply({.number = 1, .error = "no"}))));
  EXPECT_TRUE(wait_for(running->next()));
  until([&] { return second.has_value(); });
  EXPECT_TRUE(second && second->has_value());
}

TEST_F(DaemonTest, AToolsOwnBoundsTurnAwayItsCallsAlone) {
  write("toolset.yaml",
        "limits: {inFlight: 2, queue: 4}\ntools: {nap: {limits: {inFlight: 1, queue: 0}}}\n");
  start();
  const auto running = begin("nap", R"({"seconds":9})");
  std::optional<Expected<sandbox::Event>> first;
  asio::co_spawn(loop_, run_into(*running, first), asio::detached);
  until([&] { return metric("mcpgate_sandbox_calls_in_flight") == 1; });
  EXPECT_EQ(call("nap", R"({"seconds":0})").error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(call("echo", R"({"text":"passes"})"));
  running->cancel();
  until([&] { return first && call("nap", R"({"seconds":0})"); });
}

TEST_F(DaemonTest, ALimitOfAToolThatDoesNotExistIsAnError) {
  write("toolset.yaml", "tools: {ecko: {limits: {memory: 64Mi}}}\n");
  start();
  EXPECT_EQ(daemon_->catalogue().problem(), "demo/toolset.yaml: tools.ecko: no such tool");
}

TEST_F(DaemonTest, CancelAndDisconnectKillTheChild) {
  start();
  for (const auto streaming : {sandbox::Streaming::kNo, sandbox::Streaming::kYes}) {
    const auto execution = begin("nap", R"({"seconds":9})", streaming);
    std::optional<Expected<sandbox::Event>> answer;
    asio::co_spawn(loop_, run_into(*execution, answer), asio::detached);
    until([&] { return children() == 1; });
    execution->cancel();
    until([&] { return answer.has_value(); });
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error().code, ErrorCode::kCancelled);
    until([&] { return children() == 0; });
  }
  until([&] { return metric("mcpgate_sandbox_calls_in_flight") == 0; });
  EXPECT_EQ(metric("mcpgate_sandbox_calls_total{outcome=\"killed\"}"), 2U);
}

TEST_F(DaemonTest, DeleteCancelsACall) {
  start();
  const auto execution = begin("nap", R"({"seconds":9})");
  std::optional<Expected<sandbox::Event>> answer;
  asio::co_spawn(loop_, run_into(*execution, answer), asio::detached);
  until([&] { return children() == 1; });
  Raw cancel{.method = "DELETE",
             .target = "/execute/call-" + std::to_string(next_call_ - 1),
             .headers = {}};
  sign(cancel, "", 0s, manifest_.instance);
  EXPECT_EQ(status_of(cancel), 204);
  until([&] { return answer.has_value(); });
  ASSERT_TRUE(answer && answer->has_value());
  EXPECT_EQ(std::get<sandbox::Result>(**answer).reason, sandbox::Reason::kKilled);
  until([&] { return metric("mcpgate_sandbox_calls_in_flight") == 0; });
  sign(cancel, "x", 0s, manifest_.instance);
  EXPECT_EQ(status_of(cancel), 404);
}

// ---- Detached calls

TEST_F(DaemonTest, ADetachedCallRunsWithoutAConnectionAndIsReadFromAnyNumber) {
  start();
  const auto ttl = detach("report", "{}", "task");
  ASSERT_TRUE(ttl) << ttl.error().message;
  EXPECT_LE(*ttl, 60s);
  EXPECT_GT(*ttl, 50s);
  client_ = make_client();  // No connection is left of the first.
  sandbox::Result result;
  EXPECT_EQ(follow("task", 0, result).size(), 6U);
  EXPECT_NE(result.call_tool_result().find("reported"), std::string_view::npos);
  EXPECT_EQ(result.profile, "pod");
  EXPECT_EQ(follow("task", 4, result).size(), 2U);
  EXPECT_EQ(follow("task", 6, result).size(), 0U);
  EXPECT_EQ(follow("task", 99, result).size(), 0U);
  const auto state = state_of("task");
  EXPECT_TRUE(state.has_ended);
  EXPECT_FALSE(state.is_asking);
  EXPECT_EQ(state.events, 6U);
  EXPECT_EQ(metric("mcpgate_sandbox_detached_calls"), 1U);
  EXPECT_EQ(metric("mcpgate_sandbox_calls_total{outcome=\"success\"}"), 1U);
}

TEST_F(DaemonTest, AFollowerGetsEventsAsTheyComeAndMayLeave) {
  write("slow.py", R"(
from mcpgate import tool, Context
@tool()
def slow(ctx: Context) -> str:
    ctx.progress(1)
    ctx.call_tool("echo", {"text": "wait"}, raise_on_error=False)
    ctx.progress(2)
    return "slow"
)");
  start();
  ASSERT_TRUE(detach("slow", "{}", "task"));
  {
    const auto first = client_->follow("task", 0, 20s);
    ASSERT_TRUE(wait_for(first->next()));
    ASSERT_TRUE(wait_for(first->next()));
  }  // Its connection closes; the call waits on.
  until([&] { return state_of("task").is_asking; });
  EXPECT_EQ(state_of("task").events, 2U);
  EXPECT_EQ(children(), 1U);
  const auto second = client_->follow("task", 1, 20s);
  const auto question = wait_for(second->next());
  ASSERT_TRUE(question && std::holds_alternative<sandbox::Question>(*question));
  EXPECT_TRUE(
      wait_for(second->reply(sandbox::write_reply({.number = 1, .result = R"({"content":[]})"}))));
  const auto progress = wait_for(second->next());
  ASSERT_TRUE(progress && std::holds_alternative<sandbox::Progress>(*progress));
  EXPECT_EQ(std::get<sandbox::Progress>(*progress).params, R"({"progress":2})");
  const auto result = wait_for(second->next());
  ASSERT_TRUE(result && std::holds_alternative<sandbox::Result>(*result));
  EXPECT_FALSE(state_of("task").is_asking);
}

TEST_F(DaemonTest, ADetachedCallIsCancelledAndItsEndIsKept) {
  start();
  ASSERT_TRUE(detach("nap", R"({"seconds":9})", "task"));
  while (children() < 1) {
    wait_for(sleep(loop_, 10ms));
  }
  EXPECT_FALSE(state_of("task").has_ended);
  EXPECT_TRUE(wait_for(client_->cancel("task")));
  sandbox::Result result;
  follow("task", 0, result);
  EXPECT_EQ(result.reason, sandbox::Reason::kKilled);
  until([&] { return children() == 0; });
  EXPECT_TRUE(wait_for(client_->cancel("task"))) << "it is over, as was asked for";
  EXPECT_EQ(wait_for(client_->cancel("other")).error().code, ErrorCode::kNotFound);
}

TEST_F(DaemonTest, AnEndedCallAnswersAfterARestart) {
  start();
  ASSERT_TRUE(detach("report", "{}", "task"));
  sandbox::Result result;
  follow("task", 0, result);
  restart();
  EXPECT_EQ(follow("task", 5, result).size(), 1U);
  EXPECT_NE(result.call_tool_result().find("reported"), std::string_view::npos);
}

TEST_F(DaemonTest, ADaemonThatIsToldToStopEndsItsDetachedCallsWithAReason) {
  start();
  ASSERT_TRUE(detach("nap", R"({"seconds":9})", "task"));
  while (children() < 1) {
    wait_for(sleep(loop_, 10ms));
  }
  wait_for(drain_at_once(*daemon_));
  daemon_.reset();
  start();
  sandbox::Result result;
  follow("task", 0, result);
  EXPECT_EQ(result.reason, sandbox::Reason::kKilled);
}

TEST_F(DaemonTest, WhoDoesNotKnowADetachedCallLearnsNothing) {
  start();
  const auto running = begin("nap", R"({"seconds":9})");
  const std::string attached = "call-" + std::to_string(next_call_ - 1);
  std::optional<Expected<sandbox::Event>> answer;
  asio::co_spawn(loop_, run_into(*running, answer), asio::detached);
  ASSERT_TRUE(detach("echo", R"({"text":"a"})", "brief", 1ms));
  while (children() < 1) {
    wait_for(sleep(loop_, 10ms));
  }
  std::set<std::string> answers;
  int nonce = 0;
  for (const std::string id : {"other", "", "brief", "../x", attached.c_str()}) {
    for (const char* accept : {"application/json", "application/x-ndjson"}) {
      Raw raw{.method = "GET", .target = "/execute/" + id, .headers = {}};
      sign(raw, std::to_string(nonce++), 0s, manifest_.instance);
      raw.headers.emplace_back("Accept", accept);
      const auto told = wait_for(send_raw(loop_, daemon_->address(), raw));
      ASSERT_TRUE(told);
      EXPECT_EQ(told->status, 404) << id;
      answers.insert(told->body);
    }
  }
  EXPECT_EQ(answers.size(), 1U);
  Raw unsigned_get{.method = "GET", .target = "/execute/brief", .headers = {}};
  EXPECT_EQ(status_of(unsigned_get), 401);
  ASSERT_TRUE(wait_for(client_->cancel(attached)));
  while (!answer) {
    wait_for(sleep(loop_, 10ms));
  }
}

TEST_F(DaemonTest, ASignatureForOneCallIsNoneForAnother) {
  start();
  ASSERT_TRUE(detach("echo", R"({"text":"a"})", "one"));
  ASSERT_TRUE(detach("echo", R"({"text":"b"})", "two"));
  Raw raw{.method = "GET", .target = "/execute/one", .headers = {}};
  sign(raw, "nonce", 0s, manifest_.instance);
  raw.target = "/execute/two";
  EXPECT_EQ(status_of(raw), 401);
  raw.target = "/execute/one?from=1";
  EXPECT_EQ(status_of(raw), 401);
  raw.target = "/execute/one";
  EXPECT_EQ(status_of(raw), 200);
  for (const char* query : {"?from=", "?from=x", "?from=-1", "?from=1x", "?to=1",
                            "?from=99999999999999999999", "?from=1&from=2"}) {
    raw.target = std::string("/execute/one") + query;
    sign(raw, query, 0s, manifest_.instance);
    EXPECT_EQ(status_of(raw), 400) << query;
  }
}

TEST_F(DaemonTest, DetachedCallsAreBoundedAndTheirTimeIsCut) {
  write("toolset.yaml",
        "limits: {wall: 10s, inFlight: 1, queue: 1}\ndetached: {calls: 2, ttl: 5s}\n");
  start();
  const auto ttl = detach("echo", R"({"text":"a"})", "one");
  ASSERT_TRUE(ttl);
  EXPECT_LE(*ttl, 5s);
  EXPECT_EQ(detach("echo", R"({"text":"a"})", "one").error().code, ErrorCode::kFailedPrecondition);
  ASSERT_TRUE(detach("nap", R"({"seconds":9})", "two"));
  EXPECT_EQ(detach("echo", R"({"text":"a"})", "three").error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(wait_for(client_->cancel("two")));
}

TEST_F(DaemonTest, AFullQueueTakesNoDetachedCall) {
  write("toolset.yaml", "limits: {wall: 10s, inFlight: 1, queue: 1}\nreadyChildren: 0\n");
  start();
  for (const char* id : {"one", "two"}) {
    ASSERT_TRUE(detach("nap", R"({"seconds":9})", id)) << id;
    wait_for(sleep(loop_, 10ms));
  }
  EXPECT_EQ(detach("echo", R"({"text":"a"})", "three").error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(wait_for(client_->detached_state("three")).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(wait_for(client_->cancel("two")));
  EXPECT_TRUE(wait_for(client_->cancel("one")));
  sandbox::Result result;
  follow("two", 0, result);
  EXPECT_EQ(result.reason, sandbox::Reason::kKilled);
  follow("one", 0, result);
}

// ---- Questions

TEST_F(DaemonTest, ACallAsksAndItsAnswerComesByARequestOfItsOwn) {
  start();
  for (const auto streaming : {sandbox::Streaming::kNo, sandbox::Streaming::kYes}) {
    const auto execution = begin("relay", "{}", streaming);
    const auto event = wait_for(execution->next());
    ASSERT_TRUE(event) << event.error().message;
    const auto* const question = std::get_if<sandbox::Question>(&*event);
    ASSERT_NE(question, nullptr);
    EXPECT_EQ(question->kind, sandbox::Question::Kind::kCallTool);
    EXPECT_EQ(question->params, R"({"name":"echo","arguments":{"text":"inner"}})");
    const auto wrong = wait_for(
        execution->reply(sandbox::write_reply({.number = question->number + 1, .error = "x"})));
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::kFailedPrecondition);
    const auto given = wait_for(execution->reply(sandbox::write_reply(
        {.number = question->number, .result = R"({"content":[{"type":"text","text":"it"}]})"})));
    EXPECT_TRUE(given) << given.error().message;
    const auto result = wait_for(execution->next());
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_NE(std::get<sandbox::Result>(*result).call_tool_result().find("got it"),
              std::string_view::npos);
  }
}

TEST_F(DaemonTest, WhoTakesNoStreamCannotBeAsked) {
  start();
  Raw plain = signed_call("relay");
  plain.headers.emplace_back("Accept", "application/json");
  const auto answer = wait_for(send_raw(loop_, daemon_->address(), plain));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_NE(answer->body.find("nobody can be asked"), std::string::npos) << answer->body;
}

TEST_F(DaemonTest, RepliesAreCheckedBeforeTheChildSeesThem) {
  start();
  const auto execution = begin("relay", "{}");
  const std::string id = "call-" + std::to_string(next_call_ - 1);
  ASSERT_TRUE(wait_for(execution->next()));
  int nonce = 0;
  const auto send = [&](std::string target, std::string body) {
    Raw raw{.target = std::move(target), .body = std::move(body), .headers = {}};
    sign(raw, std::to_string(nonce++), 0s, manifest_.instance);
    return status_of(raw);
  };
  const std::string target = "/execute/" + id + "/reply";
  const std::string good = R"({"id":1,"result":{"content":[{"type":"text","text":"x"}]}})";
  for (const char* bad :
       {"", "{", "[]", R"({"id":1})", R"({"id":"1","result":{}})", R"({"id":1,"result":[]})",
        R"({"id":1,"result":{},"error":{"message":"x"}})", R"({"id":1,"error":"x"})",
        R"({"id":0,"result":{}})", R"({"id":1,"id":1,"result":{}})",
        R"({"id":1,"result":{},"more":1})"}) {
    EXPECT_EQ(send(target, bad), 400) << bad;
  }
  EXPECT_EQ(send("/execute/other/reply", good), 404);
  EXPECT_EQ(send("/execute//reply", good), 404);
  EXPECT_EQ(status_of({.target = target, .body = good, .headers = {}}), 401);
  EXPECT_EQ(send(target, R"({"id":2,"result":{}})"), 409);
  EXPECT_EQ(send(target, good), 204);
  const int again = send(target, good);
  EXPECT_TRUE(again == 409 || again == 404) << "answered already, or ended: " << again;
  const auto result = wait_for(execution->next());
  ASSERT_TRUE(result && std::holds_alternative<sandbox::Result>(*result));
  EXPECT_EQ(send(target, good), 404);
}

// With one place for all, it could never run otherwise.
TEST_F(DaemonTest, AnInnerCallRunsInThePlaceOfTheOneThatWaitsForIt) {
  write("toolset.yaml", "limits: {inFlight: 1, queue: 0}\nreadyChildren: 0\n");
  start();
  const auto outer = begin("relay", "{}");
  const std::string parent = "call-" + std::to_string(next_call_ - 1);
  ASSERT_TRUE(wait_for(outer->next()));
  EXPECT_EQ(call("echo", R"({"text":"x"})").error().code, ErrorCode::kResourceExhausted);
  const auto stranger =
      begin("echo", R"({"text":"x"})", sandbox::Streaming::kNo, 10s, "no-such-call");
  EXPECT_FALSE(wait_for(stranger->next()));

  const auto slow = begin("nap", R"({"seconds":4})", sandbox::Streaming::kNo, 10s, parent);
  std::optional<Expected<sandbox::Event>> slow_answer;
  asio::co_spawn(loop_, run_into(*slow, slow_answer), asio::detached);
  while (children() < 2) {
    wait_for(sleep(loop_, 10ms));
  }
  const auto second = begin("echo", R"({"text":"x"})", sandbox::Streaming::kNo, 10s, parent);
  EXPECT_FALSE(wait_for(second->next())) << "the place was lent already";
  while (!slow_answer) {
    wait_for(sleep(loop_, 50ms));
  }
  EXPECT_TRUE(slow_answer->has_value());
  const auto third = begin("echo", R"({"text":"x"})", sandbox::Streaming::kNo, 10s, parent);
  EXPECT_TRUE(wait_for(third->next()));

  EXPECT_TRUE(wait_for(outer->reply(sandbox::write_reply({.number = 1, .error = "no"}))));
  EXPECT_TRUE(wait_for(outer->next()));
  EXPECT_TRUE(call("echo", R"({"text":"x"})"));
}

TEST_F(DaemonTest, AnInnerCallDiesWithTheOneThatWaitsForIt) {
  start();
  auto outer = begin("relay", "{}");
  const std::string parent = "call-" + std::to_string(next_call_ - 1);
  ASSERT_TRUE(wait_for(outer->next()));
  const auto inner = begin("nap", R"({"seconds":9})", sandbox::Streaming::kNo, 9s, parent);
  std::optional<Expected<sandbox::Event>> answer;
  asio::co_spawn(loop_, run_into(*inner, answer), asio::detached);
  while (children() < 2) {
    wait_for(sleep(loop_, 10ms));
  }
  outer.reset();  // The connection closes.
  until([&] { return answer.has_value(); });
  ASSERT_TRUE(answer && answer->has_value());
  EXPECT_EQ(std::get<sandbox::Result>(**answer).reason, sandbox::Reason::kKilled);
  until([&] { return children() == 0; });
}

TEST_F(DaemonTest, AKilledZygoteEndsItsCallsAndComesBack) {
  start();
  const auto execution = begin("nap", R"({"seconds":9})");
  std::optional<Expected<sandbox::Event>> answer;
  asio::co_spawn(loop_, run_into(*execution, answer), asio::detached);
  until([&] { return children() == 1; });
  ASSERT_EQ(::kill(daemon_->catalogue().current()->zygote->pid(), SIGKILL), 0);
  until([&] { return answer.has_value(); });
  ASSERT_TRUE(answer && answer->has_value());
  EXPECT_EQ(std::get<sandbox::Result>(**answer).reason, sandbox::Reason::kKilled);
  auto next = call("echo", R"({"text":"back"})");
  until([&] {  // kUnavailable until the new zygote is warm.
    next = next ? std::move(next) : call("echo", R"({"text":"back"})");
    return next.has_value();
  });
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_NE(next->call_tool_result().find("back"), std::string_view::npos);
}

TEST_F(DaemonTest, AnEditComesIntoForceAndTheOldVersionDrains) {
  start();
  EXPECT_EQ(*fetch(manifest_.digest), std::nullopt);  // Not modified.
  std::optional<Expected<sandbox::Event>> old_answer;
  const auto old_call = begin("nap", R"({"seconds":1})");
  asio::co_spawn(loop_, run_into(*old_call, old_answer), asio::detached);
  until([&] { return children() == 1; });

  const std::string old_echo = digest_of("echo");
  write("more.py", "from mcpgate import tool\n@tool()\ndef added() -> str:\n    return 'new'\n");
  const auto started = std::chrono::steady_clock::now();
  const auto changed = fetch(manifest_.digest, 50s);
  ASSERT_TRUE(changed && *changed);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 45s) << "it was told, not asked at the end";
  EXPECT_EQ((*changed)->tools.size(), 10U);

  // Decided on the version before: it runs, and runs those bytes.
  EXPECT_TRUE(call("echo", R"({"text":"old"})"));
  manifest_ = **changed;
  EXPECT_NE(digest_of("echo"), old_echo);
  EXPECT_TRUE(call("added", "{}"));
  while (!old_answer) {
    wait_for(sleep(loop_, 50ms));
  }
  EXPECT_TRUE(old_answer->has_value());
  EXPECT_EQ(std::get<sandbox::Result>(**old_answer).is_error, false);
}

TEST_F(DaemonTest, ABrokenEditKeepsTheVersionBeforeAndSaysWhy) {
  start();
  write("broken.py", "def x(:\n");
  until([&] { return !daemon_->catalogue().problem().empty(); });
  EXPECT_NE(daemon_->catalogue().problem().find("broken.py"), std::string::npos)
      << daemon_->catalogue().problem();
  EXPECT_TRUE(call("echo", R"({"text":"still"})"));
  EXPECT_EQ(metric("mcpgate_sandbox_reload_failures_total"), 1U);
  fs::remove(set() / "broken.py");
  until([&] { return daemon_->catalogue().problem().empty(); });
}

TEST_F(DaemonTest, ASetThatDoesNotLoadIsNotReadyUntilItDoes) {
  write("t.py", "import nonexistent_module\n");
  start();
  EXPECT_EQ(fetch().error().code, ErrorCode::kUnavailable);
  Raw ready{.method = "GET", .target = "/ready", .headers = {}};
  EXPECT_EQ(status_of(ready), 503);
  EXPECT_EQ(status_of(signed_call("echo", "{}", 0s, "another")), 409);
  write("t.py", kTools);
  until([&] { return daemon_->catalogue().current() != nullptr; });
  EXPECT_EQ(status_of(ready), 200);
  ready.target = "/health";
  EXPECT_EQ(status_of(ready), 200);
}

TEST_F(DaemonTest, ARotatedKeyCountsAtOnceAndARestartIsNoticed) {
  start();
  const std::string old_text = *read_file(key_file());
  SystemRandom random;
  const std::string new_text = sandbox::SigningKeys::create_text(random);
  ASSERT_TRUE(write_file_atomically(key_file(), new_text + old_text, 0600));
  EXPECT_TRUE(call("echo", R"({"text":"by the old key"})"));
  client_->replace_keys(
      std::make_shared<const sandbox::SigningKeys>(*sandbox::SigningKeys::parse(new_text, "new")));
  until([&] { return call("echo", R"({"text":"by the new key"})").has_value(); });

  const auto first = begin("echo", R"({"text":"first"})");
  const auto second = begin("echo", R"({"text":"second"})");
  restart();
  // Both are signed for the instance that is gone, are told, and sign anew.
  EXPECT_TRUE(wait_for(first->next()));
  EXPECT_TRUE(wait_for(second->next()));
}

TEST_F(DaemonTest, TheAdminListenerAnswersMonitoringOnly) {
  start();
  const auto get = [&](std::string target, std::string method = "GET") {
    const auto response = wait_for(
        send_raw(loop_, "http://" + daemon_->admin_address(),
                 {.method = std::move(method), .target = std::move(target), .headers = {}}));
    return response ? response->status : 0;
  };
  EXPECT_EQ(get("/health"), 200);
  EXPECT_EQ(get("/ready"), 200);
  EXPECT_EQ(get("/metrics"), 200);
  EXPECT_EQ(get("/tools"), 404);
  EXPECT_EQ(get("/execute", "POST"), 405);
}

TEST_F(DaemonTest, CapabilitiesTellWhatWasProven) {
  start();
  const auto text = wait_for(client_->get("/capabilities"));
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_NE(text->find("\"seccomp\""), std::string::npos) << *text;
  EXPECT_NE(text->find(manifest_.instance), std::string::npos);
}

}  // namespace
}  // namespace mcpgate::sandboxd
