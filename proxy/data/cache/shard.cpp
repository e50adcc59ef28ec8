#include "proxy/data/cache/shard.hpp"

namespace pillion::cache {

Shard::~Shard() {
  Graveyard graveyard;
  clear(graveyard);
}

bool Shard::insert(Entry& entry, const CacheKey& key, Graveyard& graveyard) {
  if (Entry* replaced = find(key); replaced != nullptr) {
    remove(*replaced);
    graveyard.add(*replaced);
  }
  const std::size_t size = allocated_size(entry);
  while (entry_bytes_ + size + index_.bytes_after_insert() + contacts_.bytes() > budget_) {
    Entry* victim = choose_victim();
    if (victim == nullptr) {
      graveyard.add(entry);
      return false;
    }
    remove(*victim);
    graveyard.add(*victim);
    ++evictions_;
  }
  index_.insert(entry);
  entry_bytes_ += size;
  push_front(entry);
  return true;
}

void Shard::discard(Entry& entry, bool expired) {
  if (expired) ++expirations_;
  remove(entry);
  drop_reference(entry);
}

bool Shard::erase(NameHash name, Graveyard& graveyard) {
  count_erasure(name);
  contacts_.forget(name);
  return erase_if(name, graveyard, [](const Entry&) { return true; });
}

void Shard::clear(Graveyard& graveyard) {
  graveyard.adopt(newest_);
  newest_ = oldest_ = nullptr;
  entry_bytes_ = 0;
  index_.clear();
  contacts_.clear();
}

void Shard::count_erasure_of_all() {
  for (auto& stripe : erasures_) stripe.fetch_add(1, std::memory_order_release);
}

void Shard::remove(Entry& entry) {
  index_.remove(entry);
  entry_bytes_ -= allocated_size(entry);
  unlink(entry);
}

void Shard::push_front(Entry& entry) {
  entry.used = 0;
  entry.newer = nullptr;
  entry.older = newest_;
  (newest_ != nullptr ? newest_->newer : oldest_) = &entry;
  newest_ = &entry;
}

void Shard::unlink(Entry& entry) {
  (entry.newer != nullptr ? entry.newer->older : newest_) = entry.older;
  (entry.older != nullptr ? entry.older->newer : oldest_) = entry.newer;
}

Entry* Shard::choose_victim() {
  for (int i = 0; i < kMaxSecondChances && oldest_ != nullptr && oldest_->used != 0; ++i) {
    Entry& kept = *oldest_;
    unlink(kept);
    push_front(kept);
  }
  return oldest_;
}

}  // namespace pillion::cache
