// yaml-cpp's events become a small tree of our own, for three reasons: keys keep their place in the
// file, equal keys are seen (yaml-cpp's nodes keep both silently), and aliases are copied against a
// budget, so that a kilobyte cannot become a gigabyte.

#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "base/encoding.h"
#include "base/file.h"

namespace mcpgate {

struct YamlKey {
  std::string text;
  int line = 0;
  int column = 0;
};

struct YamlValue {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  bool quoted = false;
  int line = 0;
  int column = 0;
  std::string text;
  /// A map's keys, one for each child.
  std::vector<YamlKey> keys;
  std::vector<YamlValue> children;
};

namespace {

struct Problem {
  int line;
  int column;
  std::string path;
  std::string message;
};

}  // namespace

struct YamlState {
  std::string name;
  /// In the order of the file.
  std::vector<Problem> problems;
  std::optional<YamlValue> root;

  void add(int line, int column, std::string_view path, std::string_view message) {
    if (problems.size() == kYamlProblemsMax) {
      return;
    }
    const auto later = std::ranges::find_if(problems, [&](const Problem& other) {
      return std::pair(line, column) < std::pair(other.line, other.column);
    });
    problems.insert(later, {line, column, std::string(path), std::string(message)});
  }
};

namespace {

using Kind = YamlValue::Kind;

std::size_t count_nodes(const YamlValue& value) {
  std::size_t count = 1;
  for (const YamlValue& child : value.children) {
    count += count_nodes(child);
  }
  return count;
}

/// Builds the tree. After the first problem of structure it ignores what follows.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(YamlState& state) : state_(state) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    start(mark, Kind::kNull, anchor, "");
    end();
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    start(mark, Kind::kScalar, anchor, tag);
    if (!stopped_) {
      open_.back().value.quoted = tag == "!";
      open_.back().value.text = text;
    }
    end();
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    start(mark, Kind::kList, anchor, tag);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    start(mark, Kind::kMap, anchor, tag);
  }
  void OnMapEnd() override { end(); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (stopped_) {
      return;
    }
    const auto target = anchored_.find(anchor);
    if (target == anchored_.end()) {
      stop(mark, "an alias inside the value that it stands for");
      return;
    }
    if (!take(mark, count_nodes(target->second))) {
      return;
    }
    YamlValue copy = target->second;
    copy.line = mark.line + 1;
    copy.column = mark.column + 1;
    add(std::move(copy));
  }

  void stop(const YAML::Mark& mark, std::string_view message) {
    if (!std::exchange(stopped_, true)) {
      state_.add(mark.line + 1, mark.column + 1, "", message);
    }
  }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  struct Open {
    YamlValue value;
    YAML::anchor_t anchor = 0;
    /// Of a map: the key whose value comes next.
    std::optional<YamlKey> key;
    std::unordered_map<std::string, int> lines;
  };

  void start(const YAML::Mark& mark, Kind kind, YAML::anchor_t anchor, const std::string& tag) {
    if (stopped_ || !take(mark, 1)) {
      return;
    }
    if (open_.size() >= kYamlDepthMax) {
      stop(mark, fmt::format("nested deeper than {}", kYamlDepthMax));
      return;
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      stop(mark, "tags are not supported");
      return;
    }
    Open open;
    open.value.kind = kind;
    open.value.line = mark.line + 1;
    open.value.column = mark.column + 1;
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void end() {
    if (stopped_) {
      return;
    }
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) {
      const YAML::Mark mark = mark_of(done.value);
      if (!take(mark, count_nodes(done.value))) {
        return;
      }
      anchored_[done.anchor] = done.value;
    }
    add(std::move(done.value));
  }

  /// Puts a whole value where it belongs: the root, a list, a map's key or its value.
  void add(YamlValue value) {
    if (open_.empty()) {
      state_.root = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.kind == Kind::kList) {
      parent.value.children.push_back(std::move(value));
    } else if (!parent.key) {
      if (value.kind != Kind::kScalar) {
        stop(mark_of(value), "a key must be text");
        return;
      }
      parent.key = YamlKey{std::move(value.text), value.line, value.column};
    } else {
      add_member(parent, std::move(*parent.key), std::move(value));
      parent.key.reset();
    }
  }

  void add_member(Open& map, YamlKey key, YamlValue value) {
    const auto [first, is_new] = map.lines.emplace(key.text, key.line);
    if (!is_new) {
      state_.add(key.line, key.column, path_of(key.text),
                 fmt::format("this key is there twice, first in line {}", first->second));
      return;
    }
    if (value.kind == Kind::kNull) {
      // yaml-cpp notices that nothing stands there only at the next token.
      value.line = key.line;
      value.column = key.column;
    }
    map.value.keys.push_back(std::move(key));
    map.value.children.push_back(std::move(value));
  }

  /// The path of a key in the innermost open map.
  std::string path_of(std::string_view key) const {
    std::string path;
    for (const Open& open : open_) {
      if (&open == &open_.back()) {
        path += key;
      } else if (open.value.kind == Kind::kList) {
        path += fmt::format("[{}].", open.value.children.size());
      } else if (open.key) {
        path += open.key->text;
        const bool list_follows = (&open + 1)->value.kind == Kind::kList;
        path += list_follows ? "" : ".";
      }
    }
    return path;
  }

  bool take(const YAML::Mark& mark, std::size_t nodes) {
    if (nodes > kYamlNodesMax - nodes_) {
      stop(mark, fmt::format("more than {} values, expanded aliases included", kYamlNodesMax));
      return false;
    }
    nodes_ += nodes;
    return true;
  }

  static YAML::Mark mark_of(const YamlValue& value) {
    YAML::Mark mark;
    mark.line = value.line - 1;
    mark.column = value.column - 1;
    return mark;
  }

  YamlState& state_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, YamlValue> anchored_;
  std::size_t nodes_ = 0;
  bool stopped_ = false;
};

/// yaml-cpp stops silently at U+0004, and reads UTF-16 where it thinks it sees it: neither may
/// happen to a file that others read as text. Records the place of the first such byte.
bool check_bytes(YamlState& state, std::string_view bytes) {
  if (!is_utf8(bytes)) {
    state.add(1, 1, "", "not UTF-8");
    return false;
  }
  int line = 1;
  int column = 1;
  for (const char c : bytes) {
    if (has_control_character({&c, 1}) && c != '\t' && c != '\n' && c != '\r') {
      state.add(line, column, "", "a control character");
      return false;
    }
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n' ? 1 : 0;
  }
  return true;
}

void parse_events(YamlState& state, std::string_view bytes) {
  Builder builder(state);
  std::istringstream stream{std::string(bytes)};
  try {
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder) && !builder.stopped()) {
      std::optional<YamlValue> first = std::move(state.root);
      state.root.reset();
      if (parser.HandleNextDocument(builder) && !builder.stopped()) {
        const YamlValue second = state.root.value_or(YamlValue());
        state.add(std::max(second.line, 1), std::max(second.column, 1), "",
                  "a second document: only one is read");
      }
      state.root = std::move(first);
    }
  } catch (const YAML::Exception& error) {
    builder.stop(error.mark, error.msg);
  } catch (const std::exception& error) {
    builder.stop(YAML::Mark(), error.what());
  }
  if (builder.stopped()) {
    state.root.reset();
  }
}

constexpr std::array<std::string_view, 4> kNames{"nothing", "a single value", "a list", "a map"};

std::string_view name_of(Kind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

/// Bounds the quadratic comparison.
constexpr std::size_t kWordLengthMax = 64;

/// Optimal string alignment distance, case ignored: Damerau's without overlapping edits.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto same = [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  };
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {last[j] + 1, row[j - 1] + 1, last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0U : 1U)});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> known) {
  if (word.size() > kWordLengthMax) {
    return std::nullopt;
  }
  std::optional<std::string> nearest;
  std::size_t nearest_distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    if (const std::size_t distance = edit_distance(word, candidate); distance < nearest_distance) {
      nearest = candidate;
      nearest_distance = distance;
    }
  }
  return nearest;
}

// --- YamlNode ---

bool YamlNode::is_map() const {
  return value_ != nullptr && value_->kind == Kind::kMap;
}
bool YamlNode::is_list() const {
  return value_ != nullptr && value_->kind == Kind::kList;
}
bool YamlNode::is_scalar() const {
  return value_ != nullptr && value_->kind == Kind::kScalar;
}

bool YamlNode::is_quoted() const {
  return is_scalar() && value_->quoted;
}

std::string YamlNode::place() const {
  return fmt::format("{}:{}:{}: {}", state_ == nullptr ? "" : state_->name, line(), column(),
                     path_);
}
int YamlNode::line() const {
  return value_ == nullptr ? 0 : value_->line;
}
int YamlNode::column() const {
  return value_ == nullptr ? 0 : value_->column;
}

void YamlNode::problem(std::string_view message) const {
  if (state_ != nullptr) {
    state_->add(std::max(line(), 1), std::max(column(), 1), path_, message);
  }
}

const std::string* YamlNode::scalar(std::string_view expected) const {
  if (value_ == nullptr) {
    return nullptr;
  }
  if (value_->kind != Kind::kScalar) {
    problem(fmt::format("expected {}, found {}", expected, name_of(value_->kind)));
    return nullptr;
  }
  return &value_->text;
}

std::string YamlNode::string(std::string_view fallback) const {
  const std::string* text = scalar("a string");
  return text == nullptr ? std::string(fallback) : *text;
}

bool YamlNode::boolean(bool fallback) const {
  const std::string* text = scalar("true or false");
  if (text == nullptr) {
    return fallback;
  }
  if (value_->quoted || (*text != "true" && *text != "false")) {
    problem("expected true or false");
    return fallback;
  }
  return *text == "true";
}

std::vector<YamlNode> YamlNode::list() const {
  std::vector<YamlNode> items;
  if (value_ == nullptr) {
    return items;
  }
  if (!is_list()) {
    problem(fmt::format("expected a list, found {}", name_of(value_->kind)));
    return items;
  }
  for (std::size_t i = 0; i < value_->children.size(); ++i) {
    items.push_back({state_, &value_->children[i], fmt::format("{}[{}]", path_, i)});
  }
  return items;
}

std::vector<std::string> YamlNode::strings() const {
  std::vector<std::string> texts;
  for (const YamlNode& item : list()) {
    if (const std::string* text = item.scalar("a string"); text != nullptr) {
      texts.push_back(*text);
    }
  }
  return texts;
}

YamlMap YamlNode::map() const {
  if (value_ != nullptr && !is_map()) {
    problem(fmt::format("expected a map, found {}", name_of(value_->kind)));
    return YamlMap(YamlNode(state_, nullptr, path_));
  }
  return YamlMap(*this);
}

// --- YamlMap ---

YamlNode YamlMap::key(std::string_view key) const {
  if (node_.value_ == nullptr) {
    return {};
  }
  for (std::size_t i = 0; i < node_.value_->keys.size(); ++i) {
    if (node_.value_->keys[i].text == key) {
      std::string path =
          node_.path_.empty() ? std::string(key) : fmt::format("{}.{}", node_.path_, key);
      return {node_.state_, &node_.value_->children[i], std::move(path)};
    }
  }
  return {};
}

YamlNode YamlMap::find(std::string_view key) {
  know(key);
  return this->key(key);
}

std::string YamlMap::string(std::string_view key, std::string_view fallback) {
  return find(key).string(fallback);
}

bool YamlMap::boolean(std::string_view key, bool fallback) {
  return find(key).boolean(fallback);
}

std::int64_t YamlMap::integer(std::string_view key, std::int64_t fallback, IntegerRange range) {
  const YamlNode node = find(key);
  const std::string* text = node.scalar("a whole number");
  if (text == nullptr) {
    return fallback;
  }
  std::int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (node.value_->quoted || error == std::errc::invalid_argument || stop != end) {
    node.problem("expected a whole number");
    return fallback;
  }
  if (error != std::errc() || number < range.min || number > range.max) {
    node.problem(fmt::format("must be from {} to {}", range.min, range.max));
    return fallback;
  }
  return number;
}

std::uint64_t YamlMap::size(std::string_view key, std::uint64_t fallback, SizeRange range) {
  const YamlNode node = find(key);
  const std::string* text = node.scalar("a size such as 4Mi");
  if (text == nullptr) {
    return fallback;
  }
  const auto bytes = parse_size(*text);
  if (!bytes) {
    node.problem("expected a size such as 512Ki, 4Mi or 1Gi");
    return fallback;
  }
  if (*bytes < range.min || *bytes > range.max) {
    node.problem(
        fmt::format("must be from {} to {}", format_size(range.min), format_size(range.max)));
    return fallback;
  }
  return *bytes;
}

std::chrono::milliseconds YamlMap::duration(std::string_view key,
                                            std::chrono::milliseconds fallback,
                                            DurationRange range) {
  const YamlNode node = find(key);
  const std::string* text = node.scalar("a duration such as 30s");
  if (text == nullptr) {
    return fallback;
  }
  const auto duration = parse_duration(*text);
  if (!duration) {
    node.problem(fmt::format("expected a duration such as 500ms, 30s or 90d{}",
                             range.max == kNever ? ", or never" : ""));
    return fallback;
  }
  if (*duration < range.min || *duration > range.max) {
    node.problem(fmt::format("must be from {} to {}", format_duration(range.min),
                             format_duration(range.max)));
    return fallback;
  }
  return *duration;
}

std::vector<std::string> YamlMap::strings(std::string_view key) {
  return find(key).strings();
}

YamlMap YamlMap::map(std::string_view key) {
  const YamlNode node = find(key);
  return node ? node.map() : YamlMap(YamlNode(node_.state_, nullptr, ""));
}

std::vector<YamlNode> YamlMap::list(std::string_view key) {
  return find(key).list();
}

std::string YamlMap::one_of(std::string_view key, std::string_view fallback,
                            std::span<const std::string_view> choices) {
  const YamlNode node = find(key);
  const std::string* text = node.scalar("a string");
  if (text == nullptr) {
    return std::string(fallback);
  }
  if (std::ranges::find(choices, *text) == choices.end()) {
    node.problem(fmt::format("expected {}", fmt::join(choices, " or ")));
    return std::string(fallback);
  }
  return *text;
}

std::vector<std::pair<std::string, YamlNode>> YamlMap::entries() {
  std::vector<std::pair<std::string, YamlNode>> all;
  if (node_.value_ == nullptr) {
    return all;
  }
  for (std::size_t i = 0; i < node_.value_->keys.size(); ++i) {
    const std::string& name = node_.value_->keys[i].text;
    know(name);
    std::string path = node_.path_.empty() ? name : fmt::format("{}.{}", node_.path_, name);
    all.emplace_back(name, YamlNode(node_.state_, &node_.value_->children[i], std::move(path)));
  }
  return all;
}

void YamlMap::reject_unknown() {
  if (node_.value_ == nullptr) {
    return;
  }
  const std::unordered_set<std::string_view> known(known_.begin(), known_.end());
  for (const YamlKey& key : node_.value_->keys) {
    if (known.contains(key.text) || node_.state_->problems.size() >= kYamlProblemsMax) {
      continue;
    }
    const auto meant = nearest_word(key.text, known_);
    const std::string path =
        node_.path_.empty() ? key.text : fmt::format("{}.{}", node_.path_, key.text);
    node_.state_->add(
        key.line, key.column, path,
        meant ? fmt::format("unknown key; did you mean {}?", *meant) : std::string("unknown key"));
  }
}

// --- YamlDocument ---

YamlDocument::YamlDocument(std::unique_ptr<YamlState> state) : state_(std::move(state)) {}
YamlDocument::YamlDocument(YamlDocument&&) noexcept = default;
YamlDocument& YamlDocument::operator=(YamlDocument&&) noexcept = default;
YamlDocument::~YamlDocument() = default;

YamlDocument YamlDocument::parse(std::string_view name, std::string_view bytes,
                                 std::size_t bytes_max) {
  auto state = std::make_unique<YamlState>();
  state->name = name;
  if (bytes.size() > bytes_max) {
    state->add(1, 1, "", fmt::format("larger than {}", format_size(bytes_max)));
  } else if (check_bytes(*state, bytes)) {
    parse_events(*state, bytes);
  }
  return YamlDocument(std::move(state));
}

YamlDocument YamlDocument::load(const std::filesystem::path& path) {
  const Expected<std::string> bytes = read_file(path);
  if (bytes) {
    return parse(path.string(), *bytes);
  }
  auto state = std::make_unique<YamlState>();
  state->name = path.string();
  state->add(1, 1, "", bytes.error().message);
  return YamlDocument(std::move(state));
}

YamlMap YamlDocument::root() {
  const std::optional<YamlValue>& root = state_->root;
  const YamlValue* value = root && root->kind != Kind::kNull ? &*root : nullptr;
  return YamlNode(state_.get(), value, "").map();
}

bool YamlDocument::ok() const {
  return state_->problems.empty();
}

std::vector<std::string> YamlDocument::problems() const {
  std::vector<std::string> lines;
  for (const Problem& problem : state_->problems) {
    lines.push_back(fmt::format("{}:{}:{}: {}{}{}", state_->name, problem.line, problem.column,
                                problem.path, problem.path.empty() ? "" : ": ", problem.message));
  }
  return lines;
}

Expected<void> YamlDocument::check() const {
  if (ok()) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "{}", fmt::join(problems(), "\n"));
}

}  // namespace mcpgate
