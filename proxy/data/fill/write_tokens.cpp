#include "proxy/data/fill/write_tokens.hpp"

namespace pillion::data::fill {

WriteTokens::WriteTokens(bool enabled) {
  if (!enabled) return;
  table_ = std::make_unique<Table>();
  for (auto& token : *table_) token.store(kNever, std::memory_order_relaxed);
}

}  // namespace pillion::data::fill
