#include "gates/allocation_counter.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fstream>

#include <openssl/crypto.h>

// glibc's own names of what is replaced below.
// NOLINTBEGIN(readability-identifier-naming): they are glibc's
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}
// NOLINTEND(readability-identifier-naming)

namespace weir::test {

namespace {

struct Slot {
  std::atomic<pid_t> thread{0};
  std::atomic<std::uint64_t> own{0};
  std::atomic<std::uint64_t> openssl{0};
};

// Plain memory: nothing here may allocate.
constinit std::array<Slot, 4096> slots;
constinit std::atomic<std::size_t> used{0};
constinit thread_local Slot* mine = nullptr;

Slot& slot() {
  if (mine == nullptr) {
    mine = &slots[used.fetch_add(1) % slots.size()];
    mine->thread = ::gettid();
  }
  return *mine;
}

void* openssl_malloc(std::size_t size, const char*, int) {
  ++slot().openssl;
  return __libc_malloc(size);
}
void* openssl_realloc(void* memory, std::size_t size, const char*, int) {
  ++slot().openssl;
  return __libc_realloc(memory, size);
}
void openssl_free(void* memory, const char*, int) {
  __libc_free(memory);
}

// Before main: OpenSSL takes them only before its first allocation.
[[maybe_unused]] const bool kInstalled = [] {
  if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) std::abort();
  return true;
}();

}  // namespace

Allocations allocations_of_threads(const std::string& name) {
  Allocations sum;
  for (std::size_t i = 0; i < used && i < slots.size(); ++i) {
    std::ifstream in("/proc/self/task/" + std::to_string(slots[i].thread) + "/comm");
    std::string its_name;
    if (!std::getline(in, its_name) || its_name != name) continue;
    sum.own += slots[i].own;
    sum.openssl += slots[i].openssl;
  }
  return sum;
}

}  // namespace weir::test

using weir::test::slot;

extern "C" {

void* malloc(std::size_t size) {
  ++slot().own;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++slot().own;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  ++slot().own;
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++slot().own;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++slot().own;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  ++slot().own;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

}  // extern "C"
