#include "gateway/call_chain.h"

namespace mcpgate::gateway {

CallChain::Link CallChain::add(const std::shared_ptr<sandbox::Execution>& execution) {
  executions_.push_back(execution);
  if (!why_.empty()) {
    execution->cancel();
  }
  return Link(*this);
}

void CallChain::cancel(std::string_view why) {
  if (!why_.empty()) {
    return;
  }
  why_ = why;
  if (on_cancel_) {
    on_cancel_();
  }
  // A copy: what is cancelled may leave the chain meanwhile.
  const std::vector<std::weak_ptr<sandbox::Execution>> executions = executions_;
  for (auto next = executions.rbegin(); next != executions.rend(); ++next) {
    if (const auto execution = next->lock()) {
      execution->cancel();
    }
  }
}

void CallChain::cancel_after(std::chrono::milliseconds window, std::string_view why) {
  window_.expires_after(window);
  window_.async_wait([weak = weak_from_this(), why](const boost::system::error_code& error) {
    const auto chain = weak.lock();
    if (!error && chain) {
      chain->cancel(why);
    }
  });
}

}  // namespace mcpgate::gateway
