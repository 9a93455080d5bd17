#pragma once

#include "table/describe_bounds.h"
#include "table/table.h"

/// How weir speaks TLS, and the resources that it needs for that (describe.h).
namespace weir::table {

inline constexpr std::size_t kMinTicketSeed = 32;
inline constexpr std::size_t kMaxTicketSeed = 256;
inline constexpr std::uint32_t kMaxSessionTimeout = 7 * 24 * 3600;  // RFC 8446 §4.6.1

inline constexpr const char* kClientCertificateModes[] = {"required", "optional", "optional_any"};

inline const char* wrong_server_name(const std::string& name) {
  return name.empty() || is_host_name(name) ? nullptr : "is not a lower-case host name";
}

inline const char* wrong_ticket_seed(const std::string& bytes) {
  return bytes.size() < kMinTicketSeed ? "is shorter than 32 bytes" : nullptr;
}

/// TlsVersions are fields of the struct that they are in.
template <class T, class Io>
constexpr void describe_versions(Io& io) {
  io.flag("tls12", inside(&T::versions, &TlsVersions::tls12));
  io.flag("tls13", inside(&T::versions, &TlsVersions::tls13));
  io.check("tls13", "is off, and so is tls12",
           [](const T& tls) { return tls.versions.tls12 || tls.versions.tls13; });
}

template <class Io>
constexpr void describe(Of<UpstreamTls>, Io& io) {
  io.text("certificate", &UpstreamTls::certificate, kName);
  io.text("ciphers", &UpstreamTls::ciphers, kCiphers);
  io.flag("send_server_name", &UpstreamTls::send_server_name);
  io.text("server_name", &UpstreamTls::server_name, TextRule{kMaxRuleText, wrong_server_name});
  describe_versions<UpstreamTls>(io);
  io.text("trust", &UpstreamTls::trust, kName);
  io.flag("verify", &UpstreamTls::verify);
  io.check("trust", "is missing, with verify on",
           [](const UpstreamTls& tls) { return !tls.verify || !tls.trust.empty(); });
  io.number("verify_depth", &UpstreamTls::verify_depth, kVerifyDepth);
}

template <class Io>
constexpr void describe(Of<ClientCertificates>, Io& io) {
  io.choice("mode", &ClientCertificates::mode, kClientCertificateModes);
  io.flag("pass_on", &ClientCertificates::pass_on);
  io.text("subject_pattern", &ClientCertificates::subject_pattern, kName);
  io.text("trust", &ClientCertificates::trust, kName);
  io.number("verify_depth", &ClientCertificates::verify_depth, kVerifyDepth);
}

template <class Io>
constexpr void describe(Of<TlsSettings>, Io& io) {
  io.text("ciphers", &TlsSettings::ciphers, kCiphers);
  io.text("groups", &TlsSettings::groups, kCiphers);
  io.flag("reject_unknown_names", &TlsSettings::reject_unknown_names);
  io.flag("session_tickets", &TlsSettings::session_tickets);
  io.number("session_timeout_s", &TlsSettings::session_timeout_s,
            NumberRule{1, kMaxSessionTimeout});
  describe_versions<TlsSettings>(io);
}

template <class Io>
constexpr void describe(Of<Certificate>, Io& io) {
  io.text("chain_pem", &Certificate::chain_pem, kPem);
  io.text("key_pem", &Certificate::key_pem, kPem);
  io.text("name", &Certificate::name, kNeededName);
  io.binary("ocsp_der", &Certificate::ocsp_der, TextRule{kMaxOcspResponse});
}

template <class Io>
constexpr void describe(Of<TrustBundle>, Io& io) {
  io.text("ca_pem", &TrustBundle::ca_pem, kPem);
  io.text("crl_pem", &TrustBundle::crl_pem, kPem);
  io.text("name", &TrustBundle::name, kNeededName);
}

template <class Io>
constexpr void describe(Of<TicketSeed>, Io& io) {
  io.binary("bytes", &TicketSeed::bytes, TextRule{kMaxTicketSeed, wrong_ticket_seed});
}

}  // namespace weir::table
