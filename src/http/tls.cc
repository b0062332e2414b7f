#include "http/tls.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

namespace mcpgate::http {

namespace {

// TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kSessionContext = "mcpgate";

std::unexpected<Error> tls_error(const std::string& attempt) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return fail(ErrorCode::kFailedPrecondition, "{}: {}", attempt,
              reason != nullptr ? reason : "unknown TLS error");
}

// A socket BIO that sends with MSG_NOSIGNAL: OpenSSL's own writes, and a peer that went away would
// then raise SIGPIPE.

int fd_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n =
      ::send(fd_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_retry_write(bio);
  }
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::recv(fd_of(bio), data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_retry_read(bio);
  }
  if (n == 0) {
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  }
  return static_cast<int>(n);
}

long bio_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    return method;
  }();
  return kMethod;
}

Expected<SslPtr> new_session(const std::shared_ptr<ssl_ctx_st>& context, int fd) {
  SslPtr ssl(SSL_new(context.get()));
  BIO* bio = BIO_new(socket_method());
  if (ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    return tls_error("new TLS session");
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a BIO has no other place for a number.
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  SSL_set_bio(ssl.get(), bio, bio);
  return ssl;
}

Expected<std::shared_ptr<ssl_ctx_st>> new_context(const SSL_METHOD* method) {
  std::shared_ptr<ssl_ctx_st> context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kTls12Ciphers) != 1) {
    return tls_error("new TLS context");
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // Partial writes for a peer that reads slowly; released buffers for the many that are idle.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  return context;
}

// A key behind a passphrase would ask for it on the terminal, and a server would hang.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Expected<void> use_certificate(ssl_ctx_st* context, const std::filesystem::path& certificate,
                               const std::filesystem::path& key) {
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return tls_error("certificate " + certificate.string());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return tls_error("key " + key.string());
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return tls_error("key " + key.string() + " of " + certificate.string());
  }
  return {};
}

// HTTP/1.1 is all we speak; a client that insists on something else is told so (RFC 7301, 3.2).
int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* selected = nullptr;
  const int result =
      SSL_select_next_proto(&selected, out_size, kOurs, sizeof kOurs - 1, offered, offered_size);
  *out = selected;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Expected<std::shared_ptr<ssl_ctx_st>> server_context(const TlsServerOptions& options) {
  auto context = TRY(new_context(TLS_server_method()));
  TRY_VOID(use_certificate(context.get(), options.certificate, options.key));
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context.get(), select_protocol, nullptr);
  // Tickets carry the session, so none is cached here; the id keeps them to servers like this one.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context.get(),
                                 reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned int>(kSessionContext.size()));
  if (options.client_ca) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca->c_str());
    if (names == nullptr ||
        SSL_CTX_load_verify_file(context.get(), options.client_ca->c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      return tls_error("client CA " + options.client_ca->string());
    }
    SSL_CTX_set_client_CA_list(context.get(), names);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

bool is_ip_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

void SslDeleter::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

Expected<std::shared_ptr<TlsServer>> TlsServer::create(TlsServerOptions options) {
  std::shared_ptr<TlsServer> server(new TlsServer(std::move(options)));
  TRY_VOID(server->reload());
  return server;
}

Expected<void> TlsServer::use(TlsServerOptions options) {
  context_.store(TRY(server_context(options)));
  options_ = std::move(options);
  return {};
}

Expected<std::shared_ptr<TlsClient>> TlsClient::create(const TlsClientOptions& options) {
  auto context = TRY(new_context(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (options.ca) {
    if (SSL_CTX_load_verify_file(context.get(), options.ca->c_str()) != 1) {
      return tls_error("CA " + options.ca->string());
    }
  } else if (SSL_CTX_set_default_verify_paths(context.get()) != 1) {
    return tls_error("system certificate store");
  }
  if (options.certificate.has_value() != options.key.has_value()) {
    return fail(ErrorCode::kInvalidArgument,
                "a client certificate needs its key, and a key its "
                "certificate");
  }
  if (options.certificate && options.key) {
    TRY_VOID(use_certificate(context.get(), *options.certificate, *options.key));
  }
  return std::shared_ptr<TlsClient>(new TlsClient(std::move(context)));
}

Expected<SslPtr> new_server_session(const TlsServer& server, int fd) {
  SslPtr ssl = TRY(new_session(server.context(), fd));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Expected<SslPtr> new_client_session(const TlsClient& client, int fd, const std::string& host) {
  SslPtr ssl = TRY(new_session(client.context(), fd));
  SSL_set_connect_state(ssl.get());
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_ip_address(host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) != 1) {
      return tls_error("verify " + host);
    }
  } else if (X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size()) != 1 ||
             SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1) {
    return tls_error("verify " + host);
  }
  return ssl;
}

}  // namespace mcpgate::http
