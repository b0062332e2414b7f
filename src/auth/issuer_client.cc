#include "auth/issuer_client.h"

#include "base/encoding.h"
#include "http/form.h"

namespace mcpgate::auth {

std::string basic_credentials(const IssuerClient& client) {
  // Each is escaped first.
  const std::string pair = http::form_escape(client.id) + ':' + http::form_escape(client.secret);
  return "Basic " + base64_encode(as_bytes(pair));
}

}  // namespace mcpgate::auth
