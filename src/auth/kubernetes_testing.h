#pragma once

// tests/e2e/support/kubernetes_api.py as a process of a test's own.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "auth/key_secret.h"
#include "base/process.h"
#include "base/run_to_end.h"
#include "http/client.h"

namespace mcpgate::auth {

/// A Kubernetes API that knows Secrets, on a free port; it ends with the object.
class KubernetesDouble {
 public:
  KubernetesDouble() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_ = UniqueFd(ends[0]);
    const UniqueFd theirs(ends[1]);
    auto process = Process::start({.program = "/usr/bin/python3",
                                   .arguments = {MCPGATE_KUBERNETES_DOUBLE},
                                   .descriptors = {{theirs.get(), 0}, {theirs.get(), 1}}});
    EXPECT_TRUE(process) << process.error().message;
    process_ = *std::move(process);
    char c = 0;
    while (::read(ours_.get(), &c, 1) == 1 && c != '\n') {
      url_ += c;
    }
  }

  [[nodiscard]] const std::string& url() const { return url_; }

  /// Any request; its status.
  int send(std::string_view method, const std::string& path, std::string_view body = {}) {
    asio::io_context loop;
    http::Client client(loop, *http::Endpoint::parse(url_), {});
    const http::Header json{.name = "Content-Type", .value = "application/json"};
    const auto response = run_to_end(
        loop, client.fetch({.method = method, .target = path, .headers = {&json, 1}, .body = body},
                           std::size_t{1} << 20));
    EXPECT_TRUE(response) << response.error().message;
    return response ? response->status : 0;
  }
  /// `compact`, `disconnect`, `fail/500`, …: see the program.
  void trouble(const std::string& what) { EXPECT_EQ(send("POST", "/double/" + what), 200); }
  /// Puts a Secret there as another program would.
  void put(std::string_view name, const KeyRecord& key) {
    EXPECT_EQ(send("POST", kSecrets, key_secret_json(name, key)), 201);
  }
  void put_raw(std::string_view json) { EXPECT_EQ(send("POST", kSecrets, json), 201); }
  void remove(std::string_view name) {
    EXPECT_EQ(send("DELETE", fmt::format("{}/{}", kSecrets, name)), 200);
  }

 private:
  static constexpr const char* kSecrets = "/api/v1/namespaces/mcp-api-keys/secrets";

  UniqueFd ours_;
  Process process_;
  std::string url_;
};

}  // namespace mcpgate::auth
