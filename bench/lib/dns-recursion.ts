import { askDns } from './dns-query.ts';
import type { IDnsScenarioResult } from './dns-report.ts';
import { type IDnsScenario, runDnsRounds, udpLoad } from './dns-rounds.ts';
import { authorityKind, type IDnsServer, resolverKinds } from './dns-servers.ts';
import { askedNames, hostOf, type IDnsSite, plainZone, writeQuestions } from './dns-site.ts';
import { type IRounds, progress } from './rounds.ts';

/**
 * Resolvers with all answers in their caches; a local server with authority is behind both.
 *
 * @param wanted names of the resolvers.
 * @param versions gets those of the resolvers that are measured.
 * @returns null when one of the servers is not installed.
 */
export async function measureRecursion(
  site: IDnsSite,
  settings: IRounds,
  wanted: readonly string[],
  versions: Record<string, string>,
): Promise<IDnsScenarioResult | null> {
  if (authorityKind.version() === null) return null;
  const scenario: IDnsScenario = {
    name: 'recursion',
    title: `a resolver's cache by UDP, ${askedNames} names`,
    isForWhole: true,
    bases: ['unbound'],
    load: { questionsFile: writeQuestions(site, plainZone, askedNames), ...udpLoad },
    async check({ name, port }) {
      const answer = await askDns(port, `${hostOf(1)}.${plainZone}`);
      if (answer?.rcode !== 0 || answer.answers !== 1 || answer.isAuthoritative) {
        throw new Error(`${name} answers ${JSON.stringify(answer)} from its cache`);
      }
    },
  };
  const authority = await authorityKind.start(site);
  const servers: IDnsServer[] = [];
  try {
    for (const kind of resolverKinds(authority.port)) {
      const version = kind.version();
      if (!wanted.includes(kind.name) || version === null) continue;
      versions[kind.name] = version;
      progress(`starting ${kind.name} as a resolver`);
      servers.push(await kind.start(site));
    }
    return await runDnsRounds(scenario, servers, settings);
  } finally {
    await Promise.all([authority, ...servers].map(({ running }) => running.stop()));
  }
}
