#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include "base/identity.h"
#include "base/task.h"

namespace mcpgate::gateway {

/// The notification streams that are open on all loops: how many there are, whose, and which belong
/// to one legacy session. What they carry is each loop's own matter.
class OpenStreams {
 public:
  struct Limits {
    std::size_t all_max = 0;
    std::size_t per_principal_max = 0;
  };
  /// Which of them is reached.
  enum class Full { kAll, kPrincipal };

  OpenStreams();
  OpenStreams(const OpenStreams&) = delete;
  OpenStreams& operator=(const OpenStreams&) = delete;
  ~OpenStreams() = default;

 private:
  struct State;

 public:
  /// Counts a stream while it lives. May outlive the OpenStreams: a loop that was stopped destroys
  /// its coroutines last.
  class Place {
   public:
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&& other) noexcept = delete;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place();

    /// Whether no younger stream of its session is open in this process: each message is sent on
    /// one stream alone (2025-11-25, basic/transports, "Multiple Connections").
    [[nodiscard]] bool is_youngest() const;

   private:
    friend class OpenStreams;
    Place(std::shared_ptr<State> state, std::string principal, std::string session,
          std::uint64_t number)
        : state_(std::move(state)),
          principal_(std::move(principal)),
          session_(std::move(session)),
          number_(number) {}
    std::shared_ptr<State> state_;
    std::string principal_;
    std::string session_;
    std::uint64_t number_;
  };

  /// A place for a stream of `principal`. `session` is empty in the modern era; else `end` is
  /// called at most once, on `executor`, when that session ends, perhaps after the stream itself.
  [[nodiscard]] std::expected<Place, Full> open(const Principal& principal,
                                                std::string_view session, const Limits& limits,
                                                asio::any_io_executor executor,
                                                std::function<void()> end);

  /// Ends the streams of a session.
  void end(std::string_view session);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace mcpgate::gateway
