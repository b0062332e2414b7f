#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <boost/intrusive/list.hpp>

#include "base/task.h"
#include "gateway/answer.h"
#include "gateway/forwarded_request.h"
#include "gateway/parts.h"
#include "gateway/visit.h"
#include "http/client.h"

namespace mcpgate::gateway {

/// Hands requests of sessions that live in other replicas to those, on one loop: whoever the client
/// meets, its session's log level, subscriptions, streams, questions and calls are in one place.
class Forwarder {
 public:
  explicit Forwarder(const GatewayParts& parts);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  ~Forwarder();

  /// Has visit.home answer and record the request, and passes the answer on as it comes. What is
  /// given back is a refusal to be recorded and sent from here: the replica is gone, say.
  Task<std::optional<Answer>> forward(const Visit& visit);

  /// Ends the streams that would not end by themselves.
  void drain();

 private:
  class Passage;
  using Hook =
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  [[nodiscard]] std::shared_ptr<http::Client> client_of(const std::string& address,
                                                        const Settings& settings);
  [[nodiscard]] Task<Expected<http::ResponseHead>> send(Passage& passage, const Home& home,
                                                        const Visit& visit) const;
  [[nodiscard]] Task<std::optional<Answer>> pass_on(Passage& passage, http::ResponseHead head,
                                                    const Visit& visit) const;

  const GatewayParts parts_;
  std::unordered_map<std::string, std::shared_ptr<http::Client>> clients_;
  /// GETs under way.
  boost::intrusive::list<Passage, boost::intrusive::base_hook<Hook>,
                         boost::intrusive::constant_time_size<false>>
      streams_;
};

}  // namespace mcpgate::gateway
