#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"
#include "http/client.h"
#include "http/tls.h"

namespace mcpgate::auth {

/// Where a Kubernetes API is, and as whom to use it.
struct KubernetesAccess {
  /// The name that every cluster has for its own API; or `http://127.0.0.1:8001` of `kubectl
  /// proxy`.
  std::string server = "https://kubernetes.default.svc";
  /// PEM, trusted for https; none: the system's store.
  std::optional<std::filesystem::path> ca = std::nullopt;
  /// The bearer token of a ServiceAccount; none: nothing is sent.
  std::optional<std::filesystem::path> token_file = std::nullopt;
  /// A namespace of their own, since RBAC cannot select Secrets by label.
  std::string namespace_name = "mcp-api-keys";

  /// What a pod has: its ServiceAccount's token and the cluster's CA, where kubelet mounts them.
  [[nodiscard]] static KubernetesAccess of_this_pod();

  friend bool operator==(const KubernetesAccess&, const KubernetesAccess&) = default;
};

/// Whether a namespace may be called so (RFC 1123's label, as Kubernetes checks it).
[[nodiscard]] bool is_namespace_name(std::string_view name);

/// The Secrets of one namespace that are labelled as API keys, by the documented HTTP API of
/// Kubernetes (core/v1). For some requests in a row, not for long: kubelet replaces the token.
///
/// Errors name the operation and the status, never bytes of an answer: kUnauthenticated (401),
/// kPermissionDenied (403), kNotFound (404), kAlreadyExists (409), kOutOfRange (410), kUnavailable
/// (anything else, and no answer).
class SecretsApi {
 public:
  /// Reads the token and the CA. `access` lives as long as the object.
  [[nodiscard]] static Expected<std::unique_ptr<SecretsApi>> open(asio::io_context& loop,
                                                                  const KubernetesAccess& access);

  /// A page of the list: of all keys, or of those with the public id `id`. `next` is what the page
  /// before named.
  Task<Expected<std::string>> list(std::string next, std::string id = {});
  /// kAlreadyExists where the name is taken.
  Task<Expected<void>> create(std::string secret);
  /// Merges; kAlreadyExists where the Secret is not as the patch says that it was.
  Task<Expected<void>> patch(std::string name, std::string patch);
  /// Watches for at most `length`: calls `on_bytes` with nothing when the watch has begun, and with
  /// what comes then. Ends when the server ends it, or with the error of `on_bytes`.
  Task<Expected<void>> watch(std::string resource_version, std::chrono::seconds length,
                             std::function<Expected<void>(std::string_view)> on_bytes);

 private:
  SecretsApi(asio::io_context& loop, http::Endpoint endpoint, std::shared_ptr<http::TlsClient> tls,
             const KubernetesAccess& access, const std::string& token);
  /// One whole exchange.
  Task<Expected<std::string>> call(http::ClientRequest request, std::string_view attempt);
  /// What the status of an answer means.
  [[nodiscard]] Expected<void> check(int status, std::string_view attempt) const;

  const KubernetesAccess& access_;
  /// `/api/v1/namespaces/NAMESPACE/secrets`, behind the server's own path.
  std::string path_;
  /// `Bearer TOKEN`, or empty.
  std::string authorization_;
  http::Client client_;
};

}  // namespace mcpgate::auth
