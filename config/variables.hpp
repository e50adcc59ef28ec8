// PILLION_* environment variables: which key each one means, and which are none of ours.
#pragma once

#include <string>
#include <string_view>

#include "config/keys.hpp"

namespace pillion::config {

/// "cache.max_bytes" -> "PILLION_CACHE_MAX_BYTES".
std::string variable_name(std::string_view path);

/// nullptr when no key has this variable.
const Key* key_of_variable(std::string_view name);

/// Names beginning so are taken for ours, whether or not they are known.
inline constexpr std::string_view kVariablePrefix = "PILLION_";

/// Holds the path of the configuration file.
inline constexpr std::string_view kFileVariable = "PILLION_CONFIG";

/// The valid name an unknown one was probably meant to be, or "".
std::string nearest_variable(std::string_view name);

/// Kubernetes gives each pod variables for each Service of its namespace (NAME_SERVICE_HOST,
/// NAME_PORT, NAME_PORT_6379_TCP ...); a Service called pillion or pillion-x must not keep Pillion
/// from starting.
/// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
bool made_by_kubernetes(std::string_view name, std::string_view value);

}  // namespace pillion::config
