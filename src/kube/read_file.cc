#include "kube/read_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace weir::kube {

util::Result<std::string> read_file(const std::string& path) {
  constexpr std::size_t kMaxSize = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) return util::unavailable(path + ": " + std::strerror(errno));
  std::string text(kMaxSize + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return util::unavailable(path + ": cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxSize) return util::malformed(path + ": over 1 MiB");
  return text;
}

}  // namespace weir::kube
