import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordType } from './constants.ts';
import { cutMessage } from './cut.ts';
import { decodeMessage, encodeMessage, question, type Message } from './message.ts';

function answerWith(count: number, edns: boolean): Message {
  const asked = question(1, 'many.example.com', RecordType.A, edns ? { udpBytes: 512 } : {});
  const answers = Array.from({ length: count }, (_, index) => ({
    name: 'many.example.com',
    type: RecordType.A,
    class: 1,
    ttl: 60,
    data: { kind: 'address' as const, address: `10.0.${index >> 8}.${index & 255}` },
  }));
  return { ...asked, response: true, answers, authorities: answers.slice(0, 3) };
}

test('an answer that fits is unchanged; a longer one keeps whole records and sets TC', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 12, max: 4096 }), fc.boolean(), (count, limit, edns) => {
      const whole = encodeMessage(answerWith(count, edns));
      const cut = cutMessage(whole, limit);
      assert.ok(cut.length <= limit);
      if (whole.length <= limit) return assert.equal(cut, whole);
      const read = decodeMessage(cut);
      assert.equal(read.truncated, true);
      if (limit >= 200) {
        assert.equal(read.questions.length, 1);
        assert.equal(read.additionals.length, edns ? 1 : 0);
        const unused = limit - cut.length;
        assert.ok(read.answers.length === count || unused < 16, `${unused} bytes unused`);
      }
      return undefined;
    }),
  );
});

test('bytes without sense are cut to a header and do not throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 13, maxLength: 200 }), (bytes) => {
      assert.ok(cutMessage(Buffer.from(bytes), 12).length === 12);
      assert.ok(cutMessage(Buffer.from(bytes), 60).length <= Math.max(60, 12));
    }),
  );
});
