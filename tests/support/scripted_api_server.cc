#include "support/scripted_api_server.h"

#include <chrono>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/pem.h>

namespace weir::test {

namespace {

std::string version_text(std::uint64_t version) {
  return "v" + std::to_string(version);
}

std::uint64_t version_number(const std::string& text) {
  return text.size() > 1 && text[0] == 'v' ? std::stoull(text.substr(1)) : 0;
}

std::string status_body(int code, const std::string& message) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":)" + std::to_string(code) +
         R"(,"message":")" + message + "\"}";
}

std::string list_type(const std::string& path) {
  const auto type = [](const char* version, const char* kind) {
    return std::string(R"("apiVersion":")") + version + R"(","kind":")" + kind + "\"";
  };
  const auto ends = [&](const char* plural) { return path.ends_with(std::string("/") + plural); };
  if (ends("ingresses")) return type("networking.k8s.io/v1", "IngressList");
  if (ends("ingressclasses")) return type("networking.k8s.io/v1", "IngressClassList");
  if (ends("endpointslices")) return type("discovery.k8s.io/v1", "EndpointSliceList");
  if (ends("services")) return type("v1", "ServiceList");
  if (ends("secrets")) return type("v1", "SecretList");
  if (ends("tunnelpolicies")) return type("weir.dev/v1alpha1", "TunnelPolicyList");
  if (ends("backendpolicies")) return type("weir.dev/v1alpha1", "BackendPolicyList");
  if (ends("weirconfigs")) return type("weir.dev/v1alpha1", "WeirConfigList");
  return type("v1", "ConfigMapList");
}

std::unique_ptr<httplib::Server> make_server(const std::optional<PemPair>& pair) {
  if (!pair) return std::make_unique<httplib::Server>();
  BIO* bio = BIO_new_mem_buf(pair->certificate.data(), -1);
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(pair->key.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  auto server = std::make_unique<httplib::SSLServer>(certificate, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return server;
}

}  // namespace

/// One open watch. Guarded by the server's mutex.
struct ScriptedApiServer::Watch {
  std::string path;
  std::uint64_t seen = 0;
  std::string raw;
  bool end = false;
};

ScriptedApiServer::ScriptedApiServer(std::optional<PemPair> certificate)
    : certificate_(std::move(certificate)) {
  listen(0);
}

ScriptedApiServer::~ScriptedApiServer() {
  go_away();
}

std::string ScriptedApiServer::url() const {
  return (certificate_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
}

void ScriptedApiServer::listen(int port) {
  server_ = make_server(certificate_);
  server_->new_task_queue = [] { return new httplib::ThreadPool(32); };
  server_->set_keep_alive_max_count(1'000'000);
  const auto handler = [this](const httplib::Request& in, httplib::Response& out) {
    on_request(in, out);
  };
  server_->Get(".*", handler);
  server_->Post(".*", handler);
  server_->Put(".*", handler);
  server_->Patch(".*", handler);
  if (port == 0) {
    port_ = server_->bind_to_any_port("127.0.0.1");
  } else {
    EXPECT_TRUE(server_->bind_to_port("127.0.0.1", port));
  }
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();
}

void ScriptedApiServer::go_away() {
  if (server_ == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    is_going_away_ = true;
    changed_.notify_all();
  }
  server_->stop();
  thread_.join();
  server_.reset();
}

void ScriptedApiServer::come_back() {
  is_going_away_ = false;
  listen(port_);
}

void ScriptedApiServer::change(const char* type, const std::string& path, std::string object) {
  history_.push_back(
      {version_, path,
       std::string(R"({"type":")") + type + R"(","object":)" + std::move(object) + "}\n"});
  changed_.notify_all();
}

void ScriptedApiServer::put(const std::string& path, const std::string& name,
                            const std::string& members) {
  const std::lock_guard lock(mutex_);
  ++version_;
  auto object = R"({"metadata":{"name":")" + name +
                R"(","namespace":"default","resourceVersion":")" + version_text(version_) + "\"}" +
                (members.empty() ? "" : "," + members) + "}";
  auto& stored = objects_[path][name];
  const char* type = stored.empty() ? "ADDED" : "MODIFIED";
  stored = object;
  change(type, path, std::move(object));
}

void ScriptedApiServer::remove(const std::string& path, const std::string& name) {
  const std::lock_guard lock(mutex_);
  ++version_;
  objects_[path].erase(name);
  change("DELETED", path,
         R"({"metadata":{"name":")" + name + R"(","namespace":"default","resourceVersion":")" +
             version_text(version_) + "\"}}");
}

void ScriptedApiServer::compact() {
  const std::lock_guard lock(mutex_);
  compacted_ = ++version_;
  history_.clear();
}

void ScriptedApiServer::expire_by_status(bool by_status) {
  const std::lock_guard lock(mutex_);
  expire_by_status_ = by_status;
}

void ScriptedApiServer::require_token(const std::string& token) {
  const std::lock_guard lock(mutex_);
  token_ = token;
}

void ScriptedApiServer::answer_next(const std::string& verb, Answer answer) {
  const std::lock_guard lock(mutex_);
  answers_.emplace(verb, std::move(answer));
}

void ScriptedApiServer::after_next_list(std::function<void()> action) {
  const std::lock_guard lock(mutex_);
  after_list_ = std::move(action);
}

std::optional<kube::Lease> ScriptedApiServer::lease(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(path);
  return found == leases_.end() ? std::nullopt : std::optional(found->second);
}

void ScriptedApiServer::put_lease(const std::string& path, kube::Lease lease) {
  const std::lock_guard lock(mutex_);
  lease.resource_version = version_text(++version_);
  leases_[path] = std::move(lease);
}

void ScriptedApiServer::touch_lease(const std::string& path) {
  const std::lock_guard lock(mutex_);
  leases_.at(path).resource_version = version_text(++version_);
}

void ScriptedApiServer::remove_lease(const std::string& path) {
  const std::lock_guard lock(mutex_);
  leases_.erase(path);
}

void ScriptedApiServer::send_raw(const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : watches_) {
    if (const auto open = weak.lock()) open->raw += bytes;
  }
  changed_.notify_all();
}

void ScriptedApiServer::end_watches() {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : watches_) {
    if (const auto open = weak.lock()) open->end = true;
  }
  changed_.notify_all();
}

std::vector<ScriptedApiServer::Request> ScriptedApiServer::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<ScriptedApiServer::Request> ScriptedApiServer::wait_requests(const std::string& verb,
                                                                         std::size_t count) {
  std::vector<Request> found;
  std::unique_lock lock(mutex_);
  const bool reached = changed_.wait_for(lock, std::chrono::seconds(60), [&] {
    found.clear();
    for (const auto& request : requests_) {
      if (request.verb == verb) found.push_back(request);
    }
    return found.size() >= count;
  });
  EXPECT_TRUE(reached) << "only " << found.size() << " requests to " << verb;
  found.resize(std::max(found.size(), count));
  return found;
}

void ScriptedApiServer::on_request(const httplib::Request& in, httplib::Response& out) {
  Request request;
  const bool is_lease = in.path.find("/leases") != std::string::npos;
  request.verb = in.method != "GET" || is_lease ? in.method
                 : in.has_param("watch")        ? "watch"
                                                : "list";
  request.path = in.path;
  for (const auto& [name, value] : in.params) request.parameters[name] = value;
  for (const auto& [name, value] : in.headers) request.headers[name] = value;
  request.body = in.body;

  std::function<void()> after_list;
  {
    std::unique_lock lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
    if (!token_.empty() && in.get_header_value("Authorization") != "Bearer " + token_) {
      out.status = 401;
      out.set_content(status_body(401, "Unauthorized"), "application/json");
      return;
    }
    if (const auto answer = answers_.lower_bound(request.verb);
        answer != answers_.end() && answer->first == request.verb) {
      if (answer->second.status == 0) {
        answers_.erase(answer);
        changed_.wait(lock, [this] { return is_going_away_; });
        return;
      }
      out.status = answer->second.status;
      for (const auto& [name, value] : answer->second.headers) out.set_header(name, value);
      out.set_content(answer->second.body, "application/json");
      answers_.erase(answer);
      return;
    }
    if (request.verb == "watch") return watch(request, out);
    if (is_lease) return serve_lease(request, out);
    if (request.verb == "POST" || request.verb == "PATCH") {
      out.status = request.verb == "POST" ? 201 : 200;
      out.set_content(request.body, "application/json");
      return;
    }
    list(request, out);
    after_list = std::exchange(after_list_, nullptr);
  }
  if (after_list) after_list();
}

void ScriptedApiServer::serve_lease(const Request& request, httplib::Response& out) {
  const auto fail = [&](int status) {
    out.status = status;
    out.set_content(status_body(status, "by the rules for Leases"), "application/json");
  };
  auto path = request.path;
  kube::Lease sent;
  if (request.verb != "GET") {
    const auto decoded = kube::decode_lease(request.body);
    if (!decoded) return fail(400);
    sent = *decoded;
    if (request.verb == "POST") path += '/' + sent.name;
  }
  const auto found = leases_.find(path);
  if (request.verb == "POST" && found != leases_.end()) return fail(409);
  if (request.verb != "POST" && found == leases_.end()) return fail(404);
  if (request.verb == "PUT" && sent.resource_version != found->second.resource_version) {
    return fail(sent.resource_version.empty() ? 422 : 409);
  }
  if (request.verb != "GET") {
    sent.resource_version = version_text(++version_);
    leases_[path] = sent;
  }
  out.status = request.verb == "POST" ? 201 : 200;
  out.set_content(kube::encode_lease(leases_[path]), "application/json");
}

/// A continue token is "<version>/<last name>".
void ScriptedApiServer::list(const Request& request, httplib::Response& out) {
  auto version = version_;
  std::string after;
  if (const auto token = request.parameter("continue"); !token.empty()) {
    const auto slash = token.find('/');
    version = version_number(token.substr(0, slash));
    after = token.substr(slash + 1);
    if (version < compacted_) {
      out.status = 410;
      out.set_content(status_body(410, "The provided continue parameter is too old"),
                      "application/json");
      return;
    }
  }
  const auto limit_text = request.parameter("limit");
  const auto limit = limit_text.empty() ? SIZE_MAX : std::stoul(limit_text);
  const auto& objects = objects_[request.path];
  std::string items;
  std::string next;
  std::size_t count = 0;
  for (auto entry = objects.upper_bound(after); entry != objects.end(); ++entry) {
    if (count++ == limit) {
      next = version_text(version) + "/" + std::prev(entry)->first;
      break;
    }
    items += (items.empty() ? "" : ",") + entry->second;
  }
  out.set_content("{" + list_type(request.path) + R"(,"metadata":{"resourceVersion":")" +
                      version_text(version) + R"(","continue":")" + next + R"("},"items":[)" +
                      items + "]}\n",
                  "application/json");
}

void ScriptedApiServer::watch(const Request& request, httplib::Response& out) {
  const auto from = version_number(request.parameter("resourceVersion"));
  const auto open = std::make_shared<Watch>();
  open->path = request.path;
  open->seen = from;
  if (from < compacted_) {
    const auto status = status_body(410, "too old resource version");
    if (expire_by_status_) {
      out.status = 410;
      out.set_content(status, "application/json");
      return;
    }
    open->raw = R"({"type":"ERROR","object":)" + status + "}\n";
    open->end = true;
  }
  watches_.push_back(open);
  out.set_chunked_content_provider(
      "application/json", [this, open](std::size_t, httplib::DataSink& sink) {
        std::string bytes;
        bool end = false;
        {
          std::unique_lock lock(mutex_);
          // Comes back now and then, so that httplib sees that it is to stop.
          changed_.wait_for(lock, std::chrono::milliseconds(20), [&] {
            return open->end || !open->raw.empty() ||
                   (!history_.empty() && history_.back().version > open->seen);
          });
          bytes = std::exchange(open->raw, {});
          for (const auto& past : history_) {
            if (past.version <= open->seen) continue;
            open->seen = past.version;
            if (past.path == open->path) bytes += past.line;
          }
          end = open->end;
        }
        if (!bytes.empty() && !sink.write(bytes.data(), bytes.size())) return false;
        if (end) sink.done();
        return true;
      });
}

}  // namespace weir::test
