/** An operation whose every boundary is tried. */
import type { TestEngine } from '../../harness/test-engine.ts';
import type { Caller, Reply } from './caller.ts';

export interface World {
  readonly engine: TestEngine;
  readonly api: Caller;
  /** A tar with one small file, named `file`. */
  readonly tar: Buffer;
  /** What `docker save` gives of an image named `saved`. */
  readonly archive: Buffer;
  /** 'localhost:PORT/pulled:1', which a registry has. */
  readonly registryImage: string;
}

export interface Operation {
  readonly name: string;
  prepare(world: World): Promise<void>;
  call(world: World): Promise<Reply>;
  /** What the call answers when it is repeated and has been done already; it may do it again, too. */
  readonly repeated: readonly number[];
  /**
   * Where each call makes another thing (an image has the time in its id): takes away what the call that was cut off
   * may have made.
   */
  beforeRepeat?(world: World): Promise<void>;
  /** Waits for what goes on after the reply. */
  settled?(world: World): Promise<void>;
  /** What it does goes on when it has answered, until it is settled: faults are looked for in that too. */
  readonly goesOn?: true;
  /** States that a cut may also leave: each leads from `prepare` to one, all in the API's own terms. */
  readonly between?: readonly ((world: World) => Promise<unknown>)[];
  /** Throws unless what the operation is for works. */
  check?(world: World): Promise<void> | void;
  clean(world: World): Promise<void>;
}
