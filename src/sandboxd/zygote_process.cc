#include "sandboxd/zygote_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"

namespace mcpgate::sandboxd {
namespace {

using std::chrono::steady_clock;

/// From SPAWN to SPAWNED: 0.3 ms usually. A zygote that takes longer hangs, however busy the
/// machine.
constexpr std::chrono::seconds kSpawnPatience{10};
/// From PING to PONG; it may be forking.
constexpr std::chrono::seconds kPingPatience{10};

}  // namespace

Expected<std::shared_ptr<ZygoteProcess>> ZygoteProcess::start(
    asio::io_context& loop, const std::filesystem::path& executable, int setup_file,
    const ControlGroups& groups) {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return fail_errno("make a zygote's control socket");
  }
  UniqueFd ours(sockets[0]);
  const UniqueFd theirs(sockets[1]);
  std::shared_ptr<ZygoteProcess> self(new ZygoteProcess(loop));
  self->executable_ = executable;
  self->process_ = TRY(Process::start(
      {.program = executable,
       .environment = {"LD_BIND_NOW=1"},  // Or each child would look up the same symbols again.
       .descriptors = {{theirs.get(), kControlSocket}, {setup_file, kSetupFile}}}));
  TRY_VOID(groups.take_in(self->process_.pid()));
  boost::system::error_code error;
  self->control_.assign(ours.get(), error);
  if (!error) {
    (void)ours.release();
    self->control_.non_blocking(true, error);
  }
  if (error) {
    return fail(ErrorCode::kInternal, "watch a zygote's control socket: {}", error.message());
  }
  self->started_ = steady_clock::now();
  asio::co_spawn(loop, read_control(self), asio::detached);
  return self;
}

Task<Expected<void>> ZygoteProcess::wait_loaded(std::chrono::seconds patience) {
  const auto until = steady_clock::now() + patience;
  while (!has_ended_ && !has_loaded_ && steady_clock::now() < until) {
    changed_.expires_at(until);
    co_await changed_.async_wait(kAwait);
  }
  if (is_error_of_set_) {
    co_return fail(ErrorCode::kInvalidArgument, "{}", load_error_);
  }
  if (has_ended_ || !has_loaded_ || !load_error_.empty()) {
    const std::string why = !load_error_.empty()  ? load_error_
                            : process_.try_wait() ? describe_wait_status(process_.wait_status())
                                                  : "gave no sign of life";
    co_return fail(ErrorCode::kUnavailable, "start {}: {}", executable_.string(), why);
  }
  co_return Expected<void>{};
}

// ---- The control socket

Task<> ZygoteProcess::read_control(std::shared_ptr<ZygoteProcess> self) {
  for (;;) {
    const auto [error] =
        co_await self->control_.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
    if (self->has_ended_) {
      co_return;
    }
    if (error || !self->receive()) {
      break;
    }
  }
  self->end();
}

bool ZygoteProcess::receive() {
  for (;;) {
    std::array<char, 4096> bytes{};
    iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
    msghdr packet{};
    packet.msg_iov = &data;
    packet.msg_iovlen = 1;
    packet.msg_control = ancillary.data();
    packet.msg_controllen = ancillary.size();
    const ssize_t size = ::recvmsg(control_.native_handle(), &packet, MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
      return true;
    }
    UniqueFd descriptor;
    const cmsghdr* header = size > 0 ? CMSG_FIRSTHDR(&packet) : nullptr;
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(header), sizeof received);
      descriptor.reset(received);
    }
    const std::optional<ZygoteMessage> message =
        size > 0 ? decode_zygote_message({bytes.data(), static_cast<std::size_t>(size)})
                 : std::nullopt;
    if (!message) {
      return false;
    }
    take(*message, std::move(descriptor));
  }
}

void ZygoteProcess::take(const ZygoteMessage& message, UniqueFd descriptor) {
  if (const auto* told = std::get_if<ReadyMessage>(&message)) {
    has_loaded_ = true;
    load_error_ = told->error;
    is_error_of_set_ = told->is_of_set;
    if (told->layer >= 0 && told->layer < static_cast<int>(kLayerCount)) {
      layer_failure_ = {.layer = static_cast<Layer>(told->layer), .why = told->error};
    }
    changed_.cancel();
  } else if (const auto* spawned = std::get_if<SpawnedMessage>(&message)) {
    if (const auto call = children_.find(spawned->number); call != children_.end()) {
      if (spawned->pid < 0 || !descriptor) {
        call->second->lost(
            fmt::format("no process could be made for it: {}", std::strerror(spawned->error)));
      } else {
        call->second->spawned(spawned->pid, std::move(descriptor));
      }
    } else if (descriptor) {
      signal_pidfd(descriptor.get(), SIGKILL);  // Of a call that was given up.
    }
  } else if (std::holds_alternative<PongMessage>(message)) {
    awaits_pong_ = false;
    ping_timer_.cancel();
  } else if (const auto* exited = std::get_if<ExitedMessage>(&message)) {
    if (const auto call = children_.find(exited->number); call != children_.end()) {
      call->second->exited(*exited);
    }
  }
}

void ZygoteProcess::end() {
  if (has_ended_) {
    return;
  }
  has_ended_ = true;
  (void)process_.try_wait();  // How it ended by itself is told by wait_loaded().
  process_.kill();
  boost::system::error_code ignored;
  control_.close(ignored);
  for (const auto& [number, call] : children_) {
    call->lost("the sandbox's interpreter ended while it ran");
  }
  changed_.cancel();
  ping_timer_.cancel();
  tell_gone();
}

void ZygoteProcess::tell_gone() {
  if (const auto gone = std::exchange(on_gone_, nullptr)) {
    gone();
  }
}

void ZygoteProcess::retire() {
  is_retired_ = true;
  on_gone_ = nullptr;
  if (children_.empty()) {
    end();
  }
}

void ZygoteProcess::drop_child(std::uint64_t number) {
  children_.erase(number);
  if (is_retired_ && children_.empty()) {
    end();
  }
}

// ---- Whether it hangs

void ZygoteProcess::catch_up() {
  if (!has_ended_ && !receive()) {
    end();
  }
}

/// It is not killed for it: its children would die as well.
void ZygoteProcess::hang() {
  if (std::exchange(has_hung_, true)) {
    return;
  }
  log_error("a zygote hangs; another one takes its place");
  tell_gone();
  const auto self = shared_from_this();
  const Children children = children_;
  for (const auto& [number, call] : children) {
    if (call->is_spawned()) {
      call->expect_no_reaper();
    } else {
      call->lost("the sandbox's interpreter hung before it ran");
    }
  }
  retire();
}

void ZygoteProcess::ping() {
  const std::string bytes = encode(PingMessage{});
  if (has_ended_ || is_retired_ || std::exchange(awaits_pong_, true)) {
    return;
  }
  if (::send(control_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    hang();  // It has not read for so long that the socket is full, or it is gone.
    return;
  }
  ping_timer_.expires_after(kPingPatience);
  ping_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) {
      return;
    }
    self->catch_up();
    if (self->awaits_pong_ && !self->has_ended_) {
      self->hang();
    }
  });
}

// ---- Children

Expected<void> ZygoteProcess::send_spawn(std::uint64_t number, RunningCall& call) {
  const ChildSetup& setup = call.setup();
  const std::string bytes = encode(SpawnMessage{.number = number,
                                                .task = setup.task,
                                                .address_space_bytes = setup.address_space_bytes,
                                                .file_bytes = setup.file_bytes,
                                                .cpu_s = setup.cpu_s,
                                                .open_files = setup.open_files,
                                                .tmp_bytes = setup.tmp_bytes,
                                                .tmp_entries = setup.tmp_entries,
                                                .tmp = call.tmp(),
                                                .workspace = call.workspace_grant(),
                                                .read_only = setup.read_only,
                                                .expected = setup.expected,
                                                .without = setup.without,
                                                .witness = setup.witness});
  const RunningCall::ChildEnds ends = call.take_child_ends();
  const std::array<int, 3> descriptors{ends.call_socket.get(), ends.output.get(), ends.input.get()};
  const std::size_t descriptor_bytes = (ends.input ? 3 : 2) * sizeof(int);
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptors)> ancillary{};
  msghdr packet{};
  packet.msg_iov = &data;
  packet.msg_iovlen = 1;
  packet.msg_control = ancillary.data();
  packet.msg_controllen = CMSG_SPACE(descriptor_bytes);
  cmsghdr* header = CMSG_FIRSTHDR(&packet);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptor_bytes);
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptor_bytes);
  if (bytes.size() > kControlBytesMax) {
    return fail(ErrorCode::kInvalidArgument,
                "the paths of a call have {} bytes together; at most "
                "{} are allowed",
                bytes.size(), kControlBytesMax);
  }
  if (::sendmsg(control_.native_handle(), &packet, MSG_NOSIGNAL) < 0) {
    // It is behind with what it was asked already, or too many descriptors are on their way.
    const bool is_full =
        errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS;
    return is_full ? fail(ErrorCode::kResourceExhausted, "the zygote has too many calls to start")
                   : fail_errno("ask the zygote for a child");
  }
  return {};
}

void ZygoteProcess::expect_spawned(asio::steady_timer& timer, std::uint64_t number) {
  timer.expires_after(kSpawnPatience);
  timer.async_wait([weak = weak_from_this(), number](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) {
      return;
    }
    self->catch_up();
    const auto call = self->children_.find(number);
    if (call != self->children_.end() && !call->second->is_spawned() && !call->second->is_gone()) {
      self->hang();
    }
  });
}

Expected<std::uint64_t> ZygoteProcess::make_child(ChildSetup setup,
                                                  std::optional<ScratchDirectory> scratch) {
  auto child = TRY(RunningCall::create(loop_, std::move(setup), std::move(scratch)));
  const std::uint64_t number = next_number_++;
  if (auto sent = send_spawn(number, *child); !sent) {
    if (sent.error().code == ErrorCode::kInvalidArgument) {
      return std::unexpected(std::move(sent.error()));  // It lies at this call alone.
    }
    if (sent.error().code != ErrorCode::kResourceExhausted) {
      end();
    }
    return fail(ErrorCode::kUnavailable, "{}", sent.error().message);
  }
  children_.emplace(number, std::move(child));
  return number;
}

}  // namespace mcpgate::sandboxd
