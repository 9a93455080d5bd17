#include "weirctl/completion.h"

namespace weir::weirctl {

namespace {

constexpr std::string_view kBash = R"(_weirctl() {
  local word=${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "run version completion --help" -- "$word"))
  elif [ "${COMP_WORDS[1]}" = completion ]; then
    COMPREPLY=($(compgen -W "bash zsh fish" -- "$word"))
  elif [ "${COMP_WORDS[1]}" = run ] && [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "--http --https --admin --log-level --help" -- "$word"))
  else
    COMPREPLY=($(compgen -d -- "$word"))
  fi
}
complete -F _weirctl weirctl kubectl-weir
)";

constexpr std::string_view kZsh = R"(#compdef weirctl kubectl-weir
_weirctl() {
  if (( CURRENT == 2 )); then
    compadd run version completion --help
  elif [[ $words[2] == completion ]]; then
    compadd bash zsh fish
  elif [[ $words[2] == run && $words[CURRENT] == -* ]]; then
    compadd -- --http --https --admin --log-level --help
  else
    _files -/
  fi
}
compdef _weirctl weirctl kubectl-weir
)";

constexpr std::string_view kFish = R"(complete -c weirctl -f
complete -c weirctl -n __fish_use_subcommand -a 'run version completion'
complete -c weirctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
complete -c weirctl -n '__fish_seen_subcommand_from run' -a '(__fish_complete_directories)'
for flag in http https admin log-level
  complete -c weirctl -n '__fish_seen_subcommand_from run' -l $flag -r
end
)";

}  // namespace

std::string_view completion(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return "";
}

}  // namespace weir::weirctl
