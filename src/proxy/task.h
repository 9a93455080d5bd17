#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace weir::proxy {

/// Coroutine frames come from free lists of the thread that runs them: a request that needs none
/// from malloc. A frame is freed on the thread that made it (one worker, one thread).
class FramePool {
 public:
  static void* allocate(std::size_t size) {
    const auto index = (size + kStep - 1) / kStep;
    if (index >= kClasses) return ::operator new(size);
    auto& list = lists()[index];
    if (list == nullptr) return ::operator new(index* kStep);
    auto* block = list;
    list = block->next;
    return block;
  }
  static void deallocate(void* memory, std::size_t size) {
    const auto index = (size + kStep - 1) / kStep;
    if (index >= kClasses) {
      ::operator delete(memory);
      return;
    }
    auto* block = static_cast<Block*>(memory);
    block->next = std::exchange(lists()[index], block);
  }
  /// Frees what this thread keeps.
  static void trim() { lists().free(); }

 private:
  struct Block {
    Block* next;
  };
  static constexpr std::size_t kStep = 64;
  static constexpr std::size_t kClasses = 64;  // frames up to 4 KiB

  struct Lists : std::array<Block*, kClasses> {
    Lists() : std::array<Block*, kClasses>{} {}
    ~Lists() { free(); }
    void free() {
      for (auto*& block : *this) {
        while (block != nullptr) ::operator delete(std::exchange(block, block->next));
      }
    }
  };
  static Lists& lists() {
    thread_local Lists lists;
    return lists;
  }
};

struct PooledPromise {
  static void* operator new(std::size_t size) { return FramePool::allocate(size); }
  static void operator delete(void* memory, std::size_t size) {
    FramePool::deallocate(memory, size);
  }
  // The data path has no exceptions; one that comes all the same (out of memory) ends the process.
  [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }
};

/// A coroutine that runs when it is awaited and hands its value to the one that awaits it. Owned by
/// whoever holds it; destroying it destroys what it awaits.
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type : PooledPromise {
    std::coroutine_handle<> continuation;
    std::optional<T> value;

    Task get_return_object() {
      return Task{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    static std::suspend_always initial_suspend() noexcept { return {}; }
    static auto final_suspend() noexcept {
      struct Awaiter {
        static bool await_ready() noexcept { return false; }
        static std::coroutine_handle<> await_suspend(
            std::coroutine_handle<promise_type> done) noexcept {
          return done.promise().continuation;
        }
        static void await_resume() noexcept {}
      };
      return Awaiter{};
    }
    void return_value(T result) { value.emplace(std::move(result)); }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  static bool await_ready() noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    return handle_;
  }
  T await_resume() { return std::move(*handle_.promise().value); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

/// The outermost coroutine: starts at once, owns itself, frees itself at its end.
struct Detached {
  struct promise_type : PooledPromise {
    static Detached get_return_object() noexcept { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() noexcept {}
  };
};

}  // namespace weir::proxy
