#include "gateway/transcript.h"

#include "base/digest.h"
#include "gateway/bound_token.h"
#include "json/raw.h"
#include "json/write.h"

namespace mcpgate::gateway {

namespace {

constexpr std::string_view kPurpose = "mcp-request-state";

}  // namespace

// Form: {"call":hash,"rounds":n,"said":{place:{"question":hash,"answer":{…}}}}
std::string Transcript::seal(const Sealer& sealer, const Principal& principal, WallTime expires,
                             Random& random) const {
  std::string text;
  json::Writer writer(text);
  writer.begin_object().field("call", call_).field("rounds", rounds_).key("said").begin_object();
  for (const auto& [place, entry] : entries_) {
    writer.key(place).begin_object().field("question", entry.question);
    writer.raw_field("answer", entry.answer).end_object();
  }
  writer.end_object().end_object();
  return seal_bound(sealer, kPurpose, principal, expires, text, random);
}

Expected<Transcript> Transcript::open(const Sealer& sealer, std::string_view token,
                                      const Principal& principal, std::string call, WallTime now) {
  const auto text = open_bound(sealer, kPurpose, token, principal, now);
  Transcript transcript(std::move(call));
  if (!text || !transcript.read(*text)) {
    return fail(ErrorCode::kInvalidArgument, "not one of this call, or expired");
  }
  return transcript;
}

bool Transcript::read(std::string_view text) {
  json::Parser parser(text.size());
  const auto document = parser.parse(text);
  const auto object = document ? json::as_object(*document) : std::nullopt;
  const auto said = object ? json::find_member(*object, text, "said") : std::nullopt;
  const auto entries = said ? json::as_object(said->value) : std::nullopt;
  if (!entries || json::string_at(*object, "call") != call_) {
    return false;
  }
  rounds_ = static_cast<std::size_t>(json::int_at(*object, "rounds").value_or(0));
  for (const json::Member& member : json::Members(*entries, said->raw)) {
    const auto entry = json::as_object(member.value);
    const auto answer = entry ? json::find_member(*entry, member.raw, "answer") : std::nullopt;
    if (!answer) {
      return false;
    }
    bytes_ += answer->raw.size();
    entries_.emplace(
        member.key, Entry{.question = std::string(json::string_at(*entry, "question").value_or("")),
                          .answer = std::string(answer->raw)});
  }
  return true;
}

Expected<const std::string*> Transcript::find(const std::string& place,
                                              std::string_view question) const {
  const auto found = entries_.find(place);
  if (found == entries_.end()) {
    return nullptr;
  }
  if (found->second.question != sha256_hex(question)) {
    return fail(ErrorCode::kFailedPrecondition,
                "The tool asked for something else when it ran again, so what it was told before "
                "does not fit. Call it anew.");
  }
  return &found->second.answer;
}

void Transcript::add(const std::string& place, std::string_view question, std::string answer) {
  const std::string within = place + ".";
  auto entry = entries_.lower_bound(within);
  while (entry != entries_.end() && entry->first.starts_with(within)) {
    bytes_ -= entry->second.answer.size();
    entry = entries_.erase(entry);
  }
  bytes_ += answer.size();
  entries_.insert_or_assign(place,
                            Entry{.question = sha256_hex(question), .answer = std::move(answer)});
}

}  // namespace mcpgate::gateway
