#include "tests/support/allocation_counter.hpp"

#include <cstdlib>
#include <new>

namespace {
std::size_t counted = 0;
}

namespace pillion::test {

std::size_t allocations() {
  return counted;
}

}  // namespace pillion::test

// The linker wraps malloc for our code; libraries keep theirs.
extern "C" {
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);

void* __wrap_malloc(std::size_t size) {
  ++counted;
  return __real_malloc(size);
}
void* __wrap_calloc(std::size_t count, std::size_t size) {
  ++counted;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* memory, std::size_t size) {
  ++counted;
  return __real_realloc(memory, size);
}
}

void* operator new(std::size_t size) {
  ++counted;
  void* memory = __real_malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++counted;
  return __real_malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
