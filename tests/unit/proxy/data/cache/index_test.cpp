#include "proxy/data/cache/index.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <set>

namespace pillion::cache {
namespace {

struct Node {
  Node* next_variant = nullptr;
  Node* next_of_name = nullptr;
  Node** prev_of_name = nullptr;
  std::uint32_t variant_tag = 0;
  std::uint32_t name_tag = 0;
};

std::set<const Node*> of_name(const Index<Node>& index, std::uint32_t tag) {
  std::set<const Node*> found;
  for (const Node* node = index.names(tag); node != nullptr; node = node->next_of_name) {
    if (node->name_tag == tag) found.insert(node);
  }
  return found;
}

bool has_variant(const Index<Node>& index, const Node& wanted) {
  for (const Node* node = index.variants(wanted.variant_tag); node != nullptr;
       node = node->next_variant) {
    if (node == &wanted) return true;
  }
  return false;
}

TEST(Index, FindsByBothTagsThroughGrowthAndShrinking) {
  Index<Node> index;
  std::deque<Node> nodes(3000);
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    nodes[i].variant_tag = i * 2654435761U;
    nodes[i].name_tag = (i / 3) * 40503U;
    const std::size_t expected = index.bytes_after_insert();
    index.insert(nodes[i]);
    EXPECT_EQ(index.bytes(), expected);
  }
  EXPECT_EQ(index.size(), nodes.size());
  for (const Node& node : nodes) {
    ASSERT_TRUE(has_variant(index, node));
    ASSERT_EQ(of_name(index, node.name_tag).size(), 3U);
  }
  const std::size_t full = index.bytes();
  EXPECT_LE(full, nodes.size() * 24);
  for (std::size_t i = 100; i < nodes.size(); ++i) index.remove(nodes[i]);
  EXPECT_EQ(index.size(), 100U);
  Node last;
  index.insert(last);  // shrinks
  EXPECT_LT(index.bytes(), full / 2);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    ASSERT_EQ(has_variant(index, nodes[i]), i < 100) << i;
  }
}

TEST(Index, NewestOfEqualVariantsComesFirstAlsoAfterGrowth) {
  Index<Node> index;
  Node older;
  Node newer;
  index.insert(older);
  index.insert(newer);
  EXPECT_EQ(index.variants(0), &newer);
  std::deque<Node> others(100);
  for (std::uint32_t i = 0; i < others.size(); ++i) {
    others[i].variant_tag = 2 * i + 1;
    index.insert(others[i]);
  }
  EXPECT_EQ(index.variants(0), &newer);
  EXPECT_EQ(newer.next_variant, &older);
}

TEST(Index, ManyVariantsOfOneNameLeaveInConstantTime) {
  Index<Node> index;
  std::deque<Node> nodes(200'000);
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    nodes[i].variant_tag = i;
    nodes[i].name_tag = 42;
    index.insert(nodes[i]);
  }
  // Oldest first, i.e. from the far end of the chain: walking it would be 2e10 steps.
  const auto begin = std::chrono::steady_clock::now();
  for (Node& node : nodes) index.remove(node);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(index.names(42), nullptr);
}

TEST(Index, ClearForgets) {
  Index<Node> index;
  Node node;
  index.insert(node);
  index.clear();
  EXPECT_EQ(index.size(), 0U);
  EXPECT_EQ(index.variants(0), nullptr);
  EXPECT_EQ(index.names(0), nullptr);
}

}  // namespace
}  // namespace pillion::cache
