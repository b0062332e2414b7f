#pragma once

// For tests: a coroutine run to its end on a loop that nothing else runs.

#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/task.h"

namespace mcpgate::sandboxd {

/// Runs the loop until the coroutine has ended; what it returned.
template <class T>
T wait_for(asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  asio::co_spawn(loop, std::move(task), [&result](const std::exception_ptr& error, T value) {
    EXPECT_FALSE(error);
    result.emplace(std::move(value));
  });
  loop.restart();
  while (!result) {
    loop.run_one();
  }
  return std::move(*result);
}

}  // namespace mcpgate::sandboxd
