#include "config/small_file.hpp"

#include <fstream>
#include <utility>

namespace pillion::config {

FileText read_small_file(const std::string& path, std::size_t most) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return {"", "cannot be opened"};
  std::string text(most + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return {"", "cannot be read"};
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most) {
    return {"", "is larger than " + std::to_string(most >> 10) + " KiB"};
  }
  // A directory opens and reads as nothing.
  if (text.empty() && in.fail() && !in.eof()) return {"", "cannot be read"};
  return {std::move(text), ""};
}

}  // namespace pillion::config
