// The composition root: the only place that knows every concrete class. Wires the planes together,
// starts, drains and stops them in order.
#pragma once

#include <memory>
#include <string>

#include "config/config.hpp"

namespace pillion {

struct AppOptions {
  config::Config config;
  std::string version;
  std::string revision;
};

class App {
 public:
  explicit App(AppOptions options);
  ~App();

  /// Serves until SIGTERM or SIGINT, then drains. Returns the exit code. Throws std::system_error
  /// when an address cannot be bound.
  int run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pillion
