#include <filesystem>
#include <fstream>

#include "proxy/raw_http/http_case.h"

/// Writes the table of raw HTTP as seeds of the fuzz targets: FOLDER/http_head, FOLDER/chunks.
int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc != 2) return 2;
  const fs::path folder = argv[1];
  const auto write = [&](const char* target, const std::string& name, char first,
                         const std::string& bytes) {
    fs::create_directories(folder / target);
    std::ofstream(folder / target / name, std::ios::binary) << first << bytes;
  };
  const auto write_message = [&](const std::string& name, char kind, const std::string& bytes) {
    const auto end = bytes.find("\r\n\r\n");
    write("http_head", name, kind, bytes.substr(0, end == std::string::npos ? end : end + 4));
    if (bytes.find("chunked") != std::string::npos && end != std::string::npos) {
      write("chunks", name, 3, bytes.substr(end + 4));
    }
  };
  for (const auto& theme : weir::test::http_themes()) {
    for (const auto& one : theme.cases) {
      const auto name = theme.name + "." + one.name;
      write_message(name, 0, one.request + one.rest);
      for (std::size_t i = 0; i < one.responses.size(); ++i) {
        write_message(name + "-" + std::to_string(i), 1, one.responses[i]);
      }
    }
  }
  return 0;
}
