#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy_control/keyring.h"
#include "table/codec.h"
#include "table/frame.h"
#include "util/result.h"

namespace weir::proxy_control {

/// The last good table in a file, from which a proxy starts while its controller is away.
///
///   magic:         8 bytes, "WEIRSTA1"
///   flags:         uint32; 1: certificates were left out
///   plain length:  uint64
///   sealed length: uint64; 0: nothing is sealed
///   plain:         Update frames of generation 0, as on the control socket
///   sealed:        12 bytes nonce, ciphertext of such frames, 16 bytes tag (AES-256-GCM, the 28
///   bytes
///                  before `plain` authenticated with it)
///   checksum:      16 bytes, util::hash_content of all before
/// Integers are big-endian.
///
/// Private keys never get onto a disk: they are written as they are only to a memory file system
/// (tmpfs, ramfs), else sealed under a key that only the kernel's keyring holds, else left out.
class StateFile {
 public:
  enum class Secrets { Written, Sealed, LeftOut };

  struct Content {
    table::Update update;
    bool complete = true;  ///< false: certificates are missing
  };

  /// On the kernel's keyring; `path` need not exist.
  explicit StateFile(std::string path);
  /// For tests: with an own store, and as if the file system were of memory or not.
  StateFile(std::string path, std::unique_ptr<KeyStore> keys, bool on_memory);

  const std::string& path() const { return path_; }

  /// Replaces the file, atomically, mode 0600. Says what became of the certificates. One thread at
  /// a time.
  util::Result<Secrets> save(const std::vector<table::EncodedResource>& resources);

  /// Unavailable: there is no file. Malformed: it is broken.
  util::Result<Content> load();

 private:
  std::string key_name() const;

  std::string path_;
  std::unique_ptr<KeyStore> keys_;
  bool on_memory_;
};

}  // namespace weir::proxy_control
