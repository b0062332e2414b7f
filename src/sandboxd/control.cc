#include "sandboxd/control.h"

#include <cstring>
#include <type_traits>

namespace mcpgate::sandboxd {
namespace {

enum class Kind : std::uint8_t { kSetup = 1, kSpawn, kReady, kSpawned, kExited, kPing, kPong };

class Writer {
 public:
  explicit Writer(Kind kind) { integer(static_cast<std::uint8_t>(kind)); }

  template <class T>
    requires std::is_integral_v<T>
  Writer& integer(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& string(std::string_view text) {
    integer(static_cast<std::uint64_t>(text.size()));
    bytes_.append(text);
    return *this;
  }
  Writer& strings(const std::vector<std::string>& texts) {
    integer(static_cast<std::uint64_t>(texts.size()));
    for (const std::string& text : texts) {
      string(text);
    }
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Every read after one that failed fails too; done() tells at the end.
class Reader {
 public:
  Reader(std::string_view bytes, Kind kind) : rest_(bytes) {
    std::uint8_t found = 0;
    integer(found);
    good_ = good_ && found == static_cast<std::uint8_t>(kind);
  }

  template <class T>
    requires std::is_integral_v<T>
  Reader& integer(T& value) {
    if (good_ && rest_.size() >= sizeof value) {
      std::memcpy(&value, rest_.data(), sizeof value);
      rest_.remove_prefix(sizeof value);
    } else {
      good_ = false;
    }
    return *this;
  }
  Reader& string(std::string& text) {
    std::uint64_t size = 0;
    integer(size);
    if (good_ && rest_.size() >= size) {
      text = rest_.substr(0, size);
      rest_.remove_prefix(size);
    } else {
      good_ = false;
    }
    return *this;
  }
  Reader& strings(std::vector<std::string>& texts) {
    std::uint64_t count = 0;
    integer(count);
    for (; good_ && count > 0; --count) {
      string(texts.emplace_back());
    }
    return *this;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::string encode(const ZygoteSetup& setup) {
  Writer writer(Kind::kSetup);
  writer.string(setup.harness)
      .string(setup.tool_set)
      .string(setup.packages)
      .strings(setup.read_only)
      .strings(setup.lendable)
      .string(setup.workspaces)
      .string(setup.filter)
      .integer(setup.without)
      .integer(setup.landlock_abi_max)
      .string(setup.workbench)
      .string(setup.program)
      .strings(setup.arguments)
      .strings(setup.environment)
      .strings(setup.executable)
      .strings(setup.preload)
      .integer(static_cast<std::uint64_t>(setup.sources.size()));
  for (const auto& [path, bytes] : setup.sources) {
    writer.string(path).string(bytes);
  }
  return writer.take();
}

std::string encode(const SpawnMessage& message) {
  return Writer(Kind::kSpawn)
      .integer(message.number)
      .integer(static_cast<std::uint8_t>(message.task))
      .integer(message.address_space_bytes)
      .integer(message.file_bytes)
      .integer(message.cpu_s)
      .integer(message.open_files)
      .integer(message.tmp_bytes)
      .integer(message.tmp_entries)
      .string(message.tmp)
      .string(message.workspace.name)
      .integer(message.workspace.device)
      .integer(message.workspace.inode)
      .integer(static_cast<std::uint8_t>(message.workspace.writable))
      .strings(message.read_only)
      .string(message.expected.file)
      .string(message.expected.name)
      .integer(message.without)
      .integer(message.witness.process)
      .integer(message.witness.shared_memory)
      .take();
}

std::string encode(const ReadyMessage& message) {
  return Writer(Kind::kReady)
      .string(message.error)
      .integer(message.layer)
      .integer(static_cast<std::uint8_t>(message.is_of_set))
      .take();
}

std::string encode(const PingMessage& /*message*/) {
  return Writer(Kind::kPing).take();
}

std::string encode(const PongMessage& /*message*/) {
  return Writer(Kind::kPong).take();
}

std::string encode(const SpawnedMessage& message) {
  return Writer(Kind::kSpawned)
      .integer(message.number)
      .integer(message.pid)
      .integer(message.error)
      .take();
}

std::string encode(const ExitedMessage& message) {
  return Writer(Kind::kExited)
      .integer(message.number)
      .integer(message.wait_status)
      .integer(message.cpu_us)
      .integer(message.peak_rss_bytes)
      .take();
}

std::optional<ZygoteSetup> decode_setup(std::string_view bytes) {
  ZygoteSetup setup;
  std::uint64_t files = 0;
  Reader reader(bytes, Kind::kSetup);
  reader.string(setup.harness)
      .string(setup.tool_set)
      .string(setup.packages)
      .strings(setup.read_only)
      .strings(setup.lendable)
      .string(setup.workspaces)
      .string(setup.filter)
      .integer(setup.without)
      .integer(setup.landlock_abi_max)
      .string(setup.workbench)
      .string(setup.program)
      .strings(setup.arguments)
      .strings(setup.environment)
      .strings(setup.executable)
      .strings(setup.preload)
      .integer(files);
  for (; reader.good() && files > 0; --files) {
    std::string path;
    std::string source;
    reader.string(path).string(source);
    setup.sources.insert_or_assign(std::move(path), std::move(source));
  }
  return reader.done() ? std::optional(std::move(setup)) : std::nullopt;
}

std::optional<SpawnMessage> decode_spawn(std::string_view bytes) {
  SpawnMessage message;
  std::uint8_t task = 0;
  std::uint8_t writable = 0;
  const bool whole = Reader(bytes, Kind::kSpawn)
                         .integer(message.number)
                         .integer(task)
                         .integer(message.address_space_bytes)
                         .integer(message.file_bytes)
                         .integer(message.cpu_s)
                         .integer(message.open_files)
                         .integer(message.tmp_bytes)
                         .integer(message.tmp_entries)
                         .string(message.tmp)
                         .string(message.workspace.name)
                         .integer(message.workspace.device)
                         .integer(message.workspace.inode)
                         .integer(writable)
                         .strings(message.read_only)
                         .string(message.expected.file)
                         .string(message.expected.name)
                         .integer(message.without)
                         .integer(message.witness.process)
                         .integer(message.witness.shared_memory)
                         .done();
  if (!whole || task > static_cast<std::uint8_t>(SpawnTask::kServer) || writable > 1) {
    return std::nullopt;
  }
  message.task = static_cast<SpawnTask>(task);
  message.workspace.writable = writable == 1;
  // A tool never runs with less than the profile.
  const bool allowed = message.without == 0 || message.task == SpawnTask::kSelfTest;
  return allowed ? std::optional(std::move(message)) : std::nullopt;
}

std::optional<PingMessage> decode_ping(std::string_view bytes) {
  return Reader(bytes, Kind::kPing).done() ? std::optional(PingMessage{}) : std::nullopt;
}

std::optional<ZygoteMessage> decode_zygote_message(std::string_view bytes) {
  ReadyMessage ready;
  std::uint8_t is_of_set = 0;
  if (Reader(bytes, Kind::kReady)
          .string(ready.error)
          .integer(ready.layer)
          .integer(is_of_set)
          .done()) {
    ready.is_of_set = is_of_set != 0;
    return ready;
  }
  SpawnedMessage spawned;
  if (Reader(bytes, Kind::kSpawned)
          .integer(spawned.number)
          .integer(spawned.pid)
          .integer(spawned.error)
          .done()) {
    return spawned;
  }
  ExitedMessage exited;
  if (Reader(bytes, Kind::kExited)
          .integer(exited.number)
          .integer(exited.wait_status)
          .integer(exited.cpu_us)
          .integer(exited.peak_rss_bytes)
          .done()) {
    return exited;
  }
  if (Reader(bytes, Kind::kPong).done()) {
    return PongMessage{};
  }
  return std::nullopt;
}

}  // namespace mcpgate::sandboxd
