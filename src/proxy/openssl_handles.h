#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/// OpenSSL's objects with an owner, and its reasons as text.
namespace weir::proxy {

template <auto kFree>
struct OpenSslDeleter {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, OpenSslDeleter<BIO_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpenSslDeleter<SSL_CTX_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, OpenSslDeleter<SSL_SESSION_free>>;
using X509Ptr = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;

/// Reads `text`, which must outlive it.
BioPtr bio_of(const std::string& text);

/// For OpenSSL's readers of PEM: what needs a passphrase is refused, not asked for on a terminal.
int no_passphrase(char* buffer, int size, int writing, void* data);

/// OpenSSL's last reason without its numbers; it never quotes the input. Clears the queue.
std::string openssl_reason();

}  // namespace weir::proxy
