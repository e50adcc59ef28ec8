// One HTTP GET, and the text format of Prometheus.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pillion::test {

struct HttpReply {
  int status = 0;
  std::string headers;
  std::string body;
};

/// Throws as Socket does.
HttpReply http_get(std::uint16_t port, const std::string& path);

using Labels = std::map<std::string, std::string>;

/// The sum of all series of `name` that carry at least `labels`; 0 when there are none.
double metric_in(const std::string& exposition, const std::string& name, const Labels& labels = {});

/// Series that are there more than once, with the same name and the same labels.
std::vector<std::string> repeated_series(const std::string& exposition);

}  // namespace pillion::test
