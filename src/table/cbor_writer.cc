#include "table/cbor_writer.h"

namespace weir::table::cbor {

void Writer::head(MajorType type, std::uint64_t argument) {
  const auto initial = static_cast<std::uint8_t>(static_cast<unsigned>(type) << 5);
  if (argument < 24) {
    bytes_.push_back(static_cast<std::uint8_t>(initial | argument));
    return;
  }
  const int log2 = argument <= 0xff ? 0 : argument <= 0xffff ? 1 : argument <= 0xffffffff ? 2 : 3;
  bytes_.push_back(static_cast<std::uint8_t>(initial | (24 + log2)));
  for (int shift = 8 * (1 << log2) - 8; shift >= 0; shift -= 8) {
    bytes_.push_back(static_cast<std::uint8_t>(argument >> shift));
  }
}

void Writer::text(std::string_view value) {
  head(MajorType::Text, value.size());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

void Writer::binary(std::span<const std::uint8_t> value) {
  head(MajorType::ByteString, value.size());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

std::size_t Writer::begin_map() {
  head(MajorType::Map, 0);
  return bytes_.size() - 1;
}

void Writer::end_map(std::size_t begun, std::size_t fields) {
  if (fields < 24) {
    bytes_[begun] = static_cast<std::uint8_t>(bytes_[begun] | fields);
    return;
  }
  std::vector<std::uint8_t> longer;
  Writer(longer).map(fields);
  bytes_[begun] = longer.front();
  bytes_.insert(bytes_.begin() + static_cast<std::ptrdiff_t>(begun) + 1, longer.begin() + 1,
                longer.end());
}

}  // namespace weir::table::cbor
