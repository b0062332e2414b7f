#pragma once

// A gateway between a client and a sandbox daemon that does what the test says: all on one loop,
// over real sockets.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "auth/api_key.h"
#include "gateway/gateway.h"
#include "http/client.h"
#include "json/write.h"

namespace mcpgate::gateway {

using namespace std::chrono_literals;

/// How long a test waits for what must happen.
inline constexpr std::chrono::seconds kPatience{30};

/// The time of day moves when a test says so; deadlines of sockets need the time that passes.
class TestClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall_now() const override { return wall_; }
  [[nodiscard]] SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
  void advance(std::chrono::seconds by) { wall_ += by; }

 private:
  WallTime wall_ = std::chrono::system_clock::now();
};

/// A new directory that is removed at the end.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::path(testing::TempDir()) / "gateway-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path = name;
  }
  ~TempDirectory() { std::filesystem::remove_all(path); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  std::filesystem::path path;
};

/// Runs the loop until `task` has ended; what it returned.
template <class T>
T run(asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  asio::co_spawn(loop, std::move(task), [&result](const std::exception_ptr& error, T value) {
    EXPECT_FALSE(error);
    result.emplace(std::move(value));
  });
  loop.restart();
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!result && std::chrono::steady_clock::now() < give_up) {
    loop.run_one_for(100ms);
  }
  MCPGATE_ASSERT(result);
  return *std::move(result);
}

/// Runs the loop until `condition` holds.
inline bool run_until(asio::io_context& loop, const std::function<bool()>& condition,
                      std::chrono::milliseconds patience = kPatience) {
  loop.restart();
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < give_up) {
    loop.run_one_for(10ms);
  }
  return condition();
}

/// A member of a JSON object as text: strings without quotes, all else as written; empty where it
/// is missing. `path` is dotted, as in `error.code`; keys with dots in them are last: `_meta/a.b`.
inline std::string member(std::string_view json, std::string_view path) {
  json::Parser parser(std::size_t{16} << 20);
  const auto root = parser.parse(json);
  std::optional<json::Element> at;
  if (root) {
    at = *root;
  }
  while (at && !path.empty()) {
    const std::size_t end = path.starts_with('/') ? path.size() : path.find_first_of("./");
    const std::string_view key = path.starts_with('/') ? path.substr(1) : path.substr(0, end);
    path.remove_prefix(std::min(path.size(), end));
    if (path.starts_with('.')) {
      path.remove_prefix(1);
    }
    const auto object = json::as_object(*at);
    at = object ? json::find(*object, key) : std::nullopt;
  }
  if (!at) {
    return {};
  }
  if (const auto text = json::as_string(*at)) {
    return std::string(*text);
  }
  std::string out;
  json::append(out, *at);
  return out;
}

/// A call as the sandbox got it.
struct ReceivedCall {
  std::string tool;
  sandbox::ItemKind kind = sandbox::ItemKind::kTool;
  std::string arguments;
  std::string id;
  std::string user;
  std::string digest;
  std::string traceparent;
  std::string parent;
  bool streamed = false;
};

/// A sandbox daemon: it checks signatures as a real one, keeps what it received, and answers by
/// `behaviour`.
class FakeSandbox final : public http::Handler {
 public:
  using Behaviour = Task<void> (*)(FakeSandbox&, http::Responder&);
  static constexpr std::string_view kInstance = "instance-1";

  FakeSandbox(asio::io_context& loop, const std::filesystem::path& socket, const Clock& clock)
      : keys(std::make_shared<const sandbox::SigningKeys>(new_keys())),
        endpoint({.scheme = http::Endpoint::Scheme::kUnix, .host = socket.string()}),
        released(loop, SteadyTime::max()),
        replied(loop, SteadyTime::max()),
        verifier_(*keys, std::string(kInstance), clock) {
    server = std::make_unique<http::Server>(loop, *http::listen("unix:" + socket.string()), *this,
                                            http::ServerOptions{});
    server->start();
  }

  Task<void> handle(const http::Request& request, http::Responder& responder) override {
    if (verifier_.check(request)) {
      ++refused;
      responder.send(
          {.status = 409,
           .headers = {{std::string(sandbox::kInstanceHeader), std::string(kInstance)}}});
      co_return;
    }
    if (request.path == "/tools") {
      ++polls;
      const std::string tag = '"' + manifest.digest + "." + manifest.instance + '"';
      if (request.header("if-none-match") == tag) {
        responder.send({.status = 304});
      } else {
        responder.send(
            {.body = sandbox::write_manifest(manifest), .content_type = "application/json"});
      }
      co_return;
    }
    if (request.path.ends_with("/reply")) {
      replies.emplace(request.path.substr(9, request.path.size() - 15), request.body);
      replied.cancel();
      responder.send({.status = 204});
      co_return;
    }
    json::Parser parser(1 << 20);
    const auto call = sandbox::parse_execute_request(request.body, parser);
    EXPECT_TRUE(call) << call.error().message;
    calls.push_back({.tool = std::string(call->tool),
                     .kind = call->kind,
                     .arguments = std::string(call->arguments),
                     .id = std::string(call->call_id),
                     .user = std::string(call->user),
                     .digest = std::string(call->tool_sha256),
                     .traceparent = std::string(call->traceparent),
                     .parent = std::string(call->parent),
                     .streamed = request.header("accept") == "application/x-ndjson"});
    if (on_call) {
      on_call();
    }
    co_await behaviour(*this, responder);
  }

  /// `result`, at once.
  static Task<void> answer(FakeSandbox& self, http::Responder& responder) {
    responder.send({.body = self.plain_answer(), .content_type = "application/json"});
    co_return;
  }
  /// `status`, with Retry-After.
  static Task<void> refuse(FakeSandbox& self, http::Responder& responder) {
    responder.send({.status = self.status, .headers = {{"Retry-After", "17"}}});
    co_return;
  }
  /// `events`, then `result`.
  static Task<void> stream(FakeSandbox& self, http::Responder& responder) {
    (void)co_await responder.begin(200, {{"Content-Type", "application/x-ndjson"}});
    for (const std::string& event : self.events) {
      (void)co_await responder.write(event);
    }
    (void)co_await responder.write(
        sandbox::write_answer(sandbox::AnswerForm::kEvent, self.result, {}, "strict"));
    (void)co_await responder.finish();
  }
  /// `questions` one after the other, each when the one before was answered, then `result`. Other
  /// tools than `asker` answer at once, unless it is empty.
  static Task<void> ask(FakeSandbox& self, http::Responder& responder) {
    const ReceivedCall call = self.calls.back();
    if (!self.asker.empty() && call.tool != self.asker) {
      co_await self.inner_behaviour(self, responder);
      co_return;
    }
    bool gone = false;
    responder.on_disconnect([&self, &gone] {
      ++self.disconnected;
      gone = true;
      self.replied.cancel();
    });
    (void)co_await responder.begin(200, {{"Content-Type", "application/x-ndjson"}});
    for (std::size_t i = 0; i < self.questions.size(); ++i) {
      const auto& [kind, params] = self.questions[i];
      (void)co_await responder.write(sandbox::write_question_event(i + 1, kind, params));
      while (self.replies.count(call.id) < i + 1 && !gone && !self.stopping) {
        (void)co_await self.replied.async_wait(kAwait);
      }
    }
    (void)co_await responder.write(
        sandbox::write_answer(sandbox::AnswerForm::kEvent, self.result, {}, "strict"));
    (void)co_await responder.finish();
  }
  /// Nothing until the test calls released.cancel(), then `result`.
  static Task<void> wait(FakeSandbox& self, http::Responder& responder) {
    ++self.waiting;
    responder.on_disconnect([&self] { ++self.disconnected; });
    (void)co_await self.released.async_wait(kAwait);
    --self.waiting;
    responder.send({.body = self.plain_answer(), .content_type = "application/json"});
  }
  /// The connection's end instead of an answer.
  static Task<void> vanish(FakeSandbox&, http::Responder& responder) {
    (void)co_await responder.begin(200, {{"Content-Type", "application/json"}});
  }
  /// Bytes that are no answer.
  static Task<void> babble(FakeSandbox&, http::Responder& responder) {
    responder.send({.body = R"({"result":{"content":"x"}})", .content_type = "application/json"});
    co_return;
  }

  std::shared_ptr<const sandbox::SigningKeys> keys;
  http::Endpoint endpoint;
  sandbox::Manifest manifest;
  Behaviour behaviour = &FakeSandbox::answer;
  std::string result = R"({"content":[{"type":"text","text":"done"}]})";
  sandbox::Usage usage;
  std::vector<std::string> events;
  std::vector<std::pair<sandbox::Question::Kind, std::string>> questions;
  std::string asker;
  Behaviour inner_behaviour = &FakeSandbox::answer;
  /// By call id, in the order in which they came.
  std::multimap<std::string, std::string> replies;
  int status = 503;
  std::function<void()> on_call;

  asio::steady_timer released;
  asio::steady_timer replied;
  bool stopping = false;
  int waiting = 0;
  int disconnected = 0;
  int refused = 0;
  int polls = 0;
  std::vector<ReceivedCall> calls;
  std::unique_ptr<http::Server> server;

 private:
  static sandbox::SigningKeys new_keys() {
    SystemRandom random;
    return *sandbox::SigningKeys::parse(sandbox::SigningKeys::create_text(random), "key");
  }
  [[nodiscard]] std::string plain_answer() const {
    return sandbox::write_answer(sandbox::AnswerForm::kPlain, result, usage, "strict");
  }

  sandbox::Verifier verifier_;
};

inline sandbox::ManifestTool manifest_tool(std::string_view definition) {
  auto tool = sandbox::parse_tool_definition(definition);
  EXPECT_TRUE(tool) << tool.error().message;
  tool->digest = "sha256:" + sha256_hex(definition);
  return *std::move(tool);
}

template <class T>
void add_listed(std::vector<T>& items, Expected<T> (*read)(json::Element), std::string_view text) {
  json::Parser parser(1 << 20);
  auto item = read(*parser.parse(text));
  EXPECT_TRUE(item) << item.error().message;
  item->digest = "sha256:" + sha256_hex(text);
  items.push_back(*std::move(item));
}

/// What the tests' sandbox offers: `read` says of itself that it only reads and has an output
/// schema, `write` takes anything, and its `region` is repeated in a header.
inline sandbox::Manifest demo_manifest(std::string name = "demo") {
  sandbox::Manifest manifest{.tool_set = std::move(name),
                             .description = "",
                             .digest = "",
                             .profile = "strict",
                             .instance = std::string(FakeSandbox::kInstance),
                             .tools = {}};
  manifest.tools.push_back(manifest_tool(
      R"({"name":"read","description":"Reads.","inputSchema":{"type":"object",)"
      R"("properties":{"text":{"type":"string"}},"required":["text"]},)"
      R"("outputSchema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]},)"
      R"("annotations":{"readOnlyHint":true}})"));
  manifest.tools.push_back(
      manifest_tool(R"({"name":"write","description":"Writes.","inputSchema":{"type":"object",)"
                    R"("properties":{"region":{"type":"string","x-mcp-header":"Region"}}}})"));
  add_listed(manifest.resources, &sandbox::read_resource,
             R"({"name":"notes","uri":"demo://notes"})");
  add_listed(manifest.resources, &sandbox::read_resource,
             R"({"name":"day","uriTemplate":"demo://notes/{day}","completes":["day"]})");
  add_listed(manifest.prompts, &sandbox::read_prompt,
             R"({"name":"greet","arguments":[{"name":"whom","required":true},{"name":"tone"}],)"
             R"("completes":["tone"]})");
  manifest.digest = sandbox::manifest_digest(manifest);
  return manifest;
}

/// Another set's: one tool that few may see, and a resource whose URI fits a template of demo.
inline sandbox::Manifest secret_manifest() {
  sandbox::Manifest manifest = demo_manifest("secret");
  manifest.tools = {manifest_tool(
      R"({"name":"launch","description":"Launches.","inputSchema":{"type":"object"}})")};
  manifest.resources.clear();
  manifest.prompts.clear();
  add_listed(manifest.resources, &sandbox::read_resource,
             R"({"name":"sunday","uri":"demo://notes/sunday"})");
  add_listed(manifest.prompts, &sandbox::read_prompt, R"({"name":"brief"})");
  manifest.digest = sandbox::manifest_digest(manifest);
  return manifest;
}

/// The walk from an HTTP request to the sandbox and back. Two tool sets, demo and secret; alice may
/// use all of it, bob reads demo, carol holds no role.
class TestGateway : public testing::Test {
 protected:
  struct Sent {
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string method = "POST";
    std::string target = "/mcp";
  };

  TestGateway()
      : sandbox_(loop_, directory_.path / "demo.sock", clock_),
        audit_(*audit::Log::open({.directory = directory_.path / "audit", .writer = "w"}, clock_)) {
    settings_.sealer = std::make_shared<const Sealer>(std::vector{std::string(32, 'k')});
    alice_ = add_key("alice", {"mcp-admin"});
    bob_ = add_key("bob", {"mcp-viewer"});
    carol_ = add_key("carol", {});
    settings_.public_url = "https://mcp.example.com/";
    settings_.allowed_hosts = {"127.0.0.1"};
    settings_.allowed_origins = {"https://app.example.com"};
    settings_.tool_sets = {
        {.view = {.name = "demo"}, .endpoint = sandbox_.endpoint, .keys = sandbox_.keys},
        {.view = {.name = "secret"}, .endpoint = sandbox_.endpoint, .keys = sandbox_.keys}};
    settings_.policy = policy::Policy(
        {.roles = {{"mcp-admin", {{.covers = {.tool_sets = {"*"}}}}},
                   {"mcp-viewer", {{.covers = {.tool_sets = {"demo"}}, .read_only = true}}}},
         .tool_sets = {{"demo", "mcp-demo"}, {"secret", "mcp-secret"}}});
    gateway_ = std::make_unique<Gateway>(
        GatewayParts{.loop = loop_,
                     .audit = *audit_,
                     .clock = clock_,
                     .random = random_,
                     .running_calls = running_calls_,
                     .pending_questions = pending_questions_,
                     .sessions = sessions_,
                     .open_streams = open_streams_,
                     .kept_events = kept_events_,
                     .seen_proofs = seen_proofs_,
                     .logouts = logouts_,
                     .demand_keys =
                         [this](const std::string& issuer, std::function<void()> done) {
                           demanded_.push_back(issuer);
                           on_demand_();
                           asio::post(loop_, std::move(done));
                         }},
        snapshot());
    http::Listener listener = *http::listen("127.0.0.1:0");
    client_ = std::make_unique<http::Client>(
        loop_, *http::Endpoint::parse("http://" + listener.address()), http::ClientOptions{});
    server_ = std::make_unique<http::Server>(loop_, std::move(listener), *gateway_,
                                             http::ServerOptions{});
    server_->start();
  }
  ~TestGateway() override {
    sandbox_.released.cancel();
    sandbox_.stopping = true;
    sandbox_.replied.cancel();
    client_.reset();
    server_.reset();
    sandbox_.server.reset();
    loop_.restart();
    loop_.poll();
    gateway_.reset();
  }

  /// The world as `settings_`, the keys and the manifests say.
  std::shared_ptr<const Snapshot> snapshot() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->settings = std::make_shared<const Settings>(settings_);
    snapshot->authenticator = std::make_shared<const auth::Authenticator>(
        auth::Authenticator::Options{.keys = std::make_shared<const auth::KeyTable>(keys_),
                                     .issuers = issuers_,
                                     .demo_token_allowed = true,
                                     .demo_roles = {"mcp-admin"}});
    std::vector<std::shared_ptr<const ToolSetTools>> sets;
    for (const ToolSetRoute& route : settings_.tool_sets) {
      const sandbox::Manifest& manifest = route.view.name == "demo" ? demo_ : secret_;
      sets.push_back(compile_tools(route.view, manifest));
      snapshot->updates[route.view.name] = manifest.updates;
    }
    snapshot->catalogue = std::make_shared<const Catalogue>(std::move(sets));
    return snapshot;
  }
  void use_settings() { gateway_->use(snapshot()); }

  std::string add_key(std::string user, std::vector<std::string> roles) {
    const auth::NewApiKey key = auth::generate_api_key(random_);
    keys_.push_back({.id = key.id,
                     .sha256 = key.sha256,
                     .user = std::move(user),
                     .roles = std::move(roles),
                     .created = clock_.wall_now()});
    return "Bearer " + key.text;
  }

  // --- answers ---

  /// `400 -32600 why`: all that tells a client what was wrong.
  template <class Response>
  [[nodiscard]] static std::string refusal(const Response& response) {
    return fmt::format("{} {} {}", response.status, member(response.body, "error.code"),
                       member(response.body, "error.message"));
  }

  // --- requests ---

  /// A modern request, headers and all.
  [[nodiscard]] Sent modern(std::string_view method, std::string_view members = "",
                            std::string_view meta = "") const {
    std::string body = R"({"jsonrpc":"2.0","id":7,"method":")" + std::string(method) +
                       R"(","params":{"_meta":{)"
                       R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                       R"("io.modelcontextprotocol/clientCapabilities":{})";
    body.append(meta.empty() ? "" : ",").append(meta).append("}");
    body.append(members.empty() ? "" : ",").append(members).append("}}");
    Sent sent{.body = body};
    sent.headers = {{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", std::string(method)}};
    for (const char* path : {"params.name", "params.uri"}) {
      if (const std::string name = member(body, path); !name.empty()) {
        sent.headers.emplace_back("Mcp-Name", name);
      }
    }
    return sent;
  }
  [[nodiscard]] static Sent legacy(std::string_view method, std::string_view members = "",
                                   std::string_view id = "7") {
    return {.body = R"({"jsonrpc":"2.0","id":)" + std::string(id) + R"(,"method":")" +
                    std::string(method) + R"(","params":{)" + std::string(members) + "}}"};
  }
  [[nodiscard]] static Sent with(Sent sent, std::string name, std::string value) {
    sent.headers.emplace_back(std::move(name), std::move(value));
    return sent;
  }

  http::ClientResponse send(const Sent& sent, std::string_view authorization) {
    return run(loop_, fetch(*client_, sent, std::string(authorization)));
  }
  http::ClientResponse send(const Sent& sent) { return send(sent, alice_); }

  /// A session of `authorization`'s principal.
  std::string initialize(std::string_view authorization) {
    const auto response = send(
        legacy("initialize", R"("protocolVersion":"2025-11-25","capabilities":{})"), authorization);
    EXPECT_EQ(response.status, 200);
    return header(response, "Mcp-Session-Id");
  }

  /// A request whose answer comes later.
  struct Pending {
    explicit Pending(http::Client& client) : exchange(client) {}
    http::Exchange exchange;
    bool done = false;
    int status = 0;
    std::string body;
  };
  std::shared_ptr<Pending> send_later(const Sent& sent, std::string_view authorization) {
    auto pending = std::make_shared<Pending>(*client_);
    asio::co_spawn(loop_, finish(pending, sent, std::string(authorization)), asio::detached);
    return pending;
  }
  bool wait_for(const std::shared_ptr<Pending>& pending) {
    return run_until(loop_, [pending] { return pending->done; });
  }

  static Task<http::ClientResponse> fetch(http::Client& client, Sent sent,
                                          std::string authorization) {
    const auto headers = headers_of(sent, authorization);
    auto response =
        co_await client.fetch({.method = sent.method,
                               .target = sent.target,
                               .headers = headers,
                               .body = sent.body,
                               .deadline = std::chrono::steady_clock::now() + kPatience},
                              std::size_t{16} << 20);
    EXPECT_TRUE(response) << response.error().message;
    co_return response ? *std::move(response) : http::ClientResponse{};
  }
  static Task<void> finish(std::shared_ptr<Pending> pending, Sent sent, std::string authorization) {
    const auto headers = headers_of(sent, authorization);
    const auto head = co_await pending->exchange.send(
        {.method = sent.method, .target = sent.target, .headers = headers, .body = sent.body});
    if (head) {
      pending->status = head->status;
      pending->body = (co_await pending->exchange.read_all(1 << 20)).value_or("");
    }
    pending->done = true;
  }
  static std::vector<http::Header> headers_of(const Sent& sent, const std::string& authorization) {
    std::vector<http::Header> headers;
    const auto has = [&sent](std::string_view name) {
      return std::ranges::any_of(
          sent.headers, [name](const auto& field) { return http::iequals(field.first, name); });
    };
    if (!authorization.empty()) {
      headers.push_back({"Authorization", authorization});
    }
    if (!has("Content-Type")) {
      headers.push_back({"Content-Type", "application/json"});
    }
    if (!has("Accept")) {
      headers.push_back({"Accept", "application/json, text/event-stream"});
    }
    for (const auto& [name, value] : sent.headers) {
      headers.push_back({name, value});
    }
    return headers;
  }

  static std::string header(const http::ClientResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (http::iequals(key, name)) {
        return value;
      }
    }
    return {};
  }

  // --- what was recorded ---

  /// All records of that type so far.
  [[nodiscard]] std::vector<std::string> records(std::string_view type = "mcp_request") const {
    std::vector<std::string> found;
    std::ifstream file(directory_.path / "audit" / "w-000001.jsonl");
    for (std::string line; std::getline(file, line);) {
      if (member(line, "type") == type) {
        found.push_back(line);
      }
    }
    return found;
  }
  /// The one record since the last look, which must be one.
  std::string record() {
    const auto all = records();
    EXPECT_EQ(all.size(), seen_ + 1);
    seen_ = all.size();
    return all.empty() ? "" : all.back();
  }

  /// No record can be written while this lives: a full disk, as RLIMIT_FSIZE plays it.
  class FullDisk {
   public:
    explicit FullDisk(const std::filesystem::path& log) {
      std::signal(SIGXFSZ, SIG_IGN);
      EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
      const rlimit full{.rlim_cur = std::filesystem::file_size(log), .rlim_max = before_.rlim_max};
      EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    }
    ~FullDisk() { EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before_), 0); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

   private:
    rlimit before_{};
  };
  [[nodiscard]] std::filesystem::path audit_file() const {
    return directory_.path / "audit" / "w-000001.jsonl";
  }

  TempDirectory directory_;
  asio::io_context loop_;
  TestClock clock_;
  SystemRandom random_;
  FakeSandbox sandbox_;
  std::unique_ptr<audit::Log> audit_;
  RunningCalls running_calls_;
  PendingQuestions pending_questions_;
  Sessions sessions_;
  OpenStreams open_streams_;
  KeptEvents kept_events_;
  auth::SeenProofs seen_proofs_;
  auth::Logouts logouts_;
  std::vector<auth::KeyRecord> keys_;
  std::shared_ptr<const auth::IssuerTable> issuers_;
  /// Issuers whose keys were asked for, and what happens then.
  std::vector<std::string> demanded_;
  std::function<void()> on_demand_ = [] {};
  std::string alice_;
  std::string bob_;
  std::string carol_;
  Settings settings_;
  sandbox::Manifest demo_ = demo_manifest();
  sandbox::Manifest secret_ = secret_manifest();
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Client> client_;
  std::size_t seen_ = 0;
};

}  // namespace mcpgate::gateway
