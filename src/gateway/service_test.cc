// The service as a process runs it: its own loops, discovery, readiness, the admin listener.

#include "gateway/service.h"

#include "gateway/admin.h"
#include "gateway/gateway_test_support.h"

namespace mcpgate::gateway {
namespace {

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : sandbox_(loops_[0], directory_.path / "demo.sock", clock_) {
    sandbox_.manifest = demo_manifest();
  }

  void start(std::vector<ToolSetRoute> routes, bool ready_means_all) {
    Settings settings;
    settings.sealer = std::make_shared<const Sealer>(std::vector{std::string(32, 'k')});
    settings.public_url = "http://127.0.0.1/";
    settings.allowed_hosts = {"127.0.0.1"};
    settings.tool_sets = std::move(routes);
    service_ = *Service::create(
        loops_, clock_,
        {.listen = "127.0.0.1:0",
         .audit_directory = directory_.path / "audit",
         .drain_timeout = 5s,
         .ready_means_all = ready_means_all},
        std::make_shared<const Settings>(std::move(settings)),
        std::make_shared<const auth::Authenticator>(
            auth::Authenticator::Options{.keys = std::make_shared<const auth::KeyTable>()}));
    admin_ = std::make_unique<AdminHandler>(*service_);
    http::Listener listener = *http::listen("127.0.0.1:0");
    admin_address_ = listener.address();
    admin_server_ = std::make_unique<http::Server>(loops_[0], std::move(listener), *admin_,
                                                   http::ServerOptions{});
    admin_server_->start();
    service_->on_ready([this] { ++ready_; });
    service_->start();
  }
  ~ServiceTest() override {
    admin_server_.reset();
    service_.reset();
    sandbox_.server.reset();
    loops_[0].restart();
    loops_[0].poll();
  }

  [[nodiscard]] ToolSetRoute route(std::string name, std::string socket) const {
    return {.view = {.name = std::move(name)},
            .endpoint = {.scheme = http::Endpoint::Scheme::kUnix,
                         .host = (directory_.path / socket).string()},
            .keys = sandbox_.keys};
  }
  http::ClientResponse get(const std::string& address, std::string target,
                           std::string method = "GET") {
    http::Client client(loops_[0], *http::Endpoint::parse("http://" + address), {});
    const http::ClientRequest request{.method = method, .target = target};
    const auto response = run(loops_[0], client.fetch(request, 1 << 20));
    EXPECT_TRUE(response) << response.error().message;
    return response.value_or(http::ClientResponse{});
  }

  TempDirectory directory_;
  SystemClock clock_;
  Loops loops_{1};
  FakeSandbox sandbox_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<AdminHandler> admin_;
  std::string admin_address_;
  std::unique_ptr<http::Server> admin_server_;
  int ready_ = 0;
};

TEST_F(ServiceTest, IsReadyOnceASandboxHasAnswered) {
  start({route("demo", "demo.sock")}, false);
  EXPECT_EQ(service_->not_ready(), "no sandbox has answered yet");
  ASSERT_TRUE(run_until(loops_[0], [this] { return ready_ == 1; }));
  EXPECT_EQ(get(service_->address(), "/ready").status, 200);
  EXPECT_EQ(get(admin_address_, "/ready").status, 200);
  EXPECT_EQ(get(admin_address_, "/health").status, 200);
  const auto status = get(admin_address_, "/status");
  EXPECT_EQ(member(status.body, "ready"), "true");
  EXPECT_EQ(
      member(status.body, "toolSets"),
      R"([{"name":"demo","state":"ready","profile":"strict","tools":2,"withheld":0,"unapproved":0}])");
  EXPECT_EQ(get(admin_address_, "/mcp").status, 404);
  EXPECT_EQ(get(admin_address_, "/status", "DELETE").status, 405);
}

TEST_F(ServiceTest, UnderUpItWaitsForEverySet) {
  start({route("demo", "demo.sock"), route("late", "late.sock")}, true);
  ASSERT_TRUE(run_until(loops_[0], [this] {
    return service_->tool_sets().at("demo").state == Discovery::State::kReady;
  }));
  EXPECT_EQ(service_->not_ready(), "some sandboxes have not answered yet");
  EXPECT_EQ(get(service_->address(), "/ready").status, 503);
  EXPECT_EQ(ready_, 0);
  // Without the set that nobody serves, all have answered.
  auto settings = std::make_shared<Settings>(*service_->settings());
  settings->tool_sets.pop_back();
  service_->use(std::shared_ptr<const Settings>(std::move(settings)));
  ASSERT_TRUE(run_until(loops_[0], [this] { return ready_ == 1; }));
  EXPECT_EQ(get(service_->address(), "/ready").status, 200);
}

TEST_F(ServiceTest, NewKeysCountWithTheNextRequest) {
  start({route("demo", "demo.sock")}, false);
  ASSERT_TRUE(run_until(loops_[0], [this] { return ready_ == 1; }));
  const auto ping = [this] {
    http::Client client(loops_[0], *http::Endpoint::parse("http://" + service_->address()), {});
    const std::array<http::Header, 2> headers{
        {{"Authorization", "Bearer demo-token-12345"}, {"Content-Type", "application/json"}}};
    const auto response =
        run(loops_[0], client.fetch({.method = "POST",
                                     .target = "/mcp",
                                     .headers = headers,
                                     .body = R"({"jsonrpc":"2.0","id":1,"method":"ping"})"},
                                    1 << 20));
    return response ? response->status : 0;
  };
  EXPECT_EQ(ping(), 401);
  service_->use(std::make_shared<const auth::Authenticator>(
      auth::Authenticator::Options{.demo_token_allowed = true, .demo_roles = {}}));
  EXPECT_TRUE(run_until(loops_[0], [&] { return ping() == 200; }));
}

TEST_F(ServiceTest, DrainingEndsTheLoopsOnceRequestsAreDone) {
  start({route("demo", "demo.sock")}, false);
  ASSERT_TRUE(run_until(loops_[0], [this] { return ready_ == 1; }));
  service_->drain();
  EXPECT_TRUE(run_until(loops_[0], [this] { return loops_[0].stopped(); }));
}

}  // namespace
}  // namespace mcpgate::gateway
