#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "audit/record.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/task.h"

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
/// what cannot be written to its end (disk full) is cut off again before append() returns its
/// error, and the chain goes on from the last whole line when there is space again.
///
/// Used by one loop. `durability: written`: append() returns when the kernel has the line. Records
/// of one round of the loop are written together: a busy gateway pays one system call for many.
class Log {
 public:
  /// Makes the directory and the first file, and writes `chain_start`.
  [[nodiscard]] static Expected<std::unique_ptr<Log>> open(LogOptions options, const Clock& clock);

  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  /// Writes `chain_end` where it can.
  ~Log();

  /// Writes one record. After an error nothing of it is in the log, and whatever the record was to
  /// prove must not be released. `record` is read before the first suspension.
  [[nodiscard]] Task<Expected<void>> append(const Record& record,
                                            RecordType type = RecordType::kMcpRequest);
  /// The same at once, for whoever cannot wait for the end of the round.
  [[nodiscard]] Expected<void> append_now(const Record& record,
                                          RecordType type = RecordType::kMcpRequest);

  /// Whether a record could be written now, as far as the last attempt tells.
  [[nodiscard]] bool writable() const { return writable_; }

 private:
  /// Where the chain goes on.
  struct Tip {
    std::uint64_t seq = 0;
    std::string prev = std::string(64, '0');
  };
  /// What became of records that were written together; shared by those who wait for it.
  struct Group {
    bool done = false;
    Expected<void> outcome;
  };

  Log(LogOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  Expected<void> open_next_file();
  std::shared_ptr<const Group> add(const Record& record, RecordType type);
  void flush();
  Expected<void> write_pending();
  [[nodiscard]] bool is_removed() const;
  Expected<void> cut_back();
  void mirror(std::string_view lines);

  LogOptions options_;
  const Clock& clock_;
  UniqueFd file_;
  std::uint64_t file_number_ = 0;
  /// Bytes of whole lines in the current file; what lies beyond is cut off.
  std::uint64_t file_bytes_ = 0;
  /// Behind the last line that was written, and behind the last one that is pending.
  Tip written_;
  Tip tip_;
  /// Lines that wait to be written, each with its line feed, and who waits for them.
  std::string pending_;
  std::shared_ptr<Group> group_;
  bool writable_ = true;
  bool torn_ = false;
  std::uint64_t mirror_dropped_ = 0;
};

}  // namespace mcpgate::audit
