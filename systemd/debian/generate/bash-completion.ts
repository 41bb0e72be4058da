import { commands, options, type Command, type Option } from "../../../agent/cli/arguments.ts";

/* Tab completion for boardkeeper-agent in bash, generated from the table of commands. */

/** A script for /usr/share/bash-completion/completions. */
export function bashCompletion(): string {
  const cases = Object.entries<Command>(commands).map(([name, command]) => {
    const names = command.options.map((option) => `--${option}`);
    return `    ${name}) words='${[...names, "--help"].join(" ")}' ;;`;
  });
  const files = optionsWhoseValue((value) => value === "FILE");
  const folders = optionsWhoseValue((value) => value === "DIR");
  const others = optionsWhoseValue((value) => value !== "FILE" && value !== "DIR");
  const withOperand = Object.entries<Command>(commands).flatMap(([name, { operand }]) =>
    operand?.includes("FILE") === true ? [name] : [],
  );
  return `# bash completion for boardkeeper-agent
_boardkeeper_agent() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} words=
  COMPREPLY=()
  case $before in
    ${files}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    ${folders}) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    ${others}) return ;;
  esac
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '${Object.keys(commands).join(" ")} help --version --help' -- "$word")
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
    help) words='${Object.keys(commands).join(" ")}' ;;
  esac
  case \${COMP_WORDS[1]}:$word in
    *:-*) ;;
    ${withOperand.map((name) => `${name}:*`).join(" | ")}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o filenames -F _boardkeeper_agent boardkeeper-agent
`;
}

/** A shell pattern that matches the options whose value is of a kind. */
function optionsWhoseValue(isWanted: (value: string) => boolean): string {
  const wanted = Object.entries<Option>(options).filter(([, { value }]) => value !== undefined && isWanted(value));
  return wanted.map(([name, { short }]) => (short === undefined ? `--${name}` : `--${name} | -${short}`)).join(" | ");
}
