#include "gateway/tool_set_source.h"

#include <utility>

#include "gateway/upstream_listing.h"

namespace mcpgate::gateway {

ToolSetSource::ToolSetSource(asio::io_context& loop, const ToolSetRoute& route, const Clock& clock)
    : endpoint_(route.endpoint) {
  if (route.upstream) {
    upstream_ = std::make_shared<Upstream>(loop, route.upstream, clock);
  } else {
    sandbox_ = std::make_unique<sandbox::ToolSetClient>(loop, route.endpoint, route.keys, clock);
  }
}

Task<Expected<std::optional<sandbox::Manifest>>> ToolSetSource::fetch(std::string known,
                                                                      std::chrono::seconds wait) {
  return upstream_ ? fetch_manifest(upstream_, std::move(known), wait)
                   : sandbox_->fetch(std::move(known), wait);
}

bool ToolSetSource::follow(const ToolSetRoute& route) {
  if (upstream_) {
    return route.upstream && upstream_->options() == *route.upstream;
  }
  if (route.upstream || route.endpoint != endpoint_) {
    return false;
  }
  sandbox_->replace_keys(route.keys);
  return true;
}

}  // namespace mcpgate::gateway
