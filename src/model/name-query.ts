/** What a container asked and what it was told. */
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
