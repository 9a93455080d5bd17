#include "controller/object_metrics.h"

#include <limits>
#include <map>
#include <string_view>
#include <utility>

#include "kube/resource.h"

namespace weir::controller {

namespace {

using ingress::NamespacedName;
using util::MetricFamilies;
using util::MetricLabels;

MetricLabels with(MetricLabels labels, const MetricLabels& more) {
  labels.insert(labels.end(), more.begin(), more.end());
  return labels;
}

/// Of a certificate in the table.
struct Served {
  NamespacedName secret;
  const ingress::CertificateInfo* info;  // the store's
};

std::vector<Served> served_certificates(const ingress::Translator& translator) {
  std::vector<Served> served;
  for (const auto& secret : translator.certificates()) {
    const auto checked = translator.objects().checked_certificate(secret);
    if (checked != nullptr && checked->has_value()) served.push_back({secret, &**checked});
  }
  return served;
}

}  // namespace

void add_ingress_metrics(MetricFamilies& families, const ingress::Translator& translator,
                         const ProblemSet& problems) {
  std::set<NamespacedName> in_trouble;
  for (const auto& problem : problems) {
    const auto& object = problem.object;
    if (object.kind == kube::Kind::Ingress) in_trouble.insert({object.ns, object.name});
  }
  double partially = 0;
  double rejected = 0;
  for (const auto& name : in_trouble) {
    if (translator.serves(name)) {
      ++partially;
    } else if (translator.objects().find_ingress(name) == nullptr) {
      ++rejected;
    }
  }
  const auto served = static_cast<double>(translator.served());
  const auto all = static_cast<double>(translator.objects().ingresses().size());
  families.gauge("weir_ingresses",
                 "Ingresses: served as a whole, served but with a problem, not to be read, of "
                 "another class.");
  families.add({{"state", "accepted"}}, served - partially);
  families.add({{"state", "partially"}}, partially);
  families.add({{"state", "rejected"}}, rejected);
  families.add({{"state", "other_class"}}, all - served);
}

void add_certificate_metrics(MetricFamilies& families, const ingress::Translator& translator) {
  families.gauge("weir_certificate_not_after_timestamp_seconds",
                 "When a certificate that is served ends; told by the leader alone.");
  for (const auto& [secret, info] : served_certificates(translator)) {
    families.add({{"secret_namespace", secret.ns}, {"secret_name", secret.name}},
                 static_cast<double>(info->not_after));
  }
}

namespace {

prometheus::ClientMetric::Histogram histogram_of(const kube::ApiStats::Times& times) {
  prometheus::ClientMetric::Histogram histogram;
  for (std::size_t i = 0; i < times.buckets.size(); ++i) {
    histogram.sample_count += times.buckets[i];
    const bool is_last = i == kube::ApiStats::kBounds.size();
    histogram.bucket.push_back(
        {histogram.sample_count,
         is_last ? std::numeric_limits<double>::infinity() : kube::ApiStats::kBounds[i]});
  }
  histogram.sample_sum = times.sum;
  return histogram;
}

/// A series for each kind that is watched and each reason.
template <class Reason, class Counts>
void add_by_reason(MetricFamilies& families, const kube::ApiStats::Numbers& numbers,
                   Counts kube::ApiStats::OfKind::*counts) {
  for (const auto& [kind, known] : numbers.kinds) {
    for (std::size_t i = 0; i < (known.*counts).size(); ++i) {
      families.add(
          {{"resource", kube::short_name(kind)}, {"reason", to_string(static_cast<Reason>(i))}},
          static_cast<double>((known.*counts)[i]));
    }
  }
}

}  // namespace

void add_api_metrics(MetricFamilies& families, const kube::ApiStats::Numbers& numbers,
                     const std::string& host) {
  families.counter("rest_client_requests_total", "Requests to the API server.");
  for (const auto& [what, count] : numbers.requests) {
    families.add({{"code", what.second}, {"method", what.first}, {"host", host}},
                 static_cast<double>(count));
  }
  families.histogram("rest_client_request_duration_seconds",
                     "Requests to the API server, until the head of the answer.");
  for (const auto& [verb, times] : numbers.times) {
    families.add({{"verb", verb}, {"host", host}}, histogram_of(times));
  }
  families.counter("rest_client_request_retries_total",
                   "Requests to the API server that were sent again, by the answer before.");
  for (const auto& [what, count] : numbers.retries) {
    families.add({{"code", what.second}, {"verb", what.first}, {"host", host}},
                 static_cast<double>(count));
  }
  families.counter("weir_kube_watch_restarts_total", "Watches that ended, by why.");
  add_by_reason<kube::WatchEnd>(families, numbers, &kube::ApiStats::OfKind::restarts);
  families.counter("weir_kube_relists_total", "Lists of all objects of a kind, by why.");
  add_by_reason<kube::ListReason>(families, numbers, &kube::ApiStats::OfKind::lists);
  families.gauge("weir_kube_last_event_timestamp_seconds",
                 "When the API server last told of a kind: a list, a change or a bookmark.");
  for (const auto& [kind, known] : numbers.kinds) {
    families.add({{"resource", kube::short_name(kind)}}, known.last_event);
  }
}

// ---- ingress-nginx -----------------------------------------------------------------------------

namespace {

/// What its dashboards call a certificate: "<serial of the issuer's name>-<serial>".
std::string identifier_of(const ingress::CertificateInfo& info) {
  return "-" + info.serial;
}

/// The hosts that Ingresses name for each Secret; "_" stands for the default certificate.
std::map<NamespacedName, std::set<std::string>> hosts_by_secret(
    const ingress::Translator& translator) {
  std::map<NamespacedName, std::set<std::string>> hosts;
  for (const auto& [name, ingress] : translator.objects().ingresses()) {
    if (!translator.serves(name)) continue;
    for (const auto& tls : ingress.tls) {
      if (tls.secret_name.empty()) continue;
      hosts[{name.ns, tls.secret_name}].insert(tls.hosts.begin(), tls.hosts.end());
    }
  }
  return hosts;
}

void add_certificates(MetricFamilies& families, const util::NginxLabels& labels,
                      const ingress::Translator& translator, bool leads) {
  struct OfHost {
    MetricLabels labels;
    const ingress::CertificateInfo* info;
  };
  std::vector<OfHost> all;
  const auto hosts = hosts_by_secret(translator);
  for (const auto& [secret, info] : served_certificates(translator)) {
    const auto found = hosts.find(secret);
    const auto names = found == hosts.end() ? std::set<std::string>{"_"} : found->second;
    for (const auto& host : names) {
      all.push_back({{{"class", labels.controller_class},
                      {"namespace", secret.ns},
                      {"host", host},
                      {"secret_name", secret.name},
                      {"identifier", identifier_of(*info)}},
                     info});
    }
  }
  families.gauge("nginx_ingress_controller_ssl_expire_time_seconds",
                 "As weir_certificate_not_after_timestamp_seconds, by host.");
  for (const auto& one : all) {
    if (leads) families.add(one.labels, static_cast<double>(one.info->not_after));
  }
  families.gauge("nginx_ingress_controller_ssl_certificate_info", "1, labelled with what it is.");
  for (const auto& one : all) {
    families.add(with(one.labels, {{"issuer_organization", one.info->issuer_organization},
                                   {"issuer_common_name", one.info->issuer_common_name},
                                   {"serial_number", one.info->serial},
                                   {"public_key_algorithm", one.info->key_type}}),
                 1);
  }
}

/// ingress-nginx's word for a problem that leaves an Ingress without endpoints; "": it has none.
std::string_view orphan_type(std::string_view code) {
  return code == "ServiceNotFound" || code == "ServicePortNotFound" ? "no-service" : "";
}

}  // namespace

void add_nginx_metrics(MetricFamilies& families, const util::NginxLabels& labels,
                       const ingress::Translator& translator, const ProblemSet& problems,
                       bool leads) {
  add_certificates(families, labels, translator, leads);
  families.gauge("nginx_ingress_controller_orphan_ingress",
                 "1: the Ingress leads to a Service that is not there.");
  std::set<std::pair<NamespacedName, std::string_view>> orphans;
  for (const auto& problem : problems) {
    const auto type = orphan_type(problem.code);
    if (type.empty() || problem.object.kind != kube::Kind::Ingress) continue;
    orphans.insert({{problem.object.ns, problem.object.name}, type});
  }
  for (const auto& [ingress, type] : orphans) {
    families.add(
        with(labels.all(),
             {{"namespace", ingress.ns}, {"ingress", ingress.name}, {"type", std::string(type)}}),
        1);
  }
}

void add_nginx_election(MetricFamilies& families, const util::NginxLabels& labels,
                        const std::string& name, bool is_leader) {
  families.gauge("nginx_ingress_controller_leader_election_status",
                 "As leader_election_master_status.");
  families.add(with(labels.all(), {{"name", name}}), is_leader ? 1 : 0);
}

}  // namespace weir::controller
