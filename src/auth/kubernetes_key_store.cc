#include "auth/kubernetes_key_store.h"

#include <chrono>
#include <utility>

#include "auth/api_key.h"
#include "auth/key_secrets.h"
#include "base/run_to_end.h"

namespace mcpgate::auth {
namespace {

/// How often another's change or name may come first.
constexpr int kAttempts = 16;

}  // namespace

Expected<KeySecret> KubernetesKeyStore::find_secret(SecretsApi& api, std::string_view id) {
  if (!is_key_id(id)) {
    return fail(ErrorCode::kNotFound, "that is not the id of a key: {} characters of a-z2-7",
                kKeyIdLength);
  }
  const std::string page = TRY(run_to_end(loop_, api.list({}, std::string(id))));
  json::Parser parser(kSecretsPageBytesMax);
  const auto list = json::as_object(TRY(parser.parse(page)));
  const auto items = list ? json::array_at(*list, "items") : std::nullopt;
  if (!items) {
    return fail(ErrorCode::kUnavailable, "the Kubernetes API's answer is not a list");
  }
  if (items->size() == 0) {
    return fail(ErrorCode::kNotFound, "no key {}", id);
  }
  if (items->size() > 1) {
    return fail(ErrorCode::kFailedPrecondition,
                "key {} is in several Secrets of namespace {}: delete all but one", id,
                access_.namespace_name);
  }
  const auto item = json::as_object(items->at(0));
  if (!item) {
    return fail(ErrorCode::kUnavailable, "the Kubernetes API's answer is not a list of Secrets");
  }
  KeySecret secret = TRY(parse_key_secret(*item));
  if (!secret.record) {
    return fail(secret.record.error().code, "Secret {}: {}", secret.name,
                secret.record.error().message);
  }
  return secret;
}

Expected<void> KubernetesKeyStore::create(const KeyRecord& key) {
  TRY_VOID(check_key_record(key));
  const auto api = TRY(SecretsApi::open(loop_, access_));
  const auto before = find_secret(*api, key.id);
  if (before || before.error().code == ErrorCode::kInvalidArgument) {
    return fail(ErrorCode::kAlreadyExists, "key {} exists", key.id);
  }
  if (before.error().code != ErrorCode::kNotFound) {
    return std::unexpected(before.error());
  }
  // Two keys of one user may be made in one millisecond.
  Expected<void> created;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::string name =
        key_secret_name(key.user, key.created + std::chrono::milliseconds(attempt));
    created = run_to_end(loop_, api->create(key_secret_json(name, key)));
    if (created || created.error().code != ErrorCode::kAlreadyExists) {
      return created;
    }
  }
  return fail(ErrorCode::kUnavailable, "too many keys of this user are made just now: try again");
}

Expected<KeyRecord> KubernetesKeyStore::find(std::string_view id) {
  const auto api = TRY(SecretsApi::open(loop_, access_));
  return TRY(find_secret(*api, id)).record;
}

Expected<KeyRecord> KubernetesKeyStore::update(
    std::string_view id, const std::function<Expected<void>(KeyRecord&)>& change) {
  const auto api = TRY(SecretsApi::open(loop_, access_));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    KeySecret secret = TRY(find_secret(*api, id));
    TRY_VOID(change(*secret.record));
    TRY_VOID(check_key_record(*secret.record));
    const auto patched = run_to_end(
        loop_, api->patch(secret.name, key_secret_patch(secret.resource_version, *secret.record)));
    if (patched) {
      return secret.record;
    }
    if (patched.error().code != ErrorCode::kAlreadyExists) {
      return std::unexpected(patched.error());
    }
  }
  return fail(ErrorCode::kUnavailable, "key {} is being changed by others: try again", id);
}

Expected<std::shared_ptr<const KeyTable>> KubernetesKeyStore::read_all() {
  const auto api = TRY(SecretsApi::open(loop_, access_));
  KeySecrets secrets;
  std::string next;
  do {
    const std::string page = TRY(run_to_end(loop_, api->list(std::move(next))));
    next = TRY(secrets.add_page(page));
  } while (!next.empty());
  return secrets.table();
}

}  // namespace mcpgate::auth
