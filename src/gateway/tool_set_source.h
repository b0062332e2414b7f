#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/task.h"
#include "gateway/snapshot.h"
#include "gateway/upstream.h"
#include "sandbox/client.h"

namespace mcpgate::gateway {

/// Who says what a tool set offers: its sandbox's daemon, or an upstream. One loop.
class ToolSetSource {
 public:
  ToolSetSource(asio::io_context& loop, const ToolSetRoute& route, const Clock& clock);

  /// As sandbox::ToolSetClient::fetch().
  Task<Expected<std::optional<sandbox::Manifest>>> fetch(std::string known,
                                                         std::chrono::seconds wait);
  /// Whether it is the one that `route` names, which may have other keys by now: they are used from
  /// now on.
  [[nodiscard]] bool follow(const ToolSetRoute& route);

 private:
  http::Endpoint endpoint_;
  /// One of the two.
  std::unique_ptr<sandbox::ToolSetClient> sandbox_;
  std::shared_ptr<Upstream> upstream_;
};

}  // namespace mcpgate::gateway
