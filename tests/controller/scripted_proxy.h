#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "table/frame.h"

namespace weir::test {

/// The proxy's end of the control socket, step by step and blocking. What does not come within 60 s
/// is a failure of the test (an exception).
class ScriptedProxy {
 public:
  explicit ScriptedProxy(const std::string& path);
  ~ScriptedProxy();
  ScriptedProxy(const ScriptedProxy&) = delete;
  ScriptedProxy& operator=(const ScriptedProxy&) = delete;

  void send(const table::Bytes& bytes);
  /// With what this proxy holds.
  void hello();
  /// All parts of the next Update, put together.
  table::Update read_update();
  /// Takes the update over, then answers.
  void ack(const table::Update& update);
  void nack(const table::Update& update, const table::ResourceKey& key, const std::string& reason);
  /// read_update and ack.
  table::Update take_update();
  /// Reads until the controller hangs up.
  void wait_until_closed();
  void close();

  std::map<table::ResourceKey, util::ContentHash> held;
  std::size_t parts = 0;  ///< of the last Update

 private:
  bool try_read(std::uint8_t* bytes, std::size_t size);

  int fd_ = -1;
};

/// "host a.example", "no host b.example": what an Update changes.
std::vector<std::string> names(const table::Update& update);

}  // namespace weir::test
