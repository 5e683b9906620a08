import { codecOf, type IRdataCodec } from './codec.ts';
import type { IField } from './field.ts';
import { named, number, typeField } from './numbers.ts';
import { svcbParameters } from './svcb.ts';
import { name, prefixed, prefixedEnd, restString, string } from './texts.ts';

/** Where a service is and who may vouch for it: RFC 2782, 3403, 7553, 8659, 9460, 9859. */

/** RFC 8659 §4.1: letters and digits, at least one. */
const tag: IField = {
  parse(input) {
    const text = input.next('a tag of letters and digits');
    if (!/^[a-z0-9]{1,255}$/i.test(text)) throw input.failure('a tag of letters and digits');
    return prefixed(Buffer.from(text, 'latin1'));
  },
  end(bytes, at) {
    const end = prefixedEnd(bytes, at);
    return end !== -1 && /^[a-z0-9]+$/i.test(bytes.toString('latin1', at + 1, end)) ? end : -1;
  },
  format: (bytes, at, end) => bytes.toString('latin1', at + 1, end),
};

const svcb = codecOf({
  fields: [number(2, 'a priority'), name('a target', { additional: true }), svcbParameters],
});

/** Servers, rewriting rules and policies. */
export const serviceCodecs = {
  SRV: codecOf({
    fields: [
      number(2, 'a priority'),
      number(2, 'a weight'),
      number(2, 'a port'),
      name('a target', { lowered: true, additional: true }),
    ],
    compression: 'receive',
  }),
  NAPTR: codecOf({
    fields: [
      number(2, 'an order'),
      number(2, 'a preference'),
      string('flags'),
      string('services'),
      string('a regular expression'),
      name('a replacement', { lowered: true, additional: true }),
    ],
    compression: 'receive',
  }),
  URI: codecOf({
    fields: [number(2, 'a priority'), number(2, 'a weight'), restString('a URI')],
  }),
  CAA: codecOf({ fields: [number(1, 'flags'), tag, restString('a value')] }),
  DSYNC: codecOf({
    fields: [typeField, named(1, 'a scheme', { NOTIFY: 1 }), number(2, 'a port'), name('a target')],
  }),
  SVCB: svcb,
  HTTPS: svcb,
} as const satisfies Record<string, IRdataCodec>;
