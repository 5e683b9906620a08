import { z } from 'zod';
import { answer, input, pageOf } from './registry.ts';
import { originSchema } from './route.ts';

const count = z.int().min(0);
const addresses = z.array(z.string()).describe('CIDRs and single addresses');

/** What a list is made from. */
export const addressListInputSchema = input('AddressListInput', z.strictObject({ addresses }));

/** `POST /access/:name/addresses`. */
export const addressChangeSchema = input(
  'AddressChange',
  z.strictObject({
    add: addresses.optional(),
    remove: addresses.optional().describe('Taken out before the others are added'),
  }),
);

const summaryShape = {
  name: z.string(),
  ranges: count.describe('Networks in it'),
  origin: originSchema,
};

/** A list without what is in it. */
export const addressListSummarySchema = answer('AddressListSummary', z.strictObject(summaryShape));

/** `IAddressListInfo`. */
export const addressListSchema = answer(
  'AddressList',
  z.strictObject({ ...summaryShape, addresses }),
);

/** `GET /access`. */
export const addressListPageSchema = answer('AddressListPage', pageOf(addressListSummarySchema));

/** What a change of a list did. */
export const addressListChangedSchema = answer(
  'AddressListChanged',
  z.strictObject({
    ...summaryShape,
    added: count.describe('How many were not in it'),
    removed: count.describe('How many were in it'),
  }),
);

/** `GET /access/check`. */
export const addressCheckSchema = answer(
  'AddressCheck',
  z.strictObject({
    address: z.string().describe('In its normal form'),
    lists: z.array(z.string()).describe('Names of the lists that it is in'),
  }),
);
