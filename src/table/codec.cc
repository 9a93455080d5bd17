#include "table/codec.h"

#include <string>
#include <variant>

#include "table/cbor.h"
#include "table/describe_access.h"
#include "table/describe_backend.h"
#include "table/describe_host.h"
#include "table/describe_settings.h"
#include "table/describe_tcp.h"
#include "table/describe_tls.h"
#include "table/field_reader.h"
#include "table/field_writer.h"

namespace weir::table {

namespace {

constexpr std::size_t kUsualBytes = 512;

template <class T>
EncodedResource write(ResourceKey key, const T& value) {
  Bytes bytes;
  bytes.reserve(kUsualBytes);
  cbor::Writer out(bytes);
  FieldWriter<T>::write(out, value);
  const auto hash = util::hash_content(bytes);
  // Copied: it stays for long, without room to grow in.
  return {std::move(key), hash, std::make_shared<const Bytes>(bytes)};
}

template <class T>
util::Result<Resource> read(std::span<const std::uint8_t> bytes) {
  cbor::Cursor cursor(bytes);
  T value = FieldReader<T>::read(cursor, cbor::Path(""));
  if (const auto& error = cursor.error()) return *error;
  return Resource(std::move(value));
}

}  // namespace

EncodedResource encode(const Resource& resource) {
  return std::visit([&](const auto& value) { return write(key_of(resource), value); }, resource);
}

EncodedResource encode(const Backend& backend) {
  return write({ResourceKind::Backend, backend.name}, backend);
}

EncodedResource encode(const Host& host) {
  return write({ResourceKind::Host, host.name}, host);
}

util::Result<Resource> decode(ResourceKind kind, std::span<const std::uint8_t> bytes) {
  if (bytes.size() > kMaxResourceBytes) {
    return util::malformed("longer than " + std::to_string(kMaxResourceBytes) + " bytes");
  }
  if (auto error = cbor::check(bytes)) return *std::move(error);
  switch (kind) {
    case ResourceKind::Settings:
      return read<Settings>(bytes);
    case ResourceKind::Certificate:
      return read<Certificate>(bytes);
    case ResourceKind::Backend:
      return read<Backend>(bytes);
    case ResourceKind::Host:
      return read<Host>(bytes);
    case ResourceKind::TrustBundle:
      return read<TrustBundle>(bytes);
    case ResourceKind::TicketSeed:
      return read<TicketSeed>(bytes);
    case ResourceKind::Users:
      return read<Users>(bytes);
    case ResourceKind::TcpService:
      return read<TcpService>(bytes);
  }
  return util::unsupported("unknown kind of resource");
}

}  // namespace weir::table
