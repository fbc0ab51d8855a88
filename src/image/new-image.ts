/** An image that is about to be registered. */
export interface NewImage {
  readonly config: Buffer | string;
  readonly manifest?: Buffer | string;
  readonly parent?: string;
  /** The layers' blobs, lowest first. */
  readonly layers: readonly string[];
}
