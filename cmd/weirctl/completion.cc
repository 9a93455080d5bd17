#include "weirctl/completion.h"

namespace weir::weirctl {

namespace {

constexpr std::string_view kBash = R"(_weirctl() {
  local word=${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "run lint migrate explain wait version completion --help" -- "$word"))
    return
  fi
  local input="--ingress-class --controller-class --configmap --help"
  local flags=
  case ${COMP_WORDS[1]} in
    completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")); return ;;
    run) flags="--http --https --admin --log-level --help" ;;
    lint) flags=$input ;;
    migrate) flags="--output --kubeconfig --watch-namespace --timeout $input" ;;
    explain) flags="--method --header $input" ;;
    wait) flags="--status --gone --timeout --help" ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [ "${COMP_WORDS[1]}" = migrate ] && [ "$COMP_CWORD" -eq 2 ]; then
    COMPREPLY=($(compgen -W "report" -- "$word"))
  elif [ "${COMP_WORDS[COMP_CWORD-1]}" = --output ]; then
    COMPREPLY=($(compgen -W "text markdown" -- "$word"))
  elif [ "${COMP_WORDS[1]}" = run ]; then
    COMPREPLY=($(compgen -d -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -F _weirctl weirctl kubectl-weir
)";

constexpr std::string_view kZsh = R"(#compdef weirctl kubectl-weir
_weirctl() {
  if (( CURRENT == 2 )); then
    compadd run lint migrate explain wait version completion --help
    return
  fi
  local -a input=(--ingress-class --controller-class --configmap --help)
  local -a flags=()
  case $words[2] in
    completion) compadd bash zsh fish; return ;;
    run) flags=(--http --https --admin --log-level --help) ;;
    lint) flags=($input) ;;
    migrate) flags=(--output --kubeconfig --watch-namespace --timeout $input) ;;
    explain) flags=(--method --header $input) ;;
    wait) flags=(--status --gone --timeout --help) ;;
  esac
  if [[ $words[CURRENT] == -* ]]; then
    compadd -a flags
  elif [[ $words[2] == migrate && CURRENT -eq 3 ]]; then
    compadd report
  elif [[ $words[CURRENT-1] == --output ]]; then
    compadd text markdown
  elif [[ $words[2] == run ]]; then
    _files -/
  else
    _files
  fi
}
compdef _weirctl weirctl kubectl-weir
)";

constexpr std::string_view kFish = R"(complete -c weirctl -f
complete -c weirctl -n __fish_use_subcommand -a 'run lint migrate explain wait version completion'
complete -c weirctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
complete -c weirctl -n '__fish_seen_subcommand_from run' -a '(__fish_complete_directories)'
for flag in http https admin log-level
  complete -c weirctl -n '__fish_seen_subcommand_from run' -l $flag -r
end
complete -c weirctl -n '__fish_seen_subcommand_from lint migrate explain' -F
complete -c weirctl -n '__fish_seen_subcommand_from migrate' -a report
for flag in ingress-class controller-class configmap
  complete -c weirctl -n '__fish_seen_subcommand_from lint migrate explain' -l $flag -r
end
complete -c weirctl -n '__fish_seen_subcommand_from migrate' -l output -x -a 'text markdown'
for flag in kubeconfig watch-namespace timeout
  complete -c weirctl -n '__fish_seen_subcommand_from migrate' -l $flag -r
end
for flag in method header
  complete -c weirctl -n '__fish_seen_subcommand_from explain' -l $flag -r
end
for flag in status timeout
  complete -c weirctl -n '__fish_seen_subcommand_from wait' -l $flag -r
end
complete -c weirctl -n '__fish_seen_subcommand_from wait' -l gone
)";

}  // namespace

std::string_view completion(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return "";
}

}  // namespace weir::weirctl
