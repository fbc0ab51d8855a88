/** An uncompressed archive becomes a tree, chunk by chunk and synchronously, in whatever thread this is. */
import { TarReader } from './tar-reader.ts';
import { TreeExtraction, type ExtractionTarget } from './tree-extraction.ts';

export class TarExtraction {
  readonly #tree: TreeExtraction;
  readonly #reader: TarReader;

  constructor(target: ExtractionTarget) {
    this.#tree = new TreeExtraction(target);
    this.#reader = new TarReader(this.#tree, (bytes) => this.#tree.content(bytes), { open: true });
  }

  /** Throws the first complaint, in Docker's form. */
  consume(chunk: Buffer): void {
    this.#reader.consume(chunk);
  }

  /** The archive is complete. */
  end(): void {
    this.#reader.finish();
    this.#tree.end();
  }

  /** Lets go of what is open; after everything else, too. */
  abandon(): void {
    this.#tree.abandon();
  }
}
