import { escapeControls } from '../core/text.ts';
import type { IExplainedRecord, IQueryExplanation, TExplainedStep } from '../dns/plane/types.ts';
import type { TCommandRun } from './command.ts';
import { milliseconds } from './format.ts';
import type { Output } from './output.ts';

/** `dcrouter dns query NAME [TYPE]` */
export const query: TCommandRun = async ({ client, arguments: given, output }) => {
  const [name, type] = given.positionals;
  const api = await client();
  const flag = (word: string): string | undefined => (given.has(word) ? 'true' : undefined);
  const found = await api.call<IQueryExplanation>('GET', '/dns/query', {
    query: {
      name,
      type,
      server: given.value('server'),
      view: given.value('view'),
      client: given.value('client'),
      dnssec: flag('dnssec'),
      checkingDisabled: flag('no-validation'),
      trace: flag('trace'),
    },
  });
  const withPath = given.has('path') || given.has('trace');
  output.show(found, () => answerLines(found, withPath, output));
  return 0;
};

/** An answer as dig shows it, and with `withPath` how it came about. */
function answerLines(found: IQueryExplanation, withPath: boolean, output: Output): string[] {
  const { name, type, rcode, extendedError: error } = found;
  const facts = [
    ...(found.authoritative ? ['authoritative'] : []),
    ...(found.authenticated ? ['authenticated'] : []),
    milliseconds(found.durationMs),
  ];
  const style = rcode === 'NOERROR' ? 'green' : rcode === 'NXDOMAIN' ? 'yellow' : 'red';
  const why = error === null ? [] : [comment(`EDE ${error.code}: ${error.text}`, output)];
  return [
    `${output.styled(`;; ${rcode}`, style)}  ${facts.join(', ')}`,
    ...why,
    comment(`QUESTION  ${name} ${type}`, output),
    ...section('ANSWER', found.answer, output),
    ...section('AUTHORITY', found.authority, output),
    ...section('ADDITIONAL', found.additional, output),
    ...(withPath ? ['', comment('PATH', output), ...pathLines(found.path)] : []),
  ];
}

function section(title: string, records: readonly IExplainedRecord[], output: Output): string[] {
  if (records.length === 0) return [];
  const width = Math.max(...records.map(({ name }) => name.length));
  const lines = records.map(({ name, ttl, type, data }) => {
    const head = `${name.padEnd(width)}  ${String(ttl).padStart(6)}  IN  ${type.padEnd(6)}`;
    return escapeControls(`${head} ${data}`);
  });
  return ['', comment(title, output), ...lines];
}

function comment(text: string, output: Output): string {
  return output.styled(`;; ${text}`, 'dim');
}

/** The steps with their numbers; queries to servers are set in below what they were made for. */
function pathLines(path: readonly TExplainedStep[]): string[] {
  if (path.length === 0) return ['nothing is known of it'];
  let number = 0;
  return path.map((step) => {
    const isQuery = step.kind === 'query';
    const mark = isQuery ? `     ${'  '.repeat(Math.min(step.depth, 10))}` : `${++number}.`;
    return escapeControls(`${isQuery ? mark : mark.padStart(4)} ${stepText(step)}`);
  });
}

const zoneWords = {
  answer: 'has the records',
  cname: 'has an alias',
  dname: 'has a DNAME above it',
  delegation: 'has delegated it',
  nodata: 'has the name, without such records',
  nxdomain: 'has no such name',
  servfail: 'is not loaded, or has expired',
} as const;

function stepText(step: TExplainedStep): string {
  switch (step.kind) {
    case 'view':
      return step.view === null
        ? 'the client is in no view'
        : `the client is in view "${step.view}"`;
    case 'zone': {
      const target = step.target === null ? '' : ` → ${step.target}`;
      const wildcard = step.wildcard === null ? '' : `, by the wildcard ${step.wildcard}`;
      const signed = step.signed ? ', signed' : '';
      return `our zone ${step.zone} ${zoneWords[step.found]}: ${step.name}${target}${wildcard}${signed}`;
    }
    case 'foreign':
      return `no zone of ours has ${step.name}`;
    case 'resolver': {
      const origins = {
        cache: 'had it in its cache',
        network: 'asked the network',
        stale: 'had it in its cache, expired: the servers do not answer',
        local: 'answered by itself',
      } as const;
      const took = milliseconds(step.durationMs);
      return `the resolver ${origins[step.origin]}: ${step.name}, ${step.security}, ${took}`;
    }
    case 'query': {
      const as = step.zone === null ? 'as a resolver' : `of ${step.zone}`;
      const asked = `${step.name} ${step.type}`;
      return `${step.server} ${as}: ${asked} → ${step.outcome}, ${milliseconds(step.durationMs)}`;
    }
  }
}
