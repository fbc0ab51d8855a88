/** What shells read to complete the words of the command line. Each asks the program itself, by `__complete`. */
import { PROGRAM } from '../command/program-name.ts';

const BASH = `# Completion of ${PROGRAM} for bash. To load it: source <(${PROGRAM} completion bash)
_${PROGRAM}() {
  local line=\${COMP_LINE:0:COMP_POINT} full prefix stop='' word about how=''
  full=\${line##*[[:space:]]}
  # Where these end words for bash, it puts what is returned behind the last one.
  [[ $COMP_WORDBREAKS == *:* ]] && stop+=:
  [[ $COMP_WORDBREAKS == *=* ]] && stop+==
  prefix=
  [[ -n $stop && $full == *["$stop"]* ]] && prefix=\${full%"\${full##*["$stop"]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r word about; do
    case $word in
      :files | :directories | :open) how+=$word ;;
      *) [[ $word == "$full"* ]] && COMPREPLY+=("\${word#"$prefix"}") ;;
    esac
  done < <(command "\${COMP_WORDS[0]}" __complete --line "$line" 2>/dev/null)
  [[ $how == *:open* ]] && compopt -o nospace 2>/dev/null
  [[ $how == *:files* ]] && compopt -o default 2>/dev/null
  [[ $how == *:directories* ]] && compopt -o dirnames 2>/dev/null
  return 0
}
complete -F _${PROGRAM} ${PROGRAM}
`;

const ZSH = `#compdef ${PROGRAM}
# Completion of ${PROGRAM} for zsh. To load it: source <(${PROGRAM} completion zsh), or put it into a directory of $fpath as _${PROGRAM}
_${PROGRAM}() {
  local line word about how
  local -a found
  while IFS=$'\\t' read -r word about; do
    case $word in
      :files|:directories|:open) how+=$word ;;
      *) found+=("\${word//:/\\\\:}\${about:+:$about}") ;;
    esac
  done < <(command \${words[1]} __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  if [[ $how == *:open* ]]; then _describe -V '${PROGRAM}' found -S ''; else _describe -V '${PROGRAM}' found; fi
  [[ $how == *:files* ]] && _files
  [[ $how == *:directories* ]] && _files -/
  return 0
}
if [ "$funcstack[1]" = "_${PROGRAM}" ]; then _${PROGRAM}; else compdef _${PROGRAM} ${PROGRAM}; fi
`;

const FISH = `# Completion of ${PROGRAM} for fish. To load it: ${PROGRAM} completion fish | source
function __${PROGRAM}_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (command $words[1] __complete -- $words[2..-1] 2>/dev/null)
    switch $line
      case :files
        __fish_complete_path $words[-1]
      case :directories
        __fish_complete_directories $words[-1]
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c ${PROGRAM} -f -a '(__${PROGRAM}_complete)'
`;

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
