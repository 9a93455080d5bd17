#include "kube/api_client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <httplib.h>

#include "kube/decode.h"
#include "kube/names.h"
#include "kube/tls_context.h"
#include "util/log.h"

namespace weir::kube {

using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMaxErrorBody = 64 * 1024;
constexpr std::size_t kMaxBody = 8 << 20;
constexpr std::chrono::seconds kMaxRetryAfter{300};
constexpr std::size_t kMostWarnings = 100;
/// So that an administrator finds weir in the audit log, and can limit it.
#if defined(__x86_64__)
constexpr const char* kUserAgent = "weir-controller/" WEIR_VERSION " (linux/amd64)";
#elif defined(__aarch64__)
constexpr const char* kUserAgent = "weir-controller/" WEIR_VERSION " (linux/arm64)";
#else
constexpr const char* kUserAgent = "weir-controller/" WEIR_VERSION " (linux)";
#endif

/// A second handle on the socket of a connection, through which another thread can end what waits
/// on it. httplib may close and reopen its own meanwhile, so that its number must not be used.
class Interrupter {
 public:
  ~Interrupter() { reset(-1); }

  /// On the connection's thread, before it connects.
  void on_socket(int fd) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    const std::lock_guard lock(mutex_);
    reset(copy);
    // Linux lets an unconnected socket be shut down: its connection ends as soon as it begins.
    if (stopped_) ::shutdown(copy, SHUT_RDWR);
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (copy_ >= 0) ::shutdown(copy_, SHUT_RDWR);
  }

  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  void reset(int copy) {
    if (copy_ >= 0) ::close(copy_);
    copy_ = copy;
  }

  std::mutex mutex_;
  int copy_ = -1;
  bool stopped_ = false;
};

/// A dead peer is noticed within half a minute, also while nothing is said.
void set_liveness(int fd) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

/// The first address of a name; the name itself if it has none.
std::string resolve(const std::string& host) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return host;
  char text[NI_MAXHOST] = "";
  ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
  ::freeaddrinfo(found);
  return text;
}

ApiStatus status_of(int http_status) {
  switch (http_status) {
    case 401:
      return ApiStatus::Unauthorized;
    case 403:
      return ApiStatus::Forbidden;
    case 404:
      return ApiStatus::NotFound;
    case 409:
      return ApiStatus::Conflict;
    case 410:
      return ApiStatus::Expired;
    case 429:
      return ApiStatus::Overloaded;
    default:
      if (http_status >= 200 && http_status < 300) return ApiStatus::Ok;
      return http_status >= 500 ? ApiStatus::Overloaded : ApiStatus::Refused;
  }
}

std::optional<std::chrono::seconds> retry_after(const std::string& value) {
  std::int64_t seconds = 0;
  const auto* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, seconds);
  // The API server gives seconds; the date form is not for machines that may have another clock.
  if (value.empty() || error != std::errc() || stop != end || seconds < 0) return std::nullopt;
  return std::min(std::chrono::seconds(seconds), kMaxRetryAfter);
}

/// A header of the API server that tells people something ("policy/v1beta1 is deprecated …"), once
/// a text in this process, whoever asked.
void log_warning(std::string_view header) {
  const auto text = warning_text(header);
  if (text.empty()) return;
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.size() < kMostWarnings && said.insert(text).second) {
    util::log::warning("the API server says: {}", text);
  }
}

/// What stands in a field name goes as it is, all else as "%xx".
std::string encode_extra(std::string_view key) {
  static constexpr std::string_view kToken = "!#$&'*+-.^_`|~";
  std::string out;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_alnum =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_alnum || kToken.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

void add_impersonation(const Impersonation& as, httplib::Headers& headers) {
  if (as.user.empty()) return;
  headers.emplace("Impersonate-User", as.user);
  if (!as.uid.empty()) headers.emplace("Impersonate-Uid", as.uid);
  for (const auto& group : as.groups) headers.emplace("Impersonate-Group", group);
  for (const auto& [key, values] : as.extra) {
    for (const auto& value : values) {
      headers.emplace("Impersonate-Extra-" + encode_extra(key), value);
    }
  }
}

}  // namespace

std::string warning_text(std::string_view header) {
  const auto begin = header.find('"');
  const auto code = header.substr(0, std::min(header.find(' '), header.size()));
  if (code != "299" || begin == std::string_view::npos) return {};
  std::string text;
  for (auto at = begin + 1; at < header.size() && header[at] != '"' && text.size() < 256; ++at) {
    if (header[at] == '\\' && at + 1 < header.size()) ++at;
    const bool is_control = static_cast<unsigned char>(header[at]) < 0x20 || header[at] == 0x7f;
    text += is_control ? ' ' : header[at];
  }
  return text;
}

class ApiClient::Connection {
 public:
  Connection(std::shared_ptr<Credentials> credentials, Timeouts timeouts)
      : credentials_(std::move(credentials)), timeouts_(timeouts) {}

  void stop() { interrupter_.stop(); }

  using Send = std::function<httplib::Result(httplib::ClientImpl&, const httplib::Headers&)>;

  /// Sends, and once more with a new token after a 401. `send` fills `body_` with what an
  /// unsuccessful answer says.
  ApiReply request(const char* verb, const Send& send, milliseconds read_timeout) {
    auto reply = count(verb, send, read_timeout);
    if (reply.status != ApiStatus::Unauthorized) return reply;
    credentials_->refuse_token();
    credentials_->stats().retried(verb, reply.http_status);
    return count(verb, send, read_timeout);
  }

  /// The head of the answer is here; what follows may take as long as it likes.
  void head_came() { head_came_at_ = Clock::now(); }

  bool stopped() { return interrupter_.stopped(); }
  const std::string& prefix() const { return credentials_->server().prefix; }

  /// A piece of an unsuccessful answer. What is beyond the bound is read, but not kept.
  void add_error(std::string_view piece) {
    error_body_ += piece.substr(0, kMaxErrorBody - error_body_.size());
  }

 private:
  using Clock = std::chrono::steady_clock;

  ApiReply count(const char* verb, const Send& send, milliseconds read_timeout) {
    const auto begin = Clock::now();
    head_came_at_.reset();
    auto reply = request_once(send, read_timeout);
    if (reply.status == ApiStatus::Stopped && reply.http_status == 0) return reply;
    const auto end = head_came_at_.value_or(Clock::now());
    credentials_->stats().requested(verb, reply.http_status, end - begin);
    return reply;
  }

  ApiReply request_once(const Send& send, milliseconds read_timeout) {
    ApiReply reply;
    if (stopped()) return stopped_reply();
    if (auto error = connect()) {
      reply.detail = std::move(error->detail);
      return reply;
    }
    http_->set_read_timeout(read_timeout);
    error_body_.clear();
    auto result = send(*http_, headers());
    if (stopped()) return stopped_reply();
    if (!result) {
      // What is left of a broken exchange must not meet the next one.
      http_.reset();
      reply.status =
          result.error() == httplib::Error::Canceled ? ApiStatus::Stopped : ApiStatus::Unreachable;
      reply.detail =
          "API server " + credentials_->server().host + ": " + httplib::to_string(result.error());
      return reply;
    }
    for (std::size_t i = 0; i < result->get_header_value_count("Warning"); ++i) {
      log_warning(result->get_header_value("Warning", i));
    }
    reply.http_status = result->status;
    reply.status = status_of(result->status);
    if (reply.status == ApiStatus::Ok) return reply;
    reply.retry_after = retry_after(result->get_header_value("Retry-After"));
    reply.detail = "HTTP " + std::to_string(result->status);
    const auto message = decode_status_message(error_body_);
    if (!message.empty()) reply.detail += ": " + message;
    return reply;
  }

  static ApiReply stopped_reply() { return {ApiStatus::Stopped, 0, std::nullopt, "stopped", {}}; }

  httplib::Headers headers() {
    httplib::Headers headers = {{"User-Agent", kUserAgent}, {"Accept", "application/json"}};
    const auto token = credentials_->token();
    const auto [user, password] = credentials_->password();
    if (!token.empty()) {
      headers.emplace("Authorization", "Bearer " + token);
    } else if (!user.empty()) {
      headers.insert(httplib::make_basic_authentication_header(user, password));
    }
    add_impersonation(credentials_->as(), headers);
    return headers;
  }

  /// Makes the client anew if the certificates have changed.
  std::optional<util::Error> connect() {
    auto material = credentials_->tls();
    if (http_ != nullptr && material == material_) return std::nullopt;
    http_.reset();
    const auto& server = credentials_->server();
    const auto& name = material.server_name.empty() ? server.host : material.server_name;
    if (server.tls) {
      auto client = std::make_unique<httplib::SSLClient>(name, server.port);
      if (client->ssl_context() == nullptr) return util::unavailable("TLS cannot be set up");
      // Ours verifies the name too, during the handshake, so that httplib's need not.
      client->enable_server_certificate_verification(false);
      if (auto error = prepare_tls(*client->ssl_context(), material, server.host)) return error;
      http_ = std::move(client);
    } else {
      http_ = std::make_unique<httplib::ClientImpl>(name, server.port);
    }
    if (name != server.host) http_->set_hostname_addr_map({{name, resolve(server.host)}});
    http_->set_socket_options([this](int fd) {
      set_liveness(fd);
      interrupter_.on_socket(fd);
    });
    http_->set_keep_alive(true);
    http_->set_follow_location(false);
    if (const auto& proxy = credentials_->proxy()) {
      http_->set_proxy(proxy->host, proxy->port);
      if (!proxy->user.empty()) http_->set_proxy_basic_auth(proxy->user, proxy->password);
    }
    http_->set_url_encode(false);
    http_->set_connection_timeout(timeouts_.connect);
    http_->set_write_timeout(timeouts_.write);
    material_ = std::move(material);
    return std::nullopt;
  }

  const std::shared_ptr<Credentials> credentials_;
  const Timeouts timeouts_;
  Interrupter interrupter_;
  TlsMaterial material_;
  std::string error_body_;
  std::optional<Clock::time_point> head_came_at_;
  std::unique_ptr<httplib::ClientImpl> http_;  // last: its socket calls the interrupter
};

ApiClient::ApiClient(std::shared_ptr<Credentials> credentials, Timeouts timeouts)
    : connection_(std::make_unique<Connection>(std::move(credentials), timeouts)),
      read_timeout_(timeouts.read) {
  std::signal(SIGPIPE, SIG_IGN);  // httplib and OpenSSL write without MSG_NOSIGNAL
}

ApiClient::~ApiClient() = default;

ApiReply ApiClient::get(const std::string& target, const Receiver& receive,
                        std::optional<milliseconds> read_timeout) {
  auto& connection = *connection_;
  // Events must not wait in somebody's compressor for more of them.
  const bool is_stream = target.find("watch=") != std::string::npos;
  const auto send = [&](httplib::ClientImpl& http, const httplib::Headers& common) {
    auto headers = common;
    headers.emplace("Accept-Encoding", is_stream ? "identity" : "gzip");
    bool good = false;
    return http.Get(
        connection.prefix() + target, headers,
        [&good, &connection](const httplib::Response& response) {
          good = status_of(response.status) == ApiStatus::Ok;
          connection.head_came();
          return true;
        },
        [&](const char* data, std::size_t size) {
          if (connection.stopped()) return false;
          if (good) return receive({data, size});
          connection.add_error({data, size});
          return true;
        });
  };
  return connection.request("GET", send, read_timeout.value_or(read_timeout_));
}

ApiReply ApiClient::get(const std::string& target) {
  std::string body;
  auto reply = get(target, [&body](std::string_view piece) {
    body += piece;
    return body.size() <= kMaxBody;
  });
  if (reply.status == ApiStatus::Ok) reply.body = std::move(body);
  return reply;
}

ApiReply ApiClient::post(const std::string& target, const std::string& json) {
  return write("POST", target, json, "application/json");
}

ApiReply ApiClient::put(const std::string& target, const std::string& json) {
  return write("PUT", target, json, "application/json");
}

ApiReply ApiClient::patch(const std::string& target, const std::string& json, const char* type) {
  return write("PATCH", target, json, type);
}

ApiReply ApiClient::write(const char* method, const std::string& target, const std::string& json,
                          const char* type) {
  auto& connection = *connection_;
  std::string body;
  const auto send = [&](httplib::ClientImpl& http, const httplib::Headers& headers) {
    httplib::Request request;
    request.method = method;
    request.path = connection.prefix() + target;
    request.headers = headers;
    request.headers.emplace("Content-Type", type);
    request.headers.emplace("Accept-Encoding", "gzip");
    request.body = json;
    auto result = http.send(request);
    if (!result) return result;
    if (status_of(result->status) == ApiStatus::Ok) {
      body = std::move(result->body);
    } else {
      connection.add_error(result->body);
    }
    return result;
  };
  auto reply = connection.request(method, send, read_timeout_);
  reply.body = std::move(body);
  return reply;
}

void ApiClient::stop() {
  connection_->stop();
}

std::string encode_query(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace weir::kube
