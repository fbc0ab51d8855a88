declare const __CAUSEWAY_VERSION__: string | undefined;
declare const __CAUSEWAY_COMMIT__: string | undefined;
declare const __CAUSEWAY_BUILT_AT__: string | undefined;

/** The name this program calls itself by in usage lines and errors. */
export const PROGRAM = 'causeway';

/** What the build wrote in; a run from source has none of it. */
export const VERSION = typeof __CAUSEWAY_VERSION__ === 'string' ? __CAUSEWAY_VERSION__ : '0.0.0-source';
export const COMMIT = typeof __CAUSEWAY_COMMIT__ === 'string' ? __CAUSEWAY_COMMIT__ : '';
export const BUILT_AT = typeof __CAUSEWAY_BUILT_AT__ === 'string' ? __CAUSEWAY_BUILT_AT__ : '';

export const DESCRIPTION = 'A container engine whose heart is how containers are connected';
