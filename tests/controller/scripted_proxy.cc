#include "controller/scripted_proxy.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace weir::test {

namespace {

void check(bool is_fine, const char* what) {
  if (!is_fine) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

ScriptedProxy::ScriptedProxy(const std::string& path) {
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd_ >= 0, "socket");
  const timeval limit{60, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  check(path.size() < sizeof address.sun_path, "path");
  std::memcpy(address.sun_path, path.data(), path.size());
  check(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
        "connect");
}

ScriptedProxy::~ScriptedProxy() {
  close();
}

void ScriptedProxy::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void ScriptedProxy::send(const table::Bytes& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    check(n > 0, "send");
    sent += static_cast<std::size_t>(n);
  }
}

void ScriptedProxy::hello() {
  table::Hello hello;
  hello.software = "scripted";
  hello.held = held;
  for (const auto& part : table::encode_parts(hello)) send(part);
}

bool ScriptedProxy::try_read(std::uint8_t* bytes, std::size_t size) {
  for (std::size_t got = 0; got < size;) {
    const auto n = ::recv(fd_, bytes + got, size - got, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET)) return false;
    check(n > 0, "recv");
    got += static_cast<std::size_t>(n);
  }
  return true;
}

table::Update ScriptedProxy::read_update() {
  table::Update whole;
  whole.last = false;
  for (parts = 0; !whole.last; ++parts) {
    std::array<std::uint8_t, table::FrameHeader::kSize> head{};
    check(try_read(head.data(), head.size()), "the controller hung up");
    const auto header = table::parse_frame_header(head).value();
    check(header.kind == table::FrameKind::Update, "not an Update");
    table::Bytes body(header.length);
    check(try_read(body.data(), body.size()), "the controller hung up");
    auto part = table::decode_update(body).value();
    check(parts == 0 || part.generation == whole.generation, "parts of two generations");
    whole.generation = part.generation;
    whole.last = part.last;
    for (auto& upsert : part.upserts) whole.upserts.push_back(std::move(upsert));
    for (auto& key : part.removes) whole.removes.push_back(std::move(key));
  }
  return whole;
}

void ScriptedProxy::ack(const table::Update& update) {
  for (const auto& upsert : update.upserts) held[upsert.key] = upsert.hash;
  for (const auto& key : update.removes) held.erase(key);
  send(table::encode_frame(table::Ack{update.generation}));
}

void ScriptedProxy::nack(const table::Update& update, const table::ResourceKey& key,
                         const std::string& reason) {
  send(table::encode_frame(table::Nack{update.generation, key, reason}));
}

table::Update ScriptedProxy::take_update() {
  auto update = read_update();
  ack(update);
  return update;
}

void ScriptedProxy::wait_until_closed() {
  std::uint8_t byte = 0;
  while (try_read(&byte, 1)) {
  }
}

std::vector<std::string> names(const table::Update& update) {
  std::vector<std::string> names;
  for (const auto& upsert : update.upserts) names.push_back(table::to_string(upsert.key));
  for (const auto& key : update.removes) names.push_back("no " + table::to_string(key));
  return names;
}

}  // namespace weir::test
