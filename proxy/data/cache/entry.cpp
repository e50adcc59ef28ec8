#include "proxy/data/cache/entry.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace pillion::cache {

Entry* make_entry(const CacheKey& key, EntryKind kind, std::string_view reply,
                  state::Nanos deadline, LinkId link, Generation generation) {
  if (key.arguments.size() > Entry::kMaxArguments || reply.size() > Entry::kMaxReply ||
      key.database > Entry::kMaxDatabase) {
    return nullptr;
  }
  void* memory = std::malloc(sizeof(Entry) + key.arguments.size() + reply.size());
  if (memory == nullptr) return nullptr;
  auto* entry = new (memory) Entry;
  entry->variant_tag = static_cast<std::uint32_t>(key.variant);
  entry->name_tag = static_cast<std::uint32_t>(key.name);
  entry->arguments_size = static_cast<std::uint32_t>(key.arguments.size()) & Entry::kMaxArguments;
  entry->kind = static_cast<std::uint8_t>(kind);
  entry->command = key.command;
  entry->database = static_cast<std::uint16_t>(key.database);
  entry->generation = generation;
  entry->deadline_and_link = (static_cast<std::uint64_t>(deadline) & ~Entry::kLinkMask) | link;
  entry->reply_size = static_cast<std::uint32_t>(reply.size());
  char* bytes = reinterpret_cast<char*>(entry + 1);
  if (!key.arguments.empty()) std::memcpy(bytes, key.arguments.data(), key.arguments.size());
  if (!reply.empty()) std::memcpy(bytes + key.arguments.size(), reply.data(), reply.size());
  return entry;
}

std::size_t allocated_size(const Entry& entry) {
  // malloc_usable_size takes a pointer to non-const, and only reads what is in front of it.
  return malloc_usable_size(const_cast<Entry*>(&entry));
}

void drop_reference(const Entry& entry) {
  if (entry.references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  entry.~Entry();
  std::free(const_cast<Entry*>(&entry));
}

}  // namespace pillion::cache
