#include "kube/kubeconfig.h"

#include <filesystem>

#include <yaml-cpp/yaml.h>

#include "kube/read_file.h"
#include "util/base64.h"

namespace weir::kube {

namespace fs = std::filesystem;

namespace {

/// Thrown and caught in this file, like yaml-cpp's own.
struct Refused {
  util::Error error;
};

struct File {
  std::string path;
  YAML::Node root;
};

/// "users", "admin" -> what is below "user" of that name, and the file it stands in.
struct Entry {
  const File* file = nullptr;
  YAML::Node value;
};

/// The member of a map; null if there is none. (yaml-cpp's own answer throws when it is asked
/// anything.)
YAML::Node child(const YAML::Node& node, const std::string& key) {
  if (!node.IsMap()) return YAML::Node();
  const auto value = node[key];
  return value.IsDefined() ? value : YAML::Node();
}

std::string text(const YAML::Node& node, const char* key) {
  const auto value = child(node, key);
  return value.IsScalar() ? value.Scalar() : std::string();
}

Entry find(const std::vector<File>& files, const std::string& list, const std::string& field,
           const std::string& name) {
  for (const auto& file : files) {
    const auto items = child(file.root, list);
    if (!items.IsSequence()) continue;
    for (const auto& item : items) {
      if (text(item, "name") == name) return {&file, child(item, field)};
    }
  }
  throw Refused{util::malformed(files.front().path + ": no entry \"" + name + "\" in " + list)};
}

std::string resolve(const Entry& entry, const char* key) {
  auto path = text(entry.value, key);
  if (path.empty() || path.front() == '/') return path;
  return (fs::absolute(entry.file->path).parent_path() / path).lexically_normal().string();
}

PemSource pem(const Entry& entry, const std::string& key) {
  PemSource source;
  const auto data_key = key + "-data";
  if (const auto data = text(entry.value, data_key.c_str()); !data.empty()) {
    auto bytes = util::decode_base64(data);
    if (!bytes)
      throw Refused{util::malformed(entry.file->path + ": " + data_key + " is not base64")};
    source.data = std::move(*bytes);
  } else {
    source.file = resolve(entry, key.c_str());
  }
  return source;
}

void refuse_unsupported(const Entry& entry, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto value = child(entry.value, key);
    if (value.IsNull() || (value.IsScalar() && value.Scalar().empty())) {
      continue;
    }
    throw Refused{util::unsupported(entry.file->path + ": weir does not support \"" + key +
                                    "\" in a kubeconfig; use a token, a tokenFile or a client "
                                    "certificate")};
  }
}

std::vector<std::string> texts(const YAML::Node& list) {
  std::vector<std::string> found;
  if (!list.IsSequence()) return found;
  for (const auto& item : list) {
    if (item.IsScalar()) found.push_back(item.Scalar());
  }
  return found;
}

Impersonation impersonation(const Entry& user) {
  Impersonation as;
  as.user = text(user.value, "as");
  as.uid = text(user.value, "as-uid");
  as.groups = texts(child(user.value, "as-groups"));
  const auto extra = child(user.value, "as-user-extra");
  if (extra.IsMap()) {
    for (const auto& entry : extra) as.extra[entry.first.Scalar()] = texts(entry.second);
  }
  if (as.user.empty() && !(as.uid.empty() && as.groups.empty() && as.extra.empty())) {
    throw Refused{util::malformed(user.file->path +
                                  ": as-uid, as-groups and as-user-extra need \"as\", the user")};
  }
  return as;
}

ClusterAccess current_access(const std::vector<File>& files) {
  std::string current;
  for (const auto& file : files) {
    if (current.empty()) current = text(file.root, "current-context");
  }
  if (current.empty()) throw Refused{util::malformed(files.front().path + ": no current-context")};
  const auto context = find(files, "contexts", "context", current);
  const auto cluster = find(files, "clusters", "cluster", text(context.value, "cluster"));

  ClusterAccess access;
  access.ns = text(context.value, "namespace");
  access.proxy_url = text(cluster.value, "proxy-url");
  access.server = text(cluster.value, "server");
  access.ca = pem(cluster, "certificate-authority");
  access.tls_server_name = text(cluster.value, "tls-server-name");
  access.insecure_skip_tls_verify = text(cluster.value, "insecure-skip-tls-verify") == "true";

  const auto user_name = text(context.value, "user");
  if (user_name.empty()) return access;
  const auto user = find(files, "users", "user", user_name);
  refuse_unsupported(user, {"exec", "auth-provider"});
  access.token = text(user.value, "token");
  access.token_file = resolve(user, "tokenFile");
  access.user = text(user.value, "username");
  access.password = text(user.value, "password");
  access.as = impersonation(user);
  access.client_certificate = pem(user, "client-certificate");
  access.client_key = pem(user, "client-key");
  return access;
}

}  // namespace

util::Result<ClusterAccess> read_kubeconfig(const std::vector<std::string>& paths) {
  std::vector<File> files;
  std::string current = paths.empty() ? "kubeconfig" : paths.front();
  try {
    for (const auto& path : paths) {
      current = path;
      std::error_code ignored;
      if (!fs::exists(path, ignored)) continue;
      const auto content = read_file(path);
      if (!content) return content.error();
      files.push_back({path, YAML::Load(*content)});
    }
    if (files.empty()) return util::malformed(current + " does not exist");
    return current_access(files);
  } catch (const YAML::Exception& error) {
    return util::malformed(current + ":" + std::to_string(error.mark.line + 1) +
                           ": not a kubeconfig: " + error.msg);
  } catch (const Refused& refused) {
    return refused.error;
  }
}

}  // namespace weir::kube
