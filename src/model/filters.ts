/**
 * What a list is to be narrowed to: the values that were asked for, by the filter's name. Within a name any of them
 * will do.
 */
export type Filters = Readonly<Record<string, readonly string[]>>;
