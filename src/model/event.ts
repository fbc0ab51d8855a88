/** What happened, as `docker events` tells it. */
export interface EngineEvent {
  readonly type: 'container' | 'image' | 'network' | 'volume' | 'daemon';
  readonly action: string; // Docker's: 'create', 'start', 'die', 'exec_create: sh', 'connect', ...
  readonly actorId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
}
