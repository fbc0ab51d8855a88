import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateRequestSchema } from './container-create.ts';
import { parseBody } from './parse-body.ts';

test("the complaint is Go's", () => {
  const read = (body: string) => () => parseBody(updateRequestSchema, 'UpdateConfig', body);
  const complaint = (what: string, field: string, type: string) => ({
    message: `invalid JSON: json: cannot unmarshal ${what} into Go struct field UpdateConfig.${field} of type ${type}`,
  });
  assert.throws(read('{"Memory":1e30}'), complaint('number 1e30', 'Memory', 'int64'));
  assert.throws(read('{"Memory":"1"}'), complaint('string', 'Memory', 'int64'));
  assert.throws(read('{"BlkioWeight":70000}'), complaint('number 70000', 'BlkioWeight', 'uint16'));
  assert.throws(
    read('{"RestartPolicy":{"MaximumRetryCount":1.5}}'),
    complaint('number 1.5', 'RestartPolicy.MaximumRetryCount', 'int'),
  );
});
