#pragma once

#include <string>
#include <utility>
#include <vector>

#include "inspect/input.h"
#include "util/result.h"

namespace weir::inspect {

/// A request that somebody thinks of.
struct Question {
  std::string url;  ///< "https://shop.example/cart?x=1"
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< names and values
};

/// Where weir-proxy would send it, and why: which host is chosen, which of its routes take the path
/// and which of those wins, and what that route does. Hosts and routes are chosen by weir-proxy's
/// own code (proxy/live_table.h, proxy/target.h). Lines for people. Malformed if it is no URL.
util::Result<std::string> explain(Input input, const ingress::Options& options,
                                  const Question& question, bool colours);

}  // namespace weir::inspect
