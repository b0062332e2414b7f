#include "http/hangup.h"

#include <sys/epoll.h>

#include <cerrno>

#include "base/fd.h"

namespace mcpgate::http {

HangupWatch::HangupWatch(asio::io_context& loop) : epoll_(loop) {
  UniqueFd fd(::epoll_create1(EPOLL_CLOEXEC));
  MCPGATE_ASSERT(fd);
  boost::system::error_code error;
  epoll_.assign(fd.release(), error);
  MCPGATE_ASSERT(!error);
  wait();
}

Expected<void> HangupWatch::add(int fd, Watched& watched) {
  epoll_event event{};
  event.events = EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watched;
  if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0) {
    return {};
  }
  if (errno == EEXIST && ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_MOD, fd, &event) == 0) {
    return {};
  }
  return fail_errno("watch a connection");
}

void HangupWatch::remove(int fd) {
  (void)::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
}

void HangupWatch::wait() {
  epoll_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
                      if (!error && !alive.expired()) {
                        take_events();
                        wait();
                      }
                    });
}

void HangupWatch::take_events() {
  // One at a time: a callback may remove what a later event of a batch would point to.
  epoll_event event{};
  while (::epoll_wait(epoll_.native_handle(), &event, 1, 0) == 1) {
    static_cast<Watched*>(event.data.ptr)->on_hangup();
  }
}

}  // namespace mcpgate::http
