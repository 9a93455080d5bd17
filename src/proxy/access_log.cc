#include "proxy/access_log.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace weir::proxy {

namespace {

/// Of a name's last word, in lower case.
constexpr std::string_view kSecrets[] = {
    "token", "accesstoken",   "idtoken",    "jwt",         "ticket",  "sig",       "signature",
    "code",  "secret",        "password",   "passwd",      "pwd",     "key",       "apikey",
    "auth",  "authorization", "credential", "credentials", "session", "sessionid", "sid"};

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Names may be written with escapes: "%74oken" is "token" to the backend.
std::string unescaped(std::string_view name) {
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const int high = name[i] == '%' && i + 2 < name.size() ? hex_digit(name[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_digit(name[i + 2]);
    if (low < 0) {
      text += name[i];
    } else {
      text += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return text;
}

bool tells_secret(std::string_view written) {
  const auto name = unescaped(written);
  std::string word;   // the last one, of letters
  std::string whole;  // all letters
  char before = '\0';
  for (const char c : name) {
    const bool letter = is_lower(c) || is_upper(c);
    // "authToken" is two words; "TOKEN2" and "key[]" are one.
    if (letter && (!(is_lower(before) || is_upper(before)) || (is_upper(c) && is_lower(before)))) {
      word.clear();
    }
    if (letter) {
      const char lower = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
      word += lower;
      whole += lower;
    }
    before = c;
  }
  const auto known = [](const std::string& text) {
    return std::ranges::find(kSecrets, text) != std::end(kSecrets);
  };
  return known(word) || known(whole);
}

}  // namespace

void append_masked_query(std::string& out, std::string_view query) {
  for (;;) {
    const auto end = query.find_first_of("&;");
    const auto pair = query.substr(0, end);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && tells_secret(pair.substr(0, equals))) {
      (out += pair.substr(0, equals)) += "=***";
    } else {
      out += pair;
    }
    if (end == std::string_view::npos) return;
    out += query[end];
    query.remove_prefix(end + 1);
  }
}

// ---- one worker --------------------------------------------------------------------------------

AccessLogBuffer::AccessLogBuffer(AccessLog& log, std::size_t bytes)
    : log_(log), size_(bytes), ring_(std::make_unique_for_overwrite<char[]>(bytes)) {}

std::string& AccessLogBuffer::begin_line() {
  line_.clear();
  return line_;
}

void AccessLogBuffer::end_line() {
  line_ += '\n';
  if (!put(line_)) dropped_.fetch_add(1, std::memory_order_relaxed);
}

std::string_view AccessLogBuffer::loggable(std::string_view target) {
  const auto question = target.find('?');
  if (question == std::string_view::npos) return target;
  if (!log_.with_query()) return target.substr(0, question);
  target_ = target.substr(0, question + 1);
  append_masked_query(target_, target.substr(question + 1));
  return target_;
}

bool AccessLogBuffer::put(std::string_view line) {
  const auto put = put_.load(std::memory_order_relaxed);
  const auto used = static_cast<std::size_t>(put - taken_.load(std::memory_order_acquire));
  const bool fits = line.size() <= size_ - used;
  if (fits) {
    const auto at = static_cast<std::size_t>(put % size_);
    const auto first = std::min(line.size(), size_ - at);
    line.copy(ring_.get() + at, first);
    line.substr(first).copy(ring_.get(), line.size() - first);
    put_.store(put + line.size(), std::memory_order_release);
  }
  if (used + line.size() >= size_ / 2 && !called_.load(std::memory_order_relaxed) &&
      !called_.exchange(true)) {
    log_.call_writer();
  }
  return fits;
}

void AccessLogBuffer::take(std::string& to) {
  called_.store(false);
  const auto taken = taken_.load(std::memory_order_relaxed);
  const auto all = static_cast<std::size_t>(put_.load(std::memory_order_acquire) - taken);
  const auto at = static_cast<std::size_t>(taken % size_);
  const auto first = std::min(all, size_ - at);
  to.append(ring_.get() + at, first);
  to.append(ring_.get(), all - first);
  taken_.store(taken + all, std::memory_order_release);
}

// ---- all of them -------------------------------------------------------------------------------

AccessLog::AccessLog(bool with_query, std::size_t buffer_bytes)
    : with_query_(with_query),
      buffer_bytes_(buffer_bytes),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

AccessLog::~AccessLog() {
  ::close(wake_);
}

AccessLogBuffer& AccessLog::add_worker() {
  const std::lock_guard lock(mutex_);
  return *buffers_.emplace_back(std::make_unique<AccessLogBuffer>(*this, buffer_bytes_));
}

void AccessLog::call_writer() {
  ::eventfd_write(wake_, 1);
}

std::uint64_t AccessLog::dropped() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t all = 0;
  for (const auto& buffer : buffers_) all += buffer->dropped();
  return all;
}

void AccessLog::wait(int writable, std::chrono::milliseconds most) const {
  pollfd both[] = {{wake_, POLLIN, 0}, {writable, POLLOUT, 0}};
  ::poll(both, 2, static_cast<int>(most.count()));
  eventfd_t calls = 0;
  ::eventfd_read(wake_, &calls);
}

void AccessLog::take(std::string& to) {
  const std::lock_guard lock(mutex_);
  for (const auto& buffer : buffers_) buffer->take(to);
}

}  // namespace weir::proxy
