#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/task.h"

namespace mcpgate::gateway {

/// What the streams of legacy calls have sent, kept while a call runs and a window longer: a client
/// that lost its stream, or was asked to come back, GETs the rest (2025-11-25, basic/transports,
/// "Resumability and Redelivery"). Shared by all loops, since the GET may come to another one than
/// the call's.
class KeptEvents {
 public:
  struct Limits {
    /// Of all that is kept, bookkeeping included. Where there is no room the calls that ended first
    /// are forgotten; after them the one that would say more.
    std::size_t bytes_max = 0;
    /// After the end of a call.
    std::chrono::milliseconds window{0};
  };
  /// Told on the call's loop, perhaps after the Writer's end: its client reads on another stream
  /// now, or (false) has left that one.
  using OnPresence = std::function<void(bool is_here)>;

  KeptEvents();
  KeptEvents(const KeptEvents&) = delete;
  KeptEvents& operator=(const KeptEvents&) = delete;
  ~KeptEvents();

 private:
  struct State;
  struct Call;

 public:
  /// The call's side, on its loop; its end is the call's. This and Reader may outlive the
  /// KeptEvents, for a loop that was stopped destroys its coroutines last, and do nothing then.
  class Writer {
   public:
    Writer(Writer&& other) noexcept = default;
    Writer& operator=(Writer&& other) noexcept = delete;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer();

    /// Keeps one JSON-RPC message.
    void add(std::string_view message);
    /// How many messages there are; nothing where they were too many to be kept.
    [[nodiscard]] std::optional<std::size_t> count() const;
    /// Whether the client has opened another stream for the rest, and perhaps left it again: each
    /// message is sent on one stream alone.
    [[nodiscard]] bool is_taken() const;

   private:
    friend class KeptEvents;
    Writer(std::shared_ptr<State> state, std::shared_ptr<Call> call)
        : state_(std::move(state)), call_(std::move(call)) {}
    std::shared_ptr<State> state_;
    std::shared_ptr<Call> call_;
  };

  /// The side of a client that came back, on whichever loop it is served.
  class Reader {
   public:
    Reader(Reader&& other) noexcept = default;
    Reader& operator=(Reader&& other) noexcept = delete;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader();

    struct News {
      /// What was said since the last look, in order.
      std::vector<std::string> messages;
      /// Nothing will follow: the call has ended, its events were too many to be kept, or the
      /// client reads on yet another stream.
      bool is_over = false;
    };
    [[nodiscard]] News take();

   private:
    friend class KeptEvents;
    Reader(std::shared_ptr<State> state, std::shared_ptr<Call> call, std::size_t from,
           std::uint64_t number)
        : state_(std::move(state)), call_(std::move(call)), next_(from), number_(number) {}
    std::shared_ptr<State> state_;
    std::shared_ptr<Call> call_;
    std::size_t next_;
    std::uint64_t number_;
  };

  /// From now on the events of a call are kept under its `id`, which is not in use. `presence` is
  /// called on `executor`, the call's.
  [[nodiscard]] Writer keep(std::string id, const Limits& limits, asio::any_io_executor executor,
                            OnPresence presence);

  /// The events of a call from number `from` on, counted from 0; nothing where they are not kept
  /// (any more). An earlier reader of it ends. `wake` is called on `executor` when there is
  /// something to take, perhaps after the Reader's end.
  [[nodiscard]] std::optional<Reader> follow(const std::string& id, std::size_t from,
                                             asio::any_io_executor executor,
                                             std::function<void()> wake);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace mcpgate::gateway
