# bash completion for weirctl and `kubectl weir`. The words come from the program's own --help, so
# that they are never out of date.
_weirctl() {
  local current=${COMP_WORDS[COMP_CWORD]} command=
  ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]] && command=${COMP_WORDS[1]}
  case $current in
    -*)
      # shellcheck disable=SC2207,SC2086  # flags have no spaces; an empty command is no word
      COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" $command --help 2>/dev/null |
        grep -oE -- '(^|[ ,])--[a-z][a-z0-9-]*' | tr -d ' ,')" -- "$current"))
      ;;
    *)
      if [[ $command ]]; then
        compopt -o default
        COMPREPLY=()
      else
        # shellcheck disable=SC2207
        COMPREPLY=($(compgen -W "run" -- "$current"))
      fi
      ;;
  esac
}
complete -F _weirctl weirctl kubectl-weir
