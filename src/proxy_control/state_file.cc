#include "proxy_control/state_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <openssl/crypto.h>

#include "proxy_control/sealing.h"
#include "util/hash.h"

namespace weir::proxy_control {

namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {'W', 'E', 'I', 'R', 'S', 'T', 'A', '1'};
constexpr std::size_t kHead = 8 + 4 + 8 + 8;
constexpr std::uint32_t kCertificatesLeftOut = 1;
constexpr std::uint64_t kMaxFile = std::uint64_t{2} << 30;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const std::filesystem::path file(path);
  return file.has_parent_path() ? file.parent_path().string() : ".";
}

bool is_on_memory(const std::string& path) {
  struct statfs about {};
  if (::statfs(folder_of(path).c_str(), &about) != 0) return false;
  return about.f_type == TMPFS_MAGIC || about.f_type == RAMFS_MAGIC;
}

util::Error failed(const std::string& path, const char* what) {
  return util::unavailable(path + ": " + what + ": " + std::strerror(errno));
}

void append_big(table::Bytes& bytes, std::uint64_t value, int size) {
  for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

std::uint64_t load_big(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (const auto byte : bytes) value = value << 8 | byte;
  return value;
}

void append_frames(table::Bytes& bytes, std::vector<table::EncodedResource> resources) {
  for (const auto& part : table::encode_parts(table::Update{0, true, std::move(resources), {}})) {
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
}

/// Adds the frames' upserts. Why not, if not.
std::optional<util::Error> read_frames(std::span<const std::uint8_t> bytes, table::Update& update) {
  for (bool last = false; !last;) {
    if (bytes.size() < table::FrameHeader::kSize) return util::malformed("ends inside of a frame");
    const auto header = table::parse_frame_header(bytes.first<table::FrameHeader::kSize>());
    if (!header) return header.error();
    bytes = bytes.subspan(table::FrameHeader::kSize);
    if (header->kind != table::FrameKind::Update || header->length > bytes.size()) {
      return util::malformed("has a wrong frame");
    }
    auto part = table::decode_update(bytes.first(header->length));
    if (!part) return part.error();
    bytes = bytes.subspan(header->length);
    last = part->last;
    std::move(part->upserts.begin(), part->upserts.end(), std::back_inserter(update.upserts));
  }
  if (!bytes.empty()) return util::malformed("has bytes after its last frame");
  return std::nullopt;
}

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto size = ::write(fd, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return true;
}

/// The new content beside the old, then in its place; on the disk before the rename, and the rename
/// too.
std::optional<util::Error> replace_file(const std::string& path,
                                        std::span<const std::uint8_t> bytes) {
  const std::string temporary = path + ".tmp";
  {
    const Fd file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) return failed(temporary, "open");
    if (::fchmod(file.get(), 0600) != 0 || !write_all(file.get(), bytes) ||
        ::fsync(file.get()) != 0) {
      auto error = failed(temporary, "write");
      ::unlink(temporary.c_str());
      return error;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto error = failed(path, "rename");
    ::unlink(temporary.c_str());
    return error;
  }
  const Fd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) ::fsync(folder.get());  // some file systems cannot; the file is there
  return std::nullopt;
}

util::Result<table::Bytes> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return failed(path, "open");
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return failed(path, "stat");
  if (!S_ISREG(about.st_mode)) return util::malformed("is no regular file");
  if (static_cast<std::uint64_t>(about.st_size) > kMaxFile) return util::malformed("is too large");
  table::Bytes bytes(static_cast<std::size_t>(about.st_size));
  std::size_t got = 0;
  while (got < bytes.size()) {
    const auto size = ::read(file.get(), bytes.data() + got, bytes.size() - got);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(path, "read");
    if (size == 0) break;
    got += static_cast<std::size_t>(size);
  }
  bytes.resize(got);
  return bytes;
}

}  // namespace

StateFile::StateFile(std::string path)
    : path_(std::move(path)),
      keys_(std::make_unique<KernelKeyStore>()),
      on_memory_(is_on_memory(path_)) {}

StateFile::StateFile(std::string path, std::unique_ptr<KeyStore> keys, bool on_memory)
    : path_(std::move(path)), keys_(std::move(keys)), on_memory_(on_memory) {}

std::string StateFile::key_name() const {
  const auto full = std::filesystem::absolute(path_).lexically_normal().string();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(full.data());
  return "weir-state:" + util::to_hex(util::hash_content({bytes, full.size()}));
}

util::Result<StateFile::Secrets> StateFile::save(
    const std::vector<table::EncodedResource>& resources) {
  std::vector<table::EncodedResource> open;
  std::vector<table::EncodedResource> secret;
  for (const auto& resource : resources) {
    const bool hide = !on_memory_ && table::is_secret(resource.key.kind);
    (hide ? secret : open).push_back(resource);
  }
  std::optional<SealKey> key;
  if (!secret.empty()) {
    key = keys_->find(key_name());
    if (!key) key = keys_->make(key_name());
  }
  const auto secrets = on_memory_              ? Secrets::Written
                       : secret.empty() || key ? Secrets::Sealed
                                               : Secrets::LeftOut;

  table::Bytes plain;
  append_frames(plain, std::move(open));
  table::Bytes hidden;
  if (key) append_frames(hidden, std::move(secret));

  table::Bytes bytes(kMagic.begin(), kMagic.end());
  append_big(bytes, secrets == Secrets::LeftOut ? kCertificatesLeftOut : 0, 4);
  append_big(bytes, plain.size(), 8);
  append_big(bytes, key ? hidden.size() + kSealOverhead : 0, 8);
  if (key) {
    const auto sealed = seal(*key, hidden, bytes);
    OPENSSL_cleanse(hidden.data(), hidden.size());
    OPENSSL_cleanse(key->data(), key->size());
    if (!sealed) return util::unavailable(path_ + ": the certificates cannot be sealed");
    bytes.insert(bytes.end(), plain.begin(), plain.end());
    bytes.insert(bytes.end(), sealed->begin(), sealed->end());
  } else {
    bytes.insert(bytes.end(), plain.begin(), plain.end());
  }
  const auto checksum = util::hash_content(bytes);
  bytes.insert(bytes.end(), checksum.begin(), checksum.end());
  if (auto error = replace_file(path_, bytes)) return *std::move(error);
  return secrets;
}

util::Result<StateFile::Content> StateFile::load() {
  const auto file = read_file(path_);
  if (!file) return file.error();
  const std::span<const std::uint8_t> bytes(*file);
  util::ContentHash checksum{};
  if (bytes.size() < kHead + checksum.size()) return util::malformed("is too short");
  if (!std::ranges::equal(bytes.first<kMagic.size()>(), kMagic)) {
    return util::malformed("is no state file of this version");
  }
  const auto content = bytes.first(bytes.size() - checksum.size());
  std::ranges::copy(bytes.last<sizeof checksum>(), checksum.begin());
  if (util::hash_content(content) != checksum) return util::malformed("has a wrong checksum");

  const auto flags = load_big(bytes.subspan(8, 4));
  const auto plain_size = load_big(bytes.subspan(12, 8));
  const auto sealed_size = load_big(bytes.subspan(20, 8));
  const auto body = content.subspan(kHead);
  if (plain_size > body.size() || sealed_size != body.size() - plain_size) {
    return util::malformed("has wrong lengths");
  }
  Content loaded;
  loaded.complete = (flags & kCertificatesLeftOut) == 0;
  if (sealed_size > 0) {
    const auto key = keys_->find(key_name());
    auto opened = key ? unseal(*key, body.subspan(plain_size), bytes.first(kHead)) : std::nullopt;
    if (opened) {  // first: what is named comes before what names it
      auto error = read_frames(*opened, loaded.update);
      OPENSSL_cleanse(opened->data(), opened->size());
      if (error) return *std::move(error);
    } else {
      loaded.complete = false;
    }
  }
  if (auto error = read_frames(body.first(plain_size), loaded.update)) return *std::move(error);
  return loaded;
}

}  // namespace weir::proxy_control
