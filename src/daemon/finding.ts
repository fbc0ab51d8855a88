/** What a check of `causeway doctor` found. */
export interface Finding {
  readonly level: 'ok' | 'note' | 'warn' | 'fail';
  readonly subject: string;
  readonly text: string;
  readonly advice?: string;
}
