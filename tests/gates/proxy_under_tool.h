#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/socket.h"
#include "support/temp_folder.h"
#include "support/weir.h"

namespace weir::test {

/// The real weir-proxy with one worker, run by a tool that counts something, with a controller and
/// a backend that answers and echoes. Traffic goes over one connection, one thing after the other:
/// so each request and each message is two turns of the worker's loop, however slow the machine is.
class ProxyUnderTool {
 public:
  /// `tool`: its path and arguments, up to the program that it runs.
  explicit ProxyUnderTool(const std::vector<std::string>& tool);

  /// False if an answer was not as it must be.
  bool send_requests(int count, bool tls = false);
  /// Through a new tunnel: `count` messages there, and their echoes.
  bool send_messages(int count);

  /// Ends the proxy in an orderly way, and waits for the tool's end; false if that went wrong.
  bool end();
  std::string output() const { return proxy_->process().output(); }

 private:
  TempFolder folder_;
  Backend backend_;
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<ProxyProcess> proxy_;
};

/// The path of a tool, or throws std::runtime_error that says how to get it.
std::string find_tool(const std::string& name);

}  // namespace weir::test
