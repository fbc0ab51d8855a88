/**
 * Reads a tar archive entry by entry, in pieces of any size, and passes it on in the form that a visitor chooses.
 * Contents are never held in memory; extension headers (pax, GNU long names) are, until the header that they belong to
 * has come.
 */
import { invalid } from '../base/errors.ts';
import {
  isZeroBlock,
  parsePax,
  parseTarHeader,
  TAR_BLOCK,
  type PaxRecords,
  type TarHeader,
} from '../base/tar-headers.ts';

export interface TarEntry {
  /** With the extensions applied: name, link name, size, ids and time are the real ones. */
  readonly header: TarHeader;
  readonly pax: PaxRecords;
  /** Its header block as it came; only good while it is visited. */
  readonly block: Buffer;
}

/**
 * undefined: as it came. `drop`: gone with its content. `headers`: instead of its own; content dropped if
 * `dropContent`.
 */
export type TarVerdict = undefined | 'drop' | { readonly headers: Buffer; readonly dropContent: boolean };

export interface TarVisitor {
  visit(entry: TarEntry): TarVerdict;
  /** More entries to put at the end. */
  finish?(): Buffer;
}

/** As Go's reader: names and attributes of an entry. */
const MAX_EXTENSION_BYTES = 1024 * 1024;
// One entry has a few extension headers. Without a bound an archive of nothing else would be kept in memory whole.
const MAX_EXTENSION_BLOCKS = (2 * MAX_EXTENSION_BYTES) / TAR_BLOCK;

export class TarReader {
  readonly #visitor: TarVisitor;
  readonly #emit: (bytes: Buffer) => void;
  readonly #open: boolean;
  #pending: Buffer[] = []; // bytes that do not make a whole block yet
  #pendingBytes = 0;
  #raw: Buffer[] = []; // extension headers as they came, waiting for their entry
  #extension: { type: string; parts: Buffer[]; sizeBytes: number } | undefined;
  #extensionLeft = 0;
  #contentLeft = 0; // with its padding
  #paddingBytes = 0; // of the entry
  #dropping = false;
  #inSparseMap = false;
  #sparseContent = 0; // what comes after the map
  #longName: string | undefined;
  #longLink: string | undefined;
  #pax: PaxRecords | undefined;
  #ended = false;

  /**
   * `emit` gets the archive in the form that the visitor chooses. `open`: without end blocks, for another archive to
   * follow.
   */
  constructor(visitor: TarVisitor, emit: (bytes: Buffer) => void, options: { open?: boolean } = {}) {
    this.#visitor = visitor;
    this.#emit = emit;
    this.#open = options.open ?? false;
  }

  /** How much of the current entry's content, with its padding, is still to come. */
  get contentLeft(): number {
    return this.#contentLeft;
  }

  /** The end blocks were seen. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Content that the caller has skipped by itself. */
  skipContent(sizeBytes: number): void {
    this.#contentLeft -= sizeBytes;
  }

  /**
   * No more comes. An archive may lack its end blocks, and the padding of its last file: the archive that Docker's client
   * sends for `build -f` with a file from elsewhere does. It may not end inside an entry.
   */
  finish(): void {
    if (this.#contentLeft <= this.#paddingBytes) {
      if (this.#contentLeft > 0 && !this.#dropping) this.#emit(Buffer.alloc(this.#contentLeft));
      this.#contentLeft = 0;
    }
    const cut = this.#contentLeft > 0 || this.#extension || this.#raw.length > 0 || this.#inSparseMap;
    if (cut || (!this.#ended && this.#pendingBytes > 0)) throw invalid('unexpected EOF');
    if (!this.#ended) this.#end();
  }

  #end(): void {
    this.#ended = true;
    const more = this.#visitor.finish?.();
    if (more && more.length > 0) this.#emit(more);
    if (!this.#open) this.#emit(Buffer.alloc(2 * TAR_BLOCK));
  }

  /** Takes the archive's next bytes. Nothing keeps their memory but what was emitted: the caller may use it again. */
  consume(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#ended) return; // what follows the end blocks is not part of the archive
      if (this.#contentLeft > 0) {
        const take = Math.min(this.#contentLeft, chunk.length - at);
        if (!this.#dropping) this.#emit(chunk.subarray(at, at + take));
        this.#contentLeft -= take;
        at += take;
        continue;
      }
      if (this.#pendingBytes === 0 && chunk.length - at >= TAR_BLOCK) {
        this.#block(chunk.subarray(at, at + TAR_BLOCK));
        at += TAR_BLOCK;
        continue;
      }
      const take = Math.min(TAR_BLOCK - this.#pendingBytes, chunk.length - at);
      this.#pending.push(Buffer.from(chunk.subarray(at, at + take)));
      this.#pendingBytes += take;
      at += take;
      if (this.#pendingBytes === TAR_BLOCK) {
        const block = Buffer.concat(this.#pending);
        this.#pending = [];
        this.#pendingBytes = 0;
        this.#block(block);
      }
    }
  }

  #block(block: Buffer): void {
    if (this.#inSparseMap) {
      // Old GNU sparse files: more of the map follows the header, ahead of the content.
      if (!this.#dropping) this.#emit(block);
      this.#inSparseMap = block[504] !== 0;
      if (!this.#inSparseMap) this.#contentLeft = this.#sparseContent;
      return;
    }
    if (this.#extension) {
      this.#raw.push(Buffer.from(block));
      this.#extension.parts.push(this.#raw.at(-1)!);
      this.#extensionLeft -= TAR_BLOCK;
      if (this.#extensionLeft <= 0) this.#closeExtension();
      return;
    }
    if (isZeroBlock(block)) {
      this.#end();
      return;
    }
    const header = parseTarHeader(block);
    if ('xgLKXNVM'.includes(header.type)) {
      if (header.sizeBytes > MAX_EXTENSION_BYTES || header.sizeBytes < 0)
        throw invalid('archive/tar: header field too long');
      if (this.#raw.length + header.sizeBytes / TAR_BLOCK > MAX_EXTENSION_BLOCKS)
        throw invalid('archive/tar: header field too long');
      this.#raw.push(Buffer.from(block));
      this.#extension = { type: header.type, parts: [], sizeBytes: header.sizeBytes };
      this.#extensionLeft = Math.ceil(header.sizeBytes / TAR_BLOCK) * TAR_BLOCK;
      if (this.#extensionLeft === 0) this.#closeExtension();
      return;
    }
    this.#entry(header, block);
  }

  #closeExtension(): void {
    const { type, parts, sizeBytes } = this.#extension!;
    this.#extension = undefined;
    const body = Buffer.concat(parts).subarray(0, sizeBytes);
    if (type === 'x' || type === 'X') this.#pax = parsePax(body);
    else if (type === 'L') this.#longName = body.toString('latin1').replace(/\0.*$/s, '');
    else if (type === 'K') this.#longLink = body.toString('latin1').replace(/\0.*$/s, '');
    else {
      // Global records and volume labels do not apply to the entry that follows.
      for (const raw of this.#raw) this.#emit(raw);
      this.#raw = [];
    }
  }

  #entry(plain: TarHeader, block: Buffer): void {
    const pax: PaxRecords = this.#pax ?? new Map();
    // As Go reads it: an empty value is ignored, and numbers are decimal. A reader that takes '1e3' or '0x10' as a
    // number sees other entries than others do.
    const number = (key: string, otherwise: number, form = /^[+-]?\d{1,19}$/) => {
      const text = pax.get(key) || undefined;
      if (text !== undefined && !form.test(text)) throw invalid('archive/tar: invalid tar header');
      return text === undefined ? otherwise : Number(text);
    };
    const name = pax.get('path') || (this.#longName ?? plain.name);
    const header: TarHeader = {
      ...plain,
      name,
      type: plain.type === '0' && name.endsWith('/') ? '5' : plain.type,
      linkName: pax.get('linkpath') || (this.#longLink ?? plain.linkName),
      sizeBytes: number('size', plain.sizeBytes),
      uid: number('uid', plain.uid),
      gid: number('gid', plain.gid),
      mtimeS: Math.floor(number('mtime', plain.mtimeS, /^-?\d{1,19}(\.\d*)?$/)),
    };
    if (header.sizeBytes < 0 || !Number.isSafeInteger(header.sizeBytes))
      throw invalid('archive/tar: invalid tar header');
    const verdict = this.#visitor.visit({ header, pax, block });
    if (verdict === undefined) {
      for (const raw of this.#raw) this.#emit(raw);
      this.#emit(block);
    } else if (verdict !== 'drop') {
      this.#emit(verdict.headers);
    }
    this.#dropping = verdict === 'drop' || (verdict !== undefined && verdict.dropContent);
    this.#raw = [];
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    // Links, devices and directories may carry a size (hard links in pax archives do not, but old writers set one):
    // only files have content, and GNU's multi-volume and sparse kinds.
    const hasContent = !'123456'.includes(plain.type);
    const contentBytes = hasContent ? Math.ceil(header.sizeBytes / TAR_BLOCK) * TAR_BLOCK : 0;
    this.#paddingBytes = hasContent ? contentBytes - header.sizeBytes : 0;
    if (plain.type === 'S' && block[482] !== 0) {
      this.#inSparseMap = true;
      this.#sparseContent = contentBytes;
    } else {
      this.#contentLeft = contentBytes;
    }
  }
}
