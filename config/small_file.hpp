// Reads the configuration file and password files: whole, and bounded.
#pragma once

#include <cstddef>
#include <string>

namespace pillion::config {

struct FileText {
  std::string text;
  std::string trouble;  // "": text is the whole file; else why not, continuing "<path> "
};

/// A file of at most so many bytes. Blocks on the file system, throws nothing but bad_alloc.
FileText read_small_file(const std::string& path, std::size_t most);

}  // namespace pillion::config
