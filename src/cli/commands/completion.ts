/** `completion bash|zsh|fish` */
import type { Command } from '../command/command.ts';
import { PROGRAM } from '../command/program-name.ts';
import { StatusError } from '../command/status-error.ts';
import { SCRIPTS } from '../completion/scripts.ts';
import { print } from '../terminal/output.ts';

export const completionCommand: Command = {
  use: 'completion bash|zsh|fish',
  short: 'Print what a shell reads to complete words',
  long: `Print what a shell reads to complete commands, flags, and the names of containers, images, networks and volumes.

For this shell:          source <(${PROGRAM} completion bash)
For every bash to come:  ${PROGRAM} completion bash > /etc/bash_completion.d/${PROGRAM}
zsh:                     ${PROGRAM} completion zsh > "\${fpath[1]}/_${PROGRAM}"
fish:                    ${PROGRAM} completion fish > ~/.config/fish/completions/${PROGRAM}.fish`,
  args: [1, 1],
  flags: [],
  run({ args: [shell = ''] }) {
    if (!Object.hasOwn(SCRIPTS, shell))
      throw new StatusError(`${PROGRAM}: no completion for '${shell}': there is bash, zsh and fish`);
    print(SCRIPTS[shell]!);
  },
};
