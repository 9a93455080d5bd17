#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http_head.h"
#include "table/table.h"
#include "util/ip_address.h"

/// Whom a request comes from, and under which address it was asked for: as weir sees it, or as a
/// trusted proxy in front of it tells.
namespace weir::proxy {

/// Networks; asks once for each length of prefix that there is, however many networks they are.
class AddressSet {
 public:
  AddressSet() = default;
  /// As in table::Forwarded; what is no network is passed over.
  explicit AddressSet(const std::vector<std::string>& networks);

  bool empty() const { return lengths_.empty(); }
  /// An IPv4 address is in no network of IPv6, "::/0" included.
  bool contains(const util::IpAddress& address) const;

 private:
  struct Length {
    unsigned bits = 0;
    std::vector<util::IpAddress> networks;  // sorted
  };
  std::vector<Length> lengths_;
};

/// table::Forwarded, made ready to be asked.
class ForwardedTrust {
 public:
  ForwardedTrust() = default;
  explicit ForwardedTrust(const table::Forwarded& policy);

  const table::Forwarded& policy() const { return policy_; }
  /// Without a list everybody is trusted.
  bool trusts(const util::IpAddress& address) const {
    return trusted_.empty() || trusted_.contains(address);
  }
  /// `address` as text; what is no address is not trusted.
  bool trusts(std::string_view address) const;

 private:
  table::Forwarded policy_;
  AddressSet trusted_;
};

/// The client's address by the addresses that proxies have listed, the nearest last (as nginx's
/// realip module, recursive): from the right as long as the one that tells is trusted. Text that is
/// no address ends the walk, and so does the list's left end. Entries may have a port.
util::IpAddress walk_forwarded(const util::IpAddress& peer, std::string_view list,
                               const ForwardedTrust& trust);

/// A client's connection, as weir sees it.
struct Arrival {
  std::string_view peer;  ///< its address, of the socket or by the PROXY protocol
  bool https = false;
  std::uint16_t port = 0;  ///< the public one
};

/// What of a request's origin its backend learns, and redirects go by. Views point into the head,
/// the Arrival, or the Origin itself, which keeps its strings' capacity for the next request.
struct Origin {
  std::string_view client;         ///< the address
  std::string_view forwarded_for;  ///< X-Forwarded-For
  std::string_view scheme;         ///< "http" or "https", or what a trusted proxy says
  std::string_view host;           ///< as received, port included, or by a trusted proxy
  std::uint16_t port = 0;
  bool https = false;
  /// X-Forwarded-For and -Host as they came, values joined with ", "; empty: none.
  std::string_view original_for;
  std::string_view original_host;

  /// `head.host` has been checked.
  void read(const RequestHead& head, const Arrival& arrival, const ForwardedTrust& trust);

 private:
  void read_trusted(const RequestHead& head, const Arrival& arrival, const ForwardedTrust& trust);
  void read_client(const RequestHead& head, const Arrival& arrival, const ForwardedTrust& trust);

  std::string client_text_;
  std::string chain_text_;
  std::string full_chain_text_;
  std::string original_for_text_;
  std::string original_host_text_;
};

}  // namespace weir::proxy
