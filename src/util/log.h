#pragma once

#include <string_view>

#include <fmt/format.h>

/// One log line an event, on stderr, written by whoever decides what to do about the event:
///   2026-11-21T10:00:00.123Z warning weir-proxy: <sentence>
/// Thread-safe. A secret (key, token, cookie, query string) is never an argument.
namespace weir::util::log {

enum class Level { Debug, Info, Warning, Error };

/// "debug", "info", "warning", "error".
const char* name(Level level);

/// Called once by main, before any thread starts.
void init(std::string_view program, Level level);

bool enabled(Level level);
void write(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::Debug)) write(Level::Debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::Info)) write(Level::Info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace weir::util::log
