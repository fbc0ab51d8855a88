/** Instructions as values, variables not yet put in. */
import type { Healthcheck } from '../../model/health.ts';
import type { Heredoc } from './heredoc.ts';

/** A command: in JSON form a list of words, in shell form one text for the image's shell. */
export interface CommandForm {
  readonly words: readonly string[];
  readonly isShell: boolean;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** Where it stands. */
interface Placed {
  /** On one line, as it is written. */
  readonly original: string;
  readonly line: number;
}

export interface FromInstruction extends Placed {
  readonly kind: 'from';
  readonly base: string;
  /** The stage's name, in lower case; '' = none. */
  readonly name: string;
  readonly platform: string;
}

export interface ArgInstruction extends Placed {
  readonly kind: 'arg';
  readonly args: readonly { readonly key: string; readonly value: string | undefined }[];
}

export interface EnvInstruction extends Placed {
  readonly kind: 'env';
  readonly pairs: readonly KeyValue[];
}

export interface LabelInstruction extends Placed {
  readonly kind: 'label';
  readonly pairs: readonly KeyValue[];
}

export interface RunInstruction extends Placed {
  readonly kind: 'run';
  readonly command: CommandForm;
  readonly heredocs: readonly Heredoc[];
  /** As they are written: variables are put in before they are read (run-mount.ts). */
  readonly mounts: readonly string[];
  readonly network: '' | 'default' | 'none' | 'host';
  readonly security: '' | 'sandbox' | 'insecure';
}

export interface CopyInstruction extends Placed {
  readonly kind: 'copy' | 'add';
  readonly sources: readonly string[];
  /** Files that are written in the Dockerfile. */
  readonly texts: readonly Heredoc[];
  readonly destination: string;
  readonly from: string;
  readonly chown: string;
  readonly chmod: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  readonly checksum: string;
  readonly keepGitDir: boolean;
  /** Archives are unpacked: undefined = those of the context, as ADD always did. */
  readonly unpack: boolean | undefined;
}

export interface CommandInstruction extends Placed {
  readonly kind: 'cmd' | 'entrypoint';
  readonly command: CommandForm;
}

export interface ShellInstruction extends Placed {
  readonly kind: 'shell';
  readonly words: readonly string[];
}

export interface HealthcheckInstruction extends Placed {
  readonly kind: 'healthcheck';
  readonly check: Healthcheck;
}

export interface ListInstruction extends Placed {
  readonly kind: 'expose' | 'volume';
  readonly items: readonly string[];
}

export interface TextInstruction extends Placed {
  readonly kind: 'user' | 'workdir' | 'stopsignal' | 'maintainer';
  readonly text: string;
}

export interface OnbuildInstruction extends Placed {
  readonly kind: 'onbuild';
  /** The instruction to come, with its heredocs. */
  readonly expression: string;
}

export type StageInstruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | RunInstruction
  | CopyInstruction
  | CommandInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | ListInstruction
  | TextInstruction
  | OnbuildInstruction;

export type Instruction = FromInstruction | StageInstruction;
