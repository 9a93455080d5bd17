#include "proxy/trust_store.h"

#include <new>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "proxy/openssl_handles.h"

namespace weir::proxy {

namespace {

using CrlPtr = std::unique_ptr<X509_CRL, OpenSslDeleter<X509_CRL_free>>;

/// True after the last PEM block was read; clears the queue then.
bool at_end_of_pem() {
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return false;
  ERR_clear_error();
  return true;
}

}  // namespace

TrustStore::~TrustStore() {
  X509_STORE_free(store_);
  sk_X509_NAME_pop_free(names_, X509_NAME_free);
}

util::Result<std::shared_ptr<const TrustStore>> TrustStore::parse(
    const table::TrustBundle& bundle) {
  ERR_clear_error();
  std::shared_ptr<TrustStore> parsed(new TrustStore);
  parsed->store_ = X509_STORE_new();
  parsed->names_ = sk_X509_NAME_new_null();
  if (parsed->store_ == nullptr || parsed->names_ == nullptr) throw std::bad_alloc();

  const auto authorities = bio_of(bundle.ca_pem);
  while (const X509Ptr authority{
      PEM_read_bio_X509(authorities.get(), nullptr, no_passphrase, nullptr)}) {
    X509_STORE_add_cert(parsed->store_, authority.get());
    sk_X509_NAME_push(parsed->names_, X509_NAME_dup(X509_get_subject_name(authority.get())));
  }
  if (!at_end_of_pem()) {
    return util::malformed(
        fmt::format("ca_pem of {} has a broken certificate: {}", bundle.name, openssl_reason()));
  }
  if (sk_X509_NAME_num(parsed->names_) == 0) {
    return util::malformed(fmt::format("ca_pem of {} has no PEM certificate", bundle.name));
  }

  if (!bundle.crl_pem.empty()) {
    const auto lists = bio_of(bundle.crl_pem);
    int count = 0;
    while (const CrlPtr list{PEM_read_bio_X509_CRL(lists.get(), nullptr, no_passphrase, nullptr)}) {
      X509_STORE_add_crl(parsed->store_, list.get());
      ++count;
    }
    if (!at_end_of_pem()) {
      return util::malformed(fmt::format("crl_pem of {} has a broken revocation list: {}",
                                         bundle.name, openssl_reason()));
    }
    if (count == 0) {
      return util::malformed(fmt::format("crl_pem of {} has no PEM revocation list", bundle.name));
    }
    X509_STORE_set_flags(parsed->store_, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }

  const std::string content = bundle.ca_pem + '\0' + bundle.crl_pem;
  parsed->digest_.resize(SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(),
         reinterpret_cast<unsigned char*>(parsed->digest_.data()));
  return std::shared_ptr<const TrustStore>(std::move(parsed));
}

}  // namespace weir::proxy
