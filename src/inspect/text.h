#pragma once

#include <string>
#include <string_view>

namespace weir::inspect {

/// Somebody else's text for a terminal: control characters become "?", so that it can neither move
/// the cursor nor colour anything, and it stays one line.
std::string printable(std::string_view text);

/// How a text is set off on a terminal.
enum class Tone { Plain, Bold, Good, Warning, Bad };

/// `text` in that tone; as it is without `colours`.
std::string toned(std::string_view text, Tone tone, bool colours);

/// "1 Ingress", "2 Ingresses".
std::string counted(std::size_t count, std::string_view one, std::string_view many);

}  // namespace weir::inspect
