/** A container's query and the answer. */
export interface NameQuery {
  readonly time: string;
  readonly protocol: 'udp' | 'tcp';
  readonly name: string;
  readonly type: string;
  readonly code: string;
  readonly answers: number;
  readonly server?: string;
  readonly problem?: string;
  readonly durationMs: number;
}
