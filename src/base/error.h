#pragma once

// How this project reports failure: std::expected with one small error type.
//
// Untrusted input and likely failures of the system are Errors; a broken invariant is
// MCPGATE_ASSERT and ends the process; out of memory dies. Libraries that throw are called in one
// .cc each, which catches at its boundary.

#include <fmt/format.h>

#include <cstring>
#include <expected>
#include <string>
#include <utility>

namespace mcpgate {

/// What kind of failure it is, after gRPC's canonical codes.
enum class ErrorCode {
  kInvalidArgument,
  kOutOfRange,
  kUnauthenticated,
  kPermissionDenied,
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,
  kResourceExhausted,
  kCancelled,
  kDeadlineExceeded,
  kUnavailable,
  kInternal,
};

/// The name of a code in lower case with underscores, as logs and metrics spell it.
[[nodiscard]] const char* to_string(ErrorCode code);

/// A failure. `message` is for the operator: what was attempted, on what, why it failed, what to
/// do. It never holds a secret nor bytes that a peer sent.
struct Error {
  ErrorCode code;
  std::string message;
};

/// The answer of whatever can fail.
template <class T>
using Expected = std::expected<T, Error>;

/// `return fail(ErrorCode::kNotFound, "no key {}", id);`
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format,
                                          Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// `errno` as an Error: `open var/keys: Permission denied`. Read `errno` at once after the call.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view attempt, int error_number = errno);

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

}  // namespace mcpgate

/// Evaluates to the value of an Expected, or returns its error from the calling function. Not for
/// coroutines: there write `if (!x) co_return std::unexpected(std::move(x.error()));`.
#define TRY(...)                                                 \
  __extension__({                                                \
    auto mcpgate_result = (__VA_ARGS__);                         \
    if (!mcpgate_result) [[unlikely]] {                          \
      return std::unexpected(std::move(mcpgate_result).error()); \
    }                                                            \
    std::move(*mcpgate_result);                                  \
  })

/// TRY for an Expected<void>.
#define TRY_VOID(...)                                                        \
  do {                                                                       \
    if (auto mcpgate_result = (__VA_ARGS__); !mcpgate_result) [[unlikely]] { \
      return std::unexpected(std::move(mcpgate_result).error());             \
    }                                                                        \
  } while (false)

/// A broken invariant ends the process, in release builds too.
#define MCPGATE_ASSERT(condition)                               \
  do {                                                          \
    if (!(condition)) [[unlikely]] {                            \
      ::mcpgate::assert_failed(#condition, __FILE__, __LINE__); \
    }                                                           \
  } while (false)
