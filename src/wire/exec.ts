/** Exec instances as Docker's API spells them. */
import * as v from 'valibot';
import { fields, flag, integer, text, texts, type Sent } from './go-fields.ts';

const consoleSizeSchema = v.nullish(v.array(integer(0, 'uint')), null);

export const execCreateSchema = fields({
  User: text(),
  Privileged: flag(),
  Tty: flag(),
  ConsoleSize: consoleSizeSchema,
  AttachStdin: flag(),
  AttachStdout: flag(),
  AttachStderr: flag(),
  Detach: flag(),
  DetachKeys: text(),
  Env: texts(),
  WorkingDir: text(),
  Cmd: texts(),
});

export const execStartSchema = fields({
  Detach: flag(),
  Tty: flag(),
  ConsoleSize: consoleSizeSchema,
  // Not of Docker's start; clients that send the whole of what they created with have it.
  DetachKeys: text(),
});

export type ExecCreateBody = Sent<typeof execCreateSchema>;
export type ExecStartBody = Sent<typeof execStartSchema>;

export interface ExecInspectJson {
  ID: string;
  Running: boolean;
  ExitCode: number | null;
  ProcessConfig: { tty: boolean; entrypoint: string; arguments: readonly string[]; privileged: boolean; user?: string };
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  DetachKeys: string;
  Pid: number;
}
