/** What is said of a flag: a word in backquotes in its usage names its value. */
import type { Flag } from './flag-set.ts';

export const usageText = ({ usage }: Flag): string => usage.replaceAll('`', '');

/** Shown behind its name; '' = it has no value. */
export const valueLabel = ({ usage, type }: Flag): string => /`([^`]*)`/.exec(usage)?.[1] ?? type.label;
