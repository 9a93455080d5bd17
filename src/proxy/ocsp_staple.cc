#include "proxy/ocsp_staple.h"

#include <algorithm>
#include <ctime>
#include <limits>
#include <memory>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "proxy/openssl_handles.h"

namespace weir::proxy {

namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, OpenSslDeleter<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, OpenSslDeleter<OCSP_BASICRESP_free>>;

void free_staple(void*, void* staple, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<OcspStaple*>(staple);
}

int staple_index() {
  static const int index = X509_get_ex_new_index(0, nullptr, nullptr, nullptr, free_staple);
  return index;
}

/// By serial and issuer name: the chain may come without the issuer, whose key the third part is.
bool is_about(const OCSP_SINGLERESP* single, X509* leaf) {
  ASN1_OCTET_STRING* name_hash = nullptr;
  ASN1_OBJECT* digest = nullptr;
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(&name_hash, &digest, nullptr, &serial,
                    const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
  if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) return false;
  const auto* type = EVP_get_digestbyobj(digest);
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  return type != nullptr && X509_NAME_digest(X509_get_issuer_name(leaf), type, hash, &size) == 1 &&
         ASN1_STRING_length(name_hash) == static_cast<int>(size) &&
         std::equal(hash, hash + size, ASN1_STRING_get0_data(name_hash));
}

std::int64_t seconds_of(const ASN1_GENERALIZEDTIME* time) {
  std::tm utc{};
  return ASN1_TIME_to_tm(time, &utc) == 1 ? ::timegm(&utc) : 0;
}

}  // namespace

std::string attach_staple(X509* leaf, const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size())));
  ERR_clear_error();
  if (response == nullptr) return "cannot be read";
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return "says that the responder failed";
  }
  const BasicPtr basic(OCSP_response_get1_basic(response.get()));
  ERR_clear_error();
  if (basic == nullptr) return "cannot be read";
  for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
    auto* single = OCSP_resp_get0(basic.get(), i);
    if (!is_about(single, leaf)) continue;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    if (OCSP_single_get0_status(single, nullptr, nullptr, &from, &until) !=
        V_OCSP_CERTSTATUS_GOOD) {
      return "does not call the certificate good";
    }
    auto staple = std::make_unique<OcspStaple>();
    staple->der = der;
    staple->from = seconds_of(from);
    staple->until = until == nullptr ? std::numeric_limits<std::int64_t>::max() : seconds_of(until);
    if (X509_set_ex_data(leaf, staple_index(), staple.get()) == 1)
      static_cast<void>(staple.release());
    return {};
  }
  return "is about another certificate";
}

const OcspStaple* staple_of(const X509* leaf) {
  return leaf == nullptr ? nullptr
                         : static_cast<const OcspStaple*>(X509_get_ex_data(leaf, staple_index()));
}

}  // namespace weir::proxy
