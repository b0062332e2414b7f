// ECMA-262 and RE2 spell most things alike. What differs is rewritten, token by token: `.`, `\s`,
// `\cX`, `\uXXXX`, named groups, property names, brackets inside classes. What only RE2 knows
// (`\A`, `\Q`, `(?i)`, `[:alpha:]`) must not get through with another meaning.

#include "json/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <array>
#include <cctype>
#include <cstdint>
#include <utility>

namespace mcpgate::json {
namespace {

// ECMA-262, WhiteSpace and LineTerminator, and what is left without them.
constexpr std::string_view kSpaces =
    R"(\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";
constexpr std::string_view kNotSpaces =
    R"(\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";
constexpr std::string_view kNotLineTerminator = R"([^\n\r\x{2028}\x{2029}])";

// General categories by their long names (Unicode, PropertyValueAliases.txt); RE2 has the short.
constexpr std::array<std::pair<std::string_view, std::string_view>, 38> kCategories = {{
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
}};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : rest_(pattern) {}

  std::optional<std::string> run() {
    while (!rest_.empty() && ok_) {
      const char byte = take();
      switch (byte) {
        case '\\':
          escape(Place::kOutside);
          break;
        case '[':
          bracket_class();
          break;
        case '(':
          group();
          break;
        case '.':
          out_ += kNotLineTerminator;
          break;
        default:
          out_ += byte;
      }
    }
    return ok_ ? std::optional(std::move(out_)) : std::nullopt;
  }

 private:
  enum class Place { kOutside, kInClass };

  char take() {
    const char byte = rest_.front();
    rest_.remove_prefix(1);
    return byte;
  }

  bool take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) {
      return false;
    }
    rest_.remove_prefix(prefix.size());
    return true;
  }

  void group() {
    out_ += '(';
    if (!rest_.starts_with('?')) {
      return;
    }
    if (take("?:")) {
      out_ += "?:";
      return;
    }
    // Of (?…) only the named group is left that RE2 knows by another spelling.
    ok_ = take("?<") && !rest_.starts_with('=') && !rest_.starts_with('!');
    out_ += "?P<";
  }

  void bracket_class() {
    const bool negated = take("^");
    if (take("]")) {  // [] matches nothing, [^] anything
      out_ += negated ? R"([\x00-\x{10ffff}])" : R"([^\x00-\x{10ffff}])";
      return;
    }
    out_ += negated ? "[^" : "[";
    while (!rest_.empty() && ok_) {
      const char byte = take();
      if (byte == ']') {
        out_ += ']';
        return;
      }
      if (byte == '\\') {
        escape(Place::kInClass);
      } else if (byte == '[') {
        out_ += "\\[";
      } else {
        out_ += byte;
      }
    }
    ok_ = false;  // no end
  }

  void escape(Place place) {
    if (rest_.empty()) {
      ok_ = false;
      return;
    }
    const char byte = take();
    const bool in_class = place == Place::kInClass;
    switch (byte) {
      case 'd':
      case 'D':
      case 'w':
      case 'W':
      case 't':
      case 'n':
      case 'v':
      case 'f':
      case 'r':
        out_ += '\\';
        out_ += byte;
        return;
      case 's':
        append_set(kSpaces, in_class);
        return;
      case 'S':
        append_set(kNotSpaces, in_class);
        return;
      case 'b':
        out_ += in_class ? R"(\x08)" : R"(\b)";
        return;
      case 'B':
        ok_ = !in_class;
        out_ += R"(\B)";
        return;
      case 'c':
        control();
        return;
      case 'x':
        append_character(take_hex(2));
        return;
      case 'u':
        unicode();
        return;
      case 'p':
      case 'P':
        property(byte);
        return;
      case '0':
        ok_ = rest_.empty() || std::isdigit(static_cast<unsigned char>(rest_.front())) == 0;
        append_character(0);
        return;
      default:
        identity(byte);
    }
  }

  void append_set(std::string_view ranges, bool in_class) {
    if (in_class) {
      out_ += ranges;
    } else {
      out_.append("[").append(ranges).append("]");
    }
  }

  // Punctuation stands for itself; a letter or digit left over is a back-reference or an error.
  void identity(char byte) {
    ok_ = static_cast<unsigned char>(byte) < 0x80 &&
          std::isalnum(static_cast<unsigned char>(byte)) == 0;
    out_ += '\\';
    out_ += byte;
  }

  void control() {
    ok_ = !rest_.empty() && std::isalpha(static_cast<unsigned char>(rest_.front())) != 0;
    if (ok_) {
      append_character(static_cast<std::uint32_t>(take()) % 32);
    }
  }

  // A number of up to six hexadecimal digits.
  std::uint32_t take_hex(std::size_t size) {
    ok_ = ok_ && size > 0 && size <= 6 && rest_.size() >= size;
    std::uint32_t number = 0;
    for (std::size_t i = 0; ok_ && i < size; ++i) {
      const char digit = take();
      ok_ = std::isxdigit(static_cast<unsigned char>(digit)) != 0;
      number = number * 16 +
               static_cast<std::uint32_t>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return number;
  }

  void unicode() {
    if (take("{")) {
      append_character(take_hex(rest_.find('}') == std::string_view::npos ? 0 : rest_.find('}')));
      ok_ = ok_ && take("}");
      return;
    }
    const std::uint32_t unit = take_hex(4);
    if (unit < 0xD800 || unit > 0xDBFF) {
      append_character(unit);
      return;
    }
    ok_ = ok_ && take("\\u");
    const std::uint32_t low = ok_ ? take_hex(4) : 0;
    ok_ = ok_ && low >= 0xDC00 && low <= 0xDFFF;
    append_character(0x10000 + ((unit - 0xD800) << 10) + ((low - 0xDC00) & 0x3FF));
  }

  void append_character(std::uint32_t code_point) {
    ok_ = ok_ && code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
    if (ok_) {
      fmt::format_to(std::back_inserter(out_), "\\x{{{:x}}}", code_point);
    }
  }

  void property(char p) {
    const std::size_t end = rest_.find('}');
    if (!take("{") || end == std::string_view::npos) {
      ok_ = false;
      return;
    }
    std::string_view name = rest_.substr(0, end - 1);
    rest_.remove_prefix(end);
    for (const std::string_view prefix : {"Script=", "sc=", "General_Category=", "gc="}) {
      if (name.starts_with(prefix)) {
        name.remove_prefix(prefix.size());
      }
    }
    for (const auto& [long_name, short_name] : kCategories) {
      name = name == long_name ? short_name : name;
    }
    out_.append("\\").append(1, p).append("{").append(name).append("}");
  }

  std::string_view rest_;
  std::string out_;
  bool ok_ = true;
};

}  // namespace

std::optional<std::string> translate_pattern(std::string_view pattern) {
  return Translator(pattern).run();
}

std::optional<Pattern> Pattern::compile(std::string_view pattern) {
  const auto translated = translate_pattern(pattern);
  if (!translated) {
    return std::nullopt;
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  auto program = std::make_unique<RE2>(*translated, options);
  if (!program->ok()) {
    return std::nullopt;
  }
  return Pattern(std::move(program));
}

Pattern::Pattern(std::unique_ptr<re2::RE2> program) : program_(std::move(program)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

bool Pattern::matches(std::string_view text) const {
  return program_->Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

}  // namespace mcpgate::json
