/** What a RUN step executes: its words, or the texts of its heredocs for the shell. */
import type { ImageConfig } from '../model/image.ts';
import { commandWords, shellOf } from './config-step.ts';
import { heredocText, heredocWord } from './dockerfile/heredoc.ts';
import type { RunInstruction } from './dockerfile/instruction.ts';

export interface RunScript {
  readonly command: readonly string[];
  /** A script with its own interpreter: a file of the step's. */
  readonly file: { readonly path: string; readonly content: string } | undefined;
}

export function runScript(config: ImageConfig, { command, heredocs }: RunInstruction): RunScript {
  const [first] = heredocs;
  if (!first || !command.isShell) return { command: commandWords(config, command), file: undefined };
  const line = command.words[0] ?? '';
  if (!heredocWord(line)) {
    // The shell reads them itself.
    const texts = heredocs.map(({ content, name }) => `\n${content}${name}`);
    return { command: [...shellOf(config), line + texts.join('')], file: undefined };
  }
  const content = heredocText(first);
  if (!content.startsWith('#!')) return { command: [...shellOf(config), content], file: undefined };
  const path = `/dev/pipes/${first.name.replaceAll('/', '_')}`;
  return { command: [...shellOf(config), path], file: { path, content } };
}
