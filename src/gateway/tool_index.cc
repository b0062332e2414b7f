#include "gateway/tool_index.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "json/parse.h"

namespace mcpgate::gateway {

namespace {

constexpr float kNameWeight = 8;
constexpr float kTitleWeight = 4;
constexpr float kTextWeight = 1;
/// The shortest beginning that finds longer words, and what such a find counts.
constexpr std::size_t kBeginningBytesMin = 3;
constexpr float kBeginningShare = 0.5F;
/// BM25's constants, as its authors recommend them.
constexpr float kSaturation = 1.2F;
constexpr float kSizeShare = 0.75F;
/// Property descriptions are read as deep as this; a definition is at most 64 deep.
constexpr int kSchemaDepthMax = 8;

enum class Letter { kNone, kLower, kUpper };

/// Bytes above ASCII are letters: words of other scripts are compared as they are.
Letter letter_of(char c) {
  if (c >= 'A' && c <= 'Z') {
    return Letter::kUpper;
  }
  const bool is_lower = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
  return is_lower ? Letter::kLower : Letter::kNone;
}

/// A plural is found by its singular, and the other way round.
std::string without_plural(std::string word) {
  if (word.size() > kBeginningBytesMin && word.ends_with('s') && !word.ends_with("ss")) {
    word.pop_back();
  }
  return word;
}

/// Calls `found` with each word, in lower case.
template <class Found>
void for_each_word(std::string_view text, const Found& found) {
  std::string word;
  Letter before = Letter::kNone;
  const auto end_word = [&] {
    if (!word.empty()) {
      found(without_plural(std::exchange(word, {})));
    }
  };
  for (const char c : text) {
    const Letter letter = letter_of(c);
    if (letter == Letter::kNone || (letter == Letter::kUpper && before == Letter::kLower)) {
      end_word();
    }
    if (letter != Letter::kNone) {
      word += letter == Letter::kUpper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    before = letter;
  }
  end_word();
}

/// The words of one tool and their weights.
class Words {
 public:
  void add(std::string_view text, float weight) {
    for_each_word(text, [&](std::string word) { weights_[std::move(word)] += weight; });
  }

  /// Names and descriptions of what a schema lets one say.
  void add_schema(json::Object schema, int depth = 0) {
    const auto properties = json::object_at(schema, "properties");
    if (!properties) {
      return;
    }
    for (const auto [name, element] : *properties) {
      add(name, kTextWeight);
      const auto property = json::as_object(element);
      if (!property) {
        continue;
      }
      add(json::string_at(*property, "description").value_or(""), kTextWeight);
      if (depth < kSchemaDepthMax) {
        add_schema(*property, depth + 1);
      }
    }
  }

  [[nodiscard]] const std::map<std::string, float>& weights() const { return weights_; }

 private:
  std::map<std::string, float> weights_;
};

Words words_of(std::string_view definition) {
  Words words;
  json::Parser parser(definition.size());
  const auto element = parser.parse(definition);
  const auto tool = element ? json::as_object(*element) : std::nullopt;
  if (!tool) {
    return words;
  }
  words.add(json::string_at(*tool, "name").value_or(""), kNameWeight);
  words.add(json::string_at(*tool, "title").value_or(""), kTitleWeight);
  words.add(json::string_at(*tool, "description").value_or(""), kTextWeight);
  if (const auto schema = json::object_at(*tool, "inputSchema")) {
    words.add_schema(*schema);
  }
  return words;
}

}  // namespace

ToolIndex::ToolIndex(std::span<const std::string_view> definitions) {
  std::map<std::string, std::vector<Posting>> postings;
  for (std::size_t tool = 0; tool < definitions.size(); ++tool) {
    const Words words = words_of(definitions[tool]);
    float size = 0;
    for (const auto& [word, weight] : words.weights()) {
      postings[word].push_back({.tool = tool, .weight = weight});
      size += weight;
    }
    sizes_.push_back(size);
  }
  terms_.reserve(postings.size());
  for (auto& [word, list] : postings) {
    terms_.push_back({.word = word, .postings = std::move(list)});
  }
}

std::vector<std::size_t> ToolIndex::search(std::string_view query, std::size_t count,
                                           const std::vector<bool>& admitted) const {
  Ranking ranking{.admitted = admitted, .scores = std::vector<float>(sizes_.size())};
  float all = 0;
  for (std::size_t tool = 0; tool < sizes_.size(); ++tool) {
    if (admitted[tool]) {
      ranking.tools += 1;
      all += sizes_[tool];
    }
  }
  ranking.mean_size = std::max(all / std::max(ranking.tools, 1.0F), 1.0F);
  std::size_t words = 0;
  for_each_word(query.substr(0, kQueryBytesMax), [&](const std::string& word) {
    if (words++ < kQueryWordsMax) {
      add_word(ranking, word);
    }
  });
  std::vector<std::size_t> found;
  for (std::size_t tool = 0; tool < sizes_.size(); ++tool) {
    if (ranking.scores[tool] > 0) {
      found.push_back(tool);
    }
  }
  std::ranges::sort(found, [&](std::size_t left, std::size_t right) {
    const float by_score = ranking.scores[right] - ranking.scores[left];
    return by_score != 0 ? by_score < 0 : left < right;
  });
  found.resize(std::min(found.size(), count));
  return found;
}

/// Adds what one word of the query is worth.
void ToolIndex::add_word(Ranking& ranking, std::string_view word) const {
  auto term = std::ranges::lower_bound(terms_, word, {}, &Term::word);
  for (; term != terms_.end() && term->word.starts_with(word); ++term) {
    if (term->word.size() == word.size()) {
      add_term(ranking, *term, 1);
    } else if (word.size() >= kBeginningBytesMin) {
      add_term(ranking, *term, kBeginningShare);
    }
  }
}

void ToolIndex::add_term(Ranking& ranking, const Term& term, float share) const {
  const auto holders = static_cast<float>(std::ranges::count_if(
      term.postings, [&](const Posting& posting) { return ranking.admitted[posting.tool]; }));
  const float rarity = std::log(1 + ((ranking.tools - holders + 0.5F) / (holders + 0.5F)));
  for (const Posting& posting : term.postings) {
    if (!ranking.admitted[posting.tool]) {
      continue;
    }
    const float size = 1 - kSizeShare + (kSizeShare * sizes_[posting.tool] / ranking.mean_size);
    ranking.scores[posting.tool] += share * rarity * posting.weight * (kSaturation + 1) /
                                    (posting.weight + (kSaturation * size));
  }
}

}  // namespace mcpgate::gateway
