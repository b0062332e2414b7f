#include "http/form.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"

namespace mcpgate::http {
namespace {

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (const auto byte = hex_decode(text.substr(i + 1, 2)); byte && byte->size() == 1) {
        out += static_cast<char>(byte->front());
        i += 2;
        continue;
      }
    }
    out += text[i] == '+' ? ' ' : text[i];
  }
  return out;
}

}  // namespace

std::string form_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string form_encode(const FormFields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    out += out.empty() ? "" : "&";
    out += form_escape(name) + '=' + form_escape(value);
  }
  return out;
}

FormFields form_decode(std::string_view text) {
  FormFields fields;
  while (!text.empty()) {
    const std::string_view field = text.substr(0, std::min(text.find('&'), text.size()));
    const std::size_t equals = std::min(field.find('='), field.size());
    const std::size_t value = std::min(equals + 1, field.size());
    fields.emplace_back(unescape(field.substr(0, equals)), unescape(field.substr(value)));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
  }
  return fields;
}

}  // namespace mcpgate::http
