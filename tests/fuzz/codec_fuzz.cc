#include <cstring>

#include "fuzz/check.h"
#include "fuzz/table_maker.h"

using namespace weir::table;
using weir::fuzz::check;

/// The first byte chooses the kind; the rest is the resource. What is taken must survive being
/// written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto kind = kResourceKinds[data[0] % std::size(kResourceKinds)];
  const auto resource = decode(kind, std::span(data + 1, size - 1));
  if (!resource) return 0;
  const auto again = encode(*resource);
  const auto reread = decode(kind, *again.bytes);
  check(reread && *reread == *resource, "a resource is the same when it is read again");
  check(again.key.kind == kind, "a resource keeps its kind");
  return 0;
}

/// A valid resource now and then, damaged or not.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  weir::fuzz::TableMaker make(seed);
  if (size > 0 && !make.one_in(4)) return LLVMFuzzerMutate(data, size, most);
  const auto index = make.below(std::size(kResourceKinds));
  const auto made = make.resource(kResourceKinds[index]);
  const auto encoded = encode(made);
  check(decode(kResourceKinds[index], *encoded.bytes).has_value(), "what is made is valid");
  if (encoded.bytes->size() + 1 > most) return LLVMFuzzerMutate(data, size, most);
  data[0] = static_cast<std::uint8_t>(index);
  std::memcpy(data + 1, encoded.bytes->data(), encoded.bytes->size());
  const auto length = encoded.bytes->size();
  return 1 + (make.one_in(3) ? length : LLVMFuzzerMutate(data + 1, length, most - 1));
}
