#include "sandboxd/broker/postgres.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>

#include "base/fd.h"
#include "base/units.h"
#include "json/raw.h"
#include "json/utf8.h"
#include "json/write.h"

namespace mcpgate::broker {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kConninfoBytesMax = std::size_t{16} << 10;
/// Of the wire protocol.
constexpr std::size_t kParamsMax = 65'535;
constexpr std::size_t kPlanBytesMax = std::size_t{16} << 20;
/// The server's own time limit comes first, since it says more.
constexpr milliseconds kServerFirst{200};
/// From the last row to the answer.
constexpr milliseconds kClosingTime{500};
/// For a session to be put back, or for a statement that was cancelled to end.
constexpr milliseconds kTidyTime{2'000};

// pg_type.h of the server, which is not installed for clients; they never change.
constexpr Oid kBool = 16;
constexpr Oid kInt8 = 20;
constexpr Oid kInt2 = 21;
constexpr Oid kInt4 = 23;
constexpr Oid kOid = 26;
constexpr Oid kJson = 114;
constexpr Oid kFloat4 = 700;
constexpr Oid kFloat8 = 701;
constexpr Oid kJsonb = 3802;

/// What libpq says of a connection that failed names hosts, users and, of a conninfo that is put
/// together wrongly, parts of the password. So none of its words leave here.
struct Failure {
  std::string_view words;
  std::string_view meaning;
};
constexpr auto kFailures = std::to_array<Failure>({
    {"password authentication failed", "the database refuses the role or its password"},
    {"no password supplied", "the database asks for a password, and the connection has none"},
    {"no pg_hba.conf entry", "the database's pg_hba.conf has no entry for this role from here"},
    {"authentication failed", "the database refuses the role"},
    {"not permitted to log in", "the role may not log in (NOLOGIN)"},
    {"role \"", "the database has no such role, or refuses it"},
    {"database \"", "the server has no such database, or refuses it"},
    {"too many", "the database has no connection left"},
    {"remaining connection slots", "the database has no connection left"},
    {"starting up", "the database is starting up"},
    {"shutting down", "the database is shutting down"},
    {"could not translate host name", "the host's name has no address"},
    {"Connection refused", "nothing listens where the database should be"},
    {"No such file or directory", "nothing listens where the database should be"},
    {"certificate", "the server's certificate, or one of ours, is not accepted"},
    {"SSL", "TLS with the database failed; see sslmode"},
});

std::string_view meaning_of(std::string_view message) {
  const auto* const known = std::ranges::find_if(kFailures, [&](const Failure& failure) {
    return message.find(failure.words) != std::string_view::npos;
  });
  return known == kFailures.end() ? "the database cannot be connected to" : known->meaning;
}

/// A parameter in the server's text form.
std::optional<std::string> param_text(const json::Item& item) {
  if (item.value.is_null()) {
    return std::nullopt;
  }
  const auto text = json::as_string(item.value);
  return std::string(text ? *text : item.raw);
}

/// Appends a value as its type has it in JSON; what JSON cannot say, or only less exactly, is text.
void append_value(std::string& out, Oid type, std::string_view text) {
  switch (type) {
    case kBool:
      out += text == "t" ? "true" : "false";
      return;
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
      out += text;
      return;
    case kFloat4:
    case kFloat8:
      if (text.find_first_of("Ny") != std::string_view::npos) {  // NaN, Infinity
        break;
      }
      out += text;
      return;
    case kJson:
    case kJsonb:
      if (json::valid_utf8_size(text) != text.size()) {
        break;
      }
      out += text;
      return;
    default:
      break;
  }
  json::append_string(out, text);
}

}  // namespace

/// What a statement gave.
struct Postgres::Rows {
  std::vector<Column> columns;
  /// `[…],[…]`
  std::string json;
  bool truncated = false;
};

Expected<Query> read_query(std::string_view json, json::Parser& parser) {
  const json::Element document = TRY(parser.parse(json));
  const auto object = json::as_object(document);
  const auto wrong = [](std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, "{}", what);
  };
  if (!object) {
    return wrong("a query is an object");
  }
  const auto number = [&](std::string_view key) {
    return static_cast<std::size_t>(json::int_at(*object, key).value_or(0));
  };
  Query query{.sql = std::string(json::string_at(*object, "sql").value_or("")),
              .rows_max = number("rows"),
              .bytes_max = number("bytes"),
              .cost_max = static_cast<double>(number("cost")),
              .time = milliseconds(number("timeMs"))};
  const auto params = json::find_member(*object, json, "params");
  const auto items = params ? json::as_array(params->value) : std::nullopt;
  if (!items) {
    return wrong("params is a list");
  }
  for (const json::Item& item : json::Items(*items, params->raw)) {
    query.params.push_back(param_text(item));
    if (query.params.back().value_or("").find('\0') != std::string::npos) {
      return wrong(fmt::format("parameter ${} holds a NUL, which no text of PostgreSQL may",
                               query.params.size()));
    }
  }
  if (query.params.size() > kParamsMax) {
    return wrong(fmt::format("more than {} parameters", kParamsMax));
  }
  if (query.sql.find('\0') != std::string::npos) {
    return wrong("the statement holds a NUL");
  }
  return query;
}

Expected<std::string> Postgres::run(const Query& query) {
  time_ = query.time;
  deadline_ = steady_clock::now() + time_;
  TRY_VOID(begin(query));
  TRY_VOID(check_cost(query));
  const Rows rows = TRY(fetch(query));
  // What is cut at the last moment is an answer all the same.
  deadline_ = std::max(deadline_, steady_clock::now() + kClosingTime);
  TRY_VOID(simple("ROLLBACK"));
  const std::vector<std::string> types = TRY(type_names(rows.columns));
  std::string json;
  json::Writer writer(json);
  writer.begin_object().key("columns").begin_array();
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    writer.begin_object().field("name", rows.columns[i].name).field("type", types[i]).end_object();
  }
  writer.end_array().raw_field("rows", '[' + rows.json + ']');
  writer.field("truncated", rows.truncated).end_object();
  return json;
}

/// A connection whose server went away shows that at its first statement; then, and once, a new one
/// is tried.
Expected<void> Postgres::begin(const Query& query) {
  std::string conninfo = TRY(read_conninfo());
  if (conninfo != conninfo_) {
    connection_.reset();  // Rotated: what was refused, or allowed, is to count at once.
  }
  const auto left = [&] {
    return std::max<std::int64_t>(
        1, std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now()).count());
  };
  const bool is_reused = connection_ != nullptr;
  if (!is_reused) {
    TRY_VOID(connect(conninfo));
  }
  const auto opened = [&] {
    // A lock that somebody keeps is told as such, before the time is up.
    return simple(
        fmt::format("BEGIN READ ONLY; SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = "
                    "{1}; SET LOCAL idle_in_transaction_session_timeout = {2}",
                    left(), std::max<std::int64_t>(1, left() / 2), 2 * query.time.count()));
  };
  auto begun = opened();
  if (!begun && is_reused && PQstatus(connection_.get()) != CONNECTION_OK) {
    TRY_VOID(connect(std::move(conninfo)));
    begun = opened();
  }
  return begun;
}

Expected<std::string> Postgres::read_conninfo() const {
  const UniqueFd file(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0) {
    return std::unexpected(failure(
        fmt::format("its file cannot be read: {}", std::generic_category().message(errno))));
  }
  if (!S_ISREG(facts.st_mode) || (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return std::unexpected(failure("its file may be read by others; it wants mode 0600"));
  }
  std::string text(kConninfoBytesMax, '\0');
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (text.empty() || text.find('\0') != std::string::npos) {
    return std::unexpected(failure("its file holds no connection string"));
  }
  PQconninfoOption* const options = PQconninfoParse(text.c_str(), nullptr);
  if (options == nullptr) {
    return std::unexpected(
        failure("its file holds no connection string as libpq wants it: key=value or a URI"));
  }
  PQconninfoFree(options);
  return text;
}

Expected<void> Postgres::connect(std::string conninfo) {
  // A later key wins over what the string says.
  const auto keys =
      std::to_array<const char*>({"dbname", "client_encoding", "application_name", nullptr});
  const auto values = std::to_array<const char*>({conninfo.c_str(), "UTF8", "mcpgate", nullptr});
  connection_.reset(PQconnectStartParams(keys.data(), values.data(), 1));
  conninfo_ = std::move(conninfo);
  PGconn* const connection = connection_.get();
  if (connection == nullptr) {
    return std::unexpected(failure("out of memory"));
  }
  PQsetNoticeProcessor(connection, [](void* /*arg*/, const char* /*message*/) {}, nullptr);
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (PQstatus(connection) != CONNECTION_BAD && status != PGRES_POLLING_OK &&
         status != PGRES_POLLING_FAILED) {
    if (auto ready = wait(status == PGRES_POLLING_READING ? POLLIN : POLLOUT); !ready) {
      connection_.reset();
      return std::unexpected(
          failure(fmt::format("the database did not let us in within {}", format_duration(time_))));
    }
    status = PQconnectPoll(connection);
  }
  if (PQstatus(connection) != CONNECTION_OK) {
    Error error = failure(meaning_of(PQerrorMessage(connection)));
    connection_.reset();
    return std::unexpected(std::move(error));
  }
  PQsetnonblocking(connection, 1);
  auto checked = check_role();
  if (!checked) {
    connection_.reset();
  }
  return checked;
}

/// The role is the first bound of what a query can do, so one without bounds is none.
Expected<void> Postgres::check_role() {
  const std::string sql =
      "SELECT coalesce(bool_or(r.rolsuper), true), "
      "coalesce(bool_or(pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')), true) "
      "FROM pg_catalog.pg_roles r, pg_catalog.pg_roles g "
      "WHERE r.rolname IN (session_user, current_user) AND g.rolname IN "
      "('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')";
  if (!send(sql, {})) {
    return std::unexpected(failure("the connection was lost"));
  }
  const Result result = TRY(only_result());
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) != 1) {
    return std::unexpected(failure_of(result.get()));
  }
  const auto is_true = [&](int column) {
    return std::string_view(PQgetvalue(result.get(), 0, column)) != "f";
  };
  if (is_true(0)) {
    return std::unexpected(
        failure("its role is a superuser, which no tool gets: make one that may only SELECT"));
  }
  if (is_true(1)) {
    return std::unexpected(
        failure("its role may reach the server's files or programs (pg_read_server_files and the "
                "like), which no tool gets"));
  }
  return {};
}

/// What cannot be explained, as SET or COPY, ends here too.
Expected<void> Postgres::check_cost(const Query& query) {
  if (!send("EXPLAIN (FORMAT JSON) " + query.sql, query.params)) {
    return std::unexpected(failure("the connection was lost"));
  }
  const Result result = TRY(only_result());
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) != 1) {
    return std::unexpected(failure_of(result.get()));
  }
  json::Parser parser(kPlanBytesMax);
  const auto plan = parser.parse(PQgetvalue(result.get(), 0, 0));
  simdjson::dom::element cost;
  double expected = 0;
  if (!plan || plan->at_pointer("/0/Plan/Total Cost").get(cost) != simdjson::SUCCESS ||
      cost.get(expected) != simdjson::SUCCESS) {
    return std::unexpected(failure("the database does not say what the query would cost"));
  }
  if (expected > query.cost_max) {
    return std::unexpected(failure(fmt::format(
        "the planner expects the query to cost {:.0f}, above the {:.0f} that connections.{}.cost "
        "allows; narrow it",
        std::ceil(expected), query.cost_max, name_)));
  }
  return {};
}

Expected<Postgres::Rows> Postgres::fetch(const Query& query) {
  if (!send(query.sql, query.params) || PQsetSingleRowMode(connection_.get()) != 1) {
    return std::unexpected(failure("the connection was lost"));
  }
  Rows rows;
  std::size_t count = 0;
  while (const Result result = TRY(next_result())) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      return std::unexpected(failure_of(result.get()));
    }
    const int columns = PQnfields(result.get());
    for (int i = static_cast<int>(rows.columns.size()); i < columns; ++i) {
      rows.columns.push_back({.name = PQfname(result.get(), i),
                              .type = PQftype(result.get(), i),
                              .modifier = PQfmod(result.get(), i)});
    }
    if (status != PGRES_SINGLE_TUPLE) {
      continue;
    }
    std::string row(count == 0 ? "[" : ",[");
    for (int i = 0; i < columns && rows.json.size() + row.size() <= query.bytes_max; ++i) {
      row += i == 0 ? "" : ",";
      if (PQgetisnull(result.get(), 0, i) != 0) {
        row += "null";
      } else {
        append_value(row, rows.columns[static_cast<std::size_t>(i)].type,
                     {PQgetvalue(result.get(), 0, i),
                      static_cast<std::size_t>(PQgetlength(result.get(), 0, i))});
      }
    }
    row += ']';
    if (count == query.rows_max || rows.json.size() + row.size() > query.bytes_max) {
      rows.truncated = true;
      if (!drain()) {
        return std::unexpected(failure("the connection was lost"));
      }
      break;
    }
    rows.json += row;
    ++count;
  }
  return rows;
}

/// As the server writes them: `integer`, `character varying(20)`, `text[]`.
Expected<std::vector<std::string>> Postgres::type_names(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  if (columns.empty()) {
    return names;
  }
  std::string types;
  std::string modifiers;
  for (const Column& column : columns) {
    types += fmt::format("{}{}", types.empty() ? "" : ",", column.type);
    modifiers += fmt::format("{}{}", modifiers.empty() ? "" : ",", column.modifier);
  }
  if (!send(
          "SELECT pg_catalog.format_type(t, m) "
          "FROM unnest($1::pg_catalog.oid[], $2::pg_catalog.int4[]) WITH ORDINALITY AS x(t, m, n) "
          "ORDER BY n",
          {'{' + types + '}', '{' + modifiers + '}'})) {
    return std::unexpected(failure("the connection was lost"));
  }
  const Result result = TRY(only_result());
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK ||
      PQntuples(result.get()) != static_cast<int>(columns.size())) {
    return std::unexpected(failure_of(result.get()));
  }
  for (int i = 0; i < PQntuples(result.get()); ++i) {
    names.emplace_back(PQgetvalue(result.get(), i, 0));
  }
  return names;
}

void Postgres::tidy() {
  if (!connection_) {
    return;
  }
  deadline_ = steady_clock::now() + kTidyTime;
  // Without a transaction a ROLLBACK is but a notice.
  if (!drain() || !simple("ROLLBACK") || !simple("DISCARD ALL")) {
    connection_.reset();
  }
}

bool Postgres::send(const std::string& sql, const std::vector<std::optional<std::string>>& params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const auto& param : params) {
    values.push_back(param ? param->c_str() : nullptr);
  }
  // The extended protocol takes one statement, not several.
  return PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                           values.data(), nullptr, nullptr, 0) == 1;
}

/// Statements of ours alone, perhaps several.
Expected<void> Postgres::simple(const std::string& sql) {
  if (PQsendQuery(connection_.get(), sql.c_str()) != 1) {
    return std::unexpected(failure("the connection was lost"));
  }
  Expected<void> done = {};
  while (const Result result = TRY(next_result())) {
    if (done && PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
      done = std::unexpected(failure_of(result.get()));
    }
  }
  return done;
}

Expected<Postgres::Result> Postgres::only_result() {
  Result result = TRY(next_result());
  while (const Result more = TRY(next_result())) {
  }
  if (!result) {
    return std::unexpected(failure("the connection was lost"));
  }
  return result;
}

Expected<Postgres::Result> Postgres::next_result() {
  PGconn* const connection = connection_.get();
  while (PQisBusy(connection) != 0) {
    const int unsent = PQflush(connection);
    TRY_VOID(wait(unsent == 1 ? POLLIN | POLLOUT : POLLIN));
    if (PQconsumeInput(connection) != 1) {
      return std::unexpected(failure("the connection was lost"));
    }
  }
  return Result(PQgetResult(connection));
}

Expected<void> Postgres::wait(short events) {
  for (;;) {
    auto watched = std::to_array<pollfd>({{PQsocket(connection_.get()), events, 0}, {peer_, 0, 0}});
    const auto left =
        std::chrono::ceil<milliseconds>(deadline_ + kServerFirst - steady_clock::now());
    if (left.count() <= 0) {
      return std::unexpected(too_slow());
    }
    const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    if ((watched[1].revents & (POLLHUP | POLLERR)) != 0) {
      cancel();
      ::_exit(0);
    }
    if (ready > 0 && watched[0].revents != 0) {
      return {};
    }
    if (ready < 0 && errno != EINTR) {
      return std::unexpected(failure("the connection was lost"));
    }
  }
}

void Postgres::cancel() {
  if (PGcancel* const handle = PQgetCancel(connection_.get())) {
    std::array<char, 256> ignored{};
    PQcancel(handle, ignored.data(), ignored.size());
    PQfreeCancel(handle);
  }
}

bool Postgres::drain() {
  if (PQtransactionStatus(connection_.get()) != PQTRANS_ACTIVE) {
    return PQstatus(connection_.get()) == CONNECTION_OK;
  }
  cancel();
  const TimePoint before = std::exchange(deadline_, steady_clock::now() + kTidyTime);
  for (;;) {
    const auto result = next_result();
    if (!result || !*result) {
      deadline_ = before;
      return result.has_value();
    }
  }
}

Error Postgres::failure_of(const PGresult* result) const {
  const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* const message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state == nullptr || message == nullptr) {
    return failure("the connection was lost");
  }
  constexpr std::string_view kQueryCancelled = "57014";
  const std::string hint = state == kQueryCancelled ? fmt::format(" (connections.{}.time is {})",
                                                                  name_, format_duration(time_))
                                                    : "";
  return {ErrorCode::kInvalidArgument, fmt::format("{}: {}{}", state, message, hint)};
}

Error Postgres::failure(std::string_view text) const {
  return {ErrorCode::kUnavailable, fmt::format("connection {}: {}", name_, text)};
}

Error Postgres::too_slow() const {
  return failure(fmt::format("the query took longer than {} (connections.{}.time)",
                             format_duration(time_), name_));
}

}  // namespace mcpgate::broker
