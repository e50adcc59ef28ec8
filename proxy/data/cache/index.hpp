// Finds nodes by variant and by name: two arrays of intrusive chains that grow together.
//
// The variant chain is for lookups (at most one node a bucket on average) and is singly linked. The
// name chain is for erasures (at most two on average); one key may have ten thousand variants in
// one chain, so a node leaves it in O(1) through `prev_of_name`.
//
// A Node has: next_variant, next_of_name, prev_of_name, variant_tag, name_tag. Tags are 32 bits of
// a hash: the caller compares what they stand for. Not thread-safe; the shard's mutex guards it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace pillion::cache {

template <class Node>
class Index {
 public:
  /// The chain to search for a variant.
  Node* variants(std::uint32_t tag) const { return chains_[tag & mask_]; }
  /// The chain that holds every node of a name, among others.
  Node* names(std::uint32_t tag) const { return chains_[mask_ + 1 + (tag & (mask_ >> 1))]; }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return bytes_of(mask_ + 1); }
  /// What bytes() will be when one more node has been inserted.
  std::size_t bytes_after_insert() const { return bytes_of(buckets_for(size_ + 1)); }

  /// The newest of equal nodes is found first. The only place where the arrays change size.
  void insert(Node& node) {
    const std::size_t buckets = buckets_for(size_ + 1);
    if (buckets != mask_ + 1) resize(buckets);
    ++size_;
    link(node);
  }

  void remove(Node& node) {
    Node** at = &chains_[node.variant_tag & mask_];
    while (*at != &node) at = &(*at)->next_variant;
    *at = node.next_variant;
    *node.prev_of_name = node.next_of_name;
    if (node.next_of_name != nullptr) node.next_of_name->prev_of_name = node.prev_of_name;
    --size_;
  }

  /// Forgets every node.
  void clear() {
    std::fill_n(chains_.get(), slots_of(mask_ + 1), nullptr);
    size_ = 0;
  }

 private:
  static constexpr std::size_t kMinBuckets = 16;

  static std::size_t slots_of(std::size_t buckets) { return buckets + buckets / 2; }
  static std::size_t bytes_of(std::size_t buckets) { return slots_of(buckets) * sizeof(Node*); }

  // Doubles when full and shrinks only below an eighth, so that neither follows soon on the other.
  std::size_t buckets_for(std::size_t nodes) const {
    std::size_t buckets = mask_ + 1;
    if (nodes > buckets) return buckets * 2;
    while (buckets > kMinBuckets && nodes * 8 < buckets) buckets /= 2;
    return buckets;
  }

  void link(Node& node) {
    Node*& variant = chains_[node.variant_tag & mask_];
    node.next_variant = variant;
    variant = &node;
    Node*& name = chains_[mask_ + 1 + (node.name_tag & (mask_ >> 1))];
    node.next_of_name = name;
    node.prev_of_name = &name;
    if (name != nullptr) name->prev_of_name = &node.next_of_name;
    name = &node;
  }

  void resize(std::size_t buckets) {
    std::unique_ptr<Node*[]> larger(new (std::nothrow) Node*[slots_of(buckets)]());
    if (larger == nullptr) return;  // no memory: longer chains are slow, not wrong
    const std::size_t old_buckets = mask_ + 1;
    chains_.swap(larger);
    mask_ = buckets - 1;
    for (std::size_t i = 0; i < old_buckets; ++i) {
      // A chain is newest first and link() puts each node in front: reverse it on the way.
      Node* reversed = nullptr;
      for (Node* node = larger[i]; node != nullptr;) {
        Node* next = node->next_variant;
        node->next_variant = reversed;
        reversed = node;
        node = next;
      }
      while (reversed != nullptr) {
        Node* next = reversed->next_variant;
        link(*reversed);
        reversed = next;
      }
    }
  }

  std::size_t mask_ = kMinBuckets - 1;
  std::size_t size_ = 0;
  // buckets of variants, then half as many of names
  std::unique_ptr<Node* []> chains_ { new Node*[slots_of(kMinBuckets)]() };
};

}  // namespace pillion::cache
