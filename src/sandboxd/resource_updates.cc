#include "sandboxd/resource_updates.h"

#include <algorithm>
#include <utility>

#include "json/parse.h"
#include "sandbox/execute.h"
#include "sandbox/uri_template.h"
#include "sandboxd/frame.h"

namespace mcpgate::sandboxd {

namespace {

constexpr std::string_view kMethod = "resources/updated";

bool is_meant(const sandbox::ManifestResource& resource, std::string_view uri) {
  if (!resource.is_template) {
    return resource.uri == uri;
  }
  const auto uris = sandbox::UriTemplate::parse(resource.uri);
  return uris && uris->match(uri);
}

/// The parameters of the question, where it is this one; its URI is empty where it has none.
std::optional<std::string> read_uri(std::string_view json) {
  if (json.find(kMethod) == std::string_view::npos) {
    return std::nullopt;
  }
  json::Parser parser(kRequestBytesMax);
  const auto document = parser.parse(json);
  const auto question = document ? json::as_object(*document) : std::nullopt;
  if (!question || json::string_at(*question, "method") != kMethod) {
    return std::nullopt;
  }
  const auto params = json::object_at(*question, "params");
  return std::string(params ? json::string_at(*params, "uri").value_or("") : "");
}

}  // namespace

void ResourceUpdates::count(std::string_view uri) {
  ++counts_[sandbox::update_bucket(uri)];
  if (std::exchange(is_waiting_, true)) {
    return;
  }
  timer_.expires_at(std::max(std::chrono::steady_clock::now(), published_at_ + interval_));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) {  // Else this object is gone.
      publish();
    }
  });
}

void ResourceUpdates::publish() {
  is_waiting_ = false;
  published_at_ = std::chrono::steady_clock::now();
  published_ = counts_;
  on_publish_();
}

std::string_view UpdateQuestions::take(std::string_view uri) {
  if (call_.runs_code) {
    return "only the tools of a set say that a resource has changed, not code that a model wrote";
  }
  const auto& resources = call_.manifest.resources;
  const auto means = [uri](const sandbox::ManifestResource& each) { return is_meant(each, uri); };
  if (uri.size() > sandbox::kUriBytesMax || std::ranges::none_of(resources, means)) {
    return "no resource of this tool set has that URI";
  }
  call_.updates.count(uri);
  return {};
}

std::optional<std::string> UpdateQuestions::on_question(std::uint64_t number,
                                                        std::string_view json) {
  const auto uri = read_uri(json);
  if (!uri) {
    return next_.on_question(number, json);
  }
  const std::string_view refused = take(*uri);
  return refused.empty() ? sandbox::write_reply({.number = number, .result = "{}"})
                         : sandbox::write_reply({.number = number, .error = refused});
}

}  // namespace mcpgate::sandboxd
