#pragma once

// TLS 1.2 and 1.3 by OpenSSL 3: contexts for servers and clients, and the non-blocking session that
// a Stream drives.

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"

struct ssl_ctx_st;
struct ssl_st;

namespace mcpgate::http {

/// The files of a TLS server, read again when they change.
struct TlsServerOptions {
  /// PEM: the certificate, then its intermediates.
  std::filesystem::path certificate;
  /// PEM, not encrypted.
  std::filesystem::path key;
  /// PEM. Where set, every client must show a certificate that one of these signed.
  std::optional<std::filesystem::path> client_ca;

  friend bool operator==(const TlsServerOptions&, const TlsServerOptions&) = default;
};

/// The TLS side of a server. Thread-safe: connections of all loops take the context that is current
/// when they begin.
class TlsServer {
 public:
  /// Reads the files. Errors name the file and what is wrong with it.
  [[nodiscard]] static Expected<std::shared_ptr<TlsServer>> create(TlsServerOptions options);

  /// Reads the files again for connections to come. On error the old ones stay in force.
  [[nodiscard]] Expected<void> reload() { return use(options_); }
  /// The same from other files.
  [[nodiscard]] Expected<void> use(TlsServerOptions options);

  [[nodiscard]] std::shared_ptr<ssl_ctx_st> context() const { return context_.load(); }

 private:
  explicit TlsServer(TlsServerOptions options) : options_(std::move(options)) {}

  TlsServerOptions options_;
  std::atomic<std::shared_ptr<ssl_ctx_st>> context_;
};

/// What a TLS client trusts and shows.
struct TlsClientOptions {
  /// PEM, trusted instead of the system's store.
  std::optional<std::filesystem::path> ca;
  /// PEM, shown to servers that ask. Both or neither.
  std::optional<std::filesystem::path> certificate;
  std::optional<std::filesystem::path> key;
};

/// The TLS side of a client. The peer's name is always verified.
class TlsClient {
 public:
  [[nodiscard]] static Expected<std::shared_ptr<TlsClient>> create(const TlsClientOptions& options);

  [[nodiscard]] std::shared_ptr<ssl_ctx_st> context() const { return context_; }

 private:
  explicit TlsClient(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}

  std::shared_ptr<ssl_ctx_st> context_;
};

/// Frees a connection's OpenSSL object.
struct SslDeleter {
  void operator()(ssl_st* ssl) const;
};
using SslPtr = std::unique_ptr<ssl_st, SslDeleter>;

/// A session over `fd`, which it borrows; never raises SIGPIPE.
[[nodiscard]] Expected<SslPtr> new_server_session(const TlsServer& server, int fd);
/// A session that accepts only a certificate for `host`, a DNS name or an IP address.
[[nodiscard]] Expected<SslPtr> new_client_session(const TlsClient& client, int fd,
                                                  const std::string& host);

}  // namespace mcpgate::http
