#include "weirctl/explain.h"

#include <fmt/format.h>

#include "inspect/explain.h"
#include "weirctl/input_flags.h"

namespace weir::weirctl {

int explain(const std::vector<std::string>& args) {
  const std::string program = "weirctl explain";
  cmd::Flags flags(program, "Says where a request would go: weirctl explain URL PATH");
  inspect::Question question;
  std::string path;
  std::vector<std::string> headers;
  flags.word("URL", question.url, "Of the request: https://shop.example/cart");
  flags.word("PATH", path, "A folder or a file of manifests, or - for standard input");
  flags.text("--method", question.method, "Of the request");
  flags.lines("--header", headers, "Of the request, \"Name: value\"; repeatable");
  const InputFlags given(flags);
  const auto argv = to_argv(program, args);
  if (const auto code = flags.parse(static_cast<int>(argv.size()), argv.data())) return *code;
  if (question.url.empty()) return flags.refuse("URL", "is missing");
  if (path.empty()) return flags.refuse("PATH", "is missing: a folder, a file, or -");
  for (const auto& header : headers) {
    const auto colon = header.find(':');
    if (colon == 0 || colon == std::string::npos) {
      return flags.refuse("--header", fmt::format("\"{}\" is not Name: value", header));
    }
    const auto value = header.find_first_not_of(" \t", colon + 1);
    question.headers.emplace_back(header.substr(0, colon),
                                  value == std::string::npos ? "" : header.substr(value));
  }
  const auto options = given.options();
  if (!options) return flags.refuse(options.error().flag, options.error().message);
  auto input = inspect::read_input(path);
  if (!input) return flags.refuse("PATH", input.error().detail);
  const auto text = inspect::explain(*std::move(input), *options, question, may_colour());
  if (!text) return flags.refuse("URL", text.error().detail);
  fmt::print("{}", *text);
  return 0;
}

}  // namespace weir::weirctl
