import * as v from 'valibot';
import { readGoInteger, type GoInteger } from '../base/go-integer.ts';

/** Complaints carry the type's name (parse-body.ts). */
export function goInteger(type: GoInteger) {
  return v.pipe(
    v.number(type),
    v.check((value) => readGoInteger(value, type) !== undefined, type),
    v.transform((value) => readGoInteger(value, type)!),
  );
}
