#pragma once

#include "table/describe_bounds.h"
#include "table/describe_tls.h"
#include "table/describe_tunnels.h"
#include "table/table.h"

/// What holds for every host (describe.h).
namespace weir::table {

inline constexpr std::size_t kMaxFieldName = 256;

inline const char* wrong_field_name(const std::string& name) {
  return is_token(name) ? nullptr : "is not a field name";
}

template <class Io>
constexpr void describe(Of<Hsts>, Io& io) {
  io.flag("include_subdomains", &Hsts::include_subdomains);
  io.number("max_age_s", &Hsts::max_age_s, NumberRule{0, kAnyNumber});
  io.flag("preload", &Hsts::preload);
}

template <class Io>
constexpr void describe(Of<Forwarded>, Io& io) {
  io.flag("append", &Forwarded::append);
  io.text("header", &Forwarded::header, TextRule{kMaxFieldName, wrong_field_name});
  io.flag("trust_forwarded", &Forwarded::trust_forwarded);
  io.texts("trusted_cidrs", &Forwarded::trusted_cidrs, kNetworks);
  io.flag("use_proxy_protocol", &Forwarded::use_proxy_protocol);
}

template <class Io>
constexpr void describe(Of<Settings>, Io& io) {
  io.text("default_certificate", &Settings::default_certificate, kName);
  io.map("forwarded", &Settings::forwarded);
  io.map("hsts", &Settings::hsts);
  io.number("public_http_port", &Settings::public_http_port, kPort);
  io.number("public_https_port", &Settings::public_https_port, kPort);
  io.map("tls", &Settings::tls);
  io.map("tunnels", &Settings::tunnels);
  io.flag("underscores_in_headers", &Settings::underscores_in_headers);
}

}  // namespace weir::table
