#pragma once

// The broker processes of a tool set's connections (src/sandboxd/broker): who holds the secret of a
// database is neither a tool's child nor this daemon.

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/task.h"
#include "sandbox/connection.h"

namespace mcpgate::sandboxd {

/// By the connection's name: the file that holds its conninfo. Not a secret itself.
using ConnectionFiles = std::map<std::string, std::filesystem::path, std::less<>>;

/// What may be asked, and by which program.
struct BrokerOptions {
  /// `mcpgate-broker`.
  std::filesystem::path program;
  std::string tool_set;
  sandbox::Connections connections;
  ConnectionFiles files;
};

/// Starts them when they are first needed, keeps them for the queries after, and ends one whose
/// query is cancelled or out of time. Belongs to one loop, which outlives it.
class Brokers : public std::enable_shared_from_this<Brokers> {
 public:
  Brokers(asio::io_context& loop, BrokerOptions options);
  Brokers(const Brokers&) = delete;
  Brokers& operator=(const Brokers&) = delete;
  ~Brokers();

  /// What a tool asks; hostile.
  struct Order {
    std::string connection;
    std::string sql;
    /// A JSON array, valid.
    std::string params;
  };
  /// A JSON object as bytes, or in words for the tool what went wrong.
  using Done = std::function<void(Expected<std::string>)>;

  /// A query under way. Destroying it cancels the query, in the database too; then nothing is told.
  class Query {
   public:
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query();

   private:
    friend class Brokers;
    struct State;
    explicit Query(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  /// Tells `done` later, once, never during this call. Errors, told at once: kNotFound (no such
  /// connection), kFailedPrecondition (the operator has given it no file).
  [[nodiscard]] Expected<std::unique_ptr<Query>> start(Order order, Done done);

 private:
  struct Broker;
  struct Pool;

  static Task<> serve(std::shared_ptr<Brokers> self, std::shared_ptr<Query::State> query,
                      std::string request);
  static Task<> enter(Pool& pool, std::shared_ptr<Query::State> query);
  static Task<> end(std::shared_ptr<Brokers> self, std::unique_ptr<Broker> broker);
  [[nodiscard]] Expected<std::unique_ptr<Broker>> take(Pool& pool);
  static Task<Expected<std::string>> ask(Broker& broker, std::string request);

  asio::io_context& loop_;
  BrokerOptions options_;
  std::map<std::string, Pool, std::less<>> pools_;
};

}  // namespace mcpgate::sandboxd
