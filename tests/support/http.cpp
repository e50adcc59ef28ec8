#include "tests/support/http.hpp"

#include <cstdlib>
#include <set>
#include <sstream>
#include <utility>

#include "tests/support/resp_client.hpp"

namespace pillion::test {
namespace {

bool carries(const std::string& series, const Labels& labels) {
  for (const auto& [name, value] : labels) {
    const std::string pair = name + "=\"" + value + "\"";
    const std::size_t at = series.find(pair);
    if (at == std::string::npos || (series[at - 1] != '{' && series[at - 1] != ',')) return false;
  }
  return true;
}

}  // namespace

HttpReply http_get(std::uint16_t port, const std::string& path) {
  RespClient client = RespClient::tcp(port);
  client.send_raw("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                  "\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_to_end();
  const std::size_t end_of_head = all.find("\r\n\r\n");
  HttpReply reply;
  if (all.rfind("HTTP/1.", 0) == 0) reply.status = std::atoi(all.c_str() + 9);
  reply.headers = all.substr(0, end_of_head);
  if (end_of_head != std::string::npos) reply.body = all.substr(end_of_head + 4);
  return reply;
}

double metric_in(const std::string& exposition, const std::string& name, const Labels& labels) {
  std::istringstream lines(exposition);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name, 0) != 0) continue;
    const char behind = line.size() > name.size() ? line[name.size()] : '\0';
    if (behind != ' ' && behind != '{') continue;
    const std::size_t value = behind == '{' ? line.rfind('}') + 1 : name.size();
    if (carries(line.substr(0, value), labels)) sum += std::strtod(line.c_str() + value, nullptr);
  }
  return sum;
}

std::vector<std::string> repeated_series(const std::string& exposition) {
  std::istringstream lines(exposition);
  std::set<std::string> seen;
  std::vector<std::string> repeated;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::string series = line.substr(0, line.rfind(' '));
    if (!seen.insert(series).second) repeated.push_back(std::move(series));
  }
  return repeated;
}

}  // namespace pillion::test
