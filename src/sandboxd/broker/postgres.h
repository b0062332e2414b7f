#pragma once

// One PostgreSQL connection and the queries through it, one at a time: read-only, capped in cost,
// time, rows and bytes. Blocks; whoever waits for the answer hangs up to end it.

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/parse.h"

namespace mcpgate::broker {

/// What to ask the database, and what that may cost.
struct Query {
  std::string sql;
  /// In the server's text form; nothing is NULL.
  std::vector<std::optional<std::string>> params;
  std::size_t rows_max = 0;
  std::size_t bytes_max = 0;
  double cost_max = 0;
  std::chrono::milliseconds time{0};
};

/// `{"sql":…,"params":[…],"rows":…,"bytes":…,"cost":…,"timeMs":…}`, as the daemon writes it: the
/// caps are its, statement and parameters the tool's. kInvalidArgument names what is wrong.
[[nodiscard]] Expected<Query> read_query(std::string_view json, json::Parser& parser);

/// A database, as one file of the operator names it.
class Postgres {
 public:
  /// `name` is the connection's, for messages; `file` holds its conninfo, and nobody but its owner
  /// may read it. `peer` is the socket of whoever waits: when it hangs up, the query under way is
  /// cancelled in the server, and the process ends.
  Postgres(std::string name, std::filesystem::path file, int peer)
      : name_(std::move(name)), file_(std::move(file)), peer_(peer) {}
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;
  ~Postgres() = default;

  /// Runs one statement in a read-only transaction that is rolled back. The result is
  /// `{"columns":[{"name","type"}],"rows":[[…]],"truncated":…}`.
  ///
  /// Errors, for the caller of a tool: SQLSTATE and primary message of the server, or what is
  /// wrong with the connection; nothing of the conninfo.
  [[nodiscard]] Expected<std::string> run(const Query& query);

  /// After an answer: puts the session back to what it was, or drops it.
  void tidy();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Closer {
    void operator()(PGconn* connection) const { PQfinish(connection); }
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Result = std::unique_ptr<PGresult, Closer>;
  struct Column {
    std::string name;
    Oid type;
    int modifier;
  };
  struct Rows;

  [[nodiscard]] Expected<void> begin(const Query& query);
  [[nodiscard]] Expected<void> connect(std::string conninfo);
  [[nodiscard]] Expected<void> check_role();
  [[nodiscard]] Expected<void> check_cost(const Query& query);
  [[nodiscard]] Expected<Rows> fetch(const Query& query);
  [[nodiscard]] Expected<std::vector<std::string>> type_names(const std::vector<Column>& columns);

  [[nodiscard]] Expected<std::string> read_conninfo() const;
  [[nodiscard]] bool send(const std::string& sql,
                          const std::vector<std::optional<std::string>>& params);
  /// The one result of a statement that was sent.
  [[nodiscard]] Expected<Result> only_result();
  /// The next result, null after the last.
  [[nodiscard]] Expected<Result> next_result();
  [[nodiscard]] Expected<void> simple(const std::string& sql);
  [[nodiscard]] Expected<void> wait(short events);
  [[nodiscard]] Error failure_of(const PGresult* result) const;
  [[nodiscard]] Error failure(std::string_view text) const;
  [[nodiscard]] Error too_slow() const;
  void cancel();
  /// Ends the statement under way and takes what is left of its answer; false where the connection
  /// is of no use any more.
  [[nodiscard]] bool drain();

  std::string name_;
  std::filesystem::path file_;
  int peer_;
  std::unique_ptr<PGconn, Closer> connection_;
  /// What it was made of.
  std::string conninfo_;
  /// Of the query under way: what it may take, and until when that is.
  std::chrono::milliseconds time_{0};
  TimePoint deadline_;
};

}  // namespace mcpgate::broker
