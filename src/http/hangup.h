#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/error.h"

namespace mcpgate::http {

namespace asio = boost::asio;

/// Tells when peers go away, without reading: what they sent before, pipelined requests for
/// example, stays where it is. An epoll of its own, for Asio's never asks for EPOLLRDHUP alone.
class HangupWatch {
 public:
  /// What is watched. Outlives its registration.
  class Watched {
   public:
    Watched() = default;
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    virtual ~Watched() = default;
    /// From the loop, once for each add().
    virtual void on_hangup() = 0;
  };

  explicit HangupWatch(asio::io_context& loop);
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;
  ~HangupWatch() = default;

  /// Watches `fd`, or watches it anew: a peer that is gone already is told again.
  Expected<void> add(int fd, Watched& watched);
  void remove(int fd);

 private:
  void wait();
  void take_events();

  asio::posix::stream_descriptor epoll_;
  /// A wait that had already completed may be delivered after the destructor.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace mcpgate::http
