#include "ingress/certificate_check.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>

#include <climits>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ingress/names.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using OcspPtr = std::unique_ptr<OCSP_RESPONSE, Freer<OCSP_RESPONSE_free>>;
using BasicOcspPtr = std::unique_ptr<OCSP_BASICRESP, Freer<OCSP_BASICRESP_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

using BignumPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;
void free_openssl(void* memory) {
  OPENSSL_free(memory);
}
using DecimalPtr = std::unique_ptr<char, Freer<free_openssl>>;
using Utf8Ptr = std::unique_ptr<unsigned char, Freer<free_openssl>>;

/// OpenSSL's error queue is per thread, and would otherwise be read by whoever asks it next.
struct ErrorQueueCleaner {
  ~ErrorQueueCleaner() { ERR_clear_error(); }
};

/// A key with a passphrase is refused; without this OpenSSL would ask for it on the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

BioPtr open_pem(const std::string& pem) {
  if (pem.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::string text_of(const ASN1_STRING* text) {
  const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
  return lower_case({bytes, static_cast<std::size_t>(ASN1_STRING_length(text))});
}

std::vector<std::string> names_of(const X509* leaf) {
  std::vector<std::string> names;
  const NamesPtr alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  if (alternatives) {
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
      if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
    }
    return names;
  }
  const X509_NAME* subject = X509_get_subject_name(leaf);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index >= 0) {
    names.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))));
  }
  return names;
}

/// After the last block that could be read: whether that was all there is.
bool is_end_of_pem() {
  const unsigned long reason = ERR_peek_last_error();
  return ERR_GET_LIB(reason) == ERR_LIB_PEM && ERR_GET_REASON(reason) == PEM_R_NO_START_LINE;
}

/// Every block after the leaf must be a certificate too, or the proxy could not send the chain.
bool is_rest_readable(BIO* chain) {
  ERR_clear_error();
  while (const X509Ptr next{PEM_read_bio_X509(chain, nullptr, no_passphrase, nullptr)}) {
  }
  return is_end_of_pem();
}

const std::string* find_key(const kube::Secret& secret, const char* key) {
  const auto found = secret.data.find(key);
  return found == secret.data.end() || found->second.empty() ? nullptr : &found->second;
}

bool is_pair(const X509* leaf, const EVP_PKEY* key) {
  return key && X509_check_private_key(leaf, key) == 1;
}

/// By serial number alone: whom the response is from is for the client to check.
OCSP_SINGLERESP* find_answer(OCSP_BASICRESP* basic, const X509* leaf) {
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic, i);
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial,
                      const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0) return single;
  }
  return nullptr;
}

/// Empty: it can be stapled.
std::string staple_problem(const std::string& der, const X509* leaf) {
  if (der.size() > table::kMaxOcspResponse) return "tls.ocsp-staple is larger than 64 KiB";
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = bytes + der.size();
  const OcspPtr response(d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size())));
  if (!response || bytes != end) return "tls.ocsp-staple is no OCSP response in DER";
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return "tls.ocsp-staple says that the responder failed";
  }
  const BasicOcspPtr basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return "tls.ocsp-staple is no OCSP response in DER";
  OCSP_SINGLERESP* answer = find_answer(basic.get(), leaf);
  if (answer == nullptr) return "tls.ocsp-staple is about another certificate";
  if (OCSP_single_get0_status(answer, nullptr, nullptr, nullptr, nullptr) !=
      V_OCSP_CERTSTATUS_GOOD) {
    return "tls.ocsp-staple does not call the certificate good";
  }
  return {};
}

/// 0: it is no time.
std::int64_t unix_time(const ASN1_TIME* time) {
  std::tm utc{};
  return time != nullptr && ASN1_TIME_to_tm(time, &utc) == 1 ? ::timegm(&utc) : 0;
}

std::string decimal(const ASN1_INTEGER* number) {
  const BignumPtr value(ASN1_INTEGER_to_BN(number, nullptr));
  const DecimalPtr text(value ? BN_bn2dec(value.get()) : nullptr);
  return text ? text.get() : "";
}

/// In UTF-8, or what of it is; empty: there is none.
std::string part_of(const X509_NAME* name, int what) {
  const int index = X509_NAME_get_index_by_NID(name, what, -1);
  if (index < 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, text);
  const Utf8Ptr held(bytes);
  return size < 0
             ? std::string()
             : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

CertificateInfo describe(const X509* leaf, const EVP_PKEY* key, const kube::Secret& secret) {
  const char* type = EVP_PKEY_get0_type_name(key);
  const std::string* staple = find_key(secret, "tls.ocsp-staple");
  CertificateInfo info;
  info.names = names_of(leaf);
  info.key_type = type ? type : "";
  info.not_after = unix_time(X509_get0_notAfter(leaf));
  info.serial = decimal(X509_get0_serialNumber(leaf));
  info.issuer_organization = part_of(X509_get_issuer_name(leaf), NID_organizationName);
  info.issuer_common_name = part_of(X509_get_issuer_name(leaf), NID_commonName);
  if (staple != nullptr) info.staple_problem = staple_problem(*staple, leaf);
  return info;
}

}  // namespace

/// Takes PEM whose first block is a private key, which is what nearly every Secret holds.
class CertificateChecker::KeyDecoder {
 public:
  KeyDecoder()
      : context_(OSSL_DECODER_CTX_new_for_pkey(&key_, "PEM", nullptr, nullptr, EVP_PKEY_KEYPAIR,
                                               nullptr, nullptr)) {
    if (context_) OSSL_DECODER_CTX_set_pem_password_cb(context_.get(), no_passphrase, nullptr);
  }

  KeyPtr decode(const std::string& pem) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(pem.data());
    std::size_t size = pem.size();
    key_ = nullptr;
    if (context_) OSSL_DECODER_from_data(context_.get(), &bytes, &size);
    return KeyPtr(std::exchange(key_, nullptr));
  }

 private:
  EVP_PKEY* key_ = nullptr;  // where the context puts what it finds
  std::unique_ptr<OSSL_DECODER_CTX, Freer<OSSL_DECODER_CTX_free>> context_;
};

CertificateChecker::CertificateChecker() : decoder_(std::make_unique<KeyDecoder>()) {}
CertificateChecker::~CertificateChecker() = default;

util::Result<void> check_trust(const kube::Secret& secret) {
  const ErrorQueueCleaner cleaner;
  ERR_clear_error();
  const std::string* authorities_pem = find_key(secret, "ca.crt");
  if (!authorities_pem) return util::malformed("the Secret has no ca.crt");
  const BioPtr authorities = open_pem(*authorities_pem);
  if (!authorities) return util::malformed("the Secret is too large");
  int count = 0;
  while (
      const X509Ptr next{PEM_read_bio_X509(authorities.get(), nullptr, no_passphrase, nullptr)}) {
    ++count;
  }
  if (count == 0 || !is_end_of_pem()) {
    return util::malformed("ca.crt holds something that is no PEM certificate");
  }
  const std::string* lists_pem = find_key(secret, "ca.crl");
  if (!lists_pem) return {};
  ERR_clear_error();
  const BioPtr lists = open_pem(*lists_pem);
  if (!lists) return util::malformed("the Secret is too large");
  count = 0;
  while (const CrlPtr next{PEM_read_bio_X509_CRL(lists.get(), nullptr, no_passphrase, nullptr)}) {
    ++count;
  }
  if (count == 0 || !is_end_of_pem()) {
    return util::malformed("ca.crl holds something that is no PEM revocation list");
  }
  return {};
}

bool CertificateInfo::covers(std::string_view host) const {
  const std::string wildcard = wildcard_of(host);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name == host || (!wildcard.empty() && name == wildcard);
  });
}

util::Result<CertificateInfo> CertificateChecker::check(const kube::Secret& secret) {
  const ErrorQueueCleaner cleaner;
  const std::string* certificate_pem = find_key(secret, "tls.crt");
  const std::string* key_pem = find_key(secret, "tls.key");
  if (!certificate_pem && !key_pem) {
    return util::unsupported("the Secret has neither tls.crt nor tls.key");
  }
  if (!certificate_pem) return util::malformed("the Secret has no tls.crt");
  if (!key_pem) return util::malformed("the Secret has no tls.key");

  const BioPtr chain = open_pem(*certificate_pem);
  const BioPtr key_bytes = open_pem(*key_pem);
  if (!chain || !key_bytes) return util::malformed("the Secret is too large");
  const X509Ptr leaf(PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr));
  if (!leaf) return util::malformed("tls.crt does not start with a PEM certificate");
  if (!is_rest_readable(chain.get())) {
    return util::malformed(
        "tls.crt holds something that is no PEM certificate after the first one");
  }
  const KeyPtr first = decoder_->decode(*key_pem);
  if (is_pair(leaf.get(), first.get())) return describe(leaf.get(), first.get(), secret);
  // The slow way knows more: parameters before the key, and it tells broken from foreign.
  const KeyPtr key(PEM_read_bio_PrivateKey(key_bytes.get(), nullptr, no_passphrase, nullptr));
  if (!key) return util::malformed("tls.key is no PEM private key without passphrase");
  if (!is_pair(leaf.get(), key.get())) {
    return util::malformed("tls.key does not belong to the certificate in tls.crt");
  }
  return describe(leaf.get(), key.get(), secret);
}

}  // namespace weir::ingress
