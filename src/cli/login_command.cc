// Authorization code with PKCE on a loopback redirect (RFC 8252, 7.3): the browser comes back to a
// listener that lives as long as the command. What it brings is believed only with our `state`, and
// from the issuer that was asked (RFC 9207).

#include "cli/login_command.h"

#include <ostream>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/run_to_end.h"
#include "cli/config.h"
#include "cli/credential.h"
#include "cli/login.h"
#include "http/server.h"

namespace mcpgate::cli {
namespace {

/// For the person at the browser.
constexpr std::chrono::minutes kPatience{5};
constexpr std::size_t kStateBytes = 16;
constexpr std::string_view kPath = "/callback";
constexpr std::string_view kDefaultClient = "mcp-client";

/// Takes the one answer that the browser brings.
class Callback final : public http::Handler {
 public:
  Callback(asio::io_context& loop, std::string state, std::string issuer)
      : came_(loop, kPatience), state_(std::move(state)), issuer_(std::move(issuer)) {}

  /// The code, once it has come.
  Task<Expected<std::string>> wait() {
    (void)co_await came_.async_wait(kAwait);
    co_return std::move(answer_);
  }

  Task<void> handle(const http::Request& request, http::Responder& responder) override {
    http::Response response{.status = 404, .content_type = "text/plain; charset=utf-8"};
    if (request.method == "GET" && request.path == kPath && take(request.query)) {
      response.status = answer_ ? 200 : 400;
      response.body = answer_ ? "You are logged in. This page may be closed.\n"
                              : "You are not logged in; the terminal says why.\n";
      came_.cancel();
    }
    responder.send(std::move(response));
    co_return;
  }

 private:
  /// Whether this is the answer; another one, without our state, may be anybody's.
  bool take(std::string_view query) {
    std::string state, issuer, code;
    for (auto& [name, value] : http::form_decode(query)) {
      if (name == "state") {
        state = std::move(value);
      } else if (name == "iss") {
        issuer = std::move(value);
      } else if (name == "code") {
        code = std::move(value);
      }
    }
    if (!equal_in_constant_time(as_bytes(state), as_bytes(state_))) {
      return false;
    }
    if (!issuer.empty() && issuer != issuer_) {
      answer_ = fail(ErrorCode::kUnauthenticated, "another issuer than {} has answered", issuer_);
    } else if (code.empty()) {
      answer_ = fail(ErrorCode::kUnauthenticated, "{} has refused the login", issuer_);
    } else {
      answer_ = std::move(code);
    }
    return true;
  }

  asio::steady_timer came_;
  std::string state_;
  std::string issuer_;
  Expected<std::string> answer_ = fail(ErrorCode::kDeadlineExceeded,
                                       "nobody has logged in within {} minutes", kPatience.count());
};

/// What a login needs to know.
struct LoginOrder {
  std::string url;
  std::string client_id;
  std::shared_ptr<http::TlsClient> tls;
};

std::string authorization_url(const AuthorizationServer& server, const LoginOrder& order,
                              const std::string& redirect, const std::string& state,
                              const std::string& challenge) {
  http::FormFields query{{"response_type", "code"},     {"client_id", order.client_id},
                         {"redirect_uri", redirect},    {"state", state},
                         {"code_challenge", challenge}, {"code_challenge_method", "S256"},
                         {"resource", server.resource}};
  if (!server.scopes.empty()) {
    query.emplace_back("scope", fmt::format("{}", fmt::join(server.scopes, " ")));
  }
  const char separator = server.authorization_endpoint.contains('?') ? '&' : '?';
  return server.authorization_endpoint + separator + http::form_encode(query);
}

Task<Expected<Login>> log_in(asio::io_context& loop, LoginOrder order, const World& world) {
  const auto server = co_await discover(loop, order.url, order.tls);
  if (!server) {
    co_return std::unexpected(server.error());
  }
  auto listener = http::listen("127.0.0.1:0");
  if (!listener) {
    co_return std::unexpected(std::move(listener.error()));
  }
  const std::string redirect = fmt::format("http://127.0.0.1:{}{}", listener->port(), kPath);
  const std::string state = world.random.hex(kStateBytes);
  const Pkce pkce = make_pkce(world.random);
  Callback callback(loop, state, server->issuer);
  http::Server browser(loop, *std::move(listener), callback, http::ServerOptions{});
  browser.start();
  world.err << "Open this address in a browser on this machine, and log in:\n\n  "
            << authorization_url(*server, order, redirect, state, pkce.challenge) << "\n\n"
            << std::flush;
  auto code = co_await callback.wait();
  co_await browser.drain(std::chrono::steady_clock::now() + std::chrono::seconds(1));
  if (!code) {
    co_return std::unexpected(std::move(code.error()));
  }
  auto tokens = co_await request_tokens(loop, server->token_endpoint,
                                        {{"grant_type", "authorization_code"},
                                         {"code", *code},
                                         {"redirect_uri", redirect},
                                         {"client_id", order.client_id},
                                         {"code_verifier", pkce.verifier},
                                         {"resource", server->resource}},
                                        order.tls);
  if (!tokens) {
    co_return std::unexpected(std::move(tokens.error()));
  }
  Login login{.url = order.url,
              .issuer = server->issuer,
              .token_endpoint = server->token_endpoint,
              .client_id = order.client_id};
  renew(login, *std::move(tokens), world.clock.wall_now());
  co_return login;
}

int run(const Arguments& arguments, const World& world) {
  const auto complain = [&world](const Error& error, ExitCode code) {
    world.err << "mcpgate: " << error.message << '\n';
    return code;
  };
  const auto place = gateway_of(arguments, world);
  const auto tls = trust_of(arguments);
  if (!place || !tls) {
    return complain(place ? tls.error() : place.error(), kWrongUsage);
  }
  if (place->state.empty()) {
    world.err << "mcpgate: the configuration is wrong, and with it where a login is kept: "
                 "mcpgate check\n";
    return kWrongUsage;
  }
  asio::io_context loop;
  const auto login = run_to_end(
      loop,
      log_in(
          loop,
          {.url = place->url, .client_id = arguments.get("client-id", kDefaultClient), .tls = *tls},
          world));
  if (!login) {
    return complain(login.error(), kAnswerIsNo);
  }
  const auto file = login_file(place->state, place->url);
  if (const auto saved = save_login(file, *login); !saved) {
    return complain(saved.error(), kAnswerIsNo);
  }
  world.err << "Logged in at " << place->url << ". Commands with this URL use it, and refresh it, "
            << "as long as " << login->issuer << " lets them. It is kept in " << file.string()
            << '\n';
  return kDone;
}

}  // namespace

Command login_command() {
  std::vector<Flag> flags = target_flags();
  std::erase_if(flags, [](const Flag& flag) { return flag.name == "token-file"; });
  flags.push_back({.name = "client-id",
                   .value = "ID",
                   .help = "the OAuth client to log in as [default: mcp-client]"});
  return {.name = "login",
          .help = "Log in at a gateway's issuer with a browser; later commands use it",
          .flags = std::move(flags),
          .run = &run};
}

}  // namespace mcpgate::cli
