/** The query and headers of POST /build -> a build order. */
import { invalid } from '../../base/errors.ts';
import { parseJsonText } from '../../base/json-text.ts';
import type { BuildExtras, BuildOrder } from '../../model/build-order.ts';
import type { RegistryAuth } from '../../model/registry.ts';
import { buildArgsSchema, labelsSchema, textsSchema, ulimitsSchema } from '../../wire/build.ts';
import { checkValue } from '../../wire/parse-body.ts';
import type * as v from 'valibot';
import type { Call } from '../call.ts';
import { readRegistryAuth } from '../registry-auth.ts';

/** @throws invalid in Docker's words */
export function readBuildOrder({ query, request }: Call, extras: BuildExtras): BuildOrder {
  if (query.flag('squash')) throw invalid('squash is only supported with experimental mode');
  // Docker's are for Windows alone.
  if (query.texts('securityopt').length > 0) throw invalid('security options are not supported on linux');
  const outputs = query.text('outputs');
  if (outputs !== '' && outputs !== '[]')
    throw invalid('multiple outputs currently unsupported by the current BuildKit daemon');
  return {
    ...extras,
    remote: query.text('remote'),
    dockerfile: query.text('dockerfile'),
    tags: [...new Set(query.texts('t').filter((tag) => tag !== ''))],
    args: readArgs(query.text('buildargs')),
    labels: document(labelsSchema, query.text('labels'), {}, 'error reading labels'),
    target: query.text('target'),
    noCache: query.flag('nocache'),
    pull: query.flag('pull'),
    platform: query.text('platform'),
    limits: readLimits(query),
    cacheFrom: document(textsSchema, query.text('cachefrom'), [], 'error reading cache-from'),
    remove: query.flag('forcerm') || query.text('rm') === '' || query.flag('rm'),
    forceRemove: query.flag('forcerm'),
    auths: readAuths(request.headers['x-registry-config']),
  };
}

export function document<S extends v.GenericSchema>(
  schema: S,
  text: string,
  fallback: v.InferOutput<S>,
  complaint: string,
): v.InferOutput<S> {
  if (text === '' || text === 'null') return fallback;
  let json: unknown;
  try {
    json = parseJsonText(text);
  } catch (error) {
    throw invalid(`${complaint}: invalid JSON`, error);
  }
  return checkValue(schema, complaint, json);
}

export function readArgs(text: string): ReadonlyMap<string, string | undefined> {
  const args = document(buildArgsSchema, text, {}, 'error reading build args');
  return new Map(Object.entries(args).map(([name, value]) => [name, value ?? undefined]));
}

export function readLimits(query: Call['query']): BuildOrder['limits'] {
  const ulimits = document(ulimitsSchema, query.text('ulimits'), [], 'error reading ulimit settings');
  return {
    networkMode: query.text('networkmode'),
    extraHosts: query.texts('extrahosts').filter((host) => host !== ''),
    shmSizeBytes: query.integer('shmsize') ?? 0,
    cgroupParent: query.text('cgroupparent'),
    resources: {
      memoryBytes: query.integer('memory') ?? 0,
      memorySwapBytes: query.integer('memswap') ?? 0,
      cpuShares: query.integer('cpushares') ?? 0,
      cpuPeriodUs: query.integer('cpuperiod') ?? 0,
      cpuQuotaUs: query.integer('cpuquota') ?? 0,
      cpusetCpus: query.text('cpusetcpus'),
      cpusetMems: query.text('cpusetmems'),
      ulimits: ulimits.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard })),
    },
  };
}

/** What cannot be read counts as none, as Docker has it. */
function readAuths(header: string | string[] | undefined): ReadonlyMap<string, RegistryAuth> {
  const auths = new Map<string, RegistryAuth>();
  if (typeof header !== 'string' || header === '') return auths;
  try {
    const json = parseJsonText(Buffer.from(header, 'base64url').toString());
    if (typeof json !== 'object' || json === null) return auths;
    for (const [name, value] of Object.entries(json)) {
      const auth = readRegistryAuth(Buffer.from(JSON.stringify(value)).toString('base64url'));
      if (auth) auths.set(name, auth);
    }
  } catch {
    // None of them.
  }
  return auths;
}
