/** A container's query and the answer. */
export interface NameQuery {
  readonly time: string;
  readonly protocol: 'udp' | 'tcp';
  readonly name: string;
  readonly type: string;
  readonly code: string;
  readonly answers: number;
  /** The server that was asked; absent where the answer was local. */
  readonly server?: string;
  readonly problem?: string;
  readonly durationMs: number;
}

/** As the resolver tells it. `sandbox`: whose query it was. */
export interface QueryEvent extends NameQuery {
  readonly sandbox: string;
}
