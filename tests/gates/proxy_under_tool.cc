#include "gates/proxy_under_tool.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/websocket_peer.h"

namespace weir::test {

namespace {

constexpr const char* kHost = "gate.example";
constexpr const char* kTlsHost = "tls.gate.example";

/// The proxy itself: the tool, if it became the proxy (valgrind), else its child (strace).
pid_t proxy_of(pid_t tool) {
  const auto id = std::to_string(tool);
  std::ifstream children("/proc/" + id + "/task/" + id + "/children");
  pid_t child = 0;
  return children >> child ? child : tool;
}

}  // namespace

ProxyUnderTool::ProxyUnderTool(const std::vector<std::string>& tool)
    : backend_([](Socket& socket) { websocket_echo(socket); }) {
  const auto socket = folder_.path("weir.sock");
  folder_.write("objects/app.yaml", manifest::service("app", {backend_.port()}) + "---\n" +
                                        manifest::ingress("plain", kHost, "app") + "---\n" +
                                        manifest::tls_secret("secret", kTlsHost) + "---\n" +
                                        manifest::ingress("tls", kTlsHost, "app", "secret"));
  controller_ = std::make_unique<ControllerProcess>(
      "dir:" + folder_.path("objects"), socket,
      std::vector<std::string>{"--watch-ingress-without-class"});
  proxy_ = std::make_unique<ProxyProcess>(socket, std::vector<std::string>{"--threads", "1"}, tool);
  if (!proxy_->wait_ready()) throw std::runtime_error("not ready: " + output());
}

bool ProxyUnderTool::send_requests(int count, bool tls) {
  auto socket = tls ? Socket::connect_tls(proxy_->ports().https, kTlsHost)
                    : Socket::connect(proxy_->ports().http);
  const auto request =
      "GET /a/path?with=query HTTP/1.1\r\nHost: " + std::string(tls ? kTlsHost : kHost) +
      "\r\nUser-Agent: gate/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
      "Accept-Language: en\r\nCookie: session=0123456789abcdef\r\n\r\n";
  for (int i = 0; i < count; ++i) {
    if (!socket.send(request)) return false;
    const auto response = receive_response(socket);
    if (response.status != 200 || response.body != "hello") return false;
  }
  return true;
}

bool ProxyUnderTool::send_messages(int count) {
  auto socket = Socket::connect(proxy_->ports().http);
  if (!open_websocket(socket, kHost)) return false;
  const std::string message = "\x82\xbe" + std::string(4 + 62, 'm');  // binary, masked, 62 bytes
  for (int i = 0; i < count; ++i) {
    if (!socket.send(message) || socket.receive_exactly(message.size()) != message) return false;
  }
  return true;
}

bool ProxyUnderTool::end() {
  ::kill(proxy_of(proxy_->process().pid()), SIGTERM);
  return proxy_->process().wait() == 0;
}

std::string find_tool(const std::string& name) {
  std::istringstream path(std::getenv("PATH"));
  for (std::string folder; std::getline(path, folder, ':');) {
    const auto file = std::filesystem::path(folder) / name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  throw std::runtime_error("no " + name + " here: run 'tools/install-packages test'");
}

}  // namespace weir::test
