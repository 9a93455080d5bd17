#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "support/process.h"
#include "support/temp_folder.h"
#include "support/weir.h"

namespace weir::test {

/// A folder of examples/ behind both of weir's programs, with its ports replaced by free ones.
class Example : public testing::Test {
 protected:
  /// `name`: of the folder. `ports`: by what its manifests have.
  void start(const std::string& name, const std::map<std::uint16_t, std::uint16_t>& ports) {
    const auto folder = std::filesystem::path(WEIR_EXAMPLES) / name;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.path().extension() != ".yaml") continue;
      auto manifest = text_of(file.path());
      for (const auto& [written, used] : ports) {
        const auto port = std::to_string(written);
        const auto at = manifest.find(port);
        ASSERT_NE(at, std::string::npos) << "no port " << port << " in " << file.path();
        manifest.replace(at, port.size(), std::to_string(used));
      }
      manifests_.write(file.path().filename(), manifest);
    }
    const auto socket = runtime_.path("weir.sock");
    controller_ = std::make_unique<ControllerProcess>("dir:" + manifests_.path(), socket);
    proxy_ = std::make_unique<ProxyProcess>(socket);
    ASSERT_TRUE(proxy_->wait_ready()) << controller_->process().output();
  }

  /// Runs the example's server.mjs.
  void start_server(const std::string& name, const std::vector<std::string>& flags) {
    std::vector<std::string> argv = {"/usr/bin/env", "node",
                                     std::filesystem::path(WEIR_EXAMPLES) / name / "server.mjs"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    server_ = std::make_unique<Process>(argv);
  }
  /// The port that it says it listens on, in a line with `text`.
  std::uint16_t server_port(const std::string& text) {
    const auto line = server_->wait_for_line(text);
    EXPECT_NE(line, "") << server_->output();
    return line.empty() ? std::uint16_t{1}
                        : static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(' ') + 1)));
  }

  static std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  Response https(const std::string& host, const std::string& path,
                 const std::string& fields = "") const {
    auto socket = Socket::connect_tls(proxy_->ports().https, host);
    socket.send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + fields +
                "Connection: close\r\n\r\n");
    return receive_response(socket);
  }

  TempFolder manifests_;
  TempFolder runtime_;
  std::unique_ptr<Process> server_;
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<ProxyProcess> proxy_;
};

}  // namespace weir::test
