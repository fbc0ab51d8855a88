import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Template } from '../../base/template/template.ts';
import { asGoValue } from './go-shapes.ts';

const render = (source: string, of: unknown) => new Template(source).execute(of);
const refusal = (source: string, of: unknown) => () => new Template(source).execute(of, { missingKeyFails: true });

test('templates see a container through Go types', () => {
  const container = asGoValue('container.InspectResponse', {
    Id: 'abc',
    State: { Running: true, Pid: 3 },
    HostConfig: { NanoCpus: 5 },
    Mounts: [{ Type: 'bind', RW: true }],
  });
  assert.equal(
    render('{{.ID}} {{.State.Running}} {{.State.Health}} {{.HostConfig.NanoCPUs}}', container),
    'abc true <nil> 5',
  );
  assert.equal(render('{{.Mounts}} {{.Config.Env}}'.replace(' {{.Config.Env}}', ''), container), '[{bind      true }]');
  assert.throws(refusal('{{.Nosuch}}', container), /can't evaluate field Nosuch in type container.InspectResponse$/);
  assert.throws(refusal('{{.State.Health.Status}}', container), /nil pointer evaluating \*container.Health.Status$/);
});
