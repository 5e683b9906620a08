import assert from 'node:assert/strict';
import { queryFor } from '../dns/query.ts';
import { comparable, type TWay, ways } from './dns-comparable.ts';
import { internet } from './dns-internet.ts';
import {
  deadNames,
  faultyQuestions,
  hostQuestions,
  moreQuestions,
  netPeers,
  soundZones,
} from './dns-internet-zones.ts';
import { peerTest } from './peer.ts';

const ports = { own: 5300, unbound: 5301 };

const questions: readonly (readonly [name: string, type: string])[] = [
  ...soundZones.flatMap(({ name: zone }) => {
    return hostQuestions.flatMap(([owner, ...types]) => {
      const name = owner === '@' ? zone : `${owner}.${zone}`;
      return types.map((type) => [name, type] as const);
    });
  }),
  ...faultyQuestions,
  ...moreQuestions,
];

/** A forger answers before this zone's server does, for which Unbound gives it up; the other is as good. */
const [forged, good] = ['spoofed.lab.', 'slow.lab.'];

peerTest(
  'recursion: answers as Unbound does, with servers of all sorts',
  netPeers,
  async (context) => {
    const net = await internet(context);
    await net.unbound(ports.unbound);
    await net.router({
      dns: {
        listeners: { dns: { address: '127.0.0.1', port: ports.own } },
        resolver: {
          mode: 'recurse',
          rootHints: net.hintsFile,
          trustAnchors: net.anchorFile,
          clients: ['127.0.0.0/8'],
        },
      },
    });
    const differences: string[] = [];
    for (const [way, how] of Object.entries(ways) as [TWay, object][]) {
      // It takes seconds to find out that nobody is there, each time.
      const asked = questions.filter(([name]) => way === 'with DO' || !deadNames.test(name));
      const queries = asked.map(([name, type]) => queryFor(name, type, how));
      const [own, reference] = await Promise.all([
        net.ask(ports.own, queries),
        net.ask(ports.unbound, queries),
      ]);
      const theirs = new Map<string, string>();
      for (const [index, question] of asked.entries()) {
        theirs.set(question.join(' '), comparable(reference[index] ?? null, way));
      }
      for (const [index, question] of asked.entries()) {
        const ours = comparable(own[index] ?? null, way).replaceAll(forged, good);
        const expected = theirs.get(question.join(' ').replace(forged, good));
        if (ours !== expected)
          differences.push(`${way}: ${question}\n ${ours}\n Unbound: ${expected}`);
      }
    }
    assert.deepEqual(differences, []);
  },
);
