#include "common/flags.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <functional>

#include <CLI/CLI.hpp>
#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "util/version.h"

namespace weir::cmd {

std::string any_address() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "0.0.0.0";
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  const bool can = ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
  ::close(fd);
  return can ? "::" : "0.0.0.0";
}

util::Result<Address> parse_address(std::string_view text) {
  const auto wrong = [&] {
    return util::malformed(
        fmt::format("\"{}\" is not ADDRESS:PORT, like 127.0.0.1:8080, [::1]:8080 "
                    "or :8080",
                    text));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  auto host = text.substr(0, colon);
  const auto port_text = text.substr(colon + 1);
  Address address;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), address.port);
  if (error != std::errc() || end != port_text.data() + port_text.size()) return wrong();
  if (host.empty()) {
    address.host = any_address();
    return address;
  }
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  boost::system::error_code not_ip;
  const auto ip = boost::asio::ip::make_address(host, not_ip);
  if (not_ip || ip.is_v6() != bracketed) return wrong();
  address.host = host;
  return address;
}

std::string to_string(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), address.host, address.port);
}

std::string environment_name(std::string_view flag) {
  std::string name = "WEIR_";
  for (const char c : flag.substr(2)) {
    name += c == '-' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return name;
}

struct Flags::Impl {
  Impl(std::string name, const std::string& description)
      : program(std::move(name)), app(description, program) {}

  /// A flag whose values `take` reads, one by one; what it returns is the complaint, empty if none.
  CLI::Option* add(const std::string& flag, const std::string& type, const std::string& help,
                   const std::string& usual, std::function<std::string(const std::string&)> take,
                   bool repeatable) {
    auto* option = app.add_option_function<std::vector<std::string>>(
        flag,
        [flag, take = std::move(take)](const std::vector<std::string>& values) {
          for (const auto& value : values) {
            if (const auto complaint = take(value); !complaint.empty()) {
              throw CLI::ValidationError(flag, complaint);
            }
          }
        },
        help);
    option->type_name(type)->envname(environment_name(flag));
    option->allow_extra_args(false);
    if (repeatable) {
      option->delimiter(',');
    } else {
      option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
    if (!usual.empty()) option->default_str(usual);
    return option;
  }

  /// A flag with one value that `parse` reads.
  template <class Value, class Parse>
  void add_value(const std::string& flag, const std::string& type, const std::string& help,
                 const std::string& usual, Value& value, Parse parse) {
    add(
        flag, type, help, usual,
        [&value, parse](const std::string& given) -> std::string {
          auto parsed = parse(given);
          if (!parsed) return parsed.error().detail;
          value = *std::move(parsed);
          return "";
        },
        false);
  }

  std::string program;
  CLI::App app;
};

Flags::Flags(std::string program, const std::string& description)
    : impl_(std::make_unique<Impl>(std::move(program), description)) {
  impl_->app.set_version_flag("--version", impl_->program + " " + util::kVersion);
}

Flags::~Flags() = default;

void Flags::word(const std::string& name, std::string& value, const std::string& help) {
  impl_->app.add_option(name, value, help)->type_name("");
}

void Flags::text(const std::string& flag, std::string& value, const std::string& help) {
  impl_->add_value(flag, "TEXT", help, value, value,
                   [](const std::string& given) { return util::Result<std::string>(given); });
}

void Flags::texts(const std::string& flag, std::vector<std::string>& values,
                  const std::string& help) {
  std::string usual;
  for (const auto& value : values) usual += (usual.empty() ? "" : ",") + value;
  impl_->add(
      flag, "TEXT ...", help, usual,
      [&values, first = true](const std::string& given) mutable -> std::string {
        if (std::exchange(first, false)) values.clear();
        values.push_back(given);
        return "";
      },
      true);
}

void Flags::lines(const std::string& flag, std::vector<std::string>& values,
                  const std::string& help) {
  impl_
      ->add(
          flag, "TEXT ...", help, "",
          [&values](const std::string& given) -> std::string {
            values.push_back(given);
            return "";
          },
          true)
      ->delimiter('\0');
}

void Flags::choice(const std::string& flag, std::string& value,
                   const std::vector<std::string>& choices, const std::string& help) {
  impl_->add_value(flag, "TEXT", help, value, value,
                   [choices](const std::string& given) -> util::Result<std::string> {
                     if (std::ranges::find(choices, given) != choices.end()) return given;
                     return util::malformed(
                         fmt::format("\"{}\" is not one of {}", given, fmt::join(choices, ", ")));
                   });
}

void Flags::toggle(const std::string& flag, bool& value, const std::string& help) {
  impl_->app.add_flag(flag, value, help)
      ->envname(environment_name(flag))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->default_str(value ? "true" : "false");
}

void Flags::number(const std::string& flag, std::uint64_t& value, std::uint64_t min,
                   std::uint64_t max, const std::string& help) {
  impl_->add_value(
      flag, "N", help, std::to_string(value), value,
      [min, max](const std::string& given) -> util::Result<std::uint64_t> {
        std::uint64_t number = 0;
        const auto* last = given.data() + given.size();
        const auto [end, error] = std::from_chars(given.data(), last, number);
        if (error == std::errc() && end == last && number >= min && number <= max) return number;
        return util::malformed(fmt::format("\"{}\" is not a number of {} to {}", given, min, max));
      });
}

void Flags::size(const std::string& flag, std::uint64_t& value, const std::string& help,
                 std::uint64_t min, std::uint64_t max) {
  impl_->add_value(
      flag, "BYTES", help, std::to_string(value), value,
      [min, max](const std::string& given) -> util::Result<std::uint64_t> {
        auto size = util::parse_size(given);
        if (!size || (*size >= min && *size <= max)) return size;
        return util::malformed(fmt::format("\"{}\" is outside of {} to {} bytes", given, min, max));
      });
}

void Flags::duration(const std::string& flag, std::chrono::milliseconds& value,
                     const std::string& help, std::chrono::milliseconds min) {
  impl_->add_value(
      flag, "DURATION", help, util::to_string(value), value,
      [min](const std::string& given) -> util::Result<std::chrono::milliseconds> {
        auto duration = util::parse_duration(given);
        if (!duration || *duration >= min) return duration;
        return util::malformed(fmt::format("\"{}\" is less than {}", given, util::to_string(min)));
      });
}

void Flags::address(const std::string& flag, std::optional<Address>& value,
                    const std::string& help) {
  impl_->add_value(flag, "ADDR:PORT", help, value ? to_string(*value) : "", value,
                   [](const std::string& given) { return parse_address(given); });
}

void Flags::addresses(const std::string& flag, std::vector<Address>& values,
                      const std::string& help) {
  impl_->add(
      flag, "ADDR:PORT ...", help, "",
      [&values, first = true](const std::string& given) mutable -> std::string {
        if (std::exchange(first, false)) values.clear();
        auto parsed = parse_address(given);
        if (!parsed) return parsed.error().detail;
        values.push_back(*std::move(parsed));
        return "";
      },
      true);
}

void Flags::log_level(util::log::Level& value) {
  impl_->add_value(
      "--log-level", "TEXT", "Least important lines to write: debug, info, warning, error",
      util::log::name(value), value,
      [](const std::string& given) -> util::Result<util::log::Level> {
        using util::log::Level;
        for (const auto level : {Level::Debug, Level::Info, Level::Warning, Level::Error}) {
          if (given == util::log::name(level)) return level;
        }
        return util::malformed(
            fmt::format("\"{}\" is not one of debug, info, warning, error", given));
      });
}

std::optional<int> Flags::parse(int argc, const char* const* argv) {
  try {
    impl_->app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    impl_->app.exit(asked);
    return 0;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}: {}\n", impl_->program, error.what());
    return 2;
  }
  return std::nullopt;
}

bool Flags::given(const std::string& flag) const {
  return impl_->app.count(flag) > 0;
}

int Flags::refuse(const std::string& flag, const std::string& message) const {
  fmt::print(stderr, "{}: {} {}\n", impl_->program, flag, message);
  return 2;
}

}  // namespace weir::cmd
