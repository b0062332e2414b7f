#pragma once

// How one replica hands a client's request to another: signed as requests to sandboxes are (see
// sandbox/signature.h), for the other's instance.
//
//   POST /forward    Content-Type: application/octet-stream
//
// The body is a token sealed with the keys that all replicas share, since it holds the client's
// credential: the client's IP address, CR LF, and the request as RFC 9112 writes it, without what
// frames it. The answer is the one for the client, or a refusal with kRefusedHeader.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/seal.h"
#include "http/head.h"
#include "http/message.h"

namespace mcpgate::gateway {

inline constexpr std::string_view kForwardTarget = "/forward";
/// Why a replica does not take a request from another; an answer for the client has none.
inline constexpr std::string_view kRefusedHeader = "Mcpgate-Refused";

/// A replica, as the session ids say that live in it: this start of it, and where the others reach
/// it.
struct Home {
  std::string instance;
  std::string address;

  /// `INSTANCE@HOST:PORT`.
  [[nodiscard]] std::string to_string() const { return instance + "@" + address; }
  [[nodiscard]] static std::optional<Home> parse(std::string_view text);
};

/// The body of a forwarded request.
[[nodiscard]] std::string seal_forwarded(const Sealer& sealer, const http::Request& request,
                                         Random& random);

/// The longest body that a client's request of these sizes becomes.
[[nodiscard]] std::size_t forwarded_bytes_max(std::size_t head_bytes_max,
                                              std::size_t body_bytes_max);

/// What was forwarded. Pinned: its request is views into it.
class ForwardedRequest {
 public:
  ForwardedRequest() = default;
  ForwardedRequest(const ForwardedRequest&) = delete;
  ForwardedRequest& operator=(const ForwardedRequest&) = delete;
  ~ForwardedRequest() = default;

  /// False where `body` was not sealed by seal_forwarded() with these keys.
  [[nodiscard]] bool open(const Sealer& sealer, std::string_view body);
  /// After open() said true.
  [[nodiscard]] const http::Request& request() const { return request_; }

 private:
  std::string bytes_;
  http::RequestHead head_;
  http::Request request_;
};

}  // namespace mcpgate::gateway
