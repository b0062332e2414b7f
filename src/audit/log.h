#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "audit/record.h"
#include "base/error.h"
#include "base/fd.h"

namespace mcpgate::audit {

/// Where one chain is written, and what bounds it.
struct LogOptions {
  std::filesystem::path directory;
  /// Names the chain and its files, `<writer>-<nnnnnn>.jsonl`; unique for each start and loop.
  std::string writer;
  /// A file that has reached this is closed and the chain goes on in the next: 256 MiB is what
  /// tools still open with ease.
  std::uint64_t file_bytes_max = std::uint64_t{256} << 20;
  /// Each line also goes to standard output, for a log collector. The file stays the proof: a line
  /// that standard output does not take is dropped and counted.
  bool mirror_to_stdout = false;
};

/// One hash-chained log: each line carries `seq` and `prev`, the SHA-256 of the line before it.
///
/// Whoever edits, drops or reorders a line breaks every hash after it. A line is whole or absent:
/// one that cannot be written to its end (disk full) is cut off again before append() returns its
/// error, and the chain goes on from the last whole line when there is space again.
///
/// Used by one thread. `durability: written`: append() returns when the kernel has the line.
class Log {
 public:
  /// Makes the directory and the first file, and writes `chain_start`.
  [[nodiscard]] static Expected<std::unique_ptr<Log>> open(LogOptions options, const Clock& clock);

  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  /// Writes `chain_end` where it can.
  ~Log();

  /// Writes one record. After an error nothing of it is in the log, and whatever the record was to
  /// prove must not be released.
  [[nodiscard]] Expected<void> append(const Record& record);

  /// Whether a record could be written now, as far as the last attempt tells.
  [[nodiscard]] bool writable() const { return writable_; }

 private:
  Log(LogOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  Expected<void> open_next_file();
  Expected<void> write_line();
  Expected<void> cut_back();
  void mirror();

  LogOptions options_;
  const Clock& clock_;
  UniqueFd file_;
  std::uint64_t file_number_ = 0;
  /// Bytes of whole lines in the current file; what lies beyond is cut off.
  std::uint64_t file_bytes_ = 0;
  std::uint64_t seq_ = 0;
  std::string prev_ = std::string(64, '0');
  /// The line being written, with its line feed; kept for its capacity.
  std::string line_;
  bool writable_ = true;
  bool torn_ = false;
  std::uint64_t mirror_dropped_ = 0;
};

}  // namespace mcpgate::audit
