import { BackendNames } from '../../ts/proxy/backend-names.ts';
import { type INameResolver, ResolverNames } from '../../ts/proxy/name-source.ts';

type TResolution = Awaited<ReturnType<INameResolver['resolve']>>;

/** A resolver whose answers a test decides. What is not set does not exist. */
export class FakeResolver implements INameResolver {
  /** Every question, in order: `a.test AAAA`. */
  readonly asked: string[] = [];
  private readonly answers = new Map<string, () => Promise<TResolution>>();

  /** @param ttl in seconds. */
  set(name: string, type: string, data: readonly string[], ttl = 30, rcode = 'NOERROR'): void {
    const records = data.map((text) => ({ type, ttl, data: text }));
    this.answers.set(`${name} ${type}`, async () => ({ rcode, records, ttl }));
  }

  /** Both kinds of addresses. */
  addresses(name: string, data: readonly string[], ttl = 30): void {
    const ip6 = data.filter((text) => text.includes(':'));
    this.set(
      name,
      'A',
      data.filter((text) => !text.includes(':')),
      ttl,
    );
    this.set(name, 'AAAA', ip6, ttl);
  }

  /** All questions about the name fail. */
  fail(name: string, rcode = 'SERVFAIL'): void {
    for (const type of ['A', 'AAAA', 'SRV']) this.set(name, type, [], 5, rcode);
  }

  /** Answers a question in another way. */
  answer(name: string, type: string, how: () => Promise<TResolution>): void {
    this.answers.set(`${name} ${type}`, how);
  }

  /** Has the address of a name when `give` calls. */
  later(name: string, data: string, give: (answer: () => void) => void): void {
    this.answer(name, 'A', async () => {
      await new Promise<void>((resolve) => give(resolve));
      return { rcode: 'NOERROR', records: [{ type: 'A', ttl: 30, data }], ttl: 30 };
    });
  }

  /** Questions about a name. */
  count(name: string): number {
    return this.asked.filter((question) => question.startsWith(`${name} `)).length;
  }

  resolve(name: string, type: string): Promise<TResolution> {
    this.asked.push(`${name} ${type}`);
    const nothing = async () => ({ rcode: 'NXDOMAIN', records: [], ttl: 5 });
    return (this.answers.get(`${name} ${type}`) ?? nothing)();
  }
}

/** Names over a resolver. */
export function namesOf(resolver: INameResolver): BackendNames {
  return new BackendNames({ source: new ResolverNames(resolver) });
}

/** Lets what is under way come to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
