#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "http/client.h"

namespace mcpgate::http {

/// What fetch_url() is to do.
struct FetchRequest {
  /// `http://` or `https://`.
  std::string url;
  /// Needed for https.
  std::shared_ptr<TlsClient> tls;
  SteadyTime deadline;
  /// A form (form_encode()) to POST; empty: GET.
  std::string form = {};
};

/// One exchange with a URL over a connection of its own: for what is asked for seldom. Redirects
/// are answers like others, and JSON is what is asked for.
///
/// Errors: kInvalidArgument (no such URL), and those of an Exchange.
Task<Expected<ClientResponse>> fetch_url(asio::io_context& loop, FetchRequest request,
                                         std::size_t body_bytes_max);

}  // namespace mcpgate::http
