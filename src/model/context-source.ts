/** Where a context of a build is. */

/** 'local:NAME' of the client, an image, or what an earlier build has come to. */
export type ContextSource =
  | { readonly directory: string }
  | { readonly image: string }
  | { readonly builtId: string }
  | { readonly remote: string }
  /** An archive that came with the request. */
  | { readonly archive: AsyncIterable<Buffer> };
