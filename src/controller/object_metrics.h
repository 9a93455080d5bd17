#pragma once

#include <set>
#include <string>

#include "ingress/translator.h"
#include "kube/api_stats.h"
#include "kube/problem.h"
#include "util/metric_families.h"
#include "util/nginx_labels.h"

/// What is exported about objects, certificates and the API server: read when there is a scrape. On
/// the loop's thread.
namespace weir::controller {

using ProblemSet = std::multiset<kube::Problem>;  // one may be told of the object and of its push

/// Ingresses by what becomes of them.
void add_ingress_metrics(util::MetricFamilies& families, const ingress::Translator& translator,
                         const ProblemSet& problems);

/// When each certificate of the table ends.
void add_certificate_metrics(util::MetricFamilies& families, const ingress::Translator& translator);

/// `host`: of the API server.
void add_api_metrics(util::MetricFamilies& families, const kube::ApiStats::Numbers& numbers,
                     const std::string& host);

/// By ingress-nginx's names. `leads`: when certificates end is told by one replica of all.
void add_nginx_metrics(util::MetricFamilies& families, const util::NginxLabels& labels,
                       const ingress::Translator& translator, const ProblemSet& problems,
                       bool leads);
/// `name`: of the election.
void add_nginx_election(util::MetricFamilies& families, const util::NginxLabels& labels,
                        const std::string& name, bool is_leader);

}  // namespace weir::controller
