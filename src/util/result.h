#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <boost/system/result.hpp>

namespace weir::util {

/// What went wrong, in the terms the caller can act on.
struct Error {
  enum class Code {
    Malformed,    ///< the bytes or the object are wrong; asking again will not help
    Unsupported,  ///< well-formed, but nothing this build knows how to do
    Unavailable,  ///< the other side is not answering; ask again later
  };
  Code code;
  std::string detail;  ///< for a log line or an Event; no trailing period
};

/// A value, or why there is none. `std::expected` is not in C++20.
template <class T>
using Result = boost::system::result<T, Error>;

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::runtime_error(error.detail);
}

inline Error malformed(std::string detail) {
  return {Error::Code::Malformed, std::move(detail)};
}
inline Error unsupported(std::string detail) {
  return {Error::Code::Unsupported, std::move(detail)};
}
inline Error unavailable(std::string detail) {
  return {Error::Code::Unavailable, std::move(detail)};
}

}  // namespace weir::util
