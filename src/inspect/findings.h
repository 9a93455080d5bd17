#pragma once

#include <map>
#include <string>
#include <vector>

#include "inspect/input.h"
#include "kube/problem.h"
#include "table/table.h"

namespace weir::inspect {

/// What weir-controller would come to.
struct Outcome {
  std::map<table::ResourceKey, table::Resource> resources;
  /// Those of the input first, then those of the translation, each with its place. Without those
  /// about objects of kinds that the input has none of.
  std::vector<Finding> findings;
  std::vector<std::string> notes;  ///< what was left unsaid, and why
};

Outcome translate(const Input& input, const ingress::Options& options);

/// Whether weir serves each of the Ingresses of the input.
class ServedIngresses {
 public:
  ServedIngresses(const Input& input, const ingress::Options& options);

  const std::vector<const kube::Ingress*>& served() const { return served_; }
  /// That others are passed over; empty if there are none.
  std::vector<std::string> notes() const;

 private:
  std::vector<const kube::Ingress*> served_;
  std::size_t others_ = 0;
};

}  // namespace weir::inspect
