#include "policy/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include "json/pointer.h"
#include "json/write.h"

namespace mcpgate::policy {

namespace {

using std::chrono::minutes;

Truth negate(Truth truth) {
  switch (truth) {
    case Truth::kTrue:
      return Truth::kFalse;
    case Truth::kFalse:
      return Truth::kTrue;
    case Truth::kUnknown:
      break;
  }
  return Truth::kUnknown;
}

Truth truth_of(bool holds) {
  return holds ? Truth::kTrue : Truth::kFalse;
}

/// The parts of a path by its text: `.`, empty parts and what `..` takes back are gone. A relative
/// path may still begin with `..`.
std::vector<std::string_view> path_parts(std::string_view path) {
  const bool is_absolute = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part == ".." && (is_absolute || (!parts.empty() && parts.back() != ".."))) {
      if (!parts.empty()) {
        parts.pop_back();
      }
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  return parts;
}

bool is_beneath(std::string_view path, std::string_view directory) {
  if (path.starts_with('/') != directory.starts_with('/')) {
    return false;
  }
  const auto parts = path_parts(path);
  const auto prefix = path_parts(directory);
  // A relative path that leaves where it starts is beneath nothing but what names the same way out.
  const bool leaves = !parts.empty() && parts.front() == "..";
  return (!leaves || !prefix.empty()) && parts.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), parts.begin());
}

/// A value of a request or of the configuration, as far as tests look at it. Compared by content:
/// views into whatever holds it.
struct Value {
  enum class Kind : std::uint8_t { kBoolean, kNumber, kString, kOther };
  Kind kind = Kind::kOther;
  bool boolean = false;
  json::Decimal number = {};
  std::string_view text = {};
};

Value value_of(const Literal& literal) {
  if (const bool* const boolean = std::get_if<bool>(&literal)) {
    return {.kind = Value::Kind::kBoolean, .boolean = *boolean};
  }
  if (const auto* const number = std::get_if<json::Decimal>(&literal)) {
    return {.kind = Value::Kind::kNumber, .number = *number};
  }
  return {.kind = Value::Kind::kString, .text = std::get<std::string>(literal)};
}

Value value_of(json::Element element) {
  if (const auto text = json::as_string(element)) {
    return {.kind = Value::Kind::kString, .text = *text};
  }
  if (const auto number = json::to_decimal(element)) {
    return {.kind = Value::Kind::kNumber, .number = *number};
  }
  if (element.is_bool()) {
    return {.kind = Value::Kind::kBoolean, .boolean = element.get_bool().value_unsafe()};
  }
  return {};
}

bool equal(const Value& a, const Value& b) {
  if (a.kind != b.kind || a.kind == Value::Kind::kOther) {
    return false;
  }
  return a.boolean == b.boolean && a.text == b.text && json::compare(a.number, b.number) == 0;
}

bool passes(const Test& test, const Value& value) {
  if (const auto* const one_of = std::get_if<OneOf>(&test)) {
    return std::ranges::any_of(one_of->values, [&value](const Literal& literal) {
      return equal(value_of(literal), value);
    });
  }
  if (const auto* const at_most = std::get_if<AtMost>(&test)) {
    return value.kind == Value::Kind::kNumber && json::compare(value.number, at_most->limit) <= 0;
  }
  if (value.kind != Value::Kind::kString) {
    return false;
  }
  if (const auto* const pattern = std::get_if<Matches>(&test)) {
    return pattern->compiled->matches(value.text);
  }
  return is_beneath(value.text, std::get<PathPrefix>(test).directory);
}

bool passes_text(const Test& test, std::string_view text) {
  return passes(test, Value{.kind = Value::Kind::kString, .text = text});
}

bool passes_at(json::Element element, std::span<const std::string> pointer,
               const ArgumentTest& argument);

/// What `*` stands for: whether each of some values, or one, passes with the rest of the pointer.
template <class Values, class ElementOf>
bool passes_among(const Values& values, ElementOf element_of, std::span<const std::string> rest,
                  const ArgumentTest& argument) {
  const bool wants_every = argument.of == ArgumentTest::Of::kEvery;
  bool any = false;
  for (const auto& value : values) {
    const bool passed = passes_at(element_of(value), rest, argument);
    if (passed != wants_every) {
      return passed;
    }
    any = any || passed;
  }
  return any;
}

json::Element element_of_item(json::Element item) {
  return item;
}
json::Element element_of_member(const simdjson::dom::key_value_pair& member) {
  return member.value;
}

/// Whether what `pointer` names from `element` on passes.
bool passes_at(json::Element element, std::span<const std::string> pointer,
               const ArgumentTest& argument) {
  if (pointer.empty()) {
    return passes(argument.test, value_of(element));
  }
  const auto rest = pointer.subspan(1);
  if (pointer.front() != "*") {
    const auto child = json::child_at(element, pointer.front());
    return child && passes_at(*child, rest, argument);
  }
  if (const auto array = json::as_array(element)) {
    return passes_among(*array, element_of_item, rest, argument);
  }
  const auto object = json::as_object(element);
  return object && passes_among(*object, element_of_member, rest, argument);
}

Truth evaluate(const ArgumentTest& test, const Arguments& arguments) {
  if (arguments.any) {
    return Truth::kUnknown;
  }
  if (!arguments.these) {
    return Truth::kFalse;
  }
  const auto rest = std::span(test.pointer).subspan(1);
  if (test.pointer.front() == "*") {
    return truth_of(passes_among(*arguments.these, element_of_member, rest, test));
  }
  const auto value = json::find(*arguments.these, test.pointer.front());
  return truth_of(value && passes_at(*value, rest, test));
}

bool holds(const PrincipalTest& test, const Principal& principal) {
  using Field = PrincipalTest::Field;
  switch (test.field) {
    case Field::kUser:
      return passes_text(test.test, principal.user);
    case Field::kSubject:
      return passes_text(test.test, principal.subject);
    case Field::kIssuer:
      return passes_text(test.test, principal.issuer);
    case Field::kAuthType:
      return passes_text(test.test, to_string(principal.auth_type));
    case Field::kKeyId:
      return passes_text(test.test, principal.key_id);
    case Field::kRole:
      break;
  }
  return std::ranges::any_of(
      principal.roles, [&test](const std::string& role) { return passes_text(test.test, role); });
}

bool holds(const AddressTest& test, std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address && std::ranges::any_of(test.networks, [&address](const Network& network) {
           return network.contains(*address);
         });
}

bool holds(const TimeTest& test, WallTime now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const auto time = std::chrono::floor<minutes>(now - day);
  const auto is_on = [&test](std::chrono::sys_days begin) {
    return ((test.days >> std::chrono::weekday(begin).c_encoding()) & 1U) != 0;
  };
  if (test.from < test.to) {
    return test.from <= time && time < test.to && is_on(day);
  }
  return (time >= test.from && is_on(day)) || (time < test.to && is_on(day - std::chrono::days{1}));
}

Truth evaluate_all(const std::vector<Condition>& parts, const Principal& principal,
                   const Circumstances& circumstances) {
  Truth whole = Truth::kTrue;
  for (const Condition& part : parts) {
    whole = std::min(whole, evaluate(part, principal, circumstances));
    if (whole == Truth::kFalse) {
      break;
    }
  }
  return whole;
}

Truth evaluate_any(const std::vector<Condition>& parts, const Principal& principal,
                   const Circumstances& circumstances) {
  Truth whole = Truth::kFalse;
  for (const Condition& part : parts) {
    whole = std::max(whole, evaluate(part, principal, circumstances));
    if (whole == Truth::kTrue) {
      break;
    }
  }
  return whole;
}

/// As people write it: 1500, 1.5; with an exponent where that would be long.
std::string describe_number(const json::Decimal& number) {
  constexpr int kPlacesMax = 15;
  std::string digits = fmt::format("{}", number.digits);
  if (std::abs(number.exponent) > kPlacesMax) {
    digits += fmt::format("e{}", number.exponent);
  } else if (number.exponent >= 0) {
    digits.append(static_cast<std::size_t>(number.exponent), '0');
  } else {
    const auto places = static_cast<std::size_t>(-number.exponent);
    if (digits.size() <= places) {
      digits.insert(0, places + 1 - digits.size(), '0');
    }
    digits.insert(digits.size() - places, ".");
  }
  return (number.negative ? "-" : "") + digits;
}

std::string describe_literal(const Literal& literal) {
  const Value value = value_of(literal);
  switch (value.kind) {
    case Value::Kind::kString: {
      std::string text;
      json::append_string(text, value.text);
      return text;
    }
    case Value::Kind::kNumber:
      return describe_number(json::normalized(value.number));
    default:
      return value.boolean ? "true" : "false";
  }
}

std::string describe_test(const Test& test) {
  if (const auto* const one_of = std::get_if<OneOf>(&test)) {
    std::vector<std::string> values;
    values.reserve(one_of->values.size());
    for (const Literal& literal : one_of->values) {
      values.push_back(describe_literal(literal));
    }
    return values.size() == 1 ? "equals " + values.front()
                              : fmt::format("is one of {}", fmt::join(values, ", "));
  }
  if (const auto* const pattern = std::get_if<Matches>(&test)) {
    return "matches " + describe_literal(pattern->pattern);
  }
  if (const auto* const at_most = std::get_if<AtMost>(&test)) {
    return "is at most " + describe_literal(at_most->limit);
  }
  return "is a path in " + std::get<PathPrefix>(test).directory;
}

std::string describe_pointer(const ArgumentTest& argument) {
  std::string pointer;
  bool has_star = false;
  for (const std::string& token : argument.pointer) {
    json::append_pointer_token(pointer, token);
    has_star = has_star || token == "*";
  }
  if (!has_star) {
    return "argument " + pointer;
  }
  return (argument.of == ArgumentTest::Of::kEvery ? "every argument " : "some argument ") + pointer;
}

std::string_view field_name(PrincipalTest::Field field) {
  using Field = PrincipalTest::Field;
  switch (field) {
    case Field::kUser:
      return "user";
    case Field::kSubject:
      return "subject";
    case Field::kIssuer:
      return "issuer";
    case Field::kRole:
      return "a role";
    case Field::kAuthType:
      return "authType";
    case Field::kKeyId:
      return "keyId";
  }
  return "";
}

std::string describe_time(const TimeTest& time) {
  constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  std::string text =
      fmt::format("time {:02}:{:02}-{:02}:{:02} UTC", time.from.count() / 60,
                  time.from.count() % 60, time.to.count() / 60, time.to.count() % 60);
  if (time.days != TimeTest{}.days) {
    for (std::size_t day = 0; day < kDays.size(); ++day) {
      text += ((time.days >> day) & 1U) != 0 ? fmt::format(" {}", kDays[day]) : "";
    }
  }
  return text;
}

std::string describe_parts(std::string_view word, const std::vector<Condition>& parts) {
  std::vector<std::string> texts;
  texts.reserve(parts.size());
  for (const Condition& part : parts) {
    texts.push_back(describe(part));
  }
  return fmt::format("{} ({})", word, fmt::join(texts, "; "));
}

/// What a leaf looks at, where that is one value: leaves of one subject bear on each other.
std::string subject_of(const Condition& condition) {
  if (const auto* const argument = std::get_if<ArgumentTest>(&condition.test)) {
    const bool is_one = std::ranges::find(argument->pointer, "*") == argument->pointer.end();
    return is_one ? describe_pointer(*argument) : "";
  }
  const auto* const principal = std::get_if<PrincipalTest>(&condition.test);
  const bool is_one = principal != nullptr && principal->field != PrincipalTest::Field::kRole;
  return is_one ? std::string(field_name(principal->field)) : "";
}

const Test& test_of(const Condition& leaf) {
  const auto* const argument = std::get_if<ArgumentTest>(&leaf.test);
  return argument != nullptr ? argument->test : std::get<PrincipalTest>(leaf.test).test;
}

bool contradict(const Test& a, const Test& b) {
  if (const auto* const values = std::get_if<OneOf>(&a)) {
    return std::ranges::none_of(values->values,
                                [&b](const Literal& value) { return passes(b, value); });
  }
  if (std::holds_alternative<OneOf>(b)) {
    return contradict(b, a);
  }
  if (std::holds_alternative<AtMost>(a) != std::holds_alternative<AtMost>(b)) {
    return true;  // A number is no string.
  }
  const auto* const first = std::get_if<PathPrefix>(&a);
  const auto* const second = std::get_if<PathPrefix>(&b);
  return first != nullptr && second != nullptr &&
         !is_beneath(first->directory, second->directory) &&
         !is_beneath(second->directory, first->directory);
}

/// Whether `all` of two parts cannot be.
bool contradict(const Condition& a, const Condition& b) {
  const auto* const not_a = std::get_if<Not>(&a.test);
  if (not_a != nullptr && describe(not_a->part.front()) == describe(b)) {
    return true;
  }
  const auto* const not_b = std::get_if<Not>(&b.test);
  if (not_b != nullptr && describe(not_b->part.front()) == describe(a)) {
    return true;
  }
  const std::string subject = subject_of(a);
  return !subject.empty() && subject == subject_of(b) && contradict(test_of(a), test_of(b));
}

}  // namespace

bool passes(const Test& test, const Literal& value) {
  return passes(test, value_of(value));
}

Truth evaluate(const Condition& condition, const Principal& principal,
               const Circumstances& circumstances) {
  const auto& test = condition.test;
  if (const auto* const argument = std::get_if<ArgumentTest>(&test)) {
    return evaluate(*argument, circumstances.arguments);
  }
  if (const auto* const who = std::get_if<PrincipalTest>(&test)) {
    return truth_of(holds(*who, principal));
  }
  if (const auto* const address = std::get_if<AddressTest>(&test)) {
    return truth_of(holds(*address, circumstances.address));
  }
  if (const auto* const time = std::get_if<TimeTest>(&test)) {
    return truth_of(holds(*time, circumstances.now));
  }
  if (const auto* const all = std::get_if<AllOf>(&test)) {
    return evaluate_all(all->parts, principal, circumstances);
  }
  if (const auto* const any = std::get_if<AnyOf>(&test)) {
    return evaluate_any(any->parts, principal, circumstances);
  }
  return negate(evaluate(std::get<Not>(test).part.front(), principal, circumstances));
}

std::optional<std::string> find_contradiction(const Condition& condition) {
  const auto* const all = std::get_if<AllOf>(&condition.test);
  if (all == nullptr) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < all->parts.size(); ++i) {
    for (std::size_t j = i + 1; j < all->parts.size(); ++j) {
      if (contradict(all->parts[i], all->parts[j])) {
        return fmt::format("{} and {} never hold together", describe(all->parts[i]),
                           describe(all->parts[j]));
      }
    }
  }
  return std::nullopt;
}

std::string describe(const Condition& condition) {
  const auto& test = condition.test;
  if (const auto* const argument = std::get_if<ArgumentTest>(&test)) {
    return fmt::format("{} {}", describe_pointer(*argument), describe_test(argument->test));
  }
  if (const auto* const who = std::get_if<PrincipalTest>(&test)) {
    return fmt::format("{} {}", field_name(who->field), describe_test(who->test));
  }
  if (const auto* const address = std::get_if<AddressTest>(&test)) {
    std::vector<std::string> networks;
    networks.reserve(address->networks.size());
    for (const Network& network : address->networks) {
      networks.push_back(network.to_string());
    }
    return fmt::format("address in {}", fmt::join(networks, ", "));
  }
  if (const auto* const time = std::get_if<TimeTest>(&test)) {
    return describe_time(*time);
  }
  if (const auto* const all = std::get_if<AllOf>(&test)) {
    return describe_parts("all", all->parts);
  }
  if (const auto* const any = std::get_if<AnyOf>(&test)) {
    return describe_parts("any", any->parts);
  }
  return fmt::format("not ({})", describe(std::get<Not>(test).part.front()));
}

}  // namespace mcpgate::policy
