#pragma once

#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/task.h"
#include "http/client_pool.h"
#include "http/endpoint.h"
#include "http/stream.h"
#include "http/tls.h"

namespace mcpgate::http {

/// A socket to connect to an address of that family: non-blocking, and sending at once.
[[nodiscard]] Expected<UniqueFd> new_client_socket(int family);

/// Connects `stream`, which is of such a socket, to an address of `endpoint`; for kHttps under
/// `tls`, whose peer must prove to be `endpoint.host`.
///
/// Errors: those of a Stream; kFailedPrecondition (kHttps without `tls`).
Task<Expected<void>> dial(Stream& stream, const SocketAddress& address, const Endpoint& endpoint,
                          const std::shared_ptr<TlsClient>& tls);

}  // namespace mcpgate::http
