#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"

namespace mcpgate::gateway {

/// What the clients of legacy sessions were asked on the streams of their calls and have not
/// answered. Shared by all loops, since a response may come on another connection than the call.
class PendingQuestions {
 public:
  PendingQuestions() = default;
  PendingQuestions(const PendingQuestions&) = delete;
  PendingQuestions& operator=(const PendingQuestions&) = delete;
  ~PendingQuestions() = default;

  /// A client's response: a result as JSON bytes, or the message of an error.
  struct Response {
    std::string result;
    std::string error;
  };

  /// One question, pending while this lives. Belongs to the loop of its call.
  class Pending {
   public:
    Pending(PendingQuestions& questions, std::string_view session, std::string id,
            asio::io_context& loop);
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    ~Pending();

    /// The id of the request, as JSON bytes.
    [[nodiscard]] const std::string& id() const { return id_; }
    /// The response; nothing where none came until then, or give_up() was called.
    Task<std::optional<Response>> wait(SteadyTime until);
    void give_up();

   private:
    friend class PendingQuestions;
    struct Waiting {
      explicit Waiting(asio::io_context& loop) : io(loop), wake(loop) {}
      asio::io_context& io;
      asio::steady_timer wake;
      std::optional<Response> response;
      bool given_up = false;
    };

    PendingQuestions& questions_;
    std::string id_;
    std::string key_;
    std::shared_ptr<Waiting> waiting_;
  };

  /// Gives a response to the question of that session with that id (JSON bytes). False where none
  /// is pending: it was never asked, not in this session, or has its response already.
  [[nodiscard]] bool answer(std::string_view session, std::string_view id, Response response);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Pending::Waiting>> pending_;
};

/// A new id for a question, as JSON bytes: 128 bits that nobody guesses.
[[nodiscard]] std::string new_question_id(Random& random);

}  // namespace mcpgate::gateway
