#include "auth/secrets_api.h"

#include <algorithm>
#include <array>
#include <utility>

#include "auth/key_secret.h"
#include "auth/key_secrets.h"
#include "base/encoding.h"
#include "base/file.h"
#include "http/form.h"

namespace mcpgate::auth {
namespace {

using std::chrono::seconds;

/// Where kubelet mounts what a pod needs for the API (Kubernetes, "Accessing the API from a Pod").
constexpr std::string_view kPodFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
/// For one request that is no watch.
constexpr seconds kCallTimeout{10};
/// How much later than it was asked to a server may end a watch.
constexpr seconds kWatchGrace{5};
/// Answers that are only confirmations.
constexpr std::size_t kAnswerBytesMax = std::size_t{2} << 20;

/// A token is one line; what else is in the file is none, and must not become a header.
Expected<std::string> read_token(const std::filesystem::path& file) {
  std::string token = TRY(read_file(file));
  while (token.ends_with('\n') || token.ends_with('\r')) {
    token.pop_back();
  }
  if (token.empty() || has_control_character(token)) {
    return fail(ErrorCode::kInvalidArgument, "{}: not a token", file.string());
  }
  return token;
}

SteadyTime from_now(seconds duration) {
  return std::chrono::steady_clock::now() + duration;
}

/// The fields that each request has: at most three, of which `count` are used.
struct Fields {
  std::array<http::Header, 3> all;
  std::size_t count = 0;

  Fields(std::string_view authorization, std::string_view content_type) {
    add("Accept", "application/json");
    add("Authorization", authorization);
    add("Content-Type", content_type);
  }
  void add(std::string_view name, std::string_view value) {
    if (!value.empty()) {
      all[count++] = {.name = name, .value = value};
    }
  }
  [[nodiscard]] std::span<const http::Header> view() const { return std::span(all).first(count); }
};

}  // namespace

KubernetesAccess KubernetesAccess::of_this_pod() {
  const std::filesystem::path folder(kPodFolder);
  return {.ca = folder / "ca.crt", .token_file = folder / "token"};
}

bool is_namespace_name(std::string_view name) {
  constexpr std::size_t kLengthMax = 63;
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kLengthMax && std::ranges::all_of(name, is_allowed) &&
         !name.starts_with('-') && !name.ends_with('-');
}

SecretsApi::SecretsApi(asio::io_context& loop, http::Endpoint endpoint,
                       std::shared_ptr<http::TlsClient> tls, const KubernetesAccess& access,
                       const std::string& token)
    : access_(access),
      path_(fmt::format("{}api/v1/namespaces/{}/secrets",
                        endpoint.path.ends_with('/') ? endpoint.path : endpoint.path + "/",
                        access.namespace_name)),
      authorization_(token.empty() ? "" : "Bearer " + token),
      client_(loop, std::move(endpoint), {.tls = std::move(tls)}) {}

Expected<std::unique_ptr<SecretsApi>> SecretsApi::open(asio::io_context& loop,
                                                       const KubernetesAccess& access) {
  http::Endpoint endpoint = TRY(http::Endpoint::parse(access.server));
  std::shared_ptr<http::TlsClient> tls;
  if (endpoint.scheme == http::Endpoint::Scheme::kHttps) {
    tls = TRY(http::TlsClient::create({.ca = access.ca}));
  }
  const std::string token = access.token_file ? TRY(read_token(*access.token_file)) : "";
  return std::unique_ptr<SecretsApi>(
      new SecretsApi(loop, std::move(endpoint), std::move(tls), access, token));
}

Expected<void> SecretsApi::check(int status, std::string_view attempt) const {
  const auto refused = [&](ErrorCode code, std::string_view hint) {
    return fail(code, "{} in namespace {}: the Kubernetes API answers with status {}{}", attempt,
                access_.namespace_name, status, hint);
  };
  switch (status) {
    case 200:
    case 201:
      return {};
    case 401:
      return refused(ErrorCode::kUnauthenticated, ": the token is not accepted");
    case 403:
      return refused(ErrorCode::kPermissionDenied, ": the Role does not allow it");
    case 404:
      return refused(ErrorCode::kNotFound, ": is there such a namespace?");
    case 409:
      return refused(ErrorCode::kAlreadyExists, "");
    case 410:
      return refused(ErrorCode::kOutOfRange, "");
    default:
      return refused(ErrorCode::kUnavailable, "");
  }
}

Task<Expected<std::string>> SecretsApi::call(http::ClientRequest request,
                                             std::string_view attempt) {
  request.deadline = from_now(kCallTimeout);
  const std::size_t bytes_max = request.method == "GET" ? kSecretsPageBytesMax : kAnswerBytesMax;
  auto response = co_await client_.fetch(request, bytes_max);
  if (!response) {
    co_return fail(response.error().code, "{} at {}: {}", attempt, access_.server,
                   response.error().message);
  }
  if (auto checked = check(response->status, attempt); !checked) {
    co_return std::unexpected(std::move(checked.error()));
  }
  co_return std::move(response->body);
}

Task<Expected<std::string>> SecretsApi::list(std::string next, std::string id) {
  std::string selector(kKeySecretSelector);
  if (!id.empty()) {
    selector += fmt::format(",{}={}", kKeyIdLabel, id);
  }
  http::FormFields query{{"labelSelector", std::move(selector)},
                         {"limit", std::to_string(kSecretsPageLimit)}};
  if (!next.empty()) {
    query.emplace_back("continue", std::move(next));
  }
  const std::string target = fmt::format("{}?{}", path_, http::form_encode(query));
  const Fields fields(authorization_, "");
  co_return co_await call({.target = target, .headers = fields.view(), .idempotent = true},
                          "list Secrets");
}

Task<Expected<void>> SecretsApi::create(std::string secret) {
  const Fields fields(authorization_, "application/json");
  const auto answer =
      co_await call({.method = "POST", .target = path_, .headers = fields.view(), .body = secret},
                    "create a Secret");
  co_return answer ? Expected<void>() : std::unexpected(answer.error());
}

Task<Expected<void>> SecretsApi::patch(std::string name, std::string patch) {
  const Fields fields(authorization_, "application/merge-patch+json");
  const std::string target = fmt::format("{}/{}", path_, name);
  const auto answer =
      co_await call({.method = "PATCH", .target = target, .headers = fields.view(), .body = patch},
                    "change Secret " + name);
  co_return answer ? Expected<void>() : std::unexpected(answer.error());
}

Task<Expected<void>> SecretsApi::watch(std::string resource_version, seconds length,
                                       std::function<Expected<void>(std::string_view)> on_bytes) {
  const http::FormFields query{{"labelSelector", std::string(kKeySecretSelector)},
                               {"watch", "true"},
                               {"allowWatchBookmarks", "true"},
                               {"resourceVersion", std::move(resource_version)},
                               {"timeoutSeconds", std::to_string(length.count())}};
  const std::string target = fmt::format("{}?{}", path_, http::form_encode(query));
  const Fields fields(authorization_, "");
  http::Exchange exchange(client_);
  const auto head = co_await exchange.send({.target = target,
                                            .headers = fields.view(),
                                            .deadline = from_now(length + kWatchGrace),
                                            .idempotent = true});
  if (!head) {
    co_return std::unexpected(head.error());
  }
  if (auto checked = check(head->status, "watch Secrets"); !checked) {
    co_return std::unexpected(std::move(checked.error()));
  }
  auto taken = on_bytes({});
  while (taken) {
    const auto bytes = co_await exchange.read();
    if (!bytes) {
      co_return std::unexpected(bytes.error());
    }
    if (bytes->empty()) {
      break;
    }
    taken = on_bytes(*bytes);
  }
  co_return taken;
}

}  // namespace mcpgate::auth
