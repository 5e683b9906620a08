import { z } from 'zod';
import type {
  IDnssecOptions,
  IHealthMember,
  IHealthRecords,
  IUpdateRule,
  IZoneOptions,
  IZonePeer,
  IZoneRecord,
} from '../../ts_interfaces/data/dns.ts';
import {
  contact,
  dataAddress,
  dnsAccessEntry,
  dnsClient,
  keyReference,
  peerAddress,
  recordData,
  recordLine,
  recordName,
  recordType,
  serverName,
  ttl,
  updateName,
  upstreamName,
  viewName,
  zoneName,
} from './schema-dns-scalar.ts';
import { filledArray, objectCheck, type TFits } from './schema-object.ts';
import { filePath, itemName, port, whole } from './schema-scalar.ts';
import { checkRecord, checkUpdateRule, checkZone } from './zone-checks.ts';

/** `IHealthMember`: an address that stands for a backend. */
export const healthMemberSchema = z.strictObject({
  address: dataAddress,
  backend: itemName.optional(),
  weight: whole(1, 65_535).optional(),
});

/** `IHealthRecords`: addresses that are answered while what is behind them lives. */
export const healthRecordsSchema = z.strictObject({
  upstream: upstreamName,
  members: filledArray(healthMemberSchema, 'address').optional(),
  answers: whole(0, 255).optional(),
  whenAllDead: z.enum(['all', 'none', 'servfail', 'fallback']).optional(),
  fallback: filledArray(dataAddress, 'address').optional(),
});

/** `IZoneRecord`: one record set of a zone. Its name stays as it is written. */
export const zoneRecordSchema = z
  .strictObject({
    name: recordName,
    type: recordType,
    ttl: ttl.optional(),
    data: z.union([recordData, filledArray(recordData, 'record')]).optional(),
    health: healthRecordsSchema.optional(),
  })
  .check(objectCheck(checkRecord));

/** `IZonePeer`: a server that zones are fetched from, or that is told of changes. */
export const zonePeerSchema = z.strictObject({
  address: peerAddress,
  port: port.optional(),
  key: keyReference.optional(),
});

/** `IUpdateRule`: who may change records, and which. */
export const updateRuleSchema = z
  .strictObject({
    key: keyReference.optional(),
    from: filledArray(dnsClient, 'address').optional(),
    names: filledArray(updateName, 'name').optional(),
    types: filledArray(recordType, 'type').optional(),
  })
  .check(objectCheck(checkUpdateRule));

/** Ten years, the most that the lifetime of a key may be. */
const days = whole(0, 3_650);

/** `IDnssecOptions`: how a zone is signed. */
export const dnssecSchema = z.strictObject({
  algorithm: z.enum(['ECDSAP256SHA256', 'ED25519']).optional(),
  keys: z.enum(['csk', 'ksk-zsk']).optional(),
  denial: z.enum(['compact', 'nsec', 'nsec3']).optional(),
  validityDays: whole(1, 365).optional(),
  zskLifetimeDays: days.optional(),
  kskLifetimeDays: days.optional(),
  parentDsTtl: ttl.optional(),
});

/** `IZoneOptions` as accepted; of a parsed one all names are in their normal form. */
export const zoneSchema = z
  .strictObject({
    name: zoneName,
    view: viewName.optional(),
    file: filePath.optional(),
    records: z.array(z.union([recordLine, zoneRecordSchema])).optional(),
    primaries: filledArray(zonePeerSchema, 'server').optional(),
    nameservers: filledArray(serverName, 'server').optional(),
    contact: contact.optional(),
    ttl: ttl.optional(),
    serial: z.enum(['increment', 'unix-time', 'date']).optional(),
    transfer: z.array(dnsAccessEntry).optional(),
    notify: z.array(zonePeerSchema).optional(),
    notifyFrom: z.array(dnsAccessEntry).optional(),
    update: z.array(updateRuleSchema).optional(),
    dnssec: z.union([z.boolean(), dnssecSchema]).optional(),
  })
  .check(objectCheck(checkZone));

/** The schemas say what the public types say: this type compiles only while they do. */
export type TZoneSchemaCheck = [
  TFits<z.output<typeof zoneSchema>, IZoneOptions>,
  TFits<IZoneOptions, z.input<typeof zoneSchema>>,
  TFits<keyof IZoneOptions, keyof z.output<typeof zoneSchema>>,
  TFits<keyof IZoneRecord, keyof z.output<typeof zoneRecordSchema>>,
  TFits<keyof IHealthRecords, keyof z.output<typeof healthRecordsSchema>>,
  TFits<keyof IHealthMember, keyof z.output<typeof healthMemberSchema>>,
  TFits<keyof IZonePeer, keyof z.output<typeof zonePeerSchema>>,
  TFits<keyof IUpdateRule, keyof z.output<typeof updateRuleSchema>>,
  TFits<keyof IDnssecOptions, keyof z.output<typeof dnssecSchema>>,
];
