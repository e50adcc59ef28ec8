#include "proxy/data/request/effects.hpp"

namespace pillion::data::request {

Effect effect_of(const command::Spec& spec, const resp::Command& command,
                 std::vector<std::string_view>& keys, std::vector<cache::NameHash>& names) {
  switch (spec.effect) {
    case command::Effect::kNone:
      return {};
    case command::Effect::kUnknown:
      return {EffectKind::kUnknown, 0};
    case command::Effect::kEverything:
      return {EffectKind::kEverything, 0};
    case command::Effect::kKeys:
      break;
  }
  keys.clear();
  if (command::keys_of(spec, command, keys) == command::KeySet::kUnknown)
    return {EffectKind::kUnknown, 0};
  for (const std::string_view key : keys) names.push_back(cache::hash_name(key));
  return {EffectKind::kKeys, static_cast<std::uint32_t>(keys.size())};
}

}  // namespace pillion::data::request
