#include "support/weir.h"

#include <cstdlib>
#include <memory>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace weir::test {

namespace {

/// "… listening on 127.0.0.1:41234"
std::uint16_t port_of(const std::string& line) {
  const auto colon = line.rfind(':');
  return colon == std::string::npos
             ? std::uint16_t{0}
             : static_cast<std::uint16_t>(std::strtoul(line.c_str() + colon + 1, nullptr, 10));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

}  // namespace

Response admin_get(std::uint16_t port, const std::string& path) {
  auto socket = Socket::connect(port);
  if (!socket.is_open()) return {};
  socket.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return receive_response(socket);
}

double metric(std::uint16_t port, const std::string& series) {
  const auto page = admin_get(port, "/metrics").body;
  double sum = 0;
  bool found = false;
  for (std::size_t at = 0; at < page.size();) {
    const auto end = std::min(page.find('\n', at), page.size());
    const auto line = page.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(series)) continue;
    const char next = line.size() > series.size() ? line[series.size()] : ' ';
    const bool inside_labels = series.find('{') != std::string::npos;
    if (!inside_labels && next != ' ' && next != '{') continue;
    found = true;
    sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return found ? sum : -1;
}

ProxyProcess::ProxyProcess(const std::string& socket, std::vector<std::string> flags,
                           const std::vector<std::string>& under) {
  auto argv = under;
  argv.insert(argv.end(), {binary_folder() / "weir-proxy", "--socket", socket});
  const auto add_default = [&](const std::string& flag) {
    for (const auto& given : flags) {
      if (given == flag) return;
    }
    argv.insert(argv.end(), {flag, "127.0.0.1:0"});
  };
  add_default("--http");
  add_default("--https");
  add_default("--admin");
  argv.insert(argv.end(), flags.begin(), flags.end());
  process_ = std::make_unique<Process>(argv);
  ports_.admin = port_of(process_->wait_for_line("admin listening on "));
  ports_.http = port_of(process_->wait_for_line("http listening on "));
  ports_.https = port_of(process_->wait_for_line("https listening on "));
  if (ports_.https == 0)
    throw std::runtime_error("weir-proxy did not start: " + process_->output());
}

bool ProxyProcess::wait_ready() const {
  return eventually([this] { return ready(); });
}

Response ProxyProcess::get(const std::string& host, const std::string& path) const {
  auto socket = Socket::connect(ports_.http);
  if (!socket.is_open()) return {};
  socket.send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  return receive_response(socket);
}

ControllerProcess::ControllerProcess(const std::string& source, const std::string& socket,
                                     std::vector<std::string> flags,
                                     const std::map<std::string, std::string>& environment) {
  std::vector<std::string> argv = {binary_folder() / "weir-controller",
                                   "--source",
                                   source,
                                   "--socket",
                                   socket,
                                   "--metrics-listen",
                                   "127.0.0.1:0"};
  argv.insert(argv.end(), flags.begin(), flags.end());
  process_ = std::make_unique<Process>(argv, environment);
  metrics_port_ = port_of(process_->wait_for_line("metrics listening on "));
  if (metrics_port_ == 0) {
    throw std::runtime_error("weir-controller did not start: " + process_->output());
  }
}

bool settled(const ControllerProcess& controller, const ProxyProcess& proxy) {
  return eventually([&] {
    return proxy.metric("weir_config_generation") ==
           controller.metric("weir_controller_table_generation");
  });
}

namespace manifest {

std::string service(const std::string& name, const std::vector<std::uint16_t>& ports,
                    const std::string& address) {
  std::string text = "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
                     "}\nspec:\n  ports:\n  - {name: http, port: 80, targetPort: http}\n";
  // One slice a port: all endpoints of a slice share theirs.
  int index = 0;
  for (const auto port : ports) {
    text +=
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: " + name +
        "-" + std::to_string(index++) + "\n  labels: {kubernetes.io/service-name: " + name +
        "}\naddressType: IPv4\nports:\n- {name: http, port: " + std::to_string(port) +
        "}\nendpoints:\n- addresses: [" + address + "]\n";
  }
  return text;
}

std::string ingress(const std::string& name, const std::string& host, const std::string& service,
                    const std::string& secret, const std::string& ingress_class) {
  std::string text =
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " + name + "}\nspec:\n";
  if (!ingress_class.empty()) text += "  ingressClassName: " + ingress_class + "\n";
  if (!secret.empty()) {
    text += "  tls:\n  - {hosts: ['" + host + "'], secretName: " + secret + "}\n";
  }
  return text + "  rules:\n  - host: '" + host +
         "'\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend: "
         "{service: {name: " +
         service + ", port: {number: 80}}}\n";
}

std::string tls_secret(const std::string& name, const std::string& host) {
  const auto pair = make_key_pair(host);
  return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name +
         "}\ntype: kubernetes.io/tls\ndata:\n  tls.crt: " + base64(pair.certificate) +
         "\n  tls.key: " + base64(pair.key) + "\n";
}

}  // namespace manifest

KeyPair make_key_pair(const std::string& host) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), std::rand());
  X509_gmtime_adj(X509_getm_notBefore(certificate), -300);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24L * 60 * 60);
  X509_set_pubkey(certificate, key);
  auto* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  auto* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str());
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  BIO* certificate_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_pem, certificate);
  BIO* key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(key_pem, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {text_of(certificate_pem), text_of(key_pem)};
}

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace weir::test
