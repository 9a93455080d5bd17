#pragma once

#include <string>

#include <gtest/gtest.h>

#include "inspect/input.h"

namespace weir::inspect {

/// What `kubectl get -o yaml` gave, or a folder, of tests/inspect/dumps.
inline Input dump(const std::string& name) {
  auto input = read_input(WEIR_DUMPS "/" + name);
  if (input) return *std::move(input);
  ADD_FAILURE() << input.error().detail;
  return {};
}

/// A manifest of one text, under the name "x.yaml".
inline Input manifest(const std::string& text) {
  Input input;
  input.add_text(text, "x.yaml");
  return input;
}

}  // namespace weir::inspect
