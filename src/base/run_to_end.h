#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"

namespace mcpgate {

/// Runs a task on a loop of its own, for commands that do one thing.
template <class T>
[[nodiscard]] T run_to_end(asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  asio::co_spawn(loop, std::move(task), [&result](const std::exception_ptr& failure, T value) {
    MCPGATE_ASSERT(!failure);
    result.emplace(std::move(value));
  });
  while (!result) {
    loop.run_one();
  }
  return *std::move(result);
}

}  // namespace mcpgate
