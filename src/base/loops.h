#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace mcpgate {

namespace asio = boost::asio;

/// One event loop a core. Loops share nothing, so what belongs to one needs no lock.
class Loops {
 public:
  /// `count` loops; 0 makes one for each core this process may use.
  explicit Loops(std::size_t count = 0);
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;
  ~Loops();

  [[nodiscard]] std::size_t size() const { return loops_.size(); }
  [[nodiscard]] asio::io_context& operator[](std::size_t index) { return loops_[index]->context; }

  /// Runs loop 0 on the calling thread and each other one on a thread of its own, until stop(). An
  /// exception that escapes a completion handler is logged, and the loop goes on.
  void run();
  /// Ends run(). From any thread or loop.
  void stop();

 private:
  struct Loop {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  };
  static void run_one(asio::io_context& context);

  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace mcpgate
