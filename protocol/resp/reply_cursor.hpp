// Walks the nodes of one complete reply in wire order, without building a tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pillion::resp {

struct Node {
  char type;              // '$' '+' '-' ':' '_' ',' '#' '(' '=' '!' '*' '~' '%' '>' '|'
  bool null;              // "$-1", "*-1", "_"
  std::int64_t integer;   // ':' its value; aggregates their element count (a map counts keys and
                          // values); '#' 0 or 1; else 0
  std::string_view text;  // bulks their payload ('=' with its "txt:"); the line of all others
};

class ReplyCursor {
 public:
  /// `frame` is one complete, well-formed reply, as FrameScanner delimits it.
  explicit ReplyCursor(std::string_view frame) : rest_(frame) {}

  /// Next node in wire order; false at the end or at malformed bytes, and nothing is consumed
  /// then. An attribute is a node of its own, its pairs follow, then the node it describes.
  bool next(Node& node);

  /// Skips the value of a node just returned: nothing for scalars, all descendants for aggregates.
  /// False when they are not all there.
  bool skip(const Node& node);

  bool at_end() const { return rest_.empty(); }

  /// The bytes behind the last node returned or skipped.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// True when a reply says that its key is missing, whatever the command: null, 0, "", "+none",
/// an empty aggregate, or an aggregate of only those. Errors are never missing.
/// COHERENCE section 7.3 lets such a reply be stored as a negative entry when PTTL said -2.
bool is_missing_reply(std::string_view frame);

/// The same, or the -2 by which TTL and its kin say so. True promises nothing.
inline bool may_say_missing(std::string_view frame) {
  return frame == ":-2\r\n" || is_missing_reply(frame);
}

}  // namespace pillion::resp
