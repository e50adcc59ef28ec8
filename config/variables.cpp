#include "config/variables.hpp"

#include <vector>

#include "config/nearest.hpp"

namespace pillion::config {

std::string variable_name(std::string_view path) {
  std::string out(kVariablePrefix);
  for (const char c : path) {
    out += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return out;
}

const Key* key_of_variable(std::string_view name) {
  for (const auto& key : keys()) {
    if (variable_name(key.path) == name) return &key;
  }
  return nullptr;
}

std::string nearest_variable(std::string_view name) {
  std::vector<std::string> names{std::string(kFileVariable)};
  for (const auto& key : keys()) names.push_back(variable_name(key.path));
  return nearest(name, {names.begin(), names.end()});
}

bool made_by_kubernetes(std::string_view name, std::string_view value) {
  const auto ends = [&](std::string_view tail) {
    return name.size() >= tail.size() && name.substr(name.size() - tail.size()) == tail;
  };
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (ends("_SERVICE_HOST") || has("_SERVICE_PORT")) return true;
  if (has("_PORT_") && (has("_TCP") || has("_UDP") || has("_SCTP"))) return true;
  return ends("_PORT") && value.find("://") != std::string_view::npos;
}

}  // namespace pillion::config
