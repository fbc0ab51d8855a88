declare const __CAUSEWAY_VERSION__: string | undefined;
declare const __CAUSEWAY_COMMIT__: string | undefined;
declare const __CAUSEWAY_BUILT_AT__: string | undefined;

/** What the build put into the bundle; a run from source has none of it. */
export function buildInfo(): { version: string; gitCommit: string; buildTime: string } {
  return {
    version: typeof __CAUSEWAY_VERSION__ === 'string' ? __CAUSEWAY_VERSION__ : '0.0.0-source',
    gitCommit: typeof __CAUSEWAY_COMMIT__ === 'string' ? __CAUSEWAY_COMMIT__ : '',
    buildTime: typeof __CAUSEWAY_BUILT_AT__ === 'string' ? __CAUSEWAY_BUILT_AT__ : '',
  };
}
