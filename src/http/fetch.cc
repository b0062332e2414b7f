#include "http/fetch.h"

#include <array>
#include <span>
#include <utility>

namespace mcpgate::http {

Task<Expected<ClientResponse>> fetch_url(asio::io_context& loop, FetchRequest request,
                                         std::size_t body_bytes_max) {
  auto endpoint = Endpoint::parse(request.url);
  if (!endpoint || endpoint->scheme == Endpoint::Scheme::kUnix) {
    co_return fail(ErrorCode::kInvalidArgument, "expected an http or https URL");
  }
  const std::string target = endpoint->path;
  const std::array<Header, 2> headers{
      {{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}}};
  const bool is_post = !request.form.empty();
  Client client(loop, *std::move(endpoint), {.tls = std::move(request.tls)});
  co_return co_await client.fetch({.method = is_post ? "POST" : "GET",
                                   .target = target,
                                   .headers = std::span(headers).first(is_post ? 2 : 1),
                                   .body = request.form,
                                   .deadline = request.deadline,
                                   .idempotent = !is_post},
                                  body_bytes_max);
}

}  // namespace mcpgate::http
