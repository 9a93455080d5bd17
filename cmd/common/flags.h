#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/log.h"
#include "util/result.h"
#include "util/units.h"

namespace weir::cmd {

/// Where to listen, or whom to reach.
struct Address {
  std::string host;  ///< an IP address without brackets
  std::uint16_t port = 0;

  bool operator==(const Address&) const = default;
};

/// "127.0.0.1:8080", "[::1]:8080", ":8080" (every address, see `any_address`). Port 0 is taken.
util::Result<Address> parse_address(std::string_view text);
/// The reverse of `parse_address`.
std::string to_string(const Address& address);
/// "::" if this machine can bind it (Linux then takes IPv4 there, too), else "0.0.0.0".
std::string any_address();

/// "WEIR_HEAD_TIMEOUT" for "--head-timeout".
std::string environment_name(std::string_view flag);

/// A program's flags: `--flag VALUE` or `--flag=VALUE`, a switch as `--flag`, `--flag=true` or
/// `--flag=false`, each with its environment twin (lists there: separated by commas). What is given
/// on the command line wins. The values that flags are bound to must outlive `parse`; what they
/// hold before is the default that `--help` shows.
class Flags {
 public:
  Flags(std::string program, const std::string& description);
  ~Flags();

  /// A word without a flag, by its place among such words; `name` is what --help calls it.
  void word(const std::string& name, std::string& value, const std::string& help);
  void text(const std::string& flag, std::string& value, const std::string& help);
  void texts(const std::string& flag, std::vector<std::string>& values, const std::string& help);
  /// As `texts`, but a comma is a part of the text.
  void lines(const std::string& flag, std::vector<std::string>& values, const std::string& help);
  /// One of `choices`.
  void choice(const std::string& flag, std::string& value, const std::vector<std::string>& choices,
              const std::string& help);
  void toggle(const std::string& flag, bool& value, const std::string& help);
  void number(const std::string& flag, std::uint64_t& value, std::uint64_t min, std::uint64_t max,
              const std::string& help);
  void size(const std::string& flag, std::uint64_t& value, const std::string& help,
            std::uint64_t min = 0, std::uint64_t max = UINT64_MAX);
  void duration(const std::string& flag, std::chrono::milliseconds& value, const std::string& help,
                std::chrono::milliseconds min = {});
  void address(const std::string& flag, std::optional<Address>& value, const std::string& help);
  void addresses(const std::string& flag, std::vector<Address>& values, const std::string& help);
  /// "debug", "info", "warning", "error".
  void log_level(util::log::Level& value);

  /// Reads the command line and the environment. An exit code when the program is to end now: 0
  /// after
  /// --help and --version, which print to stdout; 2 after one line on stderr that names the flag.
  std::optional<int> parse(int argc, const char* const* argv);

  /// Whether the flag was given, on the command line or in the environment.
  bool given(const std::string& flag) const;

  /// For what only all flags together show: prints "program: --flag message", and returns exit
  /// code 2.
  int refuse(const std::string& flag, const std::string& message) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::cmd
