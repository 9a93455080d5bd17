#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kube/decode_cluster.h"
#include "support/test_ca.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace weir::test {

/// An API server on a loopback port that does what the test says: it lists (in pages) and watches
/// what was put into it, with history, compaction and resourceVersions that are no numbers ("v7");
/// and it answers what was scripted instead, once for each script. Leases are read, created and
/// updated by version. Anything else that is posted or patched is taken, and kept nowhere.
///
/// A resource is named by its path: "/api/v1/configmaps".
class ScriptedApiServer {
 public:
  struct Answer {
    int status = 500;  ///< 0: none, as long as the server is there
    std::string body;
    std::map<std::string, std::string> headers;
  };
  struct Request {
    std::string verb;  ///< "list", "watch", "GET" (of a Lease), "POST", "PUT" or "PATCH"
    std::string path;
    std::map<std::string, std::string> parameters;
    std::map<std::string, std::string> headers;
    std::string body;

    std::string parameter(const std::string& name) const {
      const auto found = parameters.find(name);
      return found == parameters.end() ? "" : found->second;
    }
  };

  /// With a certificate: HTTPS.
  explicit ScriptedApiServer(std::optional<PemPair> certificate = std::nullopt);
  ~ScriptedApiServer();
  std::string url() const;

  /// Ends all connections, and refuses new ones until `come_back`, on the same port.
  void go_away();
  void come_back();

  /// Adds or changes an object of namespace "default". `members`: what follows its metadata, as
  /// "\"data\":{}", or "".
  void put(const std::string& path, const std::string& name, const std::string& members);
  void remove(const std::string& path, const std::string& name);
  /// Forgets all history: watches and continue tokens from before are too old.
  void compact();
  /// How such watches are told: by an event, or by the HTTP status.
  void expire_by_status(bool by_status);
  /// Everything but this token gets 401. Empty: anything goes.
  void require_token(const std::string& token);

  /// The next request of this verb gets this answer.
  void answer_next(const std::string& verb, Answer answer);
  /// Runs after the next list is made up, before it is sent.
  void after_next_list(std::function<void()> action);
  /// The Lease at a path (".../leases/NAME"); nothing: there is none.
  std::optional<kube::Lease> lease(const std::string& path);
  /// Its version is made up.
  void put_lease(const std::string& path, kube::Lease lease);
  /// A new version of it that says the same.
  void touch_lease(const std::string& path);
  void remove_lease(const std::string& path);

  /// Sent as it is to all open watches.
  void send_raw(const std::string& bytes);
  /// Ends all open watches in order. (`go_away` breaks them off.)
  void end_watches();

  std::vector<Request> requests();
  /// The requests of a verb, once there are so many (or after a long time, which fails the test).
  std::vector<Request> wait_requests(const std::string& verb, std::size_t count);

 private:
  struct Change {
    std::uint64_t version;
    std::string path;
    std::string line;
  };
  struct Watch;

  void listen(int port);
  void on_request(const httplib::Request& in, httplib::Response& out);
  void list(const Request& request, httplib::Response& out);
  void serve_lease(const Request& request, httplib::Response& out);
  void watch(const Request& request, httplib::Response& out);
  void change(const char* type, const std::string& path, std::string object);

  const std::optional<PemPair> certificate_;
  int port_ = 0;
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::map<std::string, std::string>> objects_;  // by path and name
  std::map<std::string, kube::Lease> leases_;
  bool is_going_away_ = false;
  std::deque<Change> history_;
  std::uint64_t version_ = 1;
  std::uint64_t compacted_ = 0;
  bool expire_by_status_ = false;
  std::string token_;
  std::multimap<std::string, Answer> answers_;
  std::function<void()> after_list_;
  std::vector<Request> requests_;
  std::vector<std::weak_ptr<Watch>> watches_;
};

}  // namespace weir::test
