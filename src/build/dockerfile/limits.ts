/**
 * How much a Dockerfile may ask for. The file comes from whoever made the context: without bounds, a few lines could
 * make the daemon write text until its memory is full.
 */

/** Of the file; BuildKit refuses from 16 MiB on, and nothing that a person wrote has a hundredth of this. */
export const MAX_DOCKERFILE_BYTES = 2 * 1024 * 1024;

/** Of all stages together, with what ONBUILD adds. The image of each step has a history of all before it. */
export const MAX_INSTRUCTIONS = 1_000;

/** Of one instruction after its variables were put in; an image's configuration has to be read again, too. */
export const MAX_EXPANDED_CHARS = 1024 * 1024;

/** Substitutions in substitutions: `${A:-${B:-...}}`. */
export const MAX_EXPANSION_DEPTH = 100;

/** Comparisons that a pattern of `${A#...}` and its like may take. */
export const MAX_PATTERN_STEPS = 5_000_000;

/** As many heredocs on one instruction. */
export const MAX_HEREDOCS = 100;
