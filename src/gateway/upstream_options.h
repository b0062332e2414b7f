#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "http/address_rules.h"
#include "http/endpoint.h"
#include "http/tls.h"

namespace mcpgate::gateway {

/// An upstream: an MCP server elsewhere (Streamable HTTP) that serves as a tool set. What the
/// configuration says of it.
struct UpstreamOptions {
  /// For messages.
  std::string tool_set;
  http::Endpoint endpoint;
  /// The header that carries this gateway's own credential, and its value, a secret. Empty: none. A
  /// client's credential never goes there.
  std::string credential_header = {};
  std::string credential = {};
  /// Whether its tools' annotations are believed and shown.
  bool trusts_annotations = false;
  http::AddressRules admitted = {};
  /// For https; `ca_sha256` tells two apart.
  std::shared_ptr<http::TlsClient> tls = nullptr;
  std::string ca_sha256 = {};
  /// All that it may say to one request, bytes.
  std::size_t answer_bytes_max = std::size_t{16} << 20;
  /// Sessions that a loop keeps with it, one a user.
  std::size_t sessions_max = 1000;

  friend bool operator==(const UpstreamOptions& a, const UpstreamOptions& b) {
    return a.tool_set == b.tool_set && a.endpoint == b.endpoint &&
           a.credential_header == b.credential_header && a.credential == b.credential &&
           a.trusts_annotations == b.trusts_annotations && a.admitted == b.admitted &&
           a.ca_sha256 == b.ca_sha256 && a.answer_bytes_max == b.answer_bytes_max &&
           a.sessions_max == b.sessions_max;
  }
};

}  // namespace mcpgate::gateway
