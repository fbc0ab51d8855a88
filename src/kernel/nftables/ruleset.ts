/**
 * Whole rulesets in nft's language, through the official library in this process. A context belongs to the network
 * namespace where it was opened. Names of interfaces would be looked up in the caller's namespace: rules match
 * `iifname`, never `iif` (except for "lo", which is 1 everywhere).
 */
import { errnoOfLastCall, libnftables, type NftablesLibrary } from '../ffi.ts';
import { errnoNumber, KernelError } from '../errors.ts';
import { runInNetns } from '../netns.ts';

const NFT_CTX_OUTPUT_JSON = 1 << 4;
const NFT_CTX_OUTPUT_HANDLE = 1 << 3;
const NFT_CTX_OUTPUT_NUMERIC_PROTO = 1 << 7;
const NFT_CTX_OUTPUT_TERSE = 1 << 11; // sets without their elements

export interface ListOptions {
  /** Parsed JSON (libnftables-json(5)) instead of text. */
  readonly json?: boolean;
  readonly terse?: boolean;
  readonly handles?: boolean;
}

export class RulesetContext {
  #context: bigint | null;

  private constructor(context: bigint) {
    this.#context = context;
  }

  /** Opens in the namespace at the path and stays in it: 30 us and a few KB. */
  static open(netns?: string): RulesetContext {
    const library = libnftables();
    return runInNetns(netns, () => {
      const context = library.contextNew(0);
      if (!context) throw new KernelError('open nftables context', errnoOfLastCall() || errnoNumber('ENOMEM'));
      library.bufferOutput(context);
      library.bufferError(context);
      return new RulesetContext(context);
    });
  }

  close(): void {
    if (this.#context) libnftables().contextFree(this.#context);
    this.#context = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Carries out nft commands, all in one transaction: all take effect at one instant or none does. A refusal is a
   * KernelError whose `extended` is nft's message, with a caret under the place.
   */
  run(commands: string): void {
    this.#execute(commands, 0);
  }

  /** What a list command prints; parsed if `json`. */
  list(command: string, options: ListOptions & { json: true }): unknown;
  list(command: string, options?: ListOptions & { json?: false }): string;
  list(command: string, options: ListOptions = {}): unknown {
    const output = this.print(command, options);
    if (!options.json) return output;
    return output === '' ? { nftables: [] } : (JSON.parse(output) as unknown);
  }

  /** The text of a list command, also if `json`. */
  print(command: string, options: ListOptions): string {
    if (options.json) refuseWhatIsNoText(command, this.#execute(command, flagsOf({ ...options, json: false })));
    return this.#execute(command, flagsOf(options));
  }

  /**
   * The same in a thread; nothing else may be asked of the context, and it must stay open, until it settles. Protocols
   * are numbers: for their names libraries before
   * 1.0.9 ask getprotobynumber, whose one answer for all threads would be taken for the protocol of a rule that is listed here at the same time.
   */
  async printAside(command: string, options: ListOptions): Promise<string> {
    if (options.json)
      refuseWhatIsNoText(
        command,
        await this.#executeAside(command, flagsOf({ ...options, json: false }) | NFT_CTX_OUTPUT_NUMERIC_PROTO),
      );
    return this.#executeAside(command, flagsOf(options) | NFT_CTX_OUTPUT_NUMERIC_PROTO);
  }

  async #executeAside(commands: string, flags: number): Promise<string> {
    const library = libnftables();
    const context = this.#opened();
    for (let attempt = 1; ; attempt++) {
      library.setOutputFlags(context, flags);
      const result = await library.runCommandsAside(context, commands);
      const output = outcome(library, context, { result, errno: 0, isLast: attempt === ATTEMPTS });
      if (output !== 'again') return output.text;
    }
  }

  #execute(commands: string, flags: number): string {
    const library = libnftables();
    const context = this.#opened();
    for (let attempt = 1; ; attempt++) {
      library.setOutputFlags(context, flags);
      const result = library.runCommands(context, commands);
      const output = outcome(library, context, { result, errno: errnoOfLastCall(), isLast: attempt === ATTEMPTS });
      if (output !== 'again') return output.text;
    }
  }

  #opened(): bigint {
    if (!this.#context) throw new KernelError('run nft commands', errnoNumber('EBADF'), 'the context is closed');
    return this.#context;
  }
}

const flagsOf = ({ json, terse, handles }: ListOptions): number =>
  (json ? NFT_CTX_OUTPUT_JSON : 0) | (terse ? NFT_CTX_OUTPUT_TERSE : 0) | (handles ? NFT_CTX_OUTPUT_HANDLE : 0);

/**
 * The library ends the process (assert) where it would have to write a name into JSON that is not UTF-8. Comments it
 * leaves out then. As text it lists anything.
 */
function refuseWhatIsNoText(command: string, text: string): void {
  if (!text.includes('\ufffd') || !text.replace(/\b(comment|prefix) "[^"\n]*"/g, '').includes('\ufffd')) return;
  throw new KernelError(`${command} as JSON`, errnoNumber('EILSEQ'), 'a name in it is not UTF-8');
}

/** The library does not go on where a signal, or a ruleset that changes while it is listed, interrupts it. */
const ATTEMPTS = 4;
/** Said of the rules that it reads before it sends any. Interrupted later, the kernel may have done what it was sent. */
const UNSENT = /cache initialization failed/;

/** 'again': it was interrupted before anything was changed, and may be tried once more. */
function outcome(
  library: NftablesLibrary,
  context: bigint,
  { result, errno, isLast }: { readonly result: number; readonly errno: number; readonly isLast: boolean },
): { readonly text: string } | 'again' {
  // The buffers are read even if they are not wanted: reading empties them.
  const text = library.getOutput(context);
  const complaint = library.getError(context);
  if (result === 0) return { text };
  const code = errnoFromText(complaint) ?? (errno || errnoNumber('EINVAL'));
  if (code === errnoNumber('EINTR') && UNSENT.test(complaint) && !isLast) return 'again';
  throw new KernelError('run nft commands', code, complaint.trim());
}

// nft prints strerror's words; errno itself may have been changed by what the library did afterwards.
const knownComplaints: readonly (readonly [RegExp, string])[] = [
  [/No such file or directory/, 'ENOENT'],
  [/File exists/, 'EEXIST'],
  [/Operation not permitted/, 'EPERM'],
  [/Operation not supported/, 'EOPNOTSUPP'],
  [/Device or resource busy/, 'EBUSY'],
  [/No such process/, 'ESRCH'],
  [/Too many open files/, 'EMFILE'],
  [/Interrupted system call/, 'EINTR'],
  [/syntax error|Invalid argument/, 'EINVAL'],
];

function errnoFromText(text: string): number | undefined {
  const known = knownComplaints.find(([pattern]) => pattern.test(text));
  return known && errnoNumber(known[1]);
}
