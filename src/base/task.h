#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mcpgate {

namespace asio = boost::asio;

/// A coroutine. References it takes live until it is awaited to its end; what is co_spawned takes
/// its arguments by value, and a lambda coroutine captures nothing.
template <class T = void>
using Task = asio::awaitable<T>;

/// `auto [error, bytes] = co_await socket.async_read_some(buffer, kAwait);`: an I/O error is
/// a value.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace mcpgate
