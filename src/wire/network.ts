/** Networks as Docker's API spells them. */
import * as v from 'valibot';
import { endpointSettingsSchema } from './container-create.ts';
import { fields, flag, list, optionalFields, optionalFlag, text, textMap, type Sent } from './go-fields.ts';

export const networkCreateSchema = fields({
  Name: text(),
  CheckDuplicate: optionalFlag(),
  Driver: text(),
  Scope: text(),
  EnableIPv4: optionalFlag(),
  EnableIPv6: optionalFlag(),
  IPAM: optionalFields({
    Driver: text(),
    Options: v.nullish(v.record(v.string(), v.nullish(v.string(), '')), null),
    Config: list(fields({ Subnet: text(), IPRange: text(), Gateway: text(), AuxiliaryAddresses: textMap() })),
  }),
  Internal: flag(),
  Attachable: flag(),
  Ingress: flag(),
  ConfigOnly: flag(),
  ConfigFrom: optionalFields({ Network: text() }),
  Options: textMap(),
  Labels: textMap(),
});

export const networkConnectSchema = fields({
  Container: text(),
  EndpointConfig: v.nullish(endpointSettingsSchema, null),
});

export const networkDisconnectSchema = fields({ Container: text(), Force: flag() });

/** What clients send. */
export type NetworkCreateBody = Sent<typeof networkCreateSchema>;
export type NetworkConnectBody = Sent<typeof networkConnectSchema>;
export type NetworkDisconnectBody = Sent<typeof networkDisconnectSchema>;

export type NetworkCreateRequest = v.InferOutput<typeof networkCreateSchema>;

export interface IpamPoolJson {
  Subnet?: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Readonly<Record<string, string>>;
}

export interface EndpointResourceJson {
  Name: string;
  EndpointID: string;
  MacAddress: string;
  IPv4Address: string;
  IPv6Address: string;
}

/** Since API 1.52. The numbers may be greater than a double can hold. */
export interface NetworkStatusJson {
  IPAM: { Subnets: Record<string, { IPsInUse: bigint; DynamicIPsAvailable: bigint }> };
}

export interface NetworkJson {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: { Driver: string; Options: Readonly<Record<string, string>> | null; Config: readonly IpamPoolJson[] | null };
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: { Network: string };
  ConfigOnly: boolean;
  Containers: Record<string, EndpointResourceJson>;
  Options: Readonly<Record<string, string>> | null;
  Labels: Readonly<Record<string, string>>;
  Status?: NetworkStatusJson;
}

export interface NetworkCreateResponseJson {
  Id: string;
  Warning: string;
}

export interface NetworksPrunedJson {
  NetworksDeleted: readonly string[] | null;
}
