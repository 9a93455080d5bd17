#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http_head.h"
#include "table/table.h"

/// Texts that are put together from a request.
namespace weir::proxy {

/// The parts of a request that texts are put together from.
struct RequestParts {
  const RequestHead& head;
  std::string_view client_address;
  std::string_view host;             ///< normalised
  std::string_view scheme = "http";  ///< "http" or "https", as Origin has it
};

/// The value of the first cookie of that name (RFC 6265 §4.2.1), as sent; nullopt: there is none.
std::optional<std::string_view> find_cookie(const RequestHead& head, std::string_view name);

/// All bytes but letters, digits and "-._~" as %XX, for the value of a query's argument.
std::string escaped(std::string_view text);

/// Calls `add` with piece after piece.
template <class Add>
void for_each_piece(const std::vector<table::TextPart>& parts, const RequestParts& request,
                    Add add);

std::string text_of(const std::vector<table::TextPart>& parts, const RequestParts& request);

// ---- implementation ----------------------------------------------------------------------------

/// The value of an argument of the target's query, as sent; empty if there is none.
std::string_view find_argument(std::string_view target, std::string_view name);

/// The name that the request gives with its password; empty: it gives none.
std::string user_of(const RequestHead& head);

template <class Add>
void for_each_piece(const std::vector<table::TextPart>& parts, const RequestParts& request,
                    Add add) {
  using Source = table::TextPart::Source;
  for (const auto& part : parts) {
    switch (part.source) {
      case Source::Literal:
        add(std::string_view(part.text));
        break;
      case Source::ClientAddress:
        add(request.client_address);
        break;
      case Source::Host:
        add(request.host);
        break;
      case Source::RequestUri:
        add(request.head.path);
        break;
      case Source::Header: {
        bool first = true;
        for (const auto& field : request.head.fields) {
          if (!equal_ignoring_case(field.name, part.text)) continue;
          if (!first) add(std::string_view(", "));
          first = false;
          add(field.value);
        }
        break;
      }
      case Source::Cookie:
        add(find_cookie(request.head, part.text).value_or(std::string_view{}));
        break;
      case Source::Argument:
        add(find_argument(request.head.path, part.text));
        break;
      case Source::Scheme:
        add(request.scheme);
        break;
      case Source::Method:
        add(request.head.method);
        break;
      case Source::EscapedUri:
        add(std::string_view(escaped(request.head.path)));
        break;
      case Source::User:
        add(std::string_view(user_of(request.head)));
        break;
    }
  }
}

}  // namespace weir::proxy
