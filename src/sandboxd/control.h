#pragma once

// What daemon and zygote say to each other: one message a packet over a SEQPACKET pair, descriptors
// beside them by SCM_RIGHTS. Both ends are ours and of one build, so the encoding is the plainest:
// integers as they lie in memory, strings with their length before them. No child can write here
// (the lock-down closes the socket); a message that does not decode is still an error, not a trust.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sandboxd/layer.h"
#include "sandboxd/lockdown.h"
#include "sandboxd/probes.h"

namespace mcpgate::sandboxd {

/// Descriptors of a zygote at its start: the control socket, and a file with its ZygoteSetup.
inline constexpr int kControlSocket = 3;
inline constexpr int kSetupFile = 4;
/// A SPAWN with its paths fits many times over.
inline constexpr std::size_t kControlBytesMax = std::size_t{64} << 10;

/// All that a zygote is told once.
struct ZygoteSetup {
  std::string harness = {};
  std::string tool_set = {};
  /// The set's Python packages; empty where it has none.
  std::string packages = {};
  /// What every child may read besides: the interpreter's library, time zones.
  std::vector<std::string> read_only = {};
  /// What calls may be given to read besides (SpawnMessage::read_only): it must be in a private
  /// tree from the start.
  std::vector<std::string> lendable = {};
  /// The folder of the set's workspaces; empty where it has none.
  std::string workspaces = {};
  /// The bytes of a sock_filter array.
  std::string filter = {};
  /// Layers that are left out of zygote and children.
  LayerBits without = 0;
  /// Landlock as if the kernel had no later version: for tests.
  std::int32_t landlock_abi_max = kLandlockAbiAny;
  /// The program of a stdio server, which its child becomes, and its arguments, its own name first.
  /// Empty: the set has Python files.
  std::string program = {};
  std::vector<std::string> arguments = {};
  /// `NAME=value`; HOME and TMPDIR are added, the child's temporary folder.
  std::vector<std::string> environment = {};
  /// What the kernel executes to start it: itself and its loader.
  std::vector<std::string> executable = {};
  /// Where the private tree is put together; an existing folder.
  std::string workbench = {};
  std::map<std::string, std::string> sources = {};
  /// Python modules that are imported before the first fork.
  std::vector<std::string> preload = {};
};

/// What a child is for.
enum class SpawnTask : std::uint8_t {
  kCall,
  kSelfTest,
  /// Takes kMemoryTestBytes and says so.
  kMemoryTest,
  /// Starts kTaskTestThreads, as far as it can, and says so.
  kTaskTest,
  /// Becomes the program of ZygoteSetup.
  kServer,
};
inline constexpr std::size_t kMemoryTestBytes = std::size_t{64} << 20;
inline constexpr unsigned kTaskTestThreads = 8;

/// The workspace of a call.
struct WorkspaceGrant {
  /// In the set's folder of workspaces; empty: the call has none.
  std::string name = {};
  /// Which folder that must be.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  /// Else it can only be read and emptied.
  bool writable = false;

  friend bool operator==(const WorkspaceGrant&, const WorkspaceGrant&) = default;
};

/// A tool of the set, by the file that declares it; both empty: none.
struct ToolName {
  std::string file = {};
  std::string name = {};

  friend bool operator==(const ToolName&, const ToolName&) = default;
};

/// Daemon → zygote, with two descriptors: the call's socket and the output pipe; with a third for
/// kServer, its input.
struct SpawnMessage {
  /// Names the child in answers; never reused.
  std::uint64_t number = 0;
  SpawnTask task = SpawnTask::kCall;
  std::uint64_t address_space_bytes = 0;
  /// The largest file.
  std::uint64_t file_bytes = 0;
  std::uint32_t cpu_s = 0;
  std::uint32_t open_files = 0;
  /// Bytes, files and folders in a private temporary folder.
  std::uint64_t tmp_bytes = 0;
  std::uint32_t tmp_entries = 0;
  std::string tmp = {};
  WorkspaceGrant workspace = {};
  std::vector<std::string> read_only = {};
  /// What a child that is kept ready loads while it waits.
  ToolName expected = {};
  /// For a self-test: what else is left out of this child, and what it tries to reach.
  LayerBits without = 0;
  Witness witness = {};
};

/// Daemon → zygote, without descriptors, and its answer: it is there and reads.
struct PingMessage {};
struct PongMessage {};

/// Zygote → daemon, once: sources are loaded.
struct ReadyMessage {
  /// Why it cannot serve, or empty.
  std::string error = {};
  /// The layer that could not be had, as a number of Layer; -1: something else is wrong.
  std::int32_t layer = -1;
  /// Whether it lies at the set: the same files would fail again.
  bool is_of_set = false;
};

/// Zygote → daemon, with the child's pidfd; without one and `error` set where fork failed.
struct SpawnedMessage {
  std::uint64_t number = 0;
  std::int32_t pid = -1;
  std::int32_t error = 0;
};

/// Zygote → daemon: the child is reaped.
struct ExitedMessage {
  std::uint64_t number = 0;
  std::int32_t wait_status = 0;
  std::uint64_t cpu_us = 0;
  std::uint64_t peak_rss_bytes = 0;
};

using ZygoteMessage = std::variant<ReadyMessage, SpawnedMessage, ExitedMessage, PongMessage>;

[[nodiscard]] std::string encode(const ZygoteSetup& setup);
[[nodiscard]] std::string encode(const SpawnMessage& message);
[[nodiscard]] std::string encode(const PingMessage& message);
[[nodiscard]] std::string encode(const PongMessage& message);
[[nodiscard]] std::string encode(const ReadyMessage& message);
[[nodiscard]] std::string encode(const SpawnedMessage& message);
[[nodiscard]] std::string encode(const ExitedMessage& message);

/// Nothing where the bytes are not exactly one message of that kind.
[[nodiscard]] std::optional<ZygoteSetup> decode_setup(std::string_view bytes);
[[nodiscard]] std::optional<SpawnMessage> decode_spawn(std::string_view bytes);
[[nodiscard]] std::optional<PingMessage> decode_ping(std::string_view bytes);
[[nodiscard]] std::optional<ZygoteMessage> decode_zygote_message(std::string_view bytes);

}  // namespace mcpgate::sandboxd
