/** Where Causeway prints something else than Docker 20.10 did, and why. The two seed scenarios have none. */
export interface Difference {
  readonly docker: string;
  readonly here: string;
  readonly because: string;
}

export const DIFFERENCES: Readonly<Record<string, readonly Difference[]>> = {};
