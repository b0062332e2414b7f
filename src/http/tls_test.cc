// TLS end to end, with certificates made here: versions, names, client certificates, reload, and
// that everything of plain HTTP works under it.

#include "http/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdio>
#include <filesystem>

#include <boost/asio/steady_timer.hpp>

#include "base/file.h"
#include "http/client.h"
#include "http/testing.h"

namespace mcpgate::http {
namespace {

using std::chrono::milliseconds;

struct Certificate {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> x509;

  void write(const std::filesystem::path& certificate,
             const std::filesystem::path& key_file) const {
    FILE* file = std::fopen(certificate.c_str(), "we");
    PEM_write_X509(file, x509.get());
    std::fclose(file);
    file = std::fopen(key_file.c_str(), "we");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
};

/// Signed by `issuer`, or by itself as a CA.
Certificate make_certificate(const char* name, const char* alternative_names,
                             const Certificate* issuer = nullptr) {
  static long serial = 1;
  Certificate made;
  made.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
  made.x509.reset(X509_new(), X509_free);
  X509* x509 = made.x509.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const signer = issuer != nullptr ? issuer->x509.get() : x509;
  X509_set_issuer_name(x509, X509_get_subject_name(signer));
  X509V3_CTX context;
  X509V3_set_ctx(&context, signer, x509, nullptr, nullptr, 0);
  const auto extend = [&](int id, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (alternative_names != nullptr) {
    extend(NID_subject_alt_name, alternative_names);
  }
  X509_sign(x509, issuer != nullptr ? issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("mcpgate-tls-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    ca_ = make_certificate("test CA", nullptr);
    ca_.write(folder_ / "ca.pem", folder_ / "ca.key");
    write("server", "IP:127.0.0.1,DNS:localhost");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const char* alternative_names) {
    make_certificate(name.c_str(), alternative_names, &ca_)
        .write(folder_ / (name + ".pem"), folder_ / (name + ".key"));
  }
  std::shared_ptr<TlsServer> server_tls(bool with_client_ca = false) {
    TlsServerOptions options{folder_ / "server.pem", folder_ / "server.key", std::nullopt};
    if (with_client_ca) {
      options.client_ca = folder_ / "ca.pem";
    }
    auto tls = TlsServer::create(options);
    EXPECT_TRUE(tls) << tls.error().message;
    return *tls;
  }
  std::shared_ptr<TlsClient> client_tls(bool with_certificate = false) {
    TlsClientOptions options;
    options.ca = folder_ / "ca.pem";
    if (with_certificate) {
      write("client", nullptr);
      options.certificate = folder_ / "client.pem";
      options.key = folder_ / "client.key";
    }
    auto tls = TlsClient::create(options);
    EXPECT_TRUE(tls) << tls.error().message;
    return *tls;
  }

  static Expected<ClientResponse> fetch(const std::string& url, std::shared_ptr<TlsClient> tls,
                                        std::string_view body = "x", int times = 1) {
    LoopThread loop;
    std::unique_ptr<Client> client;
    loop.call([&] {
      client = std::make_unique<Client>(loop.context(), *Endpoint::parse(url),
                                        ClientOptions{.tls = std::move(tls)});
    });
    Expected<ClientResponse> response;
    for (int i = 0; i < times; ++i) {
      response = loop.run(
          client->fetch({.method = "POST", .target = "/p", .body = body}, std::size_t{8} << 20));
    }
    loop.call([&] { client.reset(); });
    return response;
  }

  std::filesystem::path folder_;
  Certificate ca_;
};

/// A blocking TLS client of one version, by OpenSSL itself.
class RawTls {
 public:
  RawTls(const std::string& address, int version, SSL_SESSION* session = nullptr)
      : socket_(address), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.fd());
    if (session != nullptr) {
      SSL_set_session(ssl_.get(), session);
    }
    connected = SSL_connect(ssl_.get()) == 1;
    ERR_clear_error();
  }
  void send(std::string_view bytes) {
    SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string read() {
    char bytes[4096];
    const int n = SSL_read(ssl_.get(), bytes, sizeof bytes);
    return n > 0 ? std::string(bytes, static_cast<std::size_t>(n)) : "";
  }
  [[nodiscard]] SSL* ssl() { return ssl_.get(); }
  void close() { socket_.close(); }

  bool connected = false;

 private:
  RawClient socket_;
  std::shared_ptr<SSL_CTX> context_;
  SslPtr ssl_;
};

std::string url_of(const TestServer& server) {
  return "https://" + server.address;
}

TEST_F(Tls, RequestsOfAllSizesOnAKeptConnection) {
  TestServer server({.tls = server_tls()});
  bool secure = false;
  server.handler.on_request = [&](const Request& request, Responder& responder) {
    secure = request.secure;
    return echo(request, responder);
  };
  server.start();
  for (const std::size_t size : {1UZ, 16'384UZ, 100'000UZ, 4UZ << 20}) {
    const std::string body(size, 't');
    const auto response = fetch(url_of(server), client_tls(), body, 3);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "POST /p " + body);
    EXPECT_TRUE(secure);
  }
}

TEST_F(Tls, Versions12And13AreSpokenAndOlderOnesAreNot) {
  TestServer server({.tls = server_tls()});
  server.start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawTls client(server.address, version);
    ASSERT_TRUE(client.connected);
    client.send(kGet);
    EXPECT_TRUE(client.read().starts_with("HTTP/1.1 200"));
  }
  RawTls old(server.address, TLS1_1_VERSION);
  EXPECT_FALSE(old.connected);
}

TEST_F(Tls, SessionsAreResumedByTickets) {
  TestServer server({.tls = server_tls()});
  server.start();
  RawTls first(server.address, TLS1_3_VERSION);
  first.send(kGet);
  ASSERT_FALSE(first.read().empty());
  const std::shared_ptr<SSL_SESSION> session(SSL_get1_session(first.ssl()), SSL_SESSION_free);
  RawTls second(server.address, TLS1_3_VERSION, session.get());
  ASSERT_TRUE(second.connected);
  EXPECT_EQ(SSL_session_reused(second.ssl()), 1);
}

TEST_F(Tls, PlainRequestOnATlsPortEndsTheConnection) {
  TestServer server({.tls = server_tls()});
  server.start();
  RawClient client(server.address);
  client.send(kGet);
  EXPECT_FALSE(client.read_all().contains("HTTP"));
}

TEST_F(Tls, ServerOfAnotherNameOrCaIsRefused) {
  write("server", "DNS:other.example");
  TestServer server({.tls = server_tls()});
  server.start();
  const auto by_name = fetch(url_of(server), client_tls());
  ASSERT_FALSE(by_name);
  EXPECT_EQ(by_name.error().code, ErrorCode::kUnavailable);

  write("server", "IP:127.0.0.1");
  TestServer right_name({.tls = server_tls()});
  ca_ = make_certificate("another CA", nullptr);
  ca_.write(folder_ / "ca.pem", folder_ / "ca.key");
  EXPECT_FALSE(fetch(url_of(right_name.start()), client_tls()));
}

TEST_F(Tls, HostNameIsVerifiedAsAName) {
  TestServer server({.tls = server_tls()});
  server.start();
  const std::string port = server.address.substr(server.address.rfind(':'));
  const auto response = fetch("https://localhost" + port, client_tls());
  EXPECT_TRUE(response) << response.error().message;
}

TEST_F(Tls, ClientCertificateIsRequiredWhereAClientCaIsSet) {
  TestServer server({.tls = server_tls(true)});
  server.start();
  EXPECT_FALSE(fetch(url_of(server), client_tls()));
  const auto response = fetch(url_of(server), client_tls(true));
  EXPECT_TRUE(response) << response.error().message;
}

TEST_F(Tls, ReloadTakesNewFilesAndKeepsOldOnesOnError) {
  const auto tls = server_tls();
  TestServer server({.tls = tls});
  server.start();
  RawTls before(server.address, TLS1_3_VERSION);
  ASSERT_TRUE(before.connected);
  const auto serial = [](RawTls& client) {
    const std::shared_ptr<X509> peer(SSL_get1_peer_certificate(client.ssl()), X509_free);
    return ASN1_INTEGER_get(X509_get0_serialNumber(peer.get()));
  };
  ASSERT_TRUE(write_file_atomically(folder_ / "server.pem", "not a certificate", 0600));
  const auto failed = tls->reload();
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().message.contains("server.pem")) << failed.error().message;
  RawTls still(server.address, TLS1_3_VERSION);
  ASSERT_TRUE(still.connected);
  EXPECT_EQ(serial(still), serial(before));

  write("server", "IP:127.0.0.1");
  ASSERT_TRUE(tls->reload());
  RawTls after(server.address, TLS1_3_VERSION);
  ASSERT_TRUE(after.connected);
  EXPECT_NE(serial(after), serial(before));
  before.send(kGet);
  EXPECT_TRUE(before.read().starts_with("HTTP/1.1 200")) << "open connections go on";
}

TEST_F(Tls, FilesThatDoNotFitAreErrors) {
  TlsServerOptions options{folder_ / "server.pem", folder_ / "ca.key", std::nullopt};
  EXPECT_FALSE(TlsServer::create(options)) << "another certificate's key";
  options.key = folder_ / "missing.key";
  EXPECT_FALSE(TlsServer::create(options));
  TlsClientOptions half;
  half.certificate = folder_ / "server.pem";
  EXPECT_FALSE(TlsClient::create(half));
}

TEST_F(Tls, DisconnectIsTold) {
  TestServer server({.tls = server_tls()});
  std::atomic<int> calls = 0;
  std::atomic<bool> entered = false;
  server.handler.on_request = [&](const Request&, Responder& responder) -> Task<void> {
    asio::steady_timer gone(server.loop.context(), SteadyTime::max());
    responder.on_disconnect([&] {
      ++calls;
      gone.cancel();
    });
    entered = true;
    co_await gone.async_wait(kAwait);
  };
  server.start();
  RawTls client(server.address, TLS1_3_VERSION);
  client.send(kGet + kGet);
  ASSERT_TRUE(eventually([&] { return entered.load(); }));
  EXPECT_EQ(calls, 0);
  client.close();
  ASSERT_TRUE(eventually([&] { return server.connections() == 0; }));
  EXPECT_GE(calls, 1);
}

TEST_F(Tls, SlowHandshakeIsCutOff) {
  ServerOptions options{.tls = server_tls()};
  options.limits.head_timeout = milliseconds(1000);
  TestServer server(options);
  server.start();
  RawClient client(server.address);
  client.send("\x16\x03\x01");
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(Tls, DrainAnswersWhatWasSent) {
  TestServer server({.tls = server_tls()});
  server.start();
  RawTls client(server.address, TLS1_3_VERSION);
  client.send(kGet);
  EXPECT_TRUE(client.read().starts_with("HTTP/1.1 200"));
  server.loop.run(
      server.server->drain(std::chrono::steady_clock::now() + milliseconds(kPatienceMs)));
  EXPECT_EQ(client.read(), "");
  EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace mcpgate::http
